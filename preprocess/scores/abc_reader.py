"""ABC tunes with what note-seq's reader refuses: chords, tuplets, rests, ties, endings, voices."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from note_seq.abc_parser import ABCParseError, ABCTune

from preprocess.note_sequence import NoteSequence
from preprocess.scores.repeats import Measure, playing_order
from preprocess.scores.score import READING_QPM, move_to_tempos

_NOTE = re.compile(r"(\^{1,2}|_{1,2}|=)?([A-Ga-g])([',]*)(\d*(?:/+\d*)?)")
_REST = re.compile(r"([zxZX])(\d*(?:/+\d*)?)")
_CHORD = re.compile(r"\[((?:[\^_=]*[A-Ga-g][',]*[\d/]*-?|\s)+)\](\d*(?:/+\d*)?)")
_INLINE = re.compile(r"\[([A-Za-z]):\s*([^\]]*)\]")
_TUPLET = re.compile(r"\((\d)(?::(\d?))?(?::(\d?))?")
_BAR = re.compile(r"(:*)((?:\|\]|\[\||\||\])+)(:*)(?:\s*\[?(\d[\d,-]*))?|(::+)|\[(\d[\d,-]*)")
_BROKEN = re.compile(r"<+|>+")
_VELOCITY = re.compile(r"[!+]([pmf]+)[!+]")
_SKIPPED = re.compile(r'"[^"]*"|\{[^}]*\}|![^!]*!|\+[^+ ]*\+|[.~HLMOPSTuv]|[()]|\\|[`*y$]')
"""Annotations, grace notes, decorations, slurs, line ends and spacers."""

_IN_TIME_OF = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
_PIPE_KEY = "D"
_MAX_NOTES = 1_000_000


@dataclass
class _Notes:
    """Notes that sound together, or a rest of no pitches; `length` in quarter notes."""

    pitches: list[int]
    length: Fraction
    velocity: int
    tied: bool = False


@dataclass
class _Bar:
    """What stands between two bar lines, and how it is repeated."""

    repeat: Measure = field(default_factory=Measure)
    thick: bool = False
    items: list[_Notes] = field(default_factory=list)
    meter: tuple[int, int] | None = None
    qpm: float | None = None


@dataclass
class _Voice:
    """A voice that is being read.

    Attributes:
        bars: so far; the last one is open.
        accidentals: of note names within the bar.
        broken: factor of the next note's length.
        tuplet: factor of the lengths of the next notes, and how many they are.
    """

    bars: list[_Bar] = field(default_factory=lambda: [_Bar()])
    accidentals: dict[str, int] = field(default_factory=dict)
    broken: Fraction | None = None
    tuplet: tuple[Fraction, int] = (Fraction(1), 0)


class FullTune(ABCTune):
    """A tune, read as note-seq does but for its music; repeats and endings are written out.

    Raises:
        ABCParseError: and whatever else note-seq raises, for what is not read either: parts in another order,
            voices laid over each other in a bar.
    """

    def __init__(self, lines: list[str]):
        self._voices: dict[str, _Voice] = {}
        self._voice = _Voice()
        self._qpm_now: float | None = None
        super().__init__(lines)

    def _parse_information_field(self, field_name: str, field_content: str) -> None:
        if field_name == "V":
            name = field_content.split()[0] if field_content.split() else ""
            # What comes before the first voice is named is that voice.
            if not self._voices and not self._voice.bars[0].items:
                self._voices[name] = self._voice
            self._voice = self._voices.setdefault(name, _Voice())
        elif field_name == "X":
            number = re.search(r"\d{1,9}", field_content)
            self._ns.reference_number = int(number[0]) if number else 0
        elif field_name == "K" and (not field_content or field_content.split()[0].lower() in ("none", "hp")):
            super()._parse_information_field("K", _PIPE_KEY if "p" in field_content.lower() else "C")
        elif field_name == "P" and re.fullmatch(r"[A-Z]", field_content.strip()) and not self._in_header:
            return  # the name of the part that begins here
        elif self._in_header or field_name not in "MQ":
            super()._parse_information_field(field_name, field_content)
        else:
            # note-seq puts changes at its own clock; here they belong to the bar.
            before = len(self._ns.time_signatures), len(self._ns.tempos)
            super()._parse_information_field(field_name, field_content)
            if self._voice.bars[-1].items:
                self._voice.bars.append(_Bar())
            bar = self._voice.bars[-1]
            if len(self._ns.time_signatures) > before[0]:
                added = self._ns.time_signatures.pop()
                bar.meter = (added.numerator, added.denominator)
            if len(self._ns.tempos) > before[1]:
                bar.qpm = self._ns.tempos.pop().qpm

    def _parse_music_code(self, line: str) -> None:
        at = 0
        while at < len(line):
            if line[at].isspace():
                at += 1
                continue
            for pattern, read in self._readers():
                match = pattern.match(line, at)
                if match and match.end() > at:
                    read(match)
                    at = match.end()
                    break
            else:
                raise ABCParseError(f"Unexpected character: {line[at]!r}")

    def _readers(self) -> list[tuple[re.Pattern[str], Any]]:
        return [
            (_NOTE, self._read_note),
            (_REST, self._read_rest),
            (_VELOCITY, self._read_velocity),
            (_INLINE, lambda match: self._parse_information_field(match[1], match[2].strip())),
            (_CHORD, self._read_chord),
            (_BAR, self._read_bar),
            (_TUPLET, self._read_tuplet),
            (_BROKEN, self._read_broken_rhythm),
            (re.compile("-"), self._read_tie),
            (_SKIPPED, lambda match: None),
        ]

    def _read_note(self, match: re.Match[str]) -> None:
        self._add([self._pitch(match)], _length(match[4]))

    def _read_rest(self, match: re.Match[str]) -> None:
        if match[1] in "zx":
            self._add([], _length(match[2]))
            return
        meters = self._ns.time_signatures
        bar = Fraction(meters[-1].numerator, meters[-1].denominator) if meters else Fraction(1)
        rest = _Notes([], _length(match[2]) * bar * 4, 0)
        self._voice.bars[-1].items.append(rest)

    def _read_chord(self, match: re.Match[str]) -> None:
        notes = list(_NOTE.finditer(match[1]))
        if not notes:
            raise ABCParseError("A chord holds no notes")
        pitches = [self._pitch(note) for note in notes]
        self._add(pitches, _length(notes[0][4]) * _length(match[2]))
        self._voice.bars[-1].items[-1].tied = "-" in match[1]

    def _add(self, pitches: list[int], length: Fraction) -> None:
        voice = self._voice
        quarters = length * self._current_unit_note_length * 4
        factor, left = voice.tuplet
        if left:
            quarters *= factor
            voice.tuplet = (factor, left - 1)
        if voice.broken is not None:
            quarters *= voice.broken
            voice.broken = None
        if quarters <= 0 or len(voice.bars[-1].items) > _MAX_NOTES:
            raise ABCParseError("A note has no length, or a bar no end")
        voice.bars[-1].items.append(_Notes(pitches, quarters, self._current_velocity))

    def _pitch(self, match: re.Match[str]) -> int:
        name = match[2].upper()
        if match[1]:
            self._voice.accidentals[name] = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}[match[1]]
        pitch = ABCTune.ABC_NOTE_TO_MIDI[match[2]] + self._voice.accidentals.get(
            name, self._accidentals[name]
        )
        pitch += 12 * (match[3].count("'") - match[3].count(","))
        if not 0 <= pitch <= 127:
            raise ABCParseError(f"pitch {pitch} is invalid")
        return pitch

    def _read_velocity(self, match: re.Match[str]) -> None:
        velocity = ABCTune.DECORATION_TO_VELOCITY.get(f"!{match[1]}!")
        if velocity:
            self._current_velocity = velocity

    def _read_tuplet(self, match: re.Match[str]) -> None:
        notes = int(match[1])
        if notes < 2:
            raise ABCParseError(f"A tuplet of {notes} notes")
        meters = self._ns.time_signatures
        compound = bool(meters) and meters[-1].numerator % 3 == 0 and meters[-1].denominator == 8
        time = int(match[2]) if match[2] else _IN_TIME_OF.get(notes, 3 if compound else 2)
        self._voice.tuplet = (Fraction(time, notes), int(match[3]) if match[3] else notes)

    def _read_broken_rhythm(self, match: re.Match[str]) -> None:
        items = self._voice.bars[-1].items
        if not items or self._voice.broken is not None or len(match[0]) > 6:
            raise ABCParseError("A broken rhythm has no note before it")
        short = Fraction(1, 2 ** len(match[0]))
        first, self._voice.broken = (2 - short, short) if match[0][0] == ">" else (short, 2 - short)
        items[-1].length *= first

    def _read_tie(self, match: re.Match[str]) -> None:
        if self._voice.bars[-1].items:
            self._voice.bars[-1].items[-1].tied = True

    def _read_bar(self, match: re.Match[str]) -> None:
        voice = self._voice
        colons = len(match[5] or "")
        backward = (len(match[1]) + 1 if match[1] else 0) if not colons else colons // 2 + 1
        forward = bool(match[3]) or colons > 0
        thick = bool(match[2]) and len(match[2]) > 1
        last = voice.bars[-1]
        if last.items:
            last.repeat.times = max(last.repeat.times, backward)
            last.repeat.ending_stops = bool(backward) or thick
            voice.bars.append(_Bar(thick=thick))
            voice.accidentals = {}
        elif backward and len(voice.bars) > 1:
            voice.bars[-2].repeat.times = max(voice.bars[-2].repeat.times, backward)
            voice.bars[-2].repeat.ending_stops = True
        new = voice.bars[-1].repeat
        new.forward = new.forward or forward
        numbers = match[4] or match[6]
        if numbers:
            new.ending = frozenset(_passes(numbers))

    def _finalize(self) -> None:
        """Write out the voices; called by note-seq when all lines are read."""
        voices = list(self._voices.values()) or [self._voice]
        tempos: list[tuple[float, float]] = [(0.0, tempo.qpm) for tempo in self._ns.tempos[:1]]
        for number, voice in enumerate(voices):
            self._write(voice, number, tempos)
        self._ns.notes.sort(key=lambda note: note.end_time)
        move_to_tempos(self._ns, tempos)

    def _write(self, voice: _Voice, number: int, tempos: list[tuple[float, float]]) -> None:
        bars = [bar for bar in voice.bars if bar.items]
        _begin_at_thick_bars(bars)
        now = Fraction(0)
        meters = _in_force(bars, "meter", _header_meter(self._ns))
        qpms = _in_force(bars, "qpm", tempos[0][1] if tempos else READING_QPM)
        meter, qpm = _header_meter(self._ns), tempos[0][1] if tempos else READING_QPM
        tied: dict[int, Any] = {}
        for i in playing_order([bar.repeat for bar in bars]):
            if number == 0 and meters[i] != meter and meters[i] is not None:
                meter = meters[i]
                if self._ns.time_signatures and self._ns.time_signatures[-1].time == _seconds(now):
                    self._ns.time_signatures.pop()
                self._ns.time_signatures.add(time=_seconds(now), numerator=meter[0], denominator=meter[1])
            if number == 0 and qpms[i] != qpm:
                qpm = qpms[i]
                tempos.append((float(now), qpm))
            for item in bars[i].items:
                end = now + item.length
                sounding = {}
                for pitch in item.pitches:
                    note = tied.get(pitch)
                    if note is None:
                        note = self._ns.notes.add(
                            pitch=pitch, velocity=item.velocity, start_time=_seconds(now), instrument=number
                        )
                    note.end_time = _seconds(end)
                    sounding[pitch] = note
                tied = sounding if item.tied else {}
                now = end


def _header_meter(sequence: NoteSequence) -> tuple[int, int] | None:
    meters = sequence.time_signatures
    return (meters[0].numerator, meters[0].denominator) if meters else None


def _in_force(bars: list[_Bar], name: str, first: Any) -> list[Any]:
    """A bar's meter or tempo, for each bar."""
    values = []
    for bar in bars:
        first = getattr(bar, name) or first
        values.append(first)
    return values


