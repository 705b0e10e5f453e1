"""Beats from files, grids or MIDI, and to a TFRecord; names for their MIDI files."""

import re
import sys
from pathlib import Path

from common.errors import InputError
from patterns.beat import Beat
from patterns.from_midi import beats_of_midi
from patterns.notation import beat_to_note_sequence, load_all, parse
from preprocess.drums.tracks import DrumChoice
from preprocess.sources import MIDI_SUFFIXES
from preprocess.tfrecord import RecordWriter, expand_patterns, write_sidecar

SCHEMA = 1
LONGEST_STEM = 120
"""Characters of a file's name; file systems take 255 bytes."""


def read_beats(patterns: str | None, choice: DrumChoice = DrumChoice()) -> list[Beat]:
    """The shipped beats, or those of the named files: grids, or MIDI files; what a grid can't say of these goes to stderr.

    Args:
        patterns: globs with commas.
        choice: where the drums of MIDI files are.

    Raises:
        InputError: where a file is missing, is not text or a drum grid, or is a MIDI file that can't be written as one.
    """
    if not patterns:
        return load_all()
    beats: list[Beat] = []
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


def midi_names(beats: list[Beat]) -> list[str]:
    """A file name for each beat, `funk-ghosted-sixteenths.mid`, numbered where two would be the same.

    Long ones are cut.
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


def write_records(beats: list[Beat], output: Path) -> None:
    """Write the beats as a TFRecord of NoteSequences, with its sidecar."""

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
