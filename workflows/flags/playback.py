"""How clips are played back (tempo, velocity, swing, drum map), and which files are written."""

import argparse

from common import flags
from render.drum_maps import DRUM_MAPS


def add_style_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a `render.midi.Style`, and those of the output files."""
    group = parser.add_argument_group("playback")
    group.add_argument("--qpm", type=flags.QPM, help="quarter notes per minute, 10 to 400 (default: 120)")
    group.add_argument(
        "--velocity",
        type=flags.integer(1, 127),
        help="one velocity for all notes, 1 to 127 (default: as the model plays them)",
    )
    group.add_argument(
        "--accents", action="store_true", help="play beats louder and off-beat sixteenths softer"
    )
    group.add_argument(
        "--swing",
        type=flags.number(0, 0.5),
        default=0.0,
        help="delay of every second sixteenth, from 0 to 0.5 of a sixteenth (default: 0)",
    )
    add_drum_map_flag(group, "the General MIDI notes that the model plays")
    group = parser.add_argument_group("output")
    flags.add_output_flags(group)
    group.add_argument("--png", action="store_true", help="also draw a piano roll")
    group.add_argument(
        "--gallery", action="store_true", help="also write an HTML page that shows and plays the clips"
    )
    group.add_argument("--wav", action="store_true", help="also write the sound of the clips")


def add_drum_map_flag(parser: argparse._ActionsContainer, shown: str, default: str | None = None) -> None:
    """Add `--drum_map`.

    Args:
        parser: a parser, or one of its groups.
        shown: the default as the help text describes it.
        default: name of the default map, or None for the model's own notes.
    """
    names = ", ".join(DRUM_MAPS)
    parser.add_argument(
        "--drum_map",
        default=default,
        help=f"MIDI notes of the drums: {names}, or a .toml file (default: {shown})",
    )
