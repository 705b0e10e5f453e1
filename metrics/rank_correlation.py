"""Spearman's rank correlation in NumPy, so that `evaluate.py` needs no SciPy."""

import numpy as np

Array = np.ndarray


def rank_correlation(x: Array, y: Array) -> float:
    """Spearman's rho: the correlation of the ranks, where equal values share the mean of theirs.

    >>> rank_correlation(np.array([1, 2, 3, 4]), np.array([10, 20, 40, 30])).round(3)
    np.float64(0.8)

    Args:
        x, y: `[n]` each, not constant.

    Returns:
        From -1 to 1.
    """
    return np.corrcoef(_ranks(x), _ranks(y))[0, 1]


def _ranks(values: Array) -> Array:
    """Ranks from 1, `[n]`."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[which]
