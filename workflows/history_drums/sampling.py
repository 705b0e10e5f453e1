"""Drawing drum clips that are asked for something: conditions, hits that stay, music that they go on from.

What a decoder is told it heeds more or less. So where density, syncopation or a fill are asked for, which can be
measured on what was played, several candidates of each clip are drawn and the one nearest to what was asked is kept:
best-of-n rejection sampling. The work is linear in clips and candidates. NumPy only.
"""

from collections.abc import Sequence

import numpy as np

from models.history_drums.trained import HistoryModel
from preprocess.drums.conditions import DrumConditions, density, quantile_of, syncopation_of, to_rows
from preprocess.drums.windows import ends_in_a_fill

Array = np.ndarray

CANDIDATES = 8
"""Of each clip that is asked for something measurable."""

FILL_CANDIDATES, FILL_TEMPERATURE, FILL_GUIDANCE = 24, 1.0, 3.0
"""Of a last bar that is to be a fill, temperature and guidance at least: a fill is what is unlikely after the bars
before it, so that a cool draw goes on with the beat."""

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
    shape = len(conditions), model.max_length, model.layout.drums
    stays = np.zeros(shape, bool)
    if mask is not None:
        stays |= mask[..., None] if mask.ndim == 2 else mask
    played = np.zeros(shape[:2], np.int32) if known is None else np.asarray(known, np.int32)
    ending = np.arange(shape[1]) >= shape[1] - model.converter.steps_per_bar
    fills = np.array([c.fill is True for c in conditions])
    if not (fills.all() and stays[:, ~ending].all()):
        played = _nearest(
            model, conditions, z, played, stays, past, temperature, seed, first, guidance, candidates
        )
    if fills.any():
        # The last bar by itself, after those before it, as it is played by drummers.
        before = stays | ~ending[:, None]
        heat = max(temperature, FILL_TEMPERATURE) if temperature > 0 else 0.0
        strength, count = max(guidance, FILL_GUIDANCE), max(candidates, FILL_CANDIDATES)
        filled = _nearest(model, conditions, z, played, before, past, heat, seed, first, strength, count)
        played = np.where(fills[:, None], filled, played)
    return played


def _nearest(
    model: HistoryModel,
    conditions: Sequence[DrumConditions],
    z: Array | None,
    known: Array,
    mask: Array,
    past: Array | None,
    temperature: float,
    seed: int,
    first: int,
    guidance: float,
    candidates: int,
) -> Array:
    """Of the candidates of each clip the one that is nearest to what is asked; arguments as for `draw`."""
    n = len(conditions)
    count = candidates if temperature > 0 and any(map(is_measurable, conditions)) else 1
    rows = np.repeat(to_rows(conditions), count, axis=0)
    known, mask = np.repeat(known, count, axis=0), np.repeat(mask, count, axis=0)
    heard = np.logical_and(~mask.reshape(n * count, -1).any(axis=1), z is not None)
    vectors = np.zeros((n, model.z_size), np.float32) if z is None else np.asarray(z, np.float32)
    controls = model.given(
        n * count, known, mask, None if past is None else np.repeat(past, count, axis=0), rows, heard
    )
    played = model.decode_values(
        np.repeat(vectors, count, axis=0),
        temperature or None,
        seed,
        first * count,
        controls=controls,
        guidance=guidance,
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
