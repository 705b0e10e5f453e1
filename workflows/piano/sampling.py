"""`sample.py` with piano models: pieces that begin with silence, a chord, or somebody's music."""

import argparse
import dataclasses
from pathlib import Path

from common.errors import InputError
from common.output_files import check_outputs
from common.wording import number_of
from models.piano.trained import TrainedFrameModel
from render.clips import numbered, planned_files, write_clips
from render.midi import Style
from workflows.piano.nearest import report_nearest, training_pieces
from workflows.piano.pictures import planned_pictures, write_pictures
from workflows.piano.playing import frames_of, play
from workflows.piano.primers import bar_frames, primers_of, style_of_pieces


def sample(args: argparse.Namespace, model: TrainedFrameModel, style: Style) -> str:
    """Draw and write pieces, and whatever else the flags ask for.

    Args:
        args: the flags of `workflows.flags.sampling`.
        model: a `TrainedFrameModel`.
        style: how pieces are played where they begin with nothing of another tempo and meter.

    Returns:
        What was written, in sentences.

    Raises:
        InputError: for flags that contradict one another or don't fit the model, and for files that can't be read or
            written.
    """
    if args.chords:
        raise InputError(f"{model.config.name} takes no chords; leave out --chords.", "bad_flag")
    if args.drum_map:
        raise InputError(f"{model.config.name} plays no drums; leave out --drum_map.", "bad_flag")
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_sample"
    primers = primers_of(args, model)
    steps = frames_of(args, model, primers)
    count = args.num_outputs * len(primers)
    planned_files(stem, count, args)
    picture, training = stem.with_name(f"{stem.name}-nearest.png"), None
    if args.compare_with is not None:
        check_outputs([picture], args.force)
        training = training_pieces(model, args.compare_with)
    pictures = planned_pictures(stem, count, steps, args, model)
    sequences = [
        sequence
        for number, primer in enumerate(primers)
        for sequence in play(model, primer, steps, args, number * args.num_outputs)
    ]
    bar = bar_frames(model, primers)
    bars = -(-steps // bar)
    style = style_of_pieces(style, primers, args.qpm)
    begun = [primer.frames for primer in primers for _ in range(args.num_outputs)]
    shown = [
        dataclasses.replace(piece, given=((0.0, given / bar),) if given else ())
        for piece, given in zip(numbered(sequences, style, "piece"), begun, strict=True)
    ]
    written = write_clips(shown, stem, args, bars, "Samples")
    written += write_pictures(pictures, sequences, begun, steps, model, bar)
    report = [
        f"Wrote {number_of(count, 'piece')} of {number_of(bars, 'bar')} ({number_of(len(written), 'file')}) to {stem.parent}, temperature "
        f"{args.temperature}, seed {args.seed}."
    ]
    if args.initiator_file:
        for number, primer in enumerate(primers):
            first = number * args.num_outputs
            report.append(f"From '{primer.name}': {first:03d} to {first + args.num_outputs - 1:03d}.")
    silent = sum(not sequence.notes for sequence in sequences)
    if silent:
        report.append(
            f"{silent} of them {'has' if silent == 1 else 'have'} no notes; a higher --temperature plays more."
        )
    if training is not None:
        report.append(report_nearest(sequences, begun, model, training, picture))
    return "\n".join(report)
