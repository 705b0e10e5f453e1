"""`interpolate.py` from end to end: the steps from one clip to another, as files."""

import argparse
from pathlib import Path

import numpy as np

import configs
from common.errors import InputError
from common.wording import number_of
from models.history_drums import editing
from models.history_drums.trained import HistoryModel
from models.music_vae.trained import TrainedModel
from preprocess.drums.tracks import drum_choice_of
from render.clips import Shown, in_meter_of, planned_files, style_of, write_clips
from workflows.flags.clips import refuse_input_flags
from workflows.latent_clips import check_controls, controls_of, steps_of
from workflows.loading import load_model, player_beside, samples_to_edit
from workflows.midi_clips.clip import Clip, first_bars, read_clip
from workflows.midi_clips.merge import given_sequence, in_its_voices, styles_between


def interpolate(args: argparse.Namespace) -> str:
    """Interpolate between two clips, and write the steps.

    Args:
        args: the flags of `workflows.flags.interpolating`.

    Returns:
        What was written, in a sentence.

    Raises:
        InputError: for flags that contradict one another or don't fit the model, and for files that can't be read or
            written.
        CheckpointError: where the model can't be loaded.
    """
    if bool(args.input_midi_1) != bool(args.input_midi_2):
        raise InputError("--input_midi_1 and --input_midi_2 go together; give both, or none for two samples.")
    if not args.input_midi_1:
        refuse_input_flags(args, "--input_midi_1 and --input_midi_2")
    style = style_of(args)
    model = load_model(args, default=configs.DEFAULT_EDIT_CONFIG)
    if not model.z_size:
        raise InputError(f"{model.config.name} has no latent vector to go along; sample.py can play it.")
    steps = steps_of(model, args.length)
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_interpolate"
    whole = planned_files(stem, args.num_outputs, args, whole=True).whole
    clips = _read_clips(args, model)
    controls = _controls(args, model, clips, steps)
    beside = player_beside(model)
    ends, exact = _end_points(clips, model, beside, args.seed)
    values = editing.even_steps(
        model,
        ends,
        args.num_outputs,
        args.temperature or None,
        args.seed,
        None if controls is None else controls[0],
        steps,
        exact,
        beside,
        args.max_batch_size,
    )
    sequences = model.to_note_sequences(values, controls)
    styles = [in_meter_of(style, model.converter)] * args.num_outputs
    labels = [f"step {i} of {args.num_outputs}" for i in range(1, args.num_outputs + 1)]
    if clips:
        # The ends are the given clips themselves, whatever the model makes of their latent vectors.
        between = [in_its_voices(clips[0], sequence) for sequence in sequences[1:-1]]
        sequences = [given_sequence(clips[0]), *between, given_sequence(clips[1])]
        weights = np.linspace(0, 1, args.num_outputs)
        styles = styles_between(clips, np.stack([1 - weights, weights], axis=1), styles[0], args.qpm)
        labels[0], labels[-1] = (f"{clip.title}, as given" for clip in clips)
    bars = model.converter.bars_of(steps)
    shown = [Shown(*each) for each in zip(labels, sequences, styles, strict=True)]
    files = write_clips(shown, stem, args, bars, "Interpolation", chain=True, whole=True)
    steps_written = f"{number_of(len(sequences), 'step')} ({number_of(len(files) - 1, 'file')})"
    return f"Wrote {whole} ({number_of(bars * len(sequences), 'bar')}) and {steps_written}."


def _read_clips(args: argparse.Namespace, model: TrainedModel) -> list[Clip]:
    """The clips of the two files; none where no files are given."""
    if not args.input_midi_1:
        return []
    paths = (args.input_midi_1, args.input_midi_2)
    bars = first_bars(args.bar, len(paths))
    drums = drum_choice_of(args)
    return [read_clip(path, model, bar, drums) for path, bar in zip(paths, bars, strict=True)]


def _end_points(
    clips: list[Clip], model: TrainedModel, beside: HistoryModel | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The latent vectors of the clips, or of two samples, which `beside` draws if there is such a model.

    Returns:
        The vectors to interpolate between, and those that the ends are played from, `[2, z_size]` each.
    """
    if clips:
        batch = model.config.batch_of([clip.example for clip in clips])
    elif beside is not None:
        batch = samples_to_edit(beside, 2, seed)
    else:
        samples = model.prior_sample(2, seed)
        return samples, samples
    return model.posterior(batch)[0], editing.encoded(model, batch)


def _controls(
    args: argparse.Namespace, model: TrainedModel, clips: list[Clip], steps: int
) -> np.ndarray | None:
    """What all steps are played to: `--chords`, or else the chords or hits of the first clip.

    Returns:
        `[num_outputs, steps, control_depth]`, or None where the model has no controls.

    Raises:
        InputError: where the model needs controls and there are none, or they are of another length.
    """
    controls = controls_of(model, args.chords, args.num_outputs, steps)
    if controls is None and clips and model.converter.control_depth:
        found = model.config.batch_of([clips[0].example])["controls"][0]
        if len(found) != steps:
            raise InputError(
                f"{args.input_midi_1}: gives {number_of(len(found), 'step')} to play to, not {steps}; leave out --length"
                f"{', or give --chords' if model.config.converter.get('chord_encoding') else ''}.",
                "bad_flag",
            )
        controls = np.broadcast_to(found, (args.num_outputs, *found.shape))
    check_controls(model, controls)
    return controls
