"""What happens beside the training steps: log lines, validation, stopping, checkpoints.

Each is a Keras callback of the one `fit` of `models.training.trainer.train`. Keras calls them in the order in which they
are given, and hands all of them the same dictionary of logs: what one adds to it the next ones see. After the last step
of an interval that dictionary is the line of the log.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import keras

from common.errors import NotANumber
from models.formats import ours as checkpoint
from models.training import resuming
from models.training.optimizer import averaged
from models.training.resuming import Progress
from models.training.run_log import RunLog
from models.training.settings import Settings

Line = dict[str, float]


class Interval(keras.callbacks.Callback):
    """Counts the steps, and turns the logs of an interval's last step into a line.

    The first of the callbacks: the others look at `progress.step`.

    Args:
        progress: gets the steps.
        settings: says where intervals end.
        on_step: called after each step.

    Raises:
        NotANumber: where the mean loss of an interval isn't finite.
    """

    def __init__(self, progress: Progress, settings: Settings, on_step: Callable[[int], None]):
        super().__init__()
        self.progress, self.settings, self.on_step = progress, settings, on_step
        self.first_step, self.began = 0, math.nan
        self.is_new = True

    def on_train_batch_begin(self, batch: int, logs: Line | None = None) -> None:
        """Begin an interval, after a last one with all that followed on it."""
        if self.is_new:
            self.first_step, self.began, self.is_new = self.progress.step, time.perf_counter(), False
            self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: Line | None = None) -> None:
        """Count a step; at the end of an interval, check the loss and add the speed."""
        self.progress.step += 1
        self.on_step(self.progress.step)
        step = self.progress.step
        if logs is None or not self.settings.is_due(self.settings.log_every, step):
            return
        if not math.isfinite(logs["loss"]):
            raise NotANumber(
                f"The loss is not a number between step {self.first_step} and {step}; the last good checkpoint is "
                "kept. Lower learning_rate or grad_clip and run the command again to go on from there."
            )
        logs["steps_per_second"] = (step - self.first_step) / (time.perf_counter() - self.began)
        self.is_new = True


class AfterSteps(keras.callbacks.Callback, ABC):
    """Base of what is done at regular intervals, and after the last step.

    Args:
        progress: says the step.
        settings: says which step is the last.
        every: length of an interval in steps; a multiple of the settings' `log_every`.
    """

    def __init__(self, progress: Progress, settings: Settings, every: int):
        super().__init__()
        self.progress, self.settings, self.every = progress, settings, every

    def on_train_batch_end(self, batch: int, logs: Line | None = None) -> None:
        """Call `act` where it is due."""
        if logs is not None and self.is_due():
            self.act(self.progress.step, logs)

    def is_due(self) -> bool:
        """Whether to act after the present step."""
        return self.settings.is_due(self.every, self.progress.step)

    @abstractmethod
    def act(self, step: int, line: Line) -> None:
        """What is done after a step; may add values to the line of the log."""


class Validation(AfterSteps):
    """Validates with the average of the weights where there is one, and keeps the best checkpoint.

    Args:
        progress, settings: see `AfterSteps`; every `eval_every` steps.
        validate: figures on held-out data after a step, `val_loss` among them.
        folder: gets `best.safetensors`.
        config_json: stored in it.
    """

    def __init__(
        self,
        progress: Progress,
        settings: Settings,
        validate: Callable[[int], Line],
        folder: Path,
        config_json: str,
    ):
        super().__init__(progress, settings, settings.eval_every)
        self.validate, self.folder, self.config_json = validate, folder, config_json

    def act(self, step: int, line: Line) -> None:
        """Add the figures to the line."""
        # On JAX the model holds the present weights once a callback has asked for it.
        model = self.model
        with averaged(model):
            line.update(self.validate(step))
            if line["val_loss"] < self.progress.best:
                self.progress.best, self.progress.waited = line["val_loss"], 0
                found = resuming.weights_only(model, self.config_json, step, line)
                checkpoint.save(self.folder / f"best{checkpoint.SUFFIX}", found)
            else:
                self.progress.waited += 1


class LogLine(AfterSteps):
    """Writes the line of an interval to the log and reports it.

    Args:
        progress, settings: see `AfterSteps`; every `log_every` steps.
        log: gets the line.
        report: called with the step and the line.
    """

    def __init__(
        self, progress: Progress, settings: Settings, log: RunLog, report: Callable[[int, Line], None]
    ):
        super().__init__(progress, settings, settings.log_every)
        self.log, self.report = log, report

    def act(self, step: int, line: Line) -> None:
        """Write and report the line, and keep it as the last one."""
        self.log.write(step, line)
        self.report(step, line)
        self.progress.line = dict(line)


class Patience(AfterSteps):
    """Stops training after too many validations without a better one; every `eval_every` steps."""

    def __init__(self, progress: Progress, settings: Settings):
        super().__init__(progress, settings, settings.eval_every)

    def act(self, step: int, line: Line) -> None:
        """Ask `fit` to stop."""
        if self.settings.is_out_of_patience(self.progress.waited):
            self.model.stop_training = True


class Checkpoints(AfterSteps):
    """Writes numbered checkpoints, from which a run resumes, and removes old ones; also where patience runs out.

    Args:
        progress, settings: see `AfterSteps`; every `save_every` steps.
        folder: gets `step-*.safetensors`.
        config_json: stored in each.
    """

    def __init__(self, progress: Progress, settings: Settings, folder: Path, config_json: str):
        super().__init__(progress, settings, settings.save_every)
        self.folder, self.config_json = folder, config_json

    def is_due(self) -> bool:
        """Also where training stops here."""
        return super().is_due() or self.settings.is_out_of_patience(self.progress.waited)

    def act(self, step: int, line: Line) -> None:
        """Write one, and remove what is not kept of those before it."""
        saved = resuming.save_state(self.model, self.folder, self.config_json, self.progress)
        # A later one was left out as damaged; this run will get there again and replace it.
        earlier = [path for path in checkpoint.numbered(self.folder) if path.name <= saved.name]
        resuming.remove_old(earlier, self.settings.checkpoints_to_keep, self.settings.hours_between_kept)
