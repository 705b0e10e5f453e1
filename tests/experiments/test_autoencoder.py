"""The any-song-to-any-other autoencoder: its loss, the best constant, and the collapse."""

import argparse

import numpy as np
import pytest

from common.errors import InputError
from experiments import autoencoder
from experiments.__main__ import main
from experiments.outcome import Outcome
from experiments.tunes import load_songs


def loss_of(constant: np.ndarray, songs: np.ndarray) -> float:
    return float(autoencoder.distance(songs.reshape(len(songs), -1), constant.reshape(-1)).mean())


def test_distance_is_the_fourth_root_of_the_mean_square():
    answers = np.zeros((2, 1664))
    answers[1, :416] = 1  # a quarter of the cells differ
    np.testing.assert_allclose(autoencoder.distance(answers, np.zeros(1664)), [0, 0.25**0.25])


def test_best_constant_cannot_be_improved():
    """The gradient is zero there, and no small random step lowers the loss."""
    songs = load_songs().versions
    best = autoencoder.best_constant(songs)
    lowest = loss_of(best, songs)
    flat = songs.reshape(len(songs), -1).astype(float)
    distances = autoencoder.distance(flat, best)
    gradient = ((best - flat) * (0.5 / flat.shape[1] * distances**-3)[:, None]).mean(0)
    assert np.abs(gradient).max() < 1e-9
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert loss_of(best + 0.01 * rng.standard_normal(best.shape), songs) > lowest
    assert lowest < loss_of(flat.mean(0), songs) and lowest < loss_of(np.zeros(1664), songs)


def test_pairs_are_independent():
    songs = load_songs().versions
    given, wanted = autoencoder.pairs(songs, 2000, np.random.default_rng(0))
    assert given.shape == wanted.shape == (2000, 1664) and given.dtype == np.float32
    assert (given == wanted).all(1).mean() == pytest.approx(1 / len(songs), abs=0.03)
    rows = {row.tobytes() for row in songs.reshape(len(songs), -1).astype(np.float32)}
    assert {row.tobytes() for row in wanted} == rows == {row.tobytes() for row in given}


def test_optimizer_is_that_of_tensorflow_1():
    """Compared with the formula: the mean of squares starts at 1, and epsilon is inside the square root."""
    from models.layers import startup as quiet

    quiet.import_keras()
    import keras

    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    optimizer = autoencoder.make_optimizer(network)
    value = np.array(network.get_weights()[0], np.float64)
    mean = np.ones_like(value)
    rng = np.random.default_rng(0)
    for _ in range(5):
        gradient = rng.standard_normal(value.shape)
        optimizer.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))])
        mean = 0.9 * mean + 0.1 * gradient**2
        value -= 0.01 * gradient / np.sqrt(mean + 1e-10)
    np.testing.assert_allclose(network.get_weights()[0], value, rtol=1e-5)


def test_variation_of_constants_and_of_songs():
    songs = load_songs().versions
    flat = songs.reshape(len(songs), -1)
    assert autoencoder.variation(flat, songs) == pytest.approx(1)
    assert autoencoder.variation(np.repeat(flat[:1], len(flat), 0), songs) == 0


def test_whole_experiment(tmp_path):
    flags = {"steps": 12, "batch_size": 16, "small": 0.03, "songs": "", "seed": 0}
    outcome = autoencoder.run(argparse.Namespace(**flags), tmp_path)
    found = {finding.what: finding.here for finding in outcome.findings}
    # With weights from N(0, 1), untrained outputs are near 0 or 1 by chance, so other songs give about the same 0.83.
    assert float(found["loss before training"]) == pytest.approx(0.83, abs=0.02)
    for name, _ in outcome.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="--steps"):
        autoencoder.run(argparse.Namespace(**flags | {"steps": 0}), tmp_path)
    with pytest.raises(InputError, match="--small"):
        autoencoder.run(argparse.Namespace(**flags | {"small": 0.0}), tmp_path)


@pytest.mark.slow
def test_reference_case(data_dir, tmp_path):
    """The original's curve: 0.8303, 0.8262 at step 100, then a plateau far above the best constant's loss."""
    folder = data_dir("songs34")
    assert main(["autoencoder", f"--songs={folder}", f"--output_dir={tmp_path}"]) == 0
    found = {finding.what: finding.here for finding in Outcome.read(tmp_path).findings}
    assert float(found["loss before training"]) == pytest.approx(0.8303, abs=0.01)
    assert float(found["loss at step 100"]) == pytest.approx(0.8262, abs=0.01)
    assert 0.5 < float(found["loss at the end, step 300"]) < 0.62
    assert float(found["loss of the best constant"]) == pytest.approx(0.399, abs=1e-3)
    assert float(found["initial weights with deviation 0.03: loss at the end"]) == pytest.approx(
        0.399, abs=2e-3
    )
    for name in (
        "variance of outputs across songs, as a fraction of the songs'",
        "initial weights with deviation 0.03: variance of outputs",
    ):
        assert float(found[name]) < 0.01
