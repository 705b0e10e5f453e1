"""Command: how good a trained model is on held-out music, and for drums also how realistic its samples are.

Writes `evaluation.json` and `evaluation.png`, and prints a table. `workflows/reporting` has what is reported of each
family of models, `metrics` the measures and their sources.
"""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import math
import sys

from common import flags
from common.console import Parser, add_log_flag, run_command
from common.errors import InputError
from workflows.flags.model import add_player_flags


def get_parser() -> Parser:
    """The command's flags."""
    parser = Parser(
        "Evaluate a trained model on held-out clips. Without --run_dir or --checkpoint_file, the shipped model is used.",
        "evaluate.py --run_dir=runs/beats --examples_path=groove_validation.tfrecord "
        "--train_examples_path=groove_train.tfrecord --output_dir=evaluation",
    )
    add_player_flags(parser.add_argument_group("model"))
    parser.add_argument(
        "--examples_path",
        help="held-out TFRecords: globs separated by commas; for piano models also JSB_Chorales.mat:test",
    )
    parser.add_argument(
        "--train_examples_path",
        help="the TFRecords that the model was trained on, to tell whether its samples are copies of them",
    )
    parser.add_argument(
        "--num_samples",
        type=flags.OUTPUTS,
        help="number of clips drawn from the prior (default: 1024), or of pieces of 256 frames (default: 64)",
    )
    parser.add_argument(
        "--importance_samples",
        type=flags.integer(1, 100_000),
        help="latent vectors drawn per clip (default: 64), or random paths of the voices per piece (default: 8)",
    )
    parser.add_argument(
        "--temperature",
        type=flags.TEMPERATURE,
        default=1.0,
        help="temperature of all samples; 0 takes the most likely drums (default: 1)",
    )
    parser.add_argument(
        "--temperatures",
        default="0.3,0.5,0.7,1",
        help="drums: temperatures at which samples are compared with drummers (default: 0.3,0.5,0.7,1)",
    )
    parser.add_argument(
        "--infill_clips",
        type=flags.OUTPUTS,
        default=128,
        help="drums: number of held-out clips, chosen at random, whose third bar is filled in (default: 128)",
    )
    parser.add_argument(
        "--condition_clips",
        type=flags.OUTPUTS,
        default=64,
        help="drum models with conditions: number of clips drawn for each condition (default: 64)",
    )
    parser.add_argument(
        "--max_examples",
        type=flags.COUNT,
        help="number of held-out clips to evaluate, chosen at random (default: all)",
    )
    flags.add_batch_flag(parser, "clips evaluated at once; does not change the figures", default=None)
    flags.add_seed_flag(parser)
    flags.add_output_flags(parser, "evaluation")
    add_log_flag(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    if not args.examples_path:
        raise InputError("--examples_path is missing; it names the held-out TFRecords, see --help.")
    args.temperatures = temperatures_of(args.temperatures)

    from workflows import evaluating

    print(evaluating.evaluate(args))
    return 0


def temperatures_of(text: str) -> list[float]:
    """The values of `--temperatures`.

    Raises:
        InputError: where there are none, or one is not a number of at least 0.
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
