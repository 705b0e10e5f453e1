"""`explore.py vary` with drum models that are asked for something: a condition is moved, not a latent vector."""

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models import attributes
from models.trained_history import HistoryModel
from preprocess.console import print_table, progress
from preprocess.drum_conditions import (
    DrumConditions,
    density,
    measured_clips,
    quantile_of,
    syncopation_of,
    value_at,
)
from preprocess.midi import read_midi
from studio import drum_sampling
from studio.clips import read_clip
from studio.loading import weights_that_fit

Array = np.ndarray

MEASURED = {"density": density, "syncopation": syncopation_of}

GUIDANCE, CANDIDATES = 3.0, 16
"""Stronger, and more, than where clips are drawn: what is moved should be heard to move."""

MIDDLE = 0.5
"""The quantile from which samples are moved."""


@dataclass(frozen=True)
class Varied:
    """Clips as they are and moved.

    Attributes:
        asked: the quantile that was asked for, float `[amounts, n]`.
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
    """The same clips with more or less of one condition, all from the same random numbers.

    Density and syncopation are both asked for, the one that is not moved as each clip has it.

    Args:
        model: one that heeds conditions.
        attribute: density, syncopation, intensity or tempo.
        amounts: added to the quantile of each clip, and the sum is clipped to 0 to 1.
        own: what each clip is like; where it says nothing of the attribute, the middle.
        z: `[n, z_size]`, or None for the decoder by itself.
        temperature, seed: of the draws.
    """
    base = [_with_quantile(c, attribute, _quantile(c, attribute)) for c in own]
    asked = [[_with_quantile(c, attribute, _quantile(c, attribute) + a) for c in base] for a in amounts]
    values = []
    with progress("Playing", len(amounts)) as advance, weights_that_fit(model):
        for row in asked:
            values.append(
                drum_sampling.draw(
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
    return dataclasses.replace(conditions, **{attribute: value})


def clips_of(args: argparse.Namespace, model: HistoryModel) -> tuple[list[DrumConditions], Array | None]:
    """What is moved: the clip of `--input_midi` and its latent vector, or samples of the decoder by itself.

    A sample is asked for the middle of the attribute and is otherwise what it is then like.
    """
    if args.input_midi:
        example = read_clip(args.input_midi, model)
        sequence = read_midi(Path(args.input_midi).expanduser())
        own = measured_clips(sequence, model.converter)[0].conditions
        with weights_that_fit(model):
            return [dataclasses.replace(own, fill=None)], model.posterior(model.config.batch_of([example]))[0]
    middle = [_with_quantile(DrumConditions(), args.attribute, MIDDLE)] * args.num_outputs
    with weights_that_fit(model):
        drawn = drum_sampling.draw(
            model, middle, temperature=args.temperature, seed=args.seed, guidance=GUIDANCE
        )
    found = {name: quantile_of(name, measure(drawn)) for name, measure in MEASURED.items()}
    return [
        dataclasses.replace(c, **{k: float(v[i]) for k, v in found.items() if k != args.attribute})
        for i, c in enumerate(middle)
    ], None


def run(args: argparse.Namespace, model: HistoryModel, amounts: list[float]) -> list[Any]:
    """The NoteSequences that the flags ask for, clip by clip and of each amount by amount; prints a table."""
    own, z = clips_of(args, model)
    found = vary(model, args.attribute, (0.0, *amounts), own, z, args.temperature, args.seed)
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
    steps = found.values.shape[2]
    return model.to_note_sequences(np.stack(list(found.values[1:]), axis=1).reshape(-1, steps))
