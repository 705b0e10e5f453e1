"""Drum beats as one integer a step: bit i says that drum class i is struck.

The counterpart of Magenta's `DrumsConverter` (music_vae/data.py), with its options and the same examples of a
NoteSequence. A token serves as the one-hot class, its bits as the roll, so nothing is stored twice. The steps
are the original's: split where tempo or time signature changes, quantise to sixteenths, cut where a bar or
more is silent, slide a window by bars, keep each distinct slice once. The order is that of first appearance
(the original's follows Python's hashing).
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from preprocess.converters.base import Example
from preprocess.converters.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.note_sequence import NoteSequence

OUTPUT_VELOCITY = 80
OUTPUT_QPM = 120.0


@dataclass(frozen=True)
class _Segment:
    """A stretch of one tempo and time signature, times counted from its start."""

    starts: np.ndarray
    ends: np.ndarray
    time_signature: tuple[int, int]
    qpm: float
    total_time: float
    notes: np.ndarray  # indices into the NoteSequence's notes


class DrumsConverter:
    """NoteSequences to drum tokens and back.

    Args:
        max_bars: drum tracks are cut after so many bars, before slicing.
        slice_bars: bars of an example; whole tracks where it is None.
        gap_bars: so many silent bars end a track; None or 0 for never.
        pitch_classes: MIDI pitches that count as one drum, for each drum; Magenta's nine classes by default.
        add_end_token: mark the end by one more token.
        steps_per_quarter: steps of a quarter note.
        quarters_per_bar: quarter notes of a bar; music in another meter is dropped.
        pad_to_total_time: pad each track to the length of the whole sequence.
        roll_input: the encoder reads one bit a drum and one for silence, instead of a one-hot token.
        roll_output: the decoder plays one bit a drum, instead of a one-hot token.
        max_tensors_per_notesequence: so many examples of a NoteSequence are used an epoch; None for all.
        presplit_on_time_changes: split where tempo or time signature changes; otherwise such music is dropped.

    Raises:
        ValueError: for more than 62 classes, or sizes that are not positive.
    """

    control_depth = 0

    def __init__(
        self,
        max_bars: int | None = None,
        slice_bars: int | None = None,
        gap_bars: float | None = 1.0,
        pitch_classes: Sequence[Sequence[int]] | None = None,
        add_end_token: bool = False,
        steps_per_quarter: int = 4,
        quarters_per_bar: int = 4,
        pad_to_total_time: bool = False,
        roll_input: bool = False,
        roll_output: bool = False,
        max_tensors_per_notesequence: int | None = 5,
        presplit_on_time_changes: bool = True,
    ):
        if steps_per_quarter < 1 or quarters_per_bar < 1:
            raise ValueError("steps_per_quarter and quarters_per_bar must be at least 1.")
        self.max_bars = max_bars
        self.slice_bars = slice_bars
        self.gap_bars = gap_bars
        self.pitch_classes = tuple(
            tuple(c) for c in pitch_classes or (c.pitches for c in REDUCED_DRUM_CLASSES)
        )
        if len(self.pitch_classes) > 62:
            raise ValueError(f"A token holds at most 62 drum classes, not {len(self.pitch_classes)}.")
        self.steps_per_quarter = steps_per_quarter
        self.steps_per_bar = steps_per_quarter * quarters_per_bar
        self.pad_to_total_time = pad_to_total_time
        self.roll_input = roll_input
        self.roll_output = roll_output
        self.max_tensors_per_notesequence = max_tensors_per_notesequence
        self.presplit_on_time_changes = presplit_on_time_changes

        classes = len(self.pitch_classes)
        self.end_bit = classes if add_end_token else None
        bits = classes + add_end_token
        self.dtype = np.uint16 if bits <= 16 else np.uint64
        tokens = 2**classes + add_end_token
        self.input_depth = bits + 1 if roll_input else tokens
        self.output_depth = bits if roll_output else tokens
        self.end_token = self.output_depth - 1 if add_end_token else None
        # The bit of each MIDI pitch, 0 for pitches that are no drum of ours.
        self._pitch_bits = np.zeros(128, dtype=np.uint64)
        for i, pitches in enumerate(self.pitch_classes):
            self._pitch_bits[list(pitches)] = 1 << i

    def to_tensors(self, note_sequence: Any) -> list[Example]:
        """All distinct examples of a NoteSequence, in the order of their first appearance."""
        return self.convert(note_sequence)[0]

    def convert(self, note_sequence: Any) -> tuple[list[Example], Counter[str]]:
        """All distinct examples, and how often a stretch of music was dropped for which reason.

        The reasons: `empty`, `other_meter`, `bad_time_signature`, `time_changes`, `negative_time`, `no_drums`,
        `too_short`.
        """
        examples: list[Example] = []
        reasons: Counter[str] = Counter()
        notes = note_sequence.notes
        pitches = np.fromiter((n.pitch for n in notes), dtype=np.int64, count=len(notes))
        struck = np.fromiter((n.is_drum and n.velocity > 0 for n in notes), dtype=bool, count=len(notes))
        inside = (pitches >= 0) & (pitches < 128)
        bits = np.where(struck & inside, self._pitch_bits[np.where(inside, pitches, 0)], 0).astype(np.uint64)
        segments = list(self._segments(note_sequence, reasons))
        for segment in segments:
            found, reason = self._convert_segment(segment, bits[segment.notes])
            examples += found
            if reason:
                reasons[reason] += 1
        if not segments and not reasons:
            reasons["empty"] += 1
        return examples, reasons

    def _segments(self, note_sequence: Any, reasons: Counter[str]) -> Iterator[_Segment]:
        """The stretches of one tempo and time signature (note_seq's `split_note_sequence_on_time_changes`)."""
        notes = note_sequence.notes
        starts = np.fromiter((n.start_time for n in notes), dtype=np.float64, count=len(notes))
        ends = np.fromiter((n.end_time for n in notes), dtype=np.float64, count=len(notes))
        signatures = sorted(
            ((t.time, (t.numerator, t.denominator)) for t in note_sequence.time_signatures),
            key=lambda t: t[0],
        )
        tempos = sorted(((t.time, t.qpm) for t in note_sequence.tempos), key=lambda t: t[0])
        if not self.presplit_on_time_changes:
            if _changes(signatures, (4, 4)) or _changes(tempos, OUTPUT_QPM):
                reasons["time_changes"] += 1
                return
            signature = signatures[0][1] if signatures else (4, 4)
            qpm = tempos[0][1] if tempos else OUTPUT_QPM
            everything = np.arange(len(notes))
            yield _Segment(starts, ends, signature, qpm, note_sequence.total_time, everything)
            return
        total = note_sequence.total_time
        if total <= 0:
            return
        times = sorted(
            {t for t, _ in _change_times(signatures, (4, 4))}
            | {t for t, _ in _change_times(tempos, OUTPUT_QPM)}
        )
        bounds = [0.0, *(t for t in times if 0 < t < total), total]
        for start, end in itertools.pairwise(bounds):
            here = np.flatnonzero((starts >= start) & (starts < end))
            signature = _value_at(signatures, start, (4, 4))
            qpm = _value_at(tempos, start, OUTPUT_QPM)
            clipped = np.minimum(ends[here], end) - start
            yield _Segment(
                starts[here] - start, clipped, signature, qpm, float(clipped.max(initial=0.0)), here
            )

    def _convert_segment(self, segment: _Segment, bits: np.ndarray) -> tuple[list[Example], str | None]:
        """The examples of one stretch, or why there are none."""
        numerator, denominator = segment.time_signature
        if denominator < 1 or denominator & (denominator - 1) or numerator == 0:
            return [], "bad_time_signature"
        if self.steps_per_quarter * 4 * numerator != self.steps_per_bar * denominator:
            return [], "other_meter"
        steps_per_second = self.steps_per_quarter * segment.qpm / 60.0
        start_steps = (segment.starts * steps_per_second + 0.5).astype(np.int64)
        end_steps = (segment.ends * steps_per_second + 0.5).astype(np.int64)
        end_steps += end_steps == start_steps
        if start_steps.size and min(start_steps.min(), end_steps.min()) < 0:
            return [], "negative_time"
        drums = bits != 0
        if not drums.any():
            return [], "no_drums"
        total_steps = max(int(segment.total_time * steps_per_second + 0.5), int(end_steps.max()))
        steps, inverse = np.unique(start_steps[drums], return_inverse=True)
        masks = np.zeros(len(steps), dtype=np.uint64)
        np.bitwise_or.at(masks, inverse, bits[drums])
        slices: list[np.ndarray] = []
        for first, track in self._tracks(steps, masks):
            if self.pad_to_total_time:
                track = np.concatenate([np.zeros(first, track.dtype), track])[:total_steps]
                track = np.pad(track, (0, total_steps - len(track)))
            slices += self._slices(track)
        unique = list({s.tobytes(): s for s in slices}.values())
        examples = [self._example(s) for s in unique]
        return examples, None if examples else "too_short"

    def _tracks(self, steps: np.ndarray, masks: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Tracks between silences of `gap_bars`: first step, and a token for each step up to a whole bar.

        A track begins with the bar of its first note, bars being counted from the end of the track before.
        """
        gap = self.gap_bars * self.steps_per_bar if self.gap_bars else np.inf
        search = 0
        while True:
            i = int(np.searchsorted(steps, search))
            if i == len(steps):
                return
            silences = np.flatnonzero(np.diff(steps[i:]) - 1 >= gap)
            j = i + int(silences[0]) + 1 if silences.size else len(steps)
            first = int(steps[i] - (steps[i] - search) % self.steps_per_bar)
            length = int(steps[j - 1]) + 1 - first
            length += -length % self.steps_per_bar
            search = first + length
            if self.max_bars:
                length = min(length, self.max_bars * self.steps_per_bar)
            kept = steps[i:j] < first + length
            track = np.zeros(length, dtype=np.uint64)
            track[steps[i:j][kept] - first] = masks[i:j][kept]
            yield first, track

    def _slices(self, track: np.ndarray) -> list[np.ndarray]:
        track = track.astype(self.dtype)
        if not self.slice_bars:
            return [track]
        size = self.steps_per_bar * self.slice_bars
        return [track[i : i + size] for i in range(0, len(track) - size + 1, self.steps_per_bar)]

    def _example(self, tokens: np.ndarray) -> Example:
        if self.end_bit is not None:
            tokens = np.append(tokens, self.dtype(1 << self.end_bit))
        return Example(inputs=tokens, outputs=tokens, controls=None, length=len(tokens))

    def to_dense(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        """Magenta's boolean input and output tensors of an example, `[steps, depth]` each."""
        tokens = example.inputs
        bits = len(self.pitch_classes) + (self.end_bit is not None)
        roll = (tokens[:, None] >> np.arange(bits, dtype=tokens.dtype)) & tokens.dtype.type(1) != 0
        with_silence = np.concatenate([roll, ~roll.any(axis=1, keepdims=True)], axis=1)
        if self.roll_input and self.roll_output:
            return with_silence, roll
        one_hot = np.zeros(
            (len(tokens), 2 ** len(self.pitch_classes) + (self.end_bit is not None)), dtype=bool
        )
        one_hot[np.arange(len(tokens)), tokens.astype(np.int64)] = True
        return with_silence if self.roll_input else one_hot, roll if self.roll_output else one_hot

    def from_tensors(self, samples: Sequence[np.ndarray]) -> list[Any]:
        """A NoteSequence at 120 quarters a minute for each sample.

        Args:
            samples: integer tokens `[steps]`, or dense outputs `[steps, output_depth]`. What follows an end
                token is left out.
        """
        return [self._to_note_sequence(self._tokens(np.asarray(sample))) for sample in samples]

    def _tokens(self, sample: np.ndarray) -> list[int]:
        if sample.ndim == 2 and self.roll_output:
            tokens = [sum(1 << int(i) for i in np.flatnonzero(step)) for step in sample]
        elif sample.ndim == 2:
            tokens = [int(t) for t in np.argmax(sample, axis=-1)]
        else:
            tokens = [int(t) for t in sample]
        if self.end_bit is not None:
            ends = (i for i, t in enumerate(tokens) if t >> self.end_bit & 1)
            tokens = tokens[: next(ends, len(tokens))]
        return tokens

    def _to_note_sequence(self, tokens: list[int]) -> Any:
        sequence = NoteSequence(ticks_per_quarter=220)
        sequence.tempos.add(qpm=OUTPUT_QPM)
        seconds = 60.0 / OUTPUT_QPM / self.steps_per_quarter
        for step, token in enumerate(tokens):
            for i, pitches in enumerate(self.pitch_classes):
                if token >> i & 1:
                    sequence.notes.add(
                        start_time=step * seconds,
                        end_time=(step + 1) * seconds,
                        pitch=pitches[0],
                        velocity=OUTPUT_VELOCITY,
                        instrument=9,
                        is_drum=True,
                    )
        if sequence.notes:
            sequence.total_time = sequence.notes[-1].end_time
        return sequence


def _change_times(events: list[tuple[float, Any]], current: Any) -> Iterator[tuple[float, Any]]:
    """The events of a sorted list at which the value differs from the one before."""
    for time, value in events:
        if value != current:
            yield time, value
            current = value


def _changes(events: list[tuple[float, Any]], default: Any) -> bool:
    """Whether there is more than one value, the default counting where nothing stands at time 0."""
    values = {value for _, value in events}
    if events and events[0][0] != 0:
        values.add(default)
    return len(values) > 1


def _value_at(events: list[tuple[float, Any]], time: float, default: Any) -> Any:
    """The last value of a sorted list at or before a time."""
    before = [value for t, value in events if t <= time]
    return before[-1] if before else default
