"""The flags of `sample.py`, which are also those of `music_vae_generate --mode=sample`."""

import argparse

from common import flags
from common.console import Parser, add_log_flag
from common.errors import InputError
from workflows.flags.clips import add_clip_flags, add_input_flags
from workflows.flags.history_drums import add_history_drum_flags, given_drum_flags
from workflows.flags.model import add_model_flags
from workflows.flags.piano import PIANO_FLAGS, add_primer_flags
from workflows.flags.playback import add_style_flags


def get_parser() -> Parser:
    """The parser; flags that Magenta has as well keep their names."""
    parser = Parser(
        "Sample clips from a trained model. Without --run_dir or --checkpoint_file, the shipped model is used.",
        "sample.py --num_outputs=8 --qpm=96 --output_dir=beats --gallery",
    )
    flags.add_num_outputs_flag(parser, 5, "number of clips")
    flags.add_batch_flag(parser, "clips drawn at once; does not change the output")
    parser.add_argument(
        "--bars",
        type=flags.integer(1, flags.MOST_BARS),
        help="length in bars: of a piano piece including its beginning (default: 8), or of a song by a history drum "
        "model",
    )
    add_model_flags(parser)
    add_clip_flags(parser)
    add_history_drum_flags(parser)
    add_input_flags(parser)
    add_primer_flags(parser)
    add_style_flags(parser)
    parser.add_argument(
        "--feel",
        action="store_true",
        help="give drums the velocities and timing of a drummer, at --qpm and in --style, as humanize.py does",
    )
    add_log_flag(parser)
    parser.take_magenta_flags("music_vae_generate")
    return parser


def refuse_flags_of_others(args: argparse.Namespace, family: str, name: str) -> None:
    """Refuse the flags that only models of another family understand.

    Args:
        args: the flags.
        family: of the model, as `Config.family` says it.
        name: of its config, for the message.

    Raises:
        InputError: naming the first such flag that is given (`bad_flag`).
    """
    if family != "history_drums":
        for flag in given_drum_flags(args):
            raise InputError(
                f"--{flag} is for history drum models such as histdec-drum_4bar; {name} is not one.",
                "bad_flag",
            )
    if family != "frame_model":
        for flag in (*(["bars"] if family == "music_vae" else []), *PIANO_FLAGS):
            if getattr(args, flag) not in (None, False):
                raise InputError(
                    f"--{flag} is for models that continue a beginning, such as piano-small; {name} draws whole clips.",
                    "bad_flag",
                )
