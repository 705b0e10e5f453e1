"""Command: how good a trained model is on held-out music; of drums also how like it its samples are.

Writes `evaluation.json` and `evaluation.png`, and prints a table. The measures and their sources are in
`metrics`.
"""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from common import stopping

    stopping.listen()

import argparse
import math
import sys
from pathlib import Path

from common import flags
from common.console import Parser, add_log_flag, run_command
from common.errors import InputError


def get_parser() -> argparse.ArgumentParser:
    """The command's flags; those that Magenta has keep their names."""
    parser = Parser(
        "Evaluate a trained model on held-out clips; with no --run_dir or --checkpoint_file the shipped one.",
        "evaluate.py --run_dir=runs/beats --examples_path=groove_validation.tfrecord "
        "--train_examples_path=groove_train.tfrecord --output_dir=evaluation",
    )
    model = parser.add_argument_group("model")
    model.add_argument("--run_dir", help="a run of train.py; its best checkpoint is used")
    model.add_argument("--checkpoint_file", help="a checkpoint: ours, or Magenta's (.ckpt prefix or .tar)")
    model.add_argument("--config", help="name or .toml file; needed for Magenta's checkpoints only")
    parser.add_argument(
        "--examples_path",
        help="held-out TFRecords: globs separated by commas; for frame models also JSB_Chorales.mat:test",
    )
    parser.add_argument(
        "--train_examples_path", help="what it was trained on, to see whether samples are copies"
    )
    parser.add_argument(
        "--output_dir", default="evaluation", help="folder for the report (default: evaluation)"
    )
    parser.add_argument(
        "--num_samples",
        type=flags.OUTPUTS,
        help="clips drawn from the prior (default: 1024), or pieces of 256 frames (64)",
    )
    parser.add_argument(
        "--importance_samples",
        type=flags.integer(1, 100_000),
        help="latent draws a clip (default: 64), or random paths of the voices a piece (8)",
    )
    parser.add_argument(
        "--temperature",
        type=flags.TEMPERATURE,
        default=1.0,
        help="of all draws; 0 takes the likeliest drums (default: 1)",
    )
    parser.add_argument(
        "--temperatures",
        default="0.3,0.5,0.7,1",
        help="of drums: where samples are held beside what drummers play (default: 0.3,0.5,0.7,1)",
    )
    parser.add_argument(
        "--infill_clips",
        type=flags.OUTPUTS,
        default=128,
        help="of drums: in how many held-out clips bar 3 is filled in, chosen at random (default: 128)",
    )
    parser.add_argument(
        "--condition_clips",
        type=flags.OUTPUTS,
        default=64,
        help="of drum models that are asked for something: clips drawn for each thing asked (default: 64)",
    )
    parser.add_argument(
        "--max_examples", type=flags.COUNT, help="so many held-out clips, chosen at random; default: all"
    )
    parser.add_argument(
        "--max_batch_size", type=flags.BATCH, help="clips at once; not seen in the figures (default: 256)"
    )
    parser.add_argument(
        "--seed", type=flags.SEED, default=0, help="the same seed gives the same figures (default: 0)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    add_log_flag(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    _check(args)

    from common.output_files import check_outputs
    from workflows import families
    from workflows.loading import load_model

    output = Path(args.output_dir).expanduser()
    files = [output / "evaluation.json", output / "evaluation.png"]
    check_outputs(files, args.force)
    model = load_model(args, frame_models=True)
    families.of(model.config).evaluate(args, model, files)
    print(f"Wrote {files[0]}" + (f" and {files[1].name}." if files[1].exists() else "."))
    return 0


def _check(args: argparse.Namespace) -> None:
    if not args.examples_path:
        raise InputError("--examples_path is missing; it names the held-out TFRecords, see --help.")
    args.temperatures = temperatures_of(args.temperatures)


def temperatures_of(text: str) -> list[float]:
    """The numbers of `--temperatures`.

    Raises:
        InputError: where there is none, or one is not a number from 0.
    """
    try:
        found = [float(number) for number in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 <= number < math.inf for number in found):
        raise InputError(f"--temperatures={text}: expected numbers from 0, separated by commas.")
    return found


if __name__ == "__main__":
    sys.exit(run_command(main))
