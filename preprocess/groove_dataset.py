"""The Groove MIDI Dataset by its own table: choose rows of info.csv, read or copy their files.

Gillick, Roberts, Engel, Eck and Bamman, "Learning to Groove with Inverse Sequence Transformations", 2019
(CC-BY 4.0). 1150 performances, each with drummer, style, tempo, beat or fill, time signature and an official
split. The folder and the official zip are read alike; the zip member by member, never unpacked.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from common.errors import InputError
from common.extras import install_line
from common.output_files import write_atomically
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from preprocess.sources import ZIP_ERRORS

COLUMNS = (
    "drummer", "session", "id", "style", "bpm", "beat_type",
    "time_signature", "midi_filename", "duration", "split",
)  # fmt: skip
SPLITS = ("train", "validation", "test")
BEAT_TYPES = ("beat", "fill")
MAX_FILE_BYTES = 16 * 2**20
HOMEPAGE = "https://magenta.tensorflow.org/datasets/groove"


@dataclass(frozen=True)
class GrooveRow:
    """One performance, as a row of info.csv describes it."""

    drummer: str
    session: str
    id: str
    style: str  # "rock/shuffle": primary and secondary style
    qpm: float  # quarter notes per minute, the column `bpm`
    beat_type: str  # "beat" or "fill"
    time_signature: str  # "4-4"
    midi_filename: str  # relative to the data set's folder, with forward slashes
    duration: float  # seconds
    split: str  # "train", "validation" or "test"

    @property
    def primary_style(self) -> str:
        """The style before the slash: `rock` of `rock/shuffle`."""
        return self.style.split("/")[0]

    @property
    def file_name(self) -> str:
        """The file's name without its folders; not unique in the data set."""
        return PurePosixPath(self.midi_filename).name


@dataclass(frozen=True)
class Loaded:
    """What `load_note_sequences` read, and what it could not."""

    note_sequences: list[NoteSequence]
    missing: list[str]  # relative paths of rows without a file
    unreadable: list[tuple[str, str]]  # relative path, sentence


class GrooveFiles:
    """The files of the data set, in a folder or in the official zip. Use as a context manager.

    Raises:
        InputError: where `path` is neither (`unreadable`), or holds no info.csv (`no_info`).
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).expanduser()
        self._archive: zipfile.ZipFile | None = None
        self._members: set[str] = set()
        self._prefix = ""
        if self.path.is_dir():
            if not (self.path / "info.csv").is_file():
                raise InputError(
                    f"{path}: holds no info.csv; give the folder named groove ({HOMEPAGE}).", "no_info"
                )
        elif self.path.is_file() and zipfile.is_zipfile(self.path):
            self._archive = zipfile.ZipFile(self.path)
            self._members = set(self._archive.namelist())
            tables = [n for n in self._members if PurePosixPath(n).name == "info.csv" and "__MACOSX" not in n]
            if not tables:
                self._archive.close()
                raise InputError(
                    f"{path}: holds no info.csv; give the data set's own zip ({HOMEPAGE}).", "no_info"
                )
            self._prefix = min(tables, key=len).removesuffix("info.csv")
        else:
            raise InputError(
                f"{path}: is neither a folder nor a zip file; download the data set from {HOMEPAGE}.",
                "unreadable",
            )

    def __enter__(self) -> "GrooveFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the zip, if it is one."""
        if self._archive is not None:
            self._archive.close()

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes | None:
        """The bytes of the file with this relative name; None where it is absent.

        Raises:
            InputError: where the file is too large (`file_too_large`) or can't be read (`unreadable`).
        """
        try:
            if self._archive is None:
                file = self.path / name
                if not file.is_file():
                    return None
                with open(file, "rb") as stream:
                    data = stream.read(max_bytes + 1)
            elif self._prefix + name not in self._members:
                return None
            else:
                with self._archive.open(self._prefix + name) as stream:
                    data = stream.read(max_bytes + 1)
        except ZIP_ERRORS as error:
            raise InputError(f"{name}: can't be read ({error}).", "unreadable") from error
        if len(data) > max_bytes:
            raise InputError(f"{name}: is larger than {max_bytes} bytes.", "file_too_large")
        return data


