"""Bars made of the clip's other bars: what a model that keeps a clip, or fills a hole in it, must beat.

All on boolean bars `[clips, bars, steps, drums]`.
"""

import numpy as np

Array = np.ndarray


def first_bar_repeated(bars: Array) -> Array:
    """Every bar is the first one; beside a model that encodes a clip and decodes it."""
    return np.broadcast_to(bars[:, :1], bars.shape)


def majority_of_other_bars(bars: Array, hole: int) -> Array:
    """A bar of what most of the others strike, for each step and drum by itself; beside a model that fills it in.

    Args:
        bars: boolean `[clips, bars, steps, drums]`.
        hole: number of the bar, from 0; it is not looked at.

    Returns:
        boolean `[clips, steps, drums]`; where exactly half of the others strike, nothing is struck.

    Raises:
        ValueError: where there is no other bar.
    """
    others = np.delete(bars, hole, axis=1)
    if not others.shape[1]:
        raise ValueError("A clip of one bar has no other bar to look at.")
    return 2 * others.sum(axis=1) > others.shape[1]