def _begin_at_thick_bars(bars: list[_Bar]) -> None:
    """A repeat that nothing begins goes back to the last double bar line."""
    within = False
    for bar in bars:
        if bar.thick and not within and not bar.repeat.ending:
            bar.repeat.forward = True
        within = (within or bar.repeat.forward) and not bar.repeat.times


def _seconds(quarters: Fraction) -> float:
    return float(quarters * 60) / READING_QPM


def _length(text: str) -> Fraction:
    """A length such as `3/2`, `/`, `//` or `2`, in unit note lengths."""
    number, slash, rest = text.partition("/")
    value = Fraction(int(number[:6] or 1))
    if not slash:
        return value
    halves = 1 + len(rest) - len(rest.lstrip("/"))
    divisor = rest.lstrip("/")[:6]
    if divisor == "":
        return value / 2 ** min(halves, 10)
    if int(divisor) == 0:
        raise ABCParseError(f"Could not parse note length: {text}")
    return value / int(divisor)


def _passes(numbers: str) -> Iterator[int]:
    """The passes of an ending such as `1,3` or `1-3`."""
    for part in filter(None, numbers.split(",")):
        first, _, last = part.partition("-")
        begin = int(first[:2] or 1)
        yield from range(begin, min(int(last[:2] or begin), 32) + 1)
