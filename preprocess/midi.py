"""Standard MIDI file bytes to a NoteSequence: note-seq's result, at a bounded cost.

note-seq reads through pretty_midi, which builds an array of the time of every tick: one event at tick 2^31 takes
all memory, and a usual file takes 25 ms. This reader keeps the tempo map instead, checks size, events and
seconds before it builds anything, and runs no native code that a hostile file could crash. What it makes of a
file is what `note_seq.midi_io.midi_to_note_sequence` makes of it: tempo and meter from the first track, notes
grouped by (program, channel, track), a note-off closing every note of its pitch that started before it.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preprocess.errors import InputError
from preprocess.note_sequence import NoteSequence

DRUM_CHANNEL = 9
_PARSER_PRETTY_MIDI = NoteSequence.SourceInfo.PRETTY_MIDI
_ENCODING_MIDI = NoteSequence.SourceInfo.MIDI


@dataclass(frozen=True)
class Limits:
    """What a file may hold; whatever exceeds it is refused before it is built."""

    bytes: int = 16 * 2**20
    tracks: int = 1024
    events: int = 1_000_000
    seconds: float = 4 * 3600.0


@dataclass
class _Instrument:
    program: int
    is_drum: bool
    name: str
    notes: list = field(default_factory=list)
    bends: list = field(default_factory=list)
    controls: list = field(default_factory=list)


def read_midi(source: bytes | Path | str, limits: Limits = Limits()) -> Any:
    """The NoteSequence of a MIDI file.

    Args:
        source: the file's bytes, or its path.
        limits: what the file may hold.

    Raises:
        InputError: with the reason codes `unreadable`, `file_too_large`, `not_midi`, `bad_header`, `truncated`,
            `bad_event`, `bad_tempo`, `bad_key_signature`, `bad_time_signature`, `too_many_tracks`,
            `too_many_events` or `too_long`.
    """
    if not isinstance(source, bytes):
        path = Path(source)
        try:
            if path.stat().st_size > limits.bytes:
                raise InputError(f"{path}: is larger than {limits.bytes} bytes.", "file_too_large")
            source = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: can't be read ({error.strerror}).", "unreadable") from error
    if len(source) > limits.bytes:
        raise InputError(f"The file is larger than {limits.bytes} bytes.", "file_too_large")
    ticks_per_quarter, chunks = _chunks(source, limits)
    budget = limits.events
    tracks = []
    for chunk in chunks:
        events = list(_events(chunk, budget))
        budget -= len(events)
        tracks.append(events)
    clock = _Clock(tracks[0], ticks_per_quarter)
    # A bare end of track may be late; what counts is the last thing that is played.
    last = max(next((e[0] for e in reversed(events) if e[1] < 0xF0), 0) for events in tracks)
    if clock.time(last) > limits.seconds:
        raise InputError(f"The music lasts longer than {limits.seconds:.0f} seconds.", "too_long")
    return _note_sequence(tracks, clock, ticks_per_quarter)


def _chunks(data: bytes, limits: Limits) -> tuple[int, list[bytes]]:
    """Ticks per quarter note, and the bytes of each track."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        start = data.find(b"MThd")
        data = data[start:] if start > 0 else data
    if data[:4] != b"MThd":
        raise InputError("The file does not begin as a MIDI file does (MThd).", "not_midi")
    if len(data) < 14:
        raise InputError("The MIDI header is cut off.", "truncated")
    size = int.from_bytes(data[4:8], "big")
    count = int.from_bytes(data[10:12], "big")
    division = int.from_bytes(data[12:14], "big")
    if size < 6 or division == 0 or division & 0x8000:
        raise InputError("The MIDI header has no ticks per quarter note.", "bad_header")
    if count > limits.tracks:
        raise InputError(f"The file has {count} tracks, more than {limits.tracks}.", "too_many_tracks")
    chunks, at = [], 8 + size
    for _ in range(count):
        if at + 8 > len(data):
            raise InputError("The file ends before its last track.", "truncated")
        if data[at : at + 4] != b"MTrk":
            raise InputError("A track does not begin with MTrk.", "bad_header")
        length = int.from_bytes(data[at + 4 : at + 8], "big")
        if at + 8 + length > len(data):
            raise InputError("The file ends inside a track.", "truncated")
        chunks.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    if not chunks:
        raise InputError("The file has no track.", "bad_header")
    return division, chunks


