"""The training loop: intervals of `fit`, and after each a line in the log and perhaps a checkpoint.

A run_dir holds `config.json`, `train/step-*.safetensors`, `train/best.safetensors`, `log.csv` and TensorBoard's
event files. A run goes on from its newest checkpoint exactly as if it had never stopped: batches are a function
of the step, and optimizer and random state are in the checkpoint. A damaged checkpoint is named and left out; a run
whose checkpoints are all damaged is not begun again over them.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from common.errors import CheckpointError
from models.formats import ours as checkpoint
from models.formats.ours import Checkpoint
from models.music_vae.elbo import LN2
from models.music_vae.model import MusicVAE
from models.training.learning_rates import CosineDecayToFloor, ExponentialDecayToFloor
from models.training.optimizer import ClippedAdam
from models.training.run_log import RunLog


class BatchSource(Protocol):
    """Where batches come from: each is a function of its step."""

    def batch(self, step: int) -> dict[str, np.ndarray]:
        """The batch of a step."""
        ...


class NotANumber(ArithmeticError):
    """Training has diverged; the message says at which step and what to do."""


@dataclass(frozen=True)
class Settings:
    """How to run, beside what the config says of the model.

    Attributes:
        num_steps: the last step.
        log_every: steps between lines of the log.
        save_every: steps between checkpoints; a multiple of `log_every`.
        eval_every: steps between validations; a multiple of `log_every`.
        checkpoints_to_keep: newest numbered checkpoints kept beside the best.
        patience: validations without a better one before training stops; 0 for never.
        hours_between_kept: also keep a checkpoint whenever so many hours have passed since the one kept before.
    """

    num_steps: int
    log_every: int = 100
    save_every: int = 500
    eval_every: int = 500
    checkpoints_to_keep: int = 5
    patience: int = 0
    hours_between_kept: float | None = None


def compile_model(model: MusicVAE) -> None:
    """Give a model the optimizer of its hyperparameters, and XLA."""
    h = model.hparams
    least, decay_steps, warmup_steps = h.min_learning_rate, h.decay_steps, h.warmup_steps
    schedule: Any = ExponentialDecayToFloor(h.learning_rate, h.decay_rate, least)
    if decay_steps:
        schedule = CosineDecayToFloor(h.learning_rate, decay_steps, least, warmup_steps)
    clipping = h.clip_mode, h.grad_clip, h.grad_norm_clip_to_zero
    model.compile(
        optimizer=ClippedAdam(schedule, *clipping, h.weight_decay, h.averaging_rate), jit_compile=True
    )
    model.optimizer.build(model.trainable_variables)


@contextlib.contextmanager
def averaged(model: MusicVAE) -> Iterator[None]:
    """The model with the moving average of its weights, where its optimizer keeps one; then with its own again."""
    if not model.optimizer.use_ema:
        yield
        return
    own = [ops.convert_to_numpy(v) for v in model.trainable_variables]
    model.optimizer.assign_average(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, own, strict=True):
            variable.assign(value)


def train(
    model: MusicVAE,
    batches: BatchSource,
    run_dir: Path,
    config_json: str,
    settings: Settings,
    validate: Callable[[], dict[str, float]] | None = None,
    report: Callable[[int, dict[str, float]], None] = lambda step, values: None,
    on_step: Callable[[int], None] = lambda step: None,
) -> dict[str, float]:
    """Train a compiled model, from the newest checkpoint of `run_dir` where there is one.

    Args:
        model: built and compiled.
        batches: the training batches.
        run_dir: where everything goes.
        config_json: stored in every checkpoint.
        settings: how long, how often.
        validate: the negative ELBO on held-out data as `val_loss`, with whatever else is worth a log line.
        report: called with each line of the log.
        on_step: called after each step.

    Returns:
        The last line of the log.

    Raises:
        NotANumber: where the loss stops being a number; the last good checkpoint stays.
        CheckpointError: where the newest checkpoint does not fit the model, or none can be read.
    """
    folder = run_dir / "train"
    step, best, waited = restore(model, folder)
    log = RunLog(run_dir, step)
    line: dict[str, float] = {}
    out_of_patience = bool(settings.patience) and waited >= settings.patience
    while step < settings.num_steps and not out_of_patience:
        stop = min(settings.num_steps, step - step % settings.log_every + settings.log_every)
        began = time.perf_counter()
        history = model.fit(
            _generator(batches, step, stop),
            steps_per_epoch=stop - step,
            verbose=0,
            shuffle=False,
            callbacks=[_StepCallback(step, on_step)],
        ).history
        line = {name: values[-1] for name, values in history.items()}
        if not math.isfinite(line["loss"]):
            raise NotANumber(
                f"The loss is not a number between step {step} and {stop}; the last good checkpoint is kept. "
                f"Lower learning_rate or grad_clip and run the command again to go on from there."
            )
        line["steps_per_second"] = (stop - step) / (time.perf_counter() - began)
        step = stop
        at_end = step == settings.num_steps
        improved = False
        if validate and (step % settings.eval_every == 0 or at_end):
            with averaged(model):
                line |= validate()
                improved = line["val_loss"] < best
                best, waited = (line["val_loss"], 0) if improved else (best, waited + 1)
                if improved:
                    found = _weights_only(model, config_json, step, line)
                    checkpoint.save(folder / f"best{checkpoint.SUFFIX}", found)
        log.write(step, line)
        report(step, line)
        out_of_patience = bool(settings.patience) and waited >= settings.patience
        if step % settings.save_every == 0 or at_end or out_of_patience:
            _save(
                model,
                folder,
                config_json,
                step,
                {"best": best, "waited": waited},
                settings,
            )
    return line


class _StepCallback(keras.callbacks.Callback):
    def __init__(self, start: int, on_step: Callable[[int], None]):
        super().__init__()
        self.start, self.on_step = start, on_step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.on_step(self.start + batch + 1)


def _generator(batches: BatchSource, start: int, stop: int) -> Iterator[tuple[dict[str, np.ndarray]]]:
    for step in range(start, stop):
        yield (batches.batch(step),)


def _state_variables(model: MusicVAE) -> dict[str, Any]:
    """Everything besides the weights that the next step depends on, by a name that stays the same."""
    trained = {id(v) for v in model.trainable_variables}
    metrics = {id(v) for v in model.metrics_variables}
    others = [v for v in model.variables if id(v) not in trained | metrics]
    state = {f"model/{i:03d}": v for i, v in enumerate(others)}
    return state | {f"optimizer/{i:03d}": v for i, v in enumerate(model.optimizer.variables)}


def _weights_only(model: MusicVAE, config_json: str, step: int, notes: dict[str, float]) -> Checkpoint:
    weights = {n: ops.convert_to_numpy(v).astype(np.float32) for n, v in model.named_weights().items()}
    return Checkpoint(weights, config_json, step, notes={k: float(v) for k, v in notes.items()})


def _save(
    model: MusicVAE,
    folder: Path,
    config_json: str,
    step: int,
    notes: dict[str, float],
    settings: Settings,
) -> None:
    whole = _weights_only(model, config_json, step, notes)
    whole.state.update({n: ops.convert_to_numpy(v) for n, v in _state_variables(model).items()})
    saved = folder / f"step-{step:08d}{checkpoint.SUFFIX}"
    checkpoint.save(saved, whole)
    # A later one was left out as damaged; this run will get there again and replace it.
    remove_old([path for path in checkpoint.numbered(folder) if path.name <= saved.name], settings)


def remove_old(checkpoints: list[Path], settings: Settings) -> None:
    """Remove all but the newest of some checkpoints, and but one of so many hours.

    Args:
        checkpoints: the oldest first.
        settings: `checkpoints_to_keep` and `hours_between_kept`.
    """
    kept = None
    for old in checkpoints[: -max(1, settings.checkpoints_to_keep)]:
        written = old.stat().st_mtime
        # The oldest begins the first span of hours; it and those that begin the next ones stay.
        if settings.hours_between_kept and (
            kept is None or written - kept >= 3600 * settings.hours_between_kept
        ):
            kept = written
        else:
            old.unlink()


def restore(model: MusicVAE, folder: Path) -> tuple[int, float, int]:
    """Load the newest checkpoint that can be read: its step, the best validation so far, validations since.

    Damaged ones are named on standard error.

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
        for name, variable in _state_variables(model).items():
            if name not in found.state or found.state[name].shape != tuple(variable.shape):
                raise CheckpointError(
                    f"{path}: its optimizer state does not fit; was it trained with other flags?"
                )
            variable.assign(found.state[name])
        notes = [found.notes.get("best", math.inf), found.notes.get("waited", 0)]
        if not all(isinstance(note, int | float) for note in notes) or not 0 <= notes[1] < 2**31:
            raise CheckpointError(
                f"{path}: its notes are no numbers; remove it, and the run goes on from an earlier one."
            )
        return found.step, float(notes[0]), int(notes[1])
    if paths:
        raise CheckpointError(
            f"{folder}: none of its {len(paths)} checkpoints can be read, so the run can't go on; name a new --run_dir, "
            "or remove them to begin again."
        )
    return 0, math.inf, 0


