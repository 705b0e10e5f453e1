"""WAV clips: their length to the sample, and sound where drums are struck."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from render.audio import RATE, drum_sounds, wav_bytes, write_wav
from render.midi import Style
from tests.drum_sequences import PITCHES, drum_sequence


def samples_of(data: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767


@pytest.mark.parametrize(("qpm", "bars"), [(120.0, 4), (93.0, 2), (174.5, 1)])
def test_length_is_exact(qpm: float, bars: int) -> None:
    samples = samples_of(wav_bytes(drum_sequence([(0, 49, 127, 1)]), Style(qpm=qpm), bars))
    assert len(samples) == round(bars * 4 * 60 / qpm * RATE)


@pytest.mark.parametrize("pitch", PITCHES)
def test_each_drum_sounds_from_its_onset_on_and_not_before(pitch: int) -> None:
    samples = samples_of(wav_bytes(drum_sequence([(8, pitch, 100, 1)]), bars=1))
    onset = RATE
    assert np.abs(samples[:onset]).max() == 0
    assert np.abs(samples[onset : onset + RATE // 50]).max() > 0.02


def test_swing_moves_the_sound() -> None:
    sequence = drum_sequence([(1, 36, 100, 1)])
    first = [
        np.flatnonzero(np.abs(samples_of(wav_bytes(sequence, Style(swing=s), 1))) > 0.01)[0]
        for s in (0.0, 0.5)
    ]
    assert abs(first[1] - first[0] - 0.5 * 0.125 * RATE) <= 2


def test_louder_hits_are_louder_and_a_crowd_does_not_clip() -> None:
    soft, loud = (
        np.abs(samples_of(wav_bytes(drum_sequence([(0, 38, v, 1)]), bars=1))).max() for v in (30, 110)
    )
    assert loud > 3 * soft
    crowd = samples_of(wav_bytes(drum_sequence([(0, p, 127, 1) for p in PITCHES]), bars=1))
    assert 0.5 < np.abs(crowd).max() <= 1.0
    assert (np.abs(crowd) > 0.999).sum() < 5, "scaled down, not cut off"


def test_silence_is_silent() -> None:
    assert not samples_of(wav_bytes(drum_sequence([]), bars=1)).any()


def test_the_same_seed_gives_the_same_sounds_within_range() -> None:
    first, again, other = drum_sounds(0), drum_sounds(0), drum_sounds(1)
    assert len(first) == 9
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
        assert 0.1 < np.abs(a).max() <= 1.2
    assert any(len(a) != len(b) or (a != b).any() for a, b in zip(first, other, strict=True))


def test_the_file_is_what_the_bytes_are(tmp_path: Path) -> None:
    sequence = drum_sequence([(0, 36, 80, 1)])
    write_wav(sequence, tmp_path / "beat.wav", bars=1)
    assert (tmp_path / "beat.wav").read_bytes() == wav_bytes(sequence, bars=1)
