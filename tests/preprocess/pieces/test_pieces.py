"""Pieces and their fragments: nothing is lost or invented on the way from a file to a batch."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from common.errors import InputError
from preprocess.converters.relative import RelativeConverter
from preprocess.example_forms import NO_TOKEN
from preprocess.keyboard import KEYS
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from preprocess.piano_rolls import Roll, piano_roll, to_note_sequence
from preprocess.pieces.fragments import FragmentBatches, chunks
from preprocess.pieces.pieces import Pieces, first_bar, load_pieces
from preprocess.pieces.transforms import transpose, transpositions
from preprocess.tfrecord import RecordWriter

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=6)
SIZES = st.tuples(st.integers(1, 12), st.integers(0, 9), st.integers(1, 7))
"""Length of a fragment, history, batch size."""


def numbered(lengths: list[int]) -> Pieces:
    """Pieces of tokens, all different: 0, 1, 2, ..."""
    ends = np.cumsum(lengths)
    keys = [np.arange(end - n, end, dtype=np.int32) for end, n in zip(ends, lengths, strict=True)]
    return Pieces(tuple(f"piece {i}" for i in range(len(lengths))), keys)


@st.composite
def one_roll(draw: st.DrawFn) -> Pieces:
    """One piece with velocities, of keys in the middle, whose frames differ so much that no two are confused."""
    frames, seed = draw(st.integers(1, 40)), draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    velocities = np.zeros((frames, KEYS), np.float32)
    velocities[:, 4:80] = rng.integers(1, 128, (frames, 76)) * (rng.random((frames, 76)) < 0.3) / 128
    return Pieces(("piece",), [velocities > 0], [velocities])


def expected_window(piece: np.ndarray, start: int, length: int, history: int) -> np.ndarray:
    """The frames around a fragment, one by one."""
    nothing = np.full(piece.shape[1:], NO_TOKEN if piece.ndim == 1 else 0)
    places = range(start - 1 - history, start + length)
    return np.stack([piece[t] if 0 <= t < len(piece) else nothing for t in places])


@given(LENGTHS, SIZES, st.integers(0, 9))
def test_epochs_hold_every_frame_once(lengths: list[int], sizes: tuple[int, int, int], seed: int) -> None:
    length, history, batch_size = sizes
    pieces = numbered(lengths)
    batches = FragmentBatches(pieces, length, history, batch_size, seed)
    rows: list[list[int]] = []
    for step in itertools.count():
        batch = batches.batch(step)
        assert batch["tokens"].shape == (batch_size, length) and batch["lengths"].min() > 0
        rows += [tokens[:n].tolist() for tokens, n in zip(batch["tokens"], batch["lengths"], strict=True)]
        if sum(map(len, rows)) >= 3 * sum(lengths):
            break
    # No fragment lies in two epochs, so the frames drawn come in whole sets.
    drawn = list(itertools.chain(*rows))
    for epoch in range(3):
        part = drawn[epoch * sum(lengths) : (epoch + 1) * sum(lengths)]
        assert sorted(part) == list(range(sum(lengths)))


@given(LENGTHS, SIZES, st.integers(0, 50))
def test_fragments_know_their_place_and_what_came_before(
    lengths: list[int], sizes: tuple[int, int, int], step: int
) -> None:
    length, history, batch_size = sizes
    pieces = numbered(lengths)
    begins = np.cumsum([0, *lengths])
    batch = FragmentBatches(pieces, length, history, batch_size, 1).batch(step)
    assert ("past" in batch) == (history > 0)
    for row in range(batch_size):
        piece = int(np.searchsorted(begins, batch["tokens"][row, 0], side="right")) - 1
        start, n = batch["position"][row], batch["lengths"][row]
        window = expected_window(pieces.keys[piece][: start + n], start, length, history)
        np.testing.assert_array_equal(batch["tokens"][row], window[history + 1 :])
        assert batch["before"][row] == window[history]
        if history:
            np.testing.assert_array_equal(batch["past"][row], window[:history])


@given(one_roll(), SIZES, st.integers(0, 20), st.integers(-6, 0), st.integers(0, 11))
def test_transposed_fragments_are_the_pieces_own(
    pieces: Pieces, sizes: tuple[int, int, int], step: int, low: int, high: int
) -> None:
    length, history, batch_size = sizes
    batch = FragmentBatches(pieces, length, history, batch_size, 2, (low, high)).batch(step)
    assert batch["keys"].dtype == np.uint8 and batch["velocities"].dtype == np.float32
    assert pieces.velocities is not None
    for row, (start, n) in enumerate(zip(batch["position"], batch["lengths"], strict=True)):
        assert batch["keys"][row].sum() == pieces.keys[0][start : start + n].sum()
        ours = expected_window(pieces.velocities[0][: start + n], start, length, history)
        theirs = np.concatenate([batch["velocity_before"][row, None], batch["velocities"][row]])
        same = [
            t
            for t in range(low, high + 1)
            if t in transpositions(pieces.keys[0])
            and (transpose(ours[history:], t, drop=True) == theirs).all()
        ]
        assert same
        moved = transpose(ours > 0, same[0], drop=True)
        np.testing.assert_array_equal(batch["keys"][row], moved[history + 1 :])
        np.testing.assert_array_equal(batch["before"][row], moved[history])
        if history:
            np.testing.assert_array_equal(batch["past"][row], moved[:history])


def test_all_possible_transpositions_are_drawn_and_no_others() -> None:
    roll = np.zeros((8, KEYS), bool)
    roll[:, [2, 60]] = True
    batch = FragmentBatches(Pieces(("a",), [roll]), 8, 0, 200, 0, (-6, 5)).batch(0)
    assert set(batch["keys"].argmax(axis=2)[:, 0].tolist()) == set(range(8))


@given(LENGTHS, SIZES, st.integers(0, 30), st.integers(0, 3))
def test_a_batch_depends_on_seed_and_step_alone(
    lengths: list[int], sizes: tuple[int, int, int], step: int, seed: int
) -> None:
    length, history, batch_size = sizes
    used = FragmentBatches(numbered(lengths), length, history, batch_size, seed)
    for other in (3, step + 5, 0):
        used.batch(other)
    fresh = FragmentBatches(numbered(lengths), length, history, batch_size, seed).batch(step)
    again = used.batch(step)
    assert list(again) == list(fresh)
    for name, values in again.items():
        np.testing.assert_array_equal(values, fresh[name])


def test_seeds_and_epochs_differ() -> None:
    pieces = numbered([40] * 10)
    first = FragmentBatches(pieces, 8, 0, 50, 0).batch(0)["tokens"]
    assert (first != FragmentBatches(pieces, 8, 0, 50, 1).batch(0)["tokens"]).any()
    # So many cuts are drawn in some epochs that a frame begins fragments and ends them.
    batches = FragmentBatches(numbered([40]), 8, 0, 20, 0)
    drawn = [batches.batch(step)["position"] for step in range(20)]
    assert set(np.concatenate(drawn).tolist()) == set(range(40))


def test_errors_spoil_what_is_read_and_predicted_alike() -> None:
    rng = np.random.default_rng(0)
    keys = rng.random((200, KEYS)) < 0.1
    velocities = np.where(keys, np.float32(0.9), np.float32(0))
    pieces = Pieces(("piece",), [keys], [velocities])
    whole = FragmentBatches(pieces, 50, 20, 4, seed=1)
    corrupted = FragmentBatches(pieces, 50, 20, 4, seed=1, error_rate=0.2)
    changed = 0
    for step in range(4):
        clean, batch = whole.batch(step), corrupted.batch(step)
        again = FragmentBatches(pieces, 50, 20, 4, seed=1, error_rate=0.2).batch(step)
        for name, values in batch.items():
            np.testing.assert_array_equal(values, again[name])
            assert values.shape == clean[name].shape and values.dtype == clean[name].dtype
        for row in range(4):
            start, length = int(batch["position"][row]), int(batch["lengths"][row])
            real = batch["keys"][row, :length]
            different = (real != clean["keys"][row, :length]).any(axis=1)
            assert (real[different].sum(axis=1) == 1).all()
            changed += different.sum()
            assert not batch["keys"][row, length:].any()
            if start <= 20:
                assert not batch["past"][row, : 21 - start].any()
        np.testing.assert_array_equal(batch["velocities"] > 0, batch["keys"] > 0)
        np.testing.assert_array_equal(batch["velocity_before"] > 0, batch["before"] > 0)
    frames = sum(int(whole.batch(step)["lengths"].sum()) for step in range(4))
    assert 0.12 < changed / frames < 0.25


def test_what_can_not_be_drawn_from_is_refused() -> None:
    pieces = numbered([5])
    for arguments in (
        (Pieces((), []), 4, 0, 1, 0),
        (Pieces(("empty",), [np.zeros((0, 88), bool)]), 4, 0, 1, 0),
        (pieces, 0, 0, 1, 0),
        (pieces, 4, -1, 1, 0),
        (pieces, 4, 0, 0, 0),
        (pieces, 4, 0, 1, 0, (1, 5)),
        (pieces, 4, 0, 1, 0, (-1, 0)),
    ):
        with pytest.raises(ValueError, match=r"piece|least|range|Tokens"):
            FragmentBatches(*arguments)


@given(LENGTHS, SIZES)
def test_chunks_one_after_the_other_are_the_pieces(lengths: list[int], sizes: tuple[int, int, int]) -> None:
    length, _, batch_size = sizes
    pieces = numbered(lengths)
    read: dict[int, list[int]] = {}
    for group in chunks(pieces, length, batch_size):
        for time, batch in enumerate(group):
            assert batch["tokens"].shape == (batch_size, length)
            assert set(batch["position"].tolist()) == {time * length}
            np.testing.assert_array_equal(batch["pieces"], group[0]["pieces"])
            for row, piece in enumerate(batch["pieces"].tolist()):
                n, tokens = int(batch["lengths"][row]), batch["tokens"][row]
                assert (tokens[n:] == NO_TOKEN).all()
                if piece < 0:
                    assert n == 0
                    continue
                if n:
                    window = expected_window(pieces.keys[piece], time * length, length, 0)
                    assert batch["before"][row] == window[0]
                read.setdefault(piece, []).extend(tokens[:n].tolist())
        assert group[-1]["lengths"].max() > 0
    assert [read[i] for i in range(len(lengths))] == [piece.tolist() for piece in pieces.keys]


def test_chunks_put_pieces_of_similar_length_together() -> None:
    groups = list(chunks(numbered([3, 30, 4, 29]), 10, 2))
    assert [group[0]["pieces"].tolist() for group in groups] == [[1, 3], [2, 0]]
    assert [len(group) for group in groups] == [3, 1]


def sequence_of(roll: Roll, name: str) -> Any:
    sequence = to_note_sequence(roll)
    sequence.filename = name
    return sequence


def write(path: Path, *sequences: Any) -> Path:
    with RecordWriter(path) as writer:
        for sequence in sequences:
            writer.write(sequence.SerializeToString())
    return path


@given(hnp.arrays(bool, (20, KEYS)), st.integers(0, 40))
def test_the_first_bar_is_that_of_the_first_note(cells: np.ndarray, silent: int) -> None:
    cells = np.concatenate([np.zeros((silent, KEYS), bool), cells])
    first = first_bar(cells, 16)
    assert not cells[:first].any()
    assert first == len(cells) if not cells.any() else (first % 16 == 0 and cells[first : first + 16].any())


def test_note_sequences_are_pieces(tmp_path: Path) -> None:
    onsets = np.zeros((48, KEYS), bool)
    onsets[[37, 40, 44], [30, 34, 37]] = True
    roll = Roll(onsets, Roll.of_struck(onsets, 4).sounding, onsets * np.float32(0.5))
    early = sequence_of(roll, "early.mid")
    early.notes[0].start_time = -1.0
    path = write(tmp_path / "a.tfrecord", sequence_of(roll, "late.mid"), NoteSequence(), early)
    records = []
    pieces = load_pieces(str(path), with_velocities=True, on_record=lambda: records.append(1))
    assert pieces.names == ("late.mid",) and len(records) == 3
    assert pieces.reasons == {"no_notes": 1, "negative_time": 1}
    assert pieces.velocities is not None
    # Two bars of silence are gone, what is left begins at the bar.
    np.testing.assert_array_equal(pieces.keys[0], onsets[32:])
    np.testing.assert_array_equal(pieces.velocities[0], roll.velocities[32:])  # type: ignore[index]
    assert pieces.describe() == "1 piece, 16 frames (dropped: no_notes 1, negative_time 1)"
    sounding = load_pieces(str(path), "sounding")
    assert sounding.velocities is None
    np.testing.assert_array_equal(sounding.keys[0], roll.sounding[32:])
    # Half as many frames a quarter note: the bar has eight.
    assert len(load_pieces(str(path), steps_per_quarter=2).keys[0]) == 8


def test_real_pieces_are_whole(data_dir: Callable[[str], Path], tmp_path: Path) -> None:
    sequences = [read_midi(data_dir("joplin_rags") / f"{name}.mid") for name in ("maple", "entertainer")]
    pieces = load_pieces(str(write(tmp_path / "rags.tfrecord", *sequences)))
    assert pieces.names == ("rags.tfrecord#0", "rags.tfrecord#1") and not pieces.reasons
    for piece, sequence in zip(pieces.keys, sequences, strict=True):
        onsets = piano_roll(sequence).onsets
        np.testing.assert_array_equal(piece, onsets[len(onsets) - len(piece) :])
        assert piece.sum() == onsets.sum() and piece[:16].any()


def test_tokens_of_a_converter_are_pieces(tmp_path: Path) -> None:
    onsets = np.zeros((8, KEYS), bool)
    onsets[[0, 2, 2], [39, 39, 43]] = True
    single = np.zeros((1, KEYS), bool)
    single[0, 5] = True
    sequences = [sequence_of(Roll.of_struck(x), "a.mid") for x in (onsets, single)]
    path = write(tmp_path / "a.tfrecord", *sequences)
    pieces = load_pieces(str(path), converter=RelativeConverter())
    assert [piece.tolist() for piece in pieces.keys] == [[0, 0, 1, 5]]
    assert pieces.describe() == "1 piece, 4 tokens (dropped: too_short 1)"
    batch = FragmentBatches(pieces, 8, 0, 1, 0).batch(0)
    assert batch["tokens"].dtype == batch["before"].dtype == np.int32 and "keys" not in batch


@pytest.fixture
def polyphonic(tmp_path: Path) -> Path:
    """A small set whose training split has two pieces, of the keys 0 to 4 and 0 to 2."""
    savemat = pytest.importorskip("scipy.io").savemat
    splits = {}
    for name, sizes in {"traindata": (5, 3), "validdata": (2,), "testdata": (7, 1, 1)}.items():
        splits[name] = np.empty((1, len(sizes)), dtype=object)
        splits[name][0, :] = [np.eye(n, KEYS) for n in sizes]
    savemat(tmp_path / "Small.mat", splits)
    return tmp_path / "Small.mat"


def test_splits_of_polyphonic_sets(polyphonic: Path, tmp_path: Path) -> None:
    def sizes(patterns: str, split: str | None = None) -> list[int]:
        return load_pieces(patterns, "sounding", split=split).lengths.tolist()

    assert sizes(f"{polyphonic}") == [5, 3]
    assert sizes(f"{tmp_path}/*.mat:test") == [7, 1, 1]
    assert sizes(f"{polyphonic}", "validation") == [2]
    assert sizes(f"{polyphonic}:train, {polyphonic}:validation, {polyphonic}", "test") == [5, 3, 2, 7, 1, 1]
    pieces = load_pieces(f"{polyphonic}:test,{polyphonic}:test", "sounding")
    assert pieces.names == ("Small:test#0", "Small:test#1", "Small:test#2")
    np.testing.assert_array_equal(pieces.keys[0], np.eye(7, KEYS) > 0)


def test_sets_have_no_onsets_velocities_or_tokens(polyphonic: Path) -> None:
    for options, reason in (
        ({}, "no_onsets"),
        ({"representation": "sounding", "with_velocities": True}, "no_velocities"),
        ({"converter": RelativeConverter()}, "no_tokens"),
        ({"representation": "sounding", "split": "valid"}, "bad_split"),
    ):
        with pytest.raises(InputError, match=str(polyphonic)) as error:
            load_pieces(str(polyphonic), **options)
        assert error.value.reason == reason
    with pytest.raises(InputError, match="tset"):
        load_pieces(f"{polyphonic}:tset", "sounding")


def test_files_without_pieces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="representation"):
        load_pieces("x", "held")
    for patterns, reason in ((f"{tmp_path}/none*", "no_files"), (" , ", "no_files")):
        with pytest.raises(InputError) as error:
            load_pieces(patterns)
        assert error.value.reason == reason
    with RecordWriter(tmp_path / "bad.tfrecord") as writer:
        writer.write(b"\xff\xff\xff")
    with pytest.raises(InputError, match=r"bad\.tfrecord: gave no piece \(bad_record: 1\)"):
        load_pieces(str(tmp_path / "bad.tfrecord"))
    path = write(tmp_path / "silent.tfrecord", NoteSequence(), NoteSequence())
    with pytest.raises(InputError, match="no_notes: 2") as error:
        load_pieces(str(path))
    assert error.value.reason == "no_pieces"


def test_shards_of_preprocess_tfrecord_hold_the_same_pieces(tmp_path: Path) -> None:
    """A piece in 4/4 from its first bar on is the same, whichever of both ways it goes."""
    from preprocess.preprocess_tfrecord import main

    rng = np.random.default_rng(0)
    rolls = [rng.random((32, KEYS)) < 0.05 for _ in range(3)]
    with RecordWriter(tmp_path / "pieces.tfrecord") as writer:
        for i, roll in enumerate(rolls):
            roll[0, 40] = roll[-1, 50] = True
            sequence = to_note_sequence(Roll.of_struck(roll))
            sequence.filename = f"{i}.mid"
            writer.write(sequence.SerializeToString())
    flags = [f"--input_tfrecord={tmp_path / 'pieces.tfrecord'}", f"--output_tfrecord={tmp_path / 'shards'}"]
    assert main([*flags, "--config=piano-baseline", "--output_shards=1"]) == 0
    shards = load_pieces(str(tmp_path / "shards*-of-*"))
    direct = load_pieces(str(tmp_path / "pieces.tfrecord"))
    assert sorted(shards.names) == sorted(direct.names) == ["0.mid", "1.mid", "2.mid"]
    for name, keys in zip(shards.names, shards.keys, strict=True):
        np.testing.assert_array_equal(keys, direct.keys[direct.names.index(name)])
    with pytest.raises(InputError, match="alone holds velocities"):
        load_pieces(str(tmp_path / "shards*-of-*"), with_velocities=True)
    with pytest.raises(InputError, match="another converter"):
        load_pieces(str(tmp_path / "shards*-of-*"), "sounding")
