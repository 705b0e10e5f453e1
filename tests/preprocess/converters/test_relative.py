"""Relative tokens: by hand, the way back, and the original's arithmetic."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from preprocess import converters
from preprocess.converters.relative import HIGHEST_START, LOWEST_START, RelativeConverter
from preprocess.keyboard import KEYS, LOWEST_PITCH
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from preprocess.piano_rolls import Roll, piano_roll, to_note_sequence

INTERVALS = st.integers(1, 12)
FRAMES = st.lists(st.lists(INTERVALS, max_size=4), min_size=1, max_size=30)
ANY_TOKENS = st.lists(st.integers(0, 12), max_size=60)


def onsets_of(*notes: tuple[int, int]) -> np.ndarray:
    """A roll of `(frame, MIDI pitch)`."""
    onsets = np.zeros((max(frame for frame, _ in notes) + 1, KEYS), bool)
    for frame, pitch in notes:
        onsets[frame, pitch - LOWEST_PITCH] = True
    return onsets


def notes_of(onsets: np.ndarray) -> list[tuple[int, int]]:
    return [(int(f), int(k) + LOWEST_PITCH) for f, k in np.argwhere(onsets)]


def tokens_of(frames: list[list[int]]) -> list[int]:
    """The tokens of frames of intervals; the start takes a place in the first, and the last has a note."""
    frames = [frames[0][:3], *frames[1:]]
    while frames and not frames[-1]:
        frames.pop()
    tokens: list[int] = []
    for i, intervals in enumerate(frames):
        tokens += [0] * (i > 0) + intervals
    return tokens


def test_tokens_by_hand() -> None:
    """C major, silence, the third repeated an octave higher, then a melody down from there."""
    notes = [(2, 60), (2, 64), (2, 67), (4, 76), (5, 76), (6, 74), (6, 81)]
    tokens = RelativeConverter().encode(onsets_of(*notes))
    assert tokens.tolist() == [5, 4, 0, 0, 10, 0, 1, 0, 11, 8] and tokens.dtype == np.int32
    absolute = RelativeConverter(absolute=True).encode(onsets_of(*notes))
    assert absolute.tolist() == [5, 8, 0, 0, 5, 0, 5, 0, 3, 10]
    # From the same note on, back to the nearest octaves: E lies nearer to the chord's C below it.
    back = RelativeConverter().decode(tokens, start_pitch=60)
    assert notes_of(back) == [(0, 60), (0, 64), (0, 67), (2, 64), (3, 64), (4, 62), (4, 69)]


@given(FRAMES, st.booleans())
def test_encoding_what_was_decoded_gives_the_same_tokens(frames: list[list[int]], absolute: bool) -> None:
    converter = RelativeConverter(absolute=absolute)
    tokens = tokens_of(frames)
    onsets = converter.decode(np.array(tokens, np.int32))
    assert converter.encode(onsets).tolist() == tokens
    if tokens:
        (sequence,) = converter.from_tensors([np.array(tokens)])
        (example,), _ = converter.convert(sequence)
        assert example.inputs.tolist() == tokens and example.length == len(tokens)


@given(hnp.arrays(bool, (8, 12)), st.integers(0, 60), st.booleans())
def test_decoding_loses_octaves_only(octave: np.ndarray, lowest: int, absolute: bool) -> None:
    """Music within an octave has the same pitch classes in each frame after both ways."""
    onsets = np.zeros((8, KEYS), bool)
    onsets[:, lowest : lowest + 12] = octave
    notes = notes_of(onsets)
    if not notes:
        return
    converter = RelativeConverter(absolute=absolute)
    back = notes_of(converter.decode(converter.encode(onsets), start_pitch=notes[0][1]))
    begin = notes[0][0]
    assert sorted((f, p % 12) for f, p in back) == sorted((f - begin, p % 12) for f, p in notes)


@given(ANY_TOKENS, st.booleans(), st.sampled_from(["nearest", "octave"]))
def test_any_tokens_stay_on_the_keyboard(tokens: list[int], absolute: bool, fold: str) -> None:
    onsets = RelativeConverter(absolute, fold).decode(np.array(tokens, np.int32))
    assert onsets.shape == (1 + tokens.count(0), KEYS) and onsets[0, 56 - LOWEST_PITCH]
    # At least one note in a frame that has tokens, and not more than they say.
    counts = np.bincount(np.cumsum(np.array([0, *tokens]) == 0) - 1, np.array([1, *tokens]) > 0)
    found = onsets.sum(axis=1)
    assert ((found > 0) == (counts > 0)).all() and (found <= counts).all()
    if fold == "octave":
        assert {p for _, p in notes_of(onsets[1:])} <= set(range(51, 63))


@given(ANY_TOKENS)
def test_octave_folding_is_the_originals(tokens: list[int]) -> None:
    """`51 + ((previous - 51) + pitch class) mod 12`, from 56 on."""
    tick, previous, expected = 0, 56, {(0, 56)}
    for token in tokens:
        if token == 0:
            tick += 1
        else:
            previous = 51 + ((previous - 51) + token - 1) % 12
            expected.add((tick, previous))
    onsets = RelativeConverter(fold="octave").decode(np.array(tokens, np.int32))
    assert set(notes_of(onsets)) == expected


@given(st.lists(INTERVALS, min_size=1, max_size=80))
def test_melodies_move_by_the_nearest_way(intervals: list[int]) -> None:
    tokens = [token for interval in intervals for token in (0, interval)]
    pitches = [p for _, p in notes_of(RelativeConverter().decode(np.array(tokens)))]
    for interval, (before, pitch) in zip(intervals, itertools.pairwise(pitches), strict=True):
        moved = pitch - before
        assert moved % 12 == interval - 1 and LOWEST_START <= pitch <= HIGHEST_START
        # Twelve semitones more or less only where the way would lead out.
        if not -5 <= moved <= 6:
            assert not LOWEST_START <= pitch - 12 * np.sign(moved) <= HIGHEST_START


def test_padding_is_left_out_and_nonsense_refused() -> None:
    converter = RelativeConverter()
    np.testing.assert_array_equal(
        converter.decode(np.array([0, -1, 5, -1])), converter.decode(np.array([0, 5]))
    )
    for tokens, start in (([13], 56), ([-2], 56), ([1], 20)):
        with pytest.raises(ValueError, match=r"tokens|begins"):
            converter.decode(np.array(tokens), start)
    for options in ({"fold": "up"}, {"steps_per_quarter": 0}):
        with pytest.raises(ValueError, match=r"Octaves|steps"):
            RelativeConverter(**options)


def test_dropped_music_has_reasons() -> None:
    converter = RelativeConverter()
    single = to_note_sequence(Roll.of_struck(onsets_of((0, 60))))
    early = to_note_sequence(Roll.of_struck(onsets_of((0, 60), (4, 62))))
    early.notes[0].start_time = -1.0
    for sequence, reason in ((NoteSequence(), "no_notes"), (single, "too_short"), (early, "negative_time")):
        assert converter.convert(sequence) == ([], {reason: 1})
    assert converter.to_tensors(single) == []


def test_dense_tensors_are_one_hot() -> None:
    converter = converters.create({"name": "relative", "fold": "octave"})
    (example,) = converter.to_tensors(to_note_sequence(Roll.of_struck(onsets_of((0, 60), (1, 64)))))
    inputs, outputs, controls = converter.to_dense(example)
    np.testing.assert_array_equal(inputs, np.eye(13)[[0, 5]])
    assert outputs.shape == (2, converter.output_depth) and controls.shape == (2, converter.control_depth)
    compact, dense = converter.from_tensors([example.inputs]), converter.from_tensors([inputs])
    assert compact == dense
    assert [(n.pitch, n.start_time, n.end_time) for n in dense[0].notes] == [
        (56, 0, 0.125),
        (60, 0.125, 0.25),
    ]


@pytest.mark.parametrize("piece", ["joplin_rags/maple.mid", "mutopia_piano/BachJS_BWV856_Fugue11.mid"])
def test_tokens_of_real_music_come_back(data_dir: Callable[[str], Path], piece: str) -> None:
    folder, name = piece.split("/")
    sequence = read_midi(data_dir(folder) / name)
    converter = RelativeConverter()
    (example,), reasons = converter.convert(sequence)
    onsets = piano_roll(sequence).onsets
    onsets = onsets[onsets.any(axis=1).argmax() :]
    back = converter.decode(example.inputs)
    assert not reasons and not onsets[len(back) :].any()
    np.testing.assert_array_equal(back.sum(axis=1), onsets[: len(back)].sum(axis=1))
    np.testing.assert_array_equal(converter.encode(back), example.inputs)
    # Octaves, which the original took for steps.
    assert (example.inputs == 1).any()
