"""A run survives what happens to its files."""

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import train
from common.errors import CheckpointError, InputError
from models.formats import ours as checkpoint
from tests.conftest import ROOT
from tests.helpers.runs import flags, log_of, newest, steps_of
from workflows.training import run_lock


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix == ".safetensors"}


def damage(path: Path) -> None:
    """Another number in the middle of the data, which leaves the format whole."""
    data = bytearray(path.read_bytes())
    data[len(data) * 3 // 4] ^= 0x55
    path.write_bytes(data)


@pytest.mark.slow
def test_damaged_checkpoints_are_left_out_and_a_run_of_damaged_ones_is_refused(
    patterns_tfrecord: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run_dir, folder = tmp_path / "run", tmp_path / "run" / "train"
    assert train.main(flags(run_dir, patterns_tfrecord, "--num_steps=6")) == 0
    whole = contents(folder)
    damage(folder / "step-00000006.safetensors")
    damage(folder / "step-00000004.safetensors")
    log = run_dir / "log.csv"
    log.write_bytes(log.read_bytes()[:-7] + b"\x00\xff\n6,7\nstep,,\n")
    capsys.readouterr()
    more = "--checkpoints_to_keep=2"
    assert train.main(flags(run_dir, patterns_tfrecord, "--num_steps=4", more)) == 0
    said = capsys.readouterr().err
    assert (
        said.count("Left out a checkpoint") == 2
        and f"{folder / 'step-00000006.safetensors'}: is damaged" in said
    )
    assert f"{log}: left out 3 damaged lines." in said
    # Step 4 was trained again; its own work is not what is removed where two are kept.
    assert steps_of(run_dir) == [2, 4, 6] and [row["step"] for row in log_of(run_dir)] == ["2", "4"]
    np.testing.assert_equal(
        checkpoint.load(folder / "step-00000004.safetensors").state, _loaded(tmp_path, whole, 4).state
    )

    for path in checkpoint.numbered(folder):
        damage(path) if path.name != "step-00000006.safetensors" else None
    before = contents(folder)
    with pytest.raises(CheckpointError, match="none of its 3 checkpoints can be read"):
        train.main(flags(run_dir, patterns_tfrecord, "--num_steps=8"))
    assert contents(folder) == before and not (run_dir / run_lock.FILE).exists()


def _loaded(tmp_path: Path, files: dict[str, bytes], step: int) -> checkpoint.Checkpoint:
    path = tmp_path / "copy.safetensors"
    path.write_bytes(files[f"step-{step:08d}.safetensors"])
    return checkpoint.load(path)


def test_of_a_run_whose_best_is_damaged_the_newest_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    found = checkpoint.Checkpoint({"decoder/a": np.ones(100, np.float32)}, "{}", 5)
    for name in ("best", "step-00000004", "step-00000005"):
        checkpoint.save(tmp_path / "train" / f"{name}.safetensors", found)
    damage(tmp_path / "train" / "best.safetensors")
    path, _ = checkpoint.load_named(str(tmp_path))
    assert path.name == "step-00000005.safetensors"
    assert f"{tmp_path / 'train' / 'best.safetensors'}: is damaged" in capsys.readouterr().err
    damage(tmp_path / "train" / "step-00000004.safetensors")
    damage(tmp_path / "train" / "step-00000005.safetensors")
    with pytest.raises(CheckpointError, match=r"step-00000004\.safetensors: is damaged"):
        checkpoint.load_named(str(tmp_path))


def test_every_byte_of_a_checkpoint_counts(tmp_path: Path) -> None:
    """Whichever bit is turned, the file is refused, or says the same."""
    path = tmp_path / "x.safetensors"
    found = checkpoint.Checkpoint(
        {"a": np.arange(3, dtype=np.float32)}, '{"name": "x"}', 7, {"s": np.ones(2)}, {"best": 1.5}
    )
    checkpoint.save(path, found)
    data = path.read_bytes()
    for i in range(len(data)):
        path.write_bytes(data[:i] + bytes([data[i] ^ 0x04]) + data[i + 1 :])
        try:
            again = checkpoint.load(path)
        except CheckpointError:
            continue
        assert (again.config, again.step, again.notes) == (found.config, found.step, found.notes)
        np.testing.assert_equal([again.weights, again.state], [found.weights, found.state])


def test_a_checkpoint_from_before_there_were_checksums_loads(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"model/a": np.ones(3, np.float32)}, tmp_path / "x.safetensors", {"config": "{}", "step": "4"})
    assert checkpoint.load(tmp_path / "x.safetensors").step == 4


def test_a_missing_config_is_that_of_the_newest_checkpoint(tmp_path: Path) -> None:
    from tests.helpers.checkpoints import tiny_config, zero_weights
    from workflows.training.run_config import config_of

    config = tiny_config()
    assert config_of(tmp_path) is None
    found = checkpoint.Checkpoint(zero_weights(config), config.to_json(), 5)
    checkpoint.save(tmp_path / "train" / "step-00000005.safetensors", found)
    assert config_of(tmp_path) == config
    for text in ("", "[" * 10**5, config.to_json().replace('"hierdec-drum_4bar_small"', '"../../x"')):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(ValueError, match=r"config\.json: The stored config is not valid.*remove it"):
            config_of(tmp_path)


def test_a_run_with_other_hyperparameters_says_which(patterns_tfrecord: Path, tmp_path: Path) -> None:
    from tests.helpers.checkpoints import tiny_config

    (tmp_path / "config.json").write_text(tiny_config("cat-drums_2bar_small", z_size=6).to_json())
    with pytest.raises(InputError, match=r"z_size is 6 there and 4 now.*Leave out --config and --hparams"):
        train.main(flags(tmp_path, patterns_tfrecord, "--num_steps=2"))


# Kills, with XLA compiling as it does for people.


@pytest.mark.slow
def test_runs_killed_at_any_moment_go_on_bit_for_bit_under_the_full_compiler(
    patterns_tfrecord: Path, tmp_path: Path
) -> None:
    """Five SIGKILLs, three among steps and saves, two while it starts or compiles; with dropout and latent noise."""
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"} | {"PYTHONPATH": str(ROOT)}

    @contextlib.contextmanager
    def begun(name: str, steps: int) -> Iterator[subprocess.Popen]:
        more = f"--num_steps={steps}"
        arguments = flags(tmp_path / name, patterns_tfrecord, more, hparams="dropout_keep_prob=0.8")
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), *arguments], cwd=ROOT, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def last_step() -> int:
        return (steps_of(tmp_path / "killed") or [0])[-1]

    rng = random.Random(0)
    for kill in range(5):
        among_steps = kill % 2 == 0
        waits_for = last_step() + (2 * rng.randrange(1, 20) if among_steps else 0)
        with begun("killed", 100000) as process:
            while last_step() < waits_for:
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.005)
            time.sleep(rng.random() * (0.05 if among_steps else 8))
    end = last_step() + 6
    for name in ("killed", "whole"):
        with begun(name, end) as process:
            error = process.communicate()[1]
            assert (process.returncode, error) == (0, "")
        assert not [p.name for p in (tmp_path / name).rglob("*") if p.suffix in (".part", ".lock")]
    killed, whole = newest(tmp_path / "killed"), newest(tmp_path / "whole")
    assert killed.step == whole.step == end
    np.testing.assert_equal([killed.weights, killed.state], [whole.weights, whole.state])
    rows = [log_of(tmp_path / name) for name in ("killed", "whole")]
    assert [(row["step"], row["loss"]) for row in rows[0]] == [(row["step"], row["loss"]) for row in rows[1]]
