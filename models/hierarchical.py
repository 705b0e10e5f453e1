"""Hierarchical decoder: a conductor turns z into one embedding a segment, and a core decoder plays each segment.

Roberts et al., "A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music" (2018), section
3.2; Magenta's `HierarchicalLstmDecoder`. With autoregression (the seed's `hierdec-drum_4bar`) a conductor's
input is the final state of the segment just played, so segments follow one another. Without it (`-no_ar`) a
conductor hears nothing of what is played: its embeddings come out of one pass, and in training all segments
run side by side as one large batch.
"""

import math
from typing import Any

import keras
from keras import ops

from models.backend import scan
from models.decoders import CategoricalLSTMDecoder, Draws
from models.lstm import InitialState, LSTMStack, State, flatten_states

Array = Any


class Conductor(keras.layers.Layer):
    """One level of the hierarchy: an LSTM that starts from an embedding and emits one embedding a step.

    Args:
        layer_sizes: units of each LSTM layer.
        feedback_size: size of the final state of the level below, the input with autoregression; 0 without.
        dropout: probability that an input value of a layer is dropped while training.
        seed: seed of the dropout masks.
    """

    def __init__(
        self,
        layer_sizes: tuple[int, ...],
        feedback_size: int,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.feedback_size = feedback_size
        self.stack = LSTMStack(layer_sizes, dropout, seed)
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
        bias = self.stack.layers[0].bias
        projected = ops.broadcast_to(bias, (steps, ops.shape(embedding)[0], bias.shape[0]))
        outputs, states = self.stack.sequence(projected, self.initial_state(embedding), training)
        return ops.transpose(outputs, (1, 0, 2)), states

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
    """

    def __init__(
        self,
        core: CategoricalLSTMDecoder,
        level_lengths: tuple[int, ...],
        layer_sizes: tuple[int, ...],
        disable_autoregression: bool | tuple[int, ...] = False,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.core = core
        self.level_lengths = tuple(level_lengths)
        levels = len(self.level_lengths) - 1
        if isinstance(disable_autoregression, bool):
            disable_autoregression = tuple(range(levels)) if disable_autoregression else ()
        self.disable_autoregression = tuple(disable_autoregression)
        below = [2 * sum(layer_sizes)] * (levels - 1) + [core.state_size]
        self.conductors = [
            Conductor(
                layer_sizes,
                0 if level in self.disable_autoregression else below[level],
                dropout,
                seed + level,
            )
            for level in range(levels)
        ]

    @property
    def output_depth(self) -> int:
        """Number of tokens."""
        return self.core.output_depth

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
        """The weights by Magenta's variable names."""
        names = {
            f"decoder/hierarchical_level_{level}/{name}": weight
            for level, conductor in enumerate(self.conductors)
            for name, weight in conductor.named_weights().items()
        }
        return names | {f"core_decoder/{k}": v for k, v in self.core.named_weights().items()}

    def teacher_forced(
        self, previous: Array, embedding: Array, training: bool = False
    ) -> tuple[Array, list[State]]:
        """Run over known inputs; arguments and results are those of `CategoricalLSTMDecoder.teacher_forced`."""
        if previous.shape[1] != self.total_length:
            raise ValueError(f"The hierarchy decodes {self.total_length} steps, not {previous.shape[1]}.")
        return self._teacher_forced(0, previous, embedding, training)

    def _teacher_forced(
        self, level: int, previous: Array, embedding: Array, training: bool
    ) -> tuple[Array, list[State]]:
        if level == len(self.conductors):
            return self.core.teacher_forced(previous, embedding, training)
        conductor, steps = self.conductors[level], self.level_lengths[level]
        length = previous.shape[1] // steps
        if level in self.disable_autoregression:
            embeddings, states = conductor.all_embeddings(embedding, steps, training)
            folded = ops.reshape(embeddings, (-1, conductor.output_size))
            outputs, _ = self._teacher_forced(
                level + 1, ops.reshape(previous, (-1, length)), folded, training
            )
            return ops.reshape(outputs, (-1, steps * length, outputs.shape[-1])), states
        states = conductor.initial_state(embedding)
        feedback = ops.zeros((ops.shape(embedding)[0], conductor.feedback_size), dtype=embedding.dtype)
        outputs = []
        for i in range(steps):
            output, states = conductor.step(feedback, embedding, states, training)
            segment = previous[:, i * length : (i + 1) * length]
            decoded, below = self._teacher_forced(level + 1, segment, output, training)
            outputs.append(decoded)
            feedback = flatten_states(below)
        return ops.concatenate(outputs, axis=1), states

    def generate(
        self, embedding: Array, first: Array, time: int, draws: Draws
    ) -> tuple[Array, Array, list[State]]:
        """Draw a sequence; arguments and results are those of `CategoricalLSTMDecoder.generate`.

        Each segment starts from the last token of the one before (the teacher's, where there is a teacher).
        """
        if time != self.total_length:
            raise ValueError(f"The hierarchy decodes {self.total_length} steps, not {time}.")
        return self._generate(0, embedding, first, time, draws)

    def _generate(
        self, level: int, embedding: Array, first: Array, time: int, draws: Draws
    ) -> tuple[Array, Array, list[State]]:
        if level == len(self.conductors):
            return self.core.generate(embedding, first, time, draws)
        conductor, steps = self.conductors[level], self.level_lengths[level]
        length = time // steps
        autoregressive = level not in self.disable_autoregression
        inputs = {name: _segments(array, steps) for name, array in draws.steps.items()}
        inputs["step"] = ops.arange(steps, dtype="int32")
        feedback = ops.zeros((ops.shape(embedding)[0], conductor.feedback_size), dtype=embedding.dtype)
        states = conductor.initial_state(embedding)
        if not autoregressive:
            embeddings, states = conductor.all_embeddings(embedding, steps, training=False)
            inputs["embedding"] = ops.transpose(embeddings, (1, 0, 2))

        def segment(carry, inputs):
            first, feedback, states = carry
            if autoregressive:
                output, states = conductor.step(feedback, embedding, states, training=False)
            else:
                output = inputs["embedding"]
            part = Draws({name: inputs[name] for name in draws.steps}, draws.temperature)
            tokens, previous, below = self._generate(level + 1, output, first, length, part)
            last = inputs["teacher"][:, -1] if "teacher" in inputs else tokens[:, -1]
            return (last, flatten_states(below) if autoregressive else feedback, states), (tokens, previous)

        (_, _, states), (tokens, previous) = scan(segment, (first, feedback, states), inputs)
        return _joined(tokens), _joined(previous), states


def _segments(x: Array, count: int) -> Array:
    """`[batch, time]` cut into `[count, batch, time / count]`."""
    return ops.transpose(ops.reshape(x, (-1, count, x.shape[1] // count)), (1, 0, 2))


def _joined(segments: Array) -> Array:
    """The inverse of `_segments`."""
    count, _, length = segments.shape
    return ops.reshape(ops.transpose(segments, (1, 0, 2)), (-1, count * length))
