"""Piano music as rolls: which keys are struck, or sound, in each frame of a sixteenth.

A frame is a step of the grid of quarter notes, not of seconds: tempo changes move no note to another frame. A `Roll`
holds a whole piece with its velocities and durations. It is the counterpart of the 88-key songs of FortsAndMills'
MusicGeneration ("struck" is its `hold_mode=True`, "sounding" its "holding" representation), whose loader lost notes that
end in the frame in which they begin or are struck again; here none is lost.
"""

from dataclasses import dataclass

import numpy as np

from common.errors import InputError
from preprocess.converters.segments import DEFAULT_QPM, Steps, note_field, note_seconds
from preprocess.keyboard import HIGHEST_PITCH, LOWEST_PITCH
from preprocess.midi.tempo_map import TempoMap
from preprocess.note_sequence import NoteSequence, reason_to_refuse

VELOCITY_SCALE = 128.0
"""MIDI velocities 1 to 127 over this are those of a roll, as MusicGeneration has them, whose weights expect that."""

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
        """A roll of onsets alone: a key sounds until the next frame in which any is struck.

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
    starts, ends = note_seconds(note_sequence)
    return quarters(note_sequence, starts), quarters(note_sequence, ends)


def played_by_piano(note_sequence: NoteSequence) -> np.ndarray:
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
    chosen = played_by_piano(note_sequence) & (pitches >= lowest_pitch) & (pitches <= highest_pitch)
    starts, ends = (np.floor(t[chosen] * steps_per_quarter + 0.5) for t in note_times(note_sequence))
    if starts.min(initial=0) < 0:
        raise InputError("A note begins before time 0.", "negative_time")
    total = max(ends.max(initial=0), starts.max(initial=-1) + 1) if frames is None else frames
    if not total <= MAX_FRAMES:
        raise InputError(f"The music has more than {MAX_FRAMES} frames.", "too_long")
    begins = np.minimum(starts, total).astype(np.int64)
    stops = np.clip(ends, starts + 1, np.maximum(total, starts + 1)).astype(np.int64)
    steps = Steps(begins, stops, int(total))
    return rendered(
        steps, pitches[chosen] - lowest_pitch, velocities[chosen], highest_pitch - lowest_pitch + 1
    )


def rendered(steps: Steps, keys: np.ndarray, velocities: np.ndarray, count: int) -> Roll:
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

    The "time" input of MusicGeneration's models: with 6 bits frame t shows t modulo 64, four bars of sixteenths, and its
    last four bits the position in the bar. (Its first notebooks had `~clock(frames)[:, ::-1]`.)

    >>> clock(4, bits=2).astype(int).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]

    Args:
        frames: how many.
        bits: the counter starts again after `2 ** bits` frames.
        start: what the first frame shows.
    """
    counts = np.arange(start, start + frames)[:, None]
    return (counts >> np.arange(bits)[::-1] & 1).astype(bool)
