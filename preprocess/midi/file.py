"""The bytes of a standard MIDI file as tracks of timed events, read as forgivingly as a DAW reads them.

What breaks the standard and still has one meaning is read with a warning: unknown chunks, a wrong count of tracks, a
wrong track length, bytes behind the end of a track, real-time bytes, running status across a system message. What
can't be trusted (a file that is cut off, an impossible event) is refused. Nothing here knows about notes; see
`preprocess.midi.reader` for those.
"""

from dataclasses import dataclass, field

from common.errors import InputError

Event = tuple[int, bytes]
"""Tick, and the event's bytes with its status; what a file leaves out as running status is filled in."""

TRACK_NAME, INSTRUMENT_NAME, END_OF_TRACK, TEMPO, METER, KEY = 0x03, 0x04, 0x2F, 0x51, 0x58, 0x59
_STATUS = [bytes([value]) for value in range(256)]
_SYSTEM_COMMON_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0}
_LEADING_BYTES = 1024
"""So far into a file the header is looked for: behind the 128 bytes of MacBinary, or a line of text."""


@dataclass(frozen=True)
class Limits:
    """What a file may hold; whatever exceeds it is refused before it is built."""

    bytes: int = 16 * 2**20
    tracks: int = 1024
    events: int = 1_000_000
    seconds: float = 4 * 3600.0


@dataclass(frozen=True)
class MidiWarning:
    """Something about a file that was read otherwise than it stands.

    Attributes:
        code: a short name such as `track_length`, under which files are counted.
        message: one sentence for people.
    """

    code: str
    message: str


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


@dataclass
class MidiFile:
    """A parsed file.

    Attributes:
        format: 0 and 1 where the tracks sound together, 2 where each is a piece of its own.
        ticks_per_quarter: at the file's first tempo where `seconds_per_tick` is set.
        tracks: at least one.
        warnings: at most one of each code.
        seconds_per_tick: for files that count time in SMPTE frames; None for those that count in quarter notes.
        header: the header chunk as it stands, without what was before it.
        behind: the chunks of other kinds behind the last track.
    """

    format: int
    ticks_per_quarter: int
    tracks: list[Track]
    warnings: list[MidiWarning]
    seconds_per_tick: float | None = None
    header: bytes = b""
    behind: bytes = b""


def parse_midi(data: bytes, limits: Limits = Limits()) -> MidiFile:
    """The tracks and events of a MIDI file.

    Args:
        data: the file's bytes; a RIFF file around them (`.rmi`) is taken off.
        limits: what the file may hold.

    Raises:
        InputError: with the reason codes `file_too_large`, `not_midi`, `bad_header`, `truncated`, `bad_event`,
            `bad_tempo`, `too_many_tracks` or `too_many_events`.
    """
    if len(data) > limits.bytes:
        raise InputError(f"The file is larger than {limits.bytes} bytes.", "file_too_large")
    warnings: dict[str, str] = {}
    data = _unwrapped(data, warnings)
    if len(data) < 14:
        raise InputError("The MIDI header is cut off.", "truncated")
    size, form, count, division = (
        int.from_bytes(data[a:b], "big") for a, b in ((4, 8), (8, 10), (10, 12), (12, 14))
    )
    if size < 6:
        raise InputError("The MIDI header is too short.", "bad_header")
    if count > limits.tracks:
        raise InputError(f"The file has {count} tracks, more than {limits.tracks}.", "too_many_tracks")
    begin = 8 + size
    if not _stands(data, begin) and data[14:18] == b"MTrk":
        warnings["header_length"] = (
            "The header's length is wrong; the tracks were found behind its six bytes."
        )
        begin = 14
    tracks, behind = _tracks(data, begin, limits, warnings)
    if not tracks:
        raise InputError("The file has no track.", "bad_header")
    if len(tracks) != count:
        warnings["track_count"] = f"The header counts {count} tracks; the file has {len(tracks)}."
    if form > 2:
        warnings["unknown_format"] = (
            f"The file is of format {form}, which does not exist; it was read as format 1."
        )
    ticks, seconds = _division(division, tracks)
    found = [MidiWarning(code, message) for code, message in warnings.items()]
    return MidiFile(min(form, 2) if form <= 2 else 1, ticks, tracks, found, seconds, data[:begin], behind)


