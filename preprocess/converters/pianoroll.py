"""Piano music as rolls: which keys are struck, or sound, in each frame of a sixteenth.

A frame is a step of the grid of quarter notes, not of seconds: tempo changes move no note to another frame.
A `Roll` holds a whole piece with its velocities and durations; `PianorollConverter` cuts examples of some
bars out of a piece for MusicVAE, where the encoder also reads one value that is 1 in silent frames. The
counterpart of the 88-key songs of FortsAndMills' MusicGeneration ("struck" is its `hold_mode=True`,
"sounding" its "holding" representation), whose loader lost notes that end in the frame in which they begin
or are struck again; here none is lost.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from common.errors import InputError
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
from preprocess.midi.tempo_map import TempoMap
from preprocess.note_sequence import NoteSequence, reason_to_refuse

VELOCITY_SCALE = 128.0
"""MIDI velocities 1 to 127 over this are those of a roll, as in the seed, whose weights expect that."""

OUTPUT_VELOCITY = 80
MAX_FRAMES = 2**18
"""About nine hours at 120 quarter notes a minute; a longer roll would only fill memory."""

REPRESENTATIONS = ("struck", "sounding")


@dataclass(frozen=True)
class Roll:
    """A piece in frames, arrays `[frames, keys]`; a key that is struck in a frame sounds in it.

    Attributes:
        onsets: bool, whether a key is struck.
        sounding: bool, whether it is struck or held.
        velocities: float32, between 0 and 1 where a key is struck and 0 elsewhere; None where unknown.
    """

    onsets: np.ndarray
    sounding: np.ndarray
    velocities: np.ndarray | None = None

    @classmethod
    def of_struck(cls, struck: np.ndarray, longest: int = 16) -> "Roll":
        """A roll of onsets alone: a key sounds until the next frame in which any is struck, as in the seed.

        Args:
            struck: `[frames, keys]`, not 0 where a key is struck; velocities between 0 and 1 where it holds
                floating-point numbers.
            longest: no key sounds for more frames.
        """
        onsets = np.asarray(struck) != 0
        frames = np.arange(len(onsets))
        last = np.maximum.accumulate(np.where(onsets.any(axis=1), frames, -1))
        sounding = onsets[last] & ((last >= 0) & (frames - last < longest))[:, None]
        numbers = np.issubdtype(np.asarray(struck).dtype, np.floating)
        return cls(onsets, sounding, np.asarray(struck, np.float32) if numbers else None)

    @classmethod
    def of_sounding(cls, sounding: np.ndarray) -> "Roll":
        """A roll of what sounds alone: a key is struck where it begins to sound.

        Args:
            sounding: `[frames, keys]`, not 0 where a key sounds; velocities between 0 and 1, of which the one
                that a key begins with counts, where it holds floating-point numbers.
        """
        held = np.asarray(sounding) != 0
        before = np.zeros_like(held)
        before[1:] = held[:-1]
        onsets = held & ~before
        numbers = np.issubdtype(np.asarray(sounding).dtype, np.floating)
        return cls(onsets, held, np.where(onsets, sounding, 0).astype(np.float32) if numbers else None)

    def cells(self, representation: str) -> tuple[np.ndarray, np.ndarray]:
        """What a model of a representation sees: which keys are on, and how loud each of them was struck.

        Args:
            representation: "struck" or "sounding".

        Returns:
            Bool `[frames, keys]` and velocities, float32 `[frames, keys]`: 0 where a key is off, and everywhere
            where they are unknown.
        """
        on = self.onsets if representation == "struck" else self.sounding
        if self.velocities is None:
            return on, np.zeros(on.shape, np.float32)
        if representation == "struck":
            return on, self.velocities
        frames = np.where(self.onsets, np.arange(len(self.onsets))[:, None], 0)
        struck = np.maximum.accumulate(frames, axis=0)
        held = np.take_along_axis(self.velocities, struck, axis=0)
        return on, np.where(on, held, 0).astype(np.float32)


def quarters(note_sequence: NoteSequence, times: np.ndarray) -> np.ndarray:
    """Seconds as quarter notes from the beginning, by the tempo map; any shape."""
    return TempoMap.of(note_sequence).to_quarters(times)


def note_times(note_sequence: NoteSequence) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of all notes in quarter notes, float64 `[notes]` each."""
    notes = note_sequence.notes
    starts = np.fromiter((n.start_time for n in notes), dtype=np.float64, count=len(notes))
    ends = np.fromiter((n.end_time for n in notes), dtype=np.float64, count=len(notes))
    return quarters(note_sequence, starts), quarters(note_sequence, ends)


def heard(note_sequence: NoteSequence) -> np.ndarray:
    """Which notes a piano plays, bool `[notes]`: all but drums and notes of velocity 0."""
    drums = note_field(note_sequence, "is_drum") != 0
    return ~drums & (note_field(note_sequence, "velocity") > 0)


