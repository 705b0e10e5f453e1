"""Standard MIDI file bytes to a NoteSequence: note-seq's result, at a bounded cost.

note-seq reads through pretty_midi, which builds an array of the time of every tick: one event at tick 2^31 takes
all memory, and a usual file takes 25 ms. This reader keeps the tempo map instead, checks size, events and
seconds before it builds anything, and runs no native code that a hostile file could crash. What it makes of an
ordinary file is what `note_seq.midi_io.midi_to_note_sequence` makes of it: notes grouped by (program, channel,
track), a note-off closing every note of its pitch that started before it.

It differs where note-seq loses music. Tempos, meters and keys count on every track, not on the first alone; the
tracks of a format 2 file are pieces of their own, not layers; time in SMPTE frames is read. Notes without length
(note-seq drops them, and drum machines send them) and notes that never end are notes; drums may be on other
channels than 10 (`preprocess.drums.tracks`); and a damaged key signature is left out with a warning. The file's
name for itself is kept as the title.
"""

import bisect
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import InputError
from preprocess.drums.names import readable
from preprocess.drums.tracks import DRUM_CHANNEL, DrumChoice, drum_parts, drum_pitches
from preprocess.midi.file import (
    KEY,
    METER,
    TEMPO,
    TRACK_NAME,
    Limits,
    MidiFile,
    MidiWarning,
    Track,
    meta_data,
    microseconds,
    parse_midi,
)  # fmt: skip
from preprocess.note_sequence import NoteSequence
from preprocess.sources import read_path

__all__ = [
    "DRUM_CHANNEL",
    "Limits",
    "MidiReading",
    "note_sequences",
    "read_bytes",
    "read_midi",
    "read_midi_file",
]
_PARSER_PRETTY_MIDI = NoteSequence.SourceInfo.PRETTY_MIDI
_ENCODING_MIDI = NoteSequence.SourceInfo.MIDI


@dataclass
class MidiReading:
    """What a MIDI file holds.

    Attributes:
        sequences: one NoteSequence, or one for each pattern with notes of a format 2 file; never empty.
        ends: of each, where its last track ends in seconds, which may be behind its last note: silent bars count.
        warnings: what was read otherwise than it stands.
    """

    sequences: list[Any]
    ends: list[float]
    warnings: list[MidiWarning]


@dataclass
class _Instrument:
    """The notes of one program, channel and track: start, end, pitch and velocity.

    Those whose places are in `unended` have no end or length; their end is the latest that they can have.
    """

    program: int
    channel: int
    track: int
    name: str
    notes: list[tuple[int, int, int, int]] = field(default_factory=list)
    unended: list[int] = field(default_factory=list)
    bends: list = field(default_factory=list)
    controls: list = field(default_factory=list)

    def add_unended(self, started: list[tuple[int, int]], pitch: int, latest: int) -> None:
        """Add notes of a pitch that have no end, as (start, velocity)."""
        self.unended += range(len(self.notes), len(self.notes) + len(started))
        self.notes += [(start, latest, pitch, velocity) for start, velocity in started]

    def end_notes(self, is_drum: bool, short: int, latest: int | None) -> None:
        """Give each note without end or length an end, at the latest where the next one of its pitch begins.

        Args:
            is_drum: whether they are drums, which last no longer than `short`, as notes without length do.
            short: ticks.
            latest: ends no note later; None for no limit.
        """
        starts: dict[int, list[int]] = defaultdict(list)
        for start, _, pitch, _ in self.notes:
            starts[pitch].append(start)
        for of_pitch in starts.values():
            of_pitch.sort()
        for place in self.unended:
            start, end, pitch, velocity = self.notes[place]
            end = end if latest is None else min(end, latest)
            if is_drum or end <= start:
                end = min(end, start + short) if end > start else start + short
            following = bisect.bisect_right(starts[pitch], start)
            if following < len(starts[pitch]):
                end = min(end, starts[pitch][following])
            self.notes[place] = (start, end, pitch, velocity)


def read_midi(source: bytes | Path | str, limits: Limits = Limits(), drums: DrumChoice = DrumChoice()) -> Any:
    """The NoteSequence of a MIDI file; of a format 2 file that of its first pattern with notes.

    Args:
        source: the file's bytes, or its path.
        limits: what the file may hold.
        drums: where its drums are.

    Raises:
        InputError: as `read_midi_file` does.
    """
    return read_midi_file(source, limits, drums).sequences[0]