def _unwrapped(data: bytes, warnings: dict[str, str]) -> bytes:
    """The file from its header on, without a RIFF file around it or bytes before it."""
    if data[:4] == b"MThd":
        return data
    begin = data.find(b"MThd", 0, _LEADING_BYTES)
    if data[:4] == b"RIFF" and data[8:12] == b"RMID" and begin > 0:
        size = (
            int.from_bytes(data[begin - 4 : begin], "little") if data[begin - 8 : begin - 4] == b"data" else 0
        )
        return data[begin : begin + size] if 14 <= size <= len(data) - begin else data[begin:]
    if begin < 0 or data[begin + 4 : begin + 8] != b"\0\0\0\6":
        raise InputError("The file does not begin as a MIDI file does (MThd).", "not_midi")
    warnings["leading_bytes"] = f"{begin} bytes stand before the header; they were skipped."
    return data[begin:]


def _division(division: int, tracks: list[Track]) -> tuple[int, float | None]:
    """Ticks of a quarter note, and seconds of a tick where the file counts in SMPTE frames."""
    if division == 0:
        raise InputError("The MIDI header has no ticks per quarter note.", "bad_header")
    if not division & 0x8000:
        return division, None
    frames, ticks = 256 - (division >> 8), division & 0xFF
    if frames not in (24, 25, 29, 30) or not ticks:
        raise InputError(f"The MIDI header has {frames} frames of {ticks} ticks a second.", "bad_header")
    # 29 stands for the 29.97 frames of NTSC.
    seconds = 1.001 / (30 * ticks) if frames == 29 else 1.0 / (frames * ticks)
    first = [data for track in tracks for tick, kind, data in track.conductor if kind == TEMPO and tick == 0]
    return max(1, round(microseconds(first[-1]) * 1e-6 / seconds) if first else round(0.5 / seconds)), seconds


def microseconds(data: bytes) -> int:
    """A tempo event's length of a quarter note.

    Raises:
        InputError: where it is not three bytes or zero (`bad_tempo`).
    """
    value = int.from_bytes(data, "big") if len(data) == 3 else 0
    if value == 0:
        raise InputError("A tempo is not a positive number of microseconds.", "bad_tempo")
    return value


def _stands(data: bytes, at: int) -> bool:
    """Whether the file ends at `at`, or a track stands there, perhaps behind a few chunks of other kinds."""
    for _ in range(8):
        if at == len(data) or data[at : at + 4] == b"MTrk":
            return True
        name = data[at : at + 4]
        if at + 8 > len(data) or not (name.isascii() and name.decode("ascii").isprintable()):
            return False
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "big")
    return at <= len(data)


def _tracks(data: bytes, at: int, limits: Limits, warnings: dict[str, str]) -> tuple[list[Track], bytes]:
    """All tracks, and the chunks of other kinds behind the last one."""
    tracks: list[Track] = []
    others: list[bytes] = []
    budget = limits.events
    while at < len(data):
        if data[at : at + 4] == b"MTrk" and at + 8 <= len(data):
            if len(tracks) == limits.tracks:
                raise InputError(f"The file has more than {limits.tracks} tracks.", "too_many_tracks")
            track, at = _track(data, at + 8, int.from_bytes(data[at + 4 : at + 8], "big"), budget, warnings)
            track.before, others = b"".join(others), []
            budget -= len(track.events)
            tracks.append(track)
            continue
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if end <= len(data) and _stands(data, at):
            name = data[at : at + 4].decode("ascii")
            warnings["unknown_chunk"] = f"The file holds a chunk of kind '{name}', which was skipped."
            others.append(data[at:end])
        else:
            end = data.find(b"MTrk", at + 1)
            end = len(data) if end < 0 else end
            warnings["stray_bytes"] = f"{end - at} bytes that belong to no track were skipped."
        at = end
    return tracks, b"".join(others)


def _track(data: bytes, start: int, length: int, budget: int, warnings: dict[str, str]) -> tuple[Track, int]:
    """The track whose events begin at `start`, and where it ends: at its end of track, whatever its length says."""
    declared = start + length
    whole = declared <= len(data)
    reader = _TrackReader(data[start:declared], budget)
    problem = reader.read()
    if problem is not None and problem.reason == "too_many_events":
        raise problem
    if reader.ended and reader.doubtful:
        other = _TrackReader(data[start:declared], budget, real_time=True)
        if other.read() is None and other.ended and other.at == reader.at:
            reader = other
    end = start + reader.at
    if reader.ended:
        if end == declared:
            pass
        elif whole and data[end : end + 4] != b"MTrk" and _stands(data, declared):
            warnings["bytes_after_end"] = f"{declared - end} bytes behind the end of a track were skipped."
            end = declared
        else:
            warnings["track_length"] = "A track's length is wrong; it was read up to its end of track."
    elif problem is None and whole and _stands(data, declared):
        warnings["no_end_of_track"] = "A track has no end; it was read up to its last event."
    else:
        following = data.find(b"MTrk", start)
        found = _read_otherwise(data[start : None if following < 0 else following], budget, following >= 0)
        if found is not None:
            end = start + found.at
            if end != declared:
                warnings["track_length"] = "A track's length is wrong; it was read up to its end of track."
            reader = found
        elif problem is not None or not whole:
            raise problem or InputError("The file ends inside a track.", "truncated")
    warnings.update(reader.warnings)
    return reader.track, end


