"""What every decoder of MusicVAE offers: two ways through the same weights.

`teacher_forced` knows every input beforehand and runs the whole sequence as large matrix products; training and
evaluation use it. `generate` draws step by step; sampling uses it, and so does scheduled sampling, to find out which
values the network would have seen (no gradient flows through a draw, so the loss is then `teacher_forced` on those
values).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from models.layers.lstm_sequence import State
from models.outputs.base import Output

Tensor = Any


class KnownSteps(NamedTuple):
    """A sequence that is known beforehand, for `Decoder.teacher_forced`.

    Attributes:
        previous: the value before each step, `[batch, time, ...]`.
        played: the value of each step, `[batch, time, ...]`.
        real: false at padding, `[batch, time]`.
        controls: what conditions each step, `[batch, time, control_depth]`, where the decoder has controls.
    """

    previous: Tensor
    played: Tensor
    real: Tensor
    controls: Tensor | None = None

    def each(self, function: Callable[[Tensor], Tensor]) -> "KnownSteps":
        """The same with a function applied to each array, such as one that cuts out a segment."""
        return KnownSteps(*(None if x is None else function(x) for x in self))


class Draws(NamedTuple):
    """What decides the values that `Decoder.generate` draws.

    Scheduled sampling gives a `teacher` and a `sample_mask`: the next input is the drawn value where the mask is true,
    and the teacher's elsewhere.

    Attributes:
        uniforms: uniform random numbers in [0, 1), `[batch, time, output.uniforms]`; None for the likeliest values.
        teacher: true values `[batch, time, ...]`.
        sample_mask: boolean `[batch, time]`.
        controls: what conditions each step, `[batch, time, control_depth]`.
        temperature: divides the logits before the draw, above 0.
    """

    uniforms: Tensor | None = None
    teacher: Tensor | None = None
    sample_mask: Tensor | None = None
    controls: Tensor | None = None
    temperature: Tensor | float = 1.0

    def arrays(self) -> dict[str, Tensor]:
        """The arrays `[batch, time, ...]` that are given, by the attribute's name; a part of them makes `Draws` again."""
        given = {name: x for name, x in self._asdict().items() if name != "temperature"}
        return {name: x for name, x in given.items() if x is not None}


class Decoder(keras.layers.Layer, ABC):
    """Base of the decoders.

    Attributes:
        distribution: the output, which says what a step's value is and how likely.
    """

    distribution: Output

    @property
    @abstractmethod
    def state_size(self) -> int:
        """Size of all cell and hidden states side by side."""

    @abstractmethod
    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by Magenta's variable names."""

    def prepare_controls(self, controls: Tensor, lengths: Tensor, training: bool = False) -> Tensor:
        """What `teacher_forced` and `generate` take as `controls`: by default the controls of the batch.

        Args:
            controls: `[batch, time, control_depth]`.
            lengths: `[batch]` or `[batch, segments]`.
            training: whether dropout is on.
        """
        del lengths, training
        return controls

    @abstractmethod
    def teacher_forced(
        self, steps: KnownSteps, embedding: Tensor, training: bool = False
    ) -> tuple[Tensor, list[State]]:
        """Run over known inputs.

        Args:
            steps: the sequences.
            embedding: `[batch, embedding_size]`.
            training: whether dropout is on.

        Returns:
            Parameters of the output `[batch, time, parameter_depth]`, and the states after the last step.
        """

    @abstractmethod
    def generate(
        self, embedding: Tensor, first: Tensor, time: int, draws: Draws
    ) -> tuple[Tensor, Tensor, list[State]]:
        """Draw a sequence step by step.

        Args:
            embedding: `[batch, embedding_size]`.
            first: the value before the first step, `output.nothing` for none.
            time: number of steps.
            draws: what decides the values.

        Returns:
            The drawn values and the values that were the inputs, `[batch, time, ...]` each, and the states after the
            last step.
        """
