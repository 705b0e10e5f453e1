"""Command: drums to a rhythm that was tapped on any key of a keyboard."""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from common import stopping

    stopping.listen()

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from common import flags
from common.console import Parser, add_log_flag, run_command
from render.drum_maps import DRUM_MAPS, load_drum_map
from render.performance import (
    Performances,
    add_groove_flags,
    check_files,
    check_groove_flags,
    shown_name,
    style_of,
    write_all,
)
from workflows.loading import load_model

DEFAULT_CONFIG = "groovae_2bar_tap_small"


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Play drums to a tapped rhythm: every note of the MIDI file is a tap, whichever key or drum it is.\nThe drums "
        "are in the file's bars, at its tempos and in its meters.",
        "tap2drum.py --input_midi=taps.mid --num_outputs=4 --output_dir=out",
    )
    parser.add_argument("--input_midi", required=True, help="a MIDI file")
    parser.add_argument(
        "--qpm",
        type=flags.QPM,
        default=None,
        help="one tempo for all of it, in quarter notes a minute, 10 to 400, where the file does not say how fast it was "
        "tapped (default: the file's tempos)",
    )
    maps = ", ".join(DRUM_MAPS)
    parser.add_argument(
        "--drum_map", default="general_midi", help=f"{maps}, or a .toml file (default: general_midi)"
    )
    add_groove_flags(parser, DEFAULT_CONFIG, "0 takes the likeliest drums")
    add_log_flag(parser)
    return parser


def load(args: argparse.Namespace) -> Any:
    """The trained model that the flags name, the shipped one by default.

    Raises:
        InputError: where it does not read taps.
    """
    from workflows.grooves.performing import check_takes_taps

    model = load_model(args, default=DEFAULT_CONFIG)
    check_takes_taps(model)
    return model


def perform(path: Path, args: argparse.Namespace) -> Performances:
    """The drums to one file of taps."""
    import numpy as np

    from preprocess.converters.groove import TAP_DRUM
    from workflows.grooves.performing import conditions_at, drums_of_taps
    from workflows.grooves.taps import Taps, shown

    stem = Path(os.path.expanduser(args.output_dir)) / f"{path.stem}_drums"
    check_files([stem], args)
    taps = Taps(path, args.qpm)
    for warning in taps.warnings:
        print(f"tap2drum.py: {path}: {warning.message}", file=sys.stderr)
    style = style_of(taps.tempos, taps.meter, load_drum_map(args.drum_map))
    model = load(args)
    drums = np.full(len(taps.positions), TAP_DRUM)
    grid = model.converter.grid_of_hits(taps.positions, drums, taps.velocities)
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


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    check_groove_flags(args)
    piece = perform(Path(os.path.expanduser(args.input_midi)), args)
    count = write_all([piece], args)
    tempos = sorted({piece.style.qpm, *(qpm for _, qpm in piece.style.tempos)})
    speed = " to ".join(f"{qpm:g}" for qpm in dict.fromkeys([tempos[0], tempos[-1]]))
    print(
        f"Wrote {args.num_outputs} performances of {piece.bars} bars ({count} files) to {args.output_dir}, "
        f"{speed} quarter notes a minute, temperature {args.temperature}, seed {args.seed}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
