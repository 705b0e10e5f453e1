"""How long clips are, over which chords they are played, and which part of a MIDI file is a clip."""

import argparse

from common import flags
from common.errors import InputError
from preprocess.drums.tracks import add_drum_choice_flags

LONGEST = 65536
"""Steps of a clip, or frames of a piece, at most."""


def add_clip_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--length` and `--chords`."""
    group = parser.add_argument_group("clips")
    group.add_argument(
        "--length",
        type=flags.integer(1, LONGEST),
        help="steps per clip, for models that are not hierarchical (default: the model's own length)",
    )
    group.add_argument(
        "--chords",
        help='chords for models that play over chords, such as "C G Am F", spread evenly over each clip; performances '
        "take one per bar and continue with the rest in the next clip",
    )


def add_input_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--bar`, `--drum_channel` and `--drum_track`: which part of an input file is the clip."""
    group = parser.add_argument_group("input MIDI files")
    group.add_argument(
        "--bar",
        help="bar at which the clip begins, counted from 1; either one for all files, or one for each, separated by "
        "commas (default: where the music begins)",
    )
    add_drum_choice_flags(group)


def refuse_input_flags(args: argparse.Namespace, missing: str) -> None:
    """Refuse the flags of `add_input_flags` where no file is given that they could be about.

    Args:
        args: the flags of a command.
        missing: the flags that would name such a file, for the message.

    Raises:
        InputError: naming the first of these flags that is given (`bad_flag`).
    """
    for flag in ("bar", "drum_channel", "drum_track"):
        if getattr(args, flag) is not None:
            raise InputError(
                f"--{flag} says which part of a MIDI file to read, but none is given; add {missing}, or leave out "
                f"--{flag}.",
                "bad_flag",
            )
