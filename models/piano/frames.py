"""What a piano model says of frames, and what it keeps from one frame to the next, as named tuples."""

from typing import Any, NamedTuple

Tensor = Any
State = Any
"""The state of a part: a nested structure of tensors that only the part itself looks into."""


class FrameState(NamedTuple):
    """What a model knows of the frames so far: the state of each part, an empty tuple for a part that it lacks.

    Attributes:
        reader: of the reader.
        output: of the output, where it keeps one from frame to frame.
        keys: of the decoder of keys.
        velocities: of the decoder of velocities.
    """

    reader: State
    output: State
    keys: State
    velocities: State


class Sizes(NamedTuple):
    """How many random numbers a frame takes: for its values, and for its keys."""

    values: int
    keys: int


class FrameOutputs(NamedTuple):
    """What a frame model says of fragments.

    Attributes:
        parameters: of the output, `[batch, time, parameter_depth]`.
        own: parameters that parts of the reader predict by themselves, each as `parameters`; empty for most readers.
        key_features: what the decoder of keys makes of the classes, where there is one.
        velocity_features: what the decoder of velocities makes of the struck keys, where there is one.
    """

    parameters: Tensor
    own: tuple[Tensor, ...] = ()
    key_features: Tensor | None = None
    velocity_features: Tensor | None = None


class FrameTerms(NamedTuple):
    """The terms of the training loss of each frame, float32 `[batch, time]`; None for parts that a model lacks.

    Attributes:
        nats: of the frames' values, by the output's training objective.
        own_nats: of what parts of the reader predict by themselves, added up.
        key_nats: of the keys given their classes.
        velocity_error: of the velocities of struck keys, by the velocity decoder's objective.
        real: 1 at frames, 0 at padding.
    """

    nats: Tensor
    own_nats: Tensor | None
    key_nats: Tensor | None
    velocity_error: Tensor | None
    real: Tensor
