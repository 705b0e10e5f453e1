"""The subcommands of `explore.py` that make clips of clips: `similar`, `grid`, `infill` and `combine`."""

import argparse
import dataclasses

import numpy as np

import configs
from common.errors import InputError
from common.output_files import check_outputs
from common.wording import number_of
from models.music_vae import interpolation
from render.clips import (
    Shown,
    numbered,
)
from workflows.exploring.shared import (
    as_given,
    controls_for,
    decode,
    encoded,
    read_clips,
    samples,
    stem_for,
    style_for,
    write,
)
from workflows.flags.clips import refuse_input_flags
from workflows.latent_clips import bars_of_text
from workflows.loading import load_model
from workflows.midi_clips.merge import given_sequence, in_its_voices, merged, styles_between


def similar(args: argparse.Namespace) -> None:
    """`explore.py similar`: draw clips around one that is given."""

    model = load_model(args, default=configs.DEFAULT_EDIT_CONFIG)
    stem = stem_for(model, args, args.num_outputs, others=1)
    (clip,) = read_clips(model, args, [args.input_midi])
    batch, mu = encoded(model, [clip])
    z = interpolation.similar(mu[0], args.num_outputs, args.similarity, args.seed)
    controls = controls_for(model, args, batch, len(z))
    if args.similarity == 1:
        sequences = [given_sequence(clip)] * args.num_outputs
    else:
        drawn = model.to_note_sequences(decode(model, z, args, controls), controls)
        sequences = [in_its_voices(clip, sequence) for sequence in drawn]
    style = style_for(model, args, clip)
    shown = numbered(sequences, style, f"similarity {args.similarity:g}, number")
    wrote = write(model, shown, stem, args, f"Similar to {clip.title}", [as_given(clip, style)])
    print(f"Wrote {wrote}, similarity {args.similarity:g}, seed {args.seed}.")


def grid(args: argparse.Namespace) -> None:
    """`explore.py grid`: draw a sheet of clips between four corners."""

    paths = [getattr(args, f"input_midi_{i}") for i in range(1, 5)]
    if any(paths) and not all(paths):
        raise InputError("--input_midi_1 to --input_midi_4 go together; give all four, or none for samples.")
    if not any(paths):
        refuse_input_flags(args, "--input_midi_1 to --input_midi_4")
    model = load_model(args, default=configs.DEFAULT_EDIT_CONFIG)
    n = args.rows * args.columns
    # The picture is a sheet too, and not the rows of `write_clips`.
    without_roll = argparse.Namespace(**{**vars(args), "png": False})
    stem = stem_for(model, without_roll, n)
    picture = stem.with_suffix(".png")
    if args.png:
        check_outputs([picture], args.force)
    clips = read_clips(model, args, paths) if all(paths) else []
    batch, corners = encoded(model, clips) if clips else ({}, samples(model, 4, args.seed))
    controls = controls_for(model, args, batch, n)
    z = interpolation.grid(corners, args.rows, args.columns).reshape(n, -1)
    sequences = model.to_note_sequences(decode(model, z, args, controls, alike=True), controls)
    styles = [style_for(model, args)] * n
    if clips:
        weights = _corner_weights(args.rows, args.columns)
        styles = styles_between(clips, weights, styles[0], args.qpm)
        sequences = [in_its_voices(clips[0], sequence) for sequence in sequences]
        for place, corner in zip(*np.nonzero(weights == 1), strict=True):
            sequences[place] = given_sequence(clips[corner])
    title = f"{args.rows} by {args.columns} between {'four clips' if clips else 'four samples'}"
    places = [f"row {i // args.columns + 1}, column {i % args.columns + 1}" for i in range(n)]
    shown = [Shown(*each) for each in zip(places, sequences, styles, strict=True)]
    wrote = write(model, shown, stem, without_roll, title)
    if args.png:
        from render.latent_map import grid_figure
        from render.pianoroll import save_png

        rows = [sequences[i : i + args.columns] for i in range(0, n, args.columns)]
        save_png(
            grid_figure(rows, model.converter.bars_of(model.max_length), title, styles[0].quarters_per_bar),
            picture,
        )
    with_picture = f" and {picture.name}" if args.png else ""
    print(f"Wrote {wrote}{with_picture}: {number_of(args.rows, 'row')} of {args.columns}, row by row.")


