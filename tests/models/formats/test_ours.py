"""Checkpoint files: whole or not there, and refused with a sentence where they do not fit."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from common.errors import CheckpointError, OutputError
from models import families
from models.formats import ours as checkpoint
from models.formats.ours import Checkpoint
from tests.helpers.checkpoints import randomize, tiny_config

pytestmark = pytest.mark.jax


def example(step: int = 3) -> Checkpoint:
    rng = np.random.default_rng(step)
    return Checkpoint(
        weights={
            "a/kernel": rng.standard_normal((3, 4)).astype(np.float32),
            "a/bias": np.zeros(4, np.float32),
        },
        config="{}",
        step=step,
        state={"optimizer/000": np.int64(7), "seed": np.array([1, 2], np.uint32)},
        notes={"val_loss": 1.5, "best": float("inf")},
    )


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "train" / "x.safetensors"
    checkpoint.save(path, example())
    found, expected = checkpoint.load(path), example()
    assert (found.config, found.step, found.notes) == (expected.config, expected.step, expected.notes)
    for ours, theirs in ((found.weights, expected.weights), (found.state, expected.state)):
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])
            assert ours[name].shape == np.shape(theirs[name])
            assert ours[name].dtype == theirs[name].dtype


def test_half_precision_weights_come_back_as_float32(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    checkpoint.save(path, Checkpoint({"a": np.array([1.5, -2.0], np.float16)}, "{}"))
    assert checkpoint.load(path).weights["a"].dtype == np.float32
    np.testing.assert_array_equal(checkpoint.load(path).weights["a"], [1.5, -2.0])


def test_save_that_fails_leaves_the_file_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    checkpoint.save(path, example(1))
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="the disk is full"):
        checkpoint.save(path, example(2))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


@pytest.mark.parametrize("damage", ["empty", "cut", "header", "text", "missing", "folder"])
def test_damaged_files_are_refused_by_name(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x.safetensors"
    checkpoint.save(path, example())
    data = path.read_bytes()
    if damage in ("missing", "folder"):
        path.unlink()
        if damage == "folder":
            path.mkdir()
    else:
        path.write_bytes(
            {"empty": b"", "cut": data[:-5], "header": b"\xff" * 8 + data[8:], "text": b"hello"}[damage]
        )
    with pytest.raises(CheckpointError, match=r"x\.safetensors: can't be read"):
        checkpoint.load(path)


def test_safetensors_of_others_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "other.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint of this project"):
        checkpoint.load(path)
    save_file({"model/a": np.zeros(3, np.float32)}, path, {"config": "{}", "step": "many"})
    with pytest.raises(CheckpointError, match="header is damaged"):
        checkpoint.load(path)


def test_names_are_resolved(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for step in (5, 20, 100):
        checkpoint.save(run / "train" / f"step-{step:08d}.safetensors", example(step))
    assert checkpoint.load(checkpoint.resolve(str(run))).step == 100
    assert [checkpoint.load(p).step for p in checkpoint.numbered(run / "train")] == [5, 20, 100]
    checkpoint.save(run / "train" / "best.safetensors", example(20))
    assert checkpoint.resolve(str(run)).name == "best.safetensors"
    file = run / "train" / "step-00000005.safetensors"
    assert checkpoint.resolve(str(file)) == file
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        checkpoint.resolve(str(tmp_path))
    with pytest.raises(CheckpointError, match="no such file"):
        checkpoint.resolve("nothing")


def test_weights_must_fit_the_model() -> None:
    model = families.build_model(tiny_config("cat-drums_2bar_small"))
    weights = randomize(model)
    name = next(iter(weights))
    checkpoint.assign(model, {n: 2 * w for n, w in weights.items()}, "x")
    np.testing.assert_array_equal(np.asarray(model.named_weights()[name]), 2 * weights[name])
    for wrong, message in (
        ({n: w for n, w in weights.items() if n != name}, f"no weight '{name}'"),
        (weights | {name: weights[name][:-1]}, f"'{name}' is"),
        (weights | {"extra": np.zeros(1)}, "holds 'extra'"),
    ):
        with pytest.raises(CheckpointError, match=message):
            checkpoint.assign(model, wrong, "x")
        np.testing.assert_array_equal(np.asarray(model.named_weights()[name]), 2 * weights[name])


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3", "C64", "F4", "unknown"])
def test_numbers_of_other_types_are_refused(tmp_path: Path, kind: str) -> None:
    """As a checkpoint of ours and as an export of PyTorch's."""
    from models.formats import torch as torch_checkpoint

    path = tmp_path / "x.safetensors"
    for name, metadata in (("model/a", {"__metadata__": {"config": "{}"}}), ("local_lstm.weight_ih_l0", {})):
        header = json.dumps(
            {name: {"dtype": kind, "shape": [2], "data_offsets": [0, 16]}, **metadata}
        ).encode()
        if kind in ("BF16", "F8_E4M3"):
            size = {"BF16": 4, "F8_E4M3": 2}[kind]
            header = header.replace(b"16]", f"{size}]".encode())
        path.write_bytes(
            len(header).to_bytes(8, "little") + header + bytes(size if kind[:2] in ("BF", "F8") else 16)
        )
        with pytest.raises(CheckpointError, match=r"x\.safetensors: "):
            checkpoint.load(path)
        with pytest.raises(CheckpointError, match=r"x\.safetensors: "):
            torch_checkpoint.read(path)
