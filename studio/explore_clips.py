"""The subcommands of `explore.py` that make clips: `similar`, `grid`, `vary`, `infill` and `combine`."""

import argparse
from pathlib import Path
from typing import Any

import configs
from preprocess import flags
from preprocess.console import print_table
from preprocess.errors import InputError
from render.clips import bars_of, check_new, in_meter_of, planned_files, style_of, write_clips
from studio.clips import bars_of_text, check_controls, controls_of, read_clip
from studio.explore_sets import amounts_of, read_vectors
from studio.loading import load_model, samples_to_edit, weights_that_fit

CONDITIONS = ("density", "syncopation", "intensity", "tempo")
"""What `vary` moves by asking for it, where the model can be asked."""


def _encoded(model: Any, paths: list[str]) -> tuple[dict[str, Any], Any]:
    """The first clip of each MIDI file as one batch, and their latent vectors `[n, z_size]`."""
    from models import editing

    batch = model.config.batch_of([read_clip(path, model) for path in paths])
    with weights_that_fit(model):
        return batch, editing.encoded(model, batch)


def _samples(model: Any, n: int, seed: int) -> Any:
    """Latent vectors of samples `[n, z_size]`: from the prior, or where the model edits, of another's samples.

    Raises:
        InputError: where the model has none.
    """
    from models import editing

    if not model.z_size:
        raise InputError(f"{model.config.name} has no latent vector to explore; sample.py can play it.")
    batch = samples_to_edit(model, n, seed)
    return model.prior_sample(n, seed) if batch is None else editing.encoded(model, batch)


def _controls(model: Any, args: argparse.Namespace, batch: dict[str, Any], n: int) -> Any:
    """What all clips are played to: `--chords`, or else what the first clip of a batch has.

    Returns:
        `[n, steps, control_depth]`, or None where the model has no controls.

    Raises:
        InputError: where it needs some and there are none.
    """
    import numpy as np

    controls = controls_of(model, args.chords, n, model.max_length)
    if controls is None and "controls" in batch:
        controls = np.broadcast_to(batch["controls"][0], (n, *batch["controls"].shape[1:]))
    check_controls(model, controls)
    return controls


def _decode(model: Any, z: Any, args: argparse.Namespace, controls: Any, alike: bool = False) -> Any:
    """Values for latent vectors; `alike` with the same random numbers, so that only z makes neighbours different."""
    with weights_that_fit(model):
        return model.decode_values(z, args.temperature or None, args.seed, controls=controls, alike=alike)


def _stem(model: Any, args: argparse.Namespace, n: int) -> Path:
    """Folder and beginning of the names of `n` clips; where one exists they are refused before any work."""
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_{args.command}"
    planned_files(stem, n, args)
    return stem


def _write(model: Any, sequences: list[Any], stem: Path, args: argparse.Namespace, title: str) -> str:
    """Write the clips and their extras; returns how many and where, for the closing line."""
    style = in_meter_of(style_of(args), model.converter)
    bars = bars_of(model.converter, model.max_length)
    files = write_clips(sequences, stem, args, bars, title, style=style)
    n = len(sequences)
    return f"{n} clip{'s' * (n > 1)} ({len(files)} file{'s' * (len(files) > 1)}) to {stem.parent}"


# similar.


def _similar_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input_midi", required=True, help="a MIDI file with one clip")
    parser.add_argument("--num_outputs", type=flags.OUTPUTS, default=5, help="how many clips (default: 5)")
    parser.add_argument(
        "--similarity",
        type=flags.FRACTION,
        default=0.7,
        help="1 reconstructs the clip, 0 samples (default: 0.7)",
    )


def _run_similar(args: argparse.Namespace) -> int:
    from models import latent

    model = load_model(args, default=configs.DEFAULT_EDIT_CONFIG)
    stem = _stem(model, args, args.num_outputs)
    batch, mu = _encoded(model, [args.input_midi])
    z = latent.similar(mu[0], args.num_outputs, args.similarity, args.seed)
    controls = _controls(model, args, batch, len(z))
    sequences = model.to_note_sequences(_decode(model, z, args, controls), controls)
    wrote = _write(model, sequences, stem, args, f"Similar to {Path(args.input_midi).name}")
    print(f"Wrote {wrote}, similarity {args.similarity:g}, seed {args.seed}.")
    return 0


# grid.


def _grid_flags(parser: argparse.ArgumentParser) -> None:
    corners = ("top left", "top right", "bottom left", "bottom right")
    for i, corner in enumerate(corners, start=1):
        parser.add_argument(f"--input_midi_{i}", help=f"the clip at the {corner}; all four or none")
    parser.add_argument("--rows", type=flags.integer(1, 100), default=4, help="default: 4")
    parser.add_argument("--columns", type=flags.integer(1, 100), default=4, help="default: 4")