def _corner_weights(rows: int, columns: int) -> np.ndarray:
    """How much of each corner each place of a sheet has, float `[rows * columns, 4]`, row by row."""

    down, across = np.linspace(0, 1, rows)[:, None], np.linspace(0, 1, columns)[None]
    parts = ((1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across)
    return np.stack([np.broadcast_to(part, (rows, columns)).ravel() for part in parts], axis=1)


def infill(args: argparse.Namespace) -> None:
    """`explore.py infill`: draw some bars of a clip again."""

    model = load_model(args)
    try:
        model.check_infill()
    except ValueError as error:
        raise InputError(str(error)) from error
    stem = stem_for(model, args, args.num_outputs, others=1)
    (clip,) = read_clips(model, args, [args.input_midi])
    per_bar = model.converter.steps_per_bar
    length = min(int(clip.example.length), model.max_length)
    bars = bars_of_text("--bars", args.bars, clip.steps // per_bar)
    hole = np.isin(np.arange(model.max_length) // per_bar, bars)
    n = max(args.num_candidates, args.num_outputs)
    try:
        found = model.infill(clip.example, hole, n, args.temperature or None, args.seed)
    except ValueError as error:
        raise InputError(f"--bars={args.bars}: {error}") from error
    controls = (
        None if clip.example.controls is None else np.asarray(clip.example.controls, np.float32)[:length]
    )
    classes = model.converter.pitch_classes
    sequences = [
        merged(clip, drawn, ~hole[: clip.steps], classes)
        for drawn in model.to_note_sequences(found.values[: args.num_outputs], controls)
    ]
    style = style_for(model, args, clip)
    stays = tuple((float(bar), bar + 1.0) for bar in range(clip.bars) if bar not in bars)
    title = f"{clip.title}, new in bars {args.bars}"
    shown = [dataclasses.replace(c, given=stays) for c in numbered(sequences, style, "number")]
    wrote = write(model, shown, stem, args, title, [as_given(clip, style)])
    new = f"bar {args.bars} is new" if len(bars) == 1 else f"bars {args.bars} are new"
    print(
        f"Wrote {wrote}: {new}, the rest is as it was; {number_of(n, 'candidate')}, effective sample size "
        f"{found.effective:.1f}."
    )


def combine(args: argparse.Namespace) -> None:
    """`explore.py combine`: latent arithmetic with clips."""

    terms = [(args.input_midi, 1.0), (args.plus, args.plus_amount), (args.minus, -args.minus_amount)]
    terms = [(path, amount) for path, amount in terms if path]
    if len(terms) < 2:
        raise InputError("Neither --plus nor --minus is given; name at least one clip to add or take away.")
    model = load_model(args, default=configs.DEFAULT_EDIT_CONFIG)
    stem = stem_for(model, args, args.num_outputs, others=len(terms))
    clips = read_clips(model, args, [path for path, _ in terms])
    batch, mu = encoded(model, clips)
    z = interpolation.combine(mu, np.array([amount for _, amount in terms]))
    controls = controls_for(model, args, batch, args.num_outputs)
    values = decode(model, np.stack([z] * args.num_outputs), args, controls)
    sequences = [in_its_voices(clips[0], s) for s in model.to_note_sequences(values, controls)]
    sum_of = " ".join(f"{amount:+g} {clip.title}" for clip, (_, amount) in zip(clips, terms, strict=True))
    style = style_for(model, args, clips[0])
    shown = numbered(sequences, style, "number")
    beside = [as_given(clip, style_for(model, args, clip)) for clip in clips]
    print(f"Wrote {write(model, shown, stem, args, sum_of, beside)}: {sum_of}.")
