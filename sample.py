"""Command: sample clips from a trained model. The sampling mode of Magenta's `music_vae_generate`."""

import argparse
import contextlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import configs
from preprocess.console import Parser, add_log_flag, run_command
from preprocess.errors import InputError
from render.clips import (
    add_style_flags,
    bars_of,
    check_new,
    in_meter_of,
    planned_files,
    style_of,
    write_clips,
)
from render.midi import Style

LONGEST = 65536
"""Steps of a clip, at most."""


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say which model, and how it draws."""
    group = parser.add_argument_group("model")
    group.add_argument("--run_dir", help="a run of train.py; its best checkpoint is used")
    group.add_argument("--checkpoint_file", help="a checkpoint: ours, or Magenta's (.ckpt prefix or .tar)")
    group.add_argument("--config", help="name or .toml file; needed for Magenta's checkpoints only")
    group.add_argument(
        "--temperature", type=float, help="0 takes the likeliest music (default: 0.5; of piano models 1)"
    )
    group.add_argument("--seed", type=int, default=0, help="the same seed gives the same output (default: 0)")


def add_clip_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say how long clips are, and over which chords."""
    group = parser.add_argument_group("clips")
    group.add_argument(
        "--length", type=int, help="steps of a clip, for models without levels (default: the model's own)"
    )
    group.add_argument(
        "--chords",
        help='for models that play over chords, such as "C G Am F": evenly over each clip; where a clip '
        "takes fewer (one a bar for performances), clip after clip",
    )


def add_primer_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say what a frame model goes on from, and what else it writes."""
    group = parser.add_argument_group("piano models: what a piece begins with, and how it is looked at")
    group.add_argument("--bars", type=int, help="bars of a piece, its beginning included (default: 8)")
    group.add_argument("--primer_midi", help="MIDI file to go on from")
    group.add_argument("--primer_bars", type=int, help="bars of it that are heard (default: 4)")
    group.add_argument("--primer_pitches", help="a chord to begin with, as MIDI pitches: 60,64,67")
    group.add_argument("--initiator_file", help="JSON of beginnings as in seed 003; each is gone on from")
    group.add_argument("--attention", action="store_true", help="picture of which lag is read when")
    group.add_argument(
        "--compare_with", help="TFRecords of the training pieces: how near the nearest of them is"
    )


def get_parser() -> argparse.ArgumentParser:
    """The command's flags; those that Magenta has keep their names."""
    parser = Parser(
        "Sample clips from a trained model; with no --run_dir or --checkpoint_file from the shipped one.",
        "sample.py --num_outputs=8 --qpm=96 --output_dir=beats --gallery",
    )
    parser.add_argument("--num_outputs", type=int, default=5, help="how many clips (default: 5)")
    parser.add_argument(
        "--max_batch_size", type=int, default=256, help="clips drawn together; not seen in the output"
    )
    add_model_flags(parser)
    add_clip_flags(parser)
    add_primer_flags(parser)
    add_style_flags(parser)
    add_log_flag(parser)
    return parser


def refuse_primer_flags(args: argparse.Namespace, name: str) -> None:
    """Refuse flags that only models which play frame after frame understand.

    Raises:
        InputError: naming the flag.
    """
    for flag in (
        *("bars", "primer_midi", "primer_bars", "primer_pitches", "initiator_file"),
        *("attention", "compare_with"),
    ):
        if getattr(args, flag) is not None and getattr(args, flag) is not False:
            raise InputError(
                f"--{flag} is for models that go on from a beginning, such as piano-small; {name} draws whole clips.",
                "bad_flag",
            )


def check_numbers(args: argparse.Namespace) -> None:
    """Refuse counts, seeds and lengths that make no sense.

    Raises:
        InputError: naming the flag.
    """
    for flag, least in (("num_outputs", 1), ("max_batch_size", 1), ("length", 1), ("seed", 0)):
        value = getattr(args, flag)
        if value is not None and value < least:
            expected = f"at least {least}" if least else "0 or more"
            raise InputError(f"--{flag} is {value}; expected {expected}.", "bad_flag")


def load_model(args: argparse.Namespace, frame_models: bool = False) -> Any:
    """The trained model that the flags name.

    Args:
        args: the command's flags; a temperature that is not given becomes the model's default.
        frame_models: whether the command knows what to do with one that plays frame after frame.

    Raises:
        InputError: where the flags contradict each other.
        CheckpointError: where there is no such checkpoint, or it is of the other kind.
    """
    from models import trained_frame_model, trained_model

    if args.run_dir and args.checkpoint_file:
        raise InputError("--run_dir and --checkpoint_file are both given; name one of them.")
    if args.temperature is not None and not 0 <= args.temperature < math.inf:
        raise InputError(f"--temperature is {args.temperature}; expected 0 or more.")
    config = configs.get_config(args.config) if args.config else None
    name = args.run_dir or args.checkpoint_file or (config.name if config else configs.DEFAULT_CONFIG)
    plays_frames = frame_models and trained_frame_model.is_one(name, config)
    if args.temperature is None:
        # Cooler, piano falls silent, as most frames of most music are.
        args.temperature = 1.0 if plays_frames else 0.5
    if plays_frames:
        return trained_frame_model.load(name, config, numpy_backend=plays_little(args))
    return trained_model.load(name, config)