def _run_grid(args: argparse.Namespace) -> int:
    import numpy as np

    from models import latent

    paths = [getattr(args, f"input_midi_{i}") for i in range(1, 5)]
    if any(paths) and not all(paths):
        raise InputError("--input_midi_1 to --input_midi_4 go together; give all four, or none for samples.")
    model = load_model(args, default=configs.DEFAULT_EDIT_CONFIG)
    n = args.rows * args.columns
    # The picture is a sheet too, and not the rows of `write_clips`.
    without_roll = argparse.Namespace(**{**vars(args), "png": False})
    stem = _stem(model, without_roll, n)
    picture = stem.with_suffix(".png")
    if args.png:
        check_new([picture], args.force)
    batch, corners = _encoded(model, paths) if all(paths) else ({}, _samples(model, 4, args.seed))
    controls = _controls(model, args, batch, n)
    z = latent.grid(corners, args.rows, args.columns).reshape(n, -1)
    sequences = model.to_note_sequences(_decode(model, z, args, controls, alike=True), controls)
    title = f"{args.rows} by {args.columns} between {'four clips' if batch else 'four samples'}"
    wrote = _write(model, sequences, stem, without_roll, title)
    if args.png:
        from render.latent_map import grid_figure
        from render.pianoroll import save_png

        rows = [list(row) for row in np.array(sequences, object).reshape(args.rows, args.columns)]
        save_png(grid_figure(rows, bars_of(model.converter, model.max_length), title), picture)
    shown = f" and {picture.name}" if args.png else ""
    print(f"Wrote {wrote}{shown}: {args.rows} rows of {args.columns}, row by row.")
    return 0


# vary.


def _vary_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--attribute",
        required=True,
        help="hits, hihat, pitch, ... by its latent vector; density, syncopation, intensity and tempo of drum models "
        "that hear themselves by what they are asked for",
    )
    parser.add_argument(
        "--amount",
        default="1",
        help="of its vector, or of its quantile from 0 to 1; several with commas, --amount=-0.3,0.3 (default: 1)",
    )
    parser.add_argument("--input_midi", help="a MIDI file with one clip; without it samples are moved")
    parser.add_argument("--num_outputs", type=flags.OUTPUTS, default=4, help="samples to move (default: 4)")
    parser.add_argument("--orthogonal", action="store_true", help="move the other attributes less")
    parser.add_argument("--attributes_file", help="vectors; by default those beside the checkpoint")


def _run_vary(args: argparse.Namespace) -> int:
    import numpy as np

    from models import attributes

    amounts = amounts_of(args.amount, "--amount")
    # What edits knows no conditions.
    by_asking = args.attribute in CONDITIONS
    default = configs.DEFAULT_CONFIG if by_asking else configs.DEFAULT_EDIT_CONFIG
    model = load_model(args, default=default)
    if by_asking and getattr(model, "heeds_conditions", False):
        return _vary_condition(args, model, amounts)
    found = read_vectors(args.attributes_file, model)
    try:
        vector = found.vector(args.attribute, args.orthogonal)
    except ValueError as error:
        raise InputError(f"--attribute: {error}") from error
    stem = _stem(model, args, (1 if args.input_midi else args.num_outputs) * len(amounts))
    batch, z = (
        _encoded(model, [args.input_midi])
        if args.input_midi
        else ({}, _samples(model, args.num_outputs, args.seed))
    )
    controls = _controls(model, args, batch, len(z))
    played = [_decode(model, z + np.float32(a) * vector, args, controls) for a in (0.0, *amounts)]
    measured = [attributes.measure_values(model, values, found.names) for values in played]
    rows = [
        (name, attributes.ATTRIBUTES[name].unit, *(float(np.nanmean(m[:, i])) for m in measured))
        for i, name in enumerate(found.names)
    ]
    columns = ["attribute", "unit", "as it is", *(f"{amount:+g} {args.attribute}" for amount in amounts)]
    print_table(f"Mean of {len(z)} clip{'s' * (len(z) > 1)}", columns, rows)
    # Clip by clip, and of each clip amount by amount.
    values = np.stack(played[1:], axis=1).reshape(-1, *played[0].shape[1:])
    repeated = None if controls is None else np.repeat(controls, len(amounts), axis=0)
    sequences = model.to_note_sequences(values, repeated)
    moved = f"{args.attribute} by {args.amount}"
    print(f"Wrote {_write(model, sequences, stem, args, moved)}, {moved}.")
    return 0


def _vary_condition(args: argparse.Namespace, model: Any, amounts: list[float]) -> int:
    """`vary` by what is asked for."""
    from studio import explore_conditions

    for flag in ("orthogonal", "attributes_file", "chords"):
        if getattr(args, flag):
            raise InputError(
                f"--{flag} is for latent vectors; {args.attribute} of {model.config.name} is asked for by itself, "
                "leave it out.",
                "bad_flag",
            )
    stem = _stem(model, args, (1 if args.input_midi else args.num_outputs) * len(amounts))
    sequences = explore_conditions.run(args, model, amounts)
    moved = f"{args.attribute} by {args.amount}"
    print(f"Wrote {_write(model, sequences, stem, args, moved)}, {moved}.")
    return 0


