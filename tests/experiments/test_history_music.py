"""The music and melody generators: losses by hand, sampling, peaks, repeats, and the original's songs."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from experiments import history_music as music
from experiments.repeats import repeated_frames
from experiments.tunes import load_songs


def arguments(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--songs", default="")
    parser.add_argument("--seed", type=int, default=0)
    music.add_flags(parser)
    return parser.parse_args(flags)


def test_melody_frames_are_one_hot_and_songs_with_chords_are_left_out() -> None:
    rolls = np.zeros((3, 128, 13), np.uint8)
    rolls[0, 5, 2] = rolls[1, 7, [3, 4]] = 1
    assert music.as_frames(rolls, melody=False).shape == (3, 128, 13)
    frames = music.as_frames(rolls, melody=True)
    assert frames.shape == (2, 128, 14) and (frames.sum(axis=-1) == 1).all()
    assert frames[0, 5, 2] == 1 and frames[0, 4, music.PAUSE] == 1
    np.testing.assert_array_equal(music.as_roll(frames[0]), rolls[0])


def test_the_originals_songs_give_69_versions_and_68_melodies(data_dir: Callable) -> None:
    versions = load_songs(str(data_dir("songs34"))).versions
    assert len(music.as_frames(versions, melody=False)) == 69
    assert len(music.as_frames(versions, melody=True)) == 68


def test_losses_are_summed_over_127_frames() -> None:
    frames = music.as_frames(load_songs().versions[:2], melody=True)[:, 1:]
    even, right = np.zeros_like(frames), 100 * frames
    cross_entropy = music.loss_of(music.SYSTEMS["melody"])
    np.testing.assert_allclose(cross_entropy(frames, even), 127 * np.log(14), rtol=1e-5)  # 335
    assert np.max(cross_entropy(frames, right)) < 1e-4
    squared = music.loss_of(music.SYSTEMS["melody_squared"])
    np.testing.assert_allclose(squared(frames, even), 127 / 14, rtol=1e-5)


def test_samples_follow_the_outputs() -> None:
    rng = np.random.default_rng(0)
    logits = np.log(np.array([0.5, 0.3, *[0.2 / 12] * 12]))
    drawn = np.mean([music.draw_frame(logits, music.SYSTEMS["melody"], rng) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(drawn[:2], [0.5, 0.3], atol=0.04)
    # With squared error, each key is struck with the probability that its clipped output gives.
    outputs = np.array([0.4, 0.2, -3.0, *[0.0] * 10])
    drawn = np.mean([music.draw_frame(outputs, music.SYSTEMS["music"], rng) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(drawn[:3], [0.4, 0.2, 0], atol=0.04)
    nothing = music.draw_frame(np.full(14, -1.0), music.SYSTEMS["melody_squared"], rng)
    assert nothing.argmax() == music.PAUSE and nothing.sum() == 1


def test_step_by_step_outputs_match_those_of_the_whole_sequence() -> None:
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
    """The original's bug, reproduced: the local LSTM's output for a frame does not depend on earlier frames."""
    system = music.SYSTEMS["melody"]
    for memoryless in (False, True):
        model = music.build_model(system, memoryless, 0)
        assert model.history.memoryless_local is memoryless
        assert model.history.local.layer_sizes == (75,)


def test_peaks_are_the_highest_local_maxima() -> None:
    weights = np.zeros(80)
    weights[[30, 62, 9]] = 0.3, 0.5, 0.1
    weights[61] = 0.4  # on a slope, so not a local maximum
    weights[3] = 0.01  # below uniform weight
    assert music.peaks(weights, 4) == [63, 31, 10]


def test_repeated_frames_follow_a_phrase_that_occurred_before() -> None:
    rng = np.random.default_rng(1)
    phrase = np.eye(13)[rng.integers(0, 13, 20)]
    song = np.concatenate([phrase, phrase, phrase[:10], 1 - phrase[10:11], phrase[:3]])
    repeated = repeated_frames(song)
    # Eight frames have to match before the next one counts as repeated.
    expected = np.zeros(len(song), dtype=bool)
    expected[28:50] = True
    np.testing.assert_array_equal(repeated, expected)
    assert not repeated_frames(np.zeros((40, 13))).any()


def test_bad_flags_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--steps"):
        music.run(arguments("--steps=0"), tmp_path)


def test_the_best_constant_has_the_entropy_of_the_keys() -> None:
    frames = music.as_frames(load_songs().versions, melody=True)
    shares = frames[:, 1:].mean(axis=(0, 1))
    entropy = -127 * np.sum(shares[shares > 0] * np.log(shares[shares > 0]))
    np.testing.assert_allclose(music.constant_loss(music.SYSTEMS["melody"], frames), entropy, rtol=1e-4)
    # For squared error the best constant is the mean, and its loss is the variance.
    variance = 127 * np.mean(shares * (1 - shares))
    np.testing.assert_allclose(
        music.constant_loss(music.SYSTEMS["melody_squared"], frames), variance, rtol=1e-4
    )


@pytest.mark.slow
def test_a_few_tunes_are_learned_and_generated(tmp_path: Path) -> None:
    outcome = music.run(arguments("--systems", "melody", "--steps=600"), tmp_path)
    first, last, constant = (float(outcome.findings[i].here) for i in range(3))
    assert first > 300 and constant > 100 and last < 0.4 * constant
    assert (tmp_path / "melody.mid").stat().st_size > 100
    assert all((tmp_path / name).stat().st_size > 5000 for name, _ in outcome.pictures)
