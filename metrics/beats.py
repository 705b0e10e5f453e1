"""Musical statistics of a set of drum beats: repeated bars, downbeat and backbeat, toms, fills.

They are computed on tokens `[clips, steps]` of the nine drums (`preprocess.drums.rhythm.hits_of`), in whole bars of
sixteen steps of 4/4. They mean little by themselves: compare those of samples with those of held-out clips.
"""

import numpy as np

from metrics.drum_hits import f1
from preprocess.drums.rhythm import STEPS_PER_BAR, ends_in_a_fill, hits_of

Array = np.ndarray

DRUMS = 9
KICK, SNARE, TOMS = 0, 1, (4, 5, 6)
"""Numbers of drums in `preprocess.drums.drum_classes.REDUCED_DRUM_CLASSES`."""

BACKBEAT = (4, 12)
"""The steps of beats 2 and 4."""


def summary(tokens: Array, training: Array | None = None) -> dict[str, float]:
    """All statistics of this module, as shares from 0 to 1 (NaN where there is nothing to compare).

    Args:
        tokens: int `[clips, steps]`.
        training: int `[m, steps]`, for `copies`.

    Returns:
        `clips` (their number), `equal_bars`, `kick_f1`, `token_repeats`, `kick_on_one`, `backbeat`, `toms`, `fills`,
        `distinct_clips`, and with training clips `copies`; see the functions of these names.

    Raises:
        ValueError: where the clips are not whole bars.
    """
    grid = grid_of(tokens)
    found = {
        "clips": len(grid),
        "equal_bars": equal_bars(grid),
        "kick_f1": kick_f1(grid),
        "token_repeats": token_repeats(tokens, STEPS_PER_BAR),
        "kick_on_one": kick_on_one(grid),
        "backbeat": backbeat(grid),
        "toms": bars_with_toms(grid),
        "fills": float(fills_in_last_bar(grid).mean()),
        "distinct_clips": distinct_clips(tokens),
    }
    return found if training is None else {**found, "copies": copies(tokens, training)}


def grid_of(tokens: Array) -> Array:
    """The hits of clips, bar by bar: boolean `[clips, bars, 16, drums]` of tokens `[clips, steps]`.

    Raises:
        ValueError: where the clips are not whole bars, or there are none.
    """
    clips, steps = np.shape(tokens)
    if not clips or not steps or steps % STEPS_PER_BAR:
        raise ValueError(f"{clips} clips of {steps} steps are not clips in whole bars of {STEPS_PER_BAR}.")
    return hits_of(tokens, DRUMS).reshape(clips, -1, STEPS_PER_BAR, DRUMS)


def bar_distances(grid: Array) -> Array:
    """Cells that differ between any two bars of a clip, int `[clips, bars, bars]`."""
    return (grid[:, :, None] != grid[:, None]).sum(axis=(3, 4))


def equal_bars(grid: Array) -> float:
    """Share of the bars that equal another bar of their clip, hit by hit.

    >>> kick = np.zeros((1, 48), int)
    >>> kick[0, [0, 16, 40]] = 1  # the third bar differs
    >>> round(equal_bars(grid_of(kick)), 3)
    0.667
    """
    equal = bar_distances(grid) == 0
    return float((equal.sum(axis=2) > 1).mean())


def kick_f1(grid: Array) -> float:
    """F1 of the kick's hits with those of the bar before, over all pairs of neighbouring bars together."""
    kick = grid[..., KICK]
    before, after = kick[:, :-1], kick[:, 1:]
    return f1(int((before & after).sum()), int(before.sum() + after.sum()))


def token_repeats(tokens: Array, lag: int) -> float:
    """Share of the steps whose token (all drums together) is that of `lag` steps before."""
    tokens = np.asarray(tokens)
    return float((tokens[:, lag:] == tokens[:, :-lag]).mean()) if tokens.shape[1] > lag else float("nan")


def kick_on_one(grid: Array) -> float:
    """Share of the bars that begin with a kick."""
    return float(grid[:, :, 0, KICK].mean())


def backbeat(grid: Array) -> float:
    """Share of the clips whose bars all have the snare on beats 2 and 4, whatever else it plays."""
    return float(grid[:, :, BACKBEAT, SNARE].all(axis=(1, 2)).mean())


def bars_with_toms(grid: Array) -> float:
    """Share of the bars in which a tom is struck."""
    return float(grid[..., TOMS].any(axis=(2, 3)).mean())


def fills_in_last_bar(grid: Array) -> Array:
    """Which clips have a fill in their last bar, boolean `[clips]`; see `preprocess.drums.rhythm.ends_in_a_fill`."""
    hits = grid.reshape(len(grid), grid.shape[1] * grid.shape[2], grid.shape[3])
    return ends_in_a_fill(hits, (SNARE, *TOMS))


def distinct_clips(tokens: Array) -> float:
    """Different clips as a share of all; it falls with the number of clips, so compare sets of equal size."""
    return len(np.unique(tokens, axis=0)) / len(tokens)


def copies(tokens: Array, training: Array) -> float:
    """Share of the clips that equal a training clip, token by token."""
    known = {row.tobytes() for row in np.ascontiguousarray(training, np.int32)}
    return float(np.mean([row.tobytes() in known for row in np.ascontiguousarray(tokens, np.int32)]))
