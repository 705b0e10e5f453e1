"""What sample.py asks of history drum models: conditions on a beat, which part of one to keep, and songs."""

import argparse

from common import flags
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.drums.groove_conditions import STYLES

GUIDANCE = 2.0
"""Default strength of the conditions; see `HistoryPlayer.decode`."""

STRONGEST_GUIDANCE = 20.0

CONDITION_FLAGS = ("style", "density", "syncopation", "intensity", "fill", "guidance")
LOCK_FLAGS = ("keep", "keep_bars")
OTHER_FLAGS = ("input_midi", "structure", "bar")


def add_history_drum_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags. None has a default, so that other models can refuse those that are given."""
    group = parser.add_argument_group("history drum models such as histdec-drum_4bar: conditions")
    group.add_argument(
        "--style", help=f"{', '.join(STYLES)} (default: any; likewise for the conditions below)"
    )
    group.add_argument(
        "--density",
        type=flags.FRACTION,
        help="how many hits, from 0 to 1: at 0.7 more than in 70 %% of drummers' beats",
    )
    group.add_argument(
        "--syncopation",
        type=flags.FRACTION,
        help="of kick and snare, from 0 to 1: at 0.7 more than in 70 %% of drummers' beats",
    )
    group.add_argument(
        "--intensity",
        type=flags.FRACTION,
        help="hits as in beats that drummers play softly (0) to loudly (1); changes which drums are hit, not their velocities",
    )
    group.add_argument(
        "--fill",
        action=argparse.BooleanOptionalAction,
        help="make the last bar a fill, or keep it from being one",
    )
    group.add_argument(
        "--guidance",
        type=flags.number(0, STRONGEST_GUIDANCE),
        help="how strongly the conditions, and --qpm if given, are followed; 0 ignores them, more than 1 exaggerates "
        f"them (default: {GUIDANCE:g})",
    )
    group = parser.add_argument_group("history drum models: your own beat, and songs")
    group.add_argument(
        "--input_midi",
        help="a MIDI file in 4/4 whose last four bars are continued, by four bars or as many as --bars or --structure "
        "say; with --keep or --keep_bars, its first four bars are changed in part instead",
    )
    names = ", ".join(drum.name for drum in REDUCED_DRUM_CLASSES)
    group.add_argument(
        "--keep",
        help=f'drums of --input_midi to keep while the others are drawn again, such as "kick,snare"; the drums are {names}',
    )
    group.add_argument(
        "--keep_bars",
        help="bars of --input_midi to keep while the others are drawn again: 1-2, or 1,4",
    )
    group.add_argument(
        "--structure",
        help='sections of a song and their bars, such as "intro:4 verse:8 chorus:8 verse:8 outro:4"; a section that '
        "is named again is repeated, and fills lead from one section to the next",
    )


def given_drum_flags(args: argparse.Namespace) -> list[str]:
    """The names of those of these flags that are given, and of `--bar`."""
    return [f for f in (*CONDITION_FLAGS, *LOCK_FLAGS, *OTHER_FLAGS) if getattr(args, f) is not None]
