"""Command: a model as one small file, for Magenta (TensorFlow 1), magenta.js or ONNX, or as a page that plays it."""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import argparse
import sys
from pathlib import Path

from common import flags
from common.console import Parser, run_command
from common.errors import InputError
from workflows.flags.model import add_checkpoint_flags


def get_parser() -> Parser:
    """The command's flags."""
    parser = Parser(
        "Export a checkpoint without its optimizer state: as a .safetensors file that contains its config, for Magenta, "
        "for magenta.js, as ONNX files for plug-ins, or as a web page to play it with, which works offline.",
        "export.py --run_dir=runs/beats --output=beats.safetensors --float16",
    )
    add_checkpoint_flags(
        parser,
        "name or .toml file of the config; only for Magenta's and magenta.js's checkpoints, which don't contain it",
        "one of ours, one of Magenta's, or a folder of magenta.js",
    )
    parser.add_argument(
        "--format",
        choices=("safetensors", "tf1", "magenta", "magenta_js", "onnx", "hub", "page"),
        default="safetensors",
        help="tf1, also called magenta, is Magenta's checkpoint format; onnx is the encoder and a step of the decoder "
        "as ONNX files; hub is a folder for the Hugging Face Hub, with a model card; page is one HTML file with the shipped models, "
        "and with the drum model of --run_dir or --checkpoint_file if given (default: safetensors)",
    )
    parser.add_argument(
        "--output",
        required=True,
        help="the file to write; for tf1 a prefix such as exported/model.ckpt-0, for magenta_js, onnx and hub a folder, for page "
        "a name such as studio.html",
    )
    parser.add_argument("--float16", action="store_true", help="halve the size (safetensors and hub only)")
    parser.add_argument(
        "--quantization",
        choices=("uint8", "uint16"),
        help="reduce the size to a quarter or a half (magenta_js only)",
    )
    flags.add_force_flag(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    _check(args)

    from workflows import exporting

    source, output = args.run_dir or args.checkpoint_file, Path(args.output).expanduser()
    print(
        exporting.export(
            source, output, args.format, args.config, args.float16, args.quantization, args.force
        )
    )
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse flags that contradict one another."""
    given = sum(map(bool, (args.run_dir, args.checkpoint_file)))
    if given > 1 or (not given and args.format != "page"):
        raise InputError("Give either --run_dir or --checkpoint_file.")
    if args.config and not given:
        raise InputError("--config is for a checkpoint that does not contain its config; leave it out.")
    if args.quantization and args.format != "magenta_js":
        raise InputError("--quantization is for --format=magenta_js only.")
    if args.float16 and args.format not in ("safetensors", "hub"):
        raise InputError("--float16 is for --format=safetensors and --format=hub only.")


if __name__ == "__main__":
    sys.exit(run_command(main))
