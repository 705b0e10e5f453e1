"""Decoders from classes to keys: enumeration of all keyboards, draws, the author's loss, steps, and gradients."""

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from models.piano.key_decoders import (
    IndependentKeys,
    KeyDecoder,
    by_octave,
    complete,
    from_octaves,
    log_any,
    of_class,
)
from models.piano.rbm_keys import RBMKeys
from tests.helpers.formulas import sigmoid
from tests.helpers.gradients import gradients

Array = np.ndarray
KEYS, CLASSES, UNITS = 10, 4, 5  # the last octave lacks two keys
BATCH, TIME = 3, 6
KEYBOARDS = np.array(list(itertools.product((0, 1), repeat=KEYS)), np.float32)
ALL_CLASSES = np.array(list(itertools.product((0, 1), repeat=CLASSES)), np.float32)


def classes_of(keys: Array) -> Array:
    """Which classes of keys `[..., keys]` sound, written out."""
    found = np.zeros((*keys.shape[:-1], CLASSES), np.float32)
    for i in range(keys.shape[-1]):
        found[..., i % CLASSES] = np.maximum(found[..., i % CLASSES], keys[..., i])
    return found


def small(kind: Any = IndependentKeys, scale: float = 1.0, **options: Any) -> Any:
    """A small decoder whose weights matter."""
    decoder = kind(units=UNITS, classes=CLASSES, **options)
    decoder.build(KEYS)
    rng = np.random.default_rng(0)
    for name, weight in decoder.named_weights().items():
        weight.assign(rng.standard_normal(weight.shape) * (scale if "dense" in name else 1.0))
    return decoder


def random_frames(seed: int = 1) -> tuple[Array, Array, Array]:
    """Keys, their classes and the keys before, `[batch, time, ...]`."""
    keys = (np.random.default_rng(seed).random((BATCH, TIME, KEYS)) < 0.3).astype(np.float32)
    before = np.concatenate([np.zeros_like(keys[:, :1]), keys[:, :-1]], axis=1)
    return keys, classes_of(keys), before


def numpy_likelihoods(logits: Array, classes: Array, at_least_one: bool) -> Array:
    """Probability of each of `KEYBOARDS` given the classes: Bernoulli products over all that are possible."""
    s = sigmoid(logits.astype(np.float64))
    p = np.prod(np.where(KEYBOARDS > 0, s, 1 - s), axis=-1, where=of_class_by_hand(classes) > 0)
    sounding = classes_of(KEYBOARDS)
    possible = (sounding == classes) if at_least_one else (sounding <= classes)
    p = p * possible.all(axis=-1)
    return p / p.sum()


def of_class_by_hand(classes: Array) -> Array:
    return np.array([classes[i % CLASSES] for i in range(KEYS)])


@pytest.mark.jax
def test_the_class_of_a_key_is_its_number_modulo_twelve_up_to_the_highest_key() -> None:
    classes = np.arange(12, dtype=np.float32)
    np.testing.assert_array_equal(of_class(classes, 88), np.arange(88) % 12)