def _events(chunk: bytes, budget: int) -> Iterator[tuple]:
    """`(tick, status, data...)` of a track: channel events with their two data bytes, meta events with bytes.

    Polyphonic and channel pressure are read and left out, as nothing of them gets into a NoteSequence; so are
    meta events other than track name, tempo, time and key signature.
    """
    at, tick, running, end = 0, 0, 0, len(chunk)
    try:
        while at < end:
            delta = chunk[at]
            at += 1
            if delta & 0x80:
                delta, at = _variable_length(chunk, at - 1)
            tick += delta
            status = chunk[at]
            if status < 0x80:
                if not running:
                    raise InputError("An event has no status byte.", "bad_event")
                status = running
            else:
                at += 1
                if status != 0xFF:
                    running = status
            if status < 0xF0:
                first = chunk[at]
                if 0xC0 <= status < 0xE0:
                    second = 0
                    at += 1
                else:
                    second = chunk[at + 1]
                    at += 2
                if (first | second) & 0x80:
                    raise InputError("An event has a data byte above 127.", "bad_event")
                if not (0xA0 <= status < 0xB0 or 0xD0 <= status < 0xE0):
                    budget -= 1
                    yield tick, status, first, second
            elif status == 0xFF:
                kind = chunk[at]
                length, at = _variable_length(chunk, at + 1)
                if at + length > end:
                    raise IndexError
                if kind in (0x03, 0x51, 0x58, 0x59):
                    budget -= 1
                    yield tick, 0xFF, kind, chunk[at : at + length]
                at += length
            elif status in (0xF0, 0xF7):
                length, at = _variable_length(chunk, at)
                if at + length > end:
                    raise IndexError
                at += length
                running = 0
            else:
                raise InputError(
                    f"The file holds status byte {status:#x}, which no MIDI file has.", "bad_event"
                )
            if budget < 0:
                raise InputError("The file holds too many events.", "too_many_events")
    except IndexError:
        raise InputError("A track ends inside an event.", "truncated") from None


