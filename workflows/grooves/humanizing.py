"""`humanize.py` from end to end: the drums of MIDI files with a drummer's velocities and timing."""

import argparse
import os
import sys
from pathlib import Path

import numpy as np

from common.console import progress
from common.errors import InputError
from common.wording import number_of
from models.music_vae.trained import TrainedModel
from preprocess.converters.groove import GrooveConverter
from preprocess.drums.tracks import DrumChoice, drum_choice_of
from preprocess.midi.hits import as_performed, read_hits
from preprocess.sources import MIDI_SUFFIXES, find_sources
from render.performance import Performances, are_shown, check_files, shown_name, style_of, write_all
from workflows.flags.grooves import HUMANIZE_CONFIG, check_groove_flags
from workflows.grooves.performing import check_humanizes, conditions_at, humanized
from workflows.loading import load_model


def humanize(args: argparse.Namespace) -> str:
    """Humanize a MIDI file, or all of a folder, and write the performances.

    Args:
        args: the flags of `humanize.py`.

    Returns:
        What was written, in a sentence. Files of a folder that can't be humanized are named on standard error.

    Raises:
        InputError: for flags that contradict one another, and where no file can be humanized or written.
        CheckpointError: where the model can't be loaded.
    """
    check_groove_flags(args)
    choice = drum_choice_of(args)
    paths = input_files(args.input_midi)
    check_files([_stem_of(path, args) for path in paths], args)
    model = load_model(args, default=HUMANIZE_CONFIG)
    check_humanizes(model)
    pieces: list[Performances] = []
    left_out: list[InputError] = []
    with progress("Humanizing", len(paths)) as advance:
        for path in paths:
            try:
                pieces.append(humanize_file(path, model, choice, args))
            except InputError as error:
                left_out.append(error)
            advance()
    if not pieces:
        raise left_out[0]
    for reason in left_out:
        print(f"humanize.py: left out {reason}", file=sys.stderr)
    count = write_all(pieces, args)
    takes = number_of(args.num_outputs, "take") + (" of each" if len(pieces) > 1 else "")
    return (
        f"Humanized {number_of(len(pieces), 'file')}: wrote {takes} ({number_of(count, 'file')}) to {args.output_dir}, "
        f"timing {args.timing}, velocity {args.velocity}, temperature {args.temperature}, seed {args.seed}."
    )


def input_files(name: str) -> list[Path]:
    """The file of that name, or the MIDI files of the folder.

    Raises:
        InputError: where there is none (`no_files`).
    """
    path = Path(os.path.expanduser(name))
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file or folder; check --input_midi.", "no_files")
    if not path.is_dir():
        return [path]
    files = [Path(source.path) for source in find_sources(path, False, MIDI_SUFFIXES).sources]
    if not files:
        raise InputError(f"{path}: holds no MIDI files ({', '.join(MIDI_SUFFIXES)}).", "no_files")
    return files


def _stem_of(path: Path, args: argparse.Namespace) -> Path:
    """Where the performances of a file go, without number and suffix."""
    return Path(os.path.expanduser(args.output_dir)) / f"{path.stem}_humanized"


def humanize_file(
    path: Path, model: TrainedModel, choice: DrumChoice, args: argparse.Namespace
) -> Performances:
    """The performances of one file.

    Args:
        path: of the file.
        model: one that `check_humanizes` accepts.
        choice: where the drums of the file are.
        args: the flags of `humanize.py`.

    Raises:
        InputError: naming the file and why it can't be humanized.
    """
    file = read_hits(path, choice)
    converter = model.converter
    assert isinstance(converter, GrooveConverter), "what check_humanizes holds"
    classes = converter.inference_pitch_classes
    drum_of = {pitch: drum for drum, pitches in enumerate(classes) for pitch in pitches}
    drums = np.array([drum_of.get(hit.pitch, -1) for hit in file.hits])
    if (drums < 0).all():
        raise InputError(f"{path}: has none of the drums that {model.config.name} plays.", "no_drums")
    known = drums >= 0
    positions, velocities = file.positions[known], np.array([hit.velocity for hit in file.hits])[known]
    grid = converter.grid_of_hits(positions, drums[known], velocities)
    conditions = conditions_at(positions, file.qpms[known], args.drummer, args.style)
    performances = humanized(model, grid, args.temperature, args.seed, args.num_outputs, conditions)
    played = [as_performed(file, drums, one, args.timing, args.velocity) for one in performances]
    for warning in file.warnings:
        print(f"humanize.py: {path}: {warning.message}", file=sys.stderr)
    style, shown = style_of(file.tempos(), file.meter), are_shown(args)
    return Performances(
        stem=_stem_of(path, args),
        midi=[file.with_hits(*one) for one in played],
        drums=[file.drum_sequence(*one) for one in played] if shown else [],
        given=file.drum_sequence() if shown else None,
        bars=int((file.quarters().max() + 0.125) / style.quarters_per_bar) + 1,
        style=style,
        title=f"{shown_name(path)}, humanized",
    )
