"""Clips as WAV: nine drums from sine sweeps and filtered noise, pitched notes from a few harmonics each.

Enough to judge a clip by ear without a DAW, whose instruments will sound better. The sounds are those of the HTML
gallery's player, and the notes are those of the MIDI file.
"""

import dataclasses
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from common.errors import InputError
from common.output_files import OutputFile
from preprocess.midi.reader import read_midi
from preprocess.midi.tempo_map import at_one_tempo
from preprocess.note_sequence import NoteSequence
from render.midi import Style, midi_bytes

RATE = 44100
ATTACK, RELEASE = 0.006, 0.06
"""Seconds of a pitched note's attack and release; without them it would click."""
BLOCK = 2**20
"""Samples rendered at once, about 24 seconds."""
LONGEST = (2**32 - 64) // 2
"""Samples of a WAV file, whose size has 32 bits."""


@dataclasses.dataclass(frozen=True)
class Timbre:
    """How a family of instruments sounds.

    Attributes:
        harmonics: loudness of each, the fundamental first.
        decay: seconds in which a held note of 440 Hz falls to a tenth; 0 for no decay.
        level: overall loudness.
    """

    harmonics: tuple[float, ...]
    decay: float
    level: float


PLUCKED = Timbre((1.0, 0.45, 0.25, 0.12, 0.07, 0.04), 1.4, 0.32)
BASS = Timbre((1.0, 0.6, 0.3, 0.15, 0.06), 1.8, 0.42)
HELD = Timbre((1.0, 0.4, 0.3, 0.16, 0.1, 0.06), 0.0, 0.2)
SOFT = Timbre((1.0, 0.3, 0.1, 0.05), 0.0, 0.2)
TIMBRES = (
    *(PLUCKED, PLUCKED, HELD, PLUCKED, BASS, SOFT, SOFT, HELD),
    *(HELD, SOFT, HELD, SOFT, SOFT, PLUCKED, PLUCKED, SOFT),
)
"""One for each of General MIDI's families (`pianoroll.FAMILIES`)."""


