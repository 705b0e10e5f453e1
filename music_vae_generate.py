"""Command: Magenta's `music_vae_generate` by its own flags; `--mode` chooses `sample.py` or `interpolate.py`."""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from common import stopping

    stopping.listen()

import argparse
import sys

import interpolate
import sample
from common.console import Parser, run_command
from common.errors import InputError


def get_parser() -> argparse.ArgumentParser:
    """Only `--mode`; every other flag is that of the command which it calls."""
    parser = Parser(
        "Sample from a trained model or interpolate with it; all other flags are those of sample.py and "
        "interpolate.py (see their --help).",
        "music_vae_generate --config=hierdec-drum_4bar --checkpoint_file=model.ckpt-11200 --mode=sample "
        "--temperature=0.5 --num_outputs=8 --output_dir=generated",
    )
    parser.add_argument("--mode", choices=("sample", "interpolate"), default="sample")
    parser.take_magenta_flags("music_vae_generate")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args, rest = get_parser().parse_known_args(argv)
    for flag in ("input_midi_1", "input_midi_2"):
        if args.mode == "sample" and any(given.lstrip("-").partition("=")[0] == flag for given in rest):
            raise InputError(
                f"--{flag} is for --mode=interpolate; add it, or leave out the flag.", "bad_flag"
            )
    return (sample if args.mode == "sample" else interpolate).main(rest)


if __name__ == "__main__":
    sys.exit(run_command(main))
