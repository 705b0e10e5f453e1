"""train.py: a killed run goes on as if nothing had been, bad input is refused, and NaN stops it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import configs
import train
from common.errors import CheckpointError, InputError
from models.formats import magenta_tf1 as magenta_checkpoint
from models.formats import ours as checkpoint
from preprocess.tfrecord import RecordWriter
from tests.conftest import ROOT
from tests.helpers.checkpoints import save_tiny, tiny_config
from tests.helpers.drum_sequences import drum_sequence
from tests.helpers.runs import TINY, flags, log_of, newest, steps_of


@pytest.fixture(autouse=True)
def float32_again() -> Iterator[None]:
    """`--precision` is Keras's global state."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].config.set_dtype_policy("float32")


@pytest.mark.slow
def test_killed_run_goes_on_bit_for_bit(patterns_tfrecord: Path, tmp_path: Path) -> None:
    """With dropout, scheduled sampling and latent noise, so that the random state matters."""
    random = "dropout_keep_prob=0.8,sampling_schedule=constant,sampling_rate=0.3"
    arguments = flags(tmp_path / "killed", patterns_tfrecord, "--num_steps=100000", hparams=random)
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        while not any(step >= 4 for step in steps_of(tmp_path / "killed")):
            assert process.poll() is None, "training ended by itself"
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    stopped = steps_of(tmp_path / "killed")[-1]
    for name in ("killed", "whole"):
        more = [f"--num_steps={stopped + 6}"]
        assert train.main(flags(tmp_path / name, patterns_tfrecord, *more, hparams=random)) == 0
    killed, whole = newest(tmp_path / "killed"), newest(tmp_path / "whole")
    assert killed.step == whole.step == stopped + 6
    for ours, theirs in ((killed.weights, whole.weights), (killed.state, whole.state)):
        assert ours.keys() == theirs.keys() and ours
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    rows = [log_of(tmp_path / name) for name in ("killed", "whole")]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]