def piano_roll(
    note_sequence: NoteSequence,
    steps_per_quarter: int = 4,
    lowest_pitch: int = LOWEST_PITCH,
    highest_pitch: int = HIGHEST_PITCH,
    frames: int | None = None,
) -> Roll:
    """The roll of a whole piece, whatever its meters.

    Args:
        note_sequence: is not changed; drums and notes outside the range are left out.
        steps_per_quarter: frames of a quarter note.
        lowest_pitch, highest_pitch: MIDI pitches of the first and the last key.
        frames: length of the roll; up to the end of the last note where it is None.

    Raises:
        InputError: where a note begins before time 0 (`negative_time`), one is louder than 127 (`bad_velocity`), there
            are more than `MAX_FRAMES` frames (`too_long`), or for one of the reasons of `preprocess.note_sequence.reason_to_refuse`.
    """
    if refused := reason_to_refuse(note_sequence):
        raise InputError(f"The music can't be used ({refused}).", refused)
    pitches, velocities = note_field(note_sequence, "pitch"), note_field(note_sequence, "velocity")
    if velocities.max(initial=0) > 127:
        raise InputError("A note is louder than MIDI goes.", "bad_velocity")
    chosen = heard(note_sequence) & (pitches >= lowest_pitch) & (pitches <= highest_pitch)
    starts, ends = (np.floor(t[chosen] * steps_per_quarter + 0.5) for t in note_times(note_sequence))
    if starts.min(initial=0) < 0:
        raise InputError("A note begins before time 0.", "negative_time")
    total = max(ends.max(initial=0), starts.max(initial=-1) + 1) if frames is None else frames
    if not total <= MAX_FRAMES:
        raise InputError(f"The music has more than {MAX_FRAMES} frames.", "too_long")
    begins = np.minimum(starts, total).astype(np.int64)
    stops = np.clip(ends, starts + 1, np.maximum(total, starts + 1)).astype(np.int64)
    steps = Steps(begins, stops, int(total))
    return _rendered(
        steps, pitches[chosen] - lowest_pitch, velocities[chosen], highest_pitch - lowest_pitch + 1
    )


def _rendered(steps: Steps, keys: np.ndarray, velocities: np.ndarray, count: int) -> Roll:
    """Notes on the grid as a roll of `steps.total` frames; of two notes at once the louder is kept.

    Args:
        steps: may reach beyond the roll, whose end cuts them off.
        keys: int `[notes]`, from 0.
        velocities: MIDI velocities `[notes]`.
        count: number of keys.
    """
    frames = steps.total
    inside = steps.starts < frames
    starts, keys, ends = steps.starts[inside], keys[inside], np.minimum(steps.ends[inside], frames)
    struck = np.zeros((frames, count), dtype=np.float32)
    np.maximum.at(struck, (starts, keys), (velocities[inside] / VELOCITY_SCALE).astype(np.float32))
    changes = np.zeros((frames + 1, count), dtype=np.int32)
    np.add.at(changes, (starts, keys), 1)
    np.add.at(changes, (ends, keys), -1)
    return Roll(struck > 0, np.cumsum(changes[:-1], axis=0) > 0, struck)


def to_note_sequence(
    roll: Roll, steps_per_quarter: int = 4, lowest_pitch: int = LOWEST_PITCH, qpm: float = DEFAULT_QPM
) -> NoteSequence:
    """A NoteSequence of a roll: one note from each onset to where the key falls silent or is struck again.

    Args:
        roll: what sounds without an onset before it is struck where it begins.
        steps_per_quarter: frames of a quarter note.
        lowest_pitch: MIDI pitch of the first key.
        qpm: tempo in quarter notes a minute.
    """
    begun = roll.onsets | Roll.of_sounding(roll.sounding).onsets
    silent = ~(roll.sounding | roll.onsets)
    frames, keys = np.nonzero(begun)
    ends = np.minimum(_next(silent), _next(begun))[frames, keys]
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=qpm)
    seconds = 60.0 / qpm / steps_per_quarter
    strengths = np.full(len(frames), OUTPUT_VELOCITY)
    if roll.velocities is not None:
        scaled = np.rint(roll.velocities[frames, keys] * VELOCITY_SCALE)
        strengths = np.clip(scaled, 1, 127).astype(np.int64)
    for frame, key, end, velocity in zip(
        frames.tolist(), keys.tolist(), ends.tolist(), strengths.tolist(), strict=True
    ):
        sequence.notes.add(
            pitch=key + lowest_pitch, velocity=velocity, start_time=frame * seconds, end_time=end * seconds
        )
    sequence.total_time = max((note.end_time for note in sequence.notes), default=0.0)
    return sequence


def _next(marks: np.ndarray) -> np.ndarray:
    """For each frame the first later one that is marked, int `[frames, keys]`; `frames` for none."""
    frames = len(marks)
    places = np.full((frames + 1, marks.shape[1]), frames)
    places[:-1][marks] = np.nonzero(marks)[0]
    return np.minimum.accumulate(places[::-1], axis=0)[::-1][1:]


def clock(frames: int, bits: int = 6, start: int = 0) -> np.ndarray:
    """The position of each frame as a binary counter, bool `[frames, bits]`, the highest bit first.

    The seed's "time" input: with 6 bits frame t shows t modulo 64, four bars of sixteenths, and its last four
    bits the position in the bar. (The seed's first notebooks had `~clock(frames)[:, ::-1]`.)

    Args:
        frames: how many.
        bits: the counter begins anew after `2 ** bits` frames.
        start: what the first frame shows.
    """
    counts = np.arange(start, start + frames)[:, None]
    return (counts >> np.arange(bits)[::-1] & 1).astype(bool)


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
        max_tensors_per_notesequence: so many examples of a NoteSequence are used an epoch; None for all.
        shorter_bars: take music in bars, too, of which several make one (2/4).
        clock_bits: condition on a `clock` of so many bits, which begins with the example; 0 for none.

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
        valid = heard(note_sequence) & (pitches >= self.min_pitch) & (pitches <= self.max_pitch)
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
        roll = _rendered(moved, keys, np.ones(len(keys)), self.output_depth)
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
