"""`sample.py` from end to end: any trained model plays, and what it plays is written to files."""

import argparse

from render.clips import style_of
from workflows import families
from workflows.flags.clips import refuse_input_flags
from workflows.flags.sampling import refuse_flags_of_others
from workflows.grooves.feel import check_feel
from workflows.loading import load_any_model

LITTLE = 1024
"""Frames of a piano piece that are played sooner without compiling anything."""


def sample(args: argparse.Namespace) -> str:
    """Draw clips, pieces or songs from a trained model, and write them.

    Args:
        args: the flags of `workflows.flags.sampling`.

    Returns:
        What was written, in sentences.

    Raises:
        InputError: for flags that contradict one another or don't fit the model, and for files that can't be read or
            written.
        CheckpointError: where the model can't be loaded.
    """
    if args.input_midi is None and args.primer_midi is None:
        refuse_input_flags(args, "--input_midi or --primer_midi")
    style = style_of(args)
    plays_little = max(args.length or 0, 16 * (args.bars or 0)) <= LITTLE
    model = load_any_model(args, plays_little)
    check_feel(args, model)
    refuse_flags_of_others(args, model.config.family, model.config.name)
    return families.of(model.config).sample(args, model, style)