def validation(model: MusicVAE, batches: list[dict[str, np.ndarray]], seed: int = 0) -> dict[str, float]:
    """Teacher-forced loss of held-out batches at beta 1, with the same latent noise every time.

    Returns:
        `val_loss` (the negative ELBO), `val_reconstruction` and `val_kl` in nats a sequence, `val_kl_bits`,
        `val_accuracy`, and `val_active_units`: latent units whose posterior mean varies by more than 0.01.
    """
    rng = np.random.default_rng(seed)
    columns: dict[str, list[np.ndarray]] = {"reconstruction": [], "kl": [], "accuracy": [], "mu": []}
    for batch in batches:
        noise = rng.standard_normal((len(batch["inputs"]), model.hparams.z_size), dtype=np.float32)
        outputs = model.predict_on_batch({**batch, "noise": noise})
        for name, values in columns.items():
            values.append(np.asarray(outputs[name]))
    mean = {name: np.concatenate(values) for name, values in columns.items()}
    reconstruction, kl = float(mean["reconstruction"].mean()), float(mean["kl"].mean())
    return {
        "val_loss": reconstruction + kl,
        "val_reconstruction": reconstruction,
        "val_kl": kl,
        "val_kl_bits": kl / LN2,
        "val_accuracy": float(mean["accuracy"].mean()),
        "val_active_units": float((mean["mu"].var(axis=0) > 0.01).sum()),
    }
