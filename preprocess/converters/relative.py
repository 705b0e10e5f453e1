"""Relative tokens: a piece as steps forward and intervals without octaves, the default of the Basic RNN's code.

The counterpart of the "relative" batch builder of Conchylicultor's MusicGenerator: the notes of all
tracks, sorted by frame and pitch, as 13 tokens. Token 0 goes one frame on; token k puts a note there whose pitch
class lies k - 1 semitones above that of the note before. The first note is the reference and has no token. (The
original encoded a repeated pitch class as 0 too, so that notes turned into steps; here it is 1.)
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from common.errors import InputError
from preprocess.converters.base import Converter, Example, dense_controls, one_hot
from preprocess.example_forms import NO_TOKEN
from preprocess.keyboard import HIGHEST_PITCH, KEYS, LOWEST_PITCH
from preprocess.note_sequence import NoteSequence
from preprocess.piano_rolls import Roll, piano_roll, to_note_sequence

NEXT_FRAME = 0
TOKENS = 13
FOLDS = ("nearest", "octave")

START_PITCH = 56
"""The reference that the original begins every piece with."""

OCTAVE_PITCH = 51
"""The lowest pitch of the one octave that the original folds everything into."""

LOWEST_START, HIGHEST_START = 36, 72
"""The first note of a frame stays between these, so that three octaves of a chord above it are on the keyboard; a
line of intervals alone would wander off."""


class RelativeConverter(Converter):
    """NoteSequences to relative tokens and back.

    What tokens leave open is the octave. `fold` says how it is chosen:

    - "nearest": the first note of a frame lies as near as possible to the first note of the frame before (a
      tritone goes up), the others follow upwards within an octave of each other, as the encoder sorted them. So
      encoding what was decoded gives the same tokens, where no frame climbs beyond the keyboard.
    - "octave": all pitches lie from 51 to 62, as in the original.

    Args:
        absolute: tokens are pitch classes themselves, 1 for C, instead of differences.
        fold: see above.
        steps_per_quarter: frames of a quarter note.

    Raises:
        ValueError: for an unknown way to fold, or frames that are not positive.
    """

    input_form = "one_hot"
    output_form = "one_hot"
    input_depth = TOKENS
    output_depth = TOKENS
    output_depths = (TOKENS,)

    def __init__(self, absolute: bool = False, fold: str = "nearest", steps_per_quarter: int = 4):
        if fold not in FOLDS:
            raise ValueError(f"Octaves are chosen by {' or '.join(FOLDS)}, not '{fold}'.")
        if steps_per_quarter < 1:
            raise ValueError("steps_per_quarter must be at least 1.")
        self.absolute, self.fold = absolute, fold
        self.steps_per_quarter, self.steps_per_bar = steps_per_quarter, 4 * steps_per_quarter

    def encode(self, onsets: np.ndarray) -> np.ndarray:
        """The tokens of the keys struck in each frame.

        Args:
            onsets: bool `[frames, 88]`. Silence before the first note and after the last has no tokens.

        Returns:
            int32 `[tokens]`, none where there are fewer than two notes.
        """
        frames, keys = np.nonzero(onsets)
        pitches = keys + LOWEST_PITCH
        classes = (pitches[1:] if self.absolute else np.diff(pitches)) % 12
        places = np.cumsum(np.diff(frames) + 1) - 1
        tokens = np.full(int(places[-1]) + 1 if places.size else 0, NEXT_FRAME, np.int32)
        tokens[places] = classes + 1
        return tokens

    def decode(self, tokens: np.ndarray, start_pitch: int = START_PITCH) -> np.ndarray:
        """The keys struck in each frame, bool `[frames, 88]`.

        Args:
            tokens: int `[tokens]`; NO_TOKEN is left out.
            start_pitch: MIDI pitch of the reference, which is struck in the first frame.

        Raises:
            ValueError: for a token that does not exist, or a first pitch outside the keyboard.
        """
        tokens = np.asarray(tokens)
        if tokens.size and not NO_TOKEN <= tokens.min() <= tokens.max() < TOKENS:
            raise ValueError(f"Relative tokens are from 0 to {TOKENS - 1}.")
        if not LOWEST_PITCH <= start_pitch <= HIGHEST_PITCH:
            raise ValueError(f"A piece begins between {LOWEST_PITCH} and {HIGHEST_PITCH}, not {start_pitch}.")
        onsets = np.zeros((1 + np.count_nonzero(tokens == NEXT_FRAME), KEYS), bool)
        onsets[0, start_pitch - LOWEST_PITCH] = True
        frame, pitch, first, is_first = 0, start_pitch, start_pitch, False
        for token in tokens[tokens != NO_TOKEN].tolist():
            if token == NEXT_FRAME:
                frame, is_first = frame + 1, True
                continue
            pitch_class = (token - 1 if self.absolute else pitch + token - 1) % 12
            pitch = self._placed(pitch_class, pitch, first if is_first else None)
            first, is_first = pitch if is_first else first, False
            onsets[frame, pitch - LOWEST_PITCH] = True
        return onsets

    def _placed(self, pitch_class: int, before: int, first: int | None) -> int:
        """The MIDI pitch of a class, after the note before, or of the frame after one that began with `first`."""
        if self.fold == "octave":
            return OCTAVE_PITCH + (pitch_class - OCTAVE_PITCH) % 12
        if first is None:
            pitch = before + 1 + (pitch_class - before - 1) % 12
            return pitch if pitch <= HIGHEST_PITCH else pitch - 12
        pitch = first + (pitch_class - first + 5) % 12 - 5
        return pitch + 12 * (pitch < LOWEST_START) - 12 * (pitch > HIGHEST_START)

    def convert(
        self, note_sequence: NoteSequence, rng: np.random.Generator | None = None, inference: bool = False
    ) -> tuple[list[Example], Counter[str]]:
        """The one example of a NoteSequence: the whole piece, whatever its meters.

        The reasons to drop it: `no_notes`, `too_short` (one note has no token), `negative_time`, `too_long`.
        Notes outside the 88 keys and drums are left out, and of notes that begin together at one pitch one is kept.
        """
        try:
            onsets = piano_roll(note_sequence, self.steps_per_quarter).onsets
        except InputError as error:
            return [], Counter([error.reason])
        if not onsets.any():
            return [], Counter(["no_notes"])
        tokens = self.encode(onsets)
        if not tokens.size:
            return [], Counter(["too_short"])
        return [Example(inputs=tokens, outputs=tokens, controls=None, length=len(tokens))], Counter()

    def to_dense(self, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One-hot input and output tensors, `[tokens, 13]`, and no controls."""
        dense = one_hot(example.inputs, TOKENS)
        return dense, dense, dense_controls(example)

    def from_tensors(
        self, samples: Sequence[np.ndarray], controls: Sequence[np.ndarray] | None = None
    ) -> list[NoteSequence]:
        """A NoteSequence at 120 quarters a minute for each sample, which begins with `START_PITCH`.

        Args:
            samples: tokens `[tokens]`, or one-hot `[tokens, 13]`. Notes sound until the next ones, a bar at most.
            controls: there are none.
        """
        arrays = [np.asarray(sample) for sample in samples]
        tokens = [np.argmax(a, axis=-1) if a.ndim == 2 else a for a in arrays]
        rolls = [Roll.of_struck(self.decode(t), self.steps_per_bar) for t in tokens]
        return [to_note_sequence(roll, self.steps_per_quarter) for roll in rolls]
