"""Tunes of one voice as text: children's songs and folk tunes for the experiments. README.md describes the notation.

A tune is written frame by frame, an eighth note each, on the 13 keys from C to the C above: the form of the songs
of FortsAndMills' MusicGeneration (`preprocess/pieces/thirteen_key_songs.py`).
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from common.errors import InputError
from patterns.notation import NotationError
from preprocess.note_sequence import NoteSequence

KEYS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B", "C^")
LOWEST_PITCH = 60
FRAMES = 128
SECONDS_PER_FRAME = 0.25
TUNES_FILE = "folk.tunes"


@dataclass(frozen=True)
class Tune:
    """A tune.

    Attributes:
        name: its title.
        origin: where it comes from, and why it is in the public domain.
        frames_per_bar: eighth notes in a bar.
        keys: for each frame the struck key, 0 (C) to 12 (the C above), or -1 where none is.
    """

    name: str
    origin: str
    frames_per_bar: int
    keys: tuple[int, ...]

    def roll(self, frames: int = FRAMES) -> np.ndarray:
        """Struck keys, uint8 `[frames, 13]`; a shorter tune is played again from its start, a longer one cut."""
        roll = np.zeros((frames, len(KEYS)), dtype=np.uint8)
        for frame, key in enumerate(np.resize(self.keys, frames)):
            if key >= 0:
                roll[frame, key] = 1
        return roll


def parse(text: str, filename: str = "text") -> list[Tune]:
    """The tunes of a text.

    Raises:
        NotationError: at the first place that is none.
    """
    tunes: list[Tune] = []
    header: dict[str, str] = {}
    keys: list[int] = []
    number = 0
    for number, line in enumerate(text.splitlines(), 1):
        content = line.split("//")[0].rstrip()
        if content.startswith("|"):
            keys += _read_bars(content, header, filename, number)
        elif content:
            name, colon, value = content.partition(":")
            if not colon or name not in ("tune", "origin", "bar") or not value.strip():
                expected = 'a line "tune: ...", "origin: ...", "bar: ..." or one that starts with "|"'
                raise NotationError(filename, number, 1, expected, f'"{content}"')
            if name == "tune":
                tunes += _finished(header, keys, filename, number)
                header, keys = {}, []
            elif keys or not header:
                raise NotationError(filename, number, 1, f'"{name}:" between "tune:" and its bars', "it here")
            header[name] = value.strip()
    return tunes + _finished(header, keys, filename, number)


def _read_bars(content: str, header: dict[str, str], filename: str, number: int) -> list[int]:
    """The keys of a line of bars."""
    if "tune" not in header:
        raise NotationError(filename, number, 1, '"tune:" above the bars', "none")
    length = header.get("bar", "8")
    if not length.isdigit() or not 0 < int(length) <= 32:
        raise NotationError(filename, number, 1, '"bar:" of 1 to 32 frames', f'"{length}"')
    if not content.endswith("|") or len(content) == 1:
        raise NotationError(filename, number, len(content), 'a bar line "|" at the end', f'"{content[-1]}"')
    keys = []
    column = 2
    for bar in content[1:-1].split("|"):
        symbols = bar.split()
        unknown = [symbol for symbol in symbols if symbol != "." and symbol not in KEYS]
        if unknown:
            place = column + bar.index(unknown[0])
            raise NotationError(filename, number, place, f'"." or one of {" ".join(KEYS)}', f'"{unknown[0]}"')
        if len(symbols) != int(length):
            raise NotationError(filename, number, column, f"{length} frames in a bar", str(len(symbols)))
        keys += [-1 if symbol == "." else KEYS.index(symbol) for symbol in symbols]
        column += len(bar) + 1
    return keys


def _finished(header: dict[str, str], keys: list[int], filename: str, number: int) -> list[Tune]:
    """The tune that ends before a line, if there is one."""
    if not header:
        return []
    if not keys:
        raise NotationError(filename, number, 1, f'bars of "{header["tune"]}"', "none")
    bar = int(header.get("bar", "8"))
    return [Tune(header["tune"], header.get("origin", ""), bar, tuple(keys))]


def format_tune(tune: Tune, bars_per_line: int = 4) -> str:
    """A tune as text; `parse` gives it back."""
    lines = [f"tune: {tune.name}"]
    lines += [f"origin: {tune.origin}"] if tune.origin else []
    lines += [f"bar: {tune.frames_per_bar}"] if tune.frames_per_bar != 8 else []
    symbols = ["." if key < 0 else KEYS[key] for key in tune.keys]
    length = tune.frames_per_bar
    bars = [" ".join(symbols[i : i + length]) for i in range(0, len(symbols), length)]
    for i in range(0, len(bars), bars_per_line):
        lines.append("| " + " | ".join(bars[i : i + bars_per_line]) + " |")
    return "\n".join(lines) + "\n"


def load_tunes() -> list[Tune]:
    """The shipped tunes."""
    path = Path(__file__).with_name(TUNES_FILE)
    return parse(path.read_text(encoding="utf-8"), path.name)


def roll_to_note_sequence(roll: np.ndarray, name: str = "") -> NoteSequence:
    """Struck keys `[frames, 13]` as a NoteSequence at 120 a minute; a note sounds until the next frame with one.

    Raises:
        InputError: where the roll has another shape.
    """
    if roll.ndim != 2 or roll.shape[1] != len(KEYS):
        raise InputError(
            f"A roll of shape {roll.shape} is not a tune; expected [frames, {len(KEYS)}].", "bad_roll"
        )
    sequence = NoteSequence(id=name, filename=name, ticks_per_quarter=220)
    sequence.tempos.add(qpm=120.0)
    sequence.time_signatures.add(numerator=4, denominator=4)
    struck = [frame for frame in range(len(roll)) if roll[frame].any()]
    for frame, until in pairwise([*struck, len(roll)]):
        for key in np.flatnonzero(roll[frame]):
            sequence.notes.add(
                pitch=LOWEST_PITCH + int(key),
                velocity=90,
                start_time=frame * SECONDS_PER_FRAME,
                end_time=min(until, frame + 8) * SECONDS_PER_FRAME,
            )
    sequence.total_time = len(roll) * SECONDS_PER_FRAME
    return sequence
