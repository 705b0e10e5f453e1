"""Files of music to serialised NoteSequences, in a pool of processes, with a reason for all that is dropped.

Only a few files lie in memory at a time, however many there are; a zip is opened once; and a file that kills its
process costs only itself.
"""

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from common.errors import InputError
from common.process_pools import map_in_processes
from preprocess.drums.tracks import DrumChoice
from preprocess.midi.file import Limits, MidiWarning
from preprocess.midi.reader import read_midi_file
from preprocess.note_sequence import NoteSequence
from preprocess.scores.reader import read_score
from preprocess.sources import MIDI_SUFFIXES, Archive, Source, read_path

BATCH_FILES = 8
BATCH_BYTES = 2**20
"""What a process gets at once, of files that come out of a zip."""

_KINDS = {
    ".mid": "midi",
    ".smf": "midi",
    ".kar": "midi",
    ".rmi": "midi",
    ".mxl": "musicxml",
    ".xml": "musicxml",
}
"""Magenta's name of a format in an id, where it is not the suffix."""


@dataclass(frozen=True)
class Options:
    """How files are converted.

    Attributes:
        collection: the name under which Magenta keeps them together.
        limits: what a file may hold.
        drums: where MIDI files have their drums.
    """

    collection: str
    limits: Limits = field(default_factory=Limits)
    drums: DrumChoice = field(default_factory=DrumChoice)


@dataclass(frozen=True)
class Drop:
    """A file, or a tune of a tune book, that gave nothing.

    Attributes:
        reason: a short code.
        message: one sentence.
        tune: its name in the book; empty for a whole file.
    """

    reason: str
    message: str
    tune: str = ""


@dataclass
class Converted:
    """What a file gave.

    Attributes:
        source: the file.
        records: serialised NoteSequences, all with notes.
        drops: why there are none, or fewer than there are tunes.
        warnings: what was read in another way than it is written.
        has_drums, has_pitched: whether some of its notes are drums, and whether some are not.
    """

    source: Source
    records: list[bytes] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    warnings: list[MidiWarning] = field(default_factory=list)
    has_drums: bool = False
    has_pitched: bool = False


Content = bytes | InputError | None
"""A file's bytes where they are known, or why they can't be."""


def convert_source(source: Source, options: Options, content: Content = None) -> Converted:
    """Convert one file. Raises nothing: what is wrong is among the drops.

    Args:
        source: the file.
        options: how.
        content: its bytes, or why it has none; by default they are read, which a file in a zip needs done before.
    """
    result = Converted(source)
    try:
        if isinstance(content, InputError):
            raise content
        if content is None:
            content = read_path(source.path, options.limits.bytes, source.name)
        _convert(result, content, options)
    except InputError as error:
        result.drops.append(Drop(error.reason, str(error)))
    except (
        MemoryError,
        RecursionError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        ArithmeticError,
    ) as error:
        result.records.clear()
        result.drops.append(Drop("reader_failed", f"{type(error).__name__}: {error}"))
    return result


def _convert(result: Converted, content: bytes, options: Options) -> None:
    source = result.source
    if source.suffix in MIDI_SUFFIXES:
        reading = read_midi_file(content, options.limits, options.drums)
        sequences, result.warnings = reading.sequences, reading.warnings
    else:
        score = read_score(content, source.suffix, options.limits)
        sequences, result.warnings = score.sequences, score.warnings
        result.drops += [Drop(reason, message, tune) for tune, reason, message in score.dropped]
    for number, sequence in enumerate(sequences):
        drums = sum(note.is_drum for note in sequence.notes)
        result.has_drums |= drums > 0
        result.has_pitched |= drums < len(sequence.notes)
        if sequence.notes:
            _identify(sequence, source, options.collection, number)
            result.records.append(sequence.SerializeToString())
    if not result.records and not result.drops:
        raise InputError(f"{source.name}: holds no notes.", "no_notes")


def _identify(sequence: NoteSequence, source: Source, collection: str, number: int) -> None:
    """Magenta's identification: collection, path inside it, and an id made of both.

    A tune's number in its book, or that of a pattern of a MIDI file after the first, tells it from the others.
    """
    digest = hashlib.sha1(source.name.encode("utf-8")).hexdigest()  # noqa: S324 - an id, not a secret
    kind = _KINDS.get(source.suffix, source.suffix.lstrip("."))
    sequence.collection_name = collection
    sequence.filename = source.name
    tune = sequence.reference_number or number
    sequence.id = f"/id/{kind}/{collection}/{digest}" + (f"/{tune}" if tune else "")