@pytest.mark.slow
def test_best_checkpoint_early_stopping_and_evaluation(
    patterns_tfrecord: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """A learning rate of zero never gets better, so patience runs out."""
    run_dir = tmp_path / "run"
    held_out = f"--eval_examples_path={patterns_tfrecord}"
    still = "learning_rate=0.0,min_learning_rate=0.0"
    arguments = flags(
        run_dir, patterns_tfrecord, held_out, "--patience=2", "--num_steps=50", "--checkpoints_to_keep=2",
        hparams=still,
    )  # fmt: skip
    assert train.main(arguments) == 0
    rows = log_of(run_dir)
    assert [row["step"] for row in rows] == ["2", "4", "6"]
    assert len({row["val_loss"] for row in rows}) == 1, "the same noise at every validation"
    assert checkpoint.load(run_dir / "train" / "best.safetensors").step == 2
    assert steps_of(run_dir) == [4, 6]
    assert list((run_dir / "train").glob("events.out.tfevents.*"))
    assert train.main(arguments) == 0
    assert log_of(run_dir) == rows, "patience that has run out does not start over"
    assert capsys.readouterr().out.count("step 6 (2 validations without a better one)") == 2

    assert train.main(["--mode=eval", f"--run_dir={run_dir}", f"--examples_path={patterns_tfrecord}"]) == 0
    import json

    values = json.loads((run_dir / "eval.json").read_text())
    assert values["step"] == 2
    assert values["val_loss"] == pytest.approx(float(rows[0]["val_loss"]), abs=1e-3)


@pytest.mark.slow
def test_best_is_the_one_with_the_lowest_validation_loss(patterns_tfrecord: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    held_out = f"--eval_examples_path={patterns_tfrecord}"
    learning = "learning_rate=0.3,decay_rate=1.0"
    assert train.main(flags(run_dir, patterns_tfrecord, held_out, "--num_steps=12", hparams=learning)) == 0
    losses = {int(row["step"]): float(row["val_loss"]) for row in log_of(run_dir)}
    assert checkpoint.load(run_dir / "train" / "best.safetensors").step == min(losses, key=losses.__getitem__)
    assert len(set(losses.values())) == len(losses)


@pytest.mark.slow
def test_the_best_checkpoint_is_the_average_of_the_weights_and_a_run_goes_on_with_its_own(
    patterns_tfrecord: Path, tmp_path: Path
) -> None:
    more = "averaging_rate=0.5,weight_decay=0.01,decay_steps=8,warmup_steps=2,learning_rate=0.01"
    held_out = f"--eval_examples_path={patterns_tfrecord}"
    for name, steps in (("whole", (8,)), ("halves", (4, 8))):
        for stop in steps:
            arguments = flags(
                tmp_path / name, patterns_tfrecord, held_out, f"--num_steps={stop}", hparams=more
            )
            assert train.main(arguments) == 0
    whole, halves = newest(tmp_path / "whole"), newest(tmp_path / "halves")
    for ours, theirs in ((whole.weights, halves.weights), (whole.state, halves.state)):
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    folder = tmp_path / "whole" / "train"
    best = checkpoint.load(folder / "best.safetensors")
    numbered = {found.step: found for found in map(checkpoint.load, checkpoint.numbered(folder))}
    own = numbered[best.step].weights
    assert any((own[name] != best.weights[name]).any() for name in own)
    # The optimizer keeps the average among its state.
    averages = [array for name, array in numbered[best.step].state.items() if name.startswith("optimizer/")]
    for array in best.weights.values():
        assert any(a.shape == array.shape and np.allclose(a, array, atol=1e-6) for a in averages)


def test_not_a_number_stops_and_the_last_good_checkpoint_stays(
    patterns_tfrecord: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run_dir = tmp_path / "run"
    assert train.main(flags(run_dir, patterns_tfrecord, "--num_steps=2")) == 0
    config = configs.config_with_overrides("cat-drums_2bar_small", f"{TINY},learning_rate=1e30")
    (run_dir / "config.json").write_text(config.to_json())
    before = {p: p.read_bytes() for p in checkpoint.numbered(run_dir / "train")}
    assert train.main(flags(run_dir, patterns_tfrecord, "--num_steps=40", hparams="learning_rate=1e30")) == 1
    assert "not a number" in capsys.readouterr().err
    for path, data in before.items():
        assert path.read_bytes() == data
    for path in checkpoint.numbered(run_dir / "train"):
        found = checkpoint.load(path)
        assert all(np.isfinite(w).all() for w in found.weights.values()), path.name


@pytest.mark.slow
def test_init_from_ours_and_magentas(patterns_tfrecord: Path, tmp_path: Path) -> None:
    weights = checkpoint.load(
        save_tiny(tmp_path / "tiny.safetensors", tiny_config("cat-drums_2bar_small"))
    ).weights
    magenta_checkpoint.write(tmp_path / "magenta" / "model.ckpt-3", weights)
    for i, name in enumerate(("tiny.safetensors", "magenta/model.ckpt-3")):
        arguments = flags(
            tmp_path / f"run{i}", patterns_tfrecord, f"--init_from={tmp_path / name}", "--num_steps=2",
            hparams="learning_rate=0.0,min_learning_rate=0.0",
        )  # fmt: skip
        assert train.main(arguments) == 0
        found = newest(tmp_path / f"run{i}")
        assert found.step == 2
        for weight in weights:
            np.testing.assert_array_equal(found.weights[weight], weights[weight])
    start = f"--init_from={tmp_path / 'tiny.safetensors'}"
    other = flags(tmp_path / "other", patterns_tfrecord, start, "--num_steps=2", hparams="z_size=6")
    with pytest.raises(CheckpointError, match="the config needs"):
        train.main(other)
    assert not (tmp_path / "other" / "train").exists()


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.slow
def test_half_precision_trains(patterns_tfrecord: Path, tmp_path: Path, precision: str) -> None:
    run_dir = tmp_path / "run"
    more = [f"--precision={precision}", "--num_steps=4", f"--eval_examples_path={patterns_tfrecord}"]
    assert train.main(flags(run_dir, patterns_tfrecord, *more)) == 0
    for row in log_of(run_dir):
        assert np.isfinite([float(row["loss"]), float(row["val_loss"])]).all()
    found = newest(run_dir)
    assert all(w.dtype == np.float32 and np.isfinite(w).all() for w in found.weights.values())
    bias = next(n for n in found.weights if n.endswith("output_projection/bias"))
    assert np.abs(found.weights[bias]).max() > 0, "the weights must have moved"
    if precision == "mixed_float16":  # whose loss scale is part of what goes on
        more[1] = "--num_steps=6"
        assert train.main(flags(run_dir, patterns_tfrecord, *more)) == 0
        assert steps_of(run_dir)[-1] == 6


def test_batch_larger_than_the_set_and_a_config_file(tmp_path: Path) -> None:
    """One beat of two bars is one example; every batch is full of it."""
    sequence = drum_sequence([(i, 36 if i % 8 == 0 else 42, 80, 1) for i in range(32)])
    with RecordWriter(tmp_path / "one.tfrecord") as writer:
        writer.write(sequence.SerializeToString())
    toml = tmp_path / "mine.toml"
    toml.write_text(
        'base = "cat-drums_2bar_small"\n[hparams]\nz_size = 4\nenc_rnn_size = [8]\ndec_rnn_size = [8]\n'
        "batch_size = 5\nlearning_rate = 0.05\n"
    )
    arguments = flags(tmp_path / "run", tmp_path / "one.tfrecord", "--num_steps=30", config=str(toml))
    arguments = [a for a in arguments if not a.startswith("--hparams")]
    assert train.main(arguments) == 0
    losses = [float(row["reconstruction"]) for row in log_of(tmp_path / "run")]
    assert losses[-1] < 0.8 * losses[0], "it must learn the one beat"


def test_run_dir_keeps_its_config(patterns_tfrecord: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "config.json").write_text(tiny_config().to_json())
    before = sorted(run_dir.iterdir())
    with pytest.raises(InputError, match="another config"):
        train.main(flags(run_dir, patterns_tfrecord, "--num_steps=2"))
    alone = [f"--run_dir={run_dir}", f"--examples_path={patterns_tfrecord}"]
    with pytest.raises(InputError, match="another config or --hparams"):
        train.main([*alone, "--hparams=batch_size=3"])
    with pytest.raises(configs.ConfigError, match="no hyperparameter 'size'"):
        train.main([*alone, "--hparams=size=3"])
    assert sorted(run_dir.iterdir()) == before


def test_data_that_give_no_example_are_refused_with_the_reasons(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "bad.tfrecord") as writer:
        for sequence in (drum_sequence([]), drum_sequence([(0, 36, 80, 1)]), drum_sequence([(0, 1, 80, 1)])):
            writer.write(sequence.SerializeToString())
    arguments = flags(tmp_path / "run", tmp_path / "bad.tfrecord", "--num_steps=2")
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    for part in (
        "bad.tfrecord",
        "3 NoteSequences gave no example",
        "empty: 1",
        "too_short: 1",
        "no_drums: 1",
    ):
        assert part in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--num_steps=0"], "num_steps is 0"),
        (["--save_every=3"], "multiple of --log_every"),
        (["--eval_every=5"], "multiple of --log_every"),
        (["--eval_num_batches=0"], "eval_num_batches is 0"),
        (["--eval_num_batches=-1", "--mode=eval"], "eval_num_batches is -1"),
        (["--patience=-1"], "patience is -1"),
        (["--seed=-1", "--mode=eval"], "seed is -1"),
        (["--examples_path="], "--examples_path is empty"),
        (["--examples_path=/nowhere/*.tfrecord"], "/nowhere"),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    patterns_tfrecord: Path, tmp_path: Path, more: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train.main(flags(tmp_path / "run", patterns_tfrecord, *more))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("hparams", ["z=3", "z_size=x", "clip_mode=never", "sampling_schedule=linear"])
def test_hparams_that_make_no_sense_are_refused(
    patterns_tfrecord: Path, tmp_path: Path, hparams: str
) -> None:
    with pytest.raises((configs.ConfigError, InputError), match=r"expected|hyperparameter"):
        train.main(flags(tmp_path / "run", patterns_tfrecord, "--num_steps=2", hparams=hparams))
    assert not (tmp_path / "run").exists()


def test_list_of_configs(capsys: pytest.CaptureFixture) -> None:
    assert train.main(["--list_configs"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in configs.CONFIG_MAP)


def test_models_that_hear_what_came_before_refuse_shards(patterns_tfrecord: Path, tmp_path: Path) -> None:
    from preprocess import preprocess_tfrecord

    shards = tmp_path / "shards.tfrecord"
    config = "--config=histdec-drum_4bar"
    flags = [config, f"--input_tfrecord={patterns_tfrecord}", f"--output_tfrecord={shards}"]
    assert preprocess_tfrecord.main(flags) == 0
    with pytest.raises(InputError, match="also hears what came before"):
        train.main([config, f"--run_dir={tmp_path / 'run'}", f"--examples_path={shards}-*"])
    assert not (tmp_path / "run").exists()