@pytest.mark.jax
@settings(max_examples=25)
@given(st.integers(1, 30), st.integers(1, 13))
def test_octaves_hold_the_keys(keys: int, classes: int) -> None:
    values = np.arange(2 * keys, dtype=np.float32).reshape(2, keys) + 1
    grid = ops.convert_to_numpy(by_octave(ops.convert_to_tensor(values), classes, -5.0))
    for i in range(grid.shape[1] * classes):
        expected = values[:, i] if i < keys else -5.0
        np.testing.assert_array_equal(grid[:, i // classes, i % classes], expected)
    np.testing.assert_array_equal(from_octaves(ops.convert_to_tensor(grid), keys), values)


@pytest.mark.jax
@pytest.mark.parametrize(
    "logits",
    [
        [0.3, -1.0, 2.0],
        [-50, -50, -49],
        [50, 50, 50],
        [-15.1, -15, -14.9],
        [-8.1, -9, -9.2],
        [-50, 50, 0],
        [-700],
    ],
)
def test_the_log_probability_of_any_key_is_right_at_all_magnitudes(logits: list[float]) -> None:
    z = np.array(logits, np.float64)
    log_silent = -np.logaddexp(0, z).sum()
    expected = np.log(-np.expm1(log_silent))
    found = ops.convert_to_numpy(log_any(ops.convert_to_tensor(z.astype(np.float32))))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    (slope,) = gradients(lambda x: ops.sum(log_any(x)), [z.astype(np.float32)])
    # d log(1 - exp(-s)) / dz_i = sigmoid(z_i) / (exp(s) - 1)
    np.testing.assert_allclose(
        slope, np.exp(-np.logaddexp(0, -z) + log_silent - expected), rtol=1e-5, atol=1e-12
    )


@pytest.mark.jax
def test_the_log_probability_of_any_key_holds_below_all_floats() -> None:
    found = ops.convert_to_numpy(log_any(ops.convert_to_tensor(np.array([-1e6, -1e6, -1e9], np.float32))))
    np.testing.assert_allclose(found, -1e6 + np.log(2), rtol=1e-6)
    (slope,) = gradients(lambda x: ops.sum(log_any(x)), [np.array([-1e6, -1e6, -1e9], np.float32)])
    np.testing.assert_allclose(slope, [0.5, 0.5, 0], atol=0.1)


@pytest.mark.jax
@pytest.mark.parametrize("at_least_one", [True, False])
@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_the_likelihood_is_that_of_all_possible_keyboards(at_least_one: bool, scale: float) -> None:
    decoder = small(scale=scale, at_least_one=at_least_one)
    features = np.random.default_rng(2).standard_normal(UNITS).astype(np.float32)
    logits = ops.convert_to_numpy(decoder.logits(features[None]))[0]
    shape = (len(ALL_CLASSES), len(KEYBOARDS))
    found = decoder.log_likelihood(
        np.broadcast_to(features, (*shape, UNITS)),
        np.broadcast_to(KEYBOARDS, (*shape, KEYS)),
        np.broadcast_to(ALL_CLASSES[:, None], (*shape, CLASSES)),
    )
    p = np.exp(ops.convert_to_numpy(found).astype(np.float64))
    np.testing.assert_allclose(p.sum(axis=-1), 1, atol=1e-5)
    for classes, row in zip(ALL_CLASSES, p, strict=True):
        np.testing.assert_allclose(
            row, numpy_likelihoods(logits, classes, at_least_one), rtol=1e-4, atol=1e-9
        )
    marginals = decoder.marginals(np.broadcast_to(features, (1, len(ALL_CLASSES), UNITS)), ALL_CLASSES[None])
    np.testing.assert_allclose(ops.convert_to_numpy(marginals)[0], p @ KEYBOARDS, atol=1e-5)


@pytest.mark.jax
@pytest.mark.parametrize("at_least_one", [True, False])
def test_draws_have_the_frequencies_of_the_likelihood(at_least_one: bool) -> None:
    decoder, count = small(at_least_one=at_least_one), 40_000
    rng = np.random.default_rng(3)
    previous = (rng.random(KEYS) < 0.3).astype(np.float32)
    for classes in ([1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]):
        shown = np.array(classes, np.float32)[None]
        features, _ = decoder.step_features(shown, previous[None], decoder.zero_state(1))
        for temperature in (1.0, 2.5):
            logits = ops.convert_to_numpy(decoder.logits(features))[0] / temperature
            expected = numpy_likelihoods(logits, shown[0], at_least_one)
            drawn, _ = decoder.step(
                np.repeat(shown, count, axis=0),
                np.repeat(previous[None], count, axis=0),
                decoder.zero_state(count),
                ops.convert_to_tensor(rng.random((count, decoder.uniforms), np.float32)),
                temperature,
            )
            numbers = (ops.convert_to_numpy(drawn) @ 2 ** np.arange(KEYS)[::-1]).astype(int)
            found = np.bincount(numbers, minlength=len(KEYBOARDS)) / count
            assert (np.abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / count) + 1e-9).all()


def test_a_draw_leaves_no_class_without_a_key_whatever_the_numbers() -> None:
    decoder = small(scale=30.0)
    rng = np.random.default_rng(4)
    classes = np.repeat(ALL_CLASSES, 20, axis=0)
    count = len(classes)
    previous = (rng.random((count, KEYS)) < 0.5).astype(np.float32)
    for u in (0.0, 0.5, np.nextafter(np.float32(1), np.float32(0))):
        uniforms = ops.full((count, KEYS), u, dtype="float32")
        keys, _ = decoder.step(classes, previous, decoder.zero_state(count), uniforms)
        np.testing.assert_array_equal(classes_of(ops.convert_to_numpy(keys)), classes)


@pytest.mark.jax
@pytest.mark.parametrize("at_least_one", [True, False])
def test_without_random_numbers_the_likeliest_keyboard_is_taken(at_least_one: bool) -> None:
    decoder = small(at_least_one=at_least_one)
    rng = np.random.default_rng(5)
    previous = rng.random((len(ALL_CLASSES), KEYS)).astype(np.float32)
    state = decoder.zero_state(len(ALL_CLASSES))
    features, _ = decoder.step_features(ALL_CLASSES, previous, state)
    keys, _ = decoder.step(ALL_CLASSES, previous, state)
    logits = ops.convert_to_numpy(decoder.logits(features))
    for z, classes, taken in zip(logits, ALL_CLASSES, ops.convert_to_numpy(keys), strict=True):
        best = KEYBOARDS[numpy_likelihoods(z, classes, at_least_one).argmax()]
        np.testing.assert_array_equal(taken, best)


@pytest.mark.jax
def test_only_classes_without_a_key_are_completed() -> None:
    keys = np.array([[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]], np.float32)
    logits = np.array([[0, 1, 2, 3, 9, 5, 6, 1, 8, -1]], np.float32)
    found = complete(
        ops.convert_to_tensor(keys), ops.convert_to_tensor(logits), np.array([[1, 1, 0, 1]], np.float32)
    )
    np.testing.assert_array_equal(found, [[1, 0, 0, 1, 0, 1, 0, 0, 0, 0]])


@pytest.mark.jax
def test_the_mean_of_the_authors_loss_is_a_mean_over_masked_keys() -> None:
    decoder = small(objective="masked_mean")
    keys, classes, before = random_frames()
    features, _ = decoder.features(classes, before)
    s = sigmoid(ops.convert_to_numpy(decoder.logits(features)).astype(np.float64))
    mask = np.stack([classes[..., i % CLASSES] for i in range(KEYS)], axis=-1)
    expected = -(mask * np.log(np.where(keys > 0, s, 1 - s))).sum() / mask.sum()
    found = ops.convert_to_numpy(decoder.loss(features, keys, classes))
    np.testing.assert_allclose(found.mean(), expected, rtol=1e-5)
    silent = np.zeros_like(keys), np.zeros_like(classes)
    np.testing.assert_array_equal(ops.convert_to_numpy(decoder.loss(features, *silent)), 0)


KINDS: dict[str, dict] = {
    "independent": {"kind": IndependentKeys},
    "plain": {"kind": IndependentKeys, "at_least_one": False},
    "rbm": {"kind": RBMKeys, "hidden": 3, "chain": 2},
    "large rbm": {"kind": RBMKeys, "hidden": 17, "chain": 2, "annealing": (2, 3)},
}


@pytest.mark.jax
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
def test_steps_are_the_whole_sequence(options: dict) -> None:
    decoder = small(**options)
    _, classes, before = random_frames()
    whole, last = decoder.features(classes, before)
    state, found = decoder.zero_state(BATCH), []
    for t in range(TIME):
        features, state = decoder.step_features(classes[:, t], before[:, t], state)
        found.append(ops.convert_to_numpy(features))
    np.testing.assert_allclose(np.stack(found, axis=1), ops.convert_to_numpy(whole), atol=1e-5)
    for ours, expected in zip(keras.tree.flatten(state), keras.tree.flatten(last), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), ops.convert_to_numpy(expected), atol=1e-5)
    middle, _ = decoder.features(
        classes[:, 3:], before[:, 3:], decoder.features(classes[:, :3], before[:, :3])[1]
    )
    np.testing.assert_allclose(ops.convert_to_numpy(middle), ops.convert_to_numpy(whole)[:, 3:], atol=1e-5)


