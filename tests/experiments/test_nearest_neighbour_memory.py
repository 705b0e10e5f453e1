"""The nearest-neighbour memory: its lookup against NumPy, causality, the gate, and that it predicts repeats."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from experiments import nearest_neighbour_memory as memory
from experiments.tunes import load_songs


def arguments(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--songs", default="")
    parser.add_argument("--seed", type=int, default=0)
    memory.add_flags(parser)
    return parser.parse_args(flags)


@pytest.fixture(scope="module")
def model() -> Any:
    return memory.build_model(6, memory.SEEING, 0)


def test_the_nearest_earlier_state_is_found() -> None:
    states = np.random.default_rng(0).standard_normal((3, 20, 5)).astype(np.float32)
    found = np.asarray(memory.nearest_before(states))
    for b in range(3):
        for t in range(20):
            stored = [np.zeros(5), *states[b, :t]]
            distances = [np.abs(states[b, t] - s).sum() for s in stored]
            assert found[b, t] == np.argmin(distances)
    assert (found[:, 0] == 0).all() and len(np.unique(found)) > 5


def test_what_is_recalled_is_the_frame_that_followed() -> None:
    """The original stored the frame that led to the state; the one to recall is the next frame."""
    frames = np.random.default_rng(1).random((1, 6, 13)).astype(np.float32)
    # At frame 4 the state is the same as at frame 1, which was followed by frame 2.
    states = np.eye(6, dtype=np.float32)[None] * 9
    states[0, 4] = states[0, 1]
    places = memory.nearest_before(states)
    recalled = np.asarray(memory.recall(frames, places))
    np.testing.assert_allclose(recalled[0, 4], frames[0, 2])
    assert not recalled[0, 0].any()  # only the state of zeros is stored, so nothing is recalled


def test_the_gate_mixes_prediction_and_memory(model: Any) -> None:
    frames = load_songs().versions[:2, :40].astype(np.float32)
    own, gate, places = (np.asarray(x) for x in model.parts(frames))
    expected = gate * own + (1 - gate) * np.asarray(memory.recall(frames, places))
    np.testing.assert_allclose(model(frames), expected, atol=1e-6)
    assert gate.shape == (2, 40, 1) and np.ptp(gate) > 0
    plain = memory.build_model(6, memory.PLAIN, 0)
    np.testing.assert_allclose(plain(frames), own, atol=1e-6)


def test_farness_is_the_distance_relative_to_the_size_of_the_state() -> None:
    states = np.random.default_rng(3).standard_normal((1, 9, 4)).astype(np.float32)
    states[0, 6] = states[0, 2]
    found = np.asarray(memory.farness(states, memory.nearest_before(states)))[0, :, 0]
    np.testing.assert_allclose(found[0], np.log(1.0001), atol=1e-4)  # only zeros are stored
    np.testing.assert_allclose(found[6], np.log(1e-4), atol=1e-3)  # no distance from the same state earlier
    stored = np.array([np.zeros(4), *states[0, :5]])
    nearest = np.abs(stored - states[0, 5]).mean(axis=1).min()
    np.testing.assert_allclose(found[5], np.log(nearest / np.abs(states[0, 5]).mean() + 1e-4), atol=1e-3)


def test_only_the_seeing_gate_depends_on_the_distance(model: Any) -> None:
    frames = load_songs().versions[:1, :60].astype(np.float32)
    assert np.ptp(frames[0].sum(axis=-1)) > 0
    blind = memory.build_model(6, memory.BLIND, 0)
    (_, seeing_gate, places), (_, blind_gate, same) = (m.parts(frames) for m in (model, blind))
    np.testing.assert_array_equal(places, same)

    def logit(p: Any) -> np.ndarray:
        return np.log(np.asarray(p) / (1 - np.asarray(p)))

    states = np.asarray(hidden_states(model, frames))
    far = np.asarray(memory.farness(states, places))
    np.testing.assert_allclose(logit(seeing_gate) - logit(blind_gate), far, atol=2e-3)
    assert np.ptp(far) > 1


def hidden_states(model: Any, frames: np.ndarray) -> Any:
    """The upper LSTM's states, step by step."""
    from keras import ops

    lower, upper = (stack.zero_states(len(frames), "float32") for stack in (model.lower, model.upper))
    states = []
    for t in range(frames.shape[1]):
        below, lower = model.lower.step(model.lower.layers[0].project(frames[:, t]), lower)
        state, upper = model.upper.step(model.upper.layers[0].project(below), upper)
        states.append(state)
    return ops.stack(states, axis=1)


