"""Piano music as examples of some bars for MusicVAE, a row of keys a step.

A piece is read as a roll (`preprocess.piano_rolls`); the encoder also reads one value that is 1 in silent steps.
"""

from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from preprocess.converters.base import Converter, Example, dense_controls, with_silence
from preprocess.converters.segments import (
    DEFAULT_QPM,
    Dropped,
    Segment,
    Steps,
    note_field,
    quantize,
    stretches,
)
from preprocess.keyboard import HIGHEST_PITCH, LOWEST_PITCH
from preprocess.note_sequence import NoteSequence, reason_to_refuse
from preprocess.piano_rolls import (
    MAX_FRAMES,
    REPRESENTATIONS,
    Roll,
    clock,
    note_times,
    played_by_piano,
    quarters,
    rendered,
    to_note_sequence,
)


class PianorollConverter(Converter):
    """NoteSequences to rolls of some bars, bool `[steps, keys]`, and back.

    Stretches of one time signature are converted one by one; within one, a window of `slice_bars` moves by
    bars from the bar of the first note to that of the last. Silent windows are left out and equal ones kept
    once, in the order of their first appearance.

    Args:
        representation: "struck", the keys struck in a step; or "sounding", those struck or held.
        min_pitch, max_pitch: MIDI pitches of the first and the last key; other notes and drums are ignored.
        slice_bars: bars of an example; whole stretches where it is None.
        steps_per_quarter: steps of a quarter note.
        quarters_per_bar: quarter notes of a bar; music in another meter is dropped.
        max_tensors_per_notesequence: the most examples of a NoteSequence that an epoch takes; None for all.
        shorter_bars: take music in bars, too, of which several make one (2/4).
        clock_bits: bits of a `clock` that both parts are conditioned on, which begins with the example; 0 for none.

    Raises:
        ValueError: for an unknown representation, pitches outside 0..127, or sizes that are not positive.
    """

    input_form = "dense_roll"
    output_form = "dense_roll"

    def __init__(
        self,
        representation: str = "struck",
        min_pitch: int = LOWEST_PITCH,
        max_pitch: int = HIGHEST_PITCH,
        slice_bars: int | None = None,
        steps_per_quarter: int = 4,
        quarters_per_bar: int = 4,
        max_tensors_per_notesequence: int | None = 5,
        shorter_bars: bool = False,
        clock_bits: int = 0,
    ):
        if representation not in REPRESENTATIONS:
            raise ValueError(
                f"There is no representation '{representation}'; expected {', '.join(REPRESENTATIONS)}."
            )
        if not 0 <= min_pitch <= max_pitch <= 127:
            raise ValueError(f"Pitches must be between 0 and 127, not {min_pitch} to {max_pitch}.")
        if min(steps_per_quarter, quarters_per_bar, 1 if slice_bars is None else slice_bars) < 1:
            raise ValueError("steps_per_quarter, quarters_per_bar and slice_bars must be at least 1.")
        if not 0 <= clock_bits <= 16:
            raise ValueError(f"A clock has 0 to 16 bits, not {clock_bits}.")
        self.representation = representation
        self.min_pitch = min_pitch
        self.max_pitch = max_pitch
        self.slice_bars = slice_bars
        self.steps_per_quarter = steps_per_quarter
        self.steps_per_bar = steps_per_quarter * quarters_per_bar
        self.max_tensors_per_notesequence = max_tensors_per_notesequence
        self.shorter_bars = shorter_bars
        self.output_depth = max_pitch - min_pitch + 1
        self.input_depth = self.output_depth + 1
        self.output_depths = (self.output_depth,)
        self.control_depth = clock_bits

    def convert(
        self, note_sequence: NoteSequence, rng: np.random.Generator | None = None, inference: bool = False
    ) -> tuple[list[Example], Counter[str]]:
        """All distinct examples, and how often a stretch of music was dropped for which reason.

        Nothing here is random; `rng` is there for the interface.

        The reasons: `empty`, `other_meter`, `bad_time_signature`, `negative_time`, `no_notes` (none in the
        range that a piano plays), `too_short`, `too_long`.
        """
        if refused := reason_to_refuse(note_sequence):
            return [], Counter([refused])
        reasons: Counter[str] = Counter()
        pitches = note_field(note_sequence, "pitch")
        valid = played_by_piano(note_sequence) & (pitches >= self.min_pitch) & (pitches <= self.max_pitch)
        unique: dict[bytes, np.ndarray] = {}
        segments = list(stretches(_at_even_tempo(note_sequence), True, reasons))
        for segment in segments:
            try:
                segment = segment.select(valid[segment.notes])
                for piece in self._slices(segment, pitches[segment.notes] - self.min_pitch):
                    unique.setdefault(piece.tobytes(), piece)
            except Dropped as dropped:
                reasons[dropped.reason] += 1
        if not segments:
            reasons["empty"] += 1
        return [self._example(piece) for piece in unique.values()], reasons

    def _slices(self, segment: Segment, keys: np.ndarray) -> list[np.ndarray]:
        """The windows of a stretch, bool `[steps, keys]`.

        Raises:
            Dropped: where there are none.
        """
        steps = quantize(segment, self.steps_per_quarter, self.steps_per_bar, self.shorter_bars)
        if not keys.size:
            raise Dropped("no_notes")
        bar, sounding = self.steps_per_bar, self.representation == "sounding"
        first = int(steps.starts.min()) // bar * bar
        frames = int((steps.ends if sounding else steps.starts + 1).max()) - first
        frames += -frames % bar
        if frames > MAX_FRAMES:
            raise Dropped("too_long")
        moved = Steps(steps.starts - first, steps.ends - first, frames)
        roll = rendered(moved, keys, np.ones(len(keys)), self.output_depth)
        cells = roll.sounding if sounding else roll.onsets
        size = frames if self.slice_bars is None else bar * self.slice_bars
        if frames < size:
            raise Dropped("too_short")
        windows = (cells[i : i + size] for i in range(0, frames - size + 1, bar))
        return [window for window in windows if window.any()]

    def _example(self, cells: np.ndarray) -> Example:
        controls = clock(len(cells), self.control_depth) if self.control_depth else None
        return Example(inputs=cells, outputs=cells, controls=controls, length=len(cells))

    def to_dense(self, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boolean input, output and control tensors, `[steps, depth]`; the input's last value is silence."""
        cells = example.inputs.astype(bool)
        return with_silence(cells), example.outputs.astype(bool), dense_controls(example)

    def from_tensors(
        self, samples: Sequence[np.ndarray], controls: Sequence[np.ndarray] | None = None
    ) -> list[NoteSequence]:
        """A NoteSequence at 120 quarters a minute for each sample.

        Args:
            samples: `[steps, keys]` each, not 0 where a key is struck or sounds. Struck keys sound until the
                next ones are struck, a bar at most.
            controls: a clock says nothing about what is played.
        """
        if self.representation == "sounding":
            rolls = [Roll.of_sounding(sample) for sample in samples]
        else:
            rolls = [Roll.of_struck(np.asarray(sample) != 0, self.steps_per_bar) for sample in samples]
        return [to_note_sequence(roll, self.steps_per_quarter, self.min_pitch) for roll in rolls]


def _at_even_tempo(note_sequence: NoteSequence) -> Any:
    """What `split` reads of a NoteSequence, as if every quarter note lasted half a second."""
    starts, ends = note_times(note_sequence)

    def seconds(time: float) -> float:
        return float(quarters(note_sequence, np.array(time))) * 60.0 / DEFAULT_QPM

    pairs = zip((starts / 2).tolist(), (ends / 2).tolist(), strict=True)
    return SimpleNamespace(
        notes=[SimpleNamespace(start_time=start, end_time=end) for start, end in pairs],
        time_signatures=[
            SimpleNamespace(time=seconds(s.time), numerator=s.numerator, denominator=s.denominator)
            for s in note_sequence.time_signatures
        ],
        tempos=(),
        total_time=seconds(note_sequence.total_time),
    )
