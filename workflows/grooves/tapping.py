"""`tap2drum.py` from end to end: drums to a tapped rhythm."""

import argparse
import os
import sys
from pathlib import Path

import numpy as np

from common.wording import number_of
from preprocess.converters.groove import TAP_DRUM, GrooveConverter
from render.drum_maps import load_drum_map
from render.performance import Performances, check_files, shown_name, style_of, write_all
from workflows.flags.grooves import TAP_CONFIG, check_groove_flags
from workflows.grooves.performing import check_takes_taps, conditions_at, drums_of_taps
from workflows.grooves.taps import Taps, shown
from workflows.loading import load_model


def play_taps(args: argparse.Namespace) -> str:
    """Play drums to the rhythm of a MIDI file, and write the performances.

    Args:
        args: the flags of `tap2drum.py`.

    Returns:
        What was written, in a sentence.

    Raises:
        InputError: for flags that contradict one another, and files that can't be read or written.
        CheckpointError: where the model can't be loaded.
    """
    check_groove_flags(args)
    piece = _performances(Path(os.path.expanduser(args.input_midi)), args)
    count = write_all([piece], args)
    tempos = sorted({piece.style.qpm, *(qpm for _, qpm in piece.style.tempos)})
    speed = " to ".join(f"{qpm:g}" for qpm in dict.fromkeys([tempos[0], tempos[-1]]))
    return (
        f"Wrote {number_of(args.num_outputs, 'performance')} of {number_of(piece.bars, 'bar')} ({number_of(count, 'file')}) to {args.output_dir}, "
        f"{speed} quarter notes per minute, temperature {args.temperature}, seed {args.seed}."
    )


def _performances(path: Path, args: argparse.Namespace) -> Performances:
    """The drums to one file of taps."""
    stem = Path(os.path.expanduser(args.output_dir)) / f"{path.stem}_drums"
    check_files([stem], args)
    taps = Taps(path, args.qpm)
    for warning in taps.warnings:
        print(f"tap2drum.py: {path}: {warning.message}", file=sys.stderr)
    style = style_of(taps.tempos, taps.meter, load_drum_map(args.drum_map))
    model = load_model(args, default=TAP_CONFIG)
    check_takes_taps(model)
    converter = model.converter
    assert isinstance(converter, GrooveConverter), "what check_takes_taps holds"
    drums = np.full(len(taps.positions), TAP_DRUM)
    grid = converter.grid_of_hits(taps.positions, drums, taps.velocities)
    conditions = conditions_at(taps.positions, taps.qpms, args.drummer, args.style)
    played = drums_of_taps(model, grid, args.temperature, args.seed, args.num_outputs, conditions)
    sequences = [taps.as_played(sequence) for sequence in played]
    return Performances(
        stem=stem,
        midi=[taps.midi(sequence, style) for sequence in sequences],
        drums=sequences,
        given=shown(taps),
        bars=taps.bars(style.quarters_per_bar),
        style=style,
        title=f"{shown_name(path)}, from taps to drums",
    )
