"""Training: one `fit` over batches that are a function of the step, with callbacks for all that happens beside it.

A run_dir holds `config.json`, `train/step-*.safetensors`, `train/best.safetensors`, `log.csv` and TensorBoard's
event files. How an interrupted run goes on is in `models/training/resuming.py`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

from models.training import callbacks, resuming
from models.training.learning_rates import CosineDecayToFloor, ExponentialDecayToFloor
from models.training.optimizer import ClippedAdam
from models.training.resuming import Progress
from models.training.run_log import RunLog
from models.training.settings import Settings
from models.training.trainable import TrainableModel


class BatchSource(Protocol):
    """Where batches come from: each is a function of its step."""

    def batch(self, step: int) -> dict[str, np.ndarray]:
        """The batch of a step."""
        ...


class BatchesFrom(keras.utils.PyDataset):
    """The batches of a source from one step on, as `fit` takes them.

    Args:
        source: the batches.
        start: step of the first one.
        stop: step behind the last one.
    """

    def __init__(self, source: BatchSource, start: int, stop: int):
        super().__init__()
        self.source, self.start, self.stop = source, start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray]]:
        return (self.source.batch(self.start + index),)


def compile_model(model: TrainableModel) -> None:
    """Give a model the optimizer of its hyperparameters, and XLA."""
    h = model.hparams
    least, decay_steps, warmup_steps = h.min_learning_rate, h.decay_steps, h.warmup_steps
    schedule: keras.optimizers.schedules.LearningRateSchedule
    if decay_steps:
        schedule = CosineDecayToFloor(h.learning_rate, decay_steps, least, warmup_steps)
    else:
        schedule = ExponentialDecayToFloor(h.learning_rate, h.decay_rate, least)
    clipping = h.clip_mode, h.grad_clip, h.grad_norm_clip_to_zero
    optimizer = ClippedAdam(schedule, *clipping, h.weight_decay, h.averaging_rate)
    model.compile(optimizer=optimizer, jit_compile=True)
    model.optimizer.build(model.trainable_variables)


def train(
    model: TrainableModel,
    batches: BatchSource,
    run_dir: Path,
    config_json: str,
    settings: Settings,
    validate: Callable[[int], callbacks.Line] | None = None,
    report: Callable[[int, callbacks.Line], None] = lambda step, line: None,
    on_step: Callable[[int], None] = lambda step: None,
) -> Progress:
    """Train a compiled model, from the newest checkpoint of `run_dir` where there is one.

    Args:
        model: built and compiled.
        batches: the training batches.
        run_dir: where everything goes.
        config_json: stored in every checkpoint.
        settings: how long, how often.
        validate: figures on held-out data after a step: the negative ELBO as `val_loss`, and whatever else is worth a
            place in the log.
        report: called with the step and each line of the log.
        on_step: called after each step.

    Returns:
        How far the run has come.

    Raises:
        NotANumber: where the loss stops being a number; the last good checkpoint stays.
        CheckpointError: where the newest checkpoint does not fit the model, or none can be read.
    """
    folder = run_dir / "train"
    progress = resuming.restore(model, folder)
    log = RunLog(run_dir, progress.step)
    if progress.step >= settings.num_steps or settings.is_out_of_patience(progress.waited):
        return progress
    beside = [
        callbacks.Interval(progress, settings, on_step),
        *([callbacks.Validation(progress, settings, validate, folder, config_json)] if validate else []),
        callbacks.LogLine(progress, settings, log, report),
        callbacks.Patience(progress, settings),
        callbacks.Checkpoints(progress, settings, folder, config_json),
    ]
    steps = BatchesFrom(batches, progress.step, settings.num_steps)
    model.fit(steps, verbose=0, shuffle=False, callbacks=beside)
    return progress
