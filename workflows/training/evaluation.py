"""Evaluating a run on held-out examples, with the figures of its validation: `train.py --mode=eval`."""

import json
from dataclasses import dataclass
from pathlib import Path

from catalog.config import Config
from common.output_files import check_outputs, write_atomically
from models.formats import ours as checkpoint
from workflows import families as workflows
from workflows.training.data import Line
from workflows.training.run import built


@dataclass(frozen=True)
class Evaluation:
    """The figures of a run's checkpoint.

    Attributes:
        checkpoint: the file's name.
        step: training steps that it has behind it.
        figures: by name, `val_loss` among them.
        output: the JSON file that holds them.
    """

    checkpoint: str
    step: int
    figures: Line
    output: Path


def evaluate(
    config: Config, run_dir: Path, held_out: str, suffix: str = "", batches: int | None = None
) -> Evaluation:
    """Evaluate a run's best checkpoint, or else its newest, and write the figures to `evalSUFFIX.json` in its folder.

    Args:
        config: of the run.
        run_dir: the run.
        held_out: the examples, globs separated by commas.
        suffix: of the file's name.
        batches: how many batches to evaluate on; None for all.

    Raises:
        CheckpointError: where there is no checkpoint that can be read, or it does not fit the config.
        InputError: for examples that can't be used.
        OutputError: where the file can't be written.
    """
    output = run_dir / f"eval{suffix}.json"
    path, found = checkpoint.load_named(str(run_dir))
    check_outputs([output], force=True)
    data = workflows.of(config).training_data(config, None, held_out)
    model = built(config)
    checkpoint.assign(model, found.weights, str(path))
    figures = data.validate(model, batches)
    text = json.dumps({"checkpoint": path.name, "step": found.step, **figures}, indent=1)
    write_atomically(output, f"{text}\n".encode())
    return Evaluation(path.name, found.step, figures, output)
