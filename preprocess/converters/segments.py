"""Stretches of one tempo and meter, and their notes on a grid of steps.

What the converters of drums, melodies and trios begin with. A NoteSequence is split where its tempo or time
signature changes (note_seq's `split_note_sequence_on_time_changes`), and the times of a stretch are rounded
to steps (`quantize_note_sequence`), both as arrays and without a copy of the NoteSequence. Where a model is
conditioned on chords and keys, those of a stretch are read or inferred by note_seq, imported only then.
"""

import bisect
import dataclasses
import functools
import itertools
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TypeVar

import numpy as np

from preprocess.converters import quick_chords
from preprocess.note_sequence import NoteSequence, reason_to_refuse

DEFAULT_QPM = 120.0
DEFAULT_TIME_SIGNATURE = (4, 4)

MOST_QUARTERS = 2**17
"""Four hours at 546 quarter notes a minute: more than music has, and as many steps as arrays of them may have."""

CHORD_DEPTHS = {"triad": 49, "major_minor": 25}
NO_CHORD = "N.C."

_ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_QUALITIES = ("", "m", "aug", "dim")
_CHORD_SYMBOL = NoteSequence.TextAnnotation.CHORD_SYMBOL


Value = TypeVar("Value", bound=Hashable)


class Dropped(Exception):
    """A stretch of music gives no examples; `reason` is the word to count it under."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Segment:
    """A stretch of one tempo and time signature, times in seconds from its start.

    Attributes:
        starts, ends: of its notes, float `[notes]`.
        time_signature: numerator and denominator.
        qpm: quarter notes a minute.
        total_time: its length.
        notes: int `[notes]`, where they are among the NoteSequence's notes.
    """

    starts: np.ndarray
    ends: np.ndarray
    time_signature: tuple[int, int]
    qpm: float
    total_time: float
    notes: np.ndarray

    def select(self, chosen: np.ndarray) -> "Segment":
        """The same stretch with some of its notes: a boolean mask or indices."""
        return dataclasses.replace(
            self, starts=self.starts[chosen], ends=self.ends[chosen], notes=self.notes[chosen]
        )


@dataclass(frozen=True)
class Steps:
    """Notes on the grid.

    Attributes:
        starts, ends: int `[notes]`, an end being at least one step after its start.
        total: steps of the whole stretch.
    """

    starts: np.ndarray
    ends: np.ndarray
    total: int


def note_field(note_sequence: NoteSequence, name: str) -> np.ndarray:
    """An integer field of all notes, int64 `[notes]`."""
    notes = note_sequence.notes
    return np.fromiter((getattr(n, name) for n in notes), dtype=np.int64, count=len(notes))


def note_seconds(note_sequence: NoteSequence) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of all notes, float64 `[notes]` each."""
    notes = note_sequence.notes
    starts = np.fromiter((n.start_time for n in notes), dtype=np.float64, count=len(notes))
    ends = np.fromiter((n.end_time for n in notes), dtype=np.float64, count=len(notes))
    return starts, ends


def split(note_sequence: NoteSequence, presplit: bool, reasons: Counter[str]) -> Iterator[Segment]:
    """The stretches of one tempo and time signature.

    Args:
        note_sequence: is not changed.
        presplit: split where tempo or time signature changes; otherwise music that changes gives nothing.
        reasons: `time_changes` is counted here where that happens, and the reason why music is refused whole
            (`preprocess.note_sequence.reason_to_refuse`).
    """
    if refused := reason_to_refuse(note_sequence):
        reasons[refused] += 1
        return
    yield from stretches(note_sequence, presplit, reasons)


def stretches(note_sequence: NoteSequence, presplit: bool, reasons: Counter[str]) -> Iterator[Segment]:
    """As `split`, of something sound that has a NoteSequence's notes, tempos, meters and total time."""
    starts, ends = note_seconds(note_sequence)
    signatures = sorted(
        ((t.time, (t.numerator, t.denominator)) for t in note_sequence.time_signatures), key=lambda t: t[0]
    )
    tempos = sorted(((t.time, t.qpm) for t in note_sequence.tempos), key=lambda t: t[0])
    total = note_sequence.total_time
    if not presplit:
        several = len(values_of(signatures, DEFAULT_TIME_SIGNATURE)) > 1
        if several or len(values_of(tempos, DEFAULT_QPM)) > 1:
            reasons["time_changes"] += 1
            return
        signature = signatures[0][1] if signatures else DEFAULT_TIME_SIGNATURE
        qpm = tempos[0][1] if tempos else DEFAULT_QPM
        yield Segment(starts, ends, signature, qpm, total, np.arange(len(starts)))
        return
    if total <= 0:
        return
    times = _change_times(signatures, DEFAULT_TIME_SIGNATURE) | _change_times(tempos, DEFAULT_QPM)
    bounds = [0.0, *sorted(t for t in times if 0 < t < total), total]
    in_order = np.argsort(starts, kind="stable")
    places = np.searchsorted(starts[in_order], bounds)
    for i, (start, end) in enumerate(itertools.pairwise(bounds)):
        here = in_order[places[i] : places[i + 1]]
        signature = _value_at(signatures, start, DEFAULT_TIME_SIGNATURE)
        qpm = _value_at(tempos, start, DEFAULT_QPM)
        clipped = np.minimum(ends[here], end) - start
        length = float(clipped.max(initial=0.0))
        yield Segment(starts[here] - start, clipped, signature, qpm, length, here)


