"""The usable piano pieces of a folder or zip, as records."""

from collections.abc import Sequence
from pathlib import Path

from common.console import progress
from preprocess.conversion import Options, convert_sources, is_held_out
from preprocess.note_sequence import NoteSequence
from preprocess.pieces.checks import Checks
from preprocess.sources import find_sources
from preprocess.tfrecord import RecordWriter


def write_usable(
    folder: Path, checks: Checks, writers: Sequence[RecordWriter], held_out_percent: float, processes: int
) -> list[tuple[str, str]]:
    """Write the usable pieces of a folder or zip as records; names and reasons of those that are refused.

    Args:
        folder: is read with all folders inside.
        checks: say which are usable; files that can't be read have the reader's reason.
        writers: for the pieces, and a second one for those that are held out, if there is one.
        held_out_percent: percentage of the pieces that is held out, chosen by their notes.
        processes: that read the files.
    """
    found = find_sources(folder, recursive=True)
    refused = [(name, "unreadable") for name, _ in found.unreadable]
    with progress("Checking", len(found.sources)) as advance:
        for converted in convert_sources(found.sources, Options(folder.stem), processes):
            for record in converted.records:
                reason = checks.reason_to_refuse(NoteSequence.FromString(record))
                if reason:
                    refused.append((converted.source.name, reason))
                else:
                    writers[len(writers) > 1 and is_held_out(record, held_out_percent)].write(record)
            refused += [(converted.source.name, drop.reason) for drop in converted.drops]
            advance()
    return refused
