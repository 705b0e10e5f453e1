"""`evaluate.py` from end to end, for models of every family."""

import argparse
from pathlib import Path

from common.output_files import check_outputs
from workflows import families
from workflows.loading import load_any_model


def evaluate(args: argparse.Namespace) -> str:
    """Evaluate a trained model, print tables, and write the report and its picture.

    Args:
        args: the flags of `evaluate.py`.

    Returns:
        What was written, in a sentence.

    Raises:
        InputError: for flags that don't fit the model, and for files that can't be read or written.
        CheckpointError: where the model can't be loaded.
    """
    output = Path(args.output_dir).expanduser()
    files = [output / "evaluation.json", output / "evaluation.png"]
    check_outputs(files, args.force)
    model = load_any_model(args)
    families.of(model.config).evaluate(args, model, files)
    return f"Wrote {files[0]}" + (f" and {files[1].name}." if files[1].exists() else ".")
