"""A run of training from its parts: what `train.py` and the benchmarks share."""

from pathlib import Path
from typing import Any

from configuration import Config
from preprocess.console import progress
from preprocess.output_files import write_atomically
from studio.training_data import TrainingData


def built(config: Any, seed: int = 0) -> Any:
    """A compiled model with fresh weights.

    Raises:
        ValueError: where the config's parts do not fit.
    """
    from models import trainer

    model = config.build_model(seed)
    trainer.compile_model(model)
    return model


CONFIG_FILE = "config.json"


def config_of(run_dir: Path) -> Config | None:
    """The config that a run began with; None where there is no run yet."""
    stored = run_dir / CONFIG_FILE
    return Config.from_json(stored.read_text(encoding="utf-8")) if stored.exists() else None


def run(
    model: Any,
    config: Any,
    data: TrainingData,
    run_dir: Path,
    settings: Any,
    seed: int = 0,
    validation_batches: int | None = None,
) -> dict[str, float]:
    """Train a compiled model, with progress bar, lines on the terminal, and pictures where there are any.

    Args:
        model: as `built` makes it.
        config: a `configs.Config`, stored with the run.
        data: what to train and validate on.
        run_dir: where everything goes; an interrupted run goes on.
        settings: a `models.trainer.Settings`.
        seed: of the batches.
        validation_batches: so many a validation; None for all.

    Returns:
        The last line of the log.

    Raises:
        NotANumber: where the loss stops being a number.
        CheckpointError: where the run's newest checkpoint does not fit the model.
    """
    from models import trainer

    batches = data.batches(model, seed)
    write_atomically(run_dir / CONFIG_FILE, config.to_json().encode())

    def validate() -> dict[str, float]:
        data.picture(model, run_dir / "pictures" / f"step-{int(model.step):08d}.png")
        return data.validate(model, validation_batches)

    def report(step: int, line: dict[str, float]) -> None:
        print(data.report(step, line), flush=True)

    with progress("Training", settings.num_steps) as advance:
        done = [0]

        def on_step(step: int) -> None:
            advance(step - done[0])
            done[0] = step

        checked = validate if data.has_held_out else None
        line = trainer.train(model, batches, run_dir, config.to_json(), settings, checked, report, on_step)
    if config.model == "frame_model":
        from render.curves import save_curves

        save_curves(run_dir / "curves.png", run_dir / "log.csv", config.name)
    return line
