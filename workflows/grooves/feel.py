"""`sample.py --feel`: drums with the velocities and timing of a drummer."""

import argparse

from common.errors import InputError
from models.families import AnyTrained
from preprocess.note_sequence import NoteSequence
from render.midi import Style
from workflows.grooves import performing


def check_feel(args: argparse.Namespace, model: AnyTrained) -> None:
    """Refuse `--feel` for anything but drums on sixteenths in 4/4.

    Raises:
        InputError: naming the model (`bad_flag`).
    """
    if not args.feel:
        return
    plays_drums = model.config.converter["name"] == "drums" and model.converter.steps_per_quarter == 4
    if not plays_drums or model.converter.steps_per_bar != 16:
        raise InputError(
            f"--feel is for drums on sixteenths in 4/4, which {model.config.name} does not play; leave it out.",
            "bad_flag",
        )


def with_feel(args: argparse.Namespace, sequences: list[NoteSequence], style: Style) -> list[NoteSequence]:
    """Drum NoteSequences as a drummer would play them at the tempo of `style`; unchanged without `--feel`."""
    if not args.feel:
        return sequences
    return performing.felt(sequences, style.qpm, seed=args.seed, style=args.style)
