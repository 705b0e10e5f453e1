"""Drums for taps by counting: which drums belong to a tap, given whether its neighbouring steps are tapped, and its step.

All drums of a tap are played at the tap's own time.
"""

import numpy as np

Array = np.ndarray

STEPS_PER_BAR = 16
PRIOR = 1.0


class TapTable:
    """Shares of hits for each drum, by step of the bar and taps before and after.

    A drum is struck where its share is above the threshold that gives the best F1 on the training clips.

    Args:
        train: hits, velocities and offsets `[clips, steps, 3 * drums]`.
        taps: whether a step is tapped, and the tap's offset, `[clips, steps, 2]`.
        by_step: whether the steps of the bar are distinguished.
    """

    def __init__(self, train: Array, taps: Array, by_step: bool = False):
        hits = np.split(train, 3, axis=-1)[0] > 0.5
        self.by_step = by_step
        cells = self._cells(taps)
        count = 8 * STEPS_PER_BAR
        seen = np.bincount(cells.ravel(), minlength=count)[:, None]
        struck = np.stack(
            [np.bincount(cells[hits[..., d]], minlength=count) for d in range(hits.shape[-1])], axis=1
        )
        mean = struck.sum(axis=0) / max(1, seen.sum())
        self.shares = (struck + PRIOR * mean) / (seen + PRIOR)
        levels = np.linspace(0.05, 0.95, 91)
        # Hits that are played, and those of them that are right, for each threshold: cells are counted, not clips.
        above = self.shares[None] > levels[:, None, None]
        right, played = (above * struck).sum(axis=(1, 2)), (above * seen).sum(axis=(1, 2))
        self.threshold = float(levels[np.argmax(2 * right / np.maximum(1, played + hits.sum()))])

    def _cells(self, taps: Array) -> Array:
        tapped = (taps[..., 0] > 0.5).astype(np.int64)
        around = np.pad(tapped, ((0, 0), (1, 1)))
        step = np.arange(tapped.shape[1]) % STEPS_PER_BAR * self.by_step
        return 4 * around[:, 1:-1] + 2 * around[:, :-2] + around[:, 2:] + 8 * step

    def play(self, taps: Array) -> Array:
        """Hits and offsets for taps `[n, steps, 2]`; velocities are 1: `[n, steps, 3 * drums]`."""
        hits = (self.shares[self._cells(taps)] > self.threshold).astype(np.float64)
        return np.concatenate([hits, hits, hits * taps[..., 1:2]], axis=-1)


def at_the_taps_time(clips: Array, taps: Array) -> Array:
    """Clips `[n, steps, 3 * drums]` with the taps' offsets instead of their own."""
    hits, velocities, _ = np.split(clips, 3, axis=-1)
    return np.concatenate([hits, velocities, hits * taps[..., 1:2]], axis=-1)