def values_of(events: Iterable[tuple[float, Value]], default: Value) -> set[Value]:
    """All values of timed events, the default where nothing is said from time 0 on."""
    events = list(events)
    values = {value for _, value in events}
    if min((time for time, _ in events), default=1.0) != 0:
        values.add(default)
    return values


def meter_of(text: str) -> tuple[int, int]:
    """Numerator and denominator of a time signature such as `6/8`.

    Raises:
        ValueError: where it is none.
    """
    found = re.fullmatch(r"([1-9][0-9]?)/(1|2|4|8|16|32)", text)
    if not found:
        raise ValueError(f"the meter is {text!r}; expected such as '3/4', '6/8' or '12/8'")
    return int(found[1]), int(found[2])


def lies_on_triplets(positions: np.ndarray) -> bool | None:
    """Whether notes lie on thirds of a quarter rather than on fourths; None where all lie on quarters.

    The notes farther than an eighth of a quarter from any are asked, and the nearer grid wins, on average.

    Args:
        positions: in quarters, float `[notes]`.
    """
    between = positions[np.abs(positions - np.round(positions)) > 1 / 8]
    if not len(between):
        return None
    thirds, fourths = (np.abs(between - np.round(between * k) / k).mean() for k in (3, 4))
    return bool(thirds < fourths)


def quantize(
    segment: Segment,
    steps_per_quarter: int,
    steps_per_bar: int,
    shorter_bars: bool = False,
    meter: tuple[int, int] | None = None,
) -> Steps:
    """The notes of a stretch on the grid.

    Args:
        segment: the stretch.
        steps_per_quarter: steps of a quarter note.
        steps_per_bar: steps of a bar.
        shorter_bars: take bars, too, of which several make one (2/4 where bars are 4/4).
        meter: the only one to take; None for every meter with bars of that length (3/4 and 6/8 alike).

    Raises:
        Dropped: `bad_time_signature`, `other_meter` where a bar has another number of steps or is of another meter
            than the one that is given, `too_long` (more than `MOST_QUARTERS`), `negative_time`.
    """
    check_meter(segment.time_signature, steps_per_quarter, steps_per_bar, shorter_bars, meter)
    steps_per_second = steps_per_quarter * segment.qpm / 60.0
    last = max(segment.total_time, segment.ends.max(initial=0.0))
    if last * steps_per_second > MOST_QUARTERS * steps_per_quarter:
        raise Dropped("too_long")
    starts = (segment.starts * steps_per_second + 0.5).astype(np.int64)
    ends = (segment.ends * steps_per_second + 0.5).astype(np.int64)
    ends += ends == starts
    if starts.size and min(starts.min(), ends.min()) < 0:
        raise Dropped("negative_time")
    total = max(int(segment.total_time * steps_per_second + 0.5), int(ends.max(initial=0)))
    return Steps(starts, ends, total)


def check_meter(
    time_signature: tuple[int, int],
    steps_per_quarter: int,
    steps_per_bar: int,
    shorter_bars: bool = False,
    meter: tuple[int, int] | None = None,
) -> None:
    """Raise Dropped, `bad_time_signature` or `other_meter`, for music in a meter that is not taken; see `quantize`."""
    numerator, denominator = time_signature
    if denominator < 1 or denominator & (denominator - 1) or numerator == 0:
        raise Dropped("bad_time_signature")
    if meter is not None and meter != time_signature:
        raise Dropped("other_meter")
    own_bar, wanted_bar = steps_per_quarter * 4 * numerator, steps_per_bar * denominator
    if own_bar != wanted_bar and not (shorter_bars and wanted_bar % own_bar == 0):
        raise Dropped("other_meter")


