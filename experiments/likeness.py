"""How like songs rolls are that a network or a search made."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Likeness:
    """How like songs rolls are, means over them.

    Attributes:
        notes: struck keys a frame.
        chord: struck keys in a frame that has one.
        distance: places, of a key in a frame, in which a roll differs from the song nearest to it.
    """

    notes: float
    chord: float
    distance: float

    def __str__(self) -> str:
        return f"{self.notes:.2f} notes a frame, {self.chord:.1f} at once, {self.distance:.0f} from a song"


def likeness(rolls: np.ndarray, songs: np.ndarray, itself: bool = False) -> Likeness:
    """Measure rolls against songs.

    Args:
        rolls: of 0 and 1, `[n, frames, keys]`.
        songs: `[m, frames, keys]`.
        itself: whether the rolls are the songs, so that the nearest other one counts.
    """
    struck = rolls.sum(2)
    chords = [frames[frames > 0].mean() if frames.any() else 0.0 for frames in struck]
    nearest = np.sort(differences(rolls, songs), axis=1)[:, int(itself)]
    return Likeness(float(struck.mean()), float(np.mean(chords)), float(nearest.mean()))


def differences(rolls: np.ndarray, songs: np.ndarray) -> np.ndarray:
    """In how many places each roll `[n, ...]` of 0 and 1 differs from each song `[m, ...]`: `[n, m]`."""
    a, b = (np.asarray(x, np.int64).reshape(len(x), -1) for x in (rolls, songs))
    return a.sum(1)[:, None] + b.sum(1)[None] - 2 * a @ b.T


def mean_difference(rolls: np.ndarray) -> float:
    """In how many places two of the rolls `[n, ...]` differ, the mean over all pairs; n is at least 2."""
    return float(differences(rolls, rolls).sum() / (len(rolls) * (len(rolls) - 1)))