def read_midi_file(
    source: bytes | Path | str, limits: Limits = Limits(), drums: DrumChoice = DrumChoice()
) -> MidiReading:
    """All that a MIDI file holds, with warnings.

    Args:
        source: the file's bytes, or its path.
        limits: what the file may hold.
        drums: where its drums are.

    Raises:
        InputError: with the reason codes `unreadable`, `file_too_large`, `not_midi`, `bad_header`, `truncated`,
            `bad_event`, `bad_tempo`, `bad_time_signature`, `too_many_tracks`, `too_many_events`, `too_long`, or
            `no_such_track` where `drums` chooses what the file doesn't have.
    """
    data = source if isinstance(source, bytes) else read_bytes(source, limits)
    file = parse_midi(data, limits)
    pieces = _pieces(file, limits, drums)
    return MidiReading([sequence for sequence, _ in pieces], [end for _, end in pieces], file.warnings)


def read_bytes(path: Path | str, limits: Limits = Limits()) -> bytes:
    """The bytes of a file.

    Raises:
        InputError: where it can't be read (`unreadable`) or is too large (`file_too_large`).
    """
    return read_path(path, limits.bytes)


def note_sequences(file: MidiFile, limits: Limits = Limits(), drums: DrumChoice = DrumChoice()) -> list[Any]:
    """The NoteSequences of a parsed file, at least one; what is found on the way is added to its warnings.

    Raises:
        InputError: as `read_midi_file` does.
    """
    return [sequence for sequence, _ in _pieces(file, limits, drums)]


def _pieces(file: MidiFile, limits: Limits, drums: DrumChoice) -> list[tuple[Any, float]]:
    """The NoteSequences of a parsed file, and where they end."""
    parts, sentence = drum_parts(file, drums)
    if sentence:
        file.warnings.append(MidiWarning("drums_elsewhere", sentence))
    if file.format != 2 or len(file.tracks) == 1:
        return [_note_sequence(file, file.tracks, 0, limits, parts)]
    pieces = []
    for index, track in enumerate(file.tracks):
        piece = _note_sequence(file, [_pattern(track, file.tracks[0])], index, limits, parts)
        if piece[0].notes:
            pieces.append(piece)
    return pieces or [_note_sequence(file, file.tracks[:1], 0, limits, parts)]


def _pattern(track: Track, first: Track) -> Track:
    """A pattern, at the first one's tempo and meter where it has none of its own."""
    own = {kind for _, kind, _ in track.conductor}
    inherited = [event for event in first.conductor if event[1] not in own and event[0] == 0]
    return Track(track.events, inherited + track.conductor, track.name)


class _Clock:
    """Ticks to seconds by the tempo map, and the tempos with their times."""

    def __init__(self, tracks: list[Track], ticks_per_quarter: int, seconds_per_tick: float | None):
        scales = [(0, 60.0 / (120.0 * ticks_per_quarter))]
        changes = _merged(tracks, TEMPO)
        for tick, index, data in changes:
            scale = 60.0 / (6e7 / microseconds(data) * ticks_per_quarter)
            if tick == 0:
                scales = [(0, scale)]
                continue
            # Of several tracks' tempos at one tick the last one stays, as it does where they are played.
            if index and tick == scales[-1][0]:
                scales.pop()
            if scale != scales[-1][1]:
                scales.append((tick, scale))
        self.ticks = [tick for tick, _ in scales]
        self.scales = [scale for _, scale in scales]
        tempos = [60.0 / (scale * ticks_per_quarter) for scale in self.scales]
        if seconds_per_tick is not None:
            # Such a file's times are its own; its tempos only say where the quarter notes are.
            tempo_ticks, self.ticks, self.scales = self.ticks, [0], [seconds_per_tick]
            times = [tick * seconds_per_tick for tick in tempo_ticks]
        else:
            times = [0.0]
            for i in range(1, len(scales)):
                times.append(times[-1] + self.scales[i - 1] * (self.ticks[i] - self.ticks[i - 1]))
        self.times = times[: len(self.ticks)]
        self.tempos = list(zip(times, tempos, strict=True))

    def time(self, tick: int) -> float:
        """Seconds at a tick."""
        i = bisect.bisect_right(self.ticks, tick) - 1 if len(self.ticks) > 1 else 0
        return self.times[i] + self.scales[i] * (tick - self.ticks[i])


