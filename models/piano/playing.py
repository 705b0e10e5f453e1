"""Playing a frame model: frame by frame, each drawn of what the model makes of those before it."""

from typing import Any, NamedTuple

from keras import ops

from models.layers.backend import scan
from models.piano.frames import FrameState
from models.piano.model import Batch, FrameModel, pitch_classes

Tensor = Any


class Frame(NamedTuple):
    """One frame of a piece.

    Attributes:
        values: as the output draws them: keys, pitch classes `[batch, depth]`, or tokens `[batch]`.
        keys: 0 or 1, `[batch, keys]`; for tokens the same as the values.
        velocities: from 0 to 1, `[batch, keys]`; None where the model has none.
    """

    values: Tensor
    keys: Tensor
    velocities: Tensor | None


def first_frame(model: FrameModel, batch: int) -> Frame:
    """The frame before a piece: silence."""
    if model.form == "tokens":
        nothing = ops.full((batch,), -1, dtype="int32")
        return Frame(nothing, nothing, None)
    keys = ops.zeros((batch, model.depth), dtype="float32")
    velocities = keys if model.velocity_decoder is not None else None
    return Frame(model.values_of(keys), keys, velocities)


def prime(model: FrameModel, batch: Batch) -> tuple[Frame, FrameState]:
    """Hear the beginning of pieces: their last frame, and the state that `play_frame` goes on from.

    Args:
        model: with its weights.
        batch: whole pieces so far, all of one length.
    """
    keys = batch["tokens" if model.form == "tokens" else "keys"]
    values = model.values_of(keys)
    state = model.zero_state(keys.shape[0])
    reading = model.read(batch, state)
    parameters = model.parameters_of(reading.outputs)
    output_state = model.output_layer.state_after(parameters, values, state.output)
    _, key_state, velocity_state = model.score_decoders(batch, values, state)
    velocities = batch["velocities"][:, -1] if model.velocity_decoder is not None else None
    last = keys[:, -1] if model.form == "tokens" else ops.cast(keys[:, -1], "float32")
    return Frame(values[:, -1], last, velocities), FrameState(
        reading.state, output_state, key_state, velocity_state
    )


def play_frame(
    model: FrameModel,
    before: Frame,
    position: Tensor,
    state: FrameState,
    uniforms: Tensor | None,
    temperature: Tensor | float,
) -> tuple[Frame, FrameState]:
    """Draw the next frame.

    Args:
        model: with its weights.
        before: the frame before.
        position: of the frame to draw, int32 `[batch]`.
        state: before the step.
        uniforms: `[batch, values + keys]` in [0, 1), as `Sizes` says; None takes what is likeliest.
        temperature: divides the logits, above 0.
    """
    frames = model.as_frames(before.values)
    reading = model.reader.step(model.reader_inputs(frames, position), state.reader, frames)
    parameters = model.parameters_of(reading.outputs)
    split = model.uniforms.values
    for_values = None if uniforms is None else uniforms[:, :split]
    values, output_state = model.output_layer.step(parameters, state.output, for_values, temperature)
    keys, key_state = values, state.keys
    if model.key_decoder is not None:
        previous = before.keys if before.velocities is None else before.velocities
        for_keys = None if uniforms is None else uniforms[:, split:]
        keys, key_state = model.key_decoder.step(values, previous, state.keys, for_keys, temperature)
    velocities, velocity_state = None, state.velocities
    if model.velocity_decoder is not None:
        velocities, velocity_state = model.velocity_decoder.step(
            pitch_classes(keys), before.velocities, keys, state.velocities
        )
    state = FrameState(reading.state, output_state, key_state, velocity_state)
    return Frame(values, keys, velocities), state


def play(
    model: FrameModel,
    before: Frame,
    position: Tensor,
    state: FrameState,
    steps: int,
    uniforms: Tensor | None,
    temperature: Tensor | float,
) -> tuple[Tensor, Tensor | None, Frame, FrameState]:
    """Draw `steps` frames, one after the other.

    Args:
        model, before, position, state, temperature: as for `play_frame`.
        steps: frames to draw.
        uniforms: `[batch, steps, values + keys]`, or None.

    Returns:
        Keys (or tokens) `[batch, steps, ...]`, velocities or None, the last frame and the state after it.
    """
    position = ops.cast(position, "int32")
    numbers = ops.arange(steps, dtype="int32")
    by_step = (numbers,) if uniforms is None else (numbers, ops.swapaxes(uniforms, 0, 1))

    def step(carry: Any, inputs: tuple) -> tuple[Any, Any]:
        before, state = carry
        drawn = inputs[1] if len(inputs) > 1 else None
        frame, state = play_frame(model, _whole(before), position + inputs[0], state, drawn, temperature)
        return (_present(frame), state), _present(frame)[1:]

    (last, state), played = scan(step, (_present(before), state), by_step)
    played = tuple(ops.swapaxes(x, 0, 1) for x in played)
    return played[0], played[1] if len(played) > 1 else None, _whole(last), state


def _present(frame: Frame) -> tuple[Tensor, ...]:
    """The parts of a frame that there are; TensorFlow's loops carry no None."""
    return tuple(part for part in frame if part is not None)


def _whole(parts: tuple[Tensor, ...]) -> Frame:
    values, keys, *velocities = parts
    return Frame(values, keys, velocities[0] if velocities else None)
