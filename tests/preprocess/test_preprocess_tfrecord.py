"""preprocess_tfrecord: TensorFlow reads its shards, they don't depend on processes, filters say what they drop."""

from collections import Counter
from pathlib import Path

import pytest

from common.errors import InputError
from configs import get_config
from preprocess.example_proto import decode
from preprocess.note_sequence import NoteSequence
from preprocess.preprocess_tfrecord import main
from preprocess.tfrecord import RecordWriter, read_records, read_sidecar
from preprocess.transform import Filters, Transform
from tests.helpers.drum_sequences import backbeat, drum_sequence

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


def odd_records() -> dict[str, bytes]:
    """Records that hold no music, by the reason for which they are dropped."""
    records = {"bad_record": b"\xff rubbish", "no_notes": b""}
    for reason in ("quantized", "bad_time", "too_long", "bad_tempo", "no_drums"):
        sequence = backbeat(4)
        if reason == "quantized":
            sequence.quantization_info.steps_per_quarter = 4
        elif reason == "bad_time":
            sequence.notes[3].end_time = float("nan")
        elif reason == "too_long":
            sequence.notes[3].end_time = 1e300
        elif reason == "bad_tempo":
            sequence.tempos.add(time=1, qpm=0)
        else:
            for note in sequence.notes:
                note.is_drum = False
        records[reason] = sequence.SerializeToString()
    return records


def test_odd_records_are_counted_and_end_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.tfrecord"
    odd = odd_records()
    with RecordWriter(path) as writer:
        for record in [*odd.values(), backbeat(4).SerializeToString()]:
            writer.write(record)
    paths = run(path, "out", "--no-enable_filtering")
    sidecar = read_sidecar(paths[0]) or {}
    assert (
        sidecar["without_example"] == dict.fromkeys(odd, 1)
        and sum(map(len, map(list, map(read_records, paths)))) == 1
    )
    assert "NoteSequences without" in capsys.readouterr().out.replace("\n", " ")
    run(path, "filtered")


def test_a_converter_that_fails_drops_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    from preprocess.converters import drums

    def fail(*arguments: object) -> None:
        raise IndexError

    monkeypatch.setattr(drums.DrumsConverter, "convert", fail)
    assert Transform(get_config(CONFIG).converter_spec, None)(backbeat(4).SerializeToString()) == (
        [],
        Counter(["converter_failed"]),
    )


def test_examples_are_found_in_bars_unless_wanted_otherwise() -> None:
    """A tempo that changes in each bar: Magenta's splitting finds no four bars in it."""
    sequence = backbeat(8)
    bar = 4 * 60 / sequence.tempos[0].qpm
    faster = type(sequence)()
    faster.CopyFrom(sequence)
    del faster.tempos[:]
    for note in faster.notes:
        index = int(note.start_time / bar + 1e-6)
        start = sum(bar / (1 + i / 10) for i in range(index))
        note.start_time = start + (note.start_time - index * bar) / (1 + index / 10)
        note.end_time = note.start_time + 0.05
    for i in range(8):
        at = sum(bar / (1 + j / 10) for j in range(i))
        faster.tempos.add(time=at, qpm=sequence.tempos[0].qpm * (1 + i / 10))
    faster.total_time = max(note.end_time for note in faster.notes)
    spec = get_config(CONFIG).converter_spec
    by_bars, _ = Transform(spec, None)(faster.SerializeToString())
    steady, _ = Transform(spec, None)(sequence.SerializeToString())
    split, _ = Transform(spec, None, at_one_tempo=False)(faster.SerializeToString())
    inputs = [[decode(record)[2].inputs.tolist() for record in records] for records in (by_bars, steady)]
    assert inputs[0] == inputs[1] and inputs[0] and not split
