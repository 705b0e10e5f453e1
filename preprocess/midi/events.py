"""The events of one track of a standard MIDI file: what they are, and how they are read from its bytes."""

from dataclasses import dataclass, field

from common.errors import InputError

Event = tuple[int, bytes]
"""Tick, and the event's bytes with its status; what a file leaves out as running status is filled in."""

NOTE_OFF, NOTE_ON, CONTROL_CHANGE, PROGRAM_CHANGE, PITCH_BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
"""The upper half of the status of a channel's event; the lower half is its channel."""
SYSTEM, REAL_TIME, META = 0xF0, 0xF8, 0xFF
"""The first status of system messages, the first of real-time bytes, and that of meta events."""
TRACK_NAME, INSTRUMENT_NAME, END_OF_TRACK, TEMPO, METER, KEY = 0x03, 0x04, 0x2F, 0x51, 0x58, 0x59
"""Kinds of meta events."""

MICROSECONDS_A_MINUTE = 6e7
SLOWEST_TEMPO = 2**24 - 1
"""The most microseconds a quarter note that a tempo event can say."""

_STATUS = [bytes([value]) for value in range(256)]
_DATA_BYTES = {kind: 1 if kind in (PROGRAM_CHANGE, 0xD0) else 2 for kind in range(0x80, 0xF0, 0x10)}
_SYSTEM_COMMON_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0}


@dataclass
class Track:
    """One track of a file.

    Attributes:
        events: all its events in order, with ticks from the start of the file, up to the end of the track.
        conductor: its tempos, meters and keys: tick, kind (`TEMPO`, `METER` or `KEY`) and data.
        name: the first name that the track gives itself, as Latin-1; empty where it has none.
        instrument: the same, of the instrument that plays it.
        before: the chunks of other kinds that stand before it in the file.
    """

    events: list[Event] = field(default_factory=list)
    conductor: list[tuple[int, int, bytes]] = field(default_factory=list)
    name: str = ""
    instrument: str = ""
    before: bytes = b""


def meta_data(event: bytes) -> bytes:
    """The data of a meta event, without its status, kind and length."""
    return event[_variable_length(event, 2)[1] :]


def microseconds(data: bytes) -> int:
    """A tempo event's length of a quarter note.

    Raises:
        InputError: where it is not three bytes or zero (`bad_tempo`).
    """
    value = int.from_bytes(data, "big") if len(data) == 3 else 0
    if value == 0:
        raise InputError("A tempo is not a positive number of microseconds.", "bad_tempo")
    return value


def microseconds_of(qpm: float) -> int:
    """The microseconds of a quarter note that a tempo event says, for a tempo in quarter notes a minute.

    >>> microseconds_of(120)
    500000
    """
    return min(SLOWEST_TEMPO, round(MICROSECONDS_A_MINUTE / qpm))


