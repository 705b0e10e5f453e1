"""Checkpoints: one safetensors file that holds the weights and, in its header, the config they belong to.

Loading runs no code. A file appears under its name only when it is complete, so a kill at any moment leaves the
one before. Weights have the names of Magenta's checkpoints.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import CheckpointError

SHIPPED = Path(__file__).resolve().parents[1] / "checkpoints"
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        weights: float arrays by Magenta's variable names.
        config: the config as JSON text (`configs.Config.to_json`), empty for a Magenta checkpoint.
        step: training steps taken.
        state: what training needs besides to go on: optimizer slots, random state.
        notes: anything else in the header, such as the validation loss.
    """

    weights: dict[str, np.ndarray]
    config: str = ""
    step: int = 0
    state: dict[str, np.ndarray] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint file, whole or not at all."""
    from safetensors.numpy import save as to_bytes

    arrays = {f"model/{name}": np.asarray(value, order="C") for name, value in checkpoint.weights.items()}
    arrays |= {f"state/{name}": np.asarray(value, order="C") for name, value in checkpoint.state.items()}
    header = {
        "config": checkpoint.config,
        "step": str(checkpoint.step),
        "notes": json.dumps(checkpoint.notes),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{path.name}.{os.getpid()}.part"
    try:
        with open(partial, "wb") as file:
            file.write(to_bytes(arrays, header))
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint file; weights come back as float32.

    Raises:
        CheckpointError: where the file is missing, damaged or something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: can't be read as a checkpoint ({error}).") from error
    weights = {
        n.removeprefix("model/"): a.astype(np.float32) for n, a in arrays.items() if n.startswith("model/")
    }
    if not weights or "config" not in header:
        raise CheckpointError(f"{path}: is a safetensors file, but not a checkpoint of this project.")
    try:
        step, notes = int(header.get("step", "0")), json.loads(header.get("notes", "{}"))
    except ValueError as error:
        raise CheckpointError(f"{path}: its header is damaged ({error}).") from error
    state = {n.removeprefix("state/"): a for n, a in arrays.items() if n.startswith("state/")}
    return Checkpoint(weights, header["config"], step, state, notes)


def resolve(name: str) -> Path:
    """The checkpoint file that a flag means.

    Args:
        name: a file, a run_dir (its best checkpoint, or else its newest), or the name of a shipped one.

    Raises:
        CheckpointError: where there is none.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        for folder in (path, path / "train"):
            if (folder / f"best{SUFFIX}").is_file():
                return folder / f"best{SUFFIX}"
            newest = latest(folder)
            if newest:
                return newest
        raise CheckpointError(f"{path}: holds no checkpoint; train first, or name a file.")
    shipped = SHIPPED / f"{name}{SUFFIX}"
    if shipped.is_file():
        return shipped
    names = ", ".join(sorted(p.stem for p in SHIPPED.glob(f"*{SUFFIX}"))) or "none"
    raise CheckpointError(f"{name}: no such file, run_dir or shipped checkpoint (shipped: {names}).")


def numbered(folder: Path) -> list[Path]:
    """The numbered checkpoints of a folder, oldest first."""
    return sorted(folder.glob(f"step-*{SUFFIX}"))


def latest(folder: Path) -> Path | None:
    """The newest numbered checkpoint of a folder."""
    found = numbered(folder)
    return found[-1] if found else None


def assign(model: Any, weights: dict[str, np.ndarray], source: str) -> None:
    """Give a model its weights, after checking every name and shape.

    Raises:
        CheckpointError: naming the first weight that is missing, left over or of another shape.
    """
    variables = model.named_weights()
    for name, variable in variables.items():
        if name not in weights:
            raise CheckpointError(f"{source}: has no weight '{name}'; it belongs to another config.")
        if tuple(weights[name].shape) != tuple(variable.shape):
            raise CheckpointError(
                f"{source}: '{name}' is {list(weights[name].shape)}, the config needs {list(variable.shape)}."
            )
    left_over = sorted(set(weights) - set(variables))
    if left_over:
        raise CheckpointError(f"{source}: holds '{left_over[0]}', which the config has no place for.")
    for name, variable in variables.items():
        variable.assign(weights[name])
