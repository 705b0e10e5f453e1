"""NEAT: XOR is solved, networks compute what neat-python computes, and both fitness functions."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from experiments.__main__ import run_one
from experiments.neuro_evolution import (
    MELODY,
    XOR_INPUTS,
    XOR_OUTPUTS,
    evolve_xor,
    expected_frames,
    make_config,
    memories,
    outputs,
    until_first_mistake,
)
from experiments.outcome import Outcome
from experiments.tunes import load_songs


def test_xor_is_solved() -> None:
    """As in the original, the fitness exceeds 3.9 of 4."""
    xor = evolve_xor(150, 300, seed=0)
    assert xor.fitness[-1] > 3.9
    answers = outputs(xor.genome, xor.config, XOR_INPUTS)[:, 0]
    assert 4 - ((answers - XOR_OUTPUTS) ** 2).sum() == pytest.approx(xor.fitness[-1])
    assert ((answers > 0.5) == (XOR_OUTPUTS > 0.5)).all()


def test_the_random_seed_determines_the_evolution() -> None:
    assert evolve_xor(30, 6, seed=4).fitness == evolve_xor(30, 6, seed=4).fitness


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_networks_compute_what_neat_python_computes(activation: str) -> None:
    import random

    import neat

    config = make_config(8, 1.0, activation, **MELODY | {"num_hidden": 5, "initial_connection": "full"})
    random.seed(0)
    genome = neat.Population(config, seed=0).population[1]
    for _ in range(20):
        genome.mutate(config.genome_config)
    inputs = np.random.default_rng(0).choice([-1.0, 1.0], (4, 416))
    network = neat.nn.FeedForwardNetwork.create(genome, config)
    reference = [network.activate(row) for row in inputs.tolist()]
    found = outputs(genome, config, inputs)
    assert found.shape == (4, 13)
    assert np.ptp(found) > 0.1
    np.testing.assert_allclose(found, reference, atol=1e-12)


def test_memory_is_the_last_32_frames() -> None:
    song = load_songs().first
    seen, target = memories(song)
    assert seen.shape == (120, 416)
    assert np.array_equal(target, song[8:] > 0)
    frames = seen.reshape(120, 32, 13)
    assert (frames[0, :24] == -1).all()
    assert np.array_equal(frames[0, 24:] > 0, song[:8] > 0)
    assert np.array_equal(frames[100] > 0, song[76:108] > 0)


def test_the_originals_fitness_stops_at_the_first_mistake() -> None:
    target = np.zeros((5, 13), dtype=bool)
    target[:, 3] = True
    played = np.where(target, 2.0, -2.0)
    assert until_first_mistake(played, 0.0, target) == 6.0
    played[2, 7] = 1.5
    expected = 1 + 2 + (12 + 1 / (1 + np.exp(1.5))) / 13
    assert until_first_mistake(played, 0.0, target) == pytest.approx(expected)
    played[4] = 9.0
    assert until_first_mistake(played, 0.0, target) == pytest.approx(expected)


def test_our_fitness_is_the_expected_number_of_right_frames() -> None:
    rng = np.random.default_rng(1)
    chances = rng.uniform(0.01, 0.99, (6, 13)) ** 4 * 0.9 + 0.01
    target = rng.random((6, 13)) < 0.1
    drawn = rng.random((20_000, 6, 13)) < chances
    mean = (drawn == target).all(axis=2).sum(axis=1).mean()
    assert expected_frames(chances, "sigmoid", target) == pytest.approx(mean, abs=0.03)
    assert expected_frames(chances * 2 - 1, "tanh", target) == pytest.approx(mean, abs=0.03)


def test_the_command_writes_all_its_files(tmp_path: Path) -> None:
    arguments = [f"--output_dir={tmp_path}", "--population=20", "--generations=3", "--activation=tanh"]
    assert run_one("neuro_evolution", arguments) == 0
    outcome = Outcome.read(tmp_path)
    assert "XOR was solved" in outcome.verdict
    for name in (*outcome.midi, *(picture for picture, _ in outcome.pictures)):
        assert (tmp_path / name).stat().st_size > 100


def test_too_small_a_population_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--population=1"):
        run_one("neuro_evolution", [f"--output_dir={tmp_path}", "--population=1"])