def timbre_of(program: int) -> Timbre:
    """The timbre of a MIDI program."""
    return TIMBRES[program // 8 % len(TIMBRES)]


def read_back(sequence: NoteSequence, style: Style, bars: int) -> NoteSequence:
    """The NoteSequence that is read back from a clip's MIDI file, with drums on General MIDI notes whatever the drum map."""
    return read_midi(midi_bytes(sequence, dataclasses.replace(style, drum_map=None), bars))


def as_written(sequence: NoteSequence, style: Style, bars: int) -> NoteSequence:
    """`read_back` at one tempo, for pictures, with the chord symbols, which MIDI files lack."""
    written = at_one_tempo(read_back(sequence, style, bars))
    speed = (sequence.tempos[0].qpm if sequence.tempos else 120.0) / written.tempos[0].qpm
    for text in sequence.text_annotations:
        added = written.text_annotations.add()
        added.CopyFrom(text)
        added.time *= speed
    return written


def _tone(start: float, end: float, seconds: float) -> np.ndarray:
    time = np.arange(int(RATE * seconds)) / RATE
    frequency = start * (end / start) ** np.minimum(time / (0.6 * seconds), 1.0)
    return np.sin(2 * np.pi * np.cumsum(frequency) / RATE) * 0.001 ** (time / seconds)


def _hiss(seconds: float, lowest: float, rng: np.random.Generator) -> np.ndarray:
    """Noise above a frequency in hertz."""
    count = int(RATE * seconds)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum[np.fft.rfftfreq(count, 1 / RATE) < lowest] = 0
    noise = np.fft.irfft(spectrum, count)
    return noise / np.abs(noise).max() * 0.001 ** (np.arange(count) / count)


def drum_sounds(seed: int = 0) -> list[np.ndarray]:
    """One sound for each of the nine drums, mono at 44.1 kHz, within -1 to 1."""
    rng = np.random.default_rng(seed)

    def mix(*parts: np.ndarray) -> np.ndarray:
        out = np.zeros(max(map(len, parts)))
        for part in parts:
            out[: len(part)] += part
        return out

    return [
        mix(_tone(150, 45, 0.32), 0.2 * _hiss(0.02, 100, rng)),
        mix(0.5 * _tone(230, 160, 0.14), 0.5 * _hiss(0.19, 1500, rng)),
        0.3 * _hiss(0.06, 8000, rng),
        0.3 * _hiss(0.38, 7000, rng),
        0.8 * _tone(120, 75, 0.38),
        0.8 * _tone(165, 105, 0.34),
        0.75 * _tone(220, 140, 0.3),
        0.4 * _hiss(1.3, 4500, rng),
        mix(0.2 * _hiss(0.5, 6000, rng), 0.05 * _tone(3300, 3200, 0.25)),
    ]


def key_sound(
    pitch: int, seconds: float, timbre: Timbre = PLUCKED, start: int = 0, stop: int | None = None
) -> np.ndarray:
    """A pitched note with its release: mono at 44.1 kHz; A4 (69) is 440 Hz.

    Args:
        pitch: MIDI pitch.
        seconds: how long it is held.
        timbre: of the instrument.
        start, stop: which of its samples; all by default.
    """
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    count = int(RATE * (seconds + RELEASE))
    time = np.arange(start, count if stop is None else min(stop, count)) / RATE
    sound = np.zeros_like(time)
    for i, loudness in enumerate(timbre.harmonics, 1):
        # Partials above half the sampling rate would alias.
        if i * frequency >= 0.45 * RATE:
            break
        partial = loudness * np.sin(2 * np.pi * i * frequency * time)
        if timbre.decay:
            # Low strings ring longer, and high harmonics go first.
            partial *= 0.1 ** (time / timbre.decay * np.sqrt(frequency / 440.0) * i**0.5)
        sound += partial
    ends = np.minimum(1.0, time / ATTACK) * np.minimum(1.0, (seconds + RELEASE - time) / RELEASE)
    return timbre.level * sound * np.sin(np.pi / 2 * np.clip(ends, 0, 1)) ** 2


@dataclasses.dataclass(frozen=True)
class _Sound:
    """A note of a clip as sound: from which sample to which, and how to get some of them."""

    start: int
    stop: int
    samples: Callable[[int, int], np.ndarray]


def _sounds(sequence: NoteSequence, style: Style, bars: int) -> list[_Sound]:
    """The sounds of a NoteSequence's notes, in their order."""
    from render.pianoroll import ROW_OF_PITCH

    drums = drum_sounds()

    def drum(row: int, gain: float) -> Callable[[int, int], np.ndarray]:
        return lambda start, stop: drums[row][start:stop] * gain

    def key(note: NoteSequence.Note, gain: float) -> Callable[[int, int], np.ndarray]:
        held, timbre = note.end_time - note.start_time, timbre_of(note.program)
        return lambda start, stop: key_sound(note.pitch, held, timbre, start, stop) * gain

    found = []
    for note in read_back(sequence, style, bars).notes:
        start, gain = round(note.start_time * RATE), (note.velocity / 127) ** 1.5
        if not note.is_drum:
            length = int(RATE * (note.end_time - note.start_time + RELEASE))
            found.append(_Sound(start, start + length, key(note, gain)))
        elif note.pitch in ROW_OF_PITCH:
            row = ROW_OF_PITCH[note.pitch]
            found.append(_Sound(start, start + len(drums[row]), drum(row, gain)))
    return found


def _blocks(sounds: list[_Sound], length: int) -> Iterator[np.ndarray]:
    """The samples of all sounds together, not yet within -1 to 1, block after block."""
    starting = sorted(range(len(sounds)), key=lambda i: sounds[i].start, reverse=True)
    heard: list[int] = []
    fade = min(length, int(RATE * ATTACK))
    for begin in range(0, length, BLOCK):
        end = min(length, begin + BLOCK)
        out = np.zeros(end - begin)
        while starting and sounds[starting[-1]].start < end:
            heard.append(starting.pop())
        # In the notes' order, so that the sum does not depend on the length of blocks.
        heard = sorted(i for i in heard if sounds[i].stop > begin)
        for sound in (sounds[i] for i in heard):
            first, last = max(begin, sound.start), min(end, sound.stop)
            out[first - begin : last - begin] += sound.samples(first - sound.start, last - sound.start)
        if end > length - fade:
            # Fade out what still sounds at the end; cut off, it would click.
            at = np.arange(begin, end) - (length - fade)
            out *= np.where(at < 0, 1.0, 1.0 - at / max(1, fade - 1))
        yield out


def _wav_parts(sequence: NoteSequence, style: Style, bars: int) -> Iterator[bytes]:
    """The bytes of a WAV file: its header, then block after block."""
    length = round(style.seconds(bars * style.quarters_per_bar) * RATE)
    if length > LONGEST:
        raise InputError(
            f"{length / RATE / 3600:.1f} hours are too long for a WAV file, which holds up to "
            f"{LONGEST / RATE / 3600:.1f}; leave out --wav.",
            "too_long",
        )
    sounds = _sounds(sequence, style, bars)
    # Normalising needs the loudest sample first, so a long clip is rendered twice rather than kept in memory.
    single = list(_blocks(sounds, length)) if length <= BLOCK else None
    peak = max(
        (float(np.abs(block).max(initial=0.0)) for block in single or _blocks(sounds, length)), default=0.0
    )
    size = 2 * length
    yield struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + size,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        RATE,
        2 * RATE,
        2,
        16,
        b"data",
        size,
    )
    for block in single or _blocks(sounds, length):
        yield (block / max(1.0, peak) * 32767).astype("<i2").tobytes()


def wav_bytes(sequence: NoteSequence, style: Style = Style(), bars: int = 4) -> bytes:
    """A NoteSequence as a mono 16-bit WAV, exactly `bars` bars long."""
    return b"".join(_wav_parts(sequence, style, bars))


def write_wav(sequence: NoteSequence, path: str | Path, style: Style = Style(), bars: int = 4) -> None:
    """Write a NoteSequence as WAV, completely or not at all, block by block.

    Raises:
        InputError: where it is longer than a WAV file can be, or can't be written there.
        OutputError: where the disk is full.
    """
    with OutputFile(path) as file:
        for part in _wav_parts(sequence, style, bars):
            file.write(part)
