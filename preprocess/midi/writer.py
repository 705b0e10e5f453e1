"""The bytes of a standard MIDI file whose events were changed: the inverse of `file.parse_midi`."""

from collections.abc import Sequence

from preprocess.midi.events import END_OF_TRACK, METER, TEMPO, Event, microseconds_of
from preprocess.midi.file import MidiFile, parse_midi

LONGEST_DELTA = 2**28 - 1
"""Ticks between two events, in four bytes."""


def file_bytes(file: MidiFile, scale: int, tracks: Sequence[Sequence[Event]]) -> bytes:
    """The bytes of a file whose tracks hold other events; all else is as it was, with lengths and counts set right.

    Args:
        file: the file as it was read.
        scale: the factor by which a quarter note has more ticks now.
        tracks: the events of each track, in order.
    """
    form = 1 if file.format == 0 and len(tracks) > 1 else file.format
    division = int.from_bytes(file.header[12:14], "big")
    # Where time is in SMPTE frames, the lower byte alone has the ticks, and `_scale` keeps them within it.
    ticks = division & (0x7FFF if file.seconds_per_tick is None else 0xFF)
    fields = (form, len(tracks), division + ticks * (scale - 1))
    body = b"".join(value.to_bytes(2, "big") for value in fields) + file.header[14:]
    # Chunks of other kinds come after the tracks, so that readers that know none of them find all tracks.
    others = b"".join(track.before for track in file.tracks) + file.behind
    return b"MThd" + len(body).to_bytes(4, "big") + body + b"".join(map(_track_bytes, tracks)) + others


def tempo_event(qpm: float) -> bytes:
    """A tempo, in quarter notes a minute."""
    return bytes([0xFF, TEMPO, 3]) + microseconds_of(qpm).to_bytes(3, "big")


def meter_event(numerator: int, denominator: int) -> bytes:
    """A time signature; the denominator is a power of two."""
    return bytes([0xFF, METER, 4, numerator, denominator.bit_length() - 1, 24, 8])


def conducted(data: bytes, conductor: Sequence[Event], end: int) -> bytes:
    """A file of one track under other tempos and meters.

    Args:
        data: the file.
        conductor: the tempos and meters that take the place of its own, in order.
        end: the tick at which it ends now; what of `conductor` comes later is left out.
    """
    file = parse_midi(data)
    ours = (TEMPO, METER)
    kept = [
        (tick, event)
        for tick, event in file.tracks[0].events
        if not (event[0] == 0xFF and event[1] in (*ours, END_OF_TRACK))
    ]
    stated = [event for event in conductor if event[0] < max(end, 1)]
    events = sorted([*stated, *kept], key=lambda event: event[0])
    return file_bytes(file, 1, [[*events, (end, bytes([0xFF, END_OF_TRACK, 0]))]])


def _track_bytes(events: Sequence[Event]) -> bytes:
    """A track chunk; every event says its status, and the end of the track is behind them all."""
    end, last = b"\xff\x2f\x00", 0
    out = bytearray()
    now = 0
    for tick, data in events:
        last = max(last, tick)
        if data[:2] == b"\xff\x2f":
            end = data
        # What belongs on a cable is not for files.
        elif not (0xF0 < data[0] < 0xFF and data[0] != 0xF7):
            out += _quantity(tick - now) + data
            now = tick
    # Only a late end of the track can be too far away for four bytes.
    out += _quantity(min(last - now, LONGEST_DELTA)) + end
    return b"MTrk" + len(out).to_bytes(4, "big") + bytes(out)


def _quantity(value: int) -> bytes:
    """A variable-length quantity."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))
