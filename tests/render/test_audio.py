"""WAV clips: their length to the sample, sound where notes are, and notes in tune."""

import io
import resource
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from render import audio
from render.audio import RATE, RELEASE, TIMBRES, drum_sounds, key_sound, wav_bytes, write_wav
from render.midi import Style
from tests.helpers.drum_sequences import PITCHES, SIXTEENTH, drum_sequence
from tests.helpers.pitched_sequences import pitched, trio


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


def peak_frequency(samples: np.ndarray) -> float:
    """The loudest frequency in hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return float(np.fft.rfftfreq(8 * len(samples), 1 / RATE)[spectrum.argmax()])


@pytest.mark.parametrize(("pitch", "hertz"), [(69, 440.0), (60, 261.626), (33, 55.0), (96, 2093.005)])
def test_notes_are_in_tune(pitch: int, hertz: float) -> None:
    samples = samples_of(wav_bytes(pitched((0, pitch, 100, 16)), bars=1))
    assert abs(peak_frequency(samples) - hertz) < 0.002 * hertz


@pytest.mark.parametrize("program", range(0, 128, 8))
def test_every_family_is_in_tune_and_within_range(program: int) -> None:
    sequence = pitched((0, 69, 127, 16), program=program)
    samples = samples_of(wav_bytes(sequence, bars=1))
    assert abs(peak_frequency(samples) - 440) < 1
    assert 0.1 < np.abs(samples).max() < 1


def test_a_note_sounds_as_long_as_it_is_held() -> None:
    samples = np.abs(samples_of(wav_bytes(pitched((4, 60, 100, 4)), bars=1)))
    start, stop = RATE // 2, RATE
    assert samples[:start].max() == 0
    assert samples[start : start + RATE // 50].max() > 0.02
    assert samples[stop - RATE // 50 : stop].max() > 0.02
    assert samples[stop + int(RELEASE * RATE) + 2 :].max() == 0


@pytest.mark.parametrize("timbre", set(TIMBRES))
@pytest.mark.parametrize("seconds", [0.0, 0.003, 0.02, 0.5])
def test_notes_come_and_go_without_a_click(timbre: object, seconds: float) -> None:
    sound = key_sound(48, seconds, timbre)
    assert len(sound) == int(RATE * (seconds + RELEASE))
    # A harmonic of frequency f and loudness 1 moves by 2 pi f / RATE a sample at most.
    frequency = 440 * 2 ** (-21 / 12)
    steepest = sum((i + 1) * loudness for i, loudness in enumerate(timbre.harmonics)) * timbre.level
    limit = steepest * 2 * np.pi * frequency / RATE + 0.01
    padded = np.concatenate([[0], sound, [0]])
    assert np.abs(np.diff(padded)).max() < limit
    assert abs(sound[0]) < 1e-3 and abs(sound[-1]) < 1e-3


def test_what_still_sounds_at_the_end_of_a_clip_fades() -> None:
    for sequence in (pitched((12, 60, 127, 9)), drum_sequence([(15, 49, 127, 1)])):
        samples = samples_of(wav_bytes(sequence, bars=1))
        assert np.abs(samples[-200:-100]).max() > 10 * np.abs(samples[-3:]).max()
        assert abs(samples[-1]) < 1e-3


def test_a_crowd_of_notes_is_scaled_down_and_not_cut_off() -> None:
    crowd = samples_of(wav_bytes(pitched(*((0, pitch, 127, 8) for pitch in range(40, 90, 2))), bars=1))
    assert 0.9 < np.abs(crowd).max() <= 1.0
    assert (np.abs(crowd) > 0.999).sum() < 5


def test_a_trio_plays_drums_and_notes() -> None:
    samples = samples_of(wav_bytes(trio(), bars=1))
    bass = pitched((4, 40, 100, 8), instrument=1, program=33)
    alone = samples_of(wav_bytes(bass, bars=1))
    after = slice(int(0.7 * RATE), RATE)
    assert np.corrcoef(samples[after], alone[after])[0, 1] > 0.999
    assert np.abs(samples[: RATE // 20] - alone[: RATE // 20]).max() > 0.1


def test_played_timing_and_the_velocity_of_the_flags_are_heard() -> None:
    sequence = drum_sequence([(4, 36, 20, 1)])
    sequence.notes[0].start_time += 0.3 * SIXTEENTH
    samples = np.abs(samples_of(wav_bytes(sequence, bars=1)))
    first = np.flatnonzero(samples > 0)[0]
    assert abs(first - 4.3 * SIXTEENTH * RATE) < 0.002 * RATE
    assert np.abs(samples_of(wav_bytes(sequence, Style(velocity=110), 1))).max() > 5 * samples.max()


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    sequence = trio()
    whole = wav_bytes(sequence, bars=2)
    monkeypatch.setattr(audio, "BLOCK", 1000)
    assert wav_bytes(sequence, bars=2) == whole


def test_four_silent_hours_are_not_held(tmp_path: Path) -> None:
    """At 10 quarter notes a minute 600 bars are four hours: 1.27 GB as a file, and 5 GB as numbers."""
    sequence = drum_sequence([(0, 36, 80, 1)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parts = iter(audio._wav_parts(sequence, Style(qpm=10.0), 600))
    header = next(parts)
    assert struct.unpack("<I", header[-4:])[0] == 4 * 3600 * RATE * 2
    assert sum(len(next(parts)) for _ in range(3)) == 3 * 2 * audio.BLOCK
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_what_no_wav_file_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too long for a WAV file"):
        write_wav(drum_sequence([]), tmp_path / "long.wav", Style(qpm=10.0), 6000)
    assert not list(tmp_path.iterdir())
