"""A MIDI file in ticks and bars, and parts of it as music of one tempo that a converter takes."""

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.errors import InputError
from preprocess.drums.tracks import DrumChoice, take_drums
from preprocess.midi.bar_lines import Bar, bars_until
from preprocess.midi.file import MidiFile
from preprocess.midi.tempo_map import DEFAULT_TICKS_PER_QUARTER, TempoMap
from preprocess.note_sequence import NoteSequence

Array = np.ndarray

LONGEST_TITLE = 60

MOST_SILENCE = 256.0
"""Quarter notes of silence after the last note that a file's end of track may add: more than the longest clip has."""

LATE_END = 0.25
"""Quarter notes by which an end of track may lie after a bar line without adding another bar."""


class NoteRow(NamedTuple):
    """One of `Notes`."""

    start: int
    end: int
    pitch: int
    velocity: int
    program: int
    instrument: int
    is_drum: bool


@dataclass(frozen=True)
class Notes:
    """Notes in ticks, int64 `[notes]` each, by time.

    Attributes:
        starts, ends: ticks.
        pitches, velocities, programs, instruments: as in a NoteSequence.
        drums: bool, whether they are of the drums.
    """

    starts: Array
    ends: Array
    pitches: Array
    velocities: Array
    programs: Array
    instruments: Array
    drums: Array

    def __len__(self) -> int:
        return len(self.starts)

    def rows(self) -> Iterator["NoteRow"]:
        """The notes one by one."""
        columns = (getattr(self, field.name).tolist() for field in dataclasses.fields(self))
        return itertools.starmap(NoteRow, zip(*columns, strict=True))

    def select(self, chosen: Array) -> "Notes":
        """Some of the notes, by a boolean mask or by indices."""
        return Notes(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))

    def any_between(self, first: float, end: float) -> bool:
        """Whether any begins from one tick on and before another; they are in order of time."""
        return bool(np.searchsorted(self.starts, first) < np.searchsorted(self.starts, end))

    def between(self, first: float, end: float) -> Array:
        """Which begin from one tick on and before another, bool `[notes]`."""
        return (self.starts >= first) & (self.starts < end)

    def moved(self, ticks: int) -> "Notes":
        """All notes, later by `ticks`."""
        return dataclasses.replace(self, starts=self.starts + ticks, ends=self.ends + ticks)

    def repeated(self, times: int, ticks: int) -> "Notes":
        """The notes `times` times, `ticks` apart."""
        copies = [self.moved(i * ticks) for i in range(times)]
        return Notes(
            *(np.concatenate([getattr(c, f.name) for c in copies]) for f in dataclasses.fields(self))
        )


