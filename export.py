"""Command: the weights of a run as one small file, for Magenta (TensorFlow 1), or for magenta.js in a browser."""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from common import stopping

    stopping.listen()

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import configs
from common.console import Parser, run_command
from common.errors import InputError
from common.output_files import check_folder

if TYPE_CHECKING:
    from models.formats.opening import OpenedCheckpoint


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Export a checkpoint without optimizer state: as a .safetensors file that carries its config, for Magenta, or "
        "for magenta.js.",
        "export.py --run_dir=runs/beats --output=beats.safetensors --float16",
    )
    parser.add_argument("--run_dir", help="a run of train.py; its best checkpoint is used")
    parser.add_argument("--checkpoint_file", help="a checkpoint: ours, Magenta's, or a folder of magenta.js")
    parser.add_argument("--config", help="needed for Magenta's and magenta.js's checkpoints only")
    parser.add_argument(
        "--format",
        choices=("safetensors", "tf1", "magenta", "magenta_js"),
        default="safetensors",
        help="tf1 (also called magenta) is the checkpoint of Magenta; default: safetensors",
    )
    parser.add_argument(
        "--output",
        required=True,
        help="file; for tf1 a prefix such as exported/model.ckpt-0, for magenta_js a folder",
    )
    parser.add_argument("--float16", action="store_true", help="halve the size (safetensors only)")
    parser.add_argument(
        "--quantization", choices=("uint8", "uint16"), help="a quarter or half of the size (magenta_js only)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite --output")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    if bool(args.run_dir) == bool(args.checkpoint_file):
        raise InputError("Name a checkpoint by one of --run_dir and --checkpoint_file.")
    if args.quantization and args.format != "magenta_js":
        raise InputError("--quantization is for --format=magenta_js only.")
    if args.float16 and args.format != "safetensors":
        raise InputError("--float16 is for --format=safetensors only.")
    output = Path(args.output).expanduser()
    index = output.with_name(f"{output.name}.index")
    if (output.exists() or index.exists()) and not args.force:
        raise InputError(f"{output}: exists already; give --force to overwrite it.", "exists")
    check_folder(output.parent)
    found = _opened(args.run_dir or args.checkpoint_file, args.config)
    try:
        _write(output, found, args)
    except OSError as error:
        raise InputError(f"{output}: can't be written ({error.strerror}).", "unwritable") from error
    return 0


def _opened(name: str, config: str | None) -> "OpenedCheckpoint":
    """The checkpoint that a flag names, with its config or the one that `--config` names."""
    from models.formats.opening import open_checkpoint

    found = open_checkpoint(name, configs.get_config(config) if config else None)
    if config and found.is_own:
        raise InputError(f"{name}: says its config itself; leave out --config.")
    return found


def _write(output: Path, found: "OpenedCheckpoint", args: argparse.Namespace) -> None:
    """Write a checkpoint in the format that the flags say, and report it."""
    from models import families
    from models.formats import magenta_js
    from models.formats import magenta_tf1 as magenta_checkpoint
    from models.formats import ours as checkpoint

    why_not = families.of(found.config).why_not_exported
    if args.format != "safetensors" and why_not:
        raise InputError(
            f"{found.config.name} {why_not}; only --format=safetensors can hold it.", "bad_format"
        )
    if args.format in ("tf1", "magenta"):
        magenta_checkpoint.write(output, found.weights, found.step)
        print(f"Wrote {output}.index and .data, step {found.step}.")
        return
    if args.format == "magenta_js":
        encodes = magenta_js.write(output, found.weights, found.config, args.quantization)
        size = sum(path.stat().st_size for path in output.iterdir())
        print(f"Wrote the folder {output} ({size / 2**20:.1f} MiB), step {found.step}.")
        if not encodes:
            print(
                "magenta.js samples and decodes with it; its encoder is of a kind that magenta.js can't run."
            )
        return
    weights = found.weights
    if args.float16:
        weights = {name: array.astype("float16") for name, array in weights.items()}
    kept = checkpoint.Checkpoint(weights, found.config.to_json(), found.step, notes=found.notes)
    checkpoint.save(output, kept)
    print(f"Wrote {output} ({output.stat().st_size / 2**20:.1f} MiB), step {found.step}.")


if __name__ == "__main__":
    sys.exit(run_command(main))