def convert_sources(sources: Iterable[Source], options: Options, processes: int) -> Iterator[Converted]:
    """Convert files in a pool, in their order; a file that kills its process costs only itself."""
    with ExitStack() as archives:
        batches = _batches(sources, options.limits.bytes, archives)
        yield from map_in_processes(partial(_convert_item, options), batches, processes, _died)


def _convert_item(options: Options, item: tuple[Source, Content]) -> Converted:
    source, content = item
    return convert_source(source, options, content)


def _died(item: tuple[Source, Content]) -> Converted:
    source = item[0]
    return Converted(source, drops=[Drop("reader_crashed", f"{source.name}: the reader's process died.")])


def _batches(
    sources: Iterable[Source], limit: int, archives: ExitStack
) -> Iterator[list[tuple[Source, Content]]]:
    """Files in batches; what is in a zip is read here, by the one process that has its list of members in memory."""
    opened: dict[str, Archive] = {}
    batch: list[tuple[Source, Content]] = []
    size = 0
    for source in sources:
        content: Content = None
        if source.member is not None:
            if source.path not in opened:
                opened[source.path] = archives.enter_context(Archive(source.path))
            try:
                content = opened[source.path].read(source.member, source.name, limit)
                size += len(content)
            except InputError as error:
                content = error
        batch.append((source, content))
        if len(batch) == BATCH_FILES or size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@dataclass
class Tally:
    """What became of the files.

    Attributes:
        read: how many files gave a NoteSequence.
        dropped: file, reason and sentence of all that gave none.
        tunes: the same of tunes in books of which others were read; the file's name is followed by the tune's.
        warnings: by code, in how many files something was read with a warning, and the first sentence.
        notes: how many files have drums only, no drums, or both.
    """

    read: int = 0
    dropped: list[tuple[str, str, str]] = field(default_factory=list)
    tunes: list[tuple[str, str, str]] = field(default_factory=list)
    warnings: dict[str, tuple[int, str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of_folders(cls, unreadable: Iterable[tuple[str, str]]) -> "Tally":
        """A tally that begins with folders that can't be read: name and reason."""
        return cls(
            dropped=[
                (name, "unreadable", f"{name}: the folder can't be read ({why}).") for name, why in unreadable
            ]
        )

    def add(self, converted: Converted) -> None:
        """Count a file."""
        name = converted.source.name
        whole = not converted.records
        for drop in converted.drops:
            list_of = self.dropped if whole and not drop.tune else self.tunes
            list_of.append((f"{name}, {drop.tune}" if drop.tune else name, drop.reason, drop.message))
        if whole:
            if all(drop.tune for drop in converted.drops):
                first = converted.drops[0]
                self.dropped.append(
                    (name, first.reason, f"No tune could be read; the first: {first.message}")
                )
            return
        self.read += 1
        has = (converted.has_drums, converted.has_pitched)
        self.notes[{(True, False): "drums_only", (False, True): "no_drums"}.get(has, "both")] += 1
        for warning in converted.warnings:
            count, example = self.warnings.get(warning.code, (0, f"{name}: {warning.message}"))
            self.warnings[warning.code] = (count + 1, example)

    def description(self) -> dict[str, Any]:
        """What the sidecar says of it."""
        return {
            "dropped": [{"file": n, "reason": r, "message": m} for n, r, m in self.dropped],
            "dropped_tunes": [{"tune": n, "reason": r, "message": m} for n, r, m in self.tunes],
            "warnings": {code: count for code, (count, _) in sorted(self.warnings.items())},
            "notes": dict(self.notes),
        }


def is_held_out(record: bytes, percent: float) -> bool:
    """Whether a piece is among those to validate on; so are the same notes under another name."""
    notes = NoteSequence.FromString(record).notes
    digest = zlib.crc32(repr([(n.pitch, round(n.start_time, 3)) for n in notes]).encode())
    return digest % 10000 < percent * 100
