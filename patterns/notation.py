"""Drum grids as text: read, write, and turn into NoteSequences and back. README.md describes the notation."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.errors import InputError
from patterns.beat import LEVELS, Beat, default_steps, nearest_level
from patterns.kit import KIT, LINES, line_of_pitch
from preprocess.note_sequence import NoteSequence

MAX_BARS = 64
MAX_STEPS_PER_BAR = 96
MAX_SWING = 0.7
LONGEST_SHOWN = 80
SYMBOLS = {level: symbol for symbol, level in LEVELS.items()} | {0: "-"}
EXPECTED = 'one of "X x o . - | %"'
_KEYS = ("beat", "style", "tempo", "meter", "grid", "swing", "players", "about")
_ORDER = {line.key: i for i, line in enumerate(KIT)}


class NotationError(InputError):
    """Text that is not a drum grid. The message reads `file:line:column: expected this, got that`, `that` in short."""

    def __init__(self, filename: str, line: int, column: int, expected: str, got: str):
        if len(got) > LONGEST_SHOWN:
            got = f"{got[: LONGEST_SHOWN - 3]}..."
        super().__init__(f"{filename}:{line}:{column}: expected {expected}, got {got}", "bad_notation")
        self.filename, self.line, self.column = filename, line, column


class _Draft:
    """The lines of one beat while they are read."""

    def __init__(self, filename: str, line: int):
        self.filename = filename
        self.line = line
        self.header: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.rows: dict[str, tuple[int, ...]] = {}
        self.bars = 0

    def read_header(self, number: int, text: str) -> None:
        key, _, value = text.partition(":")
        column = len(key) + 2 + len(value) - len(value.lstrip())
        key, value = key.strip(), " ".join(value.split())
        if self.rows:
            raise NotationError(self.filename, number, 1, "headers above the grid", f'"{key}:" below it')
        if key in self.header:
            raise NotationError(self.filename, number, 1, f'"{key}:" once a beat', "a second one")
        if not value:
            raise NotationError(self.filename, number, column, f'a value after "{key}:"', "end of line")
        self.header[key] = value
        reader = _READERS.get(key)
        if reader:
            expected, read = reader
            result = read(value)
            if result is None:
                raise NotationError(self.filename, number, column, expected, f'"{value}"')
            self.values[key] = result
        if key in ("swing", "grid", "meter") and not self.swing_fits():
            raise NotationError(
                self.filename, number, column, "swing on a grid of sixteenths only", f'"{value}"'
            )

    @property
    def meter(self) -> tuple[int, int]:
        return self.values.get("meter", (4, 4))

    @property
    def grid(self) -> int:
        return self.values.get("grid", default_steps(self.meter))

    def swing_fits(self) -> bool:
        straight = self.values.get("swing", 0.5) == 0.5
        return straight or (self.grid * self.meter[1] == 16 * self.meter[0] and self.grid % 2 == 0)

    def read_row(self, number: int, text: str) -> None:
        key = re.split(r"[\s|]", text, maxsplit=1)[0]
        if key not in LINES:
            expected = f'a header ({", ".join(_KEYS)}), "#" or a drum ({" ".join(LINES)})'
            raise NotationError(self.filename, number, 1, expected, f'"{key}"')
        if key in self.rows:
            raise NotationError(self.filename, number, 1, f"{key} once a beat", "a second line of it")
        row = tuple(self.read_bars(number, text, len(key)))
        bars = len(row) // self.grid
        if self.bars and bars != self.bars:
            expected = f"{self.bars} bars as in the line above"
            raise NotationError(self.filename, number, len(text.rstrip()), expected, f"{bars}")
        self.bars = bars
        self.rows[key] = row

    def read_bars(self, number: int, text: str, start: int) -> Iterator[int]:
        """The velocities of a line from column index `start`, bar by bar."""
        text = text.rstrip()
        position = start + len(text[start:]) - len(text[start:].lstrip())
        if text[position : position + 1] != "|":
            got = f'"{text[position]}"' if position < len(text) else "end of line"
            raise NotationError(self.filename, number, position + 1, '"|"', got)
        bars = 0
        previous: list[Any] = []
        position += 1
        while position < len(text) or not bars:
            if bars == MAX_BARS:
                raise NotationError(self.filename, number, position + 1, f"at most {MAX_BARS} bars", "more")
            previous, position = self.read_bar(number, text, position, previous)
            bars += 1
            yield from previous

    def read_bar(self, number: int, text: str, position: int, previous: list[int]) -> tuple[list[int], int]:
        """One bar up to its closing "|": its velocities and the index after it."""
        simile = re.compile(r" *% *").match(text, position)
        bar: list[int] = []
        if simile:
            if not previous:
                column = text.index("%", position) + 1
                raise NotationError(self.filename, number, column, 'a bar before "%"', 'the first bar as "%"')
            bar, position = list(previous), simile.end()
        while not simile and len(bar) < self.grid and position < len(text):
            symbol = text[position]
            if symbol == "|":
                expected = f"{self.grid} steps in this bar"
                raise NotationError(self.filename, number, position + 1, expected, str(len(bar)))
            if symbol != "-" and symbol not in LEVELS:
                raise NotationError(self.filename, number, position + 1, EXPECTED, f'"{symbol}"')
            bar.append(LEVELS.get(symbol, 0))
            position += 1
        if len(bar) < self.grid:
            expected = f"{self.grid} steps in this bar"
            raise NotationError(
                self.filename, number, position + 1, expected, f"{len(bar)}, then end of line"
            )
        if text[position : position + 1] != "|":
            got = f'"{text[position]}"' if position < len(text) else "end of line"
            raise NotationError(self.filename, number, position + 1, f'"|" after {self.grid} steps', got)
        return bar, position + 1

    def finish(self) -> Beat:
        for key in ("style", "tempo"):
            if key not in self.header:
                raise NotationError(
                    self.filename, self.line, 1, f'"{key}:" in the header of this beat', "none"
                )
        drums = tuple(sorted((k for k, row in self.rows.items() if any(row)), key=_ORDER.__getitem__))
        if not drums:
            raise NotationError(
                self.filename, self.line, 1, "a grid with at least one hit in this beat", "none"
            )
        return Beat(
            name=self.header["beat"],
            style=self.header["style"],
            qpm=self.values["tempo"],
            time_signature=self.meter,
            steps_per_bar=self.grid,
            bars=self.bars,
            drums=drums,
            hits=tuple(self.rows[drum] for drum in drums),
            swing=self.values.get("swing", 0.5),
            players=self.values.get("players", 1),
            about=self.header.get("about", ""),
        )


def _number(low: float, high: float) -> Any:
    def read(text: str) -> float | None:
        valid = re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,20})?", text) and low <= float(text) <= high
        return float(text) if valid else None

    return f"a number from {low:g} to {high:g}", read


def _whole(low: int, high: int) -> Any:
    def read(text: str) -> int | None:
        valid = re.fullmatch(r"[0-9]{1,4}", text) and low <= int(text) <= high
        return int(text) if valid else None

    return f"a whole number from {low} to {high}", read


def _read_meter(text: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"([0-9]{1,2})/(2|4|8|16)", text)
    return (int(found[1]), int(found[2])) if found and 1 <= int(found[1]) <= 32 else None


_READERS = {
    "tempo": _number(20, 400),
    "meter": ("a meter such as 4/4, 3/4, 6/8", _read_meter),
    "grid": _whole(1, MAX_STEPS_PER_BAR),
    "swing": _number(0.5, MAX_SWING),
    "players": _whole(1, 9),
}
_HEADER = re.compile(r"(" + "|".join(_KEYS) + r")[ \t]*:")


def parse(text: str, filename: str = "text") -> list[Beat]:
    """The beats written in `text`.

    Args:
        text: grids in the notation of README.md.
        filename: for messages.

    Raises:
        NotationError: file, line and column (from 1), what was expected there, and what was found.
    """
    beats: list[Beat] = []
    draft: _Draft | None = None
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip()
        if not line or line.startswith("#"):
            continue
        if line[0].isspace():
            _check_ruler(filename, number, line)
            continue
        header = _HEADER.match(line)
        if header and header[1] == "beat":
            if draft:
                beats.append(draft.finish())
            draft = _Draft(filename, number)
        if draft is None:
            raise NotationError(filename, number, 1, '"beat: name" before anything else', f'"{line[:20]}"')
        if header:
            draft.read_header(number, line)
        else:
            draft.read_row(number, line)
    if draft:
        beats.append(draft.finish())
    return beats


def _check_ruler(filename: str, number: int, line: str) -> None:
    wrong = re.search(r"[^0-9e+&ati.| -]", line)
    if wrong:
        got = f'"{wrong[0]}"'
        raise NotationError(filename, number, wrong.start() + 1, 'a ruler of counts such as "1e+a2e+a"', got)


def format_beat(beat: Beat) -> str:
    """The text of a beat, with a ruler of counts; `parse` gives the same beat back."""
    numerator, denominator = beat.time_signature
    lines = [
        f"beat: {beat.name}",
        f"style: {beat.style}",
        f"tempo: {beat.qpm:g}",
        f"meter: {numerator}/{denominator}",
    ]
    if float(f"{beat.qpm:g}") != beat.qpm:
        lines[2] = f"tempo: {beat.qpm!r}"
    if beat.steps_per_bar != default_steps(beat.time_signature):
        lines.append(f"grid: {beat.steps_per_bar}")
    if beat.swing != 0.5:
        lines.append(f"swing: {beat.swing!r}")
    if beat.players != 1:
        lines.append(f"players: {beat.players}")
    if beat.about:
        lines.append(f"about: {beat.about}")
    lines.append(f"   |{'|'.join([_ruler(beat)] * beat.bars)}|")
    simile = [bar > 0 and _bar(beat, bar) == _bar(beat, bar - 1) for bar in range(beat.bars)]
    for drum, row in zip(beat.drums, beat.hits, strict=True):
        bars = []
        for bar in range(beat.bars):
            steps = row[bar * beat.steps_per_bar : (bar + 1) * beat.steps_per_bar]
            written = "".join(SYMBOLS[nearest_level(v) if v else 0] for v in steps)
            bars.append("%".center(beat.steps_per_bar) if simile[bar] else written)
        lines.append(f"{drum} |{'|'.join(bars)}|")
    return "\n".join(lines) + "\n"


def _bar(beat: Beat, bar: int) -> list[tuple[int, ...]]:
    return [row[bar * beat.steps_per_bar : (bar + 1) * beat.steps_per_bar] for row in beat.hits]


def _ruler(beat: Beat) -> str:
    """The counts of one bar: 1e+a where a beat has four steps, 1ta for triplets, bare numbers otherwise."""
    numerator, denominator = beat.time_signature
    compound = denominator == 8 and numerator % 3 == 0
    beats = numerator
    per_beat, rest = divmod(beat.steps_per_bar, beats)
    if rest or per_beat == 0:
        return "1".ljust(beat.steps_per_bar)
    tail = {1: "", 2: "+", 3: "ta", 4: "e+a"}.get(per_beat, " " * (per_beat - 1))
    if compound and per_beat == 2:
        tail = " "
    return "".join(str((i + 1) % 10) + tail for i in range(beats))


def _swung(step: int, swing: float) -> float:
    return step + (2 * swing - 1 if step % 2 else 0.0)


def _unswung(position: float, swing: float) -> int:
    """The step nearest to a position in steps, measured on the swung grid."""
    pair, within = divmod(position, 2.0)
    first = 2 * swing
    straight = within / first if within < first else 1 + (within - first) / (2 - first)
    return math.floor(2 * pair + straight + 0.5)


def beat_to_note_sequence(beat: Beat) -> NoteSequence:
    """A drum NoteSequence on MIDI channel 10, swing applied, `total_time` on the last bar line.

    Swing moves a sixteenth by less than half a step, so quantising at four steps a quarter gives the grid back.
    Title and genre hold name and style; text annotations hold what NoteSequences have no field for.
    """
    sequence = NoteSequence(ticks_per_quarter=480, id=f"/id/pattern/{beat.name}", filename=f"{beat.name}.mid")
    sequence.collection_name = "patterns"
    sequence.sequence_metadata.title = beat.name
    sequence.sequence_metadata.genre.append(beat.style)
    sequence.tempos.add(qpm=beat.qpm)
    numerator, denominator = beat.time_signature
    sequence.time_signatures.add(numerator=numerator, denominator=denominator)
    defaults = {"grid": default_steps(beat.time_signature), "swing": 0.5, "players": 1, "about": ""}
    written = {"grid": beat.steps_per_bar, "swing": beat.swing, "players": beat.players, "about": beat.about}
    for key, value in written.items():
        if value != defaults[key]:
            sequence.text_annotations.add(time=0.0, text=f"{key}: {value}")
    sequence.total_time = beat.steps * beat.step_seconds
    for step in range(beat.steps):
        start = _swung(step, beat.swing) * beat.step_seconds
        for drum, row in zip(beat.drums, beat.hits, strict=True):
            if row[step]:
                sequence.notes.add(
                    pitch=LINES[drum].pitch,
                    velocity=row[step],
                    start_time=start,
                    end_time=min(start + beat.step_seconds, sequence.total_time),
                    instrument=9,
                    is_drum=True,
                )
    return sequence


def note_sequence_to_beat(sequence: NoteSequence) -> Beat:
    """The beat of a NoteSequence: its drum notes, quantised to the nearest step and dynamic level.

    Tempo and meter are the first ones (120 and 4/4 where none is given); pitches that no line stands for
    go to the line of their drum class, or are left out where they have none.

    Raises:
        InputError: where no drum note is left.
    """
    extra = dict(a.text.split(": ", 1) for a in sequence.text_annotations if ": " in a.text)
    meter = (4, 4)
    if sequence.time_signatures:
        first = sequence.time_signatures[0]
        meter = (first.numerator, first.denominator)
    qpm = sequence.tempos[0].qpm if sequence.tempos else 120.0
    name = sequence.sequence_metadata.title or Path(sequence.filename).stem or "untitled"
    genre = sequence.sequence_metadata.genre
    draft = Beat(
        name=" ".join(name.split()),
        style=" ".join(genre[0].split()) if genre else "unknown",
        qpm=qpm,
        time_signature=meter,
        steps_per_bar=_annotated(extra, "grid", default_steps(meter)),
        bars=1,
        drums=(),
        hits=(),
        swing=_annotated(extra, "swing", 0.5),
        players=_annotated(extra, "players", 1),
        about=" ".join(extra.get("about", "").split()),
    )
    struck: dict[tuple[str, int], int] = {}
    for note in sequence.notes:
        line = line_of_pitch(note.pitch) if note.is_drum else None
        if line and note.velocity > 0:
            place = (line.key, _unswung(note.start_time / draft.step_seconds, draft.swing))
            struck[place] = max(struck.get(place, 0), nearest_level(note.velocity))
    if not struck:
        raise InputError(f"{draft.name}: has no drum notes to write down.", "no_drums")
    bar_seconds = draft.step_seconds * draft.steps_per_bar
    last = max(step for _, step in struck)
    bars = max(math.ceil(sequence.total_time / bar_seconds - 1e-6), last // draft.steps_per_bar + 1)
    drums = tuple(sorted({drum for drum, _ in struck}, key=_ORDER.__getitem__))
    hits = tuple(
        tuple(struck.get((drum, step), 0) for step in range(bars * draft.steps_per_bar)) for drum in drums
    )
    fields = {k: getattr(draft, k) for k in draft.__dataclass_fields__}
    return Beat(**{**fields, "bars": bars, "drums": drums, "hits": hits})


def _annotated(extra: dict[str, str], key: str, default: Any) -> Any:
    """The value that `beat_to_note_sequence` left in a text annotation, or `default`."""
    value = _READERS[key][1](extra.get(key, ""))
    return default if value is None else value


def load_all() -> list[Beat]:
    """The beats of this folder, file by file in the order of their names."""
    beats: list[Beat] = []
    for path in sorted(Path(__file__).parent.glob("*.txt")):
        beats += parse(path.read_text(encoding="utf-8"), path.name)
    return beats
