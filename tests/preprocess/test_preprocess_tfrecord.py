"""preprocess_tfrecord: TensorFlow reads its shards, they don't depend on processes, filters say what they drop."""

from collections import Counter
from pathlib import Path

import pytest

from preprocess.errors import InputError
from preprocess.example_proto import decode
from preprocess.note_sequence import NoteSequence
from preprocess.preprocess_tfrecord import main
from preprocess.tfrecord import RecordWriter, read_records, read_sidecar
from preprocess.transform import Filters, Transform
from tests.drum_sequences import backbeat, drum_sequence

CONFIG = "hierdec-drum_4bar"


@pytest.fixture
def beats(tmp_path: Path) -> Path:
    """Seventy NoteSequences, more than go to a process at once."""
    path = tmp_path / "beats.tfrecord"
    with RecordWriter(path) as writer:
        for i in range(70):
            bars = 4 + i % 4
            sequence = drum_sequence([(j * (i + 3) % (16 * bars), 36, 40 + j, 1) for j in range(9)])
            sequence.filename = f"{i}.mid"
            writer.write(sequence.SerializeToString())
    return path


def run(beats: Path, name: str, *flags: str) -> list[Path]:
    output = beats.parent / name
    base = [f"--input_tfrecord={beats}", f"--output_tfrecord={output}", f"--config={CONFIG}"]
    assert main([*base, "--output_shards=3", "--num_processes=1", *flags]) == 0
    return sorted(beats.parent.glob(f"{name}-*-of-00003"))


def contents(paths: list[Path]) -> Counter[bytes]:
    return Counter(record for path in paths for record in read_records(path))


def test_tensorflow_reads_the_shards(beats: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    paths = run(beats, "out")
    features = {
        "inputs": tf.io.FixedLenFeature([64], tf.int64),
        "source": tf.io.FixedLenFeature([], tf.string),
    }
    for path in paths:
        ours = [decode(record) for record in read_records(path)]
        parsed = [tf.io.parse_single_example(r, features) for r in tf.data.TFRecordDataset(str(path))]
        assert len(parsed) == len(ours) == (read_sidecar(path) or {})["count"] > 0
        for (source, _, ours_example), example in zip(ours, parsed, strict=True):
            assert example["source"].numpy().decode() == source
            assert example["inputs"].numpy().tolist() == ours_example.inputs.tolist()


def test_shards_do_not_depend_on_processes(beats: Path) -> None:
    one, three = run(beats, "one"), run(beats, "three", "--num_processes=3")
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in three]
    counts = [(read_sidecar(p) or {})["count"] for p in one]
    assert max(counts) - min(counts) <= 1


def test_max_examples_per_sequence(beats: Path) -> None:
    paths = run(beats, "out", "--max_examples_per_sequence=2")
    counts = Counter(decode(record)[0] for record in contents(paths).elements())
    assert set(counts.values()) == {1, 2}


def test_filters_are_counted(beats: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = run(beats, "out", "--max_total_time=10.1")
    sidecar = read_sidecar(paths[0]) or {}
    sequences = [NoteSequence.FromString(r) for r in read_records(beats)]
    too_long = sum(s.total_time > 10.1 for s in sequences)
    assert sidecar["reasons"]["too_long"] == too_long > 0
    assert "too_long" in capsys.readouterr().out
    everything = run(beats, "all", "--max_total_time=10.1", "--no-enable_filtering")
    assert sum(contents(everything).values()) > sum(contents(paths).values())


def piano_and_drums() -> object:
    sequence = backbeat(1)
    for i, velocity in enumerate((10, 20, 30, 40)):
        sequence.notes.add(pitch=60, velocity=velocity, start_time=i * 0.01, end_time=1)
    return sequence


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        (Filters(), ""),
        (Filters(max_total_time=1.0), "too_long"),
        (Filters(max_num_notes=5), "too_many_notes"),
        (Filters(drums_only=True), "not_only_drums"),
        (Filters(min_velocities=7), ""),
        (Filters(min_velocities=8), "too_few_velocities"),
        (Filters(min_velocities=3, is_drum=True), ""),
        (Filters(min_velocities=4, is_drum=True), "too_few_velocities"),
        (Filters(min_velocities=5, is_drum=False), "too_few_velocities"),
        (Filters(min_metric_positions=2, is_drum=True), ""),
        (Filters(min_metric_positions=3, is_drum=True), "too_few_metric_positions"),
    ],
)
def test_filters(filters: Filters, reason: str) -> None:
    assert filters.reason_to_drop(piano_and_drums()) == reason


def test_damaged_records_are_counted() -> None:
    assert Transform({"name": "drums"}, None)(b"\xff\xff") == ([], Counter({"bad_record": 1}))


def test_note_sequences_without_names_stay_apart() -> None:
    transform = Transform({"name": "drums"}, None)
    names = {decode(r)[0] for i in (2, 4) for r in transform(backbeat(4, i).SerializeToString())[0]}
    assert len(names) == 2 and "" not in names


def test_refusals(beats: Path) -> None:
    paths = run(beats, "out")
    before = [p.read_bytes() for p in paths]
    with pytest.raises(InputError) as caught:
        run(beats, "out")
    assert caught.value.reason == "exists"
    with pytest.raises(InputError, match="too_long: 70") as caught:
        run(beats, "out", "--force", "--max_total_time=0.1")
    assert caught.value.reason == "no_examples"
    assert [p.read_bytes() for p in paths] == before, "the old shards stay until new ones are whole"
    with pytest.raises(InputError) as caught:
        run(beats, "out2", "--output_shards=0")
    assert not list(beats.parent.glob("*.part"))
    assert not list(beats.parent.glob(".*.part"))


def test_beam_gives_the_same_set(beats: Path) -> None:
    pytest.importorskip("apache_beam")
    local = run(beats, "local", "--max_total_time=10.1")
    beam = run(beats, "beam", "--max_total_time=10.1", "--runner=beam")
    assert contents(local) == contents(beam)
    local_sidecar, beam_sidecar = read_sidecar(local[0]) or {}, read_sidecar(beam[0]) or {}
    assert local_sidecar["reasons"] == beam_sidecar["reasons"]
