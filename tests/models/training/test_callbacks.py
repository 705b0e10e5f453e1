"""The callbacks of a run, called as `fit` calls them, on a model that does nothing."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from common.errors import NotANumber
from models.formats import ours as checkpoint
from models.training import callbacks
from models.training.resuming import Progress
from models.training.run_log import RunLog
from models.training.settings import Settings

pytestmark = pytest.mark.jax

LOSSES = {1: 3.0, 2: 2.0, 3: 5.0, 4: 4.0, 5: 1.0}


class Model(SimpleNamespace):
    """As much of a model as callbacks look at."""

    def __init__(self) -> None:
        weight = np.ones(2, np.float32)
        super().__init__(
            optimizer=SimpleNamespace(use_ema=False, variables=[]), stop_training=False, resets=0,
            trainable_variables=[], metrics_variables=[], variables=[], named_weights=lambda: {"w": weight},
        )  # fmt: skip

    def reset_metrics(self) -> None:
        self.resets += 1


def play(folder: Path, settings: Settings, start: Progress, val_losses: dict[int, float]) -> tuple:
    """Steps as `fit` takes them: the model, the lines that were reported, and the callbacks' last progress."""
    model, lines, steps = Model(), [], []
    log = RunLog(folder, start.step)
    beside = [
        callbacks.Interval(start, settings, steps.append),
        callbacks.Validation(start, settings, lambda step: {"val_loss": val_losses[step]}, folder, "{}"),
        callbacks.LogLine(start, settings, log, lambda step, line: lines.append((step, dict(line)))),
        callbacks.Patience(start, settings),
        callbacks.Checkpoints(start, settings, folder, "{}"),
    ]
    for callback in beside:
        callback.set_model(model)
    for batch in range(settings.num_steps - start.step):
        for callback in beside:
            callback.on_train_batch_begin(batch)
        logs = {"loss": LOSSES[start.step + 1]}
        for callback in beside:
            callback.on_train_batch_end(batch, logs)
        if model.stop_training:
            break
    assert steps == list(range(steps[0], steps[0] + len(steps)))
    return model, lines


def test_an_interval_ends_in_a_line_a_validation_and_a_checkpoint(tmp_path: Path) -> None:
    progress = Progress()
    settings = Settings(5, log_every=2, save_every=4, eval_every=2)
    model, lines = play(tmp_path, settings, progress, {2: 7.0, 4: 8.0, 5: 6.0})
    assert [step for step, _ in lines] == [2, 4, 5], "the last step ends an interval, too"
    assert [line["loss"] for _, line in lines] == [2.0, 4.0, 1.0]
    assert all(line["steps_per_second"] > 0 for _, line in lines)
    assert model.resets == 3, "means are those of an interval"
    assert (progress.step, progress.best, progress.waited) == (5, 6.0, 0) and progress.line == lines[-1][1]
    assert [path.name for path in checkpoint.numbered(tmp_path)] == [
        "step-00000004.safetensors", "step-00000005.safetensors",
    ]  # fmt: skip
    best = checkpoint.load(tmp_path / "best.safetensors")
    assert best.step == 5 and best.notes["val_loss"] == 6.0
    assert checkpoint.load(tmp_path / "step-00000004.safetensors").notes == {"best": 7.0, "waited": 1}


def test_training_stops_where_patience_runs_out_and_leaves_a_checkpoint(tmp_path: Path) -> None:
    progress = Progress()
    settings = Settings(5, log_every=1, save_every=5, eval_every=1, patience=2)
    model, lines = play(tmp_path, settings, progress, {1: 1.0, 2: 2.0, 3: 1.0})
    assert model.stop_training and [step for step, _ in lines] == [1, 2, 3]
    assert [path.name for path in checkpoint.numbered(tmp_path)] == ["step-00000003.safetensors"]


def test_a_run_goes_on_in_the_middle_of_an_interval(tmp_path: Path) -> None:
    progress = Progress(step=1, best=0.5, waited=3)
    _, lines = play(tmp_path, Settings(4, 2, 2, 2), progress, {2: 1.0, 4: 1.0})
    assert [step for step, _ in lines] == [2, 4]
    assert (progress.best, progress.waited) == (0.5, 5) and not (tmp_path / "best.safetensors").exists()


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_is_neither_logged_nor_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: float
) -> None:
    monkeypatch.setitem(LOSSES, 4, loss)
    with pytest.raises(NotANumber, match="between step 2 and 4"):
        play(tmp_path, Settings(5, 2, 2, 2), Progress(), {2: 1.0, 4: 1.0})
    assert [path.name for path in checkpoint.numbered(tmp_path)] == ["step-00000002.safetensors"]
    assert "4" not in [line.split(",")[0] for line in (tmp_path / "log.csv").read_text().splitlines()]
