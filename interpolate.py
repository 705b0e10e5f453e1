"""Command: a way from one clip to another. The interpolation mode of Magenta's `music_vae_generate`."""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from common import stopping

    stopping.listen()

import argparse
import sys
from pathlib import Path
from typing import Any

import configs
from common import flags
from common.console import Parser, add_log_flag, run_command
from common.errors import InputError
from preprocess.drums.tracks import drum_choice_of
from render.clips import (
    Shown,
    add_style_flags,
    in_meter_of,
    planned_files,
    style_of,
    write_clips,
)
from workflows.latent_clips import (
    add_clip_flags,
    check_controls,
    controls_of,
    steps_of,
)
from workflows.loading import add_model_flags, load_model, player_beside, samples_to_edit
from workflows.midi_clips.clip import Clip, add_input_flags, first_bars, read_clip
from workflows.midi_clips.merge import given_sequence, in_its_voices, styles_between


def get_parser() -> argparse.ArgumentParser:
    """The command's flags; those that Magenta has keep their names."""
    parser = Parser(
        "Interpolate between two MIDI files, or between two samples where none is given: one MIDI file of all "
        "steps, and one a step. The ends are the clips as they stand in their files, and the tempo goes from that of one "
        "to that of the other.",
        "interpolate.py --input_midi_1=a.mid --input_midi_2=b.mid --num_outputs=8 --output_dir=morph",
    )
    parser.add_argument(
        "--input_midi_1", help="where to start: a MIDI file with one clip of what the model plays"
    )
    parser.add_argument("--input_midi_2", help="where to end")
    parser.add_argument(
        "--num_outputs",
        type=flags.integer(2, flags.MOST_OUTPUTS),
        default=5,
        help="steps, both ends included (default: 5)",
    )
    parser.add_argument(
        "--max_batch_size", type=flags.BATCH, default=256, help="clips drawn together; not seen in the output"
    )
    add_model_flags(parser)
    add_clip_flags(parser)
    add_input_flags(parser)
    add_style_flags(parser)
    add_log_flag(parser)
    parser.take_magenta_flags("music_vae_generate")
    return parser


def read_clips(args: argparse.Namespace, model: Any) -> list[Clip]:
    """The clips of the two files; none where no files are given."""
    if not args.input_midi_1:
        return []
    paths = (args.input_midi_1, args.input_midi_2)
    bars = first_bars(args.bar, len(paths))
    drums = drum_choice_of(args)
    return [read_clip(path, model, bar, drums) for path, bar in zip(paths, bars, strict=True)]


def end_points(clips: list[Clip], model: Any, seed: int) -> tuple[Any, Any]:
    """The latent vectors to go between, and those that the ends are played from, `[2, z_size]` each.

    Those of the clips, or two samples.
    """
    from models.history_drums import editing

    examples = [clip.example for clip in clips]
    batch = model.config.batch_of(examples) if clips else samples_to_edit(model, 2, seed)
    if batch is None:
        samples = model.prior_sample(2, seed)
        return samples, samples
    return model.posterior(batch)[0], editing.encoded(model, batch)


def controls_on_the_way(args: argparse.Namespace, model: Any, clips: list[Clip], steps: int) -> Any:
    """What all steps are played to: `--chords`, or else what the first clip has.

    Returns:
        `[num_outputs, steps, control_depth]`, or None where the model has no controls.

    Raises:
        InputError: where there is neither.
    """
    import numpy as np

    controls = controls_of(model, args.chords, args.num_outputs, steps)
    if controls is None and clips and model.converter.control_depth:
        found = model.config.batch_of([clips[0].example])["controls"][0]
        if len(found) != steps:
            raise InputError(
                f"{args.input_midi_1}: gives {len(found)} steps to play to, not {steps}; leave out --length"
                f"{', or give --chords' if model.config.converter.get('chord_encoding') else ''}.",
                "bad_flag",
            )
        controls = np.broadcast_to(found, (args.num_outputs, *found.shape))
    check_controls(model, controls)
    return controls


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    if bool(args.input_midi_1) != bool(args.input_midi_2):
        raise InputError("--input_midi_1 and --input_midi_2 go together; give both, or none for two samples.")
    import numpy as np

    from models.history_drums import editing

    style = style_of(args)
    model = load_model(args, default=configs.DEFAULT_EDIT_CONFIG)
    if not model.z_size:
        raise InputError(f"{model.config.name} has no latent vector to go along; sample.py can play it.")
    steps = steps_of(model, args.length)
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_interpolate"
    whole = planned_files(stem, args.num_outputs, args, whole=True).whole
    clips = read_clips(args, model)
    controls = controls_on_the_way(args, model, clips, steps)
    ends, exact = end_points(clips, model, args.seed)
    values = editing.even_steps(
        model,
        ends,
        args.num_outputs,
        args.temperature or None,
        args.seed,
        None if controls is None else controls[0],
        steps,
        exact,
        player_beside(model),
    )
    sequences = model.to_note_sequences(values, controls)
    styles = [in_meter_of(style, model.converter)] * args.num_outputs
    labels = [f"step {i} of {args.num_outputs}" for i in range(1, args.num_outputs + 1)]
    if clips:
        # Given clips are the ends themselves, whatever the model makes of their latent vectors.
        between = [in_its_voices(clips[0], sequence) for sequence in sequences[1:-1]]
        sequences = [given_sequence(clips[0]), *between, given_sequence(clips[1])]
        way = np.linspace(0, 1, args.num_outputs)
        styles = styles_between(clips, np.stack([1 - way, way], axis=1), styles[0], args.qpm)
        labels[0], labels[-1] = (f"{clip.title}, as given" for clip in clips)
    bars = model.converter.bars_of(steps)
    shown = [Shown(*each) for each in zip(labels, sequences, styles, strict=True)]
    files = write_clips(shown, stem, args, bars, "Interpolation", chain=True, whole=True)
    print(
        f"Wrote {whole} ({bars * len(sequences)} bars) and {len(sequences)} steps ({len(files) - 1} files)."
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
