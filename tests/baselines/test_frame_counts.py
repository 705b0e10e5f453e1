"""Counting models: the published numbers, and chains whose entropy is known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from baselines.frame_counts import (
    chord_numbers,
    markov_nats,
    static_bernoulli_nats,
    unigram_nats,
)
from preprocess.pieces.polyphonic_sets import load_polyphonic_set
from preprocess.pieces.transforms import pitch_classes

PUBLISHED = {"JSB_Chorales": 11.09, "Nottingham": 10.26, "MuseData": 11.51, "Piano_midi": 11.05}


def entropy(p: float) -> float:
    return float(-p * np.log(p) - (1 - p) * np.log(1 - p))


def chain(frames: int, begin: float, stay: float, keys: int, seed: int) -> np.ndarray:
    """Keys that begin with one probability and stay with another, each by itself."""
    uniforms = np.random.default_rng(seed).random((frames, keys))
    cells = np.zeros((frames, keys), bool)
    for t in range(1, frames):
        cells[t] = uniforms[t] < np.where(cells[t - 1], stay, begin)
    return cells


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_numbers(data_dir: Callable[[str], Path], name: str) -> None:
    sets = load_polyphonic_set(data_dir("polyphonic") / f"{name}.mat")
    static = static_bernoulli_nats(sets["train"], sets["test"])
    assert static == pytest.approx(PUBLISHED[name], abs=0.005)
    markov = markov_nats(sets["train"], sets["test"])
    assert markov < static
    classes = {split: [pitch_classes(p) for p in pieces] for split, pieces in sets.items()}
    # Twelve bits know less than 88, and the chain knows more than the rates.
    static_classes = static_bernoulli_nats(classes["train"], classes["test"])
    assert markov_nats(classes["train"], classes["test"]) < static_classes < static


def test_static_rates_by_hand() -> None:
    train = [np.array([[1, 0], [0, 0]], bool), np.array([[1, 0], [1, 0]], bool)]
    test = [np.array([[0, 0], [1, 0], [0, 0]], bool), np.array([[1, 1]], bool)]
    # Of the test pieces two frames are predicted; the second key is never seen.
    expected = (-np.log(0.75) - np.log(0.25)) / 2 - np.log(1 - 1e-6)
    assert static_bernoulli_nats(train, test) == pytest.approx(expected, abs=1e-9)


def test_markov_by_hand() -> None:
    train = [np.array([[0], [1], [1], [0], [1]], bool)]
    # From off: on twice of two; from on: on once of two; the rate 3 of 5 counts for one frame.
    off, on = (2 + 0.6) / 3, (1 + 0.6) / 3
    test = [np.array([[0], [1], [1], [0], [0]], bool)]
    expected = -(np.log(off) + np.log(on) + np.log(1 - on) + np.log(1 - off)) / 4
    assert markov_nats(train, test) == pytest.approx(expected, abs=1e-12)


def test_markov_reaches_the_entropy_of_a_chain() -> None:
    begin, stay, keys = 0.1, 0.8, 12
    train, test = ([chain(4000, begin, stay, keys, seed)] for seed in (0, 1))
    on = begin / (begin + 1 - stay)
    rate = keys * ((1 - on) * entropy(begin) + on * entropy(stay))
    assert markov_nats(train, test) == pytest.approx(rate, rel=0.03)
    assert static_bernoulli_nats(train, test) == pytest.approx(keys * entropy(on), rel=0.03)


def test_chords_and_tokens_by_their_frequency() -> None:
    train = [np.array([0, 1, 1]), np.array([2])]
    # Each of four outcomes counted once more: 2, 3, 2 and 1 of 8.
    expected = -(np.log(3 / 8) + np.log(1 / 8)) / 2
    assert unigram_nats(train, [np.array([0, 1, 3]), np.array([2])], 4) == pytest.approx(expected)
    cells = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]])
    assert chord_numbers(cells).tolist() == [5, 0, 7]
    with pytest.raises(ValueError, match="too many"):
        chord_numbers(np.zeros((2, 88)))


def test_nothing_to_learn_or_to_predict() -> None:
    one, two = np.zeros((1, 12), bool), np.zeros((2, 12), bool)
    for train, test in (([two], [one]), ([two], []), ([], [two])):
        with pytest.raises(ValueError, match="no frame"):
            static_bernoulli_nats(train, test)
        with pytest.raises(ValueError, match="no frame"):
            markov_nats(train, test)
