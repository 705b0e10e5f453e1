"""MIDI files that no sequencer should write, and a few that sequencers do: put together event by event, then corrupted."""

import random

from tests.fuzz.mutate import ODD_TEXTS, mutate_bytes

HUGE_DELTAS = (2**14, 2**21 - 1, 2**27, 2**28 - 1)
DRUM_PITCHES = (35, 36, 37, 38, 42, 44, 46, 49, 51, 56, 22, 26)


def number(value: int, least: int = 1) -> bytes:
    """A variable-length quantity, padded to at least `least` bytes."""
    out = [value & 0x7F]
    while (value := value >> 7) or len(out) < least:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def chunk(kind: bytes, data: bytes, length: int | None = None) -> bytes:
    """A chunk; its length may be said wrongly."""
    return kind + ((len(data) if length is None else length) % 2**32).to_bytes(4, "big") + data


def midi_input(rng: random.Random) -> bytes:
    """The bytes of a file: structured, oddly structured, or corrupted."""
    data = _file(rng, odd=rng.choice((0.0, 0.0, 0.1, 0.3, 0.8)))
    if rng.random() < 0.3:
        other = _file(rng, odd=0.2)
        data = mutate_bytes(rng, data, other)
    if rng.random() < 0.02:
        data = (
            b"RIFF" + len(data).to_bytes(4, "little") + b"RMIDdata" + len(data).to_bytes(4, "little") + data
        )
    return data


def _file(rng: random.Random, odd: float) -> bytes:
    division = rng.choice((480, 480, 480, 96, 24, 960, 220))
    kind = rng.choice((0, 1, 1, 1))
    tracks = [_track(rng, odd, division) for _ in range(1 if kind == 0 else rng.choice((1, 2, 2, 3, 8)))]
    if rng.random() < odd / 3:
        division = rng.choice((1, 2, 32767, 0, 0xE728, 0xE250, 0xE804, 0x8000, 0xFFFF))
    if rng.random() < odd / 3:
        kind = rng.choice((0, 1, 2, 2, 3, 65535))
    chunks = [chunk(b"MTrk", track) for track in tracks]
    count = len(chunks)
    if rng.random() < odd / 3:
        count = rng.choice((0, 1, count - 1, count + 1, count + 20, 1024, 65535)) % 65536
    if rng.random() < odd / 3:
        at = rng.randrange(len(chunks))
        wrong = rng.choice((-1, 1, 2, 8, 1000, -len(tracks[at]), 2**31, 2**32 - 1))
        chunks[at] = chunk(b"MTrk", tracks[at], len(tracks[at]) + wrong)
    if rng.random() < odd / 3:
        strange = chunk(
            rng.choice((b"XFIH", b"XFKM", b"ABCD", b"MThd", b"\0\0\0\0")),
            rng.randbytes(rng.choice((0, 6, 50))),
        )
        chunks.insert(rng.randrange(len(chunks) + 1), strange)
    header = kind.to_bytes(2, "big") + count.to_bytes(2, "big") + division.to_bytes(2, "big")
    size = None
    if rng.random() < odd / 4:
        header += bytes(rng.choice((0, 1, 2, 10)))
        size = rng.choice((None, 0, 6, 7, 2**31))
    behind = rng.randbytes(rng.choice((1, 4, 100))) if rng.random() < odd else b""
    return chunk(b"MThd", header, size) + b"".join(chunks) + behind


