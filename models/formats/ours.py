"""Checkpoints: one safetensors file that holds the weights and, in its header, the config that they belong to.

Loading runs no code. A file gets its name only when it is complete, so a process that is killed leaves the previous
file whole. A checksum in the header detects damage that leaves the format intact; files from before it was introduced
load without. Weights have the names of Magenta's checkpoints.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import google_crc32c
import numpy as np

from common.errors import CheckpointError, because
from common.json_text import parse_json
from common.output_files import write_atomically

SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints"
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        weights: float arrays by Magenta's variable names.
        config: the config as JSON text (`Config.to_json`), empty for a checkpoint that does not contain it.
        step: training steps taken.
        state: what else training needs to resume: optimizer slots, random state.
        notes: anything else in the header, such as the validation loss.
        source: where it was read from, for messages (`models.formats.opening`).
        format: whose it is: "ours", "Magenta", "magenta.js" or "PyTorch".
    """

    weights: dict[str, np.ndarray]
    config: str = ""
    step: int = 0
    state: dict[str, np.ndarray] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    format: str = "ours"


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint file, whole or not at all.

    Raises:
        InputError, OutputError: as `common.output_files.OutputFile`.
    """
    write_atomically(path, to_bytes(checkpoint))


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """A checkpoint as what its file holds."""
    from safetensors.numpy import save as serialized

    arrays = {f"model/{name}": np.asarray(value, order="C") for name, value in checkpoint.weights.items()}
    arrays |= {f"state/{name}": np.asarray(value, order="C") for name, value in checkpoint.state.items()}
    header = {
        "config": checkpoint.config,
        "step": str(checkpoint.step),
        "notes": json.dumps(checkpoint.notes),
    }
    header["checksum"] = _checksum(arrays, header)
    return serialized(arrays, header)


def _checksum(arrays: dict[str, np.ndarray], header: dict[str, str]) -> str:
    """CRC-32C, eight hexadecimal digits, of everything that a file holds but the checksum itself."""
    crc = 0
    for name in sorted(arrays):
        array = arrays[name]
        crc = google_crc32c.extend(crc, f"{name} {array.dtype.str} {array.shape}".encode())
        crc = google_crc32c.extend(crc, array.tobytes())
    for key in sorted(header.keys() - {"checksum"}):
        crc = google_crc32c.extend(crc, f"{key} {header[key]}".encode())
    return f"{crc:08x}"


def load(path: Path) -> Checkpoint:
    """Read a checkpoint file; weights come back as float32.

    Raises:
        CheckpointError: where the file is missing, damaged or something else, or its weights are not finite.
    """
    header, arrays = read_safetensors(path)
    weights = {n.removeprefix("model/"): a for n, a in arrays.items() if n.startswith("model/")}
    if not weights or "config" not in header:
        raise CheckpointError(f"{path}: is a safetensors file, but not a checkpoint of this project.")
    if header.get("checksum") not in (None, _checksum(arrays, header)):
        raise CheckpointError(
            f"{path}: is damaged, what it holds is not what was written (its checksum differs); take another copy."
        )
    try:
        step, notes = int(header.get("step", "0")), parse_json(header.get("notes", "{}"))
        if step < 0 or not isinstance(notes, dict):
            raise ValueError(f"step {step}, notes of type {type(notes).__name__}")
    except ValueError as error:
        raise CheckpointError(f"{path}: its header is damaged ({because(error)}).") from error
    weights = as_weights(weights, str(path))
    state = {n.removeprefix("state/"): a for n, a in arrays.items() if n.startswith("state/")}
    return Checkpoint(weights, header["config"], step, state, notes)


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The metadata and the arrays of a safetensors file.

    Raises:
        CheckpointError: where it can't be read, or holds values of a type that NumPy lacks.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: can't be read as a checkpoint ({error}).") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: can't be read as a checkpoint, its values are of a type that NumPy lacks, such as bfloat16; "
            "save them as float32."
        ) from error


def as_weights(arrays: dict[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
    """Arrays as weights: finite, and float32.

    Raises:
        CheckpointError: naming the first that holds NaN, infinite numbers, or something else than real numbers.
    """
    weights = {}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise CheckpointError(f"{source}: '{name}' does not hold real numbers.")
        weights[name] = array.astype(np.float32, copy=False)
        if not np.isfinite(weights[name]).all():
            raise CheckpointError(
                f"{source}: '{name}' holds NaN or infinite numbers, as after a training that broke down; take an "
                "earlier checkpoint."
            )
    return weights


def resolve(name: str) -> Path:
    """The checkpoint file that a flag means.

    Args:
        name: a file, a run_dir (its best checkpoint, or else its newest), or the name of a shipped one.

    Raises:
        CheckpointError: where there is none.
    """
    return _meant(name)[0]


def _meant(name: str) -> list[Path]:
    """The checkpoint files that a flag means, the first choice first; one, but of a run_dir all. See `resolve`."""
    path = Path(name).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        for folder in (path, path / "train"):
            best = folder / f"best{SUFFIX}"
            found = [*([best] if best.is_file() else []), *reversed(numbered(folder))]
            if found:
                return found
        raise CheckpointError(f"{path}: holds no checkpoint; train first, or name a file.")
    shipped = SHIPPED / f"{name}{SUFFIX}"
    if shipped.is_file():
        return [shipped]
    names = ", ".join(sorted(p.stem for p in SHIPPED.glob(f"*{SUFFIX}"))) or "none"
    raise CheckpointError(f"{name}: no such file, run_dir or shipped checkpoint (shipped: {names}).")


def load_named(name: str) -> tuple[Path, Checkpoint]:
    """The checkpoint that a flag means (`resolve`), and where it is.

    Of a run_dir a damaged one is named on standard error, and the next one taken.

    Raises:
        CheckpointError: where there is none that can be read.
    """
    paths = _meant(name)
    for path in paths[:-1]:
        try:
            return path, load(path)
        except CheckpointError as error:
            warn_of(error)
    return paths[-1], load(paths[-1])


def warn_of(error: CheckpointError) -> None:
    """Say on standard error that a checkpoint is left out, and why."""
    print(f"Left out a checkpoint: {error}", file=sys.stderr)


def numbered(folder: Path) -> list[Path]:
    """The numbered checkpoints of a folder, oldest first."""
    return sorted(folder.glob(f"step-*{SUFFIX}"))


def latest(folder: Path) -> Path | None:
    """The newest numbered checkpoint of a folder."""
    found = numbered(folder)
    return found[-1] if found else None


class HasWeights(Protocol):
    """A Keras model that names its weights as checkpoints do."""

    def named_weights(self) -> Mapping[str, Any]:
        """Its variables by name."""
        ...


def assign(model: HasWeights, weights: dict[str, np.ndarray], source: str) -> None:
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
