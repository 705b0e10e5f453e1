"""The flags of `interpolate.py`, which are also those of `music_vae_generate --mode=interpolate`."""

from common import flags
from common.console import Parser, add_log_flag
from workflows.flags.clips import add_clip_flags, add_input_flags
from workflows.flags.model import add_model_flags
from workflows.flags.playback import add_style_flags


def get_parser() -> Parser:
    """The parser; flags that Magenta has as well keep their names."""
    parser = Parser(
        "Interpolate between two MIDI files, or between two samples if none are given. Writes one MIDI file of all "
        "steps and one for each step. The first and last step are the clips exactly as in their files, and the tempo "
        "moves from that of the one to that of the other.",
        "interpolate.py --input_midi_1=a.mid --input_midi_2=b.mid --num_outputs=8 --output_dir=morph",
    )
    parser.add_argument(
        "--input_midi_1", help="MIDI file of the first step, with a clip that the model can play"
    )
    parser.add_argument("--input_midi_2", help="MIDI file of the last step")
    parser.add_argument(
        "--num_outputs",
        type=flags.integer(2, flags.MOST_OUTPUTS),
        default=5,
        help="number of steps, including both ends (default: 5)",
    )
    flags.add_batch_flag(parser, "clips decoded at once; does not change the output")
    add_model_flags(parser)
    add_clip_flags(parser)
    add_input_flags(parser)
    add_style_flags(parser)
    add_log_flag(parser)
    parser.take_magenta_flags("music_vae_generate")
    return parser
