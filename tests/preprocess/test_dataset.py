"""Examples in memory and their batches: reproducible, fair to every source, refused with reasons."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import configs
from common.errors import InputError
from preprocess.augment import Augmenter
from preprocess.converters import create
from preprocess.dataset import Batches, ExampleSet, load_examples
from preprocess.example_forms import NO_TOKEN
from preprocess.note_sequence import NoteSequence
from preprocess.preprocess_tfrecord import main as preprocess_main
from preprocess.tfrecord import RecordWriter
from tests.helpers.drum_sequences import backbeat, drum_sequence

SPEC = {
    "name": "drums",
    "max_bars": 100,
    "slice_bars": 4,
    "steps_per_quarter": 4,
    "roll_input": True,
}


def example_set(per_source: list[int]) -> ExampleSet:
    """Example i holds the token i."""
    sources = np.repeat(np.arange(len(per_source), dtype=np.int32), per_source)
    tokens = np.arange(len(sources), dtype=np.int32)[:, None]
    names = tuple(f"source {i}" for i in range(len(per_source)))
    return ExampleSet(tokens, np.ones(len(sources), np.int32), sources, names, {})


def drawn(batches: Batches, steps: range) -> np.ndarray:
    return np.concatenate([batches.batch(i)["inputs"][:, 0] for i in steps])


def beats() -> list:
    """Three sources, of 1, 5 and 3 different examples."""
    changing = [
        drum_sequence([(16 * i + j, 36, 90, 1) for i in range(bars) for j in (0, i + 1)]) for bars in (8, 6)
    ]
    sequences = [backbeat(4), *changing]
    for i, sequence in enumerate(sequences):
        sequence.filename = f"beat {i}"
    return sequences


def write(path: Path, sequences: list) -> Path:
    with RecordWriter(path) as writer:
        for sequence in sequences:
            writer.write(sequence.SerializeToString())
    return path


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.integers(1, 40), st.integers(0, 99))
def test_a_batch_is_a_function_of_its_step(per_source: list[int], size: int, seed: int) -> None:
    examples = example_set(per_source)
    in_order, anyhow = Batches(examples, size, seed, 2), Batches(examples, size, seed, 2)
    expected = [in_order.batch(i)["inputs"] for i in range(6)]
    for i in (5, 0, 3, 3, 1):
        batch = anyhow.batch(i)
        assert batch["inputs"].shape == (size, 1), "every batch is full, also one larger than the set"
        np.testing.assert_array_equal(batch["inputs"], expected[i])


@given(st.integers(1, 30), st.integers(1, 50), st.integers(0, 9))
def test_every_epoch_is_a_permutation(count: int, size: int, seed: int) -> None:
    batches = Batches(example_set([count]), size, seed)
    assert batches.epoch_size == count
    stream = drawn(batches, range(3 * count // size + 1))[: 3 * count]
    for epoch in stream.reshape(3, count):
        assert sorted(epoch) == list(range(count))


def test_orders_differ_by_epoch_and_seed() -> None:
    first, second = drawn(Batches(example_set([50]), 50, 1), range(2)).reshape(2, 50)
    assert (first != second).any()
    assert (first != Batches(example_set([50]), 50, 2).batch(0)["inputs"][:, 0]).any()


def test_max_per_source_is_honoured_and_chosen_anew() -> None:
    examples = example_set([2, 30, 5, 1])
    batches = Batches(examples, 11, 3, max_per_source=5)
    assert batches.epoch_size == 2 + 5 + 5 + 1
    epochs = drawn(batches, range(13 * 20 // 11 + 1))[: 13 * 20].reshape(20, 13)
    for epoch in epochs:
        assert len(set(epoch)) == 13
        assert Counter(examples.sources[epoch]) == {0: 2, 1: 5, 2: 5, 3: 1}
    used = set(epochs.ravel())
    assert len(used) > 30, "in twenty epochs nearly every slice of the long source has its turn"


def test_lengths_go_with_their_examples() -> None:
    tokens = np.array([[1, 1, 0], [2, 0, 0], [3, 3, 3]], dtype=np.int32)
    lengths = np.array([2, 1, 3], dtype=np.int32)
    examples = ExampleSet(tokens, lengths, np.zeros(3, np.int32), ("a",), {})
    batch = Batches(examples, 7, 0).batch(2)
    np.testing.assert_array_equal((batch["inputs"] > 0).sum(axis=1), batch["lengths"])


def test_loading(tmp_path: Path) -> None:
    sequences = [*beats(), drum_sequence([]), drum_sequence([(0, 36, 90, 1)])]
    path = write(tmp_path / "beats.tfrecord", sequences)
    calls: list[None] = []
    examples = load_examples(str(path), create(SPEC), SPEC, 64, lambda: calls.append(None))
    assert len(calls) == 5
    expected = [e.inputs for s in sequences for e in create(SPEC).to_tensors(s)]
    np.testing.assert_array_equal(examples.inputs, expected)
    assert examples.source_names[:3] == ("beat 0", "beat 1", "beat 2")
    assert examples.reasons == {"empty": 1, "too_short": 1}
    assert "from 3 of 5 NoteSequences (dropped: " in examples.describe()


def test_longer_examples_are_cut_and_shorter_ones_padded(tmp_path: Path) -> None:
    path = write(tmp_path / "beats.tfrecord", [backbeat(1), backbeat(3)])
    spec = {"name": "drums"}
    examples = load_examples(str(path), create(spec), spec, 32)
    assert examples.lengths.tolist() == [16, 32]
    assert examples.inputs.shape == (2, 32) and (examples.inputs[0, 16:] == NO_TOKEN).all()


def test_an_empty_set_is_refused_with_reasons(tmp_path: Path) -> None:
    path = write(tmp_path / "beats.tfrecord", [drum_sequence([]), backbeat(2), backbeat(3)])
    with pytest.raises(
        InputError, match=r"3 NoteSequences gave no example \(too_short: 2, empty: 1\)"
    ) as caught:
        load_examples(str(path), create(SPEC), SPEC, 64)
    assert caught.value.reason == "no_examples"


def test_a_record_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other"
    with RecordWriter(path) as writer:
        writer.write(b"\xff\xff\xff")
    with pytest.raises(InputError, match=r"bad_record: 1") as caught:
        load_examples(str(path), create(SPEC), SPEC, 64)
    assert caught.value.reason == "no_examples"


@pytest.fixture
def shards(tmp_path: Path) -> tuple[Path, str]:
    path = write(tmp_path / "beats.tfrecord", beats())
    flags = [f"--input_tfrecord={path}", f"--output_tfrecord={tmp_path}/examples", "--output_shards=3"]
    assert preprocess_main([*flags, "--config=hierdec-drum_4bar", "--num_processes=1"]) == 0
    return path, f"{tmp_path}/examples-*"


def by_source(examples: ExampleSet) -> Counter[tuple[str, bytes]]:
    names = [examples.source_names[i] for i in examples.sources]
    return Counter((n, t.tobytes()) for n, t in zip(names, examples.inputs, strict=True))


def test_shards_and_note_sequences_give_the_same(shards: tuple[Path, str]) -> None:
    config = configs.get_config("hierdec-drum_4bar")
    converter, spec = config.build_converter(), config.converter_spec
    direct = load_examples(str(shards[0]), converter, spec, 64)
    sharded = load_examples(shards[1], converter, spec, 64)
    assert by_source(direct) == by_source(sharded)
    assert len(sharded.source_names) == 3, "a source that lies in several shards is one"
    assert Batches(direct, 4, 0, 2).epoch_size == Batches(sharded, 4, 0, 2).epoch_size


def test_shards_of_another_converter_are_refused(shards: tuple[Path, str]) -> None:
    with pytest.raises(InputError, match="preprocess_tfrecord") as caught:
        load_examples(shards[1], create({"name": "drums"}), {"name": "drums"}, 64)
    assert caught.value.reason == "other_converter"


def tune(pitches: list[int], name: str) -> Any:
    """Eighths at 120, one voice."""
    sequence = NoteSequence(ticks_per_quarter=220, filename=name)
    for i, pitch in enumerate(pitches):
        sequence.notes.add(start_time=i / 4, end_time=(i + 1) / 4, pitch=pitch, velocity=80)
    sequence.total_time = len(pitches) / 4
    return sequence


def test_training_chooses_one_transposition_of_each_source_an_epoch(tmp_path: Path) -> None:
    tunes = [tune([60 + i % 5 for i in range(16)], "up"), tune([70 - i % 7 for i in range(24)], "down")]
    path = write(tmp_path / "tunes.tfrecord", tunes)
    config = configs.get_config("cat-mel_2bar_tiny")
    converter, spec = config.build_converter(), config.converter_spec
    plain = load_examples(str(path), converter, spec, 32)
    assert plain.variants is not None and not plain.variants.any()
    examples = load_examples(str(path), converter, spec, 32, augmenter=Augmenter((-2, 2)), training=True)
    assert len(examples) == 6 * len(plain), "as it is, and five transpositions"
    assert examples.variants is not None
    batches = Batches(examples, batches_size := len(plain), 0)
    assert batches.epoch_size == len(plain)
    chosen = set()
    for step in range(40):
        inputs = batches.batch(step)["inputs"]
        assert inputs.shape == (batches_size, 32)
        rows = [np.flatnonzero((examples.inputs == row).all(axis=1))[0] for row in inputs]
        by_source = {(int(examples.sources[i]), int(examples.inputs[i].max())) for i in rows}
        chosen |= by_source
    assert len(chosen) == 10, "each source in each of its five keys"


@pytest.mark.parametrize(
    "name", ["groovae_2bar_humanize", "groovae_2bar_hits_control_tfds", "nade-drums_2bar_full"]
)
def test_shards_of_numbers_bits_and_controls(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "beats.tfrecord", beats())
    flags = [f"--input_tfrecord={path}", f"--output_tfrecord={tmp_path}/examples", "--output_shards=2"]
    assert preprocess_main([*flags, f"--config={name}", "--num_processes=1"]) == 0
    config = configs.get_config(name)
    converter, spec, steps = config.build_converter(), config.converter_spec, config.hparams.max_seq_len
    direct = load_examples(str(path), converter, spec, steps).batch(slice(None))
    sharded = load_examples(f"{tmp_path}/examples-*", converter, spec, steps).batch(slice(None))
    assert direct.keys() == sharded.keys()
    assert ("outputs" in direct) == (name == "groovae_2bar_humanize")
    assert ("controls" in direct) == (name == "groovae_2bar_hits_control_tfds")
    for key, array in direct.items():
        assert array.dtype == sharded[key].dtype and array.any()
        rows = [sorted(row.tobytes() for row in x) for x in (array, sharded[key])]
        assert rows[0] == rows[1]


def test_random_note_dropout_gives_variants(tmp_path: Path) -> None:
    path = write(tmp_path / "beats.tfrecord", beats())
    config = configs.get_config("groovae_2bar_tap_fixed_velocity_note_dropout")
    converter, spec = config.build_converter(), config.converter_spec
    first, again = (load_examples(str(path), converter, spec, 32, training=True) for _ in range(2))
    assert first.variants is not None and first.variants.max() == 8
    np.testing.assert_array_equal(first.inputs, again.inputs)
    assert first.outputs is not None
    plain, dropped = first.inputs[first.variants == 0], first.inputs[first.variants > 0]
    assert dropped[..., :9].sum() / 8 < plain[..., :9].sum()
