"""Chords are those that note_seq infers, tie for tie, in a time that hostile files don't stretch."""

import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.converters import quick_chords
from preprocess.note_sequence import NoteSequence


@pytest.fixture(scope="module")
def original() -> ModuleType:
    """note_seq's module as it comes, whatever was replaced in it elsewhere."""
    found = importlib.util.find_spec("note_seq.chord_inference")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tables(original: ModuleType) -> tuple[np.ndarray, np.ndarray]:
    distribution = original._key_chord_distribution(chord_pitch_out_of_key_prob=0.01)
    transitions = original._key_chord_transition_distribution(
        distribution, key_change_prob=0.001, chord_change_prob=0.5
    )
    np.testing.assert_array_equal(quick_chords.transition_table(distribution, 0.001, 0.5), transitions)
    return np.log(distribution), np.log(transitions)


@pytest.mark.parametrize("kind", ["notes", "silence", "one pitch", "coarse"])
def test_paths_are_those_of_note_seq(original: ModuleType, tables: tuple, kind: str) -> None:
    rng = np.random.default_rng(0)
    vectors = {
        "notes": rng.random((40, 12)) * (rng.random((40, 12)) < 0.3),
        "silence": np.zeros((40, 12)),
        "one pitch": np.eye(12)[np.full(40, 5)],
        "coarse": np.eye(12)[rng.integers(0, 12, 40)] + np.eye(12)[rng.integers(0, 12, 40)],
    }[kind]
    frames = original._chord_frame_log_likelihood(vectors, 100.0)
    expected = original._key_chord_viterbi(frames, *tables)
    chords = original._CHORDS
    found = quick_chords.best_path(frames, *tables)
    assert [(i // len(chords), chords[i % len(chords)]) for i in found] == expected


notes = st.tuples(
    st.floats(0, 20), st.floats(0, 20), st.integers(0, 127), st.booleans(), st.sampled_from([0, 40, 115, 127])
)


@settings(max_examples=50, deadline=None)
@given(st.lists(notes, max_size=20), st.sampled_from([0.5, 1.0, 0.37, [1.0, 4.0, 4.5]]))
def test_pitch_vectors_are_those_of_note_seq(original: ModuleType, given_notes: list, frame: object) -> None:
    sequence = NoteSequence(total_time=41.0)
    for start, length, pitch, is_drum, program in given_notes:
        sequence.notes.add(
            start_time=start, end_time=start + length, pitch=pitch, is_drum=is_drum, program=program
        )
    expected = original.sequence_note_pitch_vectors(sequence, frame)
    found = quick_chords.pitch_vectors(sequence, frame, original.constants.UNPITCHED_PROGRAMS)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_note_seq_uses_them() -> None:
    import note_seq

    quick_chords.speed_up_note_seq()
    assert sys.modules["note_seq.chord_inference"]._key_chord_viterbi.__module__ == quick_chords.__name__
    sequence = NoteSequence(total_time=8.0, ticks_per_quarter=220)
    sequence.tempos.add(qpm=120)
    sequence.time_signatures.add(numerator=4, denominator=4)
    for i, root in enumerate((60, 65, 67, 60)):
        for pitch in (root, root + 4, root + 7):
            sequence.notes.add(start_time=2 * i, end_time=2 * i + 2, pitch=pitch, velocity=80)
    quantized = note_seq.quantize_note_sequence(sequence, 4)
    note_seq.infer_chords_for_sequence(quantized)
    assert [text.text for text in quantized.text_annotations] == ["C", "F", "G", "C"]
