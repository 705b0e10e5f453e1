"""Resuming after a kill: what a numbered checkpoint holds beside the weights, and how a run goes on from it.

A run goes on from its newest checkpoint exactly as if it had never stopped: batches are a function of the step, and
the optimizer's and the random generators' state is in the checkpoint. A damaged checkpoint is named and left out; a run
whose checkpoints are all damaged is not started again over them.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
from keras import ops

from common.errors import CheckpointError
from models.formats import ours as checkpoint
from models.formats.ours import Checkpoint
from models.training.trainable import TrainableModel


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        step: the last step that was trained.
        best: the least validation loss so far.
        waited: validations since then.
        line: the last line of the log; empty where nothing was trained.
    """

    step: int = 0
    best: float = math.inf
    waited: int = 0
    line: dict[str, float] = field(default_factory=dict)


def save_state(model: TrainableModel, folder: Path, config_json: str, progress: Progress) -> Path:
    """Write the numbered checkpoint from which `restore` goes on; returns its path.

    Raises:
        OutputError: where it can't be written.
    """
    whole = weights_only(
        model, config_json, progress.step, {"best": progress.best, "waited": progress.waited}
    )
    whole.state.update({n: ops.convert_to_numpy(v) for n, v in _state_variables(model).items()})
    path = folder / f"step-{progress.step:08d}{checkpoint.SUFFIX}"
    checkpoint.save(path, whole)
    return path


def weights_only(model: TrainableModel, config_json: str, step: int, notes: dict[str, float]) -> Checkpoint:
    """A checkpoint to play from, without the state that training needs to go on."""
    weights = {n: ops.convert_to_numpy(v).astype(np.float32) for n, v in model.named_weights().items()}
    return Checkpoint(weights, config_json, step, notes={k: float(v) for k, v in notes.items()})


def restore(model: TrainableModel, folder: Path) -> Progress:
    """Load the newest checkpoint of a folder that can be read into a compiled model.

    Damaged ones are named on standard error.

    Returns:
        How far the run had come; nowhere, where there is no checkpoint.

    Raises:
        CheckpointError: where it belongs to another config, or there are some and none can be read.
    """
    paths = checkpoint.numbered(folder)
    for path in reversed(paths):
        try:
            found = checkpoint.load(path)
        except CheckpointError as error:
            checkpoint.warn_of(error)
            continue
        checkpoint.assign(model, found.weights, str(path))
        _assign_state(model, found.state, path)
        return _progress_of(found, path)
    if paths:
        raise CheckpointError(
            f"{folder}: none of its {len(paths)} checkpoints can be read, so the run can't go on; name a new --run_dir, "
            "or remove them to begin again."
        )
    return Progress()


def _assign_state(model: TrainableModel, stored: dict[str, np.ndarray], path: Path) -> None:
    variables = _state_variables(model)
    state = without_own_step(stored, sum(name.startswith("model/") for name in variables))
    for name, variable in variables.items():
        if name not in state or state[name].shape != tuple(variable.shape):
            raise CheckpointError(
                f"{path}: its optimizer state does not fit; was it trained with other flags?"
            )
        variable.assign(state[name])


def _progress_of(found: Checkpoint, path: Path) -> Progress:
    best, waited = found.notes.get("best", math.inf), found.notes.get("waited", 0)
    if not all(isinstance(note, int | float) for note in (best, waited)) or not 0 <= waited < 2**31:
        raise CheckpointError(
            f"{path}: its notes are not numbers; remove it, and the run goes on from an earlier one."
        )
    return Progress(found.step, float(best), int(waited))


def _state_variables(model: TrainableModel) -> dict[str, keras.Variable]:
    """Everything besides the weights that the next step depends on, by a name that stays the same."""
    trained = {id(v) for v in model.trainable_variables}
    metrics = {id(v) for v in model.metrics_variables}
    others = [v for v in model.variables if id(v) not in trained | metrics]
    state = {f"model/{i:03d}": v for i, v in enumerate(others)}
    return state | {f"optimizer/{i:03d}": v for i, v in enumerate(model.optimizer.variables)}


def without_own_step(state: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """The state of an older checkpoint in today's layout.

    Models used to count the steps themselves, in a weight beside the optimizer's count: the only int32 scalar among the
    `model/...` entries. It is left out, and the entries behind it move up.

    Args:
        state: as stored.
        count: `model/...` entries of today's layout.
    """
    names = sorted(name for name in state if name.startswith("model/"))
    own = [name for name in names if state[name].shape == () and state[name].dtype == np.int32]
    if len(names) != count + 1 or len(own) != 1:
        return state
    kept = [state[name] for name in names if name != own[0]]
    others = {name: array for name, array in state.items() if name not in names}
    return others | {f"model/{i:03d}": array for i, array in enumerate(kept)}


def remove_old(checkpoints: list[Path], keep: int, hours_between_kept: float | None = None) -> None:
    """Remove all but the newest of some checkpoints, and but one of every span of hours.

    Args:
        checkpoints: the oldest first.
        keep: how many of the newest stay; at least one always does.
        hours_between_kept: also keep a checkpoint whenever this many hours have passed since the one kept before.
    """
    kept = None
    for old in checkpoints[: -max(1, keep)]:
        written = old.stat().st_mtime
        # The oldest begins the first span of hours; it and those that begin the next ones stay.
        if hours_between_kept and (kept is None or written - kept >= 3600 * hours_between_kept):
            kept = written
        else:
            old.unlink()
