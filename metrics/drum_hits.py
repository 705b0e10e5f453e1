"""Measures of drum hits, in NumPy on tokens and on boolean grids.

A token is one sixteenth note of a beat; its bit i says that drum i is struck. Beats are compared as boolean grids
`[clips, steps, drums]` (`preprocess.drums.rhythm.hits_of`), sixteen steps a bar of 4/4. Distributions are compared by
the earth mover's distance (Wasserstein-1), which is in the units of what it compares and needs no bins.
"""

from dataclasses import dataclass

import numpy as np

from preprocess.drums.rhythm import STEPS_PER_BAR, hits_of

Array = np.ndarray


def step_mask(lengths: Array, steps: int) -> Array:
    """Boolean `[clips, steps]`, true at the steps before each clip's end."""
    return np.arange(steps)[None, :] < np.asarray(lengths)[:, None]


@dataclass(frozen=True)
class Reconstruction:
    """How well clips were reconstructed.

    Attributes:
        token_accuracy: share of the steps whose token, all drums at once, is right.
        f1: F1 of the hits of all drums together (each hit counts once, so frequent drums weigh more).
        f1_per_drum: F1 of each drum, NaN where it is struck neither in the truth nor in the reconstruction.
    """

    token_accuracy: float
    f1: float
    f1_per_drum: tuple[float, ...]


def reconstruction(truth: Array, predicted: Array, lengths: Array, drums: int) -> Reconstruction:
    """Compare tokens.

    Args:
        truth: int `[clips, steps]`.
        predicted: int `[clips, steps]`.
        lengths: `[clips]`; later steps do not count.
        drums: number of drums.
    """
    real = step_mask(lengths, truth.shape[1])
    wanted = hits_of(truth, drums) & real[..., None]
    struck = hits_of(predicted, drums) & real[..., None]
    right = (wanted & struck).sum(axis=(0, 1))
    both = wanted.sum(axis=(0, 1)) + struck.sum(axis=(0, 1))
    return Reconstruction(
        float((truth == predicted)[real].mean()),
        f1(right.sum(), both.sum()),
        tuple(f1(r, b) for r, b in zip(right, both, strict=True)),
    )


def f1(right: int, wanted_and_struck: int) -> float:
    """Harmonic mean of precision and recall, `2 TP / (2 TP + FP + FN)`."""
    return float(2 * right / wanted_and_struck) if wanted_and_struck else float("nan")


def hits_per_bar(hits: Array) -> Array:
    """Hits of all drums in each whole bar: int `[clips * bars]` for hits `[clips, steps, drums]`."""
    return bars_of(hits).sum(axis=(1, 2))


def bars_of(hits: Array) -> Array:
    """The whole bars of clips, `[clips * bars, 16, drums]`; an unfinished last bar is left out."""
    clips, steps, drums = hits.shape
    bars = steps // STEPS_PER_BAR
    return hits[:, : bars * STEPS_PER_BAR].reshape(clips * bars, STEPS_PER_BAR, drums)


def density(hits: Array) -> Array:
    """Share of the steps at which each drum is struck, `[clips, drums]` for hits `[clips, steps, drums]`."""
    return hits.mean(axis=1)


def distinct_share(patterns: Array) -> float:
    """Different patterns as a share of all, of patterns `[n, ...]`; 1 where no two are the same."""
    flat = np.packbits(patterns.reshape(len(patterns), -1), axis=1)
    return len(np.unique(flat, axis=0)) / len(patterns)


def wasserstein(a: Array, b: Array) -> float:
    """Earth mover's distance (Wasserstein-1) between two samples of numbers, in their units.

    It is the area between the two cumulative distributions.
    """
    a, b = np.sort(np.asarray(a, np.float64).ravel()), np.sort(np.asarray(b, np.float64).ravel())
    values = np.sort(np.concatenate([a, b]))
    below_a = np.searchsorted(a, values[:-1], side="right") / len(a)
    below_b = np.searchsorted(b, values[:-1], side="right") / len(b)
    return float((np.abs(below_a - below_b) * np.diff(values)).sum())


def nearest_distance(queries: Array, pool: Array, block: int = 256) -> Array:
    """Hamming distance from each clip to the most similar one of a pool.

    Args:
        queries: boolean hits `[n, steps, drums]`.
        pool: boolean hits `[m, steps, drums]`.
        block: queries compared at once, which bounds the memory to `block * m` numbers.

    Returns:
        int `[n]`, the number of cells of the grid that differ; 0 is a copy.
    """
    # |q xor p| = |q| + |p| - 2 q.p, so that the work is a matrix product. float32 counts exactly to 2 ** 24.
    rows = pool.reshape(len(pool), -1).astype(np.float32)
    sizes = rows.sum(axis=1)
    nearest = []
    for start in range(0, len(queries), block):
        part = queries[start : start + block]
        part = part.reshape(len(part), -1).astype(np.float32)
        nearest.append(part.sum(axis=1) + (sizes[None, :] - 2 * part @ rows.T).min(axis=1))
    return np.concatenate(nearest).astype(np.int64)
