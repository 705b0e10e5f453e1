"""Command: sample beats from a trained model. The sampling mode of Magenta's `music_vae_generate`."""

import argparse
import sys
from pathlib import Path
from typing import Any

import configs
from preprocess.console import Parser, add_log_flag, run_command
from preprocess.errors import InputError
from render.clips import add_style_flags, bars_of, write_clips


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say which model, and how it draws."""
    group = parser.add_argument_group("model")
    group.add_argument("--run_dir", help="a run of train.py; its best checkpoint is used")
    group.add_argument("--checkpoint_file", help="a checkpoint: ours, or Magenta's (.ckpt prefix or .tar)")
    group.add_argument("--config", help="name or .toml file; needed for Magenta's checkpoints only")
    group.add_argument(
        "--temperature", type=float, default=0.5, help="0 takes the likeliest drums (default: 0.5)"
    )
    group.add_argument("--seed", type=int, default=0, help="the same seed gives the same output (default: 0)")


def get_parser() -> argparse.ArgumentParser:
    """The command's flags; those that Magenta has keep their names."""
    parser = Parser(
        "Sample clips from a trained model; with no --run_dir or --checkpoint_file from the shipped one.",
        "sample.py --num_outputs=8 --qpm=96 --output_dir=beats --gallery",
    )
    parser.add_argument("--num_outputs", type=int, default=5, help="how many clips (default: 5)")
    parser.add_argument(
        "--max_batch_size", type=int, default=256, help="clips drawn together; not seen in the output"
    )
    add_model_flags(parser)
    add_style_flags(parser)
    add_log_flag(parser)
    return parser


def load_model(args: argparse.Namespace) -> Any:
    """The trained model that the flags name.

    Raises:
        InputError: where the flags contradict each other.
    """
    from models import trained_model

    if args.run_dir and args.checkpoint_file:
        raise InputError("--run_dir and --checkpoint_file are both given; name one of them.")
    if args.temperature < 0:
        raise InputError(f"--temperature is {args.temperature}; expected 0 or more.")
    config = configs.get_config(args.config) if args.config else None
    name = args.run_dir or args.checkpoint_file or (config.name if config else configs.DEFAULT_CONFIG)
    return trained_model.load(name, config)


def sample_in_batches(model: Any, args: argparse.Namespace) -> list[Any]:
    """The NoteSequences that the flags ask for."""
    import numpy as np

    from preprocess.console import progress

    z = model.prior_sample(args.num_outputs, args.seed)
    values: list[Any] = []
    controls = None
    with progress("Sampling", args.num_outputs) as advance:
        for start in range(0, args.num_outputs, args.max_batch_size):
            batch = z[start : start + args.max_batch_size]
            values += list(
                model.decode_values(batch, args.temperature or None, args.seed, start, controls=controls)
            )
            advance(len(batch))
    return model.to_note_sequences(np.stack(values), controls)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    for flag in ("num_outputs", "max_batch_size"):
        if getattr(args, flag) < 1:
            raise InputError(f"--{flag} is {getattr(args, flag)}; expected at least 1.")
    model = load_model(args)
    sequences = sample_in_batches(model, args)
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_sample"
    files = write_clips(sequences, stem, args, bars_of(model.config.hparams.max_seq_len), "Samples")
    print(
        f"Wrote {len(sequences)} clips ({len(files)} files) to {stem.parent}, temperature {args.temperature}, seed {args.seed}."
    )
    return 0


def console_main() -> int:
    """Entry point of the installed command."""
    from models.errors import CheckpointError

    return run_command(main, configs.ConfigError, CheckpointError)


if __name__ == "__main__":
    sys.exit(console_main())
