"""Drum performances on a grid: the loudest hit of each step and drum, its velocity, and how far off the step it is."""

import numpy as np

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Hits (0 or 1), velocities (0 to 1) and offsets in half steps (early ones positive), float `[steps, drums]` each."""


def grid_of(
    cells: tuple[np.ndarray, np.ndarray],
    velocities: np.ndarray,
    offsets: np.ndarray,
    drums: int,
    steps_per_bar: int,
) -> Triple:
    """Hits on an empty grid of whole bars.

    Args:
        cells: the step and the drum of each hit, int `[hits]`, none of them twice; at least one.
        velocities: MIDI velocities `[hits]`.
        offsets: in half steps `[hits]`.
        drums: number of drums.
        steps_per_bar: steps of a bar.
    """
    total = int(cells[0].max()) + 1
    shape = (total + -total % steps_per_bar, drums)
    grids = (np.zeros(shape), np.zeros(shape), np.zeros(shape))
    for grid, values in zip(grids, (np.ones(len(offsets)), velocities / 127.0, offsets), strict=True):
        grid[cells] = values
    return grids


def loudest(cells: np.ndarray, velocities: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Indices of the loudest of the valid notes of each cell."""
    kept = np.flatnonzero(valid)
    # The sort is stable, so the first of equally loud notes wins, as in the original.
    order = kept[np.lexsort((-velocities[kept], cells[kept]))]
    _, first = np.unique(cells[order], return_index=True)
    return order[first]


class GridRows:
    """A grid as rows of numbers: hits, then velocities, then offsets.

    Args:
        drums: number of drums.
        velocity_bins, offset_bins: values of one-hot velocities and offsets; 0 for the numbers themselves.
        split: a row for each drum of a step, in turn, instead of one row a step.
    """

    def __init__(self, drums: int, velocity_bins: int = 0, offset_bins: int = 0, split: bool = False):
        self.drums, self.velocity_bins, self.offset_bins = drums, velocity_bins, offset_bins
        self.rows_a_step = drums if split else 1
        self.drums_a_row = 1 if split else drums
        self.width = self.drums_a_row * (1 + (velocity_bins or 1) + (offset_bins or 1))

    def of(self, grid: Triple) -> np.ndarray:
        """Float32 `[rows, width]`."""
        hits, velocities, offsets = grid
        if self.velocity_bins:
            velocities = _one_hot_bins(velocities, 0.0, 1.0, self.velocity_bins)
            offsets = _one_hot_bins(offsets, -1.0, 1.0, self.offset_bins)
        rows = len(hits) * self.rows_a_step
        parts = [part.reshape(rows, -1) for part in (hits, velocities, offsets)]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def played(self, rows: np.ndarray) -> Triple:
        """Hits, MIDI velocities and offsets in steps (early ones positive) of rows, `[steps, drums]` each.

        Args:
            rows: float `[rows, width]`.
        """
        rows = np.pad(rows, ((0, -len(rows) % self.rows_a_step), (0, 0)))
        ends = np.cumsum([1, self.velocity_bins or 1]) * self.drums_a_row
        hits, velocities, offsets = np.split(rows, ends, axis=1)
        hits = hits.reshape(-1, self.drums)
        if not self.velocity_bins:
            played = np.clip(np.round(velocities * 127), 0, 127).reshape(-1, self.drums)
            return hits, played, np.clip(offsets / 2, -0.5, 0.5).reshape(-1, self.drums)
        velocity_bins = velocities.reshape(-1, self.drums, self.velocity_bins).argmax(axis=-1)
        offset_bins = offsets.reshape(-1, self.drums, self.offset_bins).argmax(axis=-1)
        played = (velocity_bins / self.velocity_bins * 127).astype(np.int64)
        return hits, played, offset_bins / self.offset_bins - 0.5


def _one_hot_bins(values: np.ndarray, low: float, high: float, bins: int) -> np.ndarray:
    """`[steps, drums]` to `[steps, drums * bins]`, by equal bins whose upper edges count."""
    # The small amount above keeps the highest value inside, as in the original.
    edges = np.linspace(low, high + 0.0001, bins)
    indices = np.minimum(np.digitize(values, edges, right=True), bins - 1)
    return np.eye(bins)[indices].reshape(len(values), -1)