# infill.


def _infill_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input_midi", required=True, help="a MIDI file with one clip")
    parser.add_argument("--bars", required=True, help="bars to renew, from 1: --bars=3, --bars=1,3-4")
    parser.add_argument("--num_outputs", type=flags.OUTPUTS, default=3, help="how many clips (default: 3)")
    parser.add_argument(
        "--num_candidates",
        type=flags.OUTPUTS,
        default=64,
        help="the outputs are chosen among so many (default: 64)",
    )


def _run_infill(args: argparse.Namespace) -> int:
    import numpy as np

    from models import latent

    model = load_model(args)
    try:
        latent.check_infill(model)
    except ValueError as error:
        raise InputError(str(error)) from error
    stem = _stem(model, args, args.num_outputs)
    example = read_clip(args.input_midi, model)
    per_bar = model.converter.steps_per_bar
    length = min(int(example.length), model.max_length)
    bars = bars_of_text("--bars", args.bars, -(-length // per_bar))
    hole = np.isin(np.arange(model.max_length) // per_bar, bars)
    n = max(args.num_candidates, args.num_outputs)
    try:
        found = latent.infill(model, example, hole, n, args.temperature or None, args.seed)
    except ValueError as error:
        raise InputError(f"--bars={args.bars}: {error}") from error
    controls = None if example.controls is None else np.asarray(example.controls, np.float32)[:length]
    sequences = model.to_note_sequences(found.values[: args.num_outputs], controls)
    wrote = _write(model, sequences, stem, args, f"{Path(args.input_midi).name}, bars {args.bars} anew")
    print(
        f"Wrote {wrote}, bars {args.bars} anew, the others as they were; {n} candidates, worth "
        f"{found.effective:.1f} equally likely ones."
    )
    return 0


# combine.


def _combine_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input_midi", required=True, help="the clip a of a + (b - c)")
    parser.add_argument("--plus", help="a MIDI file with the clip b")
    parser.add_argument("--minus", help="a MIDI file with the clip c")
    parser.add_argument(
        "--plus_amount", type=flags.number(-1000, 1000), default=1.0, help="of b (default: 1)"
    )
    parser.add_argument(
        "--minus_amount", type=flags.number(-1000, 1000), default=1.0, help="of c (default: 1)"
    )
    parser.add_argument(
        "--num_outputs", type=flags.OUTPUTS, default=1, help="draws of the same vector (default: 1)"
    )


def _run_combine(args: argparse.Namespace) -> int:
    import numpy as np

    from models import latent

    terms = [(args.input_midi, 1.0), (args.plus, args.plus_amount), (args.minus, -args.minus_amount)]
    terms = [(path, amount) for path, amount in terms if path]
    if len(terms) < 2:
        raise InputError("Neither --plus nor --minus is given; name at least one clip to add or take away.")
    model = load_model(args, default=configs.DEFAULT_EDIT_CONFIG)
    stem = _stem(model, args, args.num_outputs)
    batch, mu = _encoded(model, [path for path, _ in terms])
    z = latent.combine(mu, np.array([amount for _, amount in terms]))
    controls = _controls(model, args, batch, args.num_outputs)
    values = _decode(model, np.stack([z] * args.num_outputs), args, controls)
    sequences = model.to_note_sequences(values, controls)
    sum_of = " ".join(f"{amount:+g} {Path(path).name}" for path, amount in terms)
    print(f"Wrote {_write(model, sequences, stem, args, sum_of)}: {sum_of}.")
    return 0


COMMANDS = {
    "similar": (
        "Clips around one of yours; as near to it as you say.",
        "--input_midi=beat.mid --similarity=0.8 --num_outputs=8 --output_dir=variations",
        _similar_flags,
        _run_similar,
    ),
    "grid": (
        "A sheet of clips between four; of yours, or of samples.",
        "--rows=5 --columns=5 --png --output_dir=sheet",
        _grid_flags,
        _run_grid,
    ),
    "vary": (
        "More or less of an attribute; of your clip, or of samples.",
        "--attribute=hits --amount=-1,1 --input_midi=beat.mid --output_dir=varied",
        _vary_flags,
        _run_vary,
    ),
    "infill": (
        "Some bars of a clip anew; the others stay exactly as they are.",
        "--input_midi=beat.mid --bars=3 --num_outputs=4 --temperature=1 --output_dir=filled",
        _infill_flags,
        _run_infill,
    ),
    "combine": (
        "Latent arithmetic; the clip a + (b - c).",
        "--input_midi=a.mid --plus=b.mid --minus=c.mid --output_dir=combined",
        _combine_flags,
        _run_combine,
    ),
}