@pytest.mark.jax
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
def test_what_is_played_is_possible_and_its_likelihood_finite(options: dict) -> None:
    decoder: KeyDecoder = small(**options)
    rng = np.random.default_rng(6)
    _, classes, _ = random_frames()
    keys, state, played, features = np.zeros((BATCH, KEYS), np.float32), decoder.zero_state(BATCH), [], []
    for t in range(TIME):
        features.append(decoder.step_features(classes[:, t], keys, state)[0])
        uniforms = ops.convert_to_tensor(rng.random((BATCH, decoder.uniforms), np.float32))
        keys, state = decoder.step(classes[:, t], keys, state, uniforms)
        played.append(ops.convert_to_numpy(keys))
    keys = np.stack(played, axis=1)
    assert set(np.unique(keys)) <= {0, 1} and (classes_of(keys) <= classes).all()
    if options.get("at_least_one", True):
        np.testing.assert_array_equal(classes_of(keys), classes)
    log_p = ops.convert_to_numpy(decoder.log_likelihood(ops.stack(features, axis=1), keys, classes))
    assert (log_p > -1e3).all()
    wrong = np.maximum(keys, 1 - np.stack([classes[..., i % CLASSES] for i in range(KEYS)], axis=-1))
    log_p = ops.convert_to_numpy(decoder.log_likelihood(ops.stack(features, axis=1), wrong, classes))
    assert ((log_p < -1e8) == (wrong != keys).any(axis=-1)).all()


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("scale", [1.0, 50.0, 1e4, 1e30])
def test_losses_and_gradients_are_finite_whatever_the_logits(options: dict, scale: float) -> None:
    decoder = small(**options)
    keys, classes, before = random_frames()
    features, _ = decoder.features(classes, before)
    scaled = ops.convert_to_numpy(features) * np.float32(scale)
    for run in (decoder.loss, decoder.log_likelihood):
        assert np.isfinite(ops.convert_to_numpy(run(scaled, keys, classes))).all()
        (slope,) = gradients(lambda x, run=run: ops.sum(run(x, keys, classes)), [scaled])
        assert np.isfinite(slope).all()
    assert np.isfinite(ops.convert_to_numpy(decoder.marginals(scaled, classes))).all()


