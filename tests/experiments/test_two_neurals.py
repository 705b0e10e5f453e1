"""The agent and its classifier: the reward, what counts as a pattern, and how games end."""

import argparse

import numpy as np
import pytest

from common.errors import InputError
from experiments import two_neurals
from experiments.two_neurals import Game, periods, play, reward


def test_reward_is_the_probability_less_an_exponential_penalty():
    game = Game(growth=2.0, most=100.0)
    assert reward(0.6, 0, game, True) == 0.6
    assert [reward(0.95, n, game, True) for n in (1, 2, 3)] == pytest.approx([-0.05, -2.05, -6.05])
    assert reward(0.95, 50, game, True) == pytest.approx(-99.05)  # at most `most`
    assert reward(0.95, 50, game, False) == 0.95


@pytest.mark.parametrize("pattern", [[5], [1, 2], [1, 1, 2], [0, 1, 0, 2], [3, 1, 4, 1, 5]])
def test_a_pattern_counts_for_its_shortest_period(pattern):
    shares = periods(np.resize(pattern, 100))
    assert shares[len(pattern)] == 1 and sum(shares.values()) == 1


def test_windows_without_a_pattern_and_with_two_patterns():
    assert periods(np.random.default_rng(0).integers(0, 13, 500))[0] == 1
    keys = np.concatenate([np.resize([1, 2], 40), np.full(40, 7)])
    shares = periods(keys, 16)
    # There are 25 windows in each half; windows across the boundary have no pattern.
    assert (shares[2], shares[1]) == (25 / 65, 25 / 65)
    assert sum(shares.values()) == pytest.approx(1)


def test_games_are_reproducible():
    keys, probabilities = play(150, 3, Game(), True)
    again, _ = play(150, 3, Game(), True)
    np.testing.assert_array_equal(keys, again)
    assert keys.shape == probabilities.shape == (150,)
    assert keys.min() >= 0 and keys.max() <= 12 and probabilities.min() >= 0 and probabilities.max() <= 1


def test_only_the_penalty_prevents_repeating_one_key():
    """As in the original, the pair collapses to a single key without the penalty; with it, it moves on."""
    free, guessed = play(600, 0, Game(curiosity=0.0), False)
    assert periods(free[-100:])[1] == 1
    assert guessed[-100:].min() > 0.9
    pushed, _ = play(1000, 0, Game(), True)
    assert periods(pushed[-500:])[1] < 0.5


def test_whole_experiment(tmp_path):
    flags = {"steps": 200, "runs": 1, "curiosity": 0.01, "growth": 1.2, "seed": 0}
    outcome = two_neurals.run(argparse.Namespace(**flags), tmp_path)
    assert len(outcome.pictures) == 3 and len(outcome.midi) == 2
    for name, _ in outcome.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    for name in outcome.midi:
        assert (tmp_path / name).read_bytes().startswith(b"MThd")
    for change in ({"steps": 20}, {"runs": 0}, {"curiosity": 1.5}, {"growth": 1.0}):
        with pytest.raises(InputError, match=f"--{next(iter(change))}="):
            two_neurals.run(argparse.Namespace(**flags | change), tmp_path)


def test_verdict_is_computed():
    shares = dict.fromkeys((*two_neurals.PERIODS, 0), 0.0)
    free, pushed = shares | {1: 0.9, 0: 0.1}, shares | {1: 0.1, 2: 0.02, 5: 0.4, 0: 0.48}
    mean = dict(zip(two_neurals.NAMES, (free, pushed), strict=True))
    said = two_neurals.verdict(mean, dict(zip(two_neurals.NAMES, (0, 2), strict=True)), 4)
    assert "of 5 keys (40%)" in said and "in 2 of 4 runs" in said and "2.0% of the time" in said
    mean[two_neurals.PENALISED] = free
    said = two_neurals.verdict(mean, dict.fromkeys(two_neurals.NAMES, 0), 4)
    assert "does not appear" in said and "push" not in said
