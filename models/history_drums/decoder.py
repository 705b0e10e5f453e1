"""An autoregressive decoder of drums: an LSTM that reads its own past at fixed lags, and copies from it.

The idea is that of HistoryUser (FortsAndMills/MusicGeneration): an LSTM forgets what was played a bar ago, so it is given
it again. Here a step reads all its lags side by side rather than one weighted sum of them, because a drum pattern of
nine bits is small; the weights over lags remain, and decide what is copied:

    p(token) = w_0 softmax(logits)[token] + sum_k w_k [token = the token lags[k] steps ago]

with `w` a softmax over "nothing" and the lags, as the pointer mixtures of language models have it (Merity et al.,
"Pointer Sentinel Mixture Models", 2017). Beside its past a step reads what `preprocess/drums/history_controls.py` packs: known hits
of this step and of steps to come, the music before the clip, and what the music should be like. Where hits are known,
only tokens that agree with them can be drawn, so locks and filling in are exact.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from models.layers import backend
from models.layers.backend import scan
from models.layers.lstm import InitialState, LSTMStack
from models.layers.lstm_sequence import State, swap
from models.music_vae.decoder_base import Decoder, Draws, KnownSteps
from models.outputs.categorical import Categorical
from models.piano.readers.history_user import copied
from preprocess.drums.history_controls import ControlLayout
from preprocess.example_forms import NO_TOKEN

Tensor = Any

IMPOSSIBLE = -1e9
"""The logit of a token that contradicts the known hits."""


class HistoryDecoder(Decoder):
    """LSTM decoder of drum tokens that reads and copies its own past.

    Args:
        drums: number of drums; a token has a bit for each.
        layer_sizes: units of each LSTM layer.
        length: steps of a clip, and of the music before it that the decoder can read; no lag is longer.
        steps_per_bar: steps of a bar, for the position in it.
        lags: steps back at which the past is read, 1 for the step before.
        copy_lags: steps back from which a token can be copied.
        leads: steps ahead at which known hits are read, 0 for the present step.
        hidden_size: units of the dense layer between what a step reads and the LSTM.
        conditions: width of a row of conditions.
        z_slices: equal parts of z, each the input of its share of the clip; 1 for all of z at every step.
        step_features: values that a dense layer computes from a slice for each of its steps, which get them in place of
            the slice: then no gate has to open at just the step that a part of z is about. 0 for z itself.
        dropout: probability that a value of the LSTM's hidden states and outputs is dropped while training; a third of
            it for what a step reads. One mask serves all steps of a sequence.
        seed: seed of the dropout masks.

    Raises:
        ValueError: for a lag or lead outside of the clip.
    """

    def __init__(
        self,
        drums: int,
        layer_sizes: tuple[int, ...],
        length: int,
        steps_per_bar: int,
        lags: tuple[int, ...],
        copy_lags: tuple[int, ...],
        leads: tuple[int, ...],
        hidden_size: int,
        conditions: int = 0,
        z_slices: int = 1,
        step_features: int = 0,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not 1 <= min(*lags, *copy_lags) <= max(*lags, *copy_lags) <= length:
            raise ValueError(f"Lags must be from 1 to {length}, the length of a clip.")
        if not 0 <= min(leads) <= max(leads) < length:
            raise ValueError(f"Leads must be from 0 to {length - 1}.")
        self.distribution = Categorical(2**drums)
        self.layout = ControlLayout(drums, conditions)
        self.length, self.steps_per_bar = length, steps_per_bar
        self.lags, self.copy_lags, self.leads = tuple(lags), tuple(copy_lags), tuple(leads)
        self.z_slices = z_slices
        self.step_features = step_features
        self.unrolled = keras.layers.Dense(length // z_slices * step_features) if step_features else None
        self.dropout = dropout
        self.stack = LSTMStack(layer_sizes, dropout, seed, recurrent_dropout=dropout)
        self.initial_state = InitialState(layer_sizes)
        self.hidden = keras.layers.Dense(hidden_size, activation="relu")
        self.token_projection = keras.layers.Dense(self.distribution.depth)
        self.drum_projection = keras.layers.Dense(drums, use_bias=False)
        mostly_drawn = keras.initializers.Constant([2.0] + [0.0] * len(copy_lags))
        self.copy_weights = keras.layers.Dense(1 + len(copy_lags), bias_initializer=mostly_drawn)
        self.seed_generator = keras.random.SeedGenerator(seed + 1)

    @property
    def state_size(self) -> int:
        """Size of all cell and hidden states side by side."""
        return 2 * sum(self.stack.layer_sizes)

    @property
    def read_size(self) -> int:
        """Width of what a step reads, without z."""
        layout = self.layout
        bars = self.length // self.steps_per_bar
        past = len(self.lags) * (layout.drums + 1) + len(self.copy_lags)
        return past + self.steps_per_bar + bars + len(self.leads) * 2 * layout.drums + layout.conditions + 1

    def build(self, embedding_size: int) -> None:
        """Create the weights for latent vectors `[batch, embedding_size]`.

        Raises:
            ValueError: where z can't be cut into its slices.
        """
        if embedding_size % self.z_slices:
            raise ValueError(f"A z of {embedding_size} can't be cut into {self.z_slices} equal slices.")
        here = embedding_size // self.z_slices
        if self.unrolled is not None:
            self.unrolled.build((None, here))
            here = self.step_features
        hidden, units = self.hidden.units, self.stack.layer_sizes[-1]
        self.distribution.build()
        self.hidden.build((None, self.read_size + here))
        self.stack.build(hidden + here)
        self.initial_state.build(embedding_size)
        self.token_projection.build((None, units + hidden))
        self.drum_projection.build((None, units + hidden))
        self.copy_weights.build((None, units))
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by part, in the manner of Magenta's names."""
        names = {f"z_to_initial_state/{k}": v for k, v in self.initial_state.named_weights().items()}
        names |= {f"multi_rnn_cell/{k}": v for k, v in self.stack.named_weights().items()}
        for name, dense in (
            ("unrolled", self.unrolled),
            ("hidden", self.hidden),
            ("output_projection", self.token_projection),
            ("drum_projection", self.drum_projection),
            ("copy_weights", self.copy_weights),
        ):
            if dense is None:
                continue
            names[f"{name}/kernel"] = dense.kernel
            if dense.use_bias:
                names[f"{name}/bias"] = dense.bias
        return {f"decoder/{name}": weight for name, weight in names.items()}

    # What a step reads.

    def _bits(self, tokens: Tensor) -> Tensor:
        """Hits of tokens `[...]`, and whether there is one: `[..., drums + 1]`, zeros for NO_TOKEN."""
        real = tokens >= 0
        shifts = ops.arange(self.layout.drums, dtype="int32")
        hits = ops.bitwise_and(ops.right_shift(ops.maximum(tokens, 0)[..., None], shifts), 1)
        both = ops.concatenate([hits, ops.ones_like(hits[..., :1])], axis=-1)
        return ops.cast(both * ops.cast(real, "int32")[..., None], self.compute_dtype)

    def _past_tokens(self, controls: Tensor) -> Tensor:
        """The tokens before the clip, int32 `[batch, time]`."""
        part = ops.cast(controls[..., self.layout.past] > 0.5, "int32")
        powers = ops.left_shift(1, ops.arange(self.layout.drums, dtype="int32"))
        return ops.where(part[..., -1] > 0, ops.sum(part[..., :-1] * powers, axis=-1), NO_TOKEN)

    def _history(self, ago: Callable[[int], Tensor]) -> tuple[Tensor, Tensor]:
        """What is read of the past, `[..., width]`, and the tokens that can be copied, `[..., copy_lags]`.

        Args:
            ago: gives the tokens a number of steps before the present ones, NO_TOKEN where there are none.
        """
        before = ago(1)
        equal = [ops.logical_and(ops.equal(before, ago(lag + 1)), before >= 0) for lag in self.copy_lags]
        read = [self._bits(ago(lag)) for lag in self.lags]
        read.append(ops.cast(ops.stack(equal, axis=-1), self.compute_dtype))
        return ops.concatenate(read, axis=-1), ops.stack([ago(lag) for lag in self.copy_lags], axis=-1)

    def _fixed_reads(self, controls: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """What a step reads that does not depend on what is played, and its part of z: `[batch, time, width]` each."""
        time, layout = controls.shape[1], self.layout
        steps = ops.arange(time, dtype="int32")
        bars = self.length // self.steps_per_bar
        positions = ops.concatenate(
            [
                ops.one_hot(steps % self.steps_per_bar, self.steps_per_bar, dtype=self.compute_dtype),
                ops.one_hot(steps // self.steps_per_bar, bars, dtype=self.compute_dtype),
            ],
            axis=-1,
        )
        known = controls[..., : layout.mask.stop]
        padded = ops.pad(known, ((0, 0), (0, self.length), (0, 0)))
        ahead = [padded[:, lead : lead + time] for lead in self.leads]
        batch = ops.shape(controls)[0]
        fixed = [
            ops.broadcast_to(positions[None], (batch, time, positions.shape[-1])),
            *ahead,
            controls[..., layout.wanted],
            controls[..., layout.uses_z],
        ]
        used = controls[:, 0, layout.uses_z] * z
        sliced = ops.reshape(used, (-1, self.z_slices, z.shape[-1] // self.z_slices))
        if self.unrolled is None:
            here = ops.repeat(sliced, time // self.z_slices, axis=1)
        else:
            here = ops.reshape(self.unrolled(sliced), (-1, time, self.step_features))
        return ops.concatenate(fixed, axis=-1), here

    def _agrees(self, controls: Tensor) -> Tensor:
        """Boolean `[..., depth]`: which tokens agree with the hits that are known."""
        hits = controls[..., self.layout.hits]
        absent = controls[..., self.layout.mask] - hits
        bits = self._bits(ops.arange(self.distribution.depth, dtype="int32"))[:, :-1]
        conflicts = ops.matmul(hits, ops.transpose(1 - bits)) + ops.matmul(absent, ops.transpose(bits))
        return conflicts < 0.5

    def _log_probabilities(self, output: Tensor, hidden: Tensor, back: Tensor, agrees: Tensor) -> Tensor:
        """The mixture of drawing and copying, in nats: `[..., depth]`, for tokens `back` `[..., copy_lags]`."""
        outputs = ops.concatenate([output, hidden], axis=-1)
        drum_bits = ops.transpose(self._bits(ops.arange(self.distribution.depth, dtype="int32"))[:, :-1])
        logits = self.token_projection(outputs) + ops.matmul(self.drum_projection(outputs), drum_bits)
        logits = ops.where(agrees, ops.cast(logits, "float32"), IMPOSSIBLE)
        # A lag can't be copied from where there was nothing yet, or what is known says otherwise.
        possible = ops.take_along_axis(agrees, ops.maximum(back, 0), axis=-1)
        possible = ops.logical_and(possible, back >= 0)
        weights = ops.cast(self.copy_weights(output), "float32")
        lags = ops.where(possible, weights[..., 1:], IMPOSSIBLE)
        weights = ops.softmax(ops.concatenate([weights[..., :1], lags], axis=-1), axis=-1)
        drawn = weights[..., :1] * ops.softmax(logits, axis=-1)
        everything = drawn + copied(back, weights[..., 1:], self.distribution.depth)
        return ops.where(agrees, ops.log(ops.maximum(everything, 1e-9)), IMPOSSIBLE)

    def _dropped(self, x: Tensor, rate: float) -> Tensor:
        """Values `[batch, time, depth]` with dropout, one mask for all steps of a sequence."""
        ones = ops.ones((ops.shape(x)[0], 1, x.shape[-1]), dtype=x.dtype)
        return x * backend.dropout(ones, rate, self.seed_generator)

    # The two ways through the weights.

    def teacher_forced(
        self, steps: KnownSteps, embedding: Tensor, training: bool = False
    ) -> tuple[Tensor, list[State]]:
        """Run over known inputs, see `Decoder.teacher_forced`; the embedding is z.

        Returns:
            Log probabilities `[batch, time, depth]` in nats, and the states after the last step.
        """
        played = steps.played
        batch, time = ops.shape(played)[0], played.shape[1]
        controls = self._controls(steps.controls, batch, time)
        fixed, here = self._fixed_reads(controls, embedding)
        known = ops.concatenate([self._past_tokens(controls), ops.maximum(played, 0)], axis=1)
        known = ops.pad(known, ((0, 0), (1, 0)), constant_values=NO_TOKEN)
        first = self.length + 1
        history, back = self._history(lambda lag: known[:, first - lag : first - lag + time])
        read = ops.concatenate([history, fixed], axis=-1)
        dropping = training and self.dropout > 0
        if dropping:
            read = self._dropped(read, self.dropout / 3)
        hidden = self.hidden(ops.concatenate([read, here], axis=-1))
        if dropping:
            hidden = self._dropped(hidden, self.dropout / 3)
        projected = self.stack.layers[0].project(ops.concatenate([hidden, here], axis=-1))
        states = self._first_states(controls, embedding)
        outputs, states = self.stack.sequence(swap(projected), states, training)
        outputs = swap(outputs)
        if dropping:
            outputs = self._dropped(outputs, self.dropout)
        return self._log_probabilities(outputs, hidden, back, self._agrees(controls)), states

    def generate(
        self, embedding: Tensor, first: Tensor, time: int, draws: Draws
    ) -> tuple[Tensor, Tensor, list[State]]:
        """Draw a sequence step by step, see `Decoder.generate`.

        Raises:
            ValueError: where values of a teacher are given: this decoder has no scheduled sampling.
        """
        if draws.teacher is not None:
            raise ValueError("A history decoder reads its own past; it has no scheduled sampling.")
        batch = ops.shape(embedding)[0]
        controls = self._controls(draws.controls, batch, time)
        fixed, here = self._fixed_reads(controls, embedding)
        past = ops.pad(self._past_tokens(controls), ((0, 0), (1, 0)), constant_values=NO_TOKEN)
        inputs = {"fixed": swap(fixed), "here": swap(here), "agrees": swap(self._agrees(controls))}
        if draws.uniforms is not None:
            inputs["uniforms"] = swap(draws.uniforms)

        def step(carry: tuple, inputs: dict[str, Tensor]) -> tuple:
            states, recent = carry
            history, back = self._history(lambda lag: recent[:, self.length + 1 - lag])
            read = ops.concatenate([history, inputs["fixed"], inputs["here"]], axis=-1)
            hidden = self.hidden(read)
            both = ops.concatenate([hidden, inputs["here"]], axis=-1)
            output, states = self.stack.step(self.stack.layers[0].project(both), states)
            parameters = self._log_probabilities(output, hidden, back, inputs["agrees"])
            value = self.distribution.draw(parameters, inputs.get("uniforms"), draws.temperature)
            return (states, ops.concatenate([recent[:, 1:], value[:, None]], axis=1)), (value, recent[:, -1])

        carry = (self._first_states(controls, embedding), past)
        (states, _), (values, previous) = scan(step, carry, inputs)
        return swap(values), swap(previous), states

    def _controls(self, controls: Tensor | None, batch: Tensor, time: int) -> Tensor:
        """The controls that are given, or else those of a clip from z alone."""
        if controls is not None:
            return ops.cast(controls, self.compute_dtype)
        alone = ops.convert_to_tensor(self.layout.pack(1, time), dtype=self.compute_dtype)
        return ops.broadcast_to(alone, (batch, time, self.layout.depth))

    def _first_states(self, controls: Tensor, z: Tensor) -> list[State]:
        return self.initial_state(controls[:, 0, self.layout.uses_z] * z)
