"""Hierarchical decoder: a conductor turns z into one embedding a segment, and a core decoder plays each segment.

Roberts et al., "A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music" (2018), section
3.2; Magenta's `HierarchicalLstmDecoder`. With autoregression (the seed's `hierdec-drum_4bar`) a conductor's
input is the final state of the segment just played, so segments follow one another. Without it (`-no_ar`) a
conductor hears nothing of what is played: its embeddings come out of one pass, and in training all segments
run side by side as one large batch. With a re-encoder a conductor's input is the model's own encoding of the
segment just played.
"""

import math
from typing import Any

import keras
from keras import ops

from models.layers.backend import scan
from models.layers.lstm import InitialState, LSTMStack, flatten_states
from models.layers.lstm_sequence import State, swap
from models.music_vae.decoders import Draws, Steps
from models.music_vae.encoders import HierarchicalLSTMEncoder, segment_lengths

Array = Any


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

    def all_embeddings(self, embedding: Array, steps: int, training: bool) -> tuple[Array, list[State]]:
        """Without autoregression: the embeddings of all steps `[batch, steps, output_size]`, and the state."""
        bias = self.stack.layers[0].input_bias
        projected = ops.broadcast_to(bias, (steps, ops.shape(embedding)[0], bias.shape[0]))
        outputs, states = self.stack.sequence(projected, self.initial_state(embedding), training)
        return swap(outputs), states

    def step(
        self, feedback: Array, embedding: Array, states: list[State], training: bool
    ) -> tuple[Array, list[State]]:
        """With autoregression: the next embedding `[batch, output_size]` after the feedback from below."""
        inputs = self.stack.drop(ops.concatenate([feedback, embedding], axis=-1), training)
        return self.stack.step(self.stack.layers[0].project(inputs), states, training)


