"""From NoteSequences to batches: the converter against Magenta's, shards, data sets."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import configs
from preprocess import convert_dir_to_note_sequences, preprocess_tfrecord
from preprocess.converters import create
from preprocess.dataset import Batches, ExampleSet, load_examples
from preprocess.errors import InputError
from preprocess.midi import read_midi
from preprocess.tfrecord import RecordWriter, read_records, read_sidecar
from tests.reference import ROOT, magenta_is_installed

CONFIG = configs.CONFIG_MAP["hierdec-drum_4bar_small"]
OPTION_SETS = [
    {},
    {"slice_bars": 4, "max_bars": 100, "roll_input": True},
    {"slice_bars": 2, "gap_bars": 2, "add_end_token": True},
    {"slice_bars": 1, "gap_bars": 0.5, "roll_input": True, "roll_output": True, "add_end_token": True},
    {"slice_bars": 2, "pad_to_total_time": True, "roll_output": True},
    {"max_bars": 3, "gap_bars": None, "roll_input": True, "add_end_token": True},
    {"slice_bars": 2, "steps_per_quarter": 3, "quarters_per_bar": 3, "roll_input": True},
    {"slice_bars": 2, "pitch_classes": [[36, 35], [38, 40], [42, 44, 46]]},
]

REFERENCE = """
import glob, json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, note_seq
from magenta.models.music_vae import data
from preprocess.converters import create
options, paths = json.load(sys.stdin)
sequences = [note_seq.NoteSequence.FromString(open(p, "rb").read()) for p in paths]
bad = []
for option in options:
    theirs = data.DrumsConverter(**option, max_tensors_per_notesequence=None)
    ours = create({"name": "drums", **option, "max_tensors_per_notesequence": None})
    count = 0
    for path, sequence in zip(paths, sequences):
        expected = theirs.to_tensors(sequence)
        found = ours.to_tensors(sequence)
        dense = [ours.to_dense(e) for e in found]
        pairs = {(np.asarray(a).tobytes(), np.asarray(b).tobytes()) for a, b in zip(expected.inputs, expected.outputs)}
        if len(dense) != len(expected.inputs) or {(a.tobytes(), b.tobytes()) for a, b in dense} != pairs:
            bad.append([str(option), path, len(dense), len(expected.inputs)])
        count += len(dense)
        if dense and not (option.get("roll_output") and option.get("add_end_token")):
            key = lambda s: sorted((n.pitch, n.velocity, round(n.start_time, 6), round(n.end_time, 6)) for n in s.notes)
            outputs = [b for _, b in dense[:3]]
            a, b = theirs.from_tensors(outputs), ours.from_tensors(outputs)
            if [key(s) for s in a] != [key(s) for s in b]:
                bad.append([str(option), path, "from_tensors"])
    if not count:
        bad.append([str(option), "no example at all"])
