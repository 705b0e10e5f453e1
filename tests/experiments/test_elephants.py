"""Elephant nets: the original's training runs reproduced exactly, single corrections, and consistent networks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from experiments import elephant_engine as engine
from experiments.__main__ import run_one
from experiments.elephant_network import (
    FIRST_HIDDEN,
    HIDDEN_COUNT,
    INPUTS,
    NEXT_WORD,
    Network,
)
from experiments.elephants import BASE, VARIANTS, Elephant, Pass, train
from experiments.outcome import Outcome
from experiments.tunes import load_songs


@pytest.fixture(scope="module")
def grasshopper(data_dir: Callable[[str], Path]) -> np.ndarray:
    return load_songs(str(data_dir("songs34"))).first


def learn(variant: str, mode: str, song: np.ndarray, passes: int = 2500) -> tuple[Elephant, list[Pass]]:
    elephant = Elephant(variant, mode, song, 179)
    return elephant, train(elephant, passes, "")


@pytest.mark.parametrize(
    ("variant", "errors"),
    [("adaptive", [86, 77, 74, 64, 68, 60, 86]), ("firing", [63, 73, 77, 58, 74, 61, 47])],
)
def test_first_passes_match_the_original(grasshopper: np.ndarray, variant: str, errors: list[int]) -> None:
    _, history = learn(variant, "standard", grasshopper, passes=7)
    assert [done.errors for done in history] == errors


@pytest.mark.parametrize(
    ("variant", "mode", "passes", "neurons", "levels"),
    [
        ("firing", "standard", 121, 910, (1.65, 1.65)),
        ("firing", "per_object", 530, 907, (1.1, 1.01)),
        pytest.param("adaptive", "per_object", 1510, 890, (6.5, 6.4), marks=pytest.mark.slow),
        pytest.param("adaptive", "standard", 1927, 907, (11.2, 11.1), marks=pytest.mark.slow),
    ],
)
def test_whole_runs_match_the_original(
    grasshopper: np.ndarray, variant: str, mode: str, passes: int, neurons: int, levels: tuple[float, float]
) -> None:
    """Number of passes until the song is learned, neurons, and the level before and after the last pass."""
    elephant, history = learn(variant, mode, grasshopper)
    last = history[-1]
    assert (last.limit, last.errors, len(history)) == (128, 0, passes)
    assert BASE + last.hidden == neurons
    assert (history[-2].level, last.level) == pytest.approx(levels)
    assert np.array_equal(elephant.play(grasshopper[:8], 128), grasshopper)


def test_firing_learns_our_tune_and_plays_it() -> None:
    song = load_songs().first
    elephant, history = learn("firing", "standard", song)
    assert history[-1].errors == 0
    assert np.array_equal(elephant.play(song[:8], 128), song)


def test_random_numbers_are_those_of_numpy() -> None:
    net = Network.make(-1)
    rng, reference = np.random.RandomState(5), np.random.RandomState(5)
    weights = np.array([0.0, 2.0, 1.0, 0.0, 4.0])
    for _ in range(30_000):
        net.refill(rng)
        assert engine.uniform(net) == reference.random_sample()
        assert engine.integer(net, 36) == reference.randint(37)
        assert engine.choose(net, weights) == reference.choice(5, p=weights / 7)
    before = net.state[NEXT_WORD]
    assert engine.integer(net, 0) == 0
    assert net.state[NEXT_WORD] == before


def check(net: Network) -> None:
    """Edges lead forward and are listed once, all counts are right, and no hidden neuron is unused."""
    hidden = net.order[: net.state[HIDDEN_COUNT]]
    assert np.array_equal(net.neurons["place"][hidden], np.arange(len(hidden)))
    assert (net.neurons["place"] >= 0).sum() == len(hidden)
    place = np.full(len(net.neurons), -1)
    place[hidden] = np.arange(len(hidden))
    place[INPUTS:FIRST_HIDDEN] = len(hidden)
    used = np.flatnonzero(net.edges["used"])
    source, target = net.edges["source"][used], net.edges["target"][used]
    assert (place[source] < place[target]).all()
    assert (target >= INPUTS).all()
    assert set(np.abs(net.edges["weight"][used])) <= {1}
    for n in [*range(INPUTS, FIRST_HIDDEN), *hidden]:
        edges = net.inputs[n, : net.neurons["inputs"][n]]
        assert sorted(edges) == sorted(used[target == n])
    assert np.array_equal(net.neurons["uses"][hidden], [(source == n).sum() for n in hidden])
    assert (net.neurons["inputs"][hidden] > 0).all()
    assert (net.neurons["uses"][hidden] > 0).all()
    assert (net.right[used] <= net.seen[used] + 1e-9).all()
    assert (net.right[used] >= 0).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_networks_stay_consistent_and_learn(variant: str) -> None:
    song = load_songs().first
    elephant, history = learn(variant, "per_object", song, passes=25)
    check(elephant.net)
    assert history[-1].limit > 10
    elephant, history = learn(variant, "standard", song, passes=12)
    check(elephant.net)
    assert min(done.errors for done in history[1:]) < history[0].errors


@pytest.mark.parametrize("silent", [-1, 0])
def test_values_follow_votes_and_a_stub_changes_the_answer(silent: int) -> None:
    """An input votes for key 0; after a stub is put on its edge, the same input no longer switches the key on."""
    net = Network.make(silent)
    net.refill(np.random.RandomState(0))
    engine.connect(net, 10, INPUTS, 1)
    assert engine.answer(net, np.array([10]))[0]
    assert not engine.answer(net, np.array([11]))[0]
    engine.observe(net, np.array([10]), np.full(13, -1))
    engine.stub(net, int(np.flatnonzero(net.edges["used"])[0]))
    check(net)
    assert net.state[HIDDEN_COUNT] == 1
    assert not engine.answer(net, np.array([10]))[0]


def test_edge_statistics_are_kept_for_both_values() -> None:
    """In a binary network, an edge has separate statistics for its source being on and off."""
    net = Network.make(-1)
    engine.connect(net, 10, INPUTS, 1)
    wish = np.full(13, -1)
    engine.observe(net, np.array([10]), wish)
    assert (net.right[0].tolist(), net.seen[0].tolist()) == ([1, 2], [2, 4])
    engine.observe(net, np.array([11]), wish)
    assert (net.right[0].tolist(), net.seen[0].tolist()) == ([2, 2], [3, 4])


def test_deleting_an_edge_removes_unused_neurons() -> None:
    net = Network.make(0)
    net.refill(np.random.RandomState(0))
    engine.connect(net, 10, INPUTS, 1)
    for _ in range(3):
        engine.observe(net, np.array([10, 12]), np.full(13, -1))
        into_key = next(e for e in np.flatnonzero(net.edges["used"]) if net.edges["target"][e] == INPUTS)
        engine.stub(net, int(into_key))
    assert net.state[HIDDEN_COUNT] == 3
    last = next(e for e in np.flatnonzero(net.edges["used"]) if net.edges["target"][e] == INPUTS)
    engine.delete(net, int(last))
    assert net.state[HIDDEN_COUNT] == 0
    assert not net.edges["used"].any()


def test_the_command_writes_all_its_files(tmp_path: Path) -> None:
    arguments = [f"--output_dir={tmp_path}", "--variant=firing", "--mode=standard"]
    assert run_one("elephants", arguments) == 0
    outcome = Outcome.read(tmp_path)
    assert "all 128 frames" in outcome.verdict
    assert "replay is exact" in outcome.verdict
    for name in (*outcome.midi, *(picture for picture, _ in outcome.pictures)):
        assert (tmp_path / name).stat().st_size > 100


def test_unfinished_training_is_reported(tmp_path: Path) -> None:
    assert run_one("elephants", [f"--output_dir={tmp_path}", "--variant=adaptive", "--passes=3"]) == 0
    verdict = Outcome.read(tmp_path).verdict
    assert "in 3 passes" in verdict
    assert "all 128 frames" not in verdict
    with pytest.raises(InputError, match="at least one pass"):
        run_one("elephants", [f"--output_dir={tmp_path}", "--passes=0"])
