"""Command: a folder of piano MIDI files is checked, and the usable pieces become a TFRecord of NoteSequences."""

if __name__ == "__main__":  # see common/console.py
    if not __package__:  # run as a script: the packages stand beside this one
        import os
        import sys

        sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    from common import signals

    signals.listen()

import argparse
import os
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from common import flags
from common.console import Parser, add_log_flag, print_table, run_command
from common.errors import InputError
from common.wording import number_of
from preprocess.pieces.checks import Checks

HELD_OUT_PERCENT = 10.0

CHECK_FLAGS = {
    "min_pitch": ("lowest MIDI pitch", flags.PITCH),
    "max_pitch": ("highest MIDI pitch", flags.PITCH),
    "any_meter": ("also 3/4, 6/8 and the like", None),
    "max_tempo_changes": ("most tempo changes of a piece", flags.COUNT_OR_NONE),
    "max_off_grid": ("largest share of notes off the grid of sixteenths", flags.FRACTION),
    "min_frames": ("shortest piece, in sixteenths", flags.COUNT),
}
"""What each flag of `Checks` means, and its type; None for one that is set or not."""


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Check a folder or zip of piano MIDI files and write the usable ones as a TFRecord of NoteSequences.",
        "python preprocess/piano.py --input=rags --output_file=rags.tfrecord --held_out_file=test.tfrecord",
    )
    parser.add_argument("--input", required=True, help="folder, or .zip file, to read with all inside")
    parser.add_argument("--output_file", required=True, help="TFRecord to write")
    parser.add_argument("--held_out_file", help="TFRecord for a part of the pieces, to validate on")
    parser.add_argument(
        "--held_out_percent",
        type=flags.number(0.01, 99.99),
        help=f"of the pieces (default: {HELD_OUT_PERCENT:g})",
    )
    for name, (meaning, kind) in CHECK_FLAGS.items():
        default = getattr(Checks(), name)
        if kind is None:
            parser.add_argument(f"--{name}", action="store_true", help=meaning)
        else:
            meaning += f" (default: {default})"
            parser.add_argument(f"--{name}", type=kind, default=default, help=meaning)
    parser.add_argument(
        "--num_processes",
        type=flags.PROCESSES,
        default=os.cpu_count() or 1,
        help="processes that read files (default: one for each core)",
    )
    flags.add_force_flag(parser)
    add_log_flag(parser)
    return parser


def _checked(args: argparse.Namespace) -> Checks:
    """The checks that the flags ask for.

    Raises:
        InputError: for values that make no sense.
    """
    if args.held_out_percent is not None and not args.held_out_file:
        raise InputError("--held_out_percent is given without a --held_out_file.", "bad_flag")
    if args.min_pitch > args.max_pitch:
        raise InputError(
            f"--max_pitch is {args.max_pitch}; expected at least --min_pitch, {args.min_pitch}.", "bad_flag"
        )
    return Checks(**{name: getattr(args, name) for name in CHECK_FLAGS})


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    from common.output_files import check_outputs
    from preprocess.pieces.usable import write_usable
    from preprocess.tfrecord import RecordWriter, write_sidecar

    checks = _checked(args)
    folder = Path(args.input).expanduser()
    paths = [Path(p).expanduser() for p in (args.output_file, args.held_out_file) if p]
    check_outputs(paths, args.force)
    percent = HELD_OUT_PERCENT if args.held_out_percent is None else args.held_out_percent
    with ExitStack() as stack:
        writers = [stack.enter_context(RecordWriter(path)) for path in paths]
        refused = write_usable(folder, checks, writers, percent, args.num_processes)
        reasons = Counter(reason for _, reason in refused)
        if not any(writer.count for writer in writers):
            counted = ", ".join(f"{r}: {n}" for r, n in reasons.most_common()) or "it holds no such file"
            raise InputError(f"{folder}: has no usable piano piece ({counted}).", "no_files")
    description = {"kind": "note_sequences", "schema": 1, "made_by": "piano", "checks": asdict(checks)}
    description["refused"] = [{"file": name, "reason": reason} for name, reason in refused]
    for path, writer in zip(paths, writers, strict=True):
        write_sidecar(path, description | {"count": writer.count})
        empty = "" if writer.count else f"; of so few pieces, --held_out_percent={percent:g} chose none"
        print(f"Wrote {number_of(writer.count, 'piece')} to {path}{empty}.")
    if refused:
        rows = [(r, n, next(f for f, other in refused if other == r)) for r, n in reasons.most_common()]
        print_table("Refused (all are listed in the .json)", ["reason", "pieces", "for example"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
