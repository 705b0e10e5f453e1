"""TFRecord files without TensorFlow: checked on reading, whole or absent on writing, described by a sidecar.

The format: little-endian length (8 bytes), its masked CRC-32C (4), the record, its masked CRC-32C (4).
Beside `examples.tfrecord` stands `examples.tfrecord.json`: how many records, of what kind, made how.
"""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import google_crc32c

from common.errors import InputError, shown
from common.json_text import parse_json
from common.output_files import OutputFile, write_atomically
from preprocess.sources import named_files

MAX_RECORD_BYTES = 64 * 2**20
"""A NoteSequence of a million notes has half as many."""
MAX_SIDECAR_BYTES = 256 * 2**20
"""A description lists every dropped file, of a hundred thousand or more."""


def _masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def read_records(path: str | Path, max_record_bytes: int = MAX_RECORD_BYTES) -> Iterator[bytes]:
    """The records of a TFRecord file, one by one.

    Raises:
        InputError: naming file and byte offset where the file is damaged (`bad_record`), a record is larger
            than `max_record_bytes` (`record_too_large`), or the file can't be opened (`unreadable`).
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below; the error of opening is reported apart
    except OSError as error:
        raise InputError(f"{path}: can't be opened ({error.strerror}).", "unreadable") from error
    with file:
        offset = 0
        while header := file.read(12):
            if len(header) < 12:
                raise _damaged(path, offset, "the file ends inside a record's header")
            length, length_crc = struct.unpack("<QI", header)
            if _masked_crc(header[:8]) != length_crc:
                raise _damaged(path, offset, "the checksum of a record's length is wrong")
            if length > max_record_bytes:
                raise InputError(
                    f"{path}: the record at byte {offset} claims {length} bytes, more than {max_record_bytes}.",
                    "record_too_large",
                )
            data, footer = file.read(length), file.read(4)
            if len(footer) < 4:
                raise _damaged(path, offset, "the file ends inside a record")
            if struct.unpack("<I", footer)[0] != _masked_crc(data):
                raise _damaged(path, offset, "the checksum of a record is wrong")
            yield data
            offset += 16 + length


def _damaged(path: str | Path, offset: int, what: str) -> InputError:
    whole = f"damaged TFRecord, {what} at byte {offset}; make the file again."
    if offset == 0:
        whole = f"no TFRecord, or a damaged one ({what} at byte 0); MIDI is converted to one first, see the README."
    return InputError(f"{path}: {whole}", "bad_record")


def framed(record: bytes) -> bytes:
    """A record as it stands in a file, with its length and checksums."""
    header = struct.pack("<Q", len(record))
    return b"".join(
        (header, struct.pack("<I", _masked_crc(header)), record, struct.pack("<I", _masked_crc(record)))
    )


class RecordWriter:
    """Writes a TFRecord file that appears under its name only when it is complete, and without the sidecar of before.

    Use as a context manager; on an exception the partial file is removed and an old one stays as it was. Several
    that belong together are given to `publish` or `discard` instead.

    Raises:
        InputError, OutputError: as `output_files.OutputFile`.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.count = 0
        self.file = OutputFile(self.path, about=sidecar_path(self.path))

    def write(self, record: bytes) -> None:
        """Append one record."""
        self.file.write(framed(record))
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.__exit__(kind, error, trace)


def expand_patterns(patterns: str) -> list[Path]:
    """The files of Magenta's `--examples_path`: names or globs separated by commas, without the files beside them.

    Raises:
        InputError: where a pattern matches nothing (`no_files`).
    """
    found = [path for path in named_files(patterns) if path.suffix not in (".json", ".part")]
    if not found:
        raise InputError(f"{patterns}: no such file; examples are named by a path or a glob.", "no_files")
    return found


def sidecar_path(path: str | Path) -> Path:
    """Where the description of a TFRecord file stands."""
    return Path(f"{path}.json")


def write_sidecar(path: str | Path, description: dict[str, Any]) -> None:
    """Describe the TFRecord file at `path`."""
    write_atomically(sidecar_path(path), (json.dumps(description, indent=1) + "\n").encode())


def read_sidecar(path: str | Path) -> dict[str, Any] | None:
    """The description of the TFRecord file at `path`; None where there is none.

    Raises:
        InputError: where it is there and not JSON, or what is read of it is of another type (`bad_sidecar`).
    """
    sidecar = sidecar_path(path)
    if not sidecar.exists():
        return None
    try:
        with open(sidecar, "rb") as file:
            text = file.read(MAX_SIDECAR_BYTES + 1)
        if len(text) > MAX_SIDECAR_BYTES:
            raise ValueError(f"it is longer than {MAX_SIDECAR_BYTES} bytes")
        description = parse_json(text)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{sidecar}: is not a description of a TFRecord file ({error}).", "bad_sidecar"
        ) from error
    if not isinstance(description, dict):
        raise InputError(f"{sidecar}: is not a description of a TFRecord file.", "bad_sidecar")
    for key, fits, expected in _SIDECAR:
        if key in description and not fits(description[key]):
            raise InputError(
                f"{sidecar}: {key} is {shown(description[key])}, not {expected}; make the file again, or remove the "
                "description where it is of NoteSequences.",
                "bad_sidecar",
            )
    return description


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**40


_SIDECAR: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("kind", lambda value: isinstance(value, str), "a word"),
    ("count", _is_count, "a number of records"),
    ("converter", lambda value: isinstance(value, dict), "a converter's options"),
    (
        "reasons",
        lambda value: isinstance(value, dict) and all(map(_is_count, value.values())),
        "numbers by reason",
    ),
)
"""What readers take from a sidecar: key, what its value must be, and that in words."""
