"""`explore.py vary`: more or less of an attribute, by its latent vector, or as a condition of the model."""

import argparse
from pathlib import Path

import numpy as np

import configs
from common.console import print_table
from common.errors import InputError
from models.history_drums.trained import HistoryModel
from models.music_vae import attributes
from models.music_vae.trained import TrainedModel
from preprocess.note_sequence import NoteSequence
from render.clips import Shown
from workflows.exploring import vary_conditions
from workflows.exploring.attributes import amounts_of, read_vectors
from workflows.exploring.shared import (
    controls_for,
    decode,
    encoded,
    read_clips,
    samples,
    stem_for,
    style_for,
    write,
)
from workflows.exploring.vary_conditions import heeds_conditions
from workflows.flags.clips import refuse_input_flags
from workflows.loading import load_model
from workflows.midi_clips.clip import Clip
from workflows.midi_clips.merge import given_sequence, in_its_voices

CONDITIONS = ("density", "syncopation", "intensity", "tempo")
"""What `vary` changes as a condition, with models that heed conditions."""


def vary(args: argparse.Namespace) -> None:
    """`explore.py vary`."""

    amounts = amounts_of(args.amount, "--amount")
    if not args.input_midi:
        refuse_input_flags(args, "--input_midi")
    # The default model for editing has no conditions.
    by_asking = args.attribute in CONDITIONS
    default = configs.DEFAULT_CONFIG if by_asking else configs.DEFAULT_EDIT_CONFIG
    model = load_model(args, default=default)
    if by_asking and heeds_conditions(model):
        _vary_condition(args, model, amounts)
        return
    found = read_vectors(args.attributes_file, model)
    try:
        vector = found.vector(args.attribute, args.orthogonal)
    except ValueError as error:
        raise InputError(f"--attribute: {error}") from error
    stem, endings = _stem_of_varied(args, model, amounts)
    clip = read_clips(model, args, [args.input_midi])[0] if args.input_midi else None
    batch, z = encoded(model, [clip]) if clip else ({}, samples(model, args.num_outputs, args.seed))
    controls = controls_for(model, args, batch, len(z))
    played = [decode(model, z + np.float32(a) * vector, args, controls) for a in (0.0, *amounts)]
    if clip:
        # An amount of 0 leaves the clip as it is.
        as_it_is = batch.get("outputs", batch["inputs"])
        played = [
            values if amount else as_it_is for values, amount in zip(played, (0.0, *amounts), strict=True)
        ]
    measured = [attributes.measure_values(model, values, found.names) for values in played]
    rows = [
        (name, attributes.ATTRIBUTES[name].unit, *(float(np.nanmean(m[:, i])) for m in measured))
        for i, name in enumerate(found.names)
    ]
    columns = ["attribute", "unit", "as it is", *(f"{amount:+g} {args.attribute}" for amount in amounts)]
    print_table(f"Mean of {len(z)} clip{'s' * (len(z) > 1)}", columns, rows)
    sequences = [model.to_note_sequences(values, controls) for values in played]
    _write_varied(args, model, amounts, sequences, clip, stem, endings)


def _vary_condition(args: argparse.Namespace, model: HistoryModel, amounts: list[float]) -> None:
    """`vary` with a model that heeds conditions."""
    for flag in ("orthogonal", "attributes_file", "chords"):
        if getattr(args, flag):
            raise InputError(
                f"--{flag} is for latent vectors; {args.attribute} of {model.config.name} is asked for by itself, "
                "leave it out.",
                "bad_flag",
            )
    stem, endings = _stem_of_varied(args, model, amounts)
    clip = read_clips(model, args, [args.input_midi])[0] if args.input_midi else None
    sequences = vary_conditions.run(args, model, amounts, clip)
    _write_varied(args, model, amounts, sequences, clip, stem, endings)


def _stem_of_varied(
    args: argparse.Namespace, model: TrainedModel, amounts: list[float]
) -> tuple[Path, list[str]]:
    """Folder and beginning of the files' names, and their endings: attribute and amount, clip by clip."""
    n = 1 if args.input_midi else args.num_outputs
    endings = [f"_{args.attribute}{amount:+g}" for amount in amounts] * n
    return stem_for(model, args, len(endings), endings=endings, others=n), endings


def _write_varied(
    args: argparse.Namespace,
    model: TrainedModel,
    amounts: list[float],
    sequences: list[list[NoteSequence]],
    clip: Clip | None,
    stem: Path,
    endings: list[str],
) -> None:
    """Write the varied clips, clip by clip and amount by amount.

    Args:
        args, model, amounts: the flags, the model, and the amounts by which the attribute was changed.
        sequences: NoteSequences of the unchanged clips, then of each amount.
        clip: the clip that was given, if any; with an amount of 0 it is written as it is.
        stem, endings: of the files.
    """
    style = style_for(model, args, clip)
    shown, before = [], []
    for i, own in enumerate(sequences[0]):
        name = clip.title if clip else f"sample {i + 1}"
        as_it_is = given_sequence(clip) if clip else own
        before.append(Shown(f"{name}, as {'given' if clip else 'it is'}", as_it_is, style))
        for amount, moved in zip(amounts, sequences[1:], strict=True):
            changed = in_its_voices(clip, moved[i]) if clip else moved[i]
            sequence = as_it_is if clip and not amount else changed
            shown.append(Shown(f"{name}, {args.attribute} {amount:+g}", sequence, style))
    moved_by = f"{args.attribute} by {args.amount}"
    print(f"Wrote {write(model, shown, stem, args, moved_by, before, endings)}, {moved_by}.")
