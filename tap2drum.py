"""Command: play drums to a rhythm that was tapped on any key of a keyboard."""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import sys

from common import flags
from common.console import Parser, add_log_flag, run_command
from workflows.flags.grooves import TAP_CONFIG, add_groove_flags
from workflows.flags.playback import add_drum_map_flag


def get_parser() -> Parser:
    """The command's flags."""
    parser = Parser(
        "Play drums to a tapped rhythm: every note of the MIDI file is a tap, whatever key or drum it is.\n"
        "The drums keep the bars, tempos and meters of the file.",
        "tap2drum.py --input_midi=taps.mid --num_outputs=4 --output_dir=out",
    )
    parser.add_argument("--input_midi", required=True, help="a MIDI file")
    parser.add_argument(
        "--qpm",
        type=flags.QPM,
        help="one tempo for the whole file, in quarter notes per minute, 10 to 400, for a file that does not say how "
        "fast it was tapped (default: the file's tempos)",
    )
    add_drum_map_flag(parser, "general_midi", "general_midi")
    add_groove_flags(parser, TAP_CONFIG, "randomness of the drums; 0 takes the most likely ones")
    add_log_flag(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)

    from workflows.grooves import tapping

    print(tapping.play_taps(args))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
