"""What sample.py lets piano models begin with, and what else it reports of their pieces."""

import argparse

from common import flags

PIANO_FLAGS = ("primer_midi", "primer_bars", "primer_pitches", "initiator_file", "attention", "compare_with")
DEFAULT_PRIMER_BARS = 4


def add_primer_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that only piano models understand, `PIANO_FLAGS`."""
    group = parser.add_argument_group("piano models: how a piece begins, and what is reported of it")
    group.add_argument("--primer_midi", help="a MIDI file whose beginning is continued")
    group.add_argument(
        "--primer_bars",
        type=flags.integer(1, flags.MOST_BARS),
        help=f"how many bars of it the model hears (default: {DEFAULT_PRIMER_BARS})",
    )
    group.add_argument("--primer_pitches", help="a chord to begin with, as MIDI pitches: 60,64,67")
    group.add_argument(
        "--initiator_file",
        help="a JSON file of beginnings in the format of FortsAndMills/MusicGeneration; each is continued",
    )
    group.add_argument(
        "--attention",
        action="store_true",
        help="also draw which frames of the past the model attends to at each frame",
    )
    group.add_argument(
        "--compare_with",
        help="TFRecords of the training pieces; reports how close each piece comes to its nearest one",
    )