def _track(rng: random.Random, odd: float, division: int) -> bytes:
    """The events of a track: names, tempos and meters, and one of several kinds of music."""
    out = bytearray()
    if rng.random() < 0.6:
        out += _meta(0, 3, _name(rng, odd))
    if rng.random() < 0.6:
        out += _meta(0, 0x51, rng.choice((500_000, 652_174, 300_000, 1_000_000)).to_bytes(3, "big"))
    if rng.random() < 0.5:
        out += _meta(
            0, 0x58, rng.choice((b"\4\2\x18\x08", b"\4\2\x18\x08", b"\3\2\x18\x08", b"\6\3\x24\x08"))
        )
    channel = rng.choice((9, 9, 9, 0, 0, 1, 15))
    if rng.random() < 0.3:
        out += b"\0" + bytes([0xC0 | channel, rng.randrange(128)])
    music = rng.choice((_beat, _beat, _beat, _melody, _chords, _noise, _noise, _many))
    out += music(rng, odd, division, channel)
    if rng.random() < odd:
        out += _noise(rng, 1.0, division, channel)
    if rng.random() > odd:
        out += _meta(rng.choice((0, 0, division * 4)), 0x2F, b"")
        out += rng.randbytes(4) if rng.random() < odd else b""
    return bytes(out)


def _meta(delta: int, kind: int, data: bytes, length: int | None = None) -> bytes:
    return number(delta) + bytes([0xFF, kind]) + number(len(data) if length is None else length) + data


def _name(rng: random.Random, odd: float) -> bytes:
    if rng.random() < odd:
        return rng.choice(ODD_TEXTS).encode("utf-8", "surrogatepass")
    return rng.choice((b"Drums", b"Kick", b"Piano", b"track 1", b"Schlagzeug \xfc", b"\xe3\x83\x89"))


def _on(channel: int, pitch: int, velocity: int) -> bytes:
    return bytes([0x90 | channel, pitch, velocity])


