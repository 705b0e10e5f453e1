"""The music and melody generators: losses by hand, drawing, peaks, repeats, and the seed's songs."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from experiments import history_music as music
from experiments.repeats import repeated_frames
from experiments.tunes import load_songs
from preprocess.errors import InputError


def arguments(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--songs", default="")
    parser.add_argument("--seed", type=int, default=0)
    music.add_flags(parser)
    return parser.parse_args(flags)


def test_melodies_have_one_of_14_in_each_frame_and_chords_are_left_out() -> None:
    rolls = np.zeros((3, 128, 13), np.uint8)
    rolls[0, 5, 2] = rolls[1, 7, [3, 4]] = 1
    assert music.as_frames(rolls, melody=False).shape == (3, 128, 13)
    frames = music.as_frames(rolls, melody=True)
    assert frames.shape == (2, 128, 14) and (frames.sum(axis=-1) == 1).all()
    assert frames[0, 5, 2] == 1 and frames[0, 4, music.PAUSE] == 1
    np.testing.assert_array_equal(music.as_roll(frames[0]), rolls[0])


def test_the_seeds_songs_give_its_lists(data_dir: Callable) -> None:
    versions = load_songs(str(data_dir("songs34"))).versions
    assert len(music.as_frames(versions, melody=False)) == 69
    assert len(music.as_frames(versions, melody=True)) == 68


def test_losses_add_up_over_127_frames() -> None:
    frames = music.as_frames(load_songs().versions[:2], melody=True)[:, 1:]
    even, right = np.zeros_like(frames), 100 * frames
    cross_entropy = music.loss_of(music.SYSTEMS["melody"])
    np.testing.assert_allclose(cross_entropy(frames, even), 127 * np.log(14), rtol=1e-5)  # the spec's 335
    assert np.max(cross_entropy(frames, right)) < 1e-4
    squared = music.loss_of(music.SYSTEMS["melody_squared"])
    np.testing.assert_allclose(squared(frames, even), 127 / 14, rtol=1e-5)


def test_draws_follow_the_outputs() -> None:
    rng = np.random.default_rng(0)
    logits = np.log(np.array([0.5, 0.3, *[0.2 / 12] * 12]))
    drawn = np.mean([music.draw_frame(logits, music.SYSTEMS["melody"], rng) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(drawn[:2], [0.5, 0.3], atol=0.04)
    # By squared error: a note as often as the clipped outputs' sum, shared among keys as they are.
    outputs = np.array([0.4, 0.2, -3.0, *[0.0] * 10])
    drawn = np.mean([music.draw_frame(outputs, music.SYSTEMS["music"], rng) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(drawn[:3], [0.4, 0.2, 0], atol=0.04)
    nothing = music.draw_frame(np.full(14, -1.0), music.SYSTEMS["melody_squared"], rng)
    assert nothing.argmax() == music.PAUSE and nothing.sum() == 1


def test_playing_answers_as_the_whole_sequence_does() -> None:
    system = music.SYSTEMS["melody"]
    model = music.build_model(system, False, 0)
    frames = music.play(model, system, 3, length=12)
    state, outputs = model.history.zero_state(1), []
    for frame in frames:
        reading = model.step(frame[None], state)
        state = reading.state
        outputs.append(np.asarray(reading.outputs)[0])
    np.testing.assert_allclose(np.stack(outputs), np.asarray(model(frames[None]))[0], atol=1e-4)
    np.testing.assert_array_equal(frames, music.play(model, system, 3, length=12))
    assert not np.array_equal(frames, music.play(model, system, 4, length=12))


def test_memoryless_local_forgets() -> None:
    """The seed's mistake: what the local LSTM says of a frame does not depend on the frames before."""
    system = music.SYSTEMS["melody"]
    for memoryless in (False, True):
        model = music.build_model(system, memoryless, 0)
        assert model.history.memoryless_local is memoryless
        assert model.history.local.layer_sizes == (75,)


def test_peaks_are_the_highest_tops() -> None:
    weights = np.zeros(80)
    weights[[30, 62, 9]] = 0.3, 0.5, 0.1
    weights[61] = 0.4  # a slope is no top
    weights[3] = 0.01  # nor is what has less than an even share
    assert music.peaks(weights, 4) == [63, 31, 10]


def test_repeats_are_frames_after_a_phrase_that_was_heard() -> None:
    rng = np.random.default_rng(1)
    phrase = np.eye(13)[rng.integers(0, 13, 20)]
    song = np.concatenate([phrase, phrase, phrase[:10], 1 - phrase[10:11], phrase[:3]])
    repeated = repeated_frames(song)
    # A phrase of 8 frames must have been heard again before the next frame counts as known.
    expected = np.zeros(len(song), dtype=bool)
    expected[28:50] = True
    np.testing.assert_array_equal(repeated, expected)
    assert not repeated_frames(np.zeros((40, 13))).any()


def test_bad_flags_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--steps"):
        music.run(arguments("--steps=0"), tmp_path)


def test_a_constant_answer_has_the_entropy_of_the_keys() -> None:
    frames = music.as_frames(load_songs().versions, melody=True)
    shares = frames[:, 1:].mean(axis=(0, 1))
    entropy = -127 * np.sum(shares[shares > 0] * np.log(shares[shares > 0]))
    np.testing.assert_allclose(music.constant_loss(music.SYSTEMS["melody"], frames), entropy, rtol=1e-4)
    # The best constant for squared error is the mean: what is left is the variance.
    variance = 127 * np.mean(shares * (1 - shares))
    np.testing.assert_allclose(
        music.constant_loss(music.SYSTEMS["melody_squared"], frames), variance, rtol=1e-4
    )


@pytest.mark.slow
def test_a_few_tunes_are_learnt_and_played(tmp_path: Path) -> None:
    outcome = music.run(arguments("--systems", "melody", "--steps=600"), tmp_path)
    first, last, constant = (float(outcome.findings[i].here) for i in range(3))
    assert first > 300 and constant > 100 and last < 0.4 * constant
    assert (tmp_path / "melody.mid").stat().st_size > 100
    assert all((tmp_path / name).stat().st_size > 5000 for name, _ in outcome.pictures)
