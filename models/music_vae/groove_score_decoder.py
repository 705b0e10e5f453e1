"""A decoder that reads the score of a groove, and says how its hits are played."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import keras
from keras import ops

from models.layers import backend
from models.layers.lstm import LSTMStack
from models.layers.lstm_sequence import State, swap
from models.music_vae.decoder_base import Decoder, Draws, KnownSteps
from models.outputs.groove_layout import BEAT_STEPS
from models.outputs.groove_mixture import GrooveMixture
from preprocess.drums import groove_conditions

if TYPE_CHECKING:
    from catalog.config import HParams
    from preprocess.converters.base import Converter

Tensor = Any


class GrooveScoreDecoder(Decoder):
    """Reads the controls (hits or taps, and the tempo) around each step, then goes over the steps with an LSTM.

    It has no latent vector; the embedding that other decoders take has no width here.

    Args:
        output: the distribution of a step.
        reader_sizes: units of the dense layers that read the window around a step.
        layer_sizes: units of each LSTM layer.
        control_depth: what is given, and the tempo.
        window: steps that are read each way.
        dropout: probability that a unit of the reader is dropped while training.
        history_dropout: share of the sequences that train without what was played before.
        condition_dropout: share of the sequences that train without drummer, and of those without style.
        hit_dropout: probability that a hit, or a tap, is not read while training; what it costs stays.
        seed: of dropout.
    """

    def __init__(
        self,
        output: GrooveMixture,
        reader_sizes: tuple[int, ...],
        layer_sizes: tuple[int, ...],
        control_depth: int,
        window: int,
        dropout: float = 0.0,
        history_dropout: float = 0.0,
        condition_dropout: float = 0.0,
        hit_dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.distribution = output
        self.control_depth = control_depth
        self.window = window
        self.dropout = dropout
        self.history_dropout, self.condition_dropout = history_dropout, condition_dropout
        self.hit_dropout = hit_dropout
        self.reader = [keras.layers.Dense(units, activation="relu") for units in reader_sizes]
        self.linear = keras.layers.Dense(output.layout.linear, kernel_initializer="zeros")
        self.stack = LSTMStack(layer_sizes, seed=seed)
        self.output_projection = keras.layers.Dense(output.layout.network_width)
        self.seed_generator = keras.random.SeedGenerator(seed)
        if control_depth != output.layout.given + groove_conditions.WIDTH:
            raise ValueError("A groove_mixture_lstm reads hits or taps, and conditions, as controls.")

    @classmethod
    def from_config(
        cls,
        decoder: Mapping[str, Any],
        hparams: "HParams",
        converter: "Converter",
        control_depth: int,
        dropout: float,
        seed: int,
    ) -> Self:
        """The decoder of a config; arguments as for `LSTMDecoder.from_config`."""
        drums = converter.output_depth // 3
        return cls(
            GrooveMixture(drums, decoder["components"], converter.taps_as_controls),
            hparams.control_preprocessing_rnn_size,
            hparams.dec_rnn_size,
            control_depth,
            decoder["window"],
            dropout,
            decoder.get("history_dropout", 0.0),
            decoder.get("condition_dropout", 0.0),
            decoder.get("hit_dropout", 0.0),
            seed,
        )

    @property
    def state_size(self) -> int:
        """Size of all cell and hidden states side by side."""
        return 2 * sum(self.stack.layer_sizes)

    def build(self, embedding_size: int) -> None:
        """Create the weights.

        Raises:
            ValueError: with a latent vector.
        """
        if embedding_size:
            raise ValueError("A groove_mixture_lstm has no latent vector; set z_size=0.")
        given = self.distribution.layout.given
        width = (2 * self.window + 1) * given + self.control_depth - given + BEAT_STEPS
        self.distribution.build()
        self.linear.build((None, width))
        for dense in self.reader:
            dense.build((None, width))
            width = dense.units
        self.stack.build(width + self.distribution.depth)
        self.output_projection.build((None, self.stack.layer_sizes[-1] + width))
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by their names in a checkpoint."""
        dense = {f"reader_{i}": layer for i, layer in enumerate(self.reader)}
        dense |= {"linear": self.linear, "output_projection": self.output_projection}
        names = {f"{name}/kernel": layer.kernel for name, layer in dense.items()}
        names |= {f"{name}/bias": layer.bias for name, layer in dense.items()}
        names |= {f"multi_rnn_cell/{k}": v for k, v in self.stack.named_weights().items()}
        names |= self.distribution.named_weights()
        return {f"decoder/{name}": weight for name, weight in names.items()}

    def _drop(self, values: Tensor, training: bool) -> Tensor:
        if not training or not self.dropout:
            return values
        return backend.dropout(values, self.dropout, self.seed_generator)

    def _drop_sequences(self, values: Tensor, rate: float) -> Tensor:
        """Values `[batch, time, depth]` with zeros for all of some sequences."""
        kept = backend.uniform((ops.shape(values)[0], 1, 1), self.seed_generator) >= rate
        return values * ops.cast(kept, values.dtype)

    def _read(self, controls: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
        """What is made of the score at each step, `[batch, time, units]`, and what no state changes.

        The second is what is given beside the tempo and the linear predictions, `[batch, time, given + 1 + linear]`.
        """
        controls = ops.cast(controls, self.compute_dtype)
        layout, time = self.distribution.layout, controls.shape[1]
        given, others = controls[..., : layout.given], controls[..., layout.given :]
        if training and self.condition_dropout:
            ends = [1, 1 + len(groove_conditions.DRUMMERS)]
            tempo, *known = ops.split(others, ends, axis=-1)
            known = [self._drop_sequences(part, self.condition_dropout) for part in known]
            others = ops.concatenate([tempo, *known], axis=-1)
        heard = given
        if training and self.hit_dropout:
            # A tap goes with its offset, a hit alone.
            shape = (*ops.shape(given)[:2], 1 if layout.taps else layout.drums)
            kept = backend.uniform(shape, self.seed_generator) >= self.hit_dropout
            heard = given * ops.cast(kept, given.dtype)
        around = ops.pad(heard, ((0, 0), (self.window, self.window), (0, 0)))
        parts = [around[:, i : i + time] for i in range(2 * self.window + 1)]
        beat = ops.one_hot(ops.arange(time) % BEAT_STEPS, BEAT_STEPS, dtype=self.compute_dtype)
        shape = (ops.shape(controls)[0], time, BEAT_STEPS)
        score = ops.concatenate([*parts, others, ops.broadcast_to(beat[None], shape)], axis=-1)
        features = score
        for dense in self.reader:
            features = self._drop(dense(features), training)
        return features, ops.concatenate([given, others[..., :1], self.linear(score)], axis=-1)

    def teacher_forced(
        self, steps: KnownSteps, embedding: Tensor, training: bool = False
    ) -> tuple[Tensor, list[State]]:
        """Run over known inputs, see `Decoder.teacher_forced`."""
        del embedding
        return self._play_known(steps.previous, steps.controls, training)

    def _play_known(
        self, previous: Tensor, controls: Tensor, training: bool = False
    ) -> tuple[Tensor, list[State]]:
        """`teacher_forced` given the value before each step, zeros for no history, and the controls."""
        features, fixed = self._read(controls, training)
        previous = ops.cast(previous, features.dtype)
        if training and self.history_dropout:
            previous = self._drop_sequences(previous, self.history_dropout)
        inputs = swap(ops.concatenate([previous, features], axis=-1))
        states = self.stack.zero_states(ops.shape(previous)[0], features.dtype)
        outputs, states = self.stack.sequence(self.stack.layers[0].project(inputs), states, training)
        outputs = self._drop(swap(outputs), training)
        network = self.output_projection(ops.concatenate([outputs, features], axis=-1))
        return ops.concatenate([fixed, network], axis=-1), states

    def generate(
        self, embedding: Tensor, first: Tensor, time: int, draws: Draws
    ) -> tuple[Tensor, Tensor, list[State]]:
        """Play, see `Decoder.generate`: step by step, or without uniform numbers the typical performance.

        There is no scheduled sampling here.
        """
        assert draws.controls is not None, "every groove is played for a score"
        controls = draws.controls[:, :time]
        if draws.uniforms is None:
            nothing = ops.zeros((*ops.shape(controls)[:2], self.distribution.depth))
            parameters, states = self._play_known(nothing, controls)
            values = self.distribution.draw(parameters, None, draws.temperature)
            return values, self.distribution.before(values), states
        features, fixed = self._read(controls)

        def step(carry: tuple, inputs: dict[str, Tensor]) -> tuple:
            states, previous = carry
            heard = ops.concatenate([previous, inputs["features"]], axis=-1)
            output, states = self.stack.step(self.stack.layers[0].project(heard), states)
            network = self.output_projection(ops.concatenate([output, inputs["features"]], axis=-1))
            parameters = ops.concatenate([inputs["fixed"], network], axis=-1)
            value = self.distribution.draw(parameters, inputs["uniforms"], draws.temperature)
            return (states, value), (value, previous)

        inputs = {"features": features, "fixed": fixed, "uniforms": draws.uniforms}
        states = self.stack.zero_states(ops.shape(controls)[0], features.dtype)
        carry, (values, previous) = backend.scan(
            step, (states, first), {k: swap(x) for k, x in inputs.items()}
        )
        return swap(values), swap(previous), carry[0]
