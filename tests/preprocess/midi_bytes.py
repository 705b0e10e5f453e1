"""Standard MIDI files put together byte by byte, for tests."""

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
