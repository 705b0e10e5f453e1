"""Command: learn quantile maps, and for taps a threshold, for a trained groove model (`workflows.grooves.quantile_maps`).

`python -m workflows.grooves.calibrate --run_dir=run --examples_path=train.tfrecord --output=calibrated.safetensors`
"""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import argparse
import dataclasses
import sys
from pathlib import Path

from common import flags
from common.console import Parser, run_command
from common.errors import InputError
from models.numpy_engine import grooves as numpy_groove
from workflows.grooves.quantile_maps import SHARES, calibrated


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Learn from training clips how a groove model's typical performances get the spread of drummers.",
        "python -m workflows.grooves.calibrate --run_dir=run --examples_path=train.tfrecord --output=model.safetensors",
    )
    parser.add_argument("--run_dir", required=True, help="a run of train.py, or a checkpoint")
    parser.add_argument("--examples_path", required=True, help="its training TFRecords")
    parser.add_argument("--output", required=True, help="checkpoint to write")
    for name, share in SHARES.items():
        parser.add_argument(
            f"--{name}_share",
            type=flags.FRACTION,
            default=share,
            help=f"0 plays medians, 1 has the drummers' histogram of {name} (default: {share})",
        )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    from models.formats import ours as checkpoint
    from models.formats import weight_check
    from models.music_vae.trained import TrainedModel
    from workflows.examples import load_examples

    args = get_parser().parse_args(argv)
    shares = {name: getattr(args, f"{name}_share") for name in SHARES}
    path, found = checkpoint.load_named(args.run_dir)
    config = weight_check.settled(None, found.config, str(path))
    if not numpy_groove.supports(config):
        raise InputError(f"{config.name} is not a groove model with mixtures.", "other_model")
    examples = load_examples(args.examples_path, config).batch(slice(None))
    weights = calibrated(TrainedModel(config, found.weights), examples, shares)
    checkpoint.save(Path(args.output), dataclasses.replace(found, weights=weights, state={}))
    print(f"Wrote {args.output}, step {found.step}.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