def _variable_length(chunk: bytes, at: int) -> tuple[int, int]:
    """A variable-length quantity of at most four bytes, and where it ends."""
    value = 0
    for _ in range(4):
        byte = chunk[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at
    raise InputError("A length or time takes more than four bytes.", "bad_event")


class _Clock:
    """Ticks to seconds by the tempo map of the first track."""

    def __init__(self, events: list[tuple], ticks_per_quarter: int):
        scales = [(0, 60.0 / (120.0 * ticks_per_quarter))]
        for tick, status, kind, data in events:
            if status != 0xFF or kind != 0x51:
                continue
            microseconds = int.from_bytes(data[:3], "big")
            if len(data) != 3 or microseconds == 0:
                raise InputError("A tempo is not a positive number of microseconds.", "bad_tempo")
            scale = 60.0 / (6e7 / microseconds * ticks_per_quarter)
            if tick == 0:
                scales = [(0, scale)]
            elif scale != scales[-1][1]:
                scales.append((tick, scale))
        self.ticks = [tick for tick, _ in scales]
        self.scales = [scale for _, scale in scales]
        self.times = [0.0]
        for i in range(1, len(scales)):
            self.times.append(self.times[-1] + self.scales[i - 1] * (self.ticks[i] - self.ticks[i - 1]))
        self.tempos = [
            (t, 60.0 / (s * ticks_per_quarter)) for t, s in zip(self.times, self.scales, strict=True)
        ]

    def time(self, tick: int) -> float:
        """Seconds at a tick."""
        i = bisect.bisect_right(self.ticks, tick) - 1 if len(self.ticks) > 1 else 0
        return self.times[i] + self.scales[i] * (tick - self.ticks[i])


def _note_sequence(tracks: list[list[tuple]], clock: _Clock, ticks_per_quarter: int) -> Any:
    sequence = NoteSequence(ticks_per_quarter=ticks_per_quarter)
    sequence.source_info.parser = _PARSER_PRETTY_MIDI
    sequence.source_info.encoding_type = _ENCODING_MIDI
    for tick, status, kind, data in tracks[0]:
        if status == 0xFF and kind == 0x58:
            if len(data) < 2 or data[1] > 30:
                raise InputError(
                    "A time signature is cut off or has no such denominator.", "bad_time_signature"
                )
            sequence.time_signatures.add(time=clock.time(tick), numerator=data[0], denominator=2 ** data[1])
        elif status == 0xFF and kind == 0x59:
            _add_key_signature(sequence, clock.time(tick), data)
    for time, qpm in clock.tempos:
        sequence.tempos.add(time=time, qpm=qpm)
    instruments = _instruments(tracks)
    for i, instrument in enumerate(instruments):
        if instrument.name:
            sequence.instrument_infos.add(name=instrument.name, instrument=i)
    _add_notes(sequence, instruments, clock)
    return sequence


def _add_key_signature(sequence: Any, time: float, data: bytes) -> None:
    sharps = int.from_bytes(data[:1], "big", signed=True) if data else 8
    if len(data) < 2 or not -7 <= sharps <= 7 or data[1] > 1:
        raise InputError("A key signature names no key.", "bad_key_signature")
    minor = data[1] == 1
    sequence.key_signatures.add(time=time, key=(7 * sharps + 9 * minor) % 12, mode=int(minor))


def _instruments(tracks: list[list[tuple]]) -> list[_Instrument]:
    """Notes, bends and controls by (program, channel, track), in the order of each group's first finished note.

    Bends and controls before a channel's first note wait as stragglers and join the group that comes first.
    """
    groups: dict[tuple[int, int, int], _Instrument] = {}
    stragglers: dict[tuple[int, int], _Instrument] = {}
    for index, events in enumerate(tracks):
        name = ""
        programs = [0] * 16
        sounding: dict[tuple[int, int], list] = defaultdict(list)
        for tick, status, first, second in events:
            kind, channel = status & 0xF0, status & 0x0F
            if kind == 0x90 and second:
                sounding[channel, first].append((tick, second))
            elif kind in (0x80, 0x90):
                started = sounding.pop((channel, first), ())
                closed = [note for note in started if note[0] != tick]
                if not closed:
                    continue
                if len(closed) < len(started):
                    sounding[channel, first] = [note for note in started if note[0] == tick]
                key = (programs[channel], channel, index)
                group = groups.get(key)
                if group is None:
                    group = groups[key] = _Instrument(key[0], channel == DRUM_CHANNEL, name)
                    straggler = stragglers.get((channel, index))
                    if straggler:
                        group.bends, group.controls = straggler.bends, straggler.controls
                group.notes += [(start, tick, first, velocity) for start, velocity in closed]
            elif kind == 0xC0:
                programs[channel] = first
            elif status == 0xFF:
                if first == 0x03:
                    name = second.decode("latin-1")
            else:
                group = groups.get((programs[channel], channel, index))
                if group is None:
                    group = stragglers.setdefault(
                        (channel, index), _Instrument(programs[channel], False, name)
                    )
                if kind == 0xE0:
                    group.bends.append((tick, (second << 7 | first) - 8192))
                else:
                    group.controls.append((tick, first, second))
    return list(groups.values())


def _add_notes(sequence: Any, instruments: list[_Instrument], clock: _Clock) -> None:
    time, total = clock.time, 0.0
    for i, group in enumerate(instruments):
        common = {"instrument": i, "program": group.program, "is_drum": group.is_drum}
        for start, end, pitch, velocity in group.notes:
            end_time = time(end)
            total = max(total, end_time)
            sequence.notes.add(
                start_time=time(start), end_time=end_time, pitch=pitch, velocity=velocity, **common
            )
    for i, group in enumerate(instruments):
        common = {"instrument": i, "program": group.program, "is_drum": group.is_drum}
        for tick, bend in group.bends:
            sequence.pitch_bends.add(time=time(tick), bend=bend, **common)
        for tick, number, value in group.controls:
            sequence.control_changes.add(
                time=time(tick), control_number=number, control_value=value, **common
            )
    sequence.total_time = total
