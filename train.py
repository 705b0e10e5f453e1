"""Command: train a model, or evaluate a run on held-out examples. Magenta's `music_vae_train`."""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from common import stopping

    stopping.listen()

import argparse
import json
import re
import sys
from pathlib import Path

import configs
from common import flags
from common.console import Parser, add_log_flag, print_table, run_command
from common.errors import InputError

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
    parser.add_argument("--list_configs", action="store_true", help="print the configs and end")
    parser.add_argument(
        "--run_dir", help="folder for checkpoints and logs; an interrupted run goes on from there"
    )
    parser.add_argument("--mode", choices=("train", "eval"), default="train")
    parser.add_argument(
        "--examples_path",
        help="TFRecords: globs separated by commas; for frame models also a polyphonic set, as JSB_Chorales.mat",
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
        "--hparams", type=str, default="", help="changes such as batch_size=64,enc_rnn_size=[256]"
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
        "--eval_num_batches", type=flags.COUNT, help="batches an evaluation; default: all examples"
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
        help="also keep one checkpoint of so many hours of training (default: none)",
    )
    parser.add_argument(
        "--patience",
        type=flags.COUNT_OR_NONE,
        default=0,
        help="stop after so many validations without a better one",
    )
    parser.add_argument(
        "--init_from", help="weights to start from: checkpoint, run_dir, shipped name or Magenta's"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument(
        "--seed", type=flags.SEED, default=0, help="of weights, batches and noise (default: 0)"
    )
    add_log_flag(parser)
    parser.take_magenta_flags("music_vae_train")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    if args.list_configs:
        rows = [(c.name, c.description) for c in configs.CONFIG_MAP.values()]
        print_table("Configs", ["name", "what it is"], rows)
        return 0
    _check(args)
    run_dir = Path(args.run_dir).expanduser()
    config = _config(args, run_dir)
    if args.tfds_name:
        _take_tfds(args, run_dir)
    return (_train if args.mode == "train" else _evaluate)(args, run_dir, config)


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


def _take_tfds(args: argparse.Namespace, run_dir: Path) -> None:
    """Write the data set of `--tfds_name` to the run's folder, and let the other flags name it there."""
    from preprocess.tfds import write_split

    splits = {split: run_dir / "tfds" / f"{split}.tfrecord" for split in ("train", "validation")}
    if args.mode == "train":
        write_split(args.tfds_name, "train", splits["train"])
    write_split(args.tfds_name, "validation", splits["validation"])
    args.examples_path = str(splits["train" if args.mode == "train" else "validation"])
    args.eval_examples_path = str(splits["validation"]) if args.mode == "train" else None


def _config(args: argparse.Namespace, run_dir: Path) -> configs.Config:
    """The config of the flags, or that of the run; a run keeps the config that it began with."""
    from workflows.training.run import check_same, config_of

    before = config_of(run_dir)
    if not args.config:
        if before is None:
            raise InputError(
                f"--config is missing, and {run_dir} holds no run to go on with; see --list_configs."
            )
        config = before.with_hparams(configs.parse_hparams(args.hparams))
    else:
        config = configs.config_with_overrides(args.config, args.hparams)
    if before is not None:
        check_same(run_dir, before, config)
    return config


def _train(args: argparse.Namespace, run_dir: Path, config: configs.Config) -> int:
    from common.output_files import check_folder
    from models import families
    from models.formats.opening import read_checkpoint
    from workflows import families as workflows
    from workflows.training.run_lock import check_free

    check_folder(run_dir)
    check_free(run_dir)
    # Before the examples are read and Keras is imported, which takes longer.
    weights = read_checkpoint(args.init_from).weights if args.init_from else None
    if args.precision != "float32" and not families.of(config).mixed_precision:
        raise InputError(f"{config.name} computes in float32 alone; leave out --precision.", "bad_flag")
    data = workflows.of(config).training_data(config, args.examples_path, args.eval_examples_path)

    from models.layers import startup as quiet

    quiet.import_keras()
    import keras

    from models.training.callbacks import NotANumber
    from models.training.settings import Settings
    from workflows.training import run as training

    keras.config.set_dtype_policy(args.precision)
    try:
        model = training.built(config, args.seed)
    except ValueError as error:
        raise InputError(f"{config.name}: {error}", "bad_config") from error
    if weights is not None:
        from models.formats import ours as checkpoint

        checkpoint.assign(model, weights, args.init_from)
    settings = Settings(
        args.num_steps,
        args.log_every,
        args.save_every,
        args.eval_every,
        args.checkpoints_to_keep or flags.MOST,
        args.patience,
        args.keep_checkpoint_every_n_hours,
    )
    size = model.count_params()
    print(f"Training {config.name} ({size:,} numbers) on {keras.backend.backend()}; the first step compiles.")
    try:
        done = training.run(model, config, data, run_dir, settings, args.seed, args.eval_num_batches)
    except NotANumber as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    step = done.step
    stopped = f" ({args.patience} validations without a better one)" if step < args.num_steps else ""
    print(f"Trained to step {step}{stopped}; checkpoints and logs are in {run_dir}.")
    return 0


def _evaluate(args: argparse.Namespace, run_dir: Path, config: configs.Config) -> int:
    from common.output_files import check_outputs, write_atomically
    from models import families
    from models.formats import ours as checkpoint
    from models.layers import startup as quiet
    from workflows import families as workflows

    output = run_dir / f"eval{args.eval_dir_suffix}.json"
    path, found = checkpoint.load_named(str(run_dir))
    check_outputs([output], force=True)
    data = workflows.of(config).training_data(config, None, args.examples_path)
    quiet.import_keras()
    from models.training import trainer

    model = families.build_model(config, args.seed)
    checkpoint.assign(model, found.weights, str(path))
    trainer.compile_model(model)
    values = data.validate(model, args.eval_num_batches)
    print_table(f"{path.name}, step {found.step}", ["measure", "value"], list(values.items()))
    text = json.dumps({"checkpoint": path.name, "step": found.step, **values}, indent=1)
    write_atomically(output, f"{text}\n".encode())
    print(f"Wrote {output}.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
