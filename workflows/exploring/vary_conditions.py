"""`explore.py vary` with drum models that heed conditions: a condition is changed, not the latent vector."""

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from common.console import print_table, progress
from models.history_drums.trained import HistoryModel
from models.music_vae import attributes
from models.music_vae.trained import TrainedModel
from preprocess.drums.conditions import (
    DrumConditions,
    density,
    quantile_of,
    syncopation_of,
    value_at,
)
from preprocess.note_sequence import NoteSequence
from workflows.history_drums import sampling
from workflows.midi_clips.clip import Clip

Array = np.ndarray

MEASURED = {"density": density, "syncopation": syncopation_of}

GUIDANCE, CANDIDATES = 3.0, 16
"""Stronger guidance and more candidates than in `sample.py`, so that the change can be heard."""

MIDDLE = 0.5
"""The quantile that samples start from."""


def heeds_conditions(model: TrainedModel) -> TypeGuard[HistoryModel]:
    """Whether a model can be drawn from under conditions."""
    return model.heeds_conditions


@dataclass(frozen=True)
class Varied:
    """Clips drawn at several values of a condition.

    Attributes:
        asked: the quantile that each clip was drawn under, float `[amounts, n]`.
        values: int32 tokens `[amounts, n, steps]`.
    """

    asked: Array
    values: Array


def vary(
    model: HistoryModel,
    attribute: str,
    amounts: Sequence[float],
    own: Sequence[DrumConditions],
    z: Array | None,
    temperature: float,
    seed: int,
) -> Varied:
    """The same clips with more or less of one condition, all drawn with the same random numbers.

    Density and syncopation are both conditions; the one that is not changed is each clip's own.

    Args:
        model: one that heeds conditions.
        attribute: density, syncopation, intensity or tempo.
        amounts: added to the quantile of each clip, and the sum is clipped to 0 to 1.
        own: the conditions that each clip meets by itself; an attribute that is None counts as `MIDDLE`.
        z: `[n, z_size]`, or None for the decoder by itself.
        temperature, seed: of the draws.
    """
    base = [_with_quantile(c, attribute, _quantile(c, attribute)) for c in own]
    asked = [[_with_quantile(c, attribute, _quantile(c, attribute) + a) for c in base] for a in amounts]
    values = []
    with progress("Playing", len(amounts)) as advance:
        for row in asked:
            values.append(
                sampling.draw(
                    model,
                    row,
                    z,
                    temperature=temperature,
                    seed=seed,
                    guidance=GUIDANCE,
                    candidates=CANDIDATES,
                )
            )
            advance()
    return Varied(np.array([[_quantile(c, attribute) for c in row] for row in asked]), np.stack(values))


def _quantile(conditions: DrumConditions, attribute: str) -> float:
    value = getattr(conditions, attribute)
    if value is None:
        return MIDDLE
    return float(quantile_of("tempo", value)) if attribute == "tempo" else value


def _with_quantile(conditions: DrumConditions, attribute: str, quantile: float) -> DrumConditions:
    quantile = float(np.clip(quantile, 0, 1))
    value = float(value_at("tempo", quantile)) if attribute == "tempo" else quantile
    changed: dict[str, Any] = {attribute: value}
    return dataclasses.replace(conditions, **changed)


def samples_to_move(
    model: HistoryModel, attribute: str, n: int, temperature: float, seed: int
) -> list[DrumConditions]:
    """The conditions that samples meet which are drawn without z and with the attribute at `MIDDLE`."""
    middle = [_with_quantile(DrumConditions(), attribute, MIDDLE)] * n
    drawn = sampling.draw(model, middle, temperature=temperature, seed=seed, guidance=GUIDANCE)
    found = {k: quantile_of(k, measure(drawn)) for k, measure in MEASURED.items() if k != attribute}
    likes: list[dict[str, Any]] = [{k: float(v[i]) for k, v in found.items()} for i in range(n)]
    return [dataclasses.replace(c, **like) for c, like in zip(middle, likes, strict=True)]


def clip_to_move(clip: Clip, model: HistoryModel) -> tuple[list[DrumConditions], Array]:
    """The conditions that a clip meets by itself, and its latent vector `[1, z_size]`."""
    tokens = np.asarray(clip.example.inputs, np.int64)[None]
    known = np.isin(clip.notes.pitches, [pitch for group in model.converter.pitch_classes for pitch in group])
    loudness = float(clip.notes.velocities[known].mean()) if known.any() else 0.0
    own = DrumConditions(
        tempo=float(np.clip(clip.qpm, 10, 400)),
        intensity=float(quantile_of("intensity", loudness)),
        density=float(quantile_of("density", density(tokens))[0]),
        syncopation=float(quantile_of("syncopation", syncopation_of(tokens))[0]),
    )
    return [own], model.posterior(model.config.batch_of([clip.example]))[0]


def run(
    args: argparse.Namespace, model: HistoryModel, amounts: list[float], clip: Clip | None
) -> list[list[NoteSequence]]:
    """Draw the clips that the flags ask for, and print a table of their attributes.

    Args:
        args: the flags of `vary`.
        model: one that heeds conditions.
        amounts: by how much the condition is changed.
        clip: the clip to vary; samples where it is None.

    Returns:
        The NoteSequences of the unchanged clips, then of each amount.
    """
    own: list[DrumConditions]
    z: Array | None
    if clip:
        own, z = clip_to_move(clip, model)
    else:
        own = samples_to_move(model, args.attribute, args.num_outputs, args.temperature, args.seed)
        z = None
    found = vary(model, args.attribute, (0.0, *amounts), own, z, args.temperature, args.seed)
    if clip:
        # An amount of 0 leaves the clip as it is.
        found.values[[not amount for amount in (0.0, *amounts)]] = np.asarray(clip.example.inputs)
    names = attributes.names_for(model)
    measured = [attributes.measure_values(model, values, names) for values in found.values]
    rows: list[tuple] = [
        (f"{args.attribute}, asked", "quantile", *(float(row.mean()) for row in found.asked)),
    ]
    if args.attribute in MEASURED:
        got = [quantile_of(args.attribute, MEASURED[args.attribute](v)) for v in found.values]
        rows.append((f"{args.attribute}, got", "quantile", *(float(row.mean()) for row in got)))
    rows += [
        (name, attributes.ATTRIBUTES[name].unit, *(float(np.nanmean(m[:, i])) for m in measured))
        for i, name in enumerate(names)
    ]
    columns = ["attribute", "unit", "as it is", *(f"{amount:+g} {args.attribute}" for amount in amounts)]
    print_table(f"Mean of {len(own)} clip{'s' * (len(own) > 1)}", columns, rows)
    return [model.to_note_sequences(values) for values in found.values]