def test_no_prediction_depends_on_later_frames(model: Any) -> None:
    frames = load_songs().versions[:1, :60].astype(np.float32)
    other = frames.copy()
    other[:, 45:] = 1 - other[:, 45:]
    np.testing.assert_allclose(np.asarray(model(frames))[:, :45], np.asarray(model(other))[:, :45], atol=1e-6)
    assert np.abs(np.asarray(model(frames))[:, 45:] - np.asarray(model(other))[:, 45:]).max() > 1e-3


def test_all_transpositions_of_a_song_are_on_the_same_side() -> None:
    rng = np.random.default_rng(2)
    songs = []
    for _ in range(5):
        song = np.zeros((128, 13))
        song[np.arange(128), rng.integers(0, 8, 128)] = 1
        songs += [np.roll(song, shift, axis=-1) for shift in (2, 1, 0)]
    known, unknown = memory.split(np.stack([*songs, np.zeros((128, 13))]), 4)
    assert len(known) == 12 and len(unknown) == 1
    np.testing.assert_array_equal(unknown[0], songs[9])
    few, last = memory.split(np.stack(songs), 50)
    assert len(few) == 12
    np.testing.assert_array_equal(last, [songs[12]])
    for some, every in ((songs, 1), (songs[:3], 4)):
        with pytest.raises(InputError, match=f"--held_out={every}"):
            memory.split(np.stack(some), every)


def test_loss_is_cross_entropy_in_nats() -> None:
    answers = np.zeros((1, 4, 13), np.float32)
    answers[0, :, 3] = 1
    np.testing.assert_allclose(
        memory.song_loss(answers, np.full_like(answers, 0.5)), 13 * np.log(2), rtol=1e-5
    )
    # Being certain and wrong has a large but finite loss.
    certain = np.asarray(memory.song_loss(answers, 1 - answers))[0]
    np.testing.assert_allclose(certain, -13 * np.log(memory.EPSILON), rtol=1e-2)


def test_bad_flags_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--units=0"):
        memory.run(arguments("--units=0"), tmp_path)


def test_verdict_follows_the_figures() -> None:
    good, bad = memory.Score(1.5, 0.3, 0.4, 0.04), memory.Score(1.5, 1.5, 0.4, 0.35)
    said = {
        kinds: memory.verdict(dict(zip(memory.KINDS, kinds, strict=True)))
        for kinds in ((good, bad, bad), (good, good, bad), (bad, bad, bad))
    }
    assert "if the gate sees" in said[good, bad, bad] and "4% (memory, gate" in said[good, bad, bad]
    assert "original gate)." in said[good, good, bad].split("Repeated frames")[0]
    assert "neither memory" in said[bad, bad, bad]


@pytest.mark.slow
def test_it_predicts_repeats_in_unseen_original_songs(data_dir: Callable, tmp_path: Path) -> None:
    outcome = memory.run(arguments(f"--songs={data_dir('songs34')}"), tmp_path)
    wrong = {f.what: float(f.here.split("%")[0]) for f in outcome.findings if "predicted wrongly" in f.what}
    seeing, _, plain = wrong.values()
    assert seeing < 12 and plain > 25  # per cent of repeated frames
    assert all((tmp_path / name).stat().st_size > 5000 for name, _ in outcome.pictures)
