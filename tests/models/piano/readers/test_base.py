"""What every reader of frames must do: steps are the sequence, no look ahead, and all of it learns."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops, tree

from models.piano.readers.base import FrameReader, LSTMReader, Reading
from models.piano.readers.capsules import CapsuleReader, StackedCapsules
from models.piano.readers.endecell import EnDeCell
from models.piano.readers.history_user import HistoryUser
from models.piano.readers.latency_lstm import LatencyCapsules, LatencyLSTM
from models.piano.readers.levels import LevelLSTM

Array = np.ndarray
BATCH, TIME, FRAMES, CLOCK = 3, 11, 4, 2

READERS: dict[str, Callable[..., FrameReader]] = {
    "lstm": lambda **o: LSTMReader((5, 4), **o),
    "history user": lambda **o: HistoryUser((6, 0, 3), (5,), (4,), (6,), **o),
    "latency": lambda **o: LatencyLSTM((1, 3, 4), 2, (5,), **o),
    "latency capsules": lambda **o: LatencyCapsules((1, 3, 4, 14), 2, (5,), **o),
    "levels": lambda **o: LevelLSTM(3, 4, 5, **o),
    "capsules": lambda **o: CapsuleReader((1, 3, 6), 3, (5,), **o),
    "stacked capsules": lambda **o: StackedCapsules(7, (2, 5), 4, 3, **o),
    "endecell": lambda **o: EnDeCell(FRAMES, (3, 2), **o),
    "endecell, as drawn": lambda **o: EnDeCell(FRAMES, (3, 2), as_drawn=True, **o),
}


def frames_and_clock(seed: int, time: int = TIME) -> tuple[Array, Array]:
    """Inputs and frames of some pieces: real keys, and a clock beside them."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 2, (BATCH, time, FRAMES)).astype(np.float32)
    clock = rng.integers(0, 2, (BATCH, time, CLOCK)).astype(np.float32)
    return np.concatenate([frames, clock], axis=-1), frames


def randomised(make: Callable[..., FrameReader], **options: Any) -> FrameReader:
    """A small reader with weights of about 1, so that every part is seen in the result."""
    reader = make(**options)
    reader.build(FRAMES + CLOCK, FRAMES)
    rng = np.random.default_rng(0)
    for weight in reader.named_weights().values():
        weight.assign(rng.standard_normal(weight.shape) * 0.7)
    return reader


def used_state(reader: FrameReader) -> Any:
    """A state in the middle of a piece."""
    past = np.random.default_rng(8).integers(0, 2, (BATCH, reader.history_length, FRAMES)).astype(np.float32)
    state = reader.with_past(reader.zero_state(BATCH), past)
    return read(reader, *frames_and_clock(9, 5), state).state


def quick(function: Callable) -> Callable:
    """A function of nested arrays, compiled on JAX alone: TensorFlow takes longer to compile than to run it."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return lambda *arguments: function(*tree.map_structure(ops.convert_to_tensor, arguments))


@functools.cache
def _reading(reader: FrameReader) -> Callable:
    return quick(lambda *given: reader(*given))


def read(reader: FrameReader, *arguments: Any) -> Reading:
    """The reading of a whole sequence: inputs, frames, and perhaps a state. The weights must stay as they are."""
    return _reading(reader)(*arguments)


def by_steps(reader: FrameReader, inputs: Array, frames: Array, state: Any) -> Reading:
    """The reading of a sequence made of single steps."""
    step, steps = quick(lambda *given: reader.step(*given)), []
    for t in range(inputs.shape[1]):
        steps.append(step(inputs[:, t], state, frames[:, t]))
        state = steps[-1].state

    def over_time(parts: list[Any]) -> Any:
        return None if parts[0] is None else np.stack([ops.convert_to_numpy(x) for x in parts], axis=1)

    own = tuple(over_time(list(parts)) for parts in zip(*(reading.own for reading in steps), strict=True))
    outputs = over_time([reading.outputs for reading in steps])
    return Reading(outputs, over_time([reading.weights for reading in steps]), state, own)


def assert_same(found: Any, expected: Any) -> None:
    """That nested arrays have the same structure and numbers."""
    tree.assert_same_structure(found, expected)
    for a, b in zip(tree.flatten(found), tree.flatten(expected), strict=True):
        if a is None and b is None:
            continue
        np.testing.assert_allclose(ops.convert_to_numpy(a), ops.convert_to_numpy(b), atol=1e-5)


@pytest.fixture(params=READERS, scope="module")
def reader(request: pytest.FixtureRequest) -> FrameReader:
    # Dropout is of no effect but in the test that trains.
    return randomised(READERS[request.param], dropout=0.5, seed=3)


@pytest.fixture(scope="module")
def state(reader: FrameReader) -> Any:
    """One in the middle of a piece."""
    return used_state(reader)


def test_steps_are_the_whole_sequence(reader: FrameReader, state: Any) -> None:
    inputs, frames = frames_and_clock(1)
    whole = read(reader, inputs, frames, state)
    assert tuple(whole.outputs.shape) == (BATCH, TIME, reader.output_depth)
    assert_same(by_steps(reader, inputs, frames, state), whole)


def test_a_sequence_may_be_cut(reader: FrameReader) -> None:
    inputs, frames = frames_and_clock(2)
    cut = 5  # no multiple of any delay or level but the first
    whole = read(reader, inputs, frames, reader.zero_state(BATCH))
    first = read(reader, inputs[:, :cut], frames[:, :cut], reader.zero_state(BATCH))
    second = read(reader, inputs[:, cut:], frames[:, cut:], first.state)
    outputs = np.concatenate([first.outputs, second.outputs], axis=1)
    assert_same((outputs, second.state), (whole.outputs, whole.state))


def test_what_comes_later_changes_nothing_before(reader: FrameReader, state: Any) -> None:
    inputs, frames = frames_and_clock(3)
    changed_inputs, changed_frames = inputs.copy(), frames.copy()
    changed_inputs[:, 6, :FRAMES] = 1 - changed_inputs[:, 6, :FRAMES]
    changed_frames[:, 6] = 1 - changed_frames[:, 6]
    first = ops.convert_to_numpy(read(reader, inputs, frames, state).outputs)
    second = ops.convert_to_numpy(read(reader, changed_inputs, changed_frames, state).outputs)
    np.testing.assert_array_equal(first[:, :6], second[:, :6])
    assert np.abs(first - second)[:, 6].max() > 1e-4


def value_and_slopes(
    function: Callable[[], Any], variables: list[keras.Variable], compiled: bool = False
) -> Callable[[], tuple[float, list[Array | None]]]:
    """A function that gives a scalar function's value at the present variables, and its gradient by them.

    The gradient is None for those that it does not use.
    """
    if keras.backend.backend() == "jax":
        import jax

        def of_values(values: list[Any]) -> Any:
            with keras.StatelessScope(state_mapping=zip(variables, values, strict=True)):
                return function()

        differentiated = jax.jit(jax.value_and_grad(of_values))
        found = lambda: differentiated([v.value for v in variables])  # noqa: E731
    else:
        import tensorflow as tf

        def eager() -> tuple[Any, list]:
            with tf.GradientTape() as tape:
                value = function()
            return value, tape.gradient(value, [v.value for v in variables])

        found = tf.function(eager, jit_compile=True) if compiled else eager

    def compute() -> tuple[float, list[Array | None]]:
        value, slopes = found()
        return float(value), [None if s is None else ops.convert_to_numpy(s) for s in slopes]

    return compute


def some_loss(reader: FrameReader) -> Callable[[], Any]:
    """A scalar function of the reader's weights that depends on all of its outputs."""
    inputs, frames = (ops.convert_to_tensor(x) for x in frames_and_clock(5))
    state = used_state(reader)
    rng = np.random.default_rng(6)
    upstream = rng.standard_normal((BATCH, TIME, reader.output_depth)).astype(np.float32)

    def function() -> Any:
        reading = reader(inputs, frames, state)
        return sum(ops.sum(upstream * x) for x in (reading.outputs, *reading.own))

    return function


