"""Drum beats as boolean grids, and their syncopation, in NumPy.

A token is one step of a beat; its bit i says that drum i is struck.

Source: syncopation is that of Longuet-Higgins and Lee, "The Rhythmic Interpretation of Monophonic Music" (1984),
in the form of Fitch and Rosenfeld, "Perception and Production of Syncopated Rhythms" (2007).
"""

import numpy as np

Array = np.ndarray

STEPS_PER_BAR = 16

_METRICAL_WEIGHTS = np.array([0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4])
"""Longuet-Higgins and Lee's weight of each sixteenth of 4/4: bar, half, quarter, eighth, sixteenth note level."""


def hits_of(tokens: Array, drums: int) -> Array:
    """Boolean `[..., drums]`: which drums each integer token `[...]` strikes."""
    return (np.asarray(tokens)[..., None] >> np.arange(drums)) & 1 != 0


def syncopation(hits: Array, drums: tuple[int, ...]) -> Array:
    """Syncopation a bar of each clip after Longuet-Higgins and Lee, in the units of their weights: `[clips]`.

    The rhythm is the union of some drums (kick and snare: hi-hats mostly fill the grid and would hide it). A note
    is syncopated where a sixteenth of greater metrical weight passes before the next note; it then counts the
    difference between the greatest such weight and its own. Clips are loops, so the last note may be held over
    the first bar line.

    >>> on_the_beat, off_the_beat = np.zeros((2, 16, 1), bool)
    >>> on_the_beat[[0, 4, 8, 12]] = off_the_beat[[2, 6, 10, 14]] = True
    >>> syncopation(np.stack([on_the_beat, off_the_beat]), drums=(0,)).tolist()
    [0.0, 7.0]

    Args:
        hits: boolean `[clips, steps, drums]`, steps a multiple of 16.
        drums: which drums make the rhythm.

    Raises:
        ValueError: where the clips are not whole bars.
    """
    clips, steps, _ = hits.shape
    if steps % STEPS_PER_BAR or not steps:
        raise ValueError(f"Clips of {steps} steps are not whole bars of {STEPS_PER_BAR}.")
    bars = steps // STEPS_PER_BAR
    weights = np.tile(_METRICAL_WEIGHTS, bars)
    rhythms = np.asarray(hits[:, :, list(drums)].any(axis=2))
    scores = np.zeros(clips)
    for i, rhythm in enumerate(rhythms):
        onsets = np.flatnonzero(rhythm)
        for onset, following in zip(onsets, np.append(onsets[1:], onsets[:1] + steps), strict=True):
            rests = np.arange(onset + 1, following) % steps
            if len(rests):
                scores[i] += max(0, weights[rests].max() - weights[onset])
    return scores / bars


FILL_HITS = 2
"""By how many hits a fill is busier than what came before it."""


def ends_in_a_fill(hits: Array, drums: tuple[int, ...], steps_per_bar: int = STEPS_PER_BAR) -> Array:
    """Which clips have a fill in their last bar, boolean `[clips]`.

    A fill leaves the pattern of the bars before: in the second half of the last bar snare and toms have at least
    `FILL_HITS` hits more than in the second half of every other bar. By this Groove's 4/4 beats have one in 9 % of
    all windows of four bars (training 9.0 %, validation 8.8 %), and no more there than in any other bar of the window,
    as a window begins in any bar.

    Args:
        hits: boolean `[clips, steps, drums]`, whole bars; a clip of one bar has no fill.
        drums: snare and toms.
        steps_per_bar: steps of a bar.
    """
    clips, steps, _ = hits.shape
    busy = hits[..., list(drums)].sum(axis=2).reshape(clips, steps // steps_per_bar, steps_per_bar)
    second_halves = busy[:, :, steps_per_bar // 2 :].sum(axis=2)
    if second_halves.shape[1] < 2:
        return np.zeros(clips, bool)
    return second_halves[:, -1] >= second_halves[:, :-1].max(axis=1) + FILL_HITS