def _beat(rng: random.Random, odd: float, division: int, channel: int) -> bytes:
    """Some bars of sixteenths, straight or swung, with ends or without, sometimes in running status."""
    out, step = bytearray(), max(1, division // 4)
    with_ends, length = rng.random() < 0.8, rng.choice((0, 1, step // 2, step, 3 * step))
    waiting, running = 0, rng.random() < 0.4
    late = int(step * rng.choice((0, 0, 0.24, 0.33)))
    for i in range(rng.choice((1, 16, 32, 64, 64, 140))):
        shift = late if i % 2 else 0
        struck = [p for p in DRUM_PITCHES if rng.random() < 0.15]
        for j, pitch in enumerate(struck):
            gap = waiting + (shift if j == 0 else 0)
            on = _on(channel, pitch, rng.randint(1, 127))
            out += number(gap, rng.choice((1, 1, 1, 4)) if odd > 0.3 else 1) + on[running and j > 0 :]
            waiting = 0
        if struck and with_ends:
            for j, pitch in enumerate(struck):
                out += number(min(length, step) if j == 0 else 0) + bytes([0x80 | channel, pitch, 64])
            waiting = -min(length, step)
        waiting = max(0, waiting + step - (shift if struck else 0))
        if rng.random() < odd / 4:
            out += _odd_event(rng, division, channel)
    return bytes(out)


def _melody(rng: random.Random, odd: float, division: int, channel: int) -> bytes:
    out, pitch = bytearray(), 60
    for _ in range(rng.choice((4, 32, 100))):
        pitch = min(127, max(0, pitch + rng.randint(-5, 5)))
        length = max(1, division // rng.choice((1, 2, 4, 3)))
        out += number(rng.choice((0, 0, length))) + _on(channel, pitch, rng.randint(1, 127))
        out += number(length) + _on(channel, pitch, 0)
        if rng.random() < odd / 4:
            out += _odd_event(rng, division, channel)
    return bytes(out)


def _chords(rng: random.Random, odd: float, division: int, channel: int) -> bytes:
    out = bytearray()
    for _ in range(rng.choice((4, 16, 40))):
        pitches = [rng.randint(21, 108) for _ in range(rng.choice((1, 3, 4, 10)))]
        for pitch in pitches:
            out += b"\0" + _on(channel, pitch, 80)
        for i, pitch in enumerate(pitches):
            out += number(0 if i else division) + bytes([0x80 | channel, pitch, 0])
        if rng.random() < odd / 4:
            out += _odd_event(rng, division, channel)
    return bytes(out)


def _many(rng: random.Random, odd: float, division: int, channel: int) -> bytes:
    """Thousands of notes of one pitch, or of all, that begin and mostly do not end."""
    count = rng.choice((100, 100, 1000, 1000, 5000, 20_000) if odd > 0.1 else (100, 300))
    gap = number(rng.choice((0, 0, 1, division // 4)))
    spread = rng.choice((1, 1, 12, 128))
    notes = b"".join(gap + _on(channel, i % spread, 100) for i in range(count))
    ends = rng.choice((0, 0, 1, count))
    return notes + b"".join(gap + bytes([0x80 | channel, i % spread, 0]) for i in range(ends))


def _noise(rng: random.Random, odd: float, division: int, channel: int) -> bytes:
    """Events of every kind at random, mostly well-formed."""
    return b"".join(
        _odd_event(
            rng, division, channel if rng.random() < 0.7 else rng.randrange(16), tame=rng.random() > odd
        )
        for _ in range(rng.choice((2, 20, 100)))
    )


def _odd_event(rng: random.Random, division: int, channel: int, tame: bool = False) -> bytes:
    delta = rng.choice((0, 1, division // 4, division, 4 * division))
    if not tame and rng.random() < 0.1:
        delta = rng.choice(HUGE_DELTAS)
    gap = number(delta, rng.choice((1, 1, 2, 4)) if rng.random() < 0.2 else 1)
    way = rng.randrange(16 if not tame else 9)
    data = bytes(rng.randrange(128) for _ in range(2))
    if way < 3:
        return gap + _on(channel, data[0], data[1])
    if way == 3:
        return gap + bytes([0x80 | channel]) + data
    if way == 4:
        return gap + bytes([rng.choice((0xA0, 0xB0, 0xE0)) | channel]) + data
    if way == 5:
        return gap + bytes([rng.choice((0xC0, 0xD0)) | channel, data[0]])
    if way == 6:
        return gap + b"\xf0" + number(4) + b"\x7e\x7f\x09\xf7"
    if way == 7:
        # Running status: of a note here, or of whatever came before.
        return gap + (_on(channel, *data) + b"\0" if tame or rng.random() < 0.8 else b"") + data
    if way == 8:
        return _meta(
            delta, rng.choice((1, 5, 6, 0x20, 0x21, 0x54, 0x7F)), rng.randbytes(rng.choice((0, 1, 5, 200)))
        )
    if way == 9:
        return _meta(
            delta, 0x51, rng.choice((b"", b"\0\0\0", b"\0\0\1", b"\xff\xff\xff", b"\1\2", b"\7\xa1\x20\0"))
        )
    if way == 10:
        meters = (
            b"",
            b"\4",
            b"\0\2\x18\x08",
            b"\4\0\x18\x08",
            b"\4\x1f\x18\x08",
            b"\xff\xff\0\0",
            b"\2\2\x18\x08",
        )
        return _meta(delta, 0x58, rng.choice((*meters, b"\5\3\x18\x08", b"\4\2", b"\1\7\x18\x08")))
    if way == 11:
        return _meta(
            delta, 0x59, rng.choice((b"", b"\0", b"\x08\0", b"\xf8\0", b"\0\2", b"\xff\xff", b"\7\1\0"))
        )
    if way == 12:
        return _meta(
            delta,
            rng.choice((1, 3, 5, 0x51, 0x7F)),
            rng.randbytes(3),
            rng.choice((3, 3, 3, 3, 0, 2, 100, 2**21)),
        )
    if way == 13:
        system = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF4: 0, 0xF6: 0, 0xF8: 0, 0xFA: 0, 0xFC: 0, 0xFE: 0}
        status = rng.choice(list(system))
        return (
            gap + bytes([status]) + data[: system[status]] + (b"" if status < 0xF8 else _on(channel, *data))
        )
    if way == 14:
        return (
            gap
            + rng.choice((b"\xf7", b"\xf0"))
            + number(rng.choice((3, 3, 3, 3, 0, 1000, 2**27)))
            + b"\1\2\3"
        )
    return _meta(delta, rng.choice((0x2F, 3, 4)), _name(rng, 1.0))
