"""Command: a folder or zip of MIDI, MusicXML and ABC files becomes one TFRecord of NoteSequences.

Magenta's command of that name, with a pool of processes, a reason for every file that is dropped, and an
output that appears whole or not at all.
"""

import argparse
import hashlib
import os
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

if __package__ in (None, ""):  # run as a script: the packages stand beside this one
    sys.path[0] = str(Path(__file__).resolve().parents[1])

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from preprocess import stopping

    stopping.listen()

from preprocess.console import Parser, add_log_flag, print_table, progress, run_command, start_worker
from preprocess.errors import InputError
from preprocess.output_files import check_outputs

MIDI_SUFFIXES = (".mid", ".midi")
SCORE_SUFFIXES = (".xml", ".mxl", ".musicxml", ".abc")
SCHEMA = 1


@dataclass(frozen=True)
class Source:
    """One file to convert: its place on disk or in a zip, and its name inside the collection."""

    name: str
    path: str
    member: str | None = None


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Convert a folder or zip of MIDI, MusicXML and ABC files to a TFRecord of NoteSequences.",
        "convert_dir_to_note_sequences --input_dir=groove --output_file=groove.tfrecord --recursive",
    )
    parser.add_argument("--input_dir", required=True, help="folder, or .zip file, to read")
    parser.add_argument("--output_file", required=True, help="TFRecord to write")
    parser.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="read the folders inside as well",
    )
    parser.add_argument("--held_out_file", help="TFRecord for a part of the pieces, to validate on")
    parser.add_argument(
        "--held_out_percent",
        type=float,
        default=10.0,
        help="of the pieces, with --held_out_file (default: 10)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite the output files")
    parser.add_argument("--num_processes", type=int, default=os.cpu_count() or 1, help="default: all cores")
    parser.add_argument(
        "--max_seconds", type=float, default=14400.0, help="drop longer music (default: 14400)"
    )
    parser.add_argument("--max_megabytes", type=float, default=16.0, help="drop larger files (default: 16)")
    add_log_flag(parser)
    return parser


def find_sources(input_dir: Path, recursive: bool) -> tuple[list[Source], int]:
    """The files to convert, sorted by name, and how many others there are.

    Raises:
        InputError: where `input_dir` is neither a folder nor a zip.
    """
    suffixes = MIDI_SUFFIXES + SCORE_SUFFIXES
    if input_dir.is_dir():
        found = input_dir.rglob("*") if recursive else input_dir.iterdir()
        files = sorted(p for p in found if p.is_file())
        sources = [Source(p.relative_to(input_dir).as_posix(), str(p)) for p in files]
    elif zipfile.is_zipfile(input_dir):
        with zipfile.ZipFile(input_dir) as archive:
            names = sorted(i.filename for i in archive.infolist() if not i.is_dir())
        sources = [Source(name, str(input_dir), name) for name in names if "__MACOSX" not in name]
    else:
        missing = (
            "is neither a folder nor a whole zip file" if input_dir.exists() else "no such folder or zip file"
        )
        raise InputError(f"{input_dir}: {missing}.", "unreadable")
    wanted = [s for s in sources if s.name.lower().endswith(suffixes)]
    return wanted, len(sources) - len(wanted)


def _bytes_of(source: Source, limit: int) -> bytes:
    try:
        if source.member is None:
            if os.path.getsize(source.path) > limit:
                raise InputError(f"{source.name}: is larger than {limit} bytes.", "file_too_large")
            return Path(source.path).read_bytes()
        with zipfile.ZipFile(source.path) as archive:
            if archive.getinfo(source.member).file_size > limit:
                raise InputError(f"{source.name}: is larger than {limit} bytes.", "file_too_large")
            with archive.open(source.member) as file:
                data = file.read(limit + 1)
        if len(data) > limit:
            raise InputError(f"{source.name}: is larger than {limit} bytes.", "file_too_large")
        return data
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{source.name}: can't be read ({error}).", "unreadable") from error


def convert(
    source: Source, collection: str, max_seconds: float, max_bytes: int
) -> tuple[list[bytes], str, str]:
    """The serialised NoteSequences of a file, or none with a reason code and a sentence. Never raises."""
    from preprocess.midi import Limits, read_midi

    try:
        limits = replace(Limits(), seconds=max_seconds, bytes=max_bytes)
        data = _bytes_of(source, max_bytes)
        if source.name.lower().endswith(MIDI_SUFFIXES):
            sequences = [read_midi(data, limits)]
        else:
            from preprocess.scores import read_score

            sequences = read_score(data, PurePosixPath(source.name).suffix.lower(), limits)
        for sequence in sequences:
            _identify(sequence, source, collection)
        return [sequence.SerializeToString() for sequence in sequences], "", ""
    except InputError as error:
        return [], error.reason, str(error)
    except (MemoryError, RecursionError, ValueError, TypeError, KeyError, IndexError) as error:
        return [], "reader_failed", f"{type(error).__name__}: {error}"


