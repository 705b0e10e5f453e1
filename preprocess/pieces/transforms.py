"""Rolls `[frames, keys]` transposed, reduced to pitch classes and with errors, as the piano models read them."""

import numpy as np

from common.errors import InputError


def pitch_classes(roll: np.ndarray) -> np.ndarray:
    """Which of the twelve pitch classes a roll has, bool `[..., 12]` of `[..., keys]`.

    All keys count; MusicGeneration left out the four above the seventh octave, which `roll[..., :84]` does.
    """
    keys = roll.shape[-1]
    cells = np.zeros((*roll.shape[:-1], keys + -keys % 12), dtype=bool)
    cells[..., :keys] = roll != 0
    return np.logical_or.reduce(cells.reshape(*roll.shape[:-1], -1, 12), axis=-2)


def transpositions(roll: np.ndarray) -> range:
    """The transpositions that keep every note of `[..., keys]` on the keyboard; only 0 of silence."""
    used = np.flatnonzero((roll != 0).any(axis=tuple(range(roll.ndim - 1))))
    return range(-int(used[0]), roll.shape[-1] - int(used[-1])) if used.size else range(1)


def transpose(roll: np.ndarray, semitones: int, drop: bool = False) -> np.ndarray:
    """A roll `[..., keys]` of any type, moved up by some semitones.

    Args:
        roll: is not changed.
        semitones: negative for down.
        drop: leave out notes that would leave the keyboard.

    Raises:
        InputError: where some would and `drop` is not given (`pitch_range`).
    """
    if not drop and roll.any() and semitones not in transpositions(roll):
        raise InputError(f"Transposed by {semitones}, notes would leave the keyboard.", "pitch_range")
    moved, keys = np.zeros_like(roll), roll.shape[-1]
    low, high = max(0, semitones), min(keys, keys + semitones)
    if low < high:
        moved[..., low:high] = roll[..., low - semitones : high - semitones]
    return moved


def add_errors(roll: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """A copy of a binary roll `[frames, keys]` with errors at a rate: the noise of MusicGeneration.

    Args:
        roll: is not changed.
        rate: errors a frame, 0 to 1; their number is drawn from the binomial distribution.
        rng: what is drawn from.
    """
    return add_error_count(roll, int(rng.binomial(len(roll), rate)), rng)


def add_error_count(roll: np.ndarray, errors: int, rng: np.random.Generator) -> np.ndarray:
    """A copy of a roll with a number of errors: a random frame is cleared and one random key struck in it.

    A frame may be drawn more than once.
    """
    noisy = roll.copy()
    frames, keys = rng.integers(0, len(roll), errors), rng.integers(0, roll.shape[1], errors)
    for frame, key in zip(frames, keys, strict=True):
        noisy[frame] = 0
        noisy[frame, key] = 1
    return noisy


def fragment_starts(frames: int, length: int = 256, hop: int = 32) -> range:
    """Where the fragments of a piece begin; what is left after the last whole one is not used."""
    return range(0, frames - length + 1, hop)
