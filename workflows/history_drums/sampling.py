"""Drawing drum clips under conditions, around known hits, and after given music.

A decoder follows its conditions only roughly. Density, syncopation and fills can be measured on what is drawn, so where
one of them is a condition, several candidates of each clip are drawn and the nearest one is kept: best-of-n rejection
sampling. The cost is linear in clips and candidates. NumPy only.
"""

from collections.abc import Sequence

import numpy as np

from models.history_drums.trained import HistoryModel
from preprocess.drums.conditions import DrumConditions, density, quantile_of, syncopation_of, to_rows
from preprocess.drums.windows import ends_in_a_fill

Array = np.ndarray

CANDIDATES = 8
"""Candidates of each clip that has a measurable condition."""

FILL_CANDIDATES, FILL_TEMPERATURE, FILL_GUIDANCE = 24, 1.0, 3.0
"""Candidates, temperature and guidance of a last bar that is to be a fill, at least: a fill is unlikely after the bars
before it, so that a draw at a low temperature would continue the beat."""

WRONG_FILL = 1.0
"""The miss of a fill that is missing or unwanted: as much as the whole range of densities."""


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
    """Clips that meet their conditions as nearly as the model can.

    Args:
        model: trained with conditions and known hits, where those are given.
        conditions: of each clip.
        z: float `[n, z_size]`; None to draw without z. It is ignored for clips with known hits, as in training.
        known: int tokens `[n, steps]`, read where `mask` is true.
        mask: which hits are known, boolean `[n, steps, drums]` or `[n, steps]`.
        past: int tokens `[n, steps]` before the clip, NO_TOKEN where there are none.
        temperature: of the draws; 0 takes the likeliest tokens, with a single candidate.
        seed: of the draws.
        first: index of the first clip, where these are one batch of many.
        guidance: strength of the conditions, 1 as in training; see `HistoryPlayer.decode`.
        candidates: drawn of each clip, where any clip has a measurable condition.

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
        # The last bar is drawn separately, given the bars before it.
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
    """The candidate of each clip that is nearest to its conditions; arguments as for `draw`."""
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
    """Whether a condition can be measured on tokens: density, syncopation, or a fill."""
    return any(x is not None for x in (conditions.density, conditions.syncopation, conditions.fill))


def misses(tokens: Array, asked: Sequence[DrumConditions], steps_per_bar: int) -> Array:
    """How far clips are from their conditions: sums of absolute differences of quantiles, float64 `[n]`, from 0.

    Args:
        tokens: int `[n, steps]`, whole bars of 4/4 on sixteenths.
        asked: the conditions of each clip.
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
