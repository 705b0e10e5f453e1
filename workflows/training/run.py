"""A run of training, from its flags or from its parts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.config import Config
from common.console import progress
from common.errors import InputError
from common.output_files import check_folder, write_atomically
from models import families
from models.formats import ours as checkpoint
from models.formats.opening import read_checkpoint
from models.layers import startup
from models.training.settings import Settings
from workflows import families as workflows
from workflows.training.data import Line, TrainingData
from workflows.training.run_config import CONFIG_FILE
from workflows.training.run_lock import check_free, locked

if TYPE_CHECKING:
    from models.training.resuming import Progress
    from models.training.trainable import TrainableModel


@dataclass(frozen=True)
class Source:
    """Where examples come from: globs separated by commas.

    Attributes:
        train: to train on.
        held_out: to validate on; None for no validation.
    """

    train: str
    held_out: str | None = None


def train(
    config: Config,
    run_dir: Path,
    source: Source,
    settings: Settings,
    seed: int = 0,
    init_from: str | None = None,
    precision: str = "float32",
    validation_batches: int | None = None,
) -> "Progress":
    """Train a model, or go on with an interrupted run; the terminal says what happens.

    Args:
        config: of the model.
        run_dir: where everything goes.
        source: the examples.
        settings: how long, how often.
        seed: of weights, batches and noise.
        init_from: a checkpoint whose weights a new run starts from.
        precision: Keras's policy of number types.
        validation_batches: how many batches each validation takes; None for all.

    Returns:
        How far the run has come.

    Raises:
        InputError: for a precision that the family can't compute in, parts of the config that do not fit together,
            examples that can't be used, or a run that another process trains.
        CheckpointError: for weights to start from, or a run's checkpoints, that can't be read or do not fit.
        NotANumber: where the loss stops being a number.
    """
    check_folder(run_dir)
    check_free(run_dir)
    # Before the examples are read and Keras is imported, which takes longer.
    weights = read_checkpoint(init_from).weights if init_from else None
    if precision != "float32" and not families.of(config).mixed_precision:
        raise InputError(f"{config.name} computes in float32 alone; leave out --precision.", "bad_flag")
    data = workflows.of(config).training_data(config, source.train, source.held_out)

    startup.import_keras()
    import keras

    keras.config.set_dtype_policy(precision)
    try:
        model = built(config, seed)
    except ValueError as error:
        raise InputError(f"{config.name}: {error}", "bad_config") from error
    if weights is not None:
        checkpoint.assign(model, weights, str(init_from))
    print(
        f"Training {config.name} ({model.count_params():,} parameters) on {keras.backend.backend()}; the first step "
        "compiles."
    )
    return run(model, config, data, run_dir, settings, seed, validation_batches)


def built(config: Config, seed: int = 0) -> "TrainableModel":
    """A compiled model with fresh weights.

    Raises:
        ValueError: where the config's parts do not fit.
    """
    model = families.build_model(config, seed)
    from models.training import trainer

    trainer.compile_model(model)
    return model


def run(
    model: "TrainableModel",
    config: Config,
    data: TrainingData[Any],
    run_dir: Path,
    settings: Settings,
    seed: int = 0,
    validation_batches: int | None = None,
) -> "Progress":
    """Train a compiled model, with progress bar, lines on the terminal, and pictures where there are any.

    Args:
        model: as `built` makes it.
        config: stored with the run.
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
    from models.training import trainer

    def validate(step: int) -> Line:
        data.draw_expected(model, step, run_dir / "pictures" / f"step-{step:08d}.png")
        return data.validate(model, validation_batches)

    def report(step: int, line: Line) -> None:
        print(data.report(step, line), flush=True)

    with locked(run_dir):
        batches = data.batches(model, seed)
        write_atomically(run_dir / CONFIG_FILE, config.to_json().encode())
        with progress("Training", settings.num_steps) as advance:
            done = 0

            def on_step(step: int) -> None:
                nonlocal done
                advance(step - done)
                done = step

            checked = validate if data.has_held_out else None
            found = trainer.train(
                model, batches, run_dir, config.to_json(), settings, checked, report, on_step
            )
        data.draw_curves(run_dir)
    return found
