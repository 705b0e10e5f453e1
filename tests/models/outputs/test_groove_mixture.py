"""Grooves by likelihood: what is said of a hit sums to one, and Keras and NumPy say and draw the same."""

import dataclasses
import itertools

import numpy as np
import pytest

import configs
from models import families
from models.music_vae.trained import TrainedModel
from models.numpy_engine import grooves as numpy_groove
from models.outputs.groove_layout import OFFSET_GRID, VELOCITY_GRID
from tests.helpers.checkpoints import randomize, tiny_config

HUMANIZE, TAP = "groovae_2bar_humanize_small", "groovae_2bar_tap_small"


def small(name: str) -> configs.Config:
    config = tiny_config(name, dec_rnn_size=(7, 6), control_preprocessing_rnn_size=(11, 9))
    return dataclasses.replace(config, decoder={**config.decoder, "components": 3, "window": 3})


def some_controls(config: configs.Config, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Hits or taps at random, a tempo, and a drummer and a style or none."""
    converter = config.build_converter()
    given = numpy_groove.layout_of(config).given
    controls = np.zeros((batch, 32, converter.control_depth), np.float32)
    controls[..., :given] = rng.random((batch, 32, given)) < 0.3
    if converter.taps_as_controls:
        controls[..., 1] *= controls[..., 0] * rng.uniform(-1, 1, (batch, 32))
    controls[..., given] = rng.normal(size=(batch, 1))
    controls[::2, :, given + 3] = controls[::2, :, given + 15] = 1
    return controls


def some_values(controls: np.ndarray, taps: bool, rng: np.random.Generator) -> np.ndarray:
    shape = (*controls.shape[:2], 9)
    hits = controls[..., :9] if not taps else (rng.random(shape) < 0.4) * controls[..., :1]
    if taps:
        hits[..., 0] = np.maximum(hits[..., 0], controls[..., 0] * (hits.sum(axis=-1) == 0))
    velocity = rng.integers(1, 128, shape) / 127
    offset = rng.integers(-60, 61, shape) / 60
    return np.concatenate([hits, hits * velocity, hits * offset], axis=-1).astype(np.float32)


@pytest.mark.parametrize("grid", [VELOCITY_GRID, OFFSET_GRID])
def test_a_discretised_logistic_sums_to_one(grid: tuple[float, float, float]) -> None:
    low, high, width = grid
    values = np.linspace(low, high, round((high - low) / width) + 1)
    for location, log_scale in itertools.product((low - 0.2, 0.3, high + 0.1), (-5.0, -2.0, 1.0)):
        mass = np.exp(numpy_groove.log_mass(values, np.array(location), np.array(log_scale), grid))
        assert mass.sum() == pytest.approx(1, abs=1e-5)
        assert (mass >= 0).all()


def test_the_likelihood_of_a_hit_sums_to_one() -> None:
    """Over all velocities and offsets of one hit that is given."""
    config = small(HUMANIZE)
    weights = randomize(families.build_model(config), scale=0.4)
    controls = some_controls(config, 1, np.random.default_rng(0))[:, :2]
    controls[:, 1, :9] = np.arange(9) == 4
    cells = np.array(list(itertools.product(range(128), range(-60, 61))))
    values = np.zeros((len(cells), 2, 27), np.float32)
    values[:, 1, 4] = 1
    values[:, 1, 13], values[:, 1, 22] = cells[:, 0] / 127, cells[:, 1] / 60
    many = np.repeat(controls, len(cells), axis=0)
    found = numpy_groove.log_probability(weights, config, many, values)[:, 1]
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-4)


def test_the_likelihood_of_the_drums_of_a_tap_sums_to_one() -> None:
    config = small(TAP)
    weights = randomize(families.build_model(config), scale=0.4)
    weights["decoder/linear/bias"][:] = 50  # every hit is as loud as can be
    controls = some_controls(config, 1, np.random.default_rng(0))[:, :2]
    controls[:, 1, 0] = 1
    ways = np.array(list(itertools.product((0.0, 1.0), repeat=9)))[1:]
    values = np.zeros((len(ways), 2, 27), np.float32)
    values[:, 1, :9] = values[:, 1, 9:18] = ways
    many = np.repeat(controls, len(ways), axis=0)
    found = numpy_groove.log_probability(weights, config, many, values)[:, 1]
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", [HUMANIZE, TAP])
def test_keras_and_numpy_agree(name: str) -> None:
    config = small(name)
    model = families.build_model(config)
    weights = randomize(model, scale=0.3)
    rng = np.random.default_rng(1)
    taps = config.build_converter().taps_as_controls
    for part in ("velocity", "offset")[: 1 if taps else 2]:
        knots = np.sort(rng.uniform(-0.2, 1, (9, 2, 65)), axis=-1).astype(np.float32)
        weights[f"decoder/maps/{part}"] = knots
        model.named_weights()[f"decoder/maps/{part}"].assign(knots)
    controls = some_controls(config, 6, rng)
    values = some_values(controls, taps, rng)
    batch = {
        "inputs": values,
        "outputs": values,
        "controls": controls,
        "lengths": np.full(6, 32, np.int32),
    }
    expected = np.asarray(model.loss_terms(batch, model(batch)).reconstruction)
    found = numpy_groove.log_probability(weights, config, controls, values)
    np.testing.assert_allclose(-found.sum(axis=1), expected, rtol=1e-4)
    z = np.zeros((6, 0), np.float32)
    uniforms = rng.random((6, 32, 28), dtype=np.float32)
    for numbers, temperature in ((None, 1.0), (uniforms, 1.0), (uniforms, 0.4)):
        ours = numpy_groove.decode(weights, config, controls, numbers, temperature)
        theirs = np.asarray(model.decode(z, numbers, temperature, controls))
        # A uniform number within rounding of a boundary may fall on either side; all that follows then differs.
        same = np.isclose(ours, theirs, atol=1e-4).reshape(6, -1).all(axis=1)
        assert same.sum() >= (6 if numbers is None and not taps else 5)


@pytest.mark.parametrize("temperature", [None, 0.5, 1.0, 2.0])
def test_every_tap_has_a_drum_at_its_time_and_no_other_step_has(temperature: float | None) -> None:
    config = small(TAP)
    weights = randomize(families.build_model(config), scale=0.5)
    weights["decoder/output_projection/bias"][:9] = -8  # silence would be likeliest
    controls = some_controls(config, 20, np.random.default_rng(2))
    model = TrainedModel(config, weights)
    played = model.decode_values(np.zeros((20, 0)), temperature, controls=controls)
    hits, _, offsets = np.split(played, 3, axis=-1)
    np.testing.assert_array_equal(hits.any(axis=-1), controls[..., 0] > 0)
    np.testing.assert_array_equal(offsets, hits * controls[..., 1:2])


def test_draws_have_the_shares_of_the_likelihood() -> None:
    """Velocities of one hit drawn many times, against their exact probabilities."""
    config = small(HUMANIZE)
    weights = randomize(families.build_model(config), scale=0.4)
    controls = np.zeros((1, 32, 38), np.float32)
    controls[0, 0, 4] = 1
    many = np.repeat(controls, 4000, axis=0)
    uniforms = np.random.default_rng(3).random((4000, 32, 28), dtype=np.float32)
    drawn = numpy_groove.decode(weights, config, many, uniforms)[:, 0, 13]
    values = np.zeros((128 * 121, 32, 27), np.float32)
    values[:, 0, 4] = 1
    values[:, 0, 13] = np.repeat(np.arange(128), 121) / 127
    values[:, 0, 22] = np.tile(np.arange(-60, 61), 128) / 60
    rows = np.repeat(controls[:, :1], len(values), axis=0)
    log_p = numpy_groove.log_probability(weights, config, rows, values[:, :1])[:, 0]
    mass = np.exp(log_p).reshape(128, 121).sum(axis=1)
    for level in (0.25, 0.5, 0.75):
        assert (drawn <= level).mean() == pytest.approx(mass[: round(level * 127) + 1].sum(), abs=0.03)