def read_info(path: str | Path) -> list[GrooveRow]:
    """The rows of info.csv, in its order.

    Args:
        path: the data set's folder or zip, or an info.csv.

    Raises:
        InputError: where the table is absent, lacks a column (`bad_info`), or a row has a value that
            isn't one (`bad_row`); the message names the line.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() == ".csv":
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: can't be opened ({error.strerror}).", "unreadable") from error
    else:
        with GrooveFiles(path) as files:
            data = files.read("info.csv") or b""
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        absent = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
        if absent:
            raise InputError(f"{path}: is not Groove's info.csv, it lacks {', '.join(absent)}.", "bad_info")
        rows, seen = [], set()
        for record in reader:
            try:
                row = _row(record)
                if row.midi_filename in seen:
                    raise ValueError(f"{row.midi_filename} is listed twice")
            except ValueError as error:
                raise InputError(f"{path}: line {reader.line_num}: {error}.", "bad_row") from error
            seen.add(row.midi_filename)
            rows.append(row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: is not Groove's info.csv ({error}).", "bad_info") from error
    return rows


def _row(record: dict[str, Any]) -> GrooveRow:
    text = {c: record[c] or "" for c in COLUMNS}
    qpm, duration = float(text.pop("bpm")), float(text.pop("duration"))
    if not 0 < qpm < 10000 or not 0 <= duration < float("inf"):
        raise ValueError(f"tempo {qpm:g} or duration {duration:g} is out of range")
    if text["split"] not in SPLITS or text["beat_type"] not in BEAT_TYPES:
        raise ValueError(f"unknown split {text['split']!r} or beat type {text['beat_type']!r}")
    name = text["midi_filename"]
    if (
        not name
        or "\\" in name
        or "\0" in name
        or name.startswith("/")
        or ".." in name.split("/")
        or ":" in name
    ):
        raise ValueError(f"{name!r} is not a path inside the data set")
    return GrooveRow(qpm=qpm, duration=duration, **text)


def select(
    rows: Iterable[GrooveRow],
    split: str | None = None,
    styles: Collection[str] | None = None,
    beat_types: Collection[str] | None = None,
    time_signatures: Collection[str] | None = None,
    qpm_range: tuple[float, float] | None = None,
    drummers: Collection[str] | None = None,
) -> list[GrooveRow]:
    """The rows that meet every condition, in their order; None is no condition.

    Args:
        rows: from `read_info`.
        split: train, validation or test.
        styles: primary styles (`rock` takes `rock/shuffle` too) or full ones (`rock/shuffle`).
        beat_types: beat, fill.
        time_signatures: as the table has them (`4-4`); `4/4` means the same.
        qpm_range: lowest and highest tempo, both included.
        drummers: drummer1 to drummer10.

    Raises:
        InputError: where a wanted value occurs nowhere in `rows` (`unknown_value`), with those that do.
    """
    rows = list(rows)
    meters = None if time_signatures is None else {t.replace("/", "-") for t in time_signatures}
    _check("split", None if split is None else [split], set(SPLITS))
    _check("style", styles, {r.style for r in rows} | {r.primary_style for r in rows})
    _check("beat_type", beat_types, set(BEAT_TYPES))
    _check("time_signature", meters, {r.time_signature for r in rows})
    _check("drummer", drummers, {r.drummer for r in rows})
    low, high = qpm_range or (0.0, float("inf"))
    return [
        row
        for row in rows
        if (split is None or row.split == split)
        and (styles is None or row.style in styles or row.primary_style in styles)
        and (beat_types is None or row.beat_type in beat_types)
        and (meters is None or row.time_signature in meters)
        and low <= row.qpm <= high
        and (drummers is None or row.drummer in drummers)
    ]


def _check(what: str, wanted: Collection[str] | None, known: set[str]) -> None:
    for value in wanted or ():
        if known and value not in known:
            raise InputError(
                f"{value!r} is not a {what} of the table; it has {', '.join(sorted(known))}.", "unknown_value"
            )


def load_note_sequences(
    rows: Iterable[GrooveRow], files: GrooveFiles, advance: Callable[[], None] = lambda: None
) -> Loaded:
    """Read the files of `rows`. Absent and damaged ones are reported, not fatal.

    Each NoteSequence has the relative path as `id` and `filename`, so that no two share one. Its metadata hold the
    style as genre and the drummer as artist; a text annotation at 0 says `beat_type: beat` or `beat_type: fill`.

    Args:
        rows: from `select`.
        files: where they are.
        advance: called after each row.
    """
    loaded = Loaded([], [], [])
    for row in rows:
        try:
            data = files.read(row.midi_filename)
            if data is None:
                loaded.missing.append(row.midi_filename)
            else:
                loaded.note_sequences.append(_identified(read_midi(data), row))
        except InputError as error:
            loaded.unreadable.append((row.midi_filename, str(error)))
        advance()
    return loaded


def _identified(sequence: NoteSequence, row: GrooveRow) -> NoteSequence:
    """`sequence` with what info.csv says of it: genre is the style, artist the drummer, an annotation beat or fill."""
    sequence.id = sequence.filename = row.midi_filename
    sequence.collection_name = "groove"
    sequence.sequence_metadata.genre.append(row.style)
    sequence.sequence_metadata.artist = row.drummer
    sequence.text_annotations.add(time=0.0, text=f"beat_type: {row.beat_type}")
    return sequence


def copy_selection(
    rows: Iterable[GrooveRow], files: GrooveFiles, destination: str | Path, force: bool = False
) -> tuple[list[Path], list[str]]:
    """Copy the files of `rows` below `destination` with their relative paths, so that none replaces another.

    Returns:
        The files written, and the relative paths of rows without a file.

    Raises:
        InputError: where a file is there already and `force` is not given (`exists`);
            nothing is written then.
    """
    rows, root = list(rows), Path(destination).expanduser()
    taken = [root / r.midi_filename for r in rows if (root / r.midi_filename).exists()]
    if taken and not force:
        raise InputError(
            f"{taken[0]}: already exists; choose an empty folder or overwrite with force.", "exists"
        )
    written, missing = [], []
    for row in rows:
        data = files.read(row.midi_filename)
        if data is None:
            missing.append(row.midi_filename)
        else:
            write_atomically(root / row.midi_filename, data)
            written.append(root / row.midi_filename)
    return written, missing


def load_tfds(
    name: str = "groove/full-midionly", split: str = "train"
) -> list[tuple[GrooveRow, NoteSequence]]:
    """Rows and NoteSequences by way of TensorFlow Datasets, which downloads the data set itself.

    TFDS doesn't keep the file's name: `midi_filename` is made of the row's id, and `duration` is the music's.

    Args:
        name: a config with whole performances or bars of them: groove/full-midionly, groove/4bar-midionly.
        split: train, validation or test.

    Raises:
        InputError: where tensorflow_datasets is not installed (`no_tfds`).
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise InputError(
            f"TensorFlow Datasets is not installed; {install_line('tfds')}, or give the folder.",
            "no_tfds",
        ) from error
    loaded: Any = tfds.load(name, split=split, with_info=True)
    dataset, info = loaded
    label = {key: info.features[key].int2str for key in ("drummer", "type", "time_signature")}
    primary = info.features["style"]["primary"].int2str
    pairs = []
    examples: Any = tfds.as_numpy(dataset)
    for example in examples:
        sequence = read_midi(bytes(example["midi"]))
        identity, secondary = example["id"].decode(), example["style"]["secondary"].decode()
        row = GrooveRow(
            drummer=label["drummer"](example["drummer"]),
            session=identity.rpartition("/")[0],
            id=identity,
            style="/".join(filter(None, (primary(example["style"]["primary"]), secondary))),
            qpm=float(example["bpm"]),
            beat_type=label["type"](example["type"]),
            time_signature=label["time_signature"](example["time_signature"]),
            midi_filename=f"{identity}.mid",
            duration=sequence.total_time,
            split=split,
        )
        pairs.append((row, _identified(sequence, row)))
    return pairs
