"""The flags that humanize.py and tap2drum.py share."""

import argparse

from common import flags
from common.errors import InputError
from preprocess.drums.groove_conditions import DRUMMERS, STYLES
from workflows.flags.model import add_player_flags

HUMANIZE_CONFIG = "groovae_2bar_humanize_small"
TAP_CONFIG = "groovae_2bar_tap_small"
"""The shipped models of the two commands."""

SEVERAL_TEMPERATURE = 0.5
"""Default temperature of several performances; a single one is the typical one."""


def add_groove_flags(parser: argparse.ArgumentParser, default: str, temperature: str) -> None:
    """Add the flags of model, drummer and output files.

    Args:
        parser: to add them to.
        default: config of the shipped model that is used where none is named.
        temperature: help text of `--temperature`, without its default.
    """
    group = parser.add_argument_group("model")
    add_player_flags(group, f"name or .toml file of the config (default: the shipped {default})")
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
    group.add_argument("--png", action="store_true", help="also draw the first eight bars")
    group.add_argument(
        "--gallery", action="store_true", help="also write an HTML page that shows and plays the drums"
    )
    group.add_argument("--wav", action="store_true", help="also write the sound of the drums")


def check_groove_flags(args: argparse.Namespace) -> None:
    """Fill in the default temperature, and refuse flags that ask for several copies of one performance.

    Raises:
        InputError: naming the flag, also for an unknown drummer or style (`bad_flag`).
    """
    for flag, names in (("drummer", DRUMMERS), ("style", STYLES)):
        name = getattr(args, flag)
        if name is not None and name not in names:
            raise InputError(f"--{flag} is {name}; expected one of {', '.join(names)}.", "bad_flag")
    if args.temperature is None:
        args.temperature = SEVERAL_TEMPERATURE if args.num_outputs > 1 else 0.0
    if args.num_outputs > 1 and args.temperature == 0:
        raise InputError(
            "--temperature=0 gives the same performance every time; raise it, or leave out --num_outputs.",
            "bad_flag",
        )