print(json.dumps(bad))
"""


def random_sequences(count: int) -> list[bytes]:
    """NoteSequences with silences, tempo and meter changes, melodic notes and pitches that are no drum."""
    from preprocess.note_sequence import NoteSequence

    made = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        sequence = NoteSequence(ticks_per_quarter=220)
        qpm = float(rng.choice([90.0, 120.0, 133.0]))
        sequence.tempos.add(qpm=qpm)
        if rng.random() < 0.5:
            sequence.time_signatures.add(numerator=int(rng.choice([3, 4])), denominator=4)
        length = rng.uniform(2, 40)
        if rng.random() < 0.4:
            sequence.tempos.add(qpm=100.0, time=length / 2)
        if rng.random() < 0.4:
            sequence.time_signatures.add(numerator=int(rng.choice([3, 4, 6])), denominator=4, time=length / 3)
        for start in np.sort(rng.uniform(0, length, int(rng.integers(1, 120)))):
            if (start // 5) % 2 and rng.random() < 0.9:
                continue
            end = start + rng.uniform(0.01, 0.3)
            sequence.notes.add(
                start_time=start, end_time=end, pitch=int(rng.choice([36, 35, 38, 42, 46, 49, 51, 20, 99])),
                velocity=int(rng.choice([0, 64, 100], p=[0.05, 0.5, 0.45])), is_drum=bool(rng.random() < 0.95),
            )  # fmt: skip
            sequence.total_time = max(sequence.total_time, end)
        made.append(sequence.SerializeToString())
    return made


@pytest.mark.reference
@pytest.mark.skipif(not magenta_is_installed(), reason="magenta is not installed (make test installs it)")
def test_drum_examples_are_magentas_as_a_set(tmp_path: Path) -> None:
    root = Path(os.environ.get("MUSIC_DATA_DIR", ROOT.parent / "shared" / "data"))
    sequences = random_sequences(40)
    for folder in ("groove", "midi_samples", "chorales"):
        files = sorted((root / folder).rglob("*.mid")) if (root / folder).is_dir() else []
        sequences += [read_midi(path).SerializeToString() for path in files[:: max(1, len(files) // 10)]]
    paths = []
    for i, sequence in enumerate(sequences):
        paths.append(str(tmp_path / str(i)))
        Path(paths[-1]).write_bytes(sequence)
    done = subprocess.run(
        [sys.executable, "-c", REFERENCE], input=json.dumps([OPTION_SETS, paths]), cwd=ROOT, text=True,
        capture_output=True, env={**os.environ, "TF_USE_LEGACY_KERAS": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 511), min_size=32, max_size=32), st.booleans())
def test_tokens_survive_the_way_through_a_note_sequence(tokens: list[int], end: bool) -> None:
    converter = create({"name": "drums", "slice_bars": 2, "gap_bars": None, "add_end_token": end})
    tokens[0] = tokens[0] or 1  # a track begins with its first note's bar
    tokens[31] = tokens[31] or 2  # and ends with its last one's
    extra = [512] if end else []
    [sequence] = converter.from_tensors([np.array(tokens + extra)])
    [example] = converter.to_tensors(sequence)
    assert example.inputs.tolist() == tokens + extra


def test_the_counts_of_the_groove_split(data_dir: Callable[[str], Path]) -> None:
    from preprocess.groove import read_info, select

    converter = CONFIG.build_converter()
    info = read_info(data_dir("groove"))
    rows = select(info, split="validation", beat_types=["beat"], time_signatures=["4-4"])
    sequences = [read_midi(data_dir("groove") / row.midi_filename) for row in rows]
    assert len(rows) == 46
    assert sum(len(converter.to_tensors(sequence)) for sequence in sequences) == 1834


def set_of(lengths: list[int]) -> ExampleSet:
    """A set whose sources give so many examples each; the token says which example it is."""
    n = sum(lengths)
    tokens = np.arange(n, dtype=np.int32)[:, None]
    sources = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    return ExampleSet(tokens, np.ones(n, np.int32), sources, tuple(map(str, range(len(lengths)))), {})


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.integers(1, 40),
    st.one_of(st.none(), st.integers(1, 4)),
    st.integers(0, 20),
)
def test_epochs_are_permutations_and_batches_full(
    lengths: list[int], size: int, most: int | None, step: int
) -> None:
    examples = set_of(lengths)
    batches = Batches(examples, size, seed=3, max_per_source=most)
    assert batches.epoch_size == sum(min(n, most or n) for n in lengths)
    stream = np.concatenate(
        [batches.batch(i)["tokens"][:, 0] for i in range(3 * batches.epoch_size // size + 3)]
    )
    for epoch in range(2):
        part = stream[epoch * batches.epoch_size : (epoch + 1) * batches.epoch_size]
        assert len(set(part.tolist())) == batches.epoch_size
        assert max(np.bincount(examples.sources[part])) <= (most or max(lengths))
    again = Batches(examples, size, seed=3, max_per_source=most)
    np.testing.assert_array_equal(again.batch(step)["tokens"], batches.batch(step)["tokens"])
    assert len(batches.batch(step)["tokens"]) == size


def test_each_epoch_chooses_anew_from_a_source() -> None:
    batches = Batches(set_of([50]), 5, seed=0, max_per_source=5)
    chosen = {tuple(sorted(batches.batch(step)["tokens"][:, 0].tolist())) for step in range(6)}
    assert len(chosen) > 1


def test_shards_give_the_same_examples_as_note_sequences(patterns_tfrecord: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    flags = [f"--input_tfrecord={patterns_tfrecord}", "--config=hierdec-drum_4bar_small", "--output_shards=3"]
    for processes in (1, 2):
        output = f"--output_tfrecord={tmp_path}/{processes}"
        assert preprocess_tfrecord.main([*flags, output, f"--num_processes={processes}"]) == 0
    shards = [p for p in sorted(tmp_path.glob("1-*")) if p.suffix != ".json"]
    for shard in shards:
        assert shard.read_bytes() == (tmp_path / shard.name.replace("1-", "2-", 1)).read_bytes()
    converter = CONFIG.build_converter()
    spec = CONFIG.converter_spec
    ours = load_examples(f"{tmp_path}/1-*", converter, spec, 64)
    direct = load_examples(str(patterns_tfrecord), converter, spec, 64)
    assert {t.tobytes() for t in ours.tokens} == {t.tobytes() for t in direct.tokens}
    features = {
        "tokens": tf.io.FixedLenFeature([64], tf.int64),
        "source": tf.io.FixedLenFeature([], tf.string),
    }
    parsed = [tf.io.parse_single_example(r, features) for r in read_records(shards[0])]
    assert {p["tokens"].numpy().astype(np.int32).tobytes() for p in parsed} <= {
        t.tobytes() for t in ours.tokens
    }
    other = {**spec, "slice_bars": 2}
    with pytest.raises(InputError, match="another converter"):
        load_examples(f"{tmp_path}/1-*", converter, other, 64)


def test_beam_makes_the_same_examples(patterns_tfrecord: Path, tmp_path: Path) -> None:
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed")
    flags = [f"--input_tfrecord={patterns_tfrecord}", "--config=hierdec-drum_4bar_small", "--output_shards=2"]
    assert preprocess_tfrecord.main([*flags, f"--output_tfrecord={tmp_path}/beam", "--runner=beam"]) == 0
    assert preprocess_tfrecord.main([*flags, f"--output_tfrecord={tmp_path}/local"]) == 0

    def records(name: str) -> list[bytes]:
        paths = [p for p in tmp_path.glob(f"{name}-*") if p.suffix != ".json"]
        return sorted(record for path in paths for record in read_records(path))

    assert records("beam") == records("local") != []


def test_nothing_to_train_on_is_refused_with_the_reasons(tmp_path: Path) -> None:
    path = tmp_path / "few.tfrecord"
    with RecordWriter(path) as writer:
        writer.write(random_sequences(1)[0])
    with pytest.raises(InputError, match=r"1 NoteSequences gave no example \(\w+: \d"):
        load_examples(str(path), create({"name": "drums", "slice_bars": 64}), {}, 1024)


@pytest.fixture
def midi_folder(tmp_path: Path) -> Path:
    """Two good files, one of them in a folder, a damaged one and a text."""
    from patterns.notation import beat_to_note_sequence, load_all
    from render.midi import write_midi

    folder = tmp_path / "midi"
    (folder / "more").mkdir(parents=True)
    beats = load_all()
    write_midi(beat_to_note_sequence(beats[0]), folder / "a.mid")
    write_midi(beat_to_note_sequence(beats[1]), folder / "more" / "a.MID")
    (folder / "bad.mid").write_bytes(b"MThd nonsense")
    (folder / "notes.txt").write_text("no music")
    return folder


def test_one_bad_file_does_not_end_the_run(
    midi_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    output = tmp_path / "out.tfrecord"
    flags = [f"--input_dir={midi_folder}", f"--output_file={output}"]
    assert convert_dir_to_note_sequences.main([*flags, "--recursive"]) == 0
    assert len(list(read_records(output))) == 2
    sidecar = read_sidecar(output)
    assert sidecar is not None
    assert sidecar["count"] == 2
    assert [d["file"] for d in sidecar["dropped"]] == ["bad.mid"]
    assert "Wrote 2 NoteSequences from 2 of 3 files" in capsys.readouterr().out
    with pytest.raises(InputError, match="--force"):
        convert_dir_to_note_sequences.main(flags)
    archive = tmp_path / "midi.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in midi_folder.rglob("*.*"):
            file.write(path, path.relative_to(midi_folder))
    zipped = tmp_path / "zipped.tfrecord"
    assert convert_dir_to_note_sequences.main([f"--input_dir={archive}", f"--output_file={zipped}"]) == 0
    assert list(read_records(zipped)) == list(read_records(output))


def test_the_command_ends_with_2_and_one_line_on_bad_input(tmp_path: Path) -> None:
    command = [sys.executable, "preprocess/convert_dir_to_note_sequences.py", f"--output_file={tmp_path}/o"]
    done = subprocess.run(
        [*command, f"--input_dir={tmp_path}/no"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_note_sequence_needs_no_import_of_note_seq() -> None:
    code = (
        "import sys; from preprocess.note_sequence import NoteSequence; assert 'librosa' not in sys.modules;"
        "import note_seq; assert note_seq.NoteSequence is NoteSequence"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def test_abc_and_musicxml_are_read_through_note_seq() -> None:
    from preprocess.scores import read_score

    book = b"X:1\nT:One\nM:4/4\nL:1/4\nK:C\nCDEF|\n\nX:2\nT:Two\nM:4/4\nL:1/4\nK:C\nGABc|\n"
    assert [len(s.notes) for s in read_score(book, ".abc")] == [4, 4]
    with pytest.raises(InputError) as caught:
        read_score(b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', ".xml")
    assert caught.value.reason == "bad_score"
    with pytest.raises(InputError):
        read_score(b"<not-a-score/>", ".musicxml")
