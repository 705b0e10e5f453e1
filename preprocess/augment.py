"""More music from the same: NoteSequences transposed and played faster or slower.

The counterpart of Magenta's `NoteSequenceAugmenter` (music_vae/data.py). Notes that leave the range of MIDI
pitches are deleted, drums are not transposed, key signatures and chord symbols are.
"""

from dataclasses import dataclass

import numpy as np

from common.errors import InputError
from preprocess.note_sequence import NoteSequence

NO_CHORD = "N.C."


@dataclass(frozen=True)
class Augmenter:
    """Transposes and stretches by amounts drawn from ranges.

    Attributes:
        transpose_range: smallest and largest transposition in semitones, both included; None for none.
        stretch_range: smallest and largest factor of durations, above 1 for slower; None for none.

    Raises:
        ValueError: for a range that ends before it begins, or factors that are not positive.
    """

    transpose_range: tuple[int, int] | None = None
    stretch_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for low, high in filter(None, (self.transpose_range, self.stretch_range)):
            if low > high:
                raise ValueError(f"A range must not end before it begins, as {low} to {high} does.")
        if self.stretch_range and self.stretch_range[0] <= 0:
            raise ValueError(f"stretch_range must be positive, not {self.stretch_range[0]}.")

    def augment(self, note_sequence: NoteSequence, rng: np.random.Generator) -> NoteSequence:
        """A new NoteSequence with a random transposition and stretch; without notes just a copy.

        Raises:
            InputError: for quantised music (`quantized`) and chord symbols that can't be read (`bad_chord`).
        """
        factor = rng.uniform(*self.stretch_range) if self.stretch_range else 1.0
        low, high = self.transpose_range or (0, 0)
        return _augmented(note_sequence, factor, int(rng.integers(low, high + 1)))

    def variants(
        self, note_sequence: NoteSequence, rng: np.random.Generator, count: int = 8
    ) -> list[NoteSequence]:
        """New NoteSequences: every transposition of the range, from low to high; random ones with a stretch.

        Args:
            note_sequence: is not changed.
            rng: is used with a stretch only.
            count: how many random ones.

        Raises:
            InputError: as `augment` does.
        """
        if self.stretch_range:
            return [self.augment(note_sequence, rng) for _ in range(count)]
        low, high = self.transpose_range or (0, 0)
        return [_augmented(note_sequence, 1.0, amount) for amount in range(low, high + 1)]


def _augmented(note_sequence: NoteSequence, factor: float, amount: int) -> NoteSequence:
    """A stretched and transposed copy (note_seq's `augment_note_sequence`)."""
    sequence = NoteSequence()
    sequence.CopyFrom(note_sequence)
    info = sequence.quantization_info
    if info.steps_per_quarter > 0 or info.steps_per_second > 0:
        raise InputError(
            "Quantised music can't be stretched or transposed; take it unquantised.", "quantized"
        )
    if sequence.notes:
        if factor != 1.0:
            _stretch(sequence, factor)
        _transpose(sequence, amount)
    return sequence


def _stretch(sequence: NoteSequence, factor: float) -> None:
    for note in sequence.notes:
        note.start_time *= factor
        note.end_time *= factor
    sequence.total_time *= factor
    for events in (
        sequence.time_signatures,
        sequence.key_signatures,
        sequence.tempos,
        sequence.pitch_bends,
        sequence.control_changes,
        sequence.text_annotations,
    ):
        for event in events:
            event.time *= factor
    for tempo in sequence.tempos:
        tempo.qpm /= factor


def _transpose(sequence: NoteSequence, amount: int) -> None:
    """Also with 0 semitones notes out of range are deleted, and the end is that of the last note."""
    kept = [note for note in sequence.notes if note.is_drum or 0 <= note.pitch + amount <= 127]
    for note in kept:
        if not note.is_drum:
            note.pitch += amount
            note.pitch_name = NoteSequence.UNKNOWN_PITCH_NAME
    sequence.total_time = max((note.end_time for note in kept), default=0.0)
    if len(kept) < len(sequence.notes):
        copies = [NoteSequence.Note.FromString(note.SerializeToString()) for note in kept]
        del sequence.notes[:]
        sequence.notes.extend(copies)
    for text in sequence.text_annotations:
        if text.annotation_type == text.CHORD_SYMBOL and text.text != NO_CHORD:
            text.text = _transposed_chord(text.text, amount)
    for signature in sequence.key_signatures:
        signature.key = (signature.key + amount) % 12


def _transposed_chord(figure: str, amount: int) -> str:
    # The package takes two seconds to import, so only music with chords pays for it.
    from note_seq import chord_symbols_lib

    try:
        return chord_symbols_lib.transpose_chord_symbol(figure, amount)
    except chord_symbols_lib.ChordSymbolError as error:
        raise InputError(f"The chord symbol {figure!r:.80} can't be transposed.", "bad_chord") from error