def test_every_weight_learns_along_the_true_slope(reader: FrameReader) -> None:
    names = reader.named_weights()
    compute = value_and_slopes(some_loss(reader), list(names.values()))
    found = {name: s for name, s in zip(names, compute()[1], strict=True) if s is not None}
    assert [name for name in names if np.abs(found.get(name, 0.0)).max() < 1e-5] == []

    # The mix of stacked capsules teaches the ruler alone, on purpose.
    moved = [n for n in names if not isinstance(reader, StackedCapsules) or n.startswith(("ruler", "choice"))]
    rng = np.random.default_rng(7)
    direction = {name: rng.standard_normal(found[name].shape).astype(np.float32) for name in moved}
    kept = {name: ops.convert_to_numpy(names[name]) for name in moved}

    def value_at(size: float) -> float:
        for name in moved:
            names[name].assign(kept[name] + size * direction[name])
        return compute()[0]

    slope = (value_at(1e-3) - value_at(-1e-3)) / 2e-3
    value_at(0.0)
    expected = sum(float((found[name] * direction[name]).sum()) for name in moved)
    np.testing.assert_allclose(slope, expected, rtol=0.02, atol=0.02)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="on JAX all gradients here are compiled")
@pytest.mark.parametrize(
    "make",
    [
        lambda: LatencyLSTM((1, 3), 2, ()),
        lambda: LatencyCapsules((1, 3), 2, ()),
        lambda: LevelLSTM(2, 3, 2),
        lambda: EnDeCell(FRAMES, (2,)),
    ],
    ids=["latency", "latency capsules", "levels", "endecell"],
)
def test_gradients_compile(make: Callable[..., FrameReader]) -> None:
    reader = randomised(make)
    function, variables = some_loss(reader), list(reader.named_weights().values())
    eager, compiled = (value_and_slopes(function, variables, how)()[1] for how in (False, True))
    for a, b in zip(compiled, eager, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4, rtol=1e-4)


def test_dropout_only_while_training(reader: FrameReader, state: Any) -> None:
    inputs, frames = frames_and_clock(7)

    def train(*given: Any) -> Any:
        with keras.StatelessScope():
            return reader(*given, training=True).outputs

    still = ops.convert_to_numpy(read(reader, inputs, frames, state).outputs)
    np.testing.assert_array_equal(read(reader, inputs, frames, state).outputs, still)
    shaken = ops.convert_to_numpy(quick(train)(inputs, frames, state))
    assert np.abs(shaken - still).max() > 1e-3


def test_weights_have_names_of_their_own(reader: FrameReader) -> None:
    named = reader.named_weights()
    assert {id(weight) for weight in named.values()} == {id(weight) for weight in reader.trainable_weights}
    assert len(named) == len(reader.trainable_weights)
