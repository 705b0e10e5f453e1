"""Measures of how close generated piano rolls are to real songs."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Likeness:
    """Similarity of rolls to songs, averaged over the rolls.

    Attributes:
        notes: struck keys per frame.
        chord: struck keys per frame, not counting empty frames.
        distance: number of cells (a key in a frame) in which a roll differs from the nearest song.
    """

    notes: float
    chord: float
    distance: float

    def __str__(self) -> str:
        return (
            f"{self.notes:.2f} notes per frame, {self.chord:.1f} at once, "
            f"{self.distance:.0f} cells from the nearest song"
        )


def likeness(rolls: np.ndarray, songs: np.ndarray, itself: bool = False) -> Likeness:
    """Compare rolls with songs.

    Args:
        rolls: `[n, frames, keys]`, values 0 and 1.
        songs: `[m, frames, keys]`, values 0 and 1.
        itself: the rolls are the songs themselves, so each is compared with the nearest *other* song.
    """
    struck = rolls.sum(2)
    chords = [frames[frames > 0].mean() if frames.any() else 0.0 for frames in struck]
    nearest = np.sort(differences(rolls, songs), axis=1)[:, int(itself)]
    return Likeness(float(struck.mean()), float(np.mean(chords)), float(nearest.mean()))


def differences(rolls: np.ndarray, songs: np.ndarray) -> np.ndarray:
    """Hamming distance of each binary roll `[n, ...]` from each song `[m, ...]`: `[n, m]`."""
    a, b = (np.asarray(x, np.int64).reshape(len(x), -1) for x in (rolls, songs))
    return a.sum(1)[:, None] + b.sum(1)[None] - 2 * a @ b.T


def mean_difference(rolls: np.ndarray) -> float:
    """Mean Hamming distance over all pairs of the rolls `[n, ...]`; n is at least 2."""
    return float(differences(rolls, rolls).sum() / (len(rolls) * (len(rolls) - 1)))
