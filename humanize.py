"""Command: give a MIDI file's drums the velocities and the timing of a drummer."""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from common import stopping

    stopping.listen()

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from common import flags
from common.console import Parser, add_log_flag, progress, run_command
from common.errors import InputError
from preprocess.drums.tracks import DrumChoice, add_drum_choice_flags, drum_choice_of
from render.performance import (
    Performances,
    add_groove_flags,
    are_shown,
    check_files,
    check_groove_flags,
    shown_name,
    style_of,
    write_all,
)
from workflows.loading import load_model

DEFAULT_CONFIG = "groovae_2bar_humanize_small"


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Humanize the drums of a MIDI file: each hit gets a velocity and a time from a model that has heard "
        "drummers.\nEverything else in the file stays as it is, and so do notes that are no drum of the model's.\n\n"
        "Swing, triplets and whatever else was programmed between the sixteenths stays: the model hears each hit\n"
        "on the nearest sixteenth, and how far from it a drummer plays is added to where the hit is. Where the\n"
        "model plays a swing of its own, the programmed one takes its place. To let the model play a recorded\n"
        "part anew, quantize it first.",
        "humanize.py --input_midi=beat.mid --output_dir=out --timing=0.7",
    )
    parser.add_argument("--input_midi", required=True, help="a MIDI file in any meter, or a folder of them")
    parser.add_argument(
        "--timing",
        type=flags.FRACTION,
        default=1.0,
        help="how much of the model's timing is added to what was programmed: 0 for none, 1 for all of it, or between "
        "(default: 1)",
    )
    parser.add_argument(
        "--velocity",
        type=flags.FRACTION,
        default=1.0,
        help="0 keeps the velocities, 1 takes the model's, or between (default: 1)",
    )
    add_drum_choice_flags(parser)
    add_groove_flags(
        parser,
        DEFAULT_CONFIG,
        "0 plays each passage the typical way, more draws it more freely; 1 as drummers differ",
    )
    add_log_flag(parser)
    return parser


def input_files(name: str) -> list[Path]:
    """The file of that name, or the MIDI files of the folder.

    Raises:
        InputError: where there is none.
    """
    from preprocess.sources import MIDI_SUFFIXES, find_sources

    path = Path(os.path.expanduser(name))
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file or folder; check --input_midi.", "no_files")
    if not path.is_dir():
        return [path]
    files = [Path(source.path) for source in find_sources(path, False, MIDI_SUFFIXES).sources]
    if not files:
        raise InputError(f"{path}: holds no MIDI files ({', '.join(MIDI_SUFFIXES)}).", "no_files")
    return files


def load(args: argparse.Namespace) -> Any:
    """The trained model that the flags name, the shipped one by default.

    Raises:
        InputError: where it can't humanize.
    """
    from workflows.grooves.performing import check_humanizes

    model = load_model(args, default=DEFAULT_CONFIG)
    check_humanizes(model)
    return model


def stem_of(path: Path, args: argparse.Namespace) -> Path:
    """Where the performances of a file go, without number and ending."""
    return Path(os.path.expanduser(args.output_dir)) / f"{path.stem}_humanized"


def humanize(path: Path, model: Any, choice: DrumChoice, args: argparse.Namespace) -> Performances:
    """The performances of one file.

    Raises:
        InputError: naming the file and why it can't be humanized.
    """
    import numpy as np

    from preprocess.midi.hits import as_performed, read_hits
    from workflows.grooves.performing import conditions_at, humanized

    file = read_hits(path, choice)
    classes = model.converter.inference_pitch_classes
    drum_of = {pitch: drum for drum, pitches in enumerate(classes) for pitch in pitches}
    drums = np.array([drum_of.get(hit.pitch, -1) for hit in file.hits])
    if (drums < 0).all():
        raise InputError(f"{path}: has none of the drums that {model.config.name} plays.", "no_drums")
    known = drums >= 0
    positions, velocities = file.positions[known], np.array([hit.velocity for hit in file.hits])[known]
    grid = model.converter.grid_of_hits(positions, drums[known], velocities)
    conditions = conditions_at(positions, file.qpms[known], args.drummer, args.style)
    performances = humanized(model, grid, args.temperature, args.seed, args.num_outputs, conditions)
    played = [as_performed(file, drums, one, args.timing, args.velocity) for one in performances]
    for warning in file.warnings:
        print(f"humanize.py: {path}: {warning.message}", file=sys.stderr)
    style, shown = style_of(file.tempos(), file.meter), are_shown(args)
    return Performances(
        stem=stem_of(path, args),
        midi=[file.with_hits(*one) for one in played],
        drums=[file.drum_sequence(*one) for one in played] if shown else [],
        given=file.drum_sequence() if shown else None,
        bars=int((file.quarters().max() + 0.125) / style.quarters_per_bar) + 1,
        style=style,
        title=f"{shown_name(path)}, humanized",
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    check_groove_flags(args)
    choice = drum_choice_of(args)
    paths = input_files(args.input_midi)
    check_files([stem_of(path, args) for path in paths], args)
    model = load(args)
    pieces: list[Performances] = []
    left_out: list[InputError] = []
    with progress("Humanizing", len(paths)) as advance:
        for path in paths:
            try:
                pieces.append(humanize(path, model, choice, args))
            except InputError as error:
                left_out.append(error)
            advance()
    if not pieces:
        raise left_out[0]
    for reason in left_out:
        print(f"humanize.py: left out {reason}", file=sys.stderr)
    count = write_all(pieces, args)
    print(
        f"Humanized {len(pieces)} inputs ({count} files) to {args.output_dir}, {args.num_outputs} of each, "
        f"timing {args.timing}, velocity {args.velocity}, temperature {args.temperature}, seed {args.seed}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
