"""The flags of drum models that hear themselves: what is asked of beats, what of a clip stays, and songs."""

import argparse
from typing import Any

import numpy as np

from common import flags
from common.errors import InputError
from preprocess.drums.conditions import STYLES, DrumConditions
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES

Array = np.ndarray

CONDITION_FLAGS = ("style", "density", "syncopation", "intensity", "fill", "guidance")
LOCK_FLAGS = ("keep", "keep_bars")
OTHER_FLAGS = ("input_midi", "structure", "bar")

GUIDANCE = 2.0
"""Strength of what is asked for where no other is given; see `HistoryPlayer.decode`."""

STRONGEST_GUIDANCE = 20.0

OTHER_MODEL = "give a model such as histdec-drum_4bar."


def add_drum_flags(parser: argparse.ArgumentParser) -> None:
    """The flags; none of them has a default, so that other models can refuse what is given."""
    group = parser.add_argument_group(
        "drum models that hear themselves, such as histdec-drum_4bar: what is asked for"
    )
    group.add_argument("--style", help=f"{', '.join(STYLES)} (default: any, as for all of these)")
    group.add_argument(
        "--density",
        type=flags.FRACTION,
        help="how many hits, 0 to 1: 0.7 has more than 70 %% of drummers' beats",
    )
    group.add_argument(
        "--syncopation",
        type=flags.FRACTION,
        help="of kick and snare, 0 to 1: 0.7 has more than 70 %% of beats",
    )
    group.add_argument(
        "--intensity",
        type=flags.FRACTION,
        help="as when drummers play softly or loudly, 0 to 1; it changes what is struck, not the velocities",
    )
    group.add_argument(
        "--fill", action=argparse.BooleanOptionalAction, help="end in a bar that is a fill, or that is none"
    )
    group.add_argument(
        "--guidance",
        type=flags.number(0, STRONGEST_GUIDANCE),
        help=f"how strongly what is asked for, and a --qpm that is given, are heeded; 0 ignores them, more than 1 "
        f"exaggerates them (default: {GUIDANCE:g})",
    )
    group = parser.add_argument_group("drum models that hear themselves: your beat, and songs")
    group.add_argument(
        "--input_midi",
        help="a MIDI file in 4/4 whose last four bars are continued: by four bars, or by those of --bars or "
        "--structure; with --keep or --keep_bars its first four bars are played again instead, changed in part",
    )
    names = ", ".join(drum.name for drum in REDUCED_DRUM_CLASSES)
    group.add_argument(
        "--keep",
        help=f'drums of --input_midi that stay as they are while the others are drawn: "kick,snare" of {names}',
    )
    group.add_argument(
        "--keep_bars",
        help="bars of --input_midi that stay as they are while the others are drawn: 1-2, or 1,4",
    )
    group.add_argument(
        "--structure",
        help='a song of sections, in bars, such as "intro:4 verse:8 chorus:8 verse:8 outro:4"; those of one name '
        "return, and fills lead from one to the next",
    )


def given_flags(args: argparse.Namespace) -> list[str]:
    """The names of this module's flags that are given."""
    return [f for f in (*CONDITION_FLAGS, *LOCK_FLAGS, *OTHER_FLAGS) if getattr(args, f) is not None]


def refuse_drum_flags(args: argparse.Namespace, name: str) -> None:
    """Refuse these flags for a model that does not understand them.

    Raises:
        InputError: naming the flag.
    """
    for flag in given_flags(args):
        raise InputError(
            f"--{flag} is for drum models that hear themselves, such as histdec-drum_4bar; {name} is none.",
            "bad_flag",
        )


def check_drum_flags(args: argparse.Namespace, model: Any) -> None:
    """Refuse flags that contradict each other, or that ask for what a model was not trained to do.

    Raises:
        InputError: naming the flag.
    """
    given = given_flags(args)
    for asked, able, what in (
        (CONDITION_FLAGS, model.heeds_conditions, "heed what is asked for"),
        ((*LOCK_FLAGS, *OTHER_FLAGS), model.fills_in, "play around what is known"),
    ):
        flag = next((f for f in asked if f in given), None)
        if flag and not able:
            raise InputError(
                f"--{flag}: {model.config.name} was not trained to {what}; {OTHER_MODEL}", "bad_flag"
            )
    if args.bars is not None and not model.fills_in:
        raise InputError(
            f"--bars: {model.config.name} was not trained to play songs; {OTHER_MODEL}", "bad_flag"
        )
    locks = [f for f in LOCK_FLAGS if f in given]
    if locks and args.input_midi is None:
        raise InputError(f"--{locks[0]} says what stays of an --input_midi; name one.", "bad_flag")
    if args.bar is not None and not locks:
        raise InputError(
            "--bar says where the clip of --keep and --keep_bars begins; a file is continued from its end, leave out "
            "--bar.",
            "bad_flag",
        )
    song = [f for f in ("structure", "bars") if getattr(args, f) is not None]
    if locks and song:
        raise InputError(f"--{locks[0]} keeps parts of a single clip; leave out --{song[0]}.", "bad_flag")
    if args.fill is not None and song:
        raise InputError(
            f"--fill is for single clips, songs have theirs before changes; leave out --{song[0]}.",
            "bad_flag",
        )


def conditions_of(args: argparse.Namespace, model: Any) -> DrumConditions:
    """What the flags ask for; the tempo is that of `--qpm` where it is given and the model heeds it.

    Raises:
        InputError: for a value that is out of its range.
    """
    return DrumConditions(
        style=args.style,
        tempo=args.qpm if model.heeds_conditions else None,
        fill=args.fill,
        intensity=args.intensity,
        density=args.density,
        syncopation=args.syncopation,
    )


def drums_of_text(text: str) -> list[int]:
    """The numbers of drums that are named, such as `kick,closed hi-hat`; hyphens serve as spaces.

    Raises:
        InputError: for a name that is none.
    """
    numbers = {_plain(drum.name): i for i, drum in enumerate(REDUCED_DRUM_CLASSES)}
    chosen = set()
    for part in text.split(","):
        if _plain(part) not in numbers:
            names = ", ".join(drum.name for drum in REDUCED_DRUM_CLASSES)
            raise InputError(
                f"--keep: there is no drum '{part.strip()}'; expected some of {names}.", "bad_flag"
            )
        chosen.add(numbers[_plain(part)])
    return sorted(chosen)


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", " ").replace("_", " ")


def kept_hits(keep: str | None, keep_bars: list[int], steps: int, steps_per_bar: int) -> Array:
    """Which hits of a clip stay: boolean `[steps, drums]`, those of some drums and those of some bars.

    Args:
        keep: as `--keep` has it.
        keep_bars: bars, from 0.
        steps: of a clip.
        steps_per_bar: steps of a bar.

    Raises:
        InputError: for a drum that there is not, or where nothing is left to draw.
    """
    mask = np.zeros((steps, len(REDUCED_DRUM_CLASSES)), bool)
    if keep is not None:
        mask[:, drums_of_text(keep)] = True
    mask[np.isin(np.arange(steps) // steps_per_bar, keep_bars)] = True
    if mask.all():
        raise InputError("Everything of the clip stays, so nothing is left to draw; keep less.", "bad_flag")
    return mask