class HierarchicalLSTMDecoder(keras.layers.Layer):
    """Conductors over a core decoder.

    Args:
        core: the decoder of a segment.
        level_lengths: outputs of each level; the last is the length of a segment, the product the total length.
        layer_sizes: units of each LSTM layer of a conductor.
        disable_autoregression: levels whose conductor hears nothing of what is played (True: all of them).
        dropout: probability that an input value of a layer is dropped while training.
        seed: seed of the dropout masks.
        residual: each layer of a conductor adds its input to its output.
        re_encoder: the model's own encoder, whose level lengths are `level_lengths` reversed; conductors then
            hear its encoding of what was played instead of the final state of the level below.
    """

    def __init__(
        self,
        core: Any,
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

    def prepare_controls(self, controls: Array, lengths: Array, training: bool = False) -> Array:
        """The core's, segment by segment."""
        steps = self.level_lengths[-1]
        count = self.total_length // steps
        folded = ops.reshape(controls, (-1, steps, controls.shape[2]))
        lengths = ops.reshape(segment_lengths(lengths, count, steps), (-1,))
        prepared = self.core.prepare_controls(folded, lengths, training)
        return ops.reshape(prepared, (-1, self.total_length, prepared.shape[2]))

    def teacher_forced(
        self, steps: Steps, embedding: Array, training: bool = False
    ) -> tuple[Array, list[State]]:
        """Run over known inputs; arguments and results are those of `LSTMDecoder.teacher_forced`.

        A re-encoder needs in `steps` also `played`, the value of each step, and `real`, boolean, false at padding.
        """
        time = steps["previous"].shape[1]
        if time != self.total_length:
            raise ValueError(f"The hierarchy decodes {self.total_length} steps, not {time}.")
        parameters, states, _ = self._teacher_forced(0, steps, embedding, training)
        return parameters, states

    def _teacher_forced(
        self, level: int, steps: Steps, embedding: Array, training: bool
    ) -> tuple[Array, list[State], Array | None]:
        """Parameters, states, and the feedback to the level above where there is a re-encoder."""
        if level == len(self.conductors):
            parameters, states = self.core.teacher_forced(steps, embedding, training)
            return parameters, states, self._encode_segment(steps, embedding, training)
        conductor, count = self.conductors[level], self.level_lengths[level]
        if level in self.disable_autoregression:
            return self._side_by_side(level, steps, embedding, training)
        length = steps["previous"].shape[1] // count
        states = conductor.initial_state(embedding)
        feedback = ops.zeros((ops.shape(embedding)[0], conductor.feedback_size), dtype=embedding.dtype)
        outputs, feedbacks = [], []
        for i in range(count):
            output, states = conductor.step(feedback, embedding, states, training)
            segment = {name: x[:, i * length : (i + 1) * length] for name, x in steps.items()}
            decoded, below, encoded = self._teacher_forced(level + 1, segment, output, training)
            outputs.append(decoded)
            feedback = flatten_states(below) if encoded is None else encoded
            feedbacks.append(feedback)
        encoded = self._encode_group(level, ops.stack(feedbacks, axis=1), training)
        return ops.concatenate(outputs, axis=1), states, encoded

    def _side_by_side(
        self, level: int, steps: Steps, embedding: Array, training: bool
    ) -> tuple[Array, list[State], Array | None]:
        """A level whose conductor hears nothing: its segments are one large batch."""
        conductor, count = self.conductors[level], self.level_lengths[level]
        length = steps["previous"].shape[1] // count
        embeddings, states = conductor.all_embeddings(embedding, count, training)
        folded = {name: ops.reshape(x, (-1, length, *x.shape[2:])) for name, x in steps.items()}
        flat = ops.reshape(embeddings, (-1, conductor.output_size))
        outputs, _, encoded = self._teacher_forced(level + 1, folded, flat, training)
        if encoded is not None:
            encoded = self._encode_group(
                level, ops.reshape(encoded, (-1, count, encoded.shape[-1])), training
            )
        return ops.reshape(outputs, (-1, count * length, outputs.shape[-1])), states, encoded

    def _encode_segment(self, steps: Steps, embedding: Array, training: bool) -> Array | None:
        if self.re_encoder is None:
            return None
        played = self.distribution.dense(steps["played"], embedding.dtype)
        real = ops.cast(steps["real"], played.dtype)
        lengths = ops.sum(ops.cast(steps["real"], "int32"), axis=1)
        return self.re_encoder.levels[0](played * real[:, :, None], lengths, training=training)

    def _encode_group(self, level: int, encodings: Array, training: bool) -> Array | None:
        """What the level above hears of this level's segments, encoded one by one."""
        if self.re_encoder is None or level == 0:
            return None
        encoder = self.re_encoder.levels[len(self.conductors) - level]
        lengths = ops.full((ops.shape(encodings)[0],), encodings.shape[1])
        return encoder(encodings, lengths, training=training)

    def generate(
        self, embedding: Array, first: Array, time: int, draws: Draws
    ) -> tuple[Array, Array, list[State]]:
        """Draw a sequence; arguments and results are those of `LSTMDecoder.generate`.

        Each segment starts from the last value of the one before (the teacher's, where there is a teacher).
        """
        if time != self.total_length:
            raise ValueError(f"The hierarchy decodes {self.total_length} steps, not {time}.")
        values, previous, states, _ = self._generate(0, embedding, first, time, draws)
        return values, previous, states

    def _generate(
        self, level: int, embedding: Array, first: Array, time: int, draws: Draws
    ) -> tuple[Array, Array, list[State], Array | None]:
        """Values, inputs, states, and the feedback to the level above where there is a re-encoder."""
        if level == len(self.conductors):
            values, previous, states = self.core.generate(embedding, first, time, draws)
            real = ops.ones(ops.shape(values)[:2], dtype="bool") if self.re_encoder is not None else None
            everything = {"played": values, "real": real}
            return values, previous, states, self._encode_segment(everything, embedding, False)
        conductor, count = self.conductors[level], self.level_lengths[level]
        autoregressive = level not in self.disable_autoregression
        inputs = {name: _segments(array, count) for name, array in draws.steps.items()}
        inputs["step"] = ops.arange(count, dtype="int32")
        feedback = ops.zeros((ops.shape(embedding)[0], conductor.feedback_size), dtype=embedding.dtype)
        states = conductor.initial_state(embedding)
        if not autoregressive:
            embeddings, states = conductor.all_embeddings(embedding, count, training=False)
            inputs["embedding"] = swap(embeddings)

        def segment(carry, inputs):
            first, feedback, states = carry
            if autoregressive:
                output, states = conductor.step(feedback, embedding, states, training=False)
            else:
                output = inputs["embedding"]
            part = Draws({name: inputs[name] for name in draws.steps}, draws.temperature)
            values, previous, below, encoded = self._generate(level + 1, output, first, time // count, part)
            last = inputs["teacher"][:, -1] if "teacher" in inputs else values[:, -1]
            below = flatten_states(below) if encoded is None else encoded
            carry = (last, below if autoregressive else feedback, states)
            return carry, (values, previous) if encoded is None else (values, previous, encoded)

        (_, _, states), outputs = scan(segment, (first, feedback, states), inputs)
        encoded = self._encode_group(level, swap(outputs[2]), False) if len(outputs) > 2 else None
        return _joined(outputs[0]), _joined(outputs[1]), states, encoded


def _segments(x: Array, count: int) -> Array:
    """`[batch, time, ...]` cut into `[count, batch, time / count, ...]`."""
    return swap(ops.reshape(x, (-1, count, x.shape[1] // count, *x.shape[2:])))


def _joined(segments: Array) -> Array:
    """The inverse of `_segments`."""
    count, _, length, *rest = segments.shape
    return ops.reshape(swap(segments), (-1, count * length, *rest))
