"""Command: give the drums of MIDI files the velocities and timing of a drummer."""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import sys

from common import flags
from common.console import Parser, add_log_flag, run_command
from preprocess.drums.tracks import add_drum_choice_flags
from workflows.flags.grooves import HUMANIZE_CONFIG, add_groove_flags


def get_parser() -> Parser:
    """The command's flags."""
    parser = Parser(
        "Humanize the drums of a MIDI file: a model trained on drummers gives each hit a velocity and a time.\n"
        "Everything else in the file stays as it is, including notes that are not among the model's drums.\n\n"
        "Swing, triplets and anything else that was programmed between the sixteenths is kept: the model reads\n"
        "each hit on the nearest sixteenth, and the distance at which a drummer plays from it is added to the\n"
        "hit's own position. Where the model swings by itself, that replaces the programmed swing. To have a\n"
        "recorded part played from scratch, quantize it first.",
        "humanize.py --input_midi=beat.mid --output_dir=out --timing=0.7",
    )
    parser.add_argument("--input_midi", required=True, help="a MIDI file in any meter, or a folder of them")
    parser.add_argument(
        "--timing",
        type=flags.FRACTION,
        default=1.0,
        help="share of the model's timing that is added to the programmed one, from 0 (none) to 1 (all; the default)",
    )
    parser.add_argument(
        "--velocity",
        type=flags.FRACTION,
        default=1.0,
        help="0 keeps the velocities, 1 takes the model's, values between mix them (default: 1)",
    )
    add_drum_choice_flags(parser)
    add_groove_flags(
        parser,
        HUMANIZE_CONFIG,
        "0 plays each passage in the typical way, higher values more freely; 1 varies as much as drummers do",
    )
    add_log_flag(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)

    from workflows.grooves import humanizing

    print(humanizing.humanize(args))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
