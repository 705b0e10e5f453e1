"""Command: the beats of this folder, grids of your own or MIDI files become NoteSequences, MIDI files and grids."""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    if not __package__:  # run as a script: the packages stand beside this one
        import os
        import sys

        sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    from common import stopping

    stopping.listen()

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from common.console import Parser, run_command
from common.errors import InputError
from preprocess.drums.tracks import DrumChoice, add_drum_choice_flags, drum_choice_of

SCHEMA = 1
LONGEST_STEM = 120


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Convert drum grids to a TFRecord of NoteSequences and to MIDI files, and MIDI files to drum grids.",
        "python -m patterns.convert --output_file=patterns.tfrecord --midi_dir=patterns_midi",
    )
    parser.add_argument(
        "--input_files",
        help="grids, or MIDI files, to read: globs with commas (default: the shipped grids)",
    )
    parser.add_argument("--output_file", help="TFRecord to write")
    parser.add_argument("--midi_dir", help="folder for one MIDI file a beat")
    parser.add_argument("--text_file", help="file to write the grids to; - prints them")
    add_drum_choice_flags(parser)
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    return parser


def read_beats(patterns: str | None, choice: DrumChoice = DrumChoice()) -> list[Any]:
    """The shipped beats, or those of the named files: grids, or MIDI files, of which it says what a grid can't.

    Args:
        patterns: globs with commas.
        choice: where the drums of MIDI files are.

    Raises:
        InputError: where a file is missing, is not text or a drum grid, or is a MIDI file that can't be written as one.
    """
    from patterns.from_midi import beats_of_midi
    from patterns.notation import load_all, parse
    from preprocess.sources import MIDI_SUFFIXES
    from preprocess.tfrecord import expand_patterns

    if not patterns:
        return load_all()
    beats: list[Any] = []
    for pattern in patterns.split(","):
        for path in expand_patterns(pattern):
            if path.suffix.lower() in MIDI_SUFFIXES:
                found, remarks = beats_of_midi(path, choice)
                beats += found
                print(*remarks, sep="\n", end="\n" * bool(remarks), file=sys.stderr)
                continue
            try:
                beats += parse(path.read_text(encoding="utf-8-sig"), str(path))
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"{path}: can't be read as UTF-8 text ({error}).", "unreadable") from error
    if not beats:
        raise InputError(f"{patterns}: holds no beat; patterns/README.md shows how to write one.", "no_files")
    return beats


def midi_names(beats: list[Any]) -> list[str]:
    """A file name for each beat, `funk-ghosted-sixteenths.mid`, numbered where two would be the same.

    Long ones are cut, as file systems take 255 bytes.
    """
    names: list[str] = []
    taken: set[str] = set()
    for beat in beats:
        stem = re.sub(r"[^a-z0-9]+", "-", f"{beat.style}-{beat.name}".lower()).strip("-") or "beat"
        stem = stem[:LONGEST_STEM].strip("-")
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name)
        names.append(f"{name}.mid")
    return names


def _write_records(beats: list[Any], output: Path) -> None:
    from patterns.notation import beat_to_note_sequence
    from preprocess.tfrecord import RecordWriter, write_sidecar

    with RecordWriter(output) as writer:
        for beat in beats:
            writer.write(beat_to_note_sequence(beat).SerializeToString())
    description = {
        "kind": "note_sequences",
        "schema": SCHEMA,
        "count": writer.count,
        "made_by": "patterns.convert",
    }
    write_sidecar(output, description)


def _write_midi(beats: list[Any], paths: list[Path], force: bool) -> None:
    from patterns.notation import beat_to_note_sequence
    from render.midi import Style, write_midi

    for beat, path in zip(beats, paths, strict=True):
        style = Style(
            qpm=beat.qpm, time_signature=beat.time_signature
        )  # the beat's own swing is in its times
        write_midi(beat_to_note_sequence(beat), path, style, bars=beat.bars, force=force)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    from common.output_files import check_outputs, write_atomically
    from patterns.notation import format_beat

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
            print(f"Wrote {len(beats)} grids to {text}.")
    if args.midi_dir:
        folder.mkdir(parents=True, exist_ok=True)
        _write_midi(beats, paths, args.force)
        print(f"Wrote {len(beats)} MIDI files to {folder}.")
    if args.output_file:
        _write_records(beats, output)
        print(f"Wrote {len(beats)} NoteSequences to {output}.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
