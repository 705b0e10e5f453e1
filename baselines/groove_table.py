"""Drum x step tables: a hit gets the mean velocity and offset of its drum at its sixteenth of the bar."""

import numpy as np

Array = np.ndarray

STEPS_PER_BAR = 16
PRIOR_HITS = 5.0
"""Weight of the drum's mean over all steps in the mean of each step, in hits."""


class GrooveTable:
    """Means of velocity and offset for each drum and step of the bar.

    Args:
        train: hits, velocities (0 to 1) and offsets (-1 to 1), `[clips, steps, 3 * drums]`; clips begin with a bar.
    """

    def __init__(self, train: Array):
        hits, *values = np.split(train.astype(np.float64), 3, axis=-1)
        counts = _by_step(hits)
        self.tables = []
        for value in values:
            sums = _by_step(hits * value)
            mean = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1)
            self.tables.append((sums + PRIOR_HITS * mean) / (counts + PRIOR_HITS))

    def play(self, clips: Array) -> Array:
        """The hits of clips `[n, steps, 3 * drums]` with the table's velocities and offsets."""
        hits = np.split(clips, 3, axis=-1)[0]
        bars = -(-hits.shape[1] // STEPS_PER_BAR)
        tables = [np.tile(table, (bars, 1))[: hits.shape[1]] for table in self.tables]
        return np.concatenate([hits, *(hits * table for table in tables)], axis=-1)


def _by_step(values: Array) -> Array:
    """Sums over clips and bars, `[STEPS_PER_BAR, drums]`."""
    summed = values.sum(axis=0)
    padded = np.pad(summed, ((0, -len(summed) % STEPS_PER_BAR), (0, 0)))
    return padded.reshape(-1, STEPS_PER_BAR, summed.shape[1]).sum(axis=0)
