"""Command: the beats of this folder, grids of your own or MIDI files become NoteSequences, MIDI files and grids."""

if __name__ == "__main__":  # see common/console.py
    if not __package__:  # run as a script: the packages stand beside this one
        import os
        import sys

        sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    from common import signals

    signals.listen()

import argparse
import sys
from pathlib import Path

from common import flags
from common.console import Parser, run_command
from common.errors import InputError
from common.wording import number_of
from preprocess.drums.tracks import add_drum_choice_flags, drum_choice_of


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Convert drum grids to a TFRecord of NoteSequences and to MIDI files, and MIDI files to drum grids.",
        "python -m patterns.convert --output_file=patterns.tfrecord --midi_dir=patterns_midi",
    )
    parser.add_argument(
        "--input_files",
        help="grids, or MIDI files, to read: globs separated by commas (default: the shipped grids)",
    )
    parser.add_argument("--output_file", help="TFRecord to write")
    parser.add_argument("--midi_dir", help="folder for a MIDI file of each beat")
    parser.add_argument("--text_file", help="file to write the grids to; - prints them")
    add_drum_choice_flags(parser)
    flags.add_force_flag(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    from common.output_files import check_outputs, write_atomically
    from patterns.files import midi_names, read_beats, write_records
    from patterns.notation import beat_to_note_sequence, format_beat
    from render.midi import Style, write_midi

    if not (args.output_file or args.midi_dir or args.text_file):
        raise InputError("Nothing to write: give --output_file, --midi_dir or --text_file.", "flags")
    beats = read_beats(args.input_files, drum_choice_of(args))
    text = Path(args.text_file).expanduser() if args.text_file not in (None, "-") else None
    output, folder = Path(args.output_file or "").expanduser(), Path(args.midi_dir or "").expanduser()
    paths = [folder / name for name in midi_names(beats)] if args.midi_dir else []
    check_outputs([*([output] if args.output_file else []), *([text] if text else []), *paths], args.force)
    if args.text_file:
        grids = "\n".join(format_beat(beat) for beat in beats)
        if text is None:
            print(grids, end="")
        else:
            write_atomically(text, grids.encode())
            print(f"Wrote {number_of(len(beats), 'grid')} to {text}.")
    if args.midi_dir:
        folder.mkdir(parents=True, exist_ok=True)
        for beat, path in zip(beats, paths, strict=True):
            # The beat's own swing is in its times.
            style = Style(qpm=beat.qpm, time_signature=beat.time_signature)
            write_midi(beat_to_note_sequence(beat), path, style, bars=beat.bars, force=args.force)
        print(f"Wrote {number_of(len(beats), 'MIDI file')} to {folder}.")
    if args.output_file:
        write_records(beats, output)
        print(f"Wrote {number_of(len(beats), 'NoteSequence')} to {output}.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
