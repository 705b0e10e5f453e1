"""Hierarchical decoder: a conductor turns z into an embedding for each segment, and a core decoder plays the segment.

Roberts et al., "A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music" (2018), section
3.2; Magenta's `HierarchicalLstmDecoder`. With autoregression (`hierdec-drum_4bar`, after
dotsnangles/beat-generation-with-mvae) a conductor's input is the final state of the segment just played, so segments
follow one another. Without it a conductor does not see what is played: its embeddings come out of one pass, and in
training all segments run side by side as one large batch. With a re-encoder a conductor's input is the model's own
encoding of the segment just played.
"""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from models.layers.backend import scan
from models.layers.lstm import InitialState, LSTMStack, flatten_states
from models.layers.lstm_sequence import State, swap
from models.music_vae.decoder_base import Decoder, Draws, KnownSteps
from models.music_vae.encoders import HierarchicalLSTMEncoder, segment_lengths

Tensor = Any


class Conductor(keras.layers.Layer):
    """One level of the hierarchy: an LSTM that starts from an embedding and emits one embedding a step.

    Args:
        layer_sizes: units of each LSTM layer.
        feedback_size: size of the final state of the level below, the input with autoregression; 0 without.
        dropout: probability that an input value of a layer is dropped while training.
        seed: seed of the dropout masks.
        residual: each layer adds its input to its output.
    """

    def __init__(
        self,
        layer_sizes: tuple[int, ...],
        feedback_size: int,
        dropout: float = 0.0,
        seed: int = 0,
        residual: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.feedback_size = feedback_size
        self.stack = LSTMStack(layer_sizes, dropout, seed, residual)
        self.initial_state = InitialState(layer_sizes)

    @property
    def output_size(self) -> int:
        """Size of an emitted embedding."""
        return self.stack.layer_sizes[-1]

    @property
    def state_size(self) -> int:
        """Size of all cell and hidden states side by side."""
        return 2 * sum(self.stack.layer_sizes)

    def build(self, embedding_size: int) -> None:
        """Create the weights for starting embeddings `[batch, embedding_size]`."""
        self.initial_state.build(embedding_size)
        # Without autoregression Magenta feeds a single zero; its kernel row is kept so that checkpoints fit.
        self.stack.build(self.feedback_size + embedding_size if self.feedback_size else 1)
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by Magenta's variable names within the level."""
        names = {f"initial_state/{k}": v for k, v in self.initial_state.named_weights().items()}
        return names | self.stack.named_weights()

    def no_feedback(self, embedding: Tensor) -> Tensor:
        """The feedback before the first step: zeros `[batch, feedback_size]`."""
        return ops.zeros((ops.shape(embedding)[0], self.feedback_size), dtype=embedding.dtype)

    def all_embeddings(self, embedding: Tensor, steps: int, training: bool) -> tuple[Tensor, list[State]]:
        """Without autoregression: the embeddings of all steps `[batch, steps, output_size]`, and the state."""
        bias = self.stack.layers[0].input_bias
        projected = ops.broadcast_to(bias, (steps, ops.shape(embedding)[0], bias.shape[0]))
        outputs, states = self.stack.sequence(projected, self.initial_state(embedding), training)
        return swap(outputs), states

    def step(
        self, feedback: Tensor, embedding: Tensor, states: list[State], training: bool
    ) -> tuple[Tensor, list[State]]:
        """With autoregression: the next embedding `[batch, output_size]` after the feedback from below."""
        inputs = self.stack.drop(ops.concatenate([feedback, embedding], axis=-1), training)
        return self.stack.step(self.stack.layers[0].project(inputs), states, training)


class HierarchicalLSTMDecoder(Decoder):
    """Conductors over a core decoder.

    Args:
        core: the decoder of a segment.
        level_lengths: outputs of each level; the last is the length of a segment, the product the total length.
        layer_sizes: units of each LSTM layer of a conductor.
        disable_autoregression: levels whose conductor does not see what is played (True: all of them).
        dropout: probability that an input value of a layer is dropped while training.
        seed: seed of the dropout masks.
        residual: each layer of a conductor adds its input to its output.
        re_encoder: the model's own encoder, whose level lengths are `level_lengths` reversed; conductors then
            see its encoding of what was played instead of the final state of the level below.

    Raises:
        ValueError: where the re-encoder's level lengths are others.
    """

    def __init__(
        self,
        core: Decoder,
        level_lengths: tuple[int, ...],
        layer_sizes: tuple[int, ...],
        disable_autoregression: bool | tuple[int, ...] = False,
        dropout: float = 0.0,
        seed: int = 0,
        residual: bool = False,
        re_encoder: HierarchicalLSTMEncoder | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.core = core
        self.distribution = core.distribution
        self.level_lengths = tuple(level_lengths)
        levels = len(self.level_lengths) - 1
        if isinstance(disable_autoregression, bool):
            disable_autoregression = tuple(range(levels)) if disable_autoregression else ()
        self.disable_autoregression = tuple(disable_autoregression)
        if re_encoder is not None and re_encoder.level_lengths != self.level_lengths[::-1]:
            raise ValueError(
                f"The re-encoder's level lengths {list(re_encoder.level_lengths)} must be the decoder's, "
                f"{list(self.level_lengths)}, reversed."
            )
        self.re_encoder = re_encoder
        if re_encoder is not None:
            below = [re_encoder.output_depth] * levels
        else:
            below = [2 * sum(layer_sizes)] * (levels - 1) + [core.state_size]
        self.conductors = [
            Conductor(
                layer_sizes,
                0 if level in self.disable_autoregression else below[level],
                dropout,
                seed + level,
                residual,
            )
            for level in range(levels)
        ]

    @property
    def state_size(self) -> int:
        """Size of all states of the topmost conductor side by side."""
        return self.conductors[0].state_size

    @property
    def total_length(self) -> int:
        """Steps of a whole sequence."""
        return math.prod(self.level_lengths)

    def build(self, embedding_size: int) -> None:
        """Create the weights for latent vectors `[batch, embedding_size]`."""
        for conductor in self.conductors:
            conductor.build(embedding_size)
            embedding_size = conductor.output_size
        self.core.build(embedding_size)
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by Magenta's variable names; a re-encoder's are those of the model's encoder."""
        names = {
            f"decoder/hierarchical_level_{level}/{name}": weight
            for level, conductor in enumerate(self.conductors)
            for name, weight in conductor.named_weights().items()
        }
        return names | {f"core_decoder/{k}": v for k, v in self.core.named_weights().items()}

    def prepare_controls(self, controls: Tensor, lengths: Tensor, training: bool = False) -> Tensor:
        """The core's, segment by segment."""
        steps = self.level_lengths[-1]
        count = self.total_length // steps
        folded = ops.reshape(controls, (-1, steps, controls.shape[2]))
        lengths = ops.reshape(segment_lengths(lengths, count, steps), (-1,))
        prepared = self.core.prepare_controls(folded, lengths, training)
        return ops.reshape(prepared, (-1, self.total_length, prepared.shape[2]))

    def teacher_forced(
        self, steps: KnownSteps, embedding: Tensor, training: bool = False
    ) -> tuple[Tensor, list[State]]:
        """Run over known inputs, see `Decoder.teacher_forced`.

        Raises:
            ValueError: for sequences of another length than the hierarchy's.
        """
        self._check_length(steps.previous.shape[1])
        parameters, states, _ = self._teacher_forced(0, steps, embedding, training)
        return parameters, states

    def _teacher_forced(
        self, level: int, steps: KnownSteps, embedding: Tensor, training: bool
    ) -> tuple[Tensor, list[State], Tensor | None]:
        """Parameters, states, and the feedback to the level above where there is a re-encoder."""
        if level == len(self.conductors):
            parameters, states = self.core.teacher_forced(steps, embedding, training)
            encoded = self._encode_segment(steps.played, steps.real, embedding.dtype, training)
            return parameters, states, encoded
        conductor, count = self.conductors[level], self.level_lengths[level]
        if level in self.disable_autoregression:
            return self._side_by_side(level, steps, embedding, training)
        length = steps.previous.shape[1] // count
        states, feedback = conductor.initial_state(embedding), conductor.no_feedback(embedding)
        outputs, feedbacks = [], []
        for i in range(count):
            output, states = conductor.step(feedback, embedding, states, training)
            segment = _cut(steps, i * length, (i + 1) * length)
            decoded, below, encoded = self._teacher_forced(level + 1, segment, output, training)
            outputs.append(decoded)
            feedback = flatten_states(below) if encoded is None else encoded
            feedbacks.append(feedback)
        encoded = self._encode_group(level, ops.stack(feedbacks, axis=1), training)
        return ops.concatenate(outputs, axis=1), states, encoded

    def _side_by_side(
        self, level: int, steps: KnownSteps, embedding: Tensor, training: bool
    ) -> tuple[Tensor, list[State], Tensor | None]:
        """A level without autoregression: its segments are one large batch."""
        conductor, count = self.conductors[level], self.level_lengths[level]
        length = steps.previous.shape[1] // count
        embeddings, states = conductor.all_embeddings(embedding, count, training)
        folded = steps.each(lambda x: ops.reshape(x, (-1, length, *x.shape[2:])))
        flat = ops.reshape(embeddings, (-1, conductor.output_size))
        outputs, _, encoded = self._teacher_forced(level + 1, folded, flat, training)
        if encoded is not None:
            encoded = self._encode_group(
                level, ops.reshape(encoded, (-1, count, encoded.shape[-1])), training
            )
        return ops.reshape(outputs, (-1, count * length, outputs.shape[-1])), states, encoded

    def _encode_segment(self, played: Tensor, real: Tensor, dtype: str, training: bool) -> Tensor | None:
        """What the lowest conductor sees of the segment that the core has played; None without a re-encoder.

        Args:
            played: values `[batch, time, ...]`.
            real: boolean `[batch, time]`, false at padding.
            dtype: of the encoder's input.
            training: whether dropout is on.
        """
        if self.re_encoder is None:
            return None
        dense = self.distribution.dense(played, dtype)
        mask = ops.cast(real, dense.dtype)
        lengths = ops.sum(ops.cast(real, "int32"), axis=1)
        return self.re_encoder.levels[0](dense * mask[:, :, None], lengths, training=training)

    def _encode_group(self, level: int, encodings: Tensor, training: bool) -> Tensor | None:
        """What the level above sees of this level's segments, encoded one by one; None without a re-encoder."""
        if self.re_encoder is None or level == 0:
            return None
        encoder = self.re_encoder.levels[len(self.conductors) - level]
        lengths = ops.full((ops.shape(encodings)[0],), encodings.shape[1])
        return encoder(encodings, lengths, training=training)

    def generate(
        self, embedding: Tensor, first: Tensor, time: int, draws: Draws
    ) -> tuple[Tensor, Tensor, list[State]]:
        """Draw a sequence, see `Decoder.generate`.

        Each segment starts from the last value of the one before (the teacher's, where there is a teacher).

        Raises:
            ValueError: for another length than the hierarchy's.
        """
        self._check_length(time)
        played = self._play(0, embedding, first, time, draws)
        return played.values, played.previous, played.states

    def _play(self, level: int, embedding: Tensor, first: Tensor, time: int, draws: Draws) -> "_Played":
        """What a level and all below it play from an embedding; the level below the last conductor is the core."""
        if level == len(self.conductors):
            return self._play_segment(embedding, first, time, draws)
        if level in self.disable_autoregression:
            return self._play_apart(level, embedding, first, time, draws)
        conductor, count = self.conductors[level], self.level_lengths[level]

        def segment(carry: tuple, inputs: dict[str, Tensor]) -> tuple:
            first, feedback, states = carry
            output, states = conductor.step(feedback, embedding, states, training=False)
            part = _draws_of(inputs, draws)
            played = self._play(level + 1, output, first, time // count, part)
            feedback = flatten_states(played.states) if played.encoded is None else played.encoded
            return (_last(played, part), feedback, states), played.by_step()

        start = (first, conductor.no_feedback(embedding), conductor.initial_state(embedding))
        (_, _, states), segments = scan(segment, start, _inputs_of(draws, count))
        return self._joined(level, segments, states)

    def _play_apart(self, level: int, embedding: Tensor, first: Tensor, time: int, draws: Draws) -> "_Played":
        """`_play` of a level without autoregression: all of its embeddings are known before the first segment."""
        conductor, count = self.conductors[level], self.level_lengths[level]
        embeddings, states = conductor.all_embeddings(embedding, count, training=False)

        def segment(first: Tensor, inputs: dict[str, Tensor]) -> tuple:
            part = _draws_of(inputs, draws)
            played = self._play(level + 1, inputs["embedding"], first, time // count, part)
            return _last(played, part), played.by_step()

        _, segments = scan(segment, first, {**_inputs_of(draws, count), "embedding": swap(embeddings)})
        return self._joined(level, segments, states)

    def _play_segment(self, embedding: Tensor, first: Tensor, time: int, draws: Draws) -> "_Played":
        """What the core plays."""
        values, previous, states = self.core.generate(embedding, first, time, draws)
        real = ops.ones(ops.shape(values)[:2], dtype="bool")
        return _Played(values, previous, states, self._encode_segment(values, real, embedding.dtype, False))

    def _joined(self, level: int, segments: dict[str, Tensor], states: list[State]) -> "_Played":
        """The segments of a level, `[segments, batch, ...]`, as one sequence."""
        encoded = segments.get("encoded")
        if encoded is not None:
            encoded = self._encode_group(level, swap(encoded), training=False)
        return _Played(_in_a_row(segments["values"]), _in_a_row(segments["previous"]), states, encoded)

    def _check_length(self, time: int) -> None:
        if time != self.total_length:
            raise ValueError(f"The hierarchy decodes {self.total_length} steps, not {time}.")


class _Played(NamedTuple):
    """What a level of the hierarchy has played.

    Attributes:
        values: `[batch, time, ...]`.
        previous: the values that were the inputs.
        states: of the level after the last step.
        encoded: the re-encoder's view of it for the level above, where there is one.
    """

    values: Tensor
    previous: Tensor
    states: list[State]
    encoded: Tensor | None

    def by_step(self) -> dict[str, Tensor]:
        """What a scan over segments gathers."""
        gathered = {"values": self.values, "previous": self.previous}
        return gathered if self.encoded is None else {**gathered, "encoded": self.encoded}


def _inputs_of(draws: Draws, count: int) -> dict[str, Tensor]:
    """The arrays of draws cut into segments, `[count, batch, time / count, ...]`, and the segment's number."""
    cut = {name: _segments(x, count) for name, x in draws.arrays().items()}
    return {**cut, "segment": ops.arange(count, dtype="int32")}


def _draws_of(inputs: dict[str, Tensor], draws: Draws) -> Draws:
    """The draws of one segment from what `_inputs_of` gives a scan."""
    own = {name: x for name, x in inputs.items() if name in Draws._fields}
    return Draws(**own, temperature=draws.temperature)


def _last(played: _Played, draws: Draws) -> Tensor:
    """The value from which the next segment starts."""
    return (played.values if draws.teacher is None else draws.teacher)[:, -1]


def _cut(steps: KnownSteps, start: int, stop: int) -> KnownSteps:
    """Some steps of a sequence."""
    return steps.each(lambda x: x[:, start:stop])


def _segments(x: Tensor, count: int) -> Tensor:
    """`[batch, time, ...]` cut into `[count, batch, time / count, ...]`."""
    return swap(ops.reshape(x, (-1, count, x.shape[1] // count, *x.shape[2:])))


def _in_a_row(segments: Tensor) -> Tensor:
    """The inverse of `_segments`."""
    count, _, length, *rest = segments.shape
    return ops.reshape(swap(segments), (-1, count * length, *rest))
