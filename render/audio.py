"""Drum clips as WAV: nine drums from sine sweeps and filtered noise, the recipes of the gallery's player.

Enough to judge a beat by ear where no DAW is at hand; a DAW's kit will sound better.
"""

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np

from preprocess.tfrecord import write_atomically
from render.midi import Style

RATE = 44100


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


def wav_bytes(sequence: Any, style: Style = Style(), bars: int = 4) -> bytes:
    """A drum NoteSequence as a mono 16-bit WAV, exactly `bars` bars of 4/4 long."""
    from render.pianoroll import drum_grid

    sixteenth = 60 / style.qpm / 4
    grid = drum_grid(sequence, bars * 16)
    out = np.zeros(round(bars * 16 * sixteenth * RATE))
    sounds = drum_sounds()
    for drum, step in zip(*grid.nonzero(), strict=True):
        start = int((step + (style.swing if step % 2 else 0)) * sixteenth * RATE)
        sound = sounds[drum][: len(out) - start]
        out[start : start + len(sound)] += sound * (grid[drum, step] / 127) ** 1.5
    out /= max(1.0, np.abs(out).max(initial=0.0))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((out * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def write_wav(sequence: Any, path: str | Path, style: Style = Style(), bars: int = 4) -> None:
    """Write a drum NoteSequence as WAV, whole or not at all."""
    write_atomically(path, wav_bytes(sequence, style, bars))