def _identify(sequence: object, source: Source, collection: str) -> None:
    """Magenta's identification: collection, path inside it, and an id made of both."""
    filename = source.name
    digest = hashlib.sha1(filename.encode("utf-8")).hexdigest()  # noqa: S324 - an id, not a secret
    kind = PurePosixPath(filename).suffix.lower().lstrip(".")
    kind = {"mid": "midi", "mxl": "musicxml", "xml": "musicxml"}.get(kind, kind)
    sequence.collection_name = collection  # type: ignore[attr-defined]
    sequence.filename = filename  # type: ignore[attr-defined]
    number = f"/{sequence.reference_number}" if getattr(sequence, "reference_number", 0) else ""  # type: ignore[attr-defined]
    sequence.id = f"/id/{kind}/{collection}/{digest}{number}"  # type: ignore[attr-defined]


def convert_all(
    sources: list[Source], collection: str, max_seconds: float, max_bytes: int, processes: int
) -> Iterator[tuple[Source, list[bytes], str, str]]:
    """Convert in a pool, in the order of `sources`; a file that kills its process costs only itself."""
    remaining = list(sources)
    arguments = (collection, max_seconds, max_bytes)
    while remaining:
        batches = [remaining[i : i + 8] for i in range(0, len(remaining), 8)]
        with ProcessPoolExecutor(max(1, processes), initializer=start_worker) as pool:
            futures = [pool.submit(_convert_batch, batch, *arguments) for batch in batches]
            try:
                for batch, future in zip(batches, futures, strict=True):
                    for source, result in zip(batch, future.result(), strict=True):
                        yield source, *result
                    del remaining[: len(batch)]
                return
            except BrokenProcessPool:
                pass
        # The pool died in or after this batch: its files go one by one, each in a process of its own.
        for source in remaining[:8]:
            with ProcessPoolExecutor(1, initializer=start_worker) as pool:
                try:
                    yield source, *pool.submit(convert, source, *arguments).result()
                except BrokenProcessPool:
                    yield source, [], "reader_crashed", f"{source.name}: the reader's process died."
        del remaining[:8]


def _convert_batch(batch: list[Source], *arguments: object) -> list[tuple[list[bytes], str, str]]:
    return [convert(source, *arguments) for source in batch]  # type: ignore[arg-type]


def is_held_out(record: bytes, percent: float) -> bool:
    """Whether a piece is among those to validate on; the same notes under another name are so alike."""
    from preprocess.note_sequence import NoteSequence

    notes = NoteSequence.FromString(record).notes
    digest = zlib.crc32(repr([(n.pitch, round(n.start_time, 3)) for n in notes]).encode())
    return digest % 10000 < percent * 100


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    from preprocess.tfrecord import RecordWriter, write_sidecar

    input_dir, output = Path(args.input_dir).expanduser(), Path(args.output_file).expanduser()
    held_out = Path(args.held_out_file).expanduser() if args.held_out_file else None
    if not 0 < args.held_out_percent < 100:
        raise InputError(
            f"--held_out_percent is {args.held_out_percent}; expected more than 0, less than 100."
        )
    check_outputs(filter(None, (output, held_out)), args.force)
    sources, others = find_sources(input_dir, args.recursive)
    if not sources:
        hint = "" if args.recursive else "; --recursive reads the folders inside too"
        raise InputError(f"{input_dir}: holds no MIDI, MusicXML or ABC file{hint}.", "no_files")
    dropped: list[tuple[str, str, str]] = []
    max_bytes = int(args.max_megabytes * 2**20)
    results = convert_all(sources, input_dir.stem, args.max_seconds, max_bytes, args.num_processes)
    with ExitStack() as stack:
        writer = stack.enter_context(RecordWriter(output))
        other = stack.enter_context(RecordWriter(held_out)) if held_out else writer
        advance = stack.enter_context(progress("Reading", len(sources)))
        for source, records, reason, message in results:
            chosen = other if records and is_held_out(records[0], args.held_out_percent) else writer
            for record in records:
                chosen.write(record)
            if reason:
                dropped.append((source.name, reason, message))
            advance()
        reasons = Counter(reason for _, reason, _ in dropped)
        if not writer.count:
            counted = ", ".join(f"{reason}: {n}" for reason, n in reasons.most_common()) or "all are held out"
            raise InputError(
                f"{input_dir}: none of {len(sources)} files could be read ({counted}).", "no_files"
            )
    read = len(sources) - len(dropped)
    description = {
        "kind": "note_sequences",
        "schema": SCHEMA,
        "made_by": "convert_dir_to_note_sequences",
        "files": {"read": read, "dropped": len(dropped), "other": others},
        "dropped": [{"file": n, "reason": r, "message": m} for n, r, m in dropped],
    }
    write_sidecar(output, {**description, "count": writer.count})
    if held_out:
        write_sidecar(held_out, {**description, "count": other.count})
    if dropped:
        rows = [
            (reason, n, next(m for _, r, m in dropped if r == reason)) for reason, n in reasons.most_common()
        ]
        print_table(
            "Dropped files (all of them are listed in the .json)", ["reason", "files", "for example"], rows
        )
    print(f"Wrote {writer.count} NoteSequences from {read} of {len(sources)} files to {output}.")
    if held_out:
        print(f"Wrote {other.count} NoteSequences of pieces that are held out to {held_out}.")
    return 0


def console_main() -> int:
    """Entry point of the installed command."""
    return run_command(main)


if __name__ == "__main__":
    sys.exit(console_main())
