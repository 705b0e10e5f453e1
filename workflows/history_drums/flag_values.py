"""What the flags of history drum models say: conditions on beats, the hits of a clip that are kept, songs.

The flags themselves are in `workflows/flags/history_drums.py`.
"""

import argparse

import numpy as np

from common.errors import InputError
from models.history_drums.trained import HistoryModel
from preprocess.drums.conditions import DrumConditions
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from workflows.flags.history_drums import CONDITION_FLAGS, LOCK_FLAGS, OTHER_FLAGS, given_drum_flags

Array = np.ndarray

OTHER_MODEL = "give a model such as histdec-drum_4bar."


def check_drum_flags(args: argparse.Namespace, model: HistoryModel) -> None:
    """Refuse flags that contradict each other, or that ask for what a model was not trained to do.

    Raises:
        InputError: naming the flag.
    """
    given = given_drum_flags(args)
    for asked, able, what in (
        (CONDITION_FLAGS, model.heeds_conditions, "follow conditions"),
        ((*LOCK_FLAGS, *OTHER_FLAGS), model.fills_in, "play around given hits"),
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
        raise InputError(f"--{locks[0]} says what to keep of --input_midi; add that flag.", "bad_flag")
    if args.bar is not None and not locks:
        raise InputError(
            "--bar says where the clip of --keep and --keep_bars begins; without them a file is continued from its end, so "
            "leave out --bar.",
            "bad_flag",
        )
    song = [f for f in ("structure", "bars") if getattr(args, f) is not None]
    if locks and song:
        raise InputError(
            f"--{locks[0]} keeps parts of a single clip, not of a song; leave out --{song[0]}.", "bad_flag"
        )
    if args.fill is not None and song:
        raise InputError(
            f"--fill is for single clips, as songs have fills where sections change; leave out --{song[0]}.",
            "bad_flag",
        )


def conditions_of(args: argparse.Namespace, model: HistoryModel) -> DrumConditions:
    """The conditions that the flags set; the tempo is `--qpm` where it is given and the model follows conditions.

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
    """The indices of the drums in a list of names such as `kick,closed hi-hat`; hyphens count as spaces.

    Raises:
        InputError: for an unknown drum.
    """
    numbers = {_plain(drum.name): i for i, drum in enumerate(REDUCED_DRUM_CLASSES)}
    chosen = set()
    for part in text.split(","):
        if _plain(part) not in numbers:
            names = ", ".join(drum.name for drum in REDUCED_DRUM_CLASSES)
            raise InputError(
                f"--keep: there is no drum called '{part.strip()}'; the drums are {names}.", "bad_flag"
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
        raise InputError(
            "Every hit of the clip is kept, so there is nothing left to draw; keep less.", "bad_flag"
        )
    return mask
