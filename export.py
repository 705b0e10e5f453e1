"""Command: the weights of a run as one small file, or as a TensorFlow 1 checkpoint that Magenta loads."""

import argparse
import dataclasses
import sys
from pathlib import Path

import configs
from preprocess.console import Parser, run_command
from preprocess.errors import InputError


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Export a checkpoint without optimizer state: as a .safetensors file that carries its config, or for Magenta.",
        "export.py --run_dir=runs/beats --output=beats.safetensors --float16",
    )
    parser.add_argument("--run_dir", help="a run of train.py; its best checkpoint is used")
    parser.add_argument("--checkpoint_file", help="a checkpoint: ours, or Magenta's")
    parser.add_argument("--config", help="needed for Magenta's checkpoints only")
    parser.add_argument("--format", choices=("safetensors", "magenta"), default="safetensors")
    parser.add_argument(
        "--output", required=True, help="file, or for magenta a prefix such as exported/model.ckpt-0"
    )
    parser.add_argument("--float16", action="store_true", help="halve the size (safetensors only)")
    parser.add_argument("--force", action="store_true", help="overwrite --output")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    if bool(args.run_dir) == bool(args.checkpoint_file):
        raise InputError("Name a checkpoint by one of --run_dir and --checkpoint_file.")
    output = Path(args.output).expanduser()
    index = output.with_name(f"{output.name}.index")
    if (output.exists() or index.exists()) and not args.force:
        raise InputError(f"{output}: exists already; give --force to overwrite it.", "exists")

    from models import checkpoint, magenta_checkpoint

    name = args.run_dir or args.checkpoint_file
    if magenta_checkpoint.is_magenta_checkpoint(name):
        if not args.config:
            raise InputError(
                f"{name}: is a Magenta checkpoint, which does not say its config; give --config."
            )
        found = magenta_checkpoint.read(Path(name).expanduser())
        found = dataclasses.replace(found, config=configs.get_config(args.config).to_json(), state={})
    else:
        found = dataclasses.replace(checkpoint.load(checkpoint.resolve(name)), state={})
    if args.format == "magenta":
        magenta_checkpoint.write(output, found.weights, found.step)
        print(f"Wrote {output}.index and .data, step {found.step}.")
        return 0
    if args.float16:
        halved = {name: array.astype("float16") for name, array in found.weights.items()}
        found = dataclasses.replace(found, weights=halved)
    checkpoint.save(output, found)
    print(f"Wrote {output} ({output.stat().st_size / 2**20:.1f} MiB), step {found.step}.")
    return 0


def console_main() -> int:
    """Entry point of the command."""
    from models.errors import CheckpointError

    return run_command(main, configs.ConfigError, CheckpointError)


if __name__ == "__main__":
    sys.exit(console_main())
