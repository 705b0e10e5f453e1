"""What the subcommands of `explore.py` that make clips share: reading, encoding, decoding and writing them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import InputError
from common.wording import number_of
from models.history_drums import editing
from models.music_vae.trained import TrainedModel
from preprocess.drums.tracks import drum_choice_of
from render.clips import Shown, in_meter_of, planned_files, style_of, write_clips
from render.midi import Style
from workflows.latent_clips import check_controls, controls_of
from workflows.loading import player_beside, samples_to_edit
from workflows.midi_clips.clip import Clip, first_bars, read_clip
from workflows.midi_clips.merge import given_sequence, style_like

Array = np.ndarray
Batch = dict[str, Array]


def encoded(model: TrainedModel, clips: Sequence[Clip]) -> tuple[Batch, Array]:
    """Clips as one batch, and their latent vectors `[n, z_size]`."""

    batch = model.config.batch_of([clip.example for clip in clips])
    return batch, editing.encoded(model, batch)


def read_clips(model: TrainedModel, args: argparse.Namespace, paths: Sequence[str]) -> list[Clip]:
    """The clips of files, from the bars that `--bar` names."""
    drums = drum_choice_of(args)
    return [
        read_clip(path, model, bar, drums)
        for path, bar in zip(paths, first_bars(args.bar, len(paths)), strict=True)
    ]


def samples(model: TrainedModel, n: int, seed: int) -> Array:
    """Latent vectors of samples, float32 `[n, z_size]`: from the prior; for models that edit, of another model's samples.

    Raises:
        InputError: where the model has none.
    """
    if not model.z_size:
        raise InputError(f"{model.config.name} has no latent vector to explore; sample.py can play it.")
    beside = player_beside(model)
    if beside is None:
        return model.prior_sample(n, seed)
    return editing.encoded(model, samples_to_edit(beside, n, seed))


def controls_for(model: TrainedModel, args: argparse.Namespace, batch: Batch, n: int) -> Array | None:
    """The controls that all clips are decoded with: those of `--chords`, else those of the first clip of a batch.

    Returns:
        `[n, steps, control_depth]`, or None where the model has no controls.

    Raises:
        InputError: where it needs some and there are none.
    """

    controls = controls_of(model, args.chords, n, model.max_length)
    if controls is None and "controls" in batch:
        controls = np.broadcast_to(batch["controls"][0], (n, *batch["controls"].shape[1:]))
    check_controls(model, controls)
    return controls


def decode(
    model: TrainedModel, z: Array, args: argparse.Namespace, controls: Array | None, alike: bool = False
) -> Array:
    """Values `[n, steps, ...]` of latent vectors `[n, z_size]`; with `alike` all are drawn with the same random numbers."""
    return model.decode_values(z, args.temperature or None, args.seed, controls=controls, alike=alike)


def stem_for(model: TrainedModel, args: argparse.Namespace, n: int, **planned: Any) -> Path:
    """Folder and beginning of the names of `n` clips; where one exists they are refused before any work."""
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_{args.command}"
    planned_files(stem, n, args, **planned)
    return stem


def style_for(model: TrainedModel, args: argparse.Namespace, clip: Clip | None = None) -> Style:
    """The style of clips: that of the flags, with tempo, meter and resolution of the clip that they are made of."""
    style = in_meter_of(style_of(args), model.converter)
    return style if clip is None else style_like(clip, style, args.qpm)


def as_given(clip: Clip, style: Style) -> Shown:
    """The clip that the others are made of, as pictures show it."""
    return Shown(f"{clip.title}, as given", given_sequence(clip), style)


def write(
    model: TrainedModel,
    clips: Sequence[Shown],
    stem: Path,
    args: argparse.Namespace,
    title: str,
    beside: Sequence[Shown] = (),
    endings: Sequence[str] = (),
) -> str:
    """Write the clips and their extras; returns how many and where, for the closing line."""
    bars = model.converter.bars_of(model.max_length)
    files = write_clips(clips, stem, args, bars, title, beside=beside, endings=endings)
    return f"{number_of(len(clips), 'clip')} ({number_of(len(files), 'file')}) to {stem.parent}"