def _merged(tracks: list[Track], kind: int) -> list[tuple[int, int, bytes]]:
    """The events of a kind on all tracks in order of time: tick, index of the track and data."""
    found = [
        (tick, index, data)
        for index, track in enumerate(tracks)
        for tick, other, data in track.conductor
        if other == kind
    ]
    return found if len(tracks) == 1 else sorted(found, key=lambda event: event[:2])


def _note_sequence(
    file: MidiFile, tracks: list[Track], first: int, limits: Limits, parts: frozenset[tuple[int, int]]
) -> tuple[Any, float]:
    """The NoteSequence of tracks that sound together, and where the last of them ends.

    Args:
        file: holds the tracks.
        tracks: all its tracks, or one of them.
        first: the index of the first of them.
        limits: what the file may hold.
        parts: those that are drums.
    """
    clock = _Clock(tracks, file.ticks_per_quarter, file.seconds_per_tick)
    # A bare end of track may be late; what counts is the last thing that is played.
    last = max(next((t for t, e in reversed(track.events) if e[0] < 0xF0), 0) for track in tracks)
    if clock.time(last) > limits.seconds:
        raise InputError(f"The music lasts longer than {limits.seconds:.0f} seconds.", "too_long")
    sequence = NoteSequence(ticks_per_quarter=file.ticks_per_quarter)
    sequence.source_info.parser = _PARSER_PRETTY_MIDI
    sequence.source_info.encoding_type = _ENCODING_MIDI
    _add_meters(sequence, tracks, clock, file.warnings)
    _add_keys(sequence, tracks, clock, file.warnings)
    for time, qpm in clock.tempos:
        sequence.tempos.add(time=time, qpm=qpm)
    instruments = _instruments(tracks)
    places = [(group.track + first, group.channel) for group in instruments]
    drums = [place in parts for place in places]
    if parts and DRUM_CHANNEL not in {channel for _, channel in parts}:
        named = drum_pitches(file, parts)
        for place, group in zip(places, instruments, strict=True):
            if place in named:
                group.notes = [
                    (start, end, named[place], velocity) for start, end, _, velocity in group.notes
                ]
    for i, group in enumerate(instruments):
        if group.name:
            sequence.instrument_infos.add(name=group.name, instrument=i)
        if group.unended:
            latest = last if clock.time(tracks[group.track].events[-1][0]) > limits.seconds else None
            group.end_notes(drums[i], max(1, file.ticks_per_quarter // 4), latest)
    _add_notes(sequence, instruments, drums, clock)
    _add_title(sequence, tracks)
    ends = max(clock.time(track.events[-1][0]) if track.events else 0.0 for track in tracks)
    return sequence, max(sequence.total_time, min(ends, limits.seconds))


def _add_title(sequence: Any, tracks: list[Track]) -> None:
    """The name of the first track is the file's where that track is the only one, or has no notes."""
    name = readable(tracks[0].name).strip()
    if name and (len(tracks) == 1 or all(event[0] & 0xF0 != 0x90 for _, event in tracks[0].events)):
        sequence.sequence_metadata.title = name


def _add_meters(sequence: Any, tracks: list[Track], clock: _Clock, warnings: list[MidiWarning]) -> None:
    """All meters of the first track, and those of others that change something; at one tick the last one stays."""
    meters: list[tuple[int, int, int]] = []
    for tick, index, data in _merged(tracks, METER):
        if len(data) < 2 or data[1] > 30:
            raise InputError("A time signature is cut off or has no such denominator.", "bad_time_signature")
        if data[0] == 0:
            _warn(warnings, "time_signature", "A time signature has no beats; it was left out.")
            continue
        meter = (tick, data[0], 2 ** data[1])
        if index and meters and meters[-1][0] == tick:
            meters.pop()
        if not index or not meters or meters[-1][1:] != meter[1:]:
            meters.append(meter)
    for tick, numerator, denominator in meters:
        sequence.time_signatures.add(time=clock.time(tick), numerator=numerator, denominator=denominator)


def _add_keys(sequence: Any, tracks: list[Track], clock: _Clock, warnings: list[MidiWarning]) -> None:
    keys: list[tuple[int, int, int]] = []
    for tick, index, data in _merged(tracks, KEY):
        sharps = int.from_bytes(data[:1], "big", signed=True) if data else 8
        if len(data) < 2 or not -7 <= sharps <= 7 or data[1] > 1:
            _warn(warnings, "key_signature", "A key signature names no key; it was left out.")
            continue
        minor = int(data[1])
        key = (tick, (7 * sharps + 9 * minor) % 12, minor)
        if not index or not keys or keys[-1][1:] != key[1:]:
            keys.append(key)
    for tick, tonic, minor in keys:
        sequence.key_signatures.add(time=clock.time(tick), key=tonic, mode=minor)


def _warn(warnings: list[MidiWarning], code: str, message: str) -> None:
    """Add a warning, once of each code."""
    if all(warning.code != code for warning in warnings):
        warnings.append(MidiWarning(code, message))


def _instruments(tracks: list[Track]) -> list[_Instrument]:
    """Notes, bends and controls by (program, channel, track), in the order of each group's first finished note.

    Bends and controls before a channel's first note wait as stragglers and join the group that comes first.
    """
    groups: dict[tuple[int, int, int], _Instrument] = {}
    stragglers: dict[tuple[int, int], _Instrument] = {}
    for index, track in enumerate(tracks):
        name = ""
        programs = [0] * 16
        sounding: dict[tuple[int, int], list] = defaultdict(list)

        def group_of(channel: int) -> _Instrument:
            key = (programs[channel], channel, index)  # noqa: B023 - called within the round of the loop
            group = groups.get(key)
            if group is None:
                group = groups[key] = _Instrument(*key, name)  # noqa: B023
                straggler = stragglers.get((channel, index))  # noqa: B023
                if straggler:
                    group.bends, group.controls = straggler.bends, straggler.controls
            return group

        for tick, event in track.events:
            status = event[0]
            kind, channel = status & 0xF0, status & 0x0F
            if kind == 0x90 and event[2]:
                sounding[channel, event[1]].append((tick, event[2]))
            elif kind == 0x80 or kind == 0x90:
                pitch = event[1]
                started = sounding.pop((channel, pitch), None)
                if not started:
                    continue
                closed = [(start, tick, pitch, velocity) for start, velocity in started if start != tick]
                if not closed:
                    # Begun and ended at one tick.
                    group_of(channel).add_unended(started, pitch, tick)
                    continue
                if len(closed) < len(started):
                    sounding[channel, pitch] = [note for note in started if note[0] == tick]
                (groups.get((programs[channel], channel, index)) or group_of(channel)).notes += closed
            elif kind == 0xC0:
                programs[channel] = event[1]
            elif kind == 0xB0 or kind == 0xE0:
                group = groups.get((programs[channel], channel, index))
                if group is None:
                    straggler = _Instrument(programs[channel], channel, index, name)
                    group = stragglers.setdefault((channel, index), straggler)
                if kind == 0xE0:
                    group.bends.append((tick, (event[2] << 7 | event[1]) - 8192))
                else:
                    group.controls.append((tick, event[1], event[2]))
            elif status == 0xFF and event[1] == TRACK_NAME:
                name = meta_data(event).decode("latin-1")
        end = track.events[-1][0] if track.events else 0
        for (channel, pitch), started in sounding.items():
            if started:
                group_of(channel).add_unended(started, pitch, end)
    return list(groups.values())


def _add_notes(sequence: Any, instruments: list[_Instrument], drums: list[bool], clock: _Clock) -> None:
    time, total = clock.time, 0.0
    add = sequence.notes.add
    scale = clock.scales[0] if len(clock.scales) == 1 else 0.0
    for i, group in enumerate(instruments):
        common = {"instrument": i, "program": group.program, "is_drum": drums[i]}
        for start, end, pitch, velocity in group.notes:
            start_time, end_time = (start * scale, end * scale) if scale else (time(start), time(end))
            if end_time > total:
                total = end_time
            add(start_time=start_time, end_time=end_time, pitch=pitch, velocity=velocity, **common)
    for i, group in enumerate(instruments):
        common = {"instrument": i, "program": group.program, "is_drum": drums[i]}
        for tick, bend in group.bends:
            sequence.pitch_bends.add(time=time(tick), bend=bend, **common)
        for tick, number, value in group.controls:
            sequence.control_changes.add(
                time=time(tick), control_number=number, control_value=value, **common
            )
    sequence.total_time = total