class Conditioning:
    """Chords and keys of steps: read from a NoteSequence or inferred, as classes, and written down again.

    Args:
        chord_encoding: "triad", "major_minor" or None.
        condition_on_key: whether keys are among it.

    Raises:
        ValueError: for another chord encoding.
    """

    def __init__(self, chord_encoding: str | None, condition_on_key: bool):
        if chord_encoding is not None and chord_encoding not in CHORD_DEPTHS:
            raise ValueError(
                f"There is no chord encoding '{chord_encoding}'; expected {', '.join(CHORD_DEPTHS)}."
            )
        self.chord_encoding = chord_encoding
        self.condition_on_key = condition_on_key
        self.chord_depth = CHORD_DEPTHS[chord_encoding] if chord_encoding else 0
        self.depth = self.chord_depth + 12 * condition_on_key

    def sources(
        self, note_sequence: NoteSequence, segments: list[Segment], presplit: bool
    ) -> list[NoteSequence | None]:
        """A NoteSequence for each stretch, with its chords and keys; None where none are wanted."""
        if not self.depth or not segments:
            return [None] * len(segments)
        if not presplit:
            copy = NoteSequence()
            copy.CopyFrom(note_sequence)
            return [copy]
        from note_seq import sequences_lib

        return sequences_lib.split_note_sequence_on_time_changes(note_sequence)

    def quantize(self, source: NoteSequence, steps_per_quarter: int) -> tuple[NoteSequence, bool]:
        """The stretch on the grid, with chords and keys, and whether they had to be inferred.

        Raises:
            Dropped: `no_chords` where that can't be done, `negative_time`.
        """
        import note_seq

        try:
            quantized = note_seq.quantize_note_sequence(source, steps_per_quarter)
        except note_seq.NegativeTimeError as error:
            raise Dropped("negative_time") from error
        has_chords = any(a.annotation_type == _CHORD_SYMBOL for a in quantized.text_annotations)
        lacks_chords = self.chord_encoding is not None and not has_chords
        if not lacks_chords and not (self.condition_on_key and not quantized.key_signatures):
            return quantized, False
        quick_chords.speed_up_note_seq()
        try:
            note_seq.infer_chords_for_sequence(quantized, add_key_signatures=self.condition_on_key)
        except note_seq.ChordInferenceError as error:
            raise Dropped("no_chords") from error
        return quantized, True

    def marks(self, quantized: NoteSequence, steps: int) -> tuple[np.ndarray, list[str]]:
        """What stands at each step, int `[steps, 1 or 2]`: the chord's place in the list of names, the key.

        Raises:
            Dropped: `coincident_chords`, `bad_key`.
        """
        from note_seq import chords_lib

        every_step = [SimpleNamespace(steps=range(steps))]
        columns, names = [], []
        if self.chord_encoding:
            try:
                (figures,) = chords_lib.event_list_chords(quantized, every_step)
            except chords_lib.CoincidentChordsError as error:
                raise Dropped("coincident_chords") from error
            names = sorted(set(figures))
            places = {name: i for i, name in enumerate(names)}
            columns.append([places[f] for f in figures])
        if self.condition_on_key:
            steps_per_second = quantized.quantization_info.steps_per_quarter * quantized.tempos[0].qpm / 60.0
            (keys,) = chords_lib.event_list_keys(quantized, every_step, steps_per_second)
            if not all(0 <= key < 12 for key in keys):
                raise Dropped("bad_key")
            columns.append(keys)
        return np.array(columns, dtype=np.int64).T.copy(), names

    def encode(self, marks: np.ndarray, names: list[str]) -> np.ndarray:
        """Steps of `marks` as classes, bool `[steps, depth]`.

        Raises:
            Dropped: `bad_chord` where one of the chords has no class.
        """
        parts = []
        if self.chord_encoding:
            used, inverse = np.unique(marks[:, 0], return_inverse=True)
            classes = np.array([_chord_class(self.chord_encoding, names[i]) for i in used], dtype=np.int64)
            parts.append(np.arange(self.chord_depth) == classes[inverse][:, None])
        if self.condition_on_key:
            parts.append(np.arange(12) == marks[:, -1:])
        return np.concatenate(parts, axis=1)

    def annotate(self, sequence: NoteSequence, controls: np.ndarray, seconds_per_step: float) -> None:
        """Write chords and keys of `[steps, depth]` into a NoteSequence, at each step where they change."""
        if self.chord_encoding:
            for step, index in _new_values(np.argmax(controls[:, : self.chord_depth], axis=-1)):
                name = _ROOTS[(index - 1) % 12] + _QUALITIES[(index - 1) // 12] if index else NO_CHORD
                sequence.text_annotations.add(
                    time=step * seconds_per_step, text=name, annotation_type=_CHORD_SYMBOL
                )
        if self.condition_on_key:
            for step, key in _new_values(np.argmax(controls[:, self.chord_depth :], axis=-1)):
                sequence.key_signatures.add(time=step * seconds_per_step, key=key)


def _change_times(events: list[tuple[float, Value]], current: Value) -> set[float]:
    """The times of a sorted list at which the value differs from the one before."""
    times = set()
    for time, value in events:
        if value != current:
            times.add(time)
            current = value
    return times


def _value_at(events: list[tuple[float, Value]], time: float, default: Value) -> Value:
    """The last value of a sorted list at or before a time."""
    place = bisect.bisect_right(events, time, key=lambda event: event[0])
    return events[place - 1][1] if place else default


def _new_values(values: np.ndarray) -> Iterator[tuple[int, int]]:
    """Steps at which the value differs from the one before, and the value."""
    for step in np.flatnonzero(np.diff(values, prepend=-1)):
        yield int(step), int(values[step])


@functools.cache
def _chord_class(encoding: str, name: str) -> int:
    import note_seq

    encoder = (
        note_seq.TriadChordOneHotEncoding()
        if encoding == "triad"
        else note_seq.MajorMinorChordOneHotEncoding()
    )
    try:
        return encoder.encode_event(name)
    except (note_seq.ChordSymbolError, note_seq.ChordEncodingError) as error:
        raise Dropped("bad_chord") from error
