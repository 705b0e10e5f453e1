"""The flags that humanize.py and tap2drum.py share."""

import argparse

from common import flags
from preprocess.drums.groove_conditions import STYLES
from workflows.flags.model import add_checkpoint_flags

SEVERAL_TEMPERATURE = 0.5
"""Default temperature of several performances; a single one is the typical one."""

PICTURE_BARS = 8
"""Bars that a picture shows at most; more could not be told apart."""


def add_groove_flags(parser: argparse.ArgumentParser, default: str, temperature: str) -> None:
    """Add the flags of model, drummer and output files.

    Args:
        parser: to add them to.
        default: config of the shipped model that is used where none is named.
        temperature: help text of `--temperature`, without its default.
    """
    group = parser.add_argument_group("model")
    add_checkpoint_flags(group, f"name or .toml file of the config (default: the shipped {default})")
    group.add_argument(
        "--temperature",
        type=flags.TEMPERATURE,
        help=f"{temperature} (default: 0 for one performance, {SEVERAL_TEMPERATURE} for several)",
    )
    flags.add_seed_flag(group)
    flags.add_num_outputs_flag(group, 1, "number of performances")
    group = parser.add_argument_group("drummer")
    group.add_argument("--drummer", help="drummer1 to drummer10 of the Groove MIDI Dataset (default: any)")
    group.add_argument("--style", help=f"{', '.join(STYLES)} (default: any)")
    group = parser.add_argument_group("output")
    flags.add_output_flags(group)
    group.add_argument("--png", action="store_true", help=f"also draw the first {PICTURE_BARS} bars")
    group.add_argument(
        "--gallery", action="store_true", help="also write an HTML page that shows and plays the drums"
    )
    group.add_argument("--wav", action="store_true", help="also write the sound of the drums")
