"""The flags of `sample.py`, which are also those of `music_vae_generate --mode=sample`."""

from common import flags
from common.console import Parser, add_log_flag
from workflows.flags.clips import add_clip_flags, add_input_flags
from workflows.flags.history_drums import add_history_drum_flags
from workflows.flags.model import add_model_flags
from workflows.flags.piano import add_primer_flags
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
