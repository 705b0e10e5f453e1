"""Transposing and stretching: what note_seq does of its own, variants, what is left alone."""

import copy
import random
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError
from preprocess.augment import Augmenter
from preprocess.note_sequence import NoteSequence

CHORD_SYMBOL = NoteSequence.TextAnnotation.CHORD_SYMBOL
FIGURES = ["C", "Am7", "F#maj7/A#", "Bbdim", "N.C.", "Ebsus", "E#m"]


def music(seed: int, chords: bool = True) -> Any:
    """Notes also at the ends of the range, drums, and an event of each kind that has a time."""
    rng = random.Random(seed)
    sequence = NoteSequence(ticks_per_quarter=220, total_time=rng.uniform(5, 9), id=str(seed))
    for _ in range(rng.choice([0, 5, 20, 20])):
        start = rng.uniform(0, 4)
        sequence.notes.add(
            pitch=rng.choice([0, 2, 60, 61, 126, 127]),
            velocity=rng.randint(1, 127),
            start_time=start,
            end_time=start + rng.random(),
            is_drum=rng.random() < 0.3,
            pitch_name=NoteSequence.C,
        )
    for events in (sequence.time_signatures, sequence.tempos, sequence.control_changes, sequence.pitch_bends):
        events.add(time=rng.uniform(0, 4))
    sequence.tempos[0].qpm = 97.0
    sequence.key_signatures.add(time=1.5, key=rng.randrange(12))
    sequence.text_annotations.add(time=2.0, text="C")
    if chords:
        for i, figure in enumerate(rng.sample(FIGURES, 4)):
            sequence.text_annotations.add(annotation_type=CHORD_SYMBOL, time=float(i), text=figure)
    return sequence


@pytest.mark.reference
@pytest.mark.parametrize("amount", [-13, -3, -1, 0, 1, 3, 14])
@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_music_is_that_of_note_seq(amount: int, factor: float) -> None:
    """The original draws from Python's `random`, so both ranges are single values."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Couldn't find ffmpeg")
        sequences_lib = pytest.importorskip("note_seq.sequences_lib", reason="note-seq is not installed")
    augmenter = Augmenter((amount, amount), (factor, factor))
    for seed in range(20):
        sequence = music(seed)
        theirs = sequences_lib.augment_note_sequence(
            copy.deepcopy(sequence), factor, factor, amount, amount, delete_out_of_range_notes=True
        )
        before = sequence.SerializeToString()
        ours = augmenter.augment(sequence, np.random.default_rng(seed))
        assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)
        assert sequence.SerializeToString() == before and ours is not sequence


@settings(max_examples=50)
@given(
    st.integers(0, 10**6), st.integers(-20, 20), st.integers(0, 20), st.floats(0.5, 1.0), st.floats(1.0, 2.0)
)
def test_amounts_stay_in_the_ranges(seed: int, low: int, width: int, slow: float, fast: float) -> None:
    sequence = NoteSequence(total_time=1.0)
    sequence.notes.add(pitch=60, start_time=0.5, end_time=1.0)
    sequence.tempos.add(qpm=100.0)
    augmented = Augmenter((low, low + width), (slow, fast)).augment(sequence, np.random.default_rng(seed))
    (note,) = augmented.notes
    assert low <= note.pitch - 60 <= low + width
    assert slow <= note.end_time <= fast and note.start_time == pytest.approx(note.end_time / 2)
    assert augmented.tempos[0].qpm * augmented.total_time == pytest.approx(100.0)


@given(st.integers(0, 10**6))
def test_the_generator_decides(seed: int) -> None:
    augmenter, sequence = Augmenter((-5, 5), (0.9, 1.1)), music(seed, chords=False)
    first, second = (augmenter.augment(sequence, np.random.default_rng(seed)) for _ in range(2))
    assert first == second


def test_every_amount_is_drawn() -> None:
    sequence = NoteSequence()
    sequence.notes.add(pitch=60, end_time=1.0)
    rng = np.random.default_rng(0)
    drawn = {Augmenter((-3, 3)).augment(sequence, rng).notes[0].pitch for _ in range(200)}
    assert drawn == set(range(57, 64))


def test_variants_are_all_transpositions() -> None:
    sequence = music(3)
    variants = Augmenter((-3, 3)).variants(sequence, np.random.default_rng(0))
    expected = [Augmenter((i, i)).augment(sequence, np.random.default_rng(0)) for i in range(-3, 4)]
    assert variants == expected
    assert len(Augmenter().variants(sequence, np.random.default_rng(0))) == 1


def test_variants_with_a_stretch_are_random() -> None:
    sequence = music(3, chords=False)
    variants = Augmenter((-3, 3), (0.9, 1.1)).variants(sequence, np.random.default_rng(0), count=5)
    assert len(variants) == 5
    assert len({variant.tempos[0].qpm for variant in variants}) == 5


def test_music_without_notes_is_copied() -> None:
    sequence = NoteSequence(total_time=3.0)
    sequence.key_signatures.add(key=2)
    augmented = Augmenter((5, 5), (2.0, 2.0)).augment(sequence, np.random.default_rng(0))
    assert augmented == sequence and augmented is not sequence


def test_bad_music() -> None:
    rng = np.random.default_rng(0)
    unreadable = music(3, chords=False)
    unreadable.text_annotations.add(annotation_type=CHORD_SYMBOL, text="?")
    quantized = music(3)
    quantized.quantization_info.steps_per_quarter = 4
    for sequence, reason in ((unreadable, "bad_chord"), (quantized, "quantized")):
        with pytest.raises(InputError) as caught:
            Augmenter((1, 1)).augment(sequence, rng)
        assert caught.value.reason == reason


@pytest.mark.parametrize("ranges", [((3, -3), None), (None, (1.1, 0.9)), (None, (0.0, 1.0))])
def test_bad_ranges(ranges: tuple) -> None:
    with pytest.raises(ValueError):
        Augmenter(*ranges)


def test_note_seq_is_imported_for_chords_only() -> None:
    code = """
import sys, numpy as np
from preprocess.augment import Augmenter
from preprocess.note_sequence import NoteSequence
sequence = NoteSequence()
sequence.notes.add(pitch=60, end_time=1.0)
Augmenter((1, 1), (0.9, 1.1)).variants(sequence, np.random.default_rng(0))
assert "note_seq" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
