"""Command: train a model, or evaluate a run on held-out examples. Magenta's `music_vae_train`."""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import argparse
import re
import sys
from pathlib import Path

from common import flags
from common.console import Parser, add_log_flag, print_table, run_command
from common.errors import InputError, NotANumber
from common.wording import number_of

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def get_parser() -> argparse.ArgumentParser:
    """The command's flags; those that Magenta has keep their names."""
    parser = Parser(
        "Train a model on TFRecords of NoteSequences or on shards of preprocess_tfrecord.",
        "train.py --config=hierdec-drum_4bar_small --run_dir=runs/beats --examples_path=groove_train.tfrecord "
        "--eval_examples_path=groove_validation.tfrecord",
    )
    parser.add_argument(
        "--config", help="a name (see --list_configs) or a .toml file; default: that of the run_dir"
    )
    parser.add_argument("--list_configs", action="store_true", help="print the configs and exit")
    parser.add_argument(
        "--run_dir", help="folder for checkpoints and logs; an interrupted run resumes from it"
    )
    parser.add_argument(
        "--mode",
        choices=("train", "eval"),
        default="train",
        help="train, or evaluate the run's best checkpoint (default: train)",
    )
    parser.add_argument(
        "--examples_path",
        help="TFRecords: globs separated by commas; for piano models also a polyphonic set such as JSB_Chorales.mat",
    )
    parser.add_argument(
        "--tfds_name",
        help="a MIDI data set of TensorFlow Datasets in place of --examples_path, such as groove/2bar-midionly: its "
        "train split, and its validation split to validate on",
    )
    parser.add_argument(
        "--eval_examples_path", help="held-out TFRecords, for the best checkpoint and early stopping"
    )
    parser.add_argument(
        "--hparams",
        type=str,
        default="",
        help="changes to the config, such as batch_size=64,enc_rnn_size=[256]",
    )
    parser.add_argument(
        "--num_steps", type=flags.COUNT, default=200000, help="the last step (default: 200000)"
    )
    parser.add_argument(
        "--eval_dir_suffix",
        default="",
        type=str,
        help="with --mode=eval: write evalSUFFIX.json rather than eval.json",
    )
    parser.add_argument(
        "--eval_num_batches", type=flags.COUNT, help="batches per evaluation (default: all examples)"
    )
    parser.add_argument(
        "--eval_every", type=flags.COUNT, default=500, help="steps between validations (default: 500)"
    )
    parser.add_argument(
        "--save_every", type=flags.COUNT, default=500, help="steps between checkpoints (default: 500)"
    )
    parser.add_argument(
        "--log_every", type=flags.COUNT, default=100, help="steps between log lines (default: 100)"
    )
    parser.add_argument(
        "--checkpoints_to_keep",
        type=flags.COUNT_OR_NONE,
        default=5,
        help="the newest, beside the best one; 0 keeps all (default: 5)",
    )
    parser.add_argument(
        "--keep_checkpoint_every_n_hours",
        type=flags.number(above=0, at_most=flags.MOST),
        metavar="HOURS",
        help="also keep a checkpoint whenever this many hours of training have passed (default: none)",
    )
    parser.add_argument(
        "--patience",
        type=flags.COUNT_OR_NONE,
        default=0,
        help="stop after this many validations without a better one; 0 for never (default: 0)",
    )
    parser.add_argument(
        "--init_from", help="weights to start from: checkpoint, run_dir, shipped name or Magenta's"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    flags.add_seed_flag(parser, "random seed of weights, batches and noise")
    add_log_flag(parser)
    parser.take_magenta_flags("music_vae_train")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    if not args.list_configs:
        _check(args)
    import configs
    from models.training.settings import Settings
    from workflows.training import evaluation, run, run_config, tfds

    if args.list_configs:
        rows = [(c.name, c.description) for c in configs.CONFIG_MAP.values()]
        print_table("Configs", ["name", "what it is"], rows)
        return 0
    run_dir = Path(args.run_dir).expanduser()
    config = run_config.choose_config(run_dir, args.config, args.hparams)
    source = run.Source(args.examples_path, args.eval_examples_path)
    if args.tfds_name:
        source = tfds.source_of(args.tfds_name, run_dir, args.mode)
    if args.mode == "eval":
        found = evaluation.evaluate(
            config, run_dir, source.train, args.eval_dir_suffix, args.eval_num_batches
        )
        title = f"{found.checkpoint}, step {found.step}"
        print_table(title, ["measure", "value"], list(found.figures.items()))
        print(f"Wrote {found.output}.")
        return 0
    settings = Settings(
        args.num_steps,
        args.log_every,
        args.save_every,
        args.eval_every,
        args.checkpoints_to_keep or flags.MOST,
        args.patience,
        args.keep_checkpoint_every_n_hours,
    )
    try:
        step = run.train(
            config,
            run_dir,
            source,
            settings,
            args.seed,
            args.init_from,
            args.precision,
            args.eval_num_batches,
        ).step
    except NotANumber as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    stopped = (
        f" ({number_of(args.patience, 'validation')} without a better one)" if step < args.num_steps else ""
    )
    print(f"Trained to step {step}{stopped}; checkpoints and logs are in {run_dir}.")
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.tfds_name and (args.examples_path or args.eval_examples_path):
        raise InputError("--tfds_name takes the place of --examples_path and --eval_examples_path; give one.")
    if not args.run_dir:
        raise InputError("--run_dir is missing; see --help.")
    if not args.examples_path and not args.tfds_name:
        raise InputError("--examples_path is missing; see --help.")
    if not re.fullmatch(r"[\w.-]{0,100}", args.eval_dir_suffix):
        raise InputError(
            f"--eval_dir_suffix is {args.eval_dir_suffix}; expected letters, digits, points and hyphens."
        )
    for flag in ("eval_every", "save_every"):
        if getattr(args, flag) % args.log_every:
            raise InputError(
                f"--{flag}={getattr(args, flag)} must be a multiple of --log_every={args.log_every}."
            )


if __name__ == "__main__":
    sys.exit(run_command(main))