@dataclass(frozen=True)
class Window:
    """A part of a file that a converter is given.

    Attributes:
        notes: in ticks from its beginning; those that are played early at a negative time.
        texts: chord symbols: quarter note from its beginning, and symbol.
        keys: key signatures: quarter note, key from 0, mode.
        tempos: quarter note, and quarter notes a minute from there on; the first at 0.
        time_signature: of its bars.
        quarters: its length.
        ticks_per_quarter: resolution.
        filename: of the file.
    """

    notes: Notes
    texts: tuple[tuple[float, str], ...]
    keys: tuple[tuple[float, int, int], ...]
    tempos: tuple[tuple[float, float], ...]
    time_signature: tuple[int, int]
    quarters: float
    ticks_per_quarter: int
    filename: str

    def repeated(self, times: int, quarters: float) -> "Window":
        """The window `times` times, `quarters` apart."""
        if times == 1:
            return self

        def again(events: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple((e[0] + i * quarters, *e[1:]) for i in range(times) for e in events)

        tempos = again(self.tempos)
        changes = tempos[:1] + tuple(b for a, b in itertools.pairwise(tempos) if a[1] != b[1])
        return dataclasses.replace(
            self,
            notes=self.notes.repeated(times, round(quarters * self.ticks_per_quarter)),
            texts=again(self.texts),
            keys=again(self.keys),
            tempos=changes,
            quarters=times * quarters,
        )

    def note_sequence(self, notes: Notes | None = None) -> NoteSequence:
        """The part at its first tempo, exactly as long as the window; notes that sound longer end there.

        Args:
            notes: in place of its own.
        """
        qpm = self.tempos[0][1]
        sequence = NoteSequence(ticks_per_quarter=self.ticks_per_quarter, filename=self.filename)
        sequence.tempos.add(qpm=qpm)
        numerator, denominator = self.time_signature
        sequence.time_signatures.add(numerator=numerator, denominator=denominator)
        seconds = 60.0 / (qpm * self.ticks_per_quarter)
        end = round(self.quarters * self.ticks_per_quarter)
        for note in (self.notes if notes is None else notes).rows():
            sequence.notes.add(
                start_time=max(0, note.start) * seconds,
                end_time=min(max(note.end, 1), end) * seconds,
                pitch=note.pitch,
                velocity=note.velocity,
                instrument=note.instrument,
                program=note.program,
                is_drum=note.is_drum,
            )
        for quarter, text in self.texts:
            kind = NoteSequence.TextAnnotation.CHORD_SYMBOL
            sequence.text_annotations.add(time=quarter * 60 / qpm, text=text, annotation_type=kind)
        for quarter, key, mode in self.keys:
            sequence.key_signatures.add(time=quarter * 60 / qpm, key=key, mode=mode)
        sequence.total_time = end * seconds
        return sequence


@dataclass(frozen=True)
class Source:
    """A file that was read.

    Attributes:
        title: its name, or the file's.
        sequence: the NoteSequence.
        notes: those that count: of the drums, or all others.
        has_notes: whether it holds any note at all.
        bars: up to its end, at least one.
        tempo_map: seconds and quarter notes.
        ticks_per_quarter: resolution.
    """

    title: str
    sequence: NoteSequence
    notes: Notes
    has_notes: bool
    bars: list[Bar]
    tempo_map: TempoMap
    ticks_per_quarter: int

    def at(self, notes: Notes, begin: float, quarters: float) -> Window:
        """The part of `quarters` quarter notes from `begin` on; `notes` are in ticks from there."""
        end = begin + quarters
        in_force = self.tempo_map.qpm_at(begin)
        changes = zip(self.tempo_map.quarters.tolist(), self.tempo_map.qpms.tolist(), strict=True)
        tempos = [(at - begin, qpm) for at, qpm in changes if begin + 1e-6 < at < end - 1e-6]
        symbol = NoteSequence.TextAnnotation.CHORD_SYMBOL
        texts = [
            (float(self.tempo_map.to_quarters(t.time)), t.text)
            for t in self.sequence.text_annotations
            if t.annotation_type == symbol
        ]
        keys = [
            (float(self.tempo_map.to_quarters(k.time)), k.key, k.mode) for k in self.sequence.key_signatures
        ]
        bar = max((bar for bar in self.bars if bar.start <= begin + 1e-6), key=lambda bar: bar.start)
        return Window(
            notes=notes,
            texts=tuple(_in_force(texts, begin, end)),
            keys=tuple(_in_force(keys, begin, end)),
            tempos=((0.0, in_force), *tempos),
            time_signature=bar.time_signature,
            quarters=quarters,
            ticks_per_quarter=self.ticks_per_quarter,
            filename=self.sequence.filename,
        )


def _in_force(events: list[Any], begin: float, end: float) -> list[Any]:
    """Events between two quarter notes, timed from the first; the last event before it is moved to time 0."""
    events = sorted(events, key=lambda event: event[0])
    before = [event for event in events if event[0] <= begin + 1e-6][-1:]
    inside = [event for event in events if begin + 1e-6 < event[0] < end - 1e-6]
    return [(max(0.0, event[0] - begin), *event[1:]) for event in (*before, *inside)]


def read_source(path: str, wants_drums: bool | None, choice: DrumChoice = DrumChoice()) -> Source:
    """A MIDI file in ticks and bars; prints what was corrected while reading, and what was taken as drums.

    Args:
        path: of the file.
        wants_drums: whether only its drums count (True), all but its drums (False) or all of its notes (None).
        choice: where its drums are.

    Raises:
        InputError: naming the file and why it can't be read.
    """
    from preprocess.midi.file import parse_midi
    from preprocess.midi.reader import note_sequences, read_bytes

    name = Path(path).expanduser()
    try:
        file = parse_midi(read_bytes(name))
        sequence = note_sequences(file, drums=choice)[0]
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix(f'{name}: ')}", error.reason) from error
    lines = [warning.message for warning in file.warnings]
    if wants_drums:
        lines += [take_drums(sequence) or ""]
    for line in filter(None, lines):
        print(f"{path}: {line}")
    return source_of(sequence, title_of(file) or name.stem, wants_drums, _end_of(file, sequence))


