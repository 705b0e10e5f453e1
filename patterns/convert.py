"""Command: the beats of this folder, or of grids of your own, become NoteSequences and MIDI files."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a script: the packages stand beside this one
    sys.path[0] = str(Path(__file__).resolve().parents[1])

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from preprocess import stopping

    stopping.listen()

from preprocess.console import Parser, run_command
from preprocess.errors import InputError

SCHEMA = 1
LONGEST_STEM = 120


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Convert drum grids to a TFRecord of NoteSequences, to MIDI files, or both.",
        "python -m patterns.convert --output_file=patterns.tfrecord --midi_dir=patterns_midi",
    )
    parser.add_argument("--input_files", help="grids to read, globs with commas (default: the shipped ones)")
    parser.add_argument("--output_file", help="TFRecord to write")
    parser.add_argument("--midi_dir", help="folder for one MIDI file a beat")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    return parser


def read_beats(patterns: str | None) -> list[Any]:
    """The shipped beats, or those of the named files.

    Raises:
        InputError: where a file is missing, is no text, or is no drum grid.
    """
    from patterns.notation import load_all, parse
    from preprocess.tfrecord import expand_patterns

    if not patterns:
        return load_all()
    beats: list[Any] = []
    for pattern in patterns.split(","):
        for path in expand_patterns(pattern):
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
    from preprocess.output_files import check_outputs

    if not (args.output_file or args.midi_dir):
        raise InputError("Nothing to write: give --output_file, --midi_dir or both.", "flags")
    beats = read_beats(args.input_files)
    output, folder = Path(args.output_file or "").expanduser(), Path(args.midi_dir or "").expanduser()
    paths = [folder / name for name in midi_names(beats)] if args.midi_dir else []
    check_outputs([*([output] if args.output_file else []), *paths], args.force)
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