def _read_otherwise(data: bytes, budget: int, whole: bool) -> "_TrackReader | None":
    """A track that its length does not bound, or with real-time bytes between its events; None where it is neither."""
    for real_time in (False, True):
        reader = _TrackReader(data, budget, real_time)
        if reader.read() is None and (reader.ended or whole):
            return reader
    return None


class _TrackReader:
    """Reads the events of one track.

    Args:
        chunk: the track's bytes, or more.
        budget: so many events it may have.
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
        chunk, events = self._chunk, self.track.events
        at, tick, end, running, size, cancelled = 0, 0, len(chunk), 0, 0, False
        append, last = events.append, self._budget
        # No event is shorter than two bytes.
        many = end > 2 * last
        while at < end:
            delta = chunk[at]
            at += 1
            if delta & 0x80:
                if self._real_time and 0xF8 <= delta < 0xFF:
                    self._warn_real_time()
                    continue
                first, begin = delta, at
                delta, at = _variable_length(chunk, at - 1)
                self.doubtful = self.doubtful or (0xF8 <= first < 0xFF and at - begin > 1)
            tick += delta
            status = chunk[at]
            if status < 0x80:
                if not running:
                    raise InputError("An event has no status byte.", "bad_event")
                if cancelled:
                    self.warnings["running_status"] = (
                        "An event without a status byte follows a system message."
                    )
                event = _STATUS[running] + chunk[at : at + size - 1]
                at += size - 1
            elif status < 0xF0:
                running, cancelled = status, False
                size = 2 if 0xC0 <= status < 0xE0 else 3
                event = chunk[at : at + size]
                at += size
            else:
                event, at = self._system_event(tick, status, at)
                cancelled = cancelled or status < 0xF8
                append((tick, event))
                if self.ended:
                    break
                continue
            if (event[1] | event[-1]) & 0x80:
                event, at = self._with_real_time(event, at - size + 1, size)
            if at > end:
                raise IndexError
            append((tick, event))
            if many and len(events) > last:
                raise InputError("The file holds too many events.", "too_many_events")
        if len(events) > last:
            raise InputError("The file holds too many events.", "too_many_events")
        self.at = at

    def _system_event(self, tick: int, status: int, at: int) -> tuple[bytes, int]:
        """A system or meta event whose status stands at `at`, and where it ends."""
        chunk = self._chunk
        if status == 0xFF:
            kind = chunk[at + 1]
            length, begin = _variable_length(chunk, at + 2)
            end = begin + length
            if kind in (TEMPO, METER, KEY):
                self.track.conductor.append((tick, kind, chunk[begin:end]))
            elif kind == TRACK_NAME:
                self.track.name = self.track.name or chunk[begin:end].decode("latin-1")
            elif kind == INSTRUMENT_NAME:
                self.track.instrument = self.track.instrument or chunk[begin:end].decode("latin-1")
            self.ended = kind == END_OF_TRACK and end <= len(chunk)
        elif status in (0xF0, 0xF7):
            length, end = _variable_length(chunk, at + 1)
            end += length
        elif status > 0xF7:
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

    def _with_real_time(self, event: bytes, at: int, size: int) -> tuple[bytes, int]:
        """An event's status and data without the real-time bytes among them, from `at`, where its data begin."""
        data = bytearray(event[:1])
        while len(data) < size:
            byte = self._chunk[at]
            at += 1
            if byte < 0x80:
                data.append(byte)
            elif 0xF8 <= byte < 0xFF:
                self._warn_real_time()
            else:
                raise InputError("An event has a data byte above 127.", "bad_event")
        return bytes(data), at

    def _warn_real_time(self) -> None:
        self.warnings["real_time"] = (
            "A track holds real-time bytes, which belong on a cable; they were skipped."
        )


def meta_data(event: bytes) -> bytes:
    """The data of a meta event, without its status, kind and length."""
    return event[_variable_length(event, 2)[1] :]


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
