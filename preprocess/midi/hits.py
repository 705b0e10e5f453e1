"""The drum hits of a MIDI file, to be struck earlier, later, softer or louder in the same file.

A NoteSequence holds less than a MIDI file does: names, controllers and system messages of other tracks would be
lost on the way through one. So the bytes of every other event are kept as they are, and only those of the hits
that change are rewritten. What is wrong in a file's bytes (a track's length, the count of tracks) is corrected.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from common.errors import InputError
from preprocess.drums.groove_grid import Triple
from preprocess.drums.hit_events import Hit, hits_of, restruck
from preprocess.drums.played_hits import Strokes
from preprocess.drums.tracks import DRUM_CHANNEL, DrumChoice, drum_parts
from preprocess.midi.changes import last_at_each_place
from preprocess.midi.events import METER, MICROSECONDS_A_MINUTE, NOTE_ON, TEMPO, Event, Track, microseconds
from preprocess.midi.file import MidiFile, MidiWarning, parse_midi
from preprocess.midi.reader import read_bytes
from preprocess.midi.step_grid import BAR, MAX_STEPS, STEPS_PER_QUARTER, Meter, StepGrid, too_long
from preprocess.midi.writer import LONGEST_DELTA, file_bytes, meter_event, tempo_event
from preprocess.note_sequence import NoteSequence

FINE = 480
"""Ticks of a quarter note below which a file is written with more of them, or timing would be coarse."""

Part = tuple[int, int]
"""Index of a track, and a channel from 0."""


class MidiHits:
    """A MIDI file with its drum hits in order of time; the patterns of a format 2 file one after the other.

    Args:
        data: the file's bytes.
        drums: where its drums are; None takes all of its notes (of a format 2 file those of the first pattern).

    Attributes:
        hits: all of them, at least one.
        positions: where each begins on the grid that the models read, float `[hits]` in steps (`StepGrid`).
        qpms: the tempo at each, float `[hits]` in quarter notes a minute.
        grids: the grid of each pattern; one of them unless the file is of format 2.
        ticks_per_step: ticks of a sixteenth.
        warnings: what was read in another way than it is written, and what was taken for drums.

    Raises:
        InputError: where it is not a file that `parse_midi` takes, has no drums (`no_drums`), or notes (`empty`),
            or more than `MAX_STEPS` (`too_long`).
    """

    def __init__(self, data: bytes, drums: DrumChoice | None = DrumChoice()):
        self._data = data
        self._file = file = parse_midi(data)
        self._scale = _scale(file)
        self.warnings: list[MidiWarning] = list(file.warnings)
        parts = self._parts(drums)
        self._tracks = [[(tick * self._scale, event) for tick, event in t.events] for t in file.tracks]
        self.ticks_per_quarter = file.ticks_per_quarter * self._scale
        self.ticks_per_step = self.ticks_per_quarter / STEPS_PER_QUARTER
        channels: dict[int, set[int]] = defaultdict(set)
        for track, channel in parts:
            channels[track].add(channel)
        self.hits = [hit for i in sorted(channels) for hit in hits_of(self._tracks[i], i, channels[i])]
        if not self.hits:
            raise InputError("The file has no notes.", "empty") if drums is None else _no_drums()
        if file.format != 2:
            self.hits.sort(key=lambda hit: (hit.start, hit.track, hit.on))
        self._lay()

    def _parts(self, drums: DrumChoice | None) -> Collection[Part]:
        """The parts whose notes are hits."""
        if drums is not None:
            parts, sentence = drum_parts(self._file, drums, wanted=True)
            if sentence:
                self.warnings.append(MidiWarning("drums_elsewhere", sentence))
            return parts
        played = {
            (index, event[0] & 0x0F)
            for index, track in enumerate(self._file.tracks)
            for _, event in track.events
            if event[0] & 0xF0 == NOTE_ON and event[2]
        }
        tracks = {track for track, _ in played}
        if self._file.format != 2 or len(tracks) < 2:
            return played
        sentence = f"Its {len(tracks)} patterns are pieces of their own; the first one was taken."
        self.warnings.append(MidiWarning("patterns", sentence))
        return {part for part in played if part[0] == min(tracks)}

    def _lay(self) -> None:
        """Find where hits are on the grid, and how fast the music is there."""
        patterns = self._patterns()
        patterns_of_hits = [hit.track if len(patterns) > 1 else 0 for hit in self.hits]
        struck, self._of_grid = np.unique(patterns_of_hits, return_inverse=True)
        starts = np.array([hit.start for hit in self.hits])
        self.positions, self.qpms = np.zeros(len(starts)), np.zeros(len(starts))
        self.grids: list[StepGrid] = []
        begin = 0.0
        for number, pattern in enumerate(struck):
            mine = self._of_grid == number
            tracks = patterns[pattern]
            grid = StepGrid(self.ticks_per_quarter, self._meters(tracks), int(starts[mine].max()))
            self.grids.append(grid)
            self.positions[mine] = begin + grid.positions(starts[mine])
            self.qpms[mine] = self._tempos(tracks, starts[mine])
            # As far from the one before as no window of the models reaches.
            begin = (self.positions[mine].max() // (2 * BAR) + 1) * 2 * BAR
            if begin > MAX_STEPS:
                raise too_long()

    def _patterns(self) -> list[list[Track]]:
        """The tracks that sound together; all of them, or each for itself with what the first one says at tick 0."""
        tracks = self._file.tracks
        if self._file.format != 2 or len(tracks) == 1:
            return [tracks]
        first = Track(conductor=[event for event in tracks[0].conductor if event[0] == 0])
        return [[track] if i == 0 else [first, track] for i, track in enumerate(tracks)]

    def _meters(self, tracks: list[Track]) -> list[Meter]:
        """The time signatures of tracks; what names no meter is left out."""
        return [
            (tick * self._scale, data[0], 2 ** data[1])
            for track in tracks
            for tick, kind, data in track.conductor
            if kind == METER and len(data) >= 2 and data[0] and data[1] <= 30
        ]

    def _tempos(self, tracks: list[Track], ticks: np.ndarray) -> np.ndarray:
        """Quarter notes a minute at ticks."""
        if self._file.seconds_per_tick is not None:
            return np.full(len(ticks), 60 / (self._file.seconds_per_tick * self._file.ticks_per_quarter))
        changes = self._changes(tracks)
        places = np.searchsorted([tick for tick, _ in changes], ticks, side="right") - 1
        return np.array([qpm for _, qpm in changes])[places]

    def _changes(self, tracks: list[Track]) -> list[tuple[int, float]]:
        """Ticks and quarter notes a minute from there on, the first at tick 0."""
        found = (
            (tick * self._scale, MICROSECONDS_A_MINUTE / microseconds(data))
            for track in tracks
            for tick, kind, data in track.conductor
            if kind == TEMPO
        )
        return last_at_each_place(found, 120.0)

    @property
    def qpm(self) -> float:
        """The tempo at the first hit."""
        return float(self.qpms[0])

    def with_hits(self, starts: Sequence[int], velocities: Sequence[int]) -> bytes:
        """The file with its hits at other ticks and velocities; the same bytes if nothing changes in a file without faults.

        A hit keeps its length, except where the next one of its pitch now begins before it ends, and where it
        would now end behind the track that held it.

        Args:
            starts: a tick for each of `hits`.
            velocities: 1 to 127 for each of `hits`.
        """
        new = [
            hit._replace(start=start, end=hit.end + start - hit.start, velocity=velocity)
            for hit, start, velocity in zip(self.hits, starts, velocities, strict=True)
        ]
        changed = {
            (hit.track, hit.channel, hit.pitch)
            for hit, old in zip(new, self.hits, strict=True)
            if hit.start != old.start or hit.velocity != old.velocity
        }
        if not changed and self._data[:4] == b"MThd" and not self._file.warnings:
            return self._data
        pairs: list[list[tuple[Hit, Hit]]] = [[] for _ in self._tracks]
        for old, hit in zip(self.hits, new, strict=True):
            if (hit.track, hit.channel, hit.pitch) in changed:
                pairs[hit.track].append((old, hit))
        tracks = [
            restruck(events, of_track) if of_track else events
            for events, of_track in zip(self._tracks, pairs, strict=True)
        ]
        return file_bytes(self._file, self._scale, tracks)

    @property
    def meter(self) -> tuple[int, int]:
        """Numerator and denominator of the meter that most hits are in."""
        counts: Counter[tuple[int, int]] = Counter()
        ticks = np.array([hit.start for hit in self.hits])
        for number, grid in enumerate(self.grids):
            counts.update(grid.meters_at(ticks[self._of_grid == number]))
        return counts.most_common(1)[0][0]

    def quarters(self, starts: Sequence[int] | None = None) -> np.ndarray:
        """Where hits begin in quarter notes from the beginning, as the file counts them; float `[hits]`.

        Args:
            starts: ticks, the hits' own by default.
        """
        own = np.array([hit.start for hit in self.hits], np.int64)
        moved = 0 if starts is None else np.asarray(starts, np.int64) - own
        return (self.ticks + moved) / self.ticks_per_quarter

    @property
    def ticks(self) -> np.ndarray:
        """Where hits begin, int64 `[hits]` in ticks; the patterns of a format 2 file one after the other."""
        if len(self.grids) == 1:
            return np.array([hit.start for hit in self.hits], np.int64)
        return np.rint(self.positions * self.ticks_per_step).astype(np.int64)

    def drum_sequence(
        self, starts: Sequence[int] | None = None, velocities: Sequence[int] | None = None
    ) -> NoteSequence:
        """The hits alone as a NoteSequence at the tempo of the first one, for pictures.

        Args:
            starts, velocities: of each hit; its own by default.
        """
        seconds = self.quarters(starts) * 60.0 / self.qpm
        sequence = NoteSequence(ticks_per_quarter=FINE)
        sequence.tempos.add(qpm=self.qpm)
        for i, hit in enumerate(self.hits):
            length = max(hit.end - hit.start, 1) / self.ticks_per_quarter * 60.0 / self.qpm
            sequence.notes.add(
                start_time=max(0.0, seconds[i]),
                end_time=max(0.0, seconds[i]) + length,
                pitch=hit.pitch,
                velocity=hit.velocity if velocities is None else velocities[i],
                instrument=DRUM_CHANNEL,
                is_drum=True,
            )
        sequence.total_time = max(note.end_time for note in sequence.notes)
        return sequence

    def tempos(self) -> list[tuple[float, float]]:
        """Quarter note, and quarter notes a minute from there on, the first at 0; the first one alone of patterns."""
        if self._file.seconds_per_tick is not None or len(self.grids) > 1:
            return [(0.0, self.qpm)]
        changes = self._changes(self._patterns()[self.hits[0].track if self._file.format == 2 else 0])
        return [(tick / self.ticks_per_quarter, qpm) for tick, qpm in changes]

    def seconds(self, quarters: np.ndarray) -> np.ndarray:
        """When quarter notes sound, by `tempos`."""
        begins, qpms = np.array(self.tempos()).T
        lengths = 60.0 / qpms
        times = np.concatenate([[0.0], np.cumsum(np.diff(begins) * lengths[:-1])])
        place = np.searchsorted(begins, quarters, side="right") - 1
        return times[place] + (quarters - begins[place]) * lengths[place]

    def conductor(self, ticks_per_quarter: int) -> list[Event]:
        """The tempos and meters of the first hit's pattern, as events of a file with other ticks a quarter note.

        There are some at tick 0, also where the file says nothing.
        """
        file = self._file
        tracks = self._patterns()[self.hits[0].track if file.format == 2 else 0]
        stated = sorted((event for track in tracks for event in track.conductor), key=lambda event: event[0])
        qpm = 120.0
        if file.seconds_per_tick is not None:
            # Its quarter notes are of one length, whatever its tempos say.
            qpm, stated = self.qpm, [event for event in stated if event[1] != TEMPO]
        first = {kind for tick, kind, _ in stated if tick == 0}
        scale = ticks_per_quarter / file.ticks_per_quarter
        return [
            *([(0, meter_event(4, 4))] if METER not in first else []),
            *([(0, tempo_event(qpm))] if TEMPO not in first else []),
            *(
                (round(tick * scale), bytes([0xFF, kind, len(data)]) + data)
                for tick, kind, data in stated
                if kind in (TEMPO, METER) and len(data) < 128
            ),
        ]


def read_hits(path: Path, drums: DrumChoice | None = DrumChoice()) -> MidiHits:
    """The hits of the MIDI file at a path.

    Raises:
        InputError: as `MidiHits` does, naming the file, or where it can't be read (`unreadable`).
    """
    data = read_bytes(path)
    try:
        return MidiHits(data, drums)
    except InputError as error:
        raise InputError(f"{path}: {error}", error.reason) from error


def _no_drums() -> InputError:
    return InputError(
        "The file has no drums: no notes are on MIDI channel 10, and no track looks like drums; say which one it "
        "is with --drum_channel or --drum_track.",
        "no_drums",
    )


def as_performed(
    file: MidiHits, drums: np.ndarray, performance: Triple, timing: float = 1.0, velocity: float = 1.0
) -> tuple[list[int], list[int]]:
    """Ticks and velocities of a file's hits played as a performance of them, for `with_hits`.

    A hit keeps what was programmed between the steps and is moved by as much as the performance is off its step
    (`Strokes.delays`), less than half a step and at most half the way to the hits of its drum around it. The
    loudest hit of a drum and step gets the performance's velocity. Others of that drum on the same step, the
    grace note of a flam or a second kick drum, go with it: they move as far, and are as much louder or softer.

    Args:
        file: whose hits; not changed.
        drums: int `[hits]`, which drum of the performance each is; -1 for those that stay as they are.
        performance: hits, MIDI velocities and offsets in steps (early ones positive), `[steps, drums]` each.
        timing: 0 to 1, how much of the performance's timing is added.
        velocity: 0 to 1, how far velocities go towards the performance's.
    """
    _, new_velocities, offsets = performance
    played = np.flatnonzero(drums >= 0)
    hits = [file.hits[i] for i in played]
    starts, old_velocities, earliest, latest = np.array(
        [(hit.start, hit.velocity, hit.earliest, hit.latest) for hit in hits], np.int64
    ).T
    strokes = Strokes(file.positions[played], drums[played], old_velocities)
    wanted = np.rint(timing * strokes.delays(offsets) * file.ticks_per_step)
    back, ahead = (np.ceil(margin) - 1 for margin in strokes.margins(file.ticks[played]))
    half = file.ticks_per_step / 2
    # What is later than its program allows already stays where it is.
    back = np.minimum(np.minimum(back, np.floor(half)), strokes.least(starts - np.maximum(earliest, 0)))
    ahead = np.minimum(np.minimum(ahead, np.ceil(half) - 1), strokes.least(latest - starts))
    shifts = np.clip(wanted, -np.maximum(back, 0), np.maximum(ahead, 0))
    louder = strokes.velocity_factors(new_velocities, velocity)
    new_starts = np.array([hit.start for hit in file.hits], np.int64)
    velocities = np.array([hit.velocity for hit in file.hits], np.int64)
    new_starts[played] += shifts[strokes.of_hit].astype(np.int64)
    velocities[played] = np.clip(np.rint(old_velocities * louder[strokes.of_hit]), 1, 127)
    return new_starts.tolist(), velocities.tolist()


def _scale(file: MidiFile) -> int:
    """How many times as many ticks a file is written with."""
    if file.ticks_per_quarter >= FINE:
        return 1
    most = 255 // (file.header[13] or 1) if file.seconds_per_tick is not None else FINE
    scale = max(1, min(most, -(-FINE // file.ticks_per_quarter)))
    longest = max((_longest_delta(track.events) for track in file.tracks), default=0)
    return scale if longest * scale <= LONGEST_DELTA else 1


def _longest_delta(events: Sequence[Event]) -> int:
    ticks = [0, *(tick for tick, _ in events)]
    return max(later - tick for tick, later in zip(ticks, [*ticks[1:], ticks[-1]], strict=True))
