"""Mutations of bytes, text and JSON values: random, but the same for a seed."""

import json
import random
import string
from collections.abc import Sequence
from typing import Any

ODD_INTEGERS = (
    0,
    1,
    -1,
    2,
    127,
    128,
    255,
    256,
    32767,
    65535,
    2**31 - 1,
    2**31,
    -(2**31),
    2**63,
    10**18,
    10**30,
)
ODD_FLOATS = (0.0, -0.0, 0.5, -1.0, 1e-300, 1e9, 1e300, float("inf"), float("-inf"), float("nan"))
ODD_TEXTS = (
    "",
    " ",
    "../../x",
    "/etc/x",
    "C:\\x",
    "~/x",
    "a\0b",
    "x" * 5000,
    "\x1b[2J\x1b]0;title\x07",
    "[bold]name[/bold]",
    "<script>alert(1)</script>",
    "{{title}}",
    "%s%n{0}",
    "ключ-音\u202ename",
    "\ud800",
    "line\nbreak",
    "NaN",
    "None",
    "true",
    "1e999",
)
"""Names that lead elsewhere, end strings early, steer a terminal, or are no names at all."""

ODD_VALUES: tuple[Any, ...] = (None, True, False, [], {}, [[]], [{}], *ODD_INTEGERS, *ODD_FLOATS, *ODD_TEXTS)


def mutate_bytes(rng: random.Random, data: bytes, other: bytes = b"", most: int = 4) -> bytes:
    """`data` with one to `most` changes: bits, bytes, cuts, repeats, insertions, odd numbers, parts of `other`."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, most)):
        at = rng.randrange(len(changed) + 1)
        end = min(len(changed), at + rng.choice((1, 1, 2, 4, 8, 64)))
        way = rng.randrange(9)
        if way == 0 and changed:
            changed[at - 1] ^= 1 << rng.randrange(8)
        elif way == 1 and changed:
            changed[at - 1] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif way == 2:
            del changed[at:]
        elif way == 3:
            del changed[at:end]
        elif way == 4:
            changed[at:at] = changed[at:end] * rng.choice((1, 2, 50))
        elif way == 5:
            changed[at:at] = rng.randbytes(rng.randint(1, 16))
        elif way == 6:
            size = rng.choice((2, 4, 8))
            number = rng.choice(ODD_INTEGERS) % 256**size
            changed[at : at + size] = number.to_bytes(size, rng.choice(("big", "little")))
        elif way == 7 and other:
            start = rng.randrange(len(other))
            changed[at:end] = other[start : start + rng.choice((1, 4, 16, 256))]
        else:
            changed[at:at] = rng.choice((b"\0" * 4, b"\xff" * 4, b"\r\n", b"\xef\xbb\xbf", b"\xff\xfe"))
    return bytes(changed)


def mutate_text(rng: random.Random, text: str, words: Sequence[str] = (), most: int = 4) -> str:
    """`text` with one to `most` changes: characters, lines and words taken out, doubled, swapped or put in."""
    for _ in range(rng.randint(1, most)):
        at = rng.randrange(len(text) + 1)
        lines = text.split("\n")
        line = rng.randrange(len(lines))
        way = rng.randrange(9)
        if way == 0:
            text = text[:at] + text[at + rng.choice((1, 2, 5)) :]
        elif way == 1:
            text = text[:at] + rng.choice(string.printable) + text[at + rng.randint(0, 1) :]
        elif way == 2:
            text = text[:at] + rng.choice((*ODD_TEXTS, *words)) + text[at:]
        elif way == 3:
            text = text[:at] + str(rng.choice((*ODD_INTEGERS, *ODD_FLOATS))) + text[at:]
        elif way == 4:
            text = text[:at]
        elif way == 5:
            text = "\n".join(lines[:line] + lines[line + 1 :])
        elif way == 6:
            text = "\n".join(lines[:line] + [lines[line]] * rng.choice((2, 3, 200)) + lines[line + 1 :])
        elif way == 7:
            other = rng.randrange(len(lines))
            lines[line], lines[other] = lines[other], lines[line]
            text = "\n".join(lines)
        else:
            text = text[:at] + text[at : at + 8] * rng.choice((2, 30)) + text[at:]
    return text


def encoded(rng: random.Random, text: str) -> bytes:
    """The text as a file holds it: mostly UTF-8, sometimes corrupted or in another encoding."""
    data = text.encode("utf-8", "surrogatepass")
    way = rng.randrange(40)
    if way == 0:
        return mutate_bytes(rng, data)
    if way == 1:
        return b"\xef\xbb\xbf" + data
    if way == 2:
        return text.encode("utf-16", "surrogatepass")
    if way == 3:
        return data.replace(b"\n", b"\r\n")
    if way == 4:
        return text.encode("latin-1", "replace")
    return data


def mutate_value(rng: random.Random, value: Any, odd: Sequence[Any] = ODD_VALUES, most: int = 3) -> Any:
    """A copy of a JSON value, of which one to `most` parts are taken out, doubled, renamed or made something odd."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.randint(1, most)):
        value = _changed(rng, value, odd)
    return value


def _changed(rng: random.Random, value: Any, odd: Sequence[Any]) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        way = rng.randrange(6)
        if way == 0:
            return {k: v for k, v in value.items() if k != key}
        if way == 1:
            return value | {rng.choice(ODD_TEXTS): value[key]}
        return value | {key: _changed(rng, value[key], odd)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        way = rng.randrange(6)
        if way == 0:
            return value[:at] + value[at + 1 :]
        if way == 1:
            return value[:at] + [value[at]] * rng.choice((2, 100)) + value[at:]
        return [*value[:at], _changed(rng, value[at], odd), *value[at + 1 :]]
    return rng.choice(list(odd))


def nested(depth: int, kind: str = "[") -> str:
    """JSON (or a TOML value) of lists, or tables, nested to a depth."""
    return "[" * depth + "]" * depth if kind == "[" else '{"a":' * depth + "1" + "}" * depth


def mutate_json(rng: random.Random, value: Any, odd: Sequence[Any] = ODD_VALUES) -> str:
    """JSON text that is `value` corrupted: as a value, as text, or by nesting deeper than any parser goes."""
    text = json.dumps(mutate_value(rng, value, odd) if rng.random() < 0.8 else value)
    way = rng.randrange(12)
    if way == 0:
        return mutate_text(rng, text)
    if way == 1:
        deep = nested(rng.choice((20, 900, 5000, 100_000)), rng.choice("[{"))
        return text.replace(rng.choice(("1", "{", "[", ":")), deep, 1)
    if way == 2:
        return text.replace("1", "1" * rng.choice((400, 5000)), 1)
    return text
