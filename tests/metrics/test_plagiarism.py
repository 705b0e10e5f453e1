"""The plagiarism check finds what was copied, transposed too, and says how far the rest is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from metrics import plagiarism
from metrics.plagiarism import count_passages, jaccard_distances, nearest_segments, summarize
from preprocess.keyboard import KEYS
from preprocess.pieces.pieces import Pieces
from preprocess.pieces.transforms import transpose

ROWS = hnp.arrays(bool, st.tuples(st.integers(1, 6), st.just(9)))


def music(frames: int, seed: int) -> np.ndarray:
    """Random keys of the middle five octaves."""
    cells = np.zeros((frames, KEYS), bool)
    cells[:, 14:74] = np.random.default_rng(seed).random((frames, 60)) < 0.05
    return cells


@pytest.fixture
def training() -> Pieces:
    return Pieces(("first", "second", "third"), [music(n, n) for n in (200, 96, 20)])


@given(ROWS, ROWS)
def test_distances_are_cells_that_differ_over_cells_that_sound(a: np.ndarray, b: np.ndarray) -> None:
    found = jaccard_distances(a.astype(np.float32), b.astype(np.float32))
    for i, j in np.ndindex(len(a), len(b)):
        either = (a[i] | b[j]).sum()
        expected = (a[i] ^ b[j]).sum() / either if either else 0
        assert found[i, j] == pytest.approx(expected, abs=1e-6)
        assert (found[i, j] == 0) == (a[i] == b[j]).all()


@pytest.mark.parametrize("semitones", [0, 5, -6])
def test_a_copy_is_found_where_it_stands(training: Pieces, semitones: int) -> None:
    generated = music(96, 7)
    generated[32:64] = transpose(training.keys[1][12:44], semitones)
    matches = nearest_segments([music(48, 8), generated], training)
    assert [(m.piece, m.frame) for m in matches] == [(0, 0), (0, 16)] + [(1, f) for f in range(0, 80, 16)]
    copies = [m for m in matches if m.distance == 0]
    assert copies == [plagiarism.Match(1, 32, 0.0, "second", 1, 12, semitones)]
    assert min(m.distance for m in matches if m.distance) > 0.4
    summary = summarize(matches)
    assert summary.segments == 7 and summary.copied == pytest.approx(1 / 7)
    assert summary.mean_distance == pytest.approx(np.mean([m.distance for m in matches]))


def test_a_copy_transposed_too_far_is_not_looked_for(training: Pieces) -> None:
    generated = transpose(training.keys[1][:32], 7)
    assert nearest_segments([generated], training)[0].distance > 0
    (match,) = nearest_segments([generated], training, transpositions=range(8))
    assert (match.distance, match.transposition) == (0, 7)


def test_a_few_changed_notes_are_near(training: Pieces) -> None:
    generated = training.keys[0][64:96].copy()
    changed = np.argwhere(generated)[:3]
    generated[tuple(changed.T)] = False
    (match,) = nearest_segments([generated], training)
    assert (match.name, match.training_frame, match.transposition) == ("first", 64, 0)
    assert match.distance == pytest.approx(3 / training.keys[0][64:96].sum(), abs=1e-6)


def test_pieces_of_one_name_are_told_apart() -> None:
    training = Pieces(("same.mid", "same.mid"), [music(96, 1), music(64, 2)])
    (match,) = nearest_segments([training.keys[1][8:40]], training)
    assert (match.name, match.training_piece, match.training_frame) == ("same.mid", 1, 8)


def test_blocks_change_nothing(training: Pieces, monkeypatch: pytest.MonkeyPatch) -> None:
    generated = [music(80, 9), training.keys[0][4:60]]
    whole = nearest_segments(generated, training, hop=8)
    monkeypatch.setattr(plagiarism, "TRAINING_BLOCK", 5)
    monkeypatch.setattr(plagiarism, "GENERATED_BLOCK", 3)
    compared: list[int] = []
    assert nearest_segments(generated, training, hop=8, on_passages=compared.append) == whole
    assert sum(compared) == count_passages(training) and len(compared) > 1
    assert sum(m.distance == 0 for m in whole) == 4


def test_the_least_transposition_of_equal_ones_is_named() -> None:
    """A chromatic scale is its own copy in every key."""
    scale = np.zeros((64, KEYS), bool)
    scale[np.arange(64), 10 + np.arange(64)] = True
    (match,) = nearest_segments([scale[16:48]], Pieces(("scale",), [scale]), training_hop=1)
    assert (match.distance, match.transposition, match.training_frame) == (0, 0, 16)


def test_silence_and_short_pieces_are_left_out(training: Pieces) -> None:
    silent, short = np.zeros((64, KEYS), bool), music(31, 3)
    assert nearest_segments([silent, short], training) == []
    with pytest.raises(ValueError, match="no passage"):
        summarize([])
    for pieces in (Pieces(("short",), [short]), Pieces(("tokens",), [np.zeros(64, np.int32)])):
        with pytest.raises(ValueError, match=r"32 frames|tokens"):
            nearest_segments([music(64, 1)], pieces)


def test_notes_at_the_end_of_the_keyboard_are_not_moved_off() -> None:
    low = np.zeros((32, KEYS), bool)
    low[::4, 0] = low[::4, 12] = True
    higher = transpose(low, 3)
    # Three semitones below the training passage, so its source lies above; the other way is off the keyboard.
    (match,) = nearest_segments([low], Pieces(("higher",), [higher]))
    assert (match.distance, match.transposition) == (0, -3)
