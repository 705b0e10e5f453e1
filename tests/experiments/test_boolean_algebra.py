"""Boolean rules: the original's exact error counts, replay, and that greedy rules never break a learned answer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError
from experiments.__main__ import run_one
from experiments.boolean_algebra import (
    GreedyDiscon,
    GreedyLinear,
    active_inputs,
    bit_set,
    learn_song,
    new_start,
    play,
)
from experiments.outcome import Outcome
from experiments.tunes import load_songs


@pytest.fixture(scope="module")
def grasshopper(data_dir: Callable[[str], Path]) -> np.ndarray:
    return load_songs(str(data_dir("songs34"))).first


@pytest.mark.parametrize(
    ("kind", "errors", "rules"),
    [
        ("linear", [134, 0], [7, 7, 7, 7, 13, 7, 7, 7, 22, 29, 7, 14, 13]),
        ("greedy", [362, 0], [27, 21, 25, 27, 29, 24, 22, 25, 42, 41, 25, 36, 31]),
        (
            "discon",
            [66, 74, 46, 34, 28, 25, 18, 12, 3, 4, 4, 5, 0],
            [0, 0, 0, 0, 27, 0, 0, 0, 56, 47, 0, 63, 27],
        ),
    ],
)
def test_errors_and_rules_match_the_original(
    grasshopper: np.ndarray, kind: str, errors: list[int], rules: list[int]
) -> None:
    functions, found = learn_song(kind, grasshopper, 30, 179)
    assert found == errors
    assert [len(function.rules) for function in functions] == rules
    replay = play(functions, grasshopper[:8], 128)
    # Discon still deleted rules in its last pass, so it is the only kind whose replay is not exact.
    assert np.array_equal(replay, grasshopper) == (kind != "discon")


@pytest.mark.parametrize("kind", ["greedy", "linear"])
def test_greedy_rules_learn_our_tune_in_one_pass_and_replay_it(kind: str) -> None:
    song = load_songs().first
    functions, errors = learn_song(kind, song, 5, 3)
    assert len(errors) == 2
    assert errors[1] == 0
    assert np.array_equal(play(functions, song[:8], 128), song)


def test_inputs_are_the_beat_and_the_last_64_frames() -> None:
    roll = (np.random.default_rng(0).random((128, 13)) < 0.1).astype(np.uint8)
    for frame in range(8, 128):
        memory = np.zeros((64, 13), np.uint8)
        past = roll[max(0, frame - 64) : frame]
        memory[len(memory) - len(past) :] = past
        beat = np.arange(8) == frame % 8
        assert active_inputs(roll, frame, beats=False) == np.flatnonzero(memory).tolist()
        assert active_inputs(roll, frame) == np.flatnonzero(np.concatenate([beat, memory.ravel()])).tolist()


OBJECTS = st.lists(
    st.tuples(st.frozensets(st.integers(0, 11), min_size=4, max_size=4), st.booleans()),
    unique_by=lambda example: example[0],
    max_size=25,
)


@pytest.mark.parametrize("kind", [GreedyDiscon, GreedyLinear])
@settings(max_examples=60)
@given(objects=OBJECTS)
def test_greedy_rules_never_break_a_learned_answer(
    kind: type[GreedyDiscon] | type[GreedyLinear], objects: list[tuple[frozenset[int], bool]]
) -> None:
    """No example's inputs contain another's, so one pass can learn any answers."""
    function = kind(np.random.RandomState(0))
    for known, (inputs, target) in enumerate(objects, 1):
        function.learn(sorted(inputs), target)
        for earlier, answer in objects[:known]:
            assert function.answer(bit_set(sorted(earlier)))[0] == answer


def test_an_example_contained_in_another_is_not_learned() -> None:
    """Any conjunction that holds for the subset also holds for the superset, so it would change that answer."""
    function = GreedyDiscon(np.random.RandomState(0))
    function.learn([1, 2, 3], True)
    function.learn([1, 2], False)
    assert function.answer(bit_set([1, 2, 3]))[0]


def test_the_start_is_c_f_e_f() -> None:
    assert [np.flatnonzero(frame).tolist() for frame in new_start()] == [[0], [], [5], [], [4], [], [5], []]


def test_the_command_writes_all_its_files(tmp_path: Path) -> None:
    assert run_one("boolean_algebra", [f"--output_dir={tmp_path}", "--rule=linear"]) == 0
    outcome = Outcome.read(tmp_path)
    assert "in 1 pass; its replay is exact" in outcome.verdict
    for name in (*outcome.midi, *(picture for picture, _ in outcome.pictures)):
        assert (tmp_path / name).stat().st_size > 100


def test_zero_passes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one pass"):
        run_one("boolean_algebra", [f"--output_dir={tmp_path}", "--passes=0"])
