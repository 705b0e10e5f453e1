"""Drawing drum clips that are asked for something: conditions, hits that stay, music that they go on from.

What a decoder is told it heeds more or less. So where density, syncopation or a fill are asked for, which can be
measured on what was played, several candidates of each clip are drawn and the one nearest to what was asked is kept:
best-of-n rejection sampling. The work is linear in clips and candidates. NumPy only.
"""

from collections.abc import Sequence

import numpy as np

from models.trained_history import HistoryModel
from preprocess.drum_conditions import DrumConditions, density, quantile_of, syncopation_of, to_rows
from preprocess.drum_windows import ends_in_a_fill

Array = np.ndarray

CANDIDATES = 8
"""Of each clip that is asked for something measurable."""

WRONG_FILL = 1.0
"""What a fill that is missing, or not wanted, counts among the misses: as much as the whole range of densities."""


def draw(
    model: HistoryModel,
    conditions: Sequence[DrumConditions],
    z: Array | None = None,
    known: Array | None = None,
    mask: Array | None = None,
    past: Array | None = None,
    temperature: float = 1.0,
    seed: int = 0,
    first: int = 0,
    guidance: float = 1.0,
    candidates: int = CANDIDATES,
) -> Array:
    """Clips that are as they are asked to be, as far as the model can.

    Args:
        model: plays them; trained with conditions and known hits, where those are given.
        conditions: of each clip.
        z: float `[n, z_size]`; None for the decoder by itself. Not heard by clips of which any hit is known, as in
            training.
        known: int tokens `[n, steps]`, read where `mask` is true.
        mask: boolean `[n, steps, drums]` or `[n, steps]`, which hits stay as they are.
        past: int tokens `[n, steps]` before the clip, NO_TOKEN where there are none.
        temperature: of the draws; 0 takes the likeliest, and then there is one candidate.
        seed: of the draws.
        first: number of the first clip, where these are one batch of many.
        guidance: strength of the conditions, 1 as they were trained; see `HistoryPlayer.decode`.
        candidates: drawn of each clip where any is asked for what can be measured.

    Returns:
        int32 tokens `[n, steps]`.
    """
    n = len(conditions)
    count = candidates if temperature > 0 and any(map(is_measurable, conditions)) else 1
    rows = np.repeat(to_rows(conditions), count, axis=0)
    known, mask, past, z = (
        None if x is None else np.repeat(x, count, axis=0) for x in (known, mask, past, z)
    )
    heard = np.full(n * count, z is not None)
    if mask is not None:
        heard &= ~mask.reshape(n * count, -1).any(axis=1)
    if z is None:
        z = np.zeros((n * count, model.z_size), np.float32)
    controls = model.given(n * count, known, mask, past, rows, heard)
    played = model.decode_values(
        z, temperature or None, seed, first * count, controls=controls, guidance=guidance
    )
    if count == 1:
        return played
    asked = [c for c in conditions for _ in range(count)]
    nearest = misses(played, asked, model.converter.steps_per_bar).reshape(n, count).argmin(axis=1)
    return played.reshape(n, count, -1)[np.arange(n), nearest]


def is_measurable(conditions: DrumConditions) -> bool:
    """Whether something is asked for that tokens show: density, syncopation, a fill or none."""
    return any(x is not None for x in (conditions.density, conditions.syncopation, conditions.fill))


def misses(tokens: Array, asked: Sequence[DrumConditions], steps_per_bar: int) -> Array:
    """How far clips are from what is asked of each, float64 `[n]`: sums of differences of quantiles, 0 for none.

    Args:
        tokens: int `[n, steps]`, whole bars of 4/4 on sixteenths.
        asked: of each clip.
        steps_per_bar: steps of a bar.
    """
    found = np.zeros(len(tokens))
    for name, measure in (("density", density), ("syncopation", syncopation_of)):
        wanted = np.array([np.nan if (x := getattr(c, name)) is None else x for c in asked], np.float64)
        if not np.isnan(wanted).all():
            found += np.nan_to_num(np.abs(quantile_of(name, measure(tokens)) - wanted))
    fills = ends_in_a_fill(tokens, steps_per_bar)
    wrong = [c.fill is not None and c.fill != bool(fill) for c, fill in zip(asked, fills, strict=True)]
    return found + WRONG_FILL * np.array(wrong)
