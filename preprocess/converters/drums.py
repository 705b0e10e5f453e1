"""Drum beats as one integer a step, whose bit i says that drum class i is struck, or as one 0 or 1 a drum.

The counterpart of Magenta's `DrumsConverter` (music_vae/data.py), with its options and the same examples of a
NoteSequence. A token serves as the one-hot class, its bits as the roll, so nothing is stored twice; where the
decoder plays a roll, rolls are stored, which have no bound on the number of drums. The procedure is the original's: split where tempo or time signature changes,
quantize to sixteenths, cut where a bar or more is silent, slide a window by bars, keep each distinct slice once. The order
is that of first appearance (the original's follows Python's hashing).
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from preprocess.converters.base import Converter, Example, dense_controls, one_hot, with_silence
from preprocess.converters.segments import (
    Dropped,
    Segment,
    lies_on_triplets,
    meter_of,
    note_field,
    quantize,
    split,
)
from preprocess.drums.drum_classes import pitch_classes as named_classes
from preprocess.note_sequence import NoteSequence

OUTPUT_VELOCITY = 80
OUTPUT_QPM = 120.0


class DrumsConverter(Converter):
    """NoteSequences to drum tokens and back.

    Args:
        max_bars: drum tracks are cut after this many bars, before slicing.
        slice_bars: bars of an example; whole tracks where it is None.
        gap_bars: silent bars that end a track; None or 0 for never.
        pitch_classes: MIDI pitches that count as one drum, for each drum, or a name of
            `drum_classes.PITCH_CLASSES`; Magenta's nine classes by default.
        add_end_token: mark the end by one more token.
        steps_per_quarter: steps of a quarter note.
        quarters_per_bar: quarter notes of a bar; music in another meter is dropped.
        pad_to_total_time: pad each track to the length of the whole sequence.
        roll_input: the encoder reads one bit a drum and one for silence, instead of a one-hot token.
        roll_output: the decoder plays one bit a drum, instead of a one-hot token.
        max_tensors_per_notesequence: the most examples of a NoteSequence that an epoch takes; None for all.
        presplit_on_time_changes: split where tempo or time signature changes; otherwise such music is dropped.
        meter: a time signature such as "6/8", in place of `quarters_per_bar`: music in another one is dropped, also
            where its bars are as long (3/4), and samples are written in it. None takes 4/4 and meters with bars as long.
        only_on_grid: drop music that lies on thirds of a quarter where steps are fourths, and the other way round.

    Raises:
        ValueError: for more than 62 classes, sizes that are not positive, or a meter whose bar is not a whole number of
            steps.
    """

    def __init__(
        self,
        max_bars: int | None = None,
        slice_bars: int | None = None,
        gap_bars: float | None = 1.0,
        pitch_classes: str | Sequence[Sequence[int]] = "reduced",
        add_end_token: bool = False,
        steps_per_quarter: int = 4,
        quarters_per_bar: int = 4,
        pad_to_total_time: bool = False,
        roll_input: bool = False,
        roll_output: bool = False,
        max_tensors_per_notesequence: int | None = 5,
        presplit_on_time_changes: bool = True,
        meter: str | None = None,
        only_on_grid: bool = False,
    ):
        if steps_per_quarter < 1 or quarters_per_bar < 1:
            raise ValueError("steps_per_quarter and quarters_per_bar must be at least 1.")
        self.time_signature = None if meter is None else meter_of(meter)
        self.max_bars = max_bars
        self.slice_bars = slice_bars
        self.gap_bars = gap_bars
        self.pitch_classes = named_classes(pitch_classes)
        if len(self.pitch_classes) > 62:
            raise ValueError(f"A token holds at most 62 drum classes, not {len(self.pitch_classes)}.")
        self.steps_per_quarter = steps_per_quarter
        self.steps_per_bar = steps_per_quarter * quarters_per_bar
        if self.time_signature is not None:
            numerator, denominator = self.time_signature
            self.steps_per_bar, rest = divmod(steps_per_quarter * 4 * numerator, denominator)
            if rest:
                raise ValueError(
                    f"a bar of {meter} is not a whole number of steps of 1/{steps_per_quarter} quarter"
                )
        self.only_on_grid = only_on_grid
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
        self.output_depths = (self.output_depth,)
        self.output_form = "dense_roll" if roll_output else "one_hot"
        self.input_form = {
            (True, True): "dense_roll",
            (True, False): "roll",
            (False, True): "one_hot",
            (False, False): "one_hot",
        }[roll_input, roll_output]
        self.end_token = self.output_depth - 1 if add_end_token else None
        # The bit of each MIDI pitch, 0 for pitches of no drum class.
        self._pitch_bits = np.zeros(128, dtype=np.uint64)
        for i, pitches in enumerate(self.pitch_classes):
            self._pitch_bits[list(pitches)] = 1 << i

    def convert(
        self, note_sequence: NoteSequence, rng: np.random.Generator | None = None, inference: bool = False
    ) -> tuple[list[Example], Counter[str]]:
        """All distinct examples, and how often a stretch of music was dropped for which reason.

        Nothing here is random; `rng` is there for the interface.

        The reasons: `empty`, `other_meter`, `other_grid`, `bad_time_signature`, `time_changes`, `negative_time`,
        `no_drums`, `too_short`.
        """
        examples: list[Example] = []
        reasons: Counter[str] = Counter()
        bits = self.drum_bits(note_sequence)
        segments = list(split(note_sequence, self.presplit_on_time_changes, reasons))
        for segment in segments:
            try:
                examples += self.convert_segment(segment, bits[segment.notes])
            except Dropped as dropped:
                reasons[dropped.reason] += 1
        if not segments and not reasons:
            reasons["empty"] += 1
        return examples, reasons

    def drum_bits(self, note_sequence: NoteSequence) -> np.ndarray:
        """The bit of each note's drum class, uint64 `[notes]`; 0 for notes of none."""
        notes = note_sequence.notes
        pitches = note_field(note_sequence, "pitch")
        struck = np.fromiter((n.is_drum and n.velocity > 0 for n in notes), dtype=bool, count=len(notes))
        inside = (pitches >= 0) & (pitches < 128)
        bits = np.where(struck & inside, self._pitch_bits[np.where(inside, pitches, 0)], 0)
        return bits.astype(np.uint64)

    def convert_segment(self, segment: Segment, bits: np.ndarray) -> list[Example]:
        """The examples of one stretch; `bits` are its notes' drum classes.

        Raises:
            Dropped: where there are none.
        """
        return [self._example(tokens) for _, tokens in self.placed_slices(segment, bits)]

    def placed_slices(self, segment: Segment, bits: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """The distinct slices of one stretch: the step at which each first appears, and its tokens `[steps]`.

        Args:
            segment: the stretch.
            bits: its notes' drum classes, as `drum_bits` gives them.

        Raises:
            Dropped: where there are none.
        """
        quantized = quantize(segment, self.steps_per_quarter, self.steps_per_bar, meter=self.time_signature)
        drums = bits != 0
        if not drums.any():
            raise Dropped("no_drums")
        if self.only_on_grid:
            on_triplets = bool(lies_on_triplets(segment.starts[drums] * segment.qpm / 60))
            if on_triplets != (self.steps_per_quarter % 3 == 0):
                raise Dropped("other_grid")
        steps, inverse = np.unique(quantized.starts[drums], return_inverse=True)
        masks = np.zeros(len(steps), dtype=np.uint64)
        np.bitwise_or.at(masks, inverse, bits[drums])
        distinct: dict[bytes, tuple[int, np.ndarray]] = {}
        for first, track in self._tracks(steps, masks):
            if self.pad_to_total_time:
                track = np.concatenate([np.zeros(first, track.dtype), track])[: quantized.total]
                track = np.pad(track, (0, quantized.total - len(track)))
                first = 0
            for i, tokens in enumerate(self._slices(track)):
                distinct.setdefault(tokens.tobytes(), (first + i * self.steps_per_bar, tokens))
        if not distinct:
            raise Dropped("too_short")
        return list(distinct.values())

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
        outputs = self._roll(tokens) if self.roll_output else tokens
        inputs = outputs if self.roll_input else tokens
        return Example(inputs, outputs, controls=None, length=len(tokens))

    def _roll(self, tokens: np.ndarray) -> np.ndarray:
        """The bits of tokens, boolean `[steps, drums]`, the end among them where there is one."""
        bits = np.arange(len(self.pitch_classes) + (self.end_bit is not None), dtype=tokens.dtype)
        return (tokens[:, None] >> bits & tokens.dtype.type(1)).astype(bool)

    def to_dense(self, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Magenta's boolean input and output tensors of an example, `[steps, depth]` each, and no controls."""
        inputs, outputs = example.inputs, example.outputs
        if self.roll_input:
            roll = inputs.astype(bool) if inputs.ndim == 2 else self._roll(inputs)
            dense_inputs = with_silence(roll)
        else:
            dense_inputs = one_hot(inputs, self.input_depth)
        dense_outputs = outputs.astype(bool) if self.roll_output else one_hot(outputs, self.output_depth)
        return dense_inputs, dense_outputs, dense_controls(example)

    def from_tensors(
        self, samples: Sequence[np.ndarray], controls: Sequence[np.ndarray] | None = None
    ) -> list[NoteSequence]:
        """A NoteSequence at 120 quarters a minute for each sample, with the time signature of `meter` where it is given.

        Args:
            samples: integer tokens `[steps]`, or dense outputs `[steps, output_depth]`. What follows an end
                token is left out.
            controls: drums have none.
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

    def _to_note_sequence(self, tokens: list[int]) -> NoteSequence:
        sequence = NoteSequence(ticks_per_quarter=220)
        sequence.tempos.add(qpm=OUTPUT_QPM)
        if self.time_signature is not None:
            numerator, denominator = self.time_signature
            sequence.time_signatures.add(numerator=numerator, denominator=denominator)
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
