"""Velocities: the loss and the LSTM in NumPy, step by step, and learning."""

import keras
import numpy as np
import pytest
from keras import ops

from models.piano.velocities import VelocityDecoder
from tests.helpers.formulas import numpy_stack, sigmoid

Array = np.ndarray
KEYS, CLASSES, UNITS = 6, 3, 5
BATCH, TIME = 2, 7


def small(**options: bool) -> VelocityDecoder:
    decoder = VelocityDecoder(UNITS, classes=CLASSES, **options)
    decoder.build(KEYS)
    rng = np.random.default_rng(0)
    for weight in decoder.named_weights().values():
        weight.assign(rng.standard_normal(weight.shape))
    return decoder


@pytest.fixture
def data() -> tuple[Array, Array, Array, Array]:
    """Classes, velocities of the frames before, velocities, and what is struck."""
    rng = np.random.default_rng(1)
    struck = (rng.random((BATCH, TIME, KEYS)) < 0.4).astype(np.float32)
    velocities = rng.random((BATCH, TIME, KEYS)).astype(np.float32) * struck
    before = np.concatenate([np.zeros_like(velocities[:, :1]), velocities[:, :-1]], axis=1)
    return struck.reshape(BATCH, TIME, -1, CLASSES).max(axis=2), before, velocities, struck


def test_velocities_and_loss_are_the_formulas(data: tuple) -> None:
    classes, before, velocities, struck = data
    decoder = small()
    kernel, bias, dense, dense_bias = (
        ops.convert_to_numpy(w).astype(np.float64) for w in decoder.named_weights().values()
    )
    hidden = numpy_stack(np.concatenate([classes, before], axis=-1).astype(np.float64), [(kernel, bias)])
    expected = sigmoid(hidden @ dense + dense_bias) * struck
    features, _ = decoder.features(classes, before)
    np.testing.assert_allclose(
        ops.convert_to_numpy(decoder.velocities(features, struck)), expected, atol=1e-5
    )
    loss = ops.convert_to_numpy(decoder.loss(features, velocities, struck))
    squared = np.where(struck > 0, expected - velocities, 0) ** 2
    np.testing.assert_allclose(loss, squared.sum(axis=-1), atol=1e-5)


def test_steps_are_the_whole_sequence_and_silent_keys_have_no_velocity(data: tuple) -> None:
    classes, before, _, struck = data
    decoder = small()
    whole = ops.convert_to_numpy(decoder.velocities(decoder.features(classes, before)[0], struck))
    state = decoder.zero_state(BATCH)
    for t in range(TIME):
        found, state = decoder.step(classes[:, t], before[:, t], struck[:, t], state)
        np.testing.assert_allclose(ops.convert_to_numpy(found), whole[:, t], atol=1e-5)
        assert ((ops.convert_to_numpy(found) > 0) == (struck[:, t] > 0)).all()


class Learner(keras.Model):
    """A decoder by itself, for `fit`."""

    def __init__(self, decoder: VelocityDecoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.decoder.build(KEYS)

    def call(self, inputs: tuple) -> Array:
        classes, before, velocities, struck = inputs
        return self.decoder.loss(self.decoder.features(classes, before)[0], velocities, struck)


def test_it_learns_how_loud_a_piece_is(data: tuple) -> None:
    keras.utils.set_random_seed(0)
    learner = Learner(VelocityDecoder(20, classes=CLASSES))
    learner.compile(
        optimizer=keras.optimizers.Adam(0.05), loss=lambda _, cost: ops.mean(cost), jit_compile=True
    )
    inputs = [np.tile(x, (150, 1, 1)) for x in data]
    learner.fit(inputs, inputs[0][..., 0], batch_size=BATCH, shuffle=False, verbose=0)
    mean_squared_error = (
        ops.convert_to_numpy(learner([ops.convert_to_tensor(x) for x in data])).sum() / data[3].sum()
    )
    assert mean_squared_error < 0.01 < np.var(data[2][data[3] > 0])


def test_the_final_model_has_its_sizes() -> None:
    decoder = VelocityDecoder()
    decoder.build()
    shapes = [tuple(weight.shape) for weight in decoder.named_weights().values()]
    assert shapes == [(200, 400), (400,), (100, 88), (88,)]