class TrackReader:
    """Reads the events of one track.

    Args:
        chunk: the track's bytes, or more.
        budget: the most events that it may have.
        real_time: take real-time bytes where a time is due as bytes that were sent between events.

    Attributes:
        track: what was read.
        at: where reading stopped.
        ended: whether it stopped at an end of track.
        doubtful: whether a time of three or more bytes begins as a real-time byte would; as a time it is a
            thousand quarter notes or more.
        warnings: by code.
    """

    def __init__(self, chunk: bytes, budget: int, real_time: bool = False):
        self.track = Track()
        self.at = 0
        self.ended = False
        self.doubtful = False
        self.warnings: dict[str, str] = {}
        self._chunk = chunk
        self._budget = budget
        self._real_time = real_time

    def read(self) -> InputError | None:
        """Read up to the end of the track or of the bytes; what is wrong, if anything."""
        try:
            self._read()
        except IndexError:
            return InputError("A track ends inside an event.", "truncated")
        except InputError as error:
            return error
        return None

    def _read(self) -> None:
        """Read event by event: a time, then a status (or none: running status), then data.

        This loop is most of what reading a file costs, so it works on local variables.

        Raises:
            IndexError: where the bytes end inside an event.
            InputError: for what is not an event, or too many of them.
        """
        chunk, events = self._chunk, self.track.events
        end, at, tick = len(chunk), 0, 0
        running, size, cancelled = (
            0,
            0,
            False,
        )  # a status that holds on; its data bytes; whether it should not
        may_be_too_many = end > 2 * self._budget  # no event is shorter than two bytes
        while at < end:
            delta = chunk[at]
            at += 1
            if delta & 0x80:  # a time of several bytes, or none at all
                if self._real_time and REAL_TIME <= delta < META:
                    self._warn_real_time()
                    continue
                delta, at = self._long_time(at - 1)
            tick += delta
            status = chunk[at]
            if status >= SYSTEM:
                event, at = self._system_event(tick, status, at)
                cancelled = cancelled or status < REAL_TIME
                events.append((tick, event))
                if self.ended:
                    break
                continue
            if status & 0x80:
                running, cancelled = status, False
                size = _DATA_BYTES[status & 0xF0]
                at += 1
            elif not running:
                raise InputError("An event has no status byte.", "bad_event")
            elif cancelled:
                self.warnings["running_status"] = "An event without a status byte follows a system message."
            data = chunk[at : at + size]
            if (data[0] | data[-1]) & 0x80:
                data, at = self._without_real_time(at, size)
            else:
                at += size
            if at > end:
                raise IndexError
            events.append((tick, _STATUS[running] + data))
            if may_be_too_many and len(events) > self._budget:
                break
        if len(events) > self._budget:
            raise InputError("The file holds too many events.", "too_many_events")
        self.at = at

    def _long_time(self, at: int) -> tuple[int, int]:
        """A time of several bytes, and where it ends."""
        delta, end = _variable_length(self._chunk, at)
        self.doubtful = self.doubtful or (REAL_TIME <= self._chunk[at] < META and end - at > 2)
        return delta, end

    def _system_event(self, tick: int, status: int, at: int) -> tuple[bytes, int]:
        """A system or meta event whose status stands at `at`, and where it ends."""
        chunk = self._chunk
        if status == META:
            end = self._meta_event(tick, at)
        elif status in (0xF0, 0xF7):
            length, end = _variable_length(chunk, at + 1)
            end += length
        elif status >= REAL_TIME:
            self._warn_real_time()
            end = at + 1
        elif status in _SYSTEM_COMMON_DATA:
            self.warnings["system_message"] = f"A track holds status byte {status:#x}, which no file should."
            end = at + 1 + _SYSTEM_COMMON_DATA[status]
        else:
            raise InputError(f"The file holds status byte {status:#x}, which no MIDI file has.", "bad_event")
        if end > len(chunk):
            raise IndexError
        return chunk[at:end], end

    def _meta_event(self, tick: int, at: int) -> int:
        """Where a meta event ends; what a track has of its own is kept in the track."""
        kind = self._chunk[at + 1]
        length, begin = _variable_length(self._chunk, at + 2)
        end = begin + length
        data = self._chunk[begin:end]
        if kind in (TEMPO, METER, KEY):
            self.track.conductor.append((tick, kind, data))
        elif kind == TRACK_NAME:
            self.track.name = self.track.name or data.decode("latin-1")
        elif kind == INSTRUMENT_NAME:
            self.track.instrument = self.track.instrument or data.decode("latin-1")
        self.ended = kind == END_OF_TRACK and end <= len(self._chunk)
        return end

    def _without_real_time(self, at: int, size: int) -> tuple[bytes, int]:
        """The data of an event that begin at `at`, without the real-time bytes among them, and where they end."""
        data = bytearray()
        while len(data) < size:
            byte = self._chunk[at]
            at += 1
            if byte < 0x80:
                data.append(byte)
            elif REAL_TIME <= byte < META:
                self._warn_real_time()
            else:
                raise InputError("An event has a data byte above 127.", "bad_event")
        return bytes(data), at

    def _warn_real_time(self) -> None:
        self.warnings["real_time"] = (
            "A track holds real-time bytes, which belong on a cable; they were skipped."
        )


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
