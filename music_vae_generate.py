"""Command: Magenta's `music_vae_generate` under its own name; `--mode` chooses `sample.py` or `interpolate.py`."""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import sys

from common.console import Parser, run_command
from common.errors import InputError
from workflows.flags import interpolating as interpolation_flags
from workflows.flags import sampling as sampling_flags


def get_parser() -> Parser:
    """Only `--mode`; the other flags are those of the two commands."""
    parser = Parser(
        "Sample from a trained model, or interpolate with it. All other flags are those of sample.py and "
        "interpolate.py; see their --help.",
        "music_vae_generate --config=hierdec-drum_4bar --checkpoint_file=model.ckpt-11200 --mode=sample "
        "--temperature=0.5 --num_outputs=8 --output_dir=generated",
    )
    parser.add_argument("--mode", choices=("sample", "interpolate"), default="sample", help="default: sample")
    parser.take_magenta_flags("music_vae_generate")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args, rest = get_parser().parse_known_args(argv)
    samples = args.mode == "sample"
    given = {flag.lstrip("-").partition("=")[0] for flag in rest}
    for flag in ("input_midi_1", "input_midi_2"):
        if samples and flag in given:
            raise InputError(
                f"--{flag} is for --mode=interpolate; add it, or leave out the flag.", "bad_flag"
            )
    flags = (sampling_flags if samples else interpolation_flags).get_parser().parse_args(rest)

    from workflows import interpolating, sampling

    print(sampling.sample(flags) if samples else interpolating.interpolate(flags))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
