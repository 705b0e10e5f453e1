"""NoteSequences with pitches, written as sixteenths."""

from typing import Any

from preprocess.note_sequence import NoteSequence
from tests.helpers.drum_sequences import SIXTEENTH, drum_sequence

Played = tuple[float, int, int, float]
"""Sixteenth, pitch, velocity, length in sixteenths."""


def pitched(*notes: Played, instrument: int = 0, program: int = 0, sequence: Any = None) -> Any:
    """A NoteSequence at 120 quarter notes a minute, or one with these notes more."""
    if sequence is None:
        sequence = NoteSequence()
        sequence.tempos.add(qpm=120.0)
    for start, pitch, velocity, length in notes:
        sequence.notes.add(
            start_time=start * SIXTEENTH, end_time=(start + length) * SIXTEENTH, pitch=pitch,
            velocity=velocity, instrument=instrument, program=program,
        )  # fmt: skip
    sequence.total_time = max((note.end_time for note in sequence.notes), default=0.0)
    return sequence


def trio() -> Any:
    """Piano and bass, and a kick at the beginning."""
    sequence = pitched((0, 72, 100, 4))
    pitched((4, 40, 100, 8), instrument=1, program=33, sequence=sequence)
    sequence.notes.extend(drum_sequence([(0, 36, 127, 1)]).notes)
    return sequence


def with_chords(sequence: Any, *chords: tuple[float, str]) -> Any:
    for step, symbol in chords:
        sequence.text_annotations.add(
            time=step * SIXTEENTH, text=symbol, annotation_type=NoteSequence.TextAnnotation.CHORD_SYMBOL
        )
    return sequence
