"""A run of training from its parts: what `train.py` and the benchmarks share."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.config import PARTS, Config, ConfigError
from common.console import progress
from common.errors import InputError, shown
from common.output_files import write_atomically
from models import families
from workflows.training.data import TrainingData
from workflows.training.run_lock import locked

if TYPE_CHECKING:
    from models.training.resuming import Progress
    from models.training.settings import Settings


def built(config: Any, seed: int = 0) -> Any:
    """A compiled model with fresh weights.

    Raises:
        ValueError: where the config's parts do not fit.
    """
    from models.training import trainer

    model = families.build_model(config, seed)
    trainer.compile_model(model)
    return model


CONFIG_FILE = "config.json"


def config_of(run_dir: Path) -> Config | None:
    """The config that a run began with, or where its file is missing that of its newest checkpoint; None without a run.

    Raises:
        ConfigError: where it can't be read.
        CheckpointError: where the file is missing and the run's checkpoints can't be read.
    """
    from models.formats import ours as checkpoint
    from models.formats.opening import open_checkpoint

    stored = run_dir / CONFIG_FILE
    if stored.exists():
        try:
            return Config.from_json(stored.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:  # a ConfigError is a ValueError
            raise ConfigError(
                f"{stored}: {str(error).rstrip('.')}; remove it, and the config of the newest checkpoint is taken."
            ) from error
    if checkpoint.numbered(run_dir / "train"):
        return open_checkpoint(str(run_dir / "train")).config
    return None


def check_same(run_dir: Path, before: Config, config: Config) -> None:
    """Refuse to go on with a run under another config than it began with.

    Raises:
        InputError: naming what differs.
    """

    def flat(one: Config) -> dict[str, Any]:
        parts = {part: dict(getattr(one, part)) for part in (*PARTS, "augmenter")}
        named = {
            f"{name} of the {part}": value for part, table in parts.items() for name, value in table.items()
        }
        return {"model": one.model, "name": one.name, **dataclasses.asdict(one.hparams), **named}

    ours, theirs = flat(before), flat(config)
    differing = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    if differing:
        first = differing[0]
        more = f" (and {len(differing) - 1} more differ)" if len(differing) > 1 else ""
        raise InputError(
            f"{run_dir}: was begun with another config or --hparams: {first} is {shown(ours.get(first))} there and "
            f"{shown(theirs.get(first))} now{more}. Leave out --config and --hparams to go on with it, or name a new "
            "--run_dir.",
            "other_config",
        )


def run(
    model: Any,
    config: Any,
    data: TrainingData,
    run_dir: Path,
    settings: "Settings",
    seed: int = 0,
    validation_batches: int | None = None,
) -> "Progress":
    """Train a compiled model, with progress bar, lines on the terminal, and pictures where there are any.

    Args:
        model: as `built` makes it.
        config: a `catalog.config.Config`, stored with the run.
        data: what to train and validate on.
        run_dir: where everything goes; an interrupted run goes on.
        settings: how long, how often.
        seed: of the batches.
        validation_batches: how many batches each validation takes; None for all.

    Returns:
        How far the run has come, with the last line of its log.

    Raises:
        NotANumber: where the loss stops being a number.
        CheckpointError: where the run's newest checkpoint does not fit the model, or none can be read.
        InputError: where another process trains the run (`locked`).
    """
    with locked(run_dir):
        return _run(model, config, data, run_dir, settings, seed, validation_batches)


def _run(
    model: Any,
    config: Any,
    data: TrainingData,
    run_dir: Path,
    settings: "Settings",
    seed: int,
    validation_batches: int | None,
) -> "Progress":
    from models.training import trainer

    batches = data.batches(model, seed)
    write_atomically(run_dir / CONFIG_FILE, config.to_json().encode())

    def validate(step: int) -> dict[str, float]:
        data.draw_expected(model, step, run_dir / "pictures" / f"step-{step:08d}.png")
        return data.validate(model, validation_batches)

    def report(step: int, line: dict[str, float]) -> None:
        print(data.report(step, line), flush=True)

    with progress("Training", settings.num_steps) as advance:
        done = 0

        def on_step(step: int) -> None:
            nonlocal done
            advance(step - done)
            done = step

        checked = validate if data.has_held_out else None
        found = trainer.train(model, batches, run_dir, config.to_json(), settings, checked, report, on_step)
    data.draw_curves(run_dir)
    return found
