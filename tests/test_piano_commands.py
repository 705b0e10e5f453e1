"""The piano models by their commands: train, sample, evaluate, and what they refuse."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest

import evaluate
import export
import sample
import train
from common.errors import CheckpointError, InputError
from preprocess import preprocess_tfrecord
from preprocess.midi.reader import read_midi
from preprocess.piano_rolls import Roll, piano_roll, to_note_sequence
from preprocess.tfrecord import RecordWriter
from render.midi import Style, write_midi

ROOT = Path(__file__).resolve().parents[1]
HPARAMS = "batch_size=4,max_seq_len=32,learning_rate=0.01"
CONFIG = """
base = "piano-small"
name = "tiny"
[encoder]
reader_sizes = [6]
local_sizes = [6]
aggregator_sizes = [8]
[decoder]
units = 6
voices = 3
keys = {name = "independent", units = 6}
velocities = {units = 6}
"""


def arpeggios(seed: int, bars: int = 6) -> np.ndarray:
    """Broken chords on eighths over a bass note a bar, bool `[frames, 88]`."""
    rng = np.random.default_rng(seed)
    keys = np.zeros((16 * bars, 88), bool)
    for bar in range(bars):
        root = 27 + int(rng.choice([0, 5, 7, 9]))
        keys[16 * bar, root - 12] = True
        for i, step in enumerate(range(0, 16, 2)):
            keys[16 * bar + step, root + (0, 4, 7, 12)[i % 4]] = True
    return keys


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TFRecord of twelve pieces."""
    path = tmp_path_factory.mktemp("pieces") / "pieces.tfrecord"
    with RecordWriter(path) as writer:
        for seed in range(12):
            sequence = to_note_sequence(Roll.of_struck(arpeggios(seed)))
            sequence.filename = f"piece-{seed}.mid"
            writer.write(sequence.SerializeToString())
    return path


