"""`sample.py` from end to end: any trained model plays, and what it plays is written to files."""

import argparse

from render.clips import style_of
from workflows import families
from workflows.flags.clips import refuse_input_flags
from workflows.flags.sampling import refuse_flags_of_others
from workflows.grooves.feel import check_feel
from workflows.loading import load_model


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
    model = load_model(args, frame_models=True)
    check_feel(args, model)
    refuse_flags_of_others(args, model.config.family, model.config.name)
    return families.of(model.config).sample(args, model, style)
