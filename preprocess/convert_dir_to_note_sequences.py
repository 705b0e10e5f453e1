"""Command: a folder or zip of MIDI, MusicXML and ABC files becomes one TFRecord of NoteSequences.

Magenta's command of that name, with a pool of processes, a reason for every file that is dropped, and an
output that appears whole or not at all.
"""

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
from dataclasses import replace
from pathlib import Path

from common import flags
from common.console import Parser, add_log_flag, print_table, progress, run_command
from common.errors import InputError
from common.output_files import check_outputs
from common.wording import number_of
from preprocess.conversion import Options, Tally, convert_sources, is_held_out
from preprocess.drums.tracks import add_drum_choice_flags, drum_choice_of
from preprocess.midi.file import Limits
from preprocess.sources import find_sources

SCHEMA = 2


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Convert a folder or zip of MIDI, MusicXML and ABC files to a TFRecord of NoteSequences.",
        "convert_dir_to_note_sequences --input_dir=groove --output_file=groove.tfrecord --recursive",
    )
    parser.add_argument("--input_dir", required=True, type=flags.text, help="folder, or .zip file, to read")
    parser.add_argument("--output_file", required=True, type=flags.text, help="TFRecord to write")
    parser.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="read the folders inside as well",
    )
    parser.add_argument(
        "--held_out_file", type=flags.text, help="TFRecord for a part of the pieces, to validate on"
    )
    parser.add_argument(
        "--held_out_percent",
        type=flags.number(at_least=0.01, at_most=99.99),
        default=10.0,
        help="of the pieces, with --held_out_file (default: 10)",
    )
    flags.add_force_flag(parser)
    parser.add_argument(
        "--num_processes",
        type=flags.PROCESSES,
        default=os.cpu_count() or 1,
        help="processes that read files (default: one for each core)",
    )
    parser.add_argument(
        "--max_seconds",
        type=flags.number(above=0, at_most=86400),
        default=14400.0,
        help="drop longer music (default: 14400)",
    )
    parser.add_argument(
        "--max_megabytes",
        type=flags.number(above=0, at_most=1024),
        default=16.0,
        help="drop larger files (default: 16)",
    )
    add_drum_choice_flags(parser)
    add_log_flag(parser)
    parser.take_magenta_flags("convert_dir_to_note_sequences")
    return parser


def _show(tally: Tally) -> None:
    """Print tables of what was dropped and what was read with a warning."""
    for what, drops in (("files", tally.dropped), ("tunes", tally.tunes)):
        examples = {reason: message for _, reason, message in reversed(drops)}
        counted = Counter(reason for _, reason, _ in drops).most_common()
        if counted:
            title = f"Dropped {what} (all of them are listed in the .json)"
            rows = [(reason, n, examples[reason]) for reason, n in counted]
            print_table(title, ["reason", what, "for example"], rows)
    if tally.warnings:
        by_count = sorted(tally.warnings.items(), key=lambda item: -item[1][0])
        rows = [(code, n, example) for code, (n, example) in by_count]
        print_table("Read with a warning", ["warning", "files", "for example"], rows)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    from preprocess.tfrecord import RecordWriter, write_sidecar

    drums = drum_choice_of(args)
    input_dir, output = Path(args.input_dir).expanduser(), Path(args.output_file).expanduser()
    held_out = Path(args.held_out_file).expanduser() if args.held_out_file else None
    check_outputs(filter(None, (output, held_out)), args.force)
    found = find_sources(input_dir, args.recursive)
    if not found.sources:
        hint = "" if args.recursive else "; --recursive reads the folders inside too"
        raise InputError(f"{input_dir}: holds no MIDI, MusicXML or ABC file{hint}.", "no_files")
    limits = replace(Limits(), seconds=args.max_seconds, bytes=int(args.max_megabytes * 2**20))
    tally = Tally.of_folders(found.unreadable)
    with ExitStack() as stack:
        writer = stack.enter_context(RecordWriter(output))
        other = stack.enter_context(RecordWriter(held_out)) if held_out else writer
        advance = stack.enter_context(progress("Reading", len(found.sources)))
        options = Options(input_dir.stem, limits, drums)
        for converted in convert_sources(found.sources, options, args.num_processes):
            records = converted.records
            out = held_out and records and is_held_out(records[0], args.held_out_percent)
            chosen = other if out else writer
            for record in records:
                chosen.write(record)
            tally.add(converted)
            advance()
        if not writer.count:
            reasons = Counter(reason for _, reason, _ in tally.dropped).most_common()
            counted = ", ".join(f"{reason}: {n}" for reason, n in reasons) or "all are held out"
            raise InputError(
                f"{input_dir}: none of {number_of(len(found.sources), 'file')} could be read ({counted}).",
                "no_files",
            )
    description = {
        "kind": "note_sequences",
        "schema": SCHEMA,
        "made_by": "convert_dir_to_note_sequences",
        "files": {"read": tally.read, "dropped": len(tally.dropped), "other": found.others},
        **tally.description(),
    }
    write_sidecar(output, {**description, "count": writer.count})
    if held_out:
        write_sidecar(held_out, {**description, "count": other.count})
    _show(tally)
    kinds = {"drums_only": "drums alone", "both": "drums and other notes", "no_drums": "no drums"}
    notes = ", ".join(f"{tally.notes[kind]} with {name}" for kind, name in kinds.items() if tally.notes[kind])
    print(
        f"Wrote {number_of(writer.count, 'NoteSequence')} from {tally.read} of {number_of(len(found.sources), 'file')} to "
        f"{output}: {notes}."
    )
    if held_out:
        print(f"Wrote {number_of(other.count, 'NoteSequence')} of held-out pieces to {held_out}.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