@pytest.fixture(scope="module")
def run_dir(pieces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few steps of a tiny baseline with velocities."""
    folder = tmp_path_factory.mktemp("piano")
    (folder / "tiny.toml").write_text(CONFIG)
    flags = [f"--config={folder / 'tiny.toml'}", f"--hparams={HPARAMS}", f"--run_dir={folder / 'run'}"]
    flags += [f"--examples_path={pieces}", f"--eval_examples_path={pieces}"]
    flags += ["--num_steps=20", "--log_every=10", "--eval_every=10", "--save_every=10"]
    assert train.main(flags) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def primer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MIDI file of four bars."""
    path = tmp_path_factory.mktemp("primer") / "start.mid"
    write_midi(to_note_sequence(Roll.of_struck(arpeggios(99, 4))), path, Style(), 4)
    return path


def played(path: Path) -> np.ndarray:
    """The keys struck in a MIDI file."""
    return piano_roll(read_midi(path)).onsets


def test_training_leaves_a_log_a_best_checkpoint_and_pictures(run_dir: Path) -> None:
    log = (run_dir / "log.csv").read_text().splitlines()
    assert len(log) == 3 and "val_loss" in log[0] and "key_nats" in log[0] and "velocity_error" in log[0]
    assert (run_dir / "train" / "best.safetensors").exists()
    pictures = sorted(path.name for path in (run_dir / "pictures").iterdir())
    assert pictures == ["step-00000010.png", "step-00000020.png"]


@pytest.mark.slow
def test_an_interrupted_run_goes_on_as_if_it_had_not_stopped(
    run_dir: Path, pieces: Path, tmp_path: Path
) -> None:
    config = run_dir.parent / "tiny.toml"
    # Without evaluation, whose draws must not move those of training.
    flags = [f"--config={config}", f"--hparams={HPARAMS}", f"--run_dir={tmp_path / 'run'}"]
    flags += [f"--examples_path={pieces}", "--log_every=10", "--save_every=10"]
    assert train.main([*flags, "--num_steps=10"]) == 0
    assert train.main([*flags, "--num_steps=20"]) == 0

    def losses(path: Path) -> list[str]:
        rows = [line.split(",") for line in (path / "log.csv").read_text().splitlines()]
        column = rows[0].index("loss")
        return [row[column] for row in rows[1:]]

    assert losses(tmp_path / "run") == losses(run_dir)


def test_samples_of_a_length_in_bars(run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    flags = [f"--run_dir={run_dir}", f"--output_dir={tmp_path}", "--num_outputs=2", "--bars=3", "--png"]
    assert sample.main(flags) == 0
    assert "Wrote 2 pieces of 3 bars (3 files)" in capsys.readouterr().out
    files = sorted(tmp_path.glob("*.mid"))
    assert [file.name for file in files] == ["tiny_sample-000-of-002.mid", "tiny_sample-001-of-002.mid"]
    for file in files:
        ticks = max(sum(message.time for message in one) for one in mido.MidiFile(file).tracks)
        assert ticks == 3 * 4 * 480


@pytest.mark.slow
def test_the_same_seed_plays_the_same(run_dir: Path, tmp_path: Path) -> None:
    for folder, count in (("a", 3), ("b", 1)):
        flags = [f"--run_dir={run_dir}", f"--output_dir={tmp_path / folder}", f"--num_outputs={count}"]
        assert sample.main([*flags, "--bars=1", "--seed=5", "--temperature=1"]) == 0
    first = (tmp_path / "a" / "tiny_sample-000-of-003.mid").read_bytes()
    assert first == (tmp_path / "b" / "tiny_sample-000-of-001.mid").read_bytes()


def test_goes_on_from_a_midi_file(run_dir: Path, primer: Path, tmp_path: Path) -> None:
    flags = [f"--run_dir={run_dir}", f"--output_dir={tmp_path}", "--num_outputs=1", "--bars=4"]
    assert sample.main([*flags, f"--primer_midi={primer}", "--primer_bars=2", "--attention"]) == 0
    keys = played(tmp_path / "tiny_sample-000-of-001.mid")
    np.testing.assert_array_equal(keys[:32], played(primer)[:32])
    assert (tmp_path / "tiny_sample-000-of-001-attention.png").stat().st_size > 10_000


def test_a_beginning_keeps_its_dynamics(run_dir: Path, tmp_path: Path) -> None:
    loud = np.where(arpeggios(3, 1), np.linspace(0.2, 0.9, 16)[:, None], 0).astype(np.float32)
    write_midi(to_note_sequence(Roll.of_struck(loud)), tmp_path / "rising.mid", Style(), 1)
    flags = [f"--run_dir={run_dir}", f"--output_dir={tmp_path}", "--num_outputs=1", "--bars=2"]
    assert sample.main([*flags, f"--primer_midi={tmp_path / 'rising.mid'}"]) == 0
    heard = piano_roll(read_midi(tmp_path / "tiny_sample-000-of-001.mid")).velocities
    assert heard is not None
    np.testing.assert_allclose(heard[:16], loud, atol=1 / 128)


@pytest.mark.slow
def test_models_of_tokens_fill_the_bars(pieces: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    steps = [f"--{name}_every=3" for name in ("log", "eval", "save")]
    flags = ["--config=relative_rnn", "--hparams=batch_size=4,enc_rnn_size=[8]", f"--run_dir={run}"]
    assert train.main([*flags, f"--examples_path={pieces}", "--num_steps=3", *steps]) == 0
    with pytest.raises(InputError, match="leave out --train_examples_path"):
        evaluate.main([f"--run_dir={run}", f"--examples_path={pieces}", f"--train_examples_path={pieces}"])
    chosen = [f"--run_dir={run}", f"--output_dir={tmp_path}", "--num_outputs=3", "--bars=4"]
    assert sample.main(chosen) == 0
    files = list(tmp_path.glob("*.mid"))
    assert len(files) == 3
    for file in files:
        ends = np.flatnonzero(played(file).any(axis=1))
        assert 48 <= ends[-1] < 64


def test_some_of_the_held_out_pieces_are_enough(run_dir: Path, tmp_path: Path) -> None:
    """More pieces than are read side by side, of which a few are validated on."""
    path = tmp_path / "many.tfrecord"
    with RecordWriter(path) as writer:
        for seed in range(40):
            sequence = to_note_sequence(Roll.of_struck(arpeggios(seed, 1 + seed % 3)))
            writer.write(sequence.SerializeToString())
    flags = [f"--run_dir={run_dir}", f"--examples_path={path}", "--mode=eval"]
    losses = []
    for some in ([], ["--eval_num_batches=1"]):
        assert train.main([*flags, *some]) == 0
        losses.append(json.loads((run_dir / "eval.json").read_text())["val_loss"])
    assert losses[0] > 0 and losses[1] > 0 and losses[0] != losses[1]


def test_begins_with_a_chord(run_dir: Path, tmp_path: Path) -> None:
    flags = [f"--run_dir={run_dir}", f"--output_dir={tmp_path}", "--num_outputs=1", "--bars=1"]
    assert sample.main([*flags, "--primer_pitches=60,64,67"]) == 0
    keys = played(tmp_path / "tiny_sample-000-of-001.mid")
    assert np.flatnonzero(keys[0]).tolist() == [39, 43, 46]


@pytest.mark.slow
def test_goes_on_from_each_beginning_of_an_initiator_file(run_dir: Path, tmp_path: Path) -> None:
    beginnings = {
        "initiator": [
            {"name": "C_major", "seq": [{"notes": [60, 64, 67]}, {"notes": []}]},
            {"name": "C_minor", "seq": [{"notes": [60, 63, 67]}]},
        ]
    }
    (tmp_path / "initiator.json").write_text(json.dumps(beginnings))
    flags = [f"--run_dir={run_dir}", f"--output_dir={tmp_path}", "--num_outputs=2", "--bars=1"]
    assert sample.main([*flags, f"--initiator_file={tmp_path / 'initiator.json'}"]) == 0
    files = sorted(tmp_path.glob("*.mid"))
    assert [np.flatnonzero(played(file)[0])[1] for file in files] == [43, 43, 42, 42]


@pytest.mark.slow
def test_tells_how_near_the_training_pieces_are(
    run_dir: Path, pieces: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    flags = [f"--run_dir={run_dir}", f"--output_dir={tmp_path}", "--num_outputs=2", "--bars=4"]
    assert sample.main([*flags, f"--compare_with={pieces}", "--temperature=1"]) == 0
    assert "copied, mean distance" in capsys.readouterr().out


@pytest.mark.slow
def test_evaluation_reports_nats_beside_simple_models(run_dir: Path, pieces: Path, tmp_path: Path) -> None:
    flags = [f"--run_dir={run_dir}", f"--output_dir={tmp_path}", f"--examples_path={pieces}"]
    flags += [f"--train_examples_path={pieces}", "--importance_samples=2", "--num_samples=16"]
    with pytest.raises(InputError, match="leave out --max_batch_size"):
        evaluate.main([*flags, "--max_batch_size=4"])
    # A process of its own: TensorFlow's notes while it is first imported go past Python's standard error.
    done = subprocess.run(
        [sys.executable, str(ROOT / "evaluate.py"), *flags], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and ".cc:" not in done.stderr, done.stderr
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert (report["flags"]["num_samples"], report["flags"]["importance_samples"]) == (16, 2)
    assert report["split"]["paths"] == 2 and "keys_a_frame" in report["samples"]["train"]
    split = report["split"]
    assert split["measure"] == "bound" and split["pieces"] == 12
    assert split["nats_a_frame"] == pytest.approx(split["classes_nats"] + split["keys_nats"])
    assert split["values_nats_tighter"] <= split["classes_nats"] + 1e-6
    assert split["nats_a_frame_tighter"] == pytest.approx(split["values_nats_tighter"] + split["keys_nats"])
    assert set(split["baselines"]) >= {"each_key_by_itself", "markov_chain_of_classes"}
    assert report["samples"]["held_out"]["copied"] == 1
    assert (tmp_path / "evaluation.png").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--bars=0"], "--bars is 0"),
        (["--bars=2", "--length=4"], "name one of them"),
        (["--primer_pitches=60,H"], "expected MIDI pitches"),
        (["--primer_pitches=5"], "21 to 108"),
        (["--primer_pitches=60", "--primer_midi=a.mid"], "name one of them"),
        (["--primer_midi=missing.mid"], "missing.mid"),
        (["--chords=C"], "takes no chords"),
        (["--drum_map=roland_td"], "plays no drums"),
        (["--primer_bars=2"], "says how much of a --primer_midi"),
        (["--primer_pitches="], "--primer_pitches is empty"),
        (["--compare_with=missing.tfrecord"], "missing.tfrecord: no such file"),
        (["--primer_midi="], "--primer_midi is empty"),
        (["--compare_with="], "--compare_with is empty"),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    run_dir: Path, tmp_path: Path, flags: list[str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        sample.main([f"--run_dir={run_dir}", f"--output_dir={tmp_path / 'out'}", *flags])
    assert not (tmp_path / "out").exists()


def test_a_beginning_as_long_as_the_piece_is_refused(run_dir: Path, primer: Path, tmp_path: Path) -> None:
    flags = [f"--run_dir={run_dir}", f"--output_dir={tmp_path}", "--bars=4", f"--primer_midi={primer}"]
    with pytest.raises(InputError, match="has 64 frames and the piece 64"):
        sample.main(flags)


def test_a_silent_piece_is_said_and_drawn_whole(
    pieces: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Likeliest of all is a frame without a note."""
    flags = ["--config=piano-small", f"--output_dir={tmp_path}", "--num_outputs=1", "--bars=2", "--attention"]
    assert sample.main([*flags, "--temperature=0", f"--compare_with={pieces}"]) == 0
    said = capsys.readouterr().out
    assert "1 of them has no notes" in said and "there is nothing to compare" in said
    assert (tmp_path / "piano-small_sample-000-of-001-attention.png").exists()


def test_shards_are_refused_for_models_of_velocities(run_dir: Path, pieces: Path, tmp_path: Path) -> None:
    flags = [f"--config={run_dir.parent / 'tiny.toml'}", f"--input_tfrecord={pieces}"]
    with pytest.raises(InputError, match="tiny learns velocities, which shards do not hold"):
        preprocess_tfrecord.main([*flags, f"--output_tfrecord={tmp_path / 'a'}"])


def test_tokens_and_variants_of_frame_models_are_not_preprocessed(pieces: Path, tmp_path: Path) -> None:
    """Training would not take the ones, nor choose among the others."""
    flags = [f"--input_tfrecord={pieces}", f"--output_tfrecord={tmp_path / 'a'}"]
    with pytest.raises(InputError, match="relative_rnn reads tokens"):
        preprocess_tfrecord.main([*flags, "--config=relative_rnn"])
    with pytest.raises(InputError, match="leave out --augment"):
        preprocess_tfrecord.main([*flags, "--config=piano-baseline", "--augment"])
    assert not list(tmp_path.iterdir())


def test_half_precision_is_refused(run_dir: Path, pieces: Path, tmp_path: Path) -> None:
    flags = [f"--config={run_dir.parent / 'tiny.toml'}", f"--run_dir={tmp_path / 'run'}"]
    with pytest.raises(InputError, match="tiny computes in float32 alone"):
        train.main([*flags, f"--examples_path={pieces}", "--precision=mixed_bfloat16"])
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_classes_without_keys_are_trained_and_scored(pieces: Path, tmp_path: Path) -> None:
    """There is nothing to draw or to play, and nothing fails for it."""
    path = tmp_path / "classes.toml"
    path.write_text(CONFIG.replace('{name = "independent", units = 6}', "{}").replace("small", "baseline", 1))
    path.write_text("\n".join(line for line in path.read_text().split("\n") if "velocities" not in line))
    flags = [f"--config={path}", f"--hparams={HPARAMS}", f"--run_dir={tmp_path / 'run'}", "--num_steps=2"]
    flags += [f"--examples_path={pieces}", f"--eval_examples_path={pieces}"]
    assert train.main([*flags, "--log_every=2", "--eval_every=2", "--save_every=2"]) == 0
    assert not (tmp_path / "run" / "pictures").exists()
    flags = [f"--run_dir={tmp_path / 'run'}", f"--examples_path={pieces}", f"--train_examples_path={pieces}"]
    assert evaluate.main([*flags, f"--output_dir={tmp_path / 'report'}"]) == 0
    report = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert report["split"]["baselines"] and "samples" not in report


def test_the_given_beginning_is_not_taken_for_a_copy(
    run_dir: Path, primer: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """A piece that begins with a training piece is compared from where the model plays."""
    training = tmp_path / "training.tfrecord"
    with RecordWriter(training) as writer:
        sequence = read_midi(primer)
        sequence.filename = "start.mid"
        writer.write(sequence.SerializeToString())
    flags = [f"--run_dir={run_dir}", f"--output_dir={tmp_path / 'out'}", "--num_outputs=2", "--bars=8"]
    flags += [f"--primer_midi={primer}", "--primer_bars=4", f"--compare_with={training}"]
    assert sample.main(flags) == 0
    said = capsys.readouterr().out
    assert "0.0% copied" in said and "passages" in said


def test_exports_of_what_magenta_does_not_know_are_refused(run_dir: Path, tmp_path: Path) -> None:
    flags = [f"--run_dir={run_dir}", f"--output={tmp_path / 'a'}"]
    for format in ("tf1", "magenta_js"):
        with pytest.raises(InputError, match="tiny is not a MusicVAE"):
            export.main([*flags, f"--format={format}"])
    with pytest.raises(CheckpointError, match="leave out --config"):
        export.main([*flags, "--config=piano-small"])
    with pytest.raises(InputError, match=r"--float16 is for --format=safetensors"):
        export.main([*flags, "--float16", "--format=tf1"])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be written"):
        export.main([f"--run_dir={run_dir}", f"--output={tmp_path / 'file' / 'a'}"])


def test_other_commands_say_what_they_need(run_dir: Path, tmp_path: Path) -> None:
    import interpolate

    with pytest.raises(CheckpointError, match=r"sample\.py and evaluate\.py take it"):
        interpolate.main([f"--run_dir={run_dir}", f"--output_dir={tmp_path}"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flat-pianoroll_2bar", "hierdec-pianoroll_4bar_sampler"])
def test_music_vae_samples_and_interpolates_piano(
    name: str, pieces: Path, primer: Path, tmp_path: Path
) -> None:
    import interpolate

    sizes = "batch_size=8,z_size=4,enc_rnn_size=[8],dec_rnn_size=[8],nade_num_hidden=8,free_bits=0"
    flags = [f"--config={name}", f"--hparams={sizes}", f"--run_dir={tmp_path / 'run'}"]
    flags += [f"--examples_path={pieces}", "--num_steps=4", "--log_every=4", "--save_every=4"]
    assert train.main([*flags, "--eval_every=4"]) == 0
    chosen = [f"--run_dir={tmp_path / 'run'}", "--num_outputs=3", "--temperature=1"]
    assert sample.main([*chosen, f"--output_dir={tmp_path / 'samples'}", "--png"]) == 0
    ends = [f"--input_midi_1={primer}", f"--input_midi_2={primer}"]
    assert interpolate.main([*chosen, *ends, f"--output_dir={tmp_path / 'way'}"]) == 0
    assert len(list((tmp_path / "samples").glob("*.mid"))) == 3
    assert len(list((tmp_path / "way").glob("*.mid"))) >= 3


def test_a_polyphonic_set_is_refused_for_a_model_of_velocities(
    run_dir: Path, data_dir: Callable[[str], Path], tmp_path: Path
) -> None:
    path = data_dir("polyphonic") / "JSB_Chorales.mat"
    flags = [f"--config={run_dir.parent / 'tiny.toml'}", f"--run_dir={tmp_path / 'run'}"]
    with pytest.raises(InputError, match="holds no velocities"):
        train.main([*flags, f"--examples_path={path}"])