def title_of(file: MidiFile) -> str:
    """A file's title: the name of a first track without notes; "" where there is none."""
    first = file.tracks[0]
    if file.format != 1 or any(event[0] < 0xF0 for _, event in first.events):
        return ""
    try:
        name = first.name.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        name = first.name
    return "".join(c for c in name if c.isprintable()).strip()[:LONGEST_TITLE]


def _end_of(file: MidiFile, sequence: NoteSequence) -> float:
    """The quarter note of a file's last end of track; 0 for files of independent patterns, where it means nothing."""
    if file.format == 2:
        return 0.0
    tick = max(track.events[-1][0] if track.events else 0 for track in file.tracks)
    if file.seconds_per_tick is None:
        return tick / file.ticks_per_quarter
    return float(TempoMap.of(sequence).to_quarters(tick * file.seconds_per_tick))


def source_of(sequence: NoteSequence, title: str, wants_drums: bool | None, end: float = 0.0) -> Source:
    """A NoteSequence in ticks and bars.

    Args:
        sequence: as read from a file.
        title: of the file.
        wants_drums: as for `read_source`.
        end: the quarter note at which the file ends, which may be after its last note.
    """
    tempo_map = TempoMap.of(sequence)
    ticks_per_quarter = sequence.ticks_per_quarter or DEFAULT_TICKS_PER_QUARTER
    every = notes_of(sequence, tempo_map, ticks_per_quarter)
    audible = every.velocities > 0
    notes = every.select(audible if wants_drums is None else audible & (every.drums == wants_drums))
    # The length of a drum note does not tell where the music ends; a later end of track does.
    sounding = float(every.ends.max(initial=0)) / ticks_per_quarter
    last = (
        float((every.starts + 1).max(initial=0)) / ticks_per_quarter if wants_drums else sounding - LATE_END
    )
    if end > sounding + 1e-6:
        last = max(last, min(end, sounding + MOST_SILENCE) - LATE_END)
    return Source(
        title=title,
        sequence=sequence,
        notes=notes,
        has_notes=len(every) > 0,
        bars=bars_until(sequence, last, tempo_map),
        tempo_map=tempo_map,
        ticks_per_quarter=ticks_per_quarter,
    )


def notes_of(sequence: NoteSequence, tempo_map: TempoMap, ticks_per_quarter: int) -> Notes:
    """The notes of a NoteSequence on its ticks."""

    def ticks(name: str) -> Array:
        seconds = np.fromiter((getattr(n, name) for n in sequence.notes), np.float64, len(sequence.notes))
        return np.rint(tempo_map.to_quarters(seconds) * ticks_per_quarter).astype(np.int64)

    def numbers(name: str) -> Array:
        return np.fromiter((getattr(n, name) for n in sequence.notes), np.int64, len(sequence.notes))

    notes = Notes(
        ticks("start_time"),
        ticks("end_time"),
        numbers("pitch"),
        numbers("velocity"),
        numbers("program"),
        numbers("instrument"),
        numbers("is_drum") != 0,
    )
    return notes.select(np.lexsort((notes.pitches, notes.starts)))