class Learner(keras.Model):
    """A decoder by itself, for `fit`."""

    def __init__(self, decoder: KeyDecoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.decoder.build(KEYS)

    def call(self, inputs: Any, training: bool = False) -> Any:
        keys, classes, before = inputs
        features, _ = self.decoder.features(classes, before, training=training)
        return self.decoder.loss(features, keys, classes)


def learn(decoder: KeyDecoder, steps: int = 120) -> tuple[Array, Array]:
    """Mean negative log likelihood of a repeated piece before and after training on it, compiled."""
    keys, classes, before = random_frames()
    learner = Learner(decoder)
    learner.compile(
        optimizer=keras.optimizers.Adam(0.05), loss=lambda _, cost: ops.mean(cost), jit_compile=True
    )

    def nats() -> Array:
        features, _ = decoder.features(classes, before)
        return -ops.convert_to_numpy(decoder.log_likelihood(features, keys, classes)).mean()

    first = nats()
    inputs = [np.tile(x, (steps, 1, 1)) for x in (keys, classes, before)]
    learner.fit(inputs, inputs[0][..., 0], batch_size=BATCH, shuffle=False, verbose=0)
    return first, nats()


@pytest.mark.jax
@pytest.mark.parametrize(("objective", "dropout"), [("likelihood", 0.2), ("masked_mean", 0.0)])
def test_it_learns_a_piece(objective: str, dropout: float) -> None:
    keras.utils.set_random_seed(0)
    decoder = IndependentKeys(20, objective=objective, classes=CLASSES, dropout=dropout)
    first, last = learn(decoder)
    assert last < (0.5 if dropout else 0.1) * first


@pytest.mark.jax
def test_the_baseline_has_its_sizes() -> None:
    decoder = IndependentKeys()
    decoder.build()
    shapes = {name: tuple(weight.shape) for name, weight in decoder.named_weights().items()}
    assert list(shapes.values()) == [(12 + 88 + 100, 400), (400,), (100, 88), (88,)]
    assert decoder.uniforms == 88 and decoder.measure == "exact"


@pytest.mark.jax
def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(ValueError, match="objective"):
        IndependentKeys(objective="luck")
