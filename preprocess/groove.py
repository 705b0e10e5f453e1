"""Command: a selection of the Groove MIDI Dataset, by its own table, becomes a TFRecord of NoteSequences."""

if __name__ == "__main__":  # see common/console.py
    if not __package__:  # run as a script: the packages stand beside this one
        import os
        import sys

        sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    from common import signals

    signals.listen()

import argparse
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from common import flags
from common.console import Parser, print_table, progress, run_command
from common.errors import InputError
from common.wording import number_of
from preprocess.groove_dataset import SPLITS, GrooveFiles, load_note_sequences, read_info, select


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Write a selection of the Groove MIDI Dataset as a TFRecord of NoteSequences.",
        "python preprocess/groove.py --input=groove --split=train --style=rock --beat_type=beat"
        " --time_signature=4-4 --output_file=rock.tfrecord",
    )
    parser.add_argument("--input", required=True, help="folder of the data set, or its zip")
    parser.add_argument("--output_file", required=True, help="TFRecord to write")
    parser.add_argument("--split", choices=SPLITS, help="default: all three together")
    parser.add_argument("--style", help="styles, separated by commas; rock takes rock/shuffle too")
    parser.add_argument("--beat_type", help="beat, fill")
    parser.add_argument("--time_signature", help="4-4, 3-4, ... separated by commas")
    parser.add_argument("--drummer", help="drummer1, ... separated by commas")
    parser.add_argument(
        "--min_qpm", type=flags.number(0, 10_000), default=0.0, help="slowest tempo, in quarters per minute"
    )
    parser.add_argument("--max_qpm", type=flags.number(0, 10_000), default=float("inf"), help="fastest tempo")
    flags.add_force_flag(parser)
    return parser


def _listed(value: str | None) -> list[str] | None:
    return None if value is None else [v.strip() for v in value.split(",") if v.strip()]


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    from common.output_files import check_outputs
    from preprocess.tfrecord import RecordWriter, write_sidecar

    output = Path(args.output_file).expanduser()
    check_outputs([output], args.force)
    rows = select(
        read_info(args.input),
        split=args.split,
        styles=_listed(args.style),
        beat_types=_listed(args.beat_type),
        time_signatures=_listed(args.time_signature),
        qpm_range=(args.min_qpm, args.max_qpm),
        drummers=_listed(args.drummer),
    )
    if not rows:
        raise InputError(
            f"{args.input}: no row of info.csv meets all conditions; loosen one.", "nothing_selected"
        )
    with GrooveFiles(args.input) as files, progress("Reading", len(rows)) as advance:
        loaded = load_note_sequences(rows, files, advance)
    if not loaded.note_sequences:
        raise InputError(
            f"{args.input}: of {number_of(len(rows), 'selected file')} {len(loaded.missing)} are absent and "
            f"{len(loaded.unreadable)} unreadable, which leaves none; is the folder complete?",
            "no_files",
        )
    with RecordWriter(output) as writer:
        for sequence in loaded.note_sequences:
            writer.write(sequence.SerializeToString())
    present = {s.id for s in loaded.note_sequences}
    write_sidecar(
        output,
        {
            "kind": "note_sequences",
            "schema": 1,
            "count": writer.count,
            "made_by": "groove",
            "splits": dict(Counter(r.split for r in rows if r.midi_filename in present)),
            "rows": [asdict(r) for r in rows if r.midi_filename in present],
            "missing": loaded.missing,
            "unreadable": [{"file": n, "message": m} for n, m in loaded.unreadable],
        },
    )
    if loaded.unreadable:
        print_table("Unreadable files", ["file", "why"], loaded.unreadable)
    print(
        f"Wrote {number_of(writer.count, 'NoteSequence')} of {number_of(len(rows), 'selected row')} to {output}"
        f" ({number_of(len(loaded.missing), 'file')} absent, {len(loaded.unreadable)} unreadable)."
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
