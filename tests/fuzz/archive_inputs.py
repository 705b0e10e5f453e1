"""Zips of music: odd names, corrupted members, sizes that lie, and zips that unpack to far more than they are."""

import io
import random
import zipfile

from tests.fuzz.midi_inputs import midi_input
from tests.fuzz.mutate import ODD_TEXTS, mutate_bytes
from tests.fuzz.score_inputs import abc, musicxml

NAMES = (
    "a.mid",
    "A.MID",
    "b.midi",
    "c.kar",
    "d.smf",
    "e.rmi",
    "folder/f.mid",
    "__MACOSX/._a.mid",
    "._a.mid",
    "g.txt",
    ".mid",
    "mid",
)
METHODS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
    zipfile.ZIP_DEFLATED,
    zipfile.ZIP_BZIP2,
    zipfile.ZIP_LZMA,
)


def archive(rng: random.Random) -> bytes:
    """The bytes of a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice(METHODS)) as file:
        for _ in range(rng.choice((0, 1, 2, 4))):
            _add(rng, file)
        if rng.random() < 0.02:
            file.writestr("bomb.mid", b"MThd" + bytes(3 * 10**7), zipfile.ZIP_DEFLATED)
        if rng.random() < 0.02:
            for i in range(500):
                file.writestr(f"{i}.mid", b"")
    data = buffer.getvalue()
    way = rng.randrange(8)
    if way == 0:
        return mutate_bytes(rng, data)
    if way == 1:
        return _with_lie(rng, data)
    return data


def _add(rng: random.Random, file: zipfile.ZipFile) -> None:
    way = rng.randrange(6)
    name, content = rng.choice(NAMES), midi_input(rng)
    if way == 0:
        name, content = "tune.abc", abc(rng).data
    elif way == 1:
        score = musicxml(rng)
        name, content = f"score{score.suffix}", score.data
    elif way == 2:
        name = rng.choice([t for t in ODD_TEXTS if "\ud800" not in t]) + rng.choice(("", ".mid"))
    elif way == 3:
        content = rng.choice((b"", b"MThd", rng.randbytes(100)))
    file.writestr(name or "x.mid", content)


def _with_lie(rng: random.Random, data: bytes) -> bytes:
    """A zip whose directory says of its last member what is not so: flags, method, check sum, sizes, place."""
    at = data.rfind(b"PK\1\2")
    if at < 0:
        return data
    field, size = rng.choice(((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (42, 4)))
    number = rng.choice((0, 1, 0xFFFF, 99, 2**31, 2**32 - 1)) % 256**size
    return data[: at + field] + number.to_bytes(size, "little") + data[at + field + size :]
