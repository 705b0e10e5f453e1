"""The bytes of a standard MIDI file as tracks of events (`events`), read as forgivingly as a DAW reads them.

What breaks the standard and still has one meaning is read with a warning: unknown chunks, a wrong count of tracks, a
wrong track length, bytes behind the end of a track, real-time bytes, running status across a system message. What
can't be trusted (a file that is cut off, an impossible event) is refused. Nothing here knows about notes; see
`preprocess.midi.reader` for those.
"""

from dataclasses import dataclass

from common.errors import InputError
from preprocess.midi.events import TEMPO, Track, TrackReader, microseconds

_LEADING_BYTES = 1024
"""How far into a file the header is looked for: after the 128 bytes of MacBinary, or a line of text."""


@dataclass(frozen=True)
class Limits:
    """What a file may hold; whatever exceeds it is refused before it is built."""

    bytes: int = 16 * 2**20
    tracks: int = 1024
    events: int = 1_000_000
    seconds: float = 4 * 3600.0


@dataclass(frozen=True)
class MidiWarning:
    """Something about a file that was read in another way than it is written.

    Attributes:
        code: a short name such as `track_length`, under which files are counted.
        message: one sentence for people.
    """

    code: str
    message: str


@dataclass
class MidiFile:
    """A parsed file.

    Attributes:
        format: 0 and 1 where the tracks sound together, 2 where each is a piece of its own.
        ticks_per_quarter: at the file's first tempo where `seconds_per_tick` is set.
        tracks: at least one.
        warnings: at most one of each code.
        seconds_per_tick: for files that count time in SMPTE frames; None for those that count in quarter notes.
        header: the header chunk as it is, without what was before it.
        behind: the chunks of other kinds after the last track.
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
    if not _begins_track(data, begin) and data[14:18] == b"MTrk":
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


def _begins_track(data: bytes, at: int) -> bool:
    """Whether the file ends at `at`, or a track begins there, perhaps after a few chunks of other kinds."""
    for _ in range(8):
        if at == len(data) or data[at : at + 4] == b"MTrk":
            return True
        name = data[at : at + 4]
        if at + 8 > len(data) or not (name.isascii() and name.decode("ascii").isprintable()):
            return False
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "big")
    return at <= len(data)


def _tracks(data: bytes, at: int, limits: Limits, warnings: dict[str, str]) -> tuple[list[Track], bytes]:
    """All tracks, and the chunks of other kinds after the last one."""
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
        if end <= len(data) and _begins_track(data, at):
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
    reader = TrackReader(data[start:declared], budget)
    problem = reader.read()
    if problem is not None and problem.reason == "too_many_events":
        raise problem
    if reader.ended and reader.doubtful:
        other = TrackReader(data[start:declared], budget, real_time=True)
        if other.read() is None and other.ended and other.at == reader.at:
            reader = other
    end = start + reader.at
    if reader.ended:
        if end == declared:
            pass
        elif whole and data[end : end + 4] != b"MTrk" and _begins_track(data, declared):
            warnings["bytes_after_end"] = f"{declared - end} bytes behind the end of a track were skipped."
            end = declared
        else:
            warnings["track_length"] = "A track's length is wrong; it was read up to its end of track."
    elif problem is None and whole and _begins_track(data, declared):
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


def _read_otherwise(data: bytes, budget: int, whole: bool) -> TrackReader | None:
    """A track that its length does not bound, or with real-time bytes between its events; None where it is neither."""
    for real_time in (False, True):
        reader = TrackReader(data, budget, real_time)
        if reader.read() is None and (reader.ended or whole):
            return reader
    return None
