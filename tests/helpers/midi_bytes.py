"""Standard MIDI files put together byte by byte, for tests."""

from collections.abc import Iterable

Events = list[tuple[int, bytes]]
"""Ticks, and the bytes of events."""

END = b"\x00\xff\x2f\x00"
NOTE = b"\x00\x99\x26\x64\x83\x60\x99\x26\x00"
"""A snare hit at tick 0, 480 ticks long."""


def midi(*tracks: bytes, division: int = 480, count: int | None = None) -> bytes:
    """A file of these tracks' events."""
    header = b"MThd" + (6).to_bytes(4, "big") + (1).to_bytes(2, "big")
    header += (len(tracks) if count is None else count).to_bytes(2, "big") + division.to_bytes(2, "big")
    return header + b"".join(b"MTrk" + len(t).to_bytes(4, "big") + t for t in tracks)


def delta(ticks: int) -> bytes:
    """A variable-length quantity, of as many bytes as it takes."""
    out = [ticks & 0x7F]
    while ticks := ticks >> 7:
        out.append(ticks & 0x7F | 0x80)
    return bytes(reversed(out))


def track(*events: tuple[int, bytes], end: int | None = None) -> bytes:
    """The events of a track by their ticks, in the order given at one tick, and its end (by default with the last)."""
    out, now = b"", 0
    ordered = sorted(events, key=lambda event: event[0])
    for tick, event in [*ordered, (max([end or 0, *(tick for tick, _ in ordered)]), END[1:])]:
        out += delta(tick - now) + event
        now = tick
    return out


def struck(
    ticks: Iterable[int], pitch: int, velocity: int = 100, channel: int = 9, length: int = 20
) -> Events:
    """Notes of one pitch."""
    events: Events = []
    for tick in ticks:
        events.append((tick, bytes([0x90 | channel, pitch, velocity])))
        events.append((tick + length, bytes([0x80 | channel, pitch, 0])))
    return events


def meter(numerator: int, denominator: int) -> bytes:
    """A time signature."""
    return b"\xff\x58\x04" + bytes([numerator, denominator.bit_length() - 1, 24, 8])


def tempo(microseconds: int) -> bytes:
    """A tempo, in microseconds a quarter note."""
    return b"\xff\x51\x03" + microseconds.to_bytes(3, "big")