def plays_little(args: argparse.Namespace) -> bool:
    """Whether a command plays, and so few frames that NumPy is done before a compiler would be."""
    return "bars" in args and max(args.length or 0, 16 * (args.bars or 0)) <= 1024


def steps_of(model: Any, length: int | None) -> int:
    """Steps of a clip, `length` where it is given.

    Raises:
        InputError: where the model can't play another length than its own.
    """
    if length is None or length == model.max_length:
        return model.max_length
    if model.config.decoder["name"] == "hierarchical_lstm" or model.converter.segments:
        raise InputError(
            f"{model.config.name} always plays {model.max_length} steps; leave out --length.",
            "bad_flag",
        )
    if length > LONGEST:
        raise InputError(f"--length is {length}; expected at most {LONGEST} steps.", "bad_flag")
    return length


def controls_of(model: Any, chords: str | None, n: int, steps: int) -> Any:
    """What `n` clips are conditioned on, by `--chords`.

    Returns:
        Bool `[n, steps, control_depth]`, or None where the model has no controls or none are given.

    Raises:
        InputError: where the model takes no chords, or one can't be read.
    """
    import numpy as np

    from preprocess.converters.segments import Conditioning

    converter = model.converter
    if chords is None:
        return None
    encoding = model.config.converter.get("chord_encoding")
    if not encoding or model.config.converter.get("condition_on_key"):
        what = "keys with its chords, which --chords can't say" if encoding else "no chords"
        raise InputError(f"{model.config.name} takes {what}; leave out --chords.", "bad_flag")
    names = chords.replace("|", " ").split()
    if not names:
        raise InputError('--chords is empty; expected chord symbols such as "C G Am F".', "bad_flag")
    conditioning = Conditioning(encoding, condition_on_key=False)
    rows = np.stack([_chord_row(conditioning, name) for name in names])
    if hasattr(converter, "chunk_steps"):
        return _chords_of_chunks(converter, rows, n)
    if len(names) > steps:
        raise InputError(f"--chords names {len(names)} chords for {steps} steps; expected fewer.", "bad_flag")
    return np.broadcast_to(rows[np.arange(steps) * len(names) // steps], (n, steps, rows.shape[1]))


def _chord_row(conditioning: Any, name: str) -> Any:
    """A chord symbol as a row of controls, bool `[control_depth]`."""
    import numpy as np

    from preprocess.converters.segments import Dropped

    try:
        return conditioning.encode(np.zeros((1, 1), np.int64), [name])[0]
    except Dropped as error:
        names = {"triad": "major, minor, augmented and diminished", "major_minor": "major and minor"}
        kinds = names[conditioning.chord_encoding]
        raise InputError(
            f"--chords: '{name}' is no chord that the model knows; it knows {kinds} chords, such as C, F#m and "
            "Bb7, and N.C. for none.",
            "bad_chord",
        ) from error


def _chords_of_chunks(converter: Any, rows: Any, n: int) -> Any:
    """Controls of performances, whose steps are events at unknown times, so that a chunk has one chord.

    Args:
        converter: of performances.
        rows: a row for each chord, spread over a clip's chunks; more than these go on in the next clip.
        n: number of clips.
    """
    import numpy as np

    chunks, depth = converter.max_num_chunks, rows.shape[1]
    if len(rows) <= chunks:
        chosen = np.tile(np.arange(chunks) * len(rows) // chunks, n)
    else:
        chosen = np.arange(n * chunks) % len(rows)
    instruments, events = converter.max_num_instruments, converter.max_events_per_instrument
    controls = np.zeros((n, chunks, instruments, events, depth), dtype=bool)
    controls[:] = rows[chosen].reshape(n, chunks, 1, 1, depth)
    # The program that each begins with is under no chord.
    controls[..., 0, :] = np.arange(depth) == 0
    return controls.reshape(n, -1, depth)


def check_controls(model: Any, controls: Any) -> None:
    """Refuse to play without the controls that a model needs.

    Raises:
        InputError: saying what the model needs.
    """
    if not model.converter.control_depth or controls is not None:
        return
    options = model.config.converter
    if options.get("chord_encoding") and not options.get("condition_on_key"):
        raise InputError(
            f'{model.config.name} plays over chords; give them, as --chords="C G Am F".', "no_controls"
        )
    if options.get("conditions_as_controls"):
        command = "tap2drum.py" if options.get("tapify") else "humanize.py"
        raise InputError(f"{model.config.name} plays to what is given; {command} does.", "no_controls")
    what = "hits" if options.get("hits_as_controls") else "chords and keys"
    raise InputError(
        f"{model.config.name} plays to given {what}; interpolate.py takes them from --input_midi_1, and "
        "TrainedModel.sample as c_input.",
        "no_controls",
    )


@contextlib.contextmanager
def weights_that_fit(model: Any) -> Iterator[None]:
    """Say so in a sentence where weights are of other sizes than the config's."""
    from models.errors import CheckpointError

    try:
        yield
    except CheckpointError:
        raise
    except (ValueError, IndexError) as error:
        raise CheckpointError(
            f"{model.source}: its weights don't fit {model.config.name} ({error}); check --config."
        ) from error


def decode_in_batches(model: Any, z: Any, args: argparse.Namespace, controls: Any, steps: int) -> list[Any]:
    """The NoteSequences of latent vectors `[n, z_size]`, as the flags ask for them.

    Args:
        model: a `TrainedModel`.
        z: the latent vectors.
        args: the command's flags.
        controls: `[n, steps, control_depth]`, where the model has any.
        steps: of a clip.
    """
    import numpy as np

    from preprocess.console import progress

    values: list[Any] = []
    with progress("Playing", len(z)) as advance, weights_that_fit(model):
        for start in range(0, len(z), args.max_batch_size):
            rows = slice(start, start + args.max_batch_size)
            some = None if controls is None else controls[rows]
            values += list(
                model.decode_values(z[rows], args.temperature or None, args.seed, start, steps, some)
            )
            advance(len(z[rows]))
    return model.to_note_sequences(np.stack(values), controls)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    check_numbers(args)
    style = style_of(args)
    model = load_model(args, frame_models=True)
    if model.config.model == "frame_model":
        return sample_frames(args, model, style)
    refuse_primer_flags(args, model.config.name)
    steps = steps_of(model, args.length)
    controls = controls_of(model, args.chords, args.num_outputs, steps)
    check_controls(model, controls)
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_sample"
    planned_files(stem, args.num_outputs, args)
    z = model.prior_sample(args.num_outputs, args.seed)
    sequences = decode_in_batches(model, z, args, controls, steps)
    style = in_meter_of(style, model.converter)
    bars = bars_of(model.converter, steps)
    files = write_clips(sequences, stem, args, bars, "Samples", style=style)
    print(
        f"Wrote {len(sequences)} clips ({len(files)} files) to {stem.parent}, "
        f"temperature {args.temperature}, seed {args.seed}."
    )
    return 0


def sample_frames(args: argparse.Namespace, model: Any, style: Style) -> int:
    """The command for models that play frame after frame."""
    from studio import frames

    if args.chords:
        raise InputError(f"{model.config.name} takes no chords; leave out --chords.", "bad_flag")
    if args.drum_map:
        raise InputError(f"{model.config.name} plays no drums; leave out --drum_map.", "bad_flag")
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_sample"
    primers = frames.primers_of(args, model)
    steps = frames.frames_of(args, model, primers)
    count = args.num_outputs * len(primers)
    planned_files(stem, count, args)
    nearest, training = stem.with_name(f"{stem.name}-nearest.png"), None
    if args.compare_with is not None:
        check_new([nearest], args.force)
        training = frames.training_pieces(model, args.compare_with)
    pictures = frames.planned_pictures(stem, count, steps, args, model)
    sequences = [
        sequence
        for number, primer in enumerate(primers)
        for sequence in frames.play(model, primer, steps, args, number * args.num_outputs)
    ]
    bars = -(-steps // (4 * model.converter.steps_per_quarter))
    written = write_clips(sequences, stem, args, bars, "Samples", style=style)
    written += frames.write_pictures(pictures, sequences, steps, model)
    print(
        f"Wrote {count} pieces of {bars} bars ({len(written)} files) to {stem.parent}, "
        f"temperature {args.temperature}, seed {args.seed}."
    )
    if args.initiator_file:
        for number, primer in enumerate(primers):
            first = number * args.num_outputs
            print(f"From '{primer.name}': {first:03d} to {first + args.num_outputs - 1:03d}.")
    silent = sum(not sequence.notes for sequence in sequences)
    if silent:
        print(f"{silent} of them without a note; a higher --temperature plays more.")
    if training is not None:
        begun = [primer.frames for primer in primers for _ in range(args.num_outputs)]
        frames.report_nearest(sequences, begun, model, training, nearest)
    return 0


def console_main() -> int:
    """Entry point of the installed command."""
    from models.errors import CheckpointError

    return run_command(main, configs.ConfigError, CheckpointError)


if __name__ == "__main__":
    sys.exit(console_main())
