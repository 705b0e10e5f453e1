"""Command: a way from one beat to another. The interpolation mode of Magenta's `music_vae_generate`."""

import argparse
import sys
from pathlib import Path
from typing import Any

import configs
from preprocess.console import Parser, add_log_flag, run_command
from preprocess.errors import InputError
from render.clips import add_style_flags, bars_of, check_new, style_of, write_clips
from render.midi import write_midi
from sample import add_model_flags, load_model


def get_parser() -> argparse.ArgumentParser:
    """The command's flags; those that Magenta has keep their names."""
    parser = Parser(
        "Interpolate between two MIDI files, or between two samples where none is given: one MIDI file of all "
        "steps, and one a step.",
        "interpolate.py --input_midi_1=a.mid --input_midi_2=b.mid --num_outputs=8 --output_dir=morph",
    )
    parser.add_argument("--input_midi_1", help="where to start: a MIDI file with one clip of drums")
    parser.add_argument("--input_midi_2", help="where to end")
    parser.add_argument("--num_outputs", type=int, default=5, help="steps, both ends included (default: 5)")
    parser.add_argument(
        "--max_batch_size", type=int, default=256, help="accepted for Magenta's command lines"
    )
    add_model_flags(parser)
    add_style_flags(parser)
    add_log_flag(parser)
    return parser


def read_clip(path: str, model: Any) -> Any:
    """The first clip of a MIDI file as an example.

    Raises:
        InputError: naming the file and why no clip can be made of it.
    """
    from models.trained_model import NoExtractedExamplesError
    from preprocess.midi import read_midi

    try:
        examples = model.examples_of(read_midi(Path(path).expanduser()), path)
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix(path + ': ')}", error.reason) from error
    except NoExtractedExamplesError as error:
        bars = bars_of(model.max_length)
        raise InputError(
            f"{str(error).rstrip('.')}; it takes {bars} bars in 4/4 that {model.config.name} can play.",
            "no_examples",
        ) from error
    if len(examples) > 1:
        print(f"{path}: holds {len(examples)} different clips; the first one is used.")
    return examples[0]


def end_points(args: argparse.Namespace, model: Any) -> Any:
    """The latent vectors to go between, `[2, z_size]`."""
    if not args.input_midi_1:
        return model.prior_sample(2, args.seed)
    clips = [read_clip(path, model) for path in (args.input_midi_1, args.input_midi_2)]
    return model.posterior(model.config.batch_of(clips))[0]


def joined(sequences: list[Any], bars: int) -> Any:
    """One NoteSequence of clips of so many bars of 4/4 at 120, one after the other."""
    whole = type(sequences[0])()
    whole.CopyFrom(sequences[0])
    del whole.notes[:]
    for i, sequence in enumerate(sequences):
        for note in sequence.notes:
            added = whole.notes.add()
            added.CopyFrom(note)
            added.start_time += i * bars * 2.0
            added.end_time += i * bars * 2.0
    whole.total_time = len(sequences) * bars * 2.0
    return whole


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    if bool(args.input_midi_1) != bool(args.input_midi_2):
        raise InputError("--input_midi_1 and --input_midi_2 go together; give both, or none for two samples.")
    if args.num_outputs < 2:
        raise InputError(f"--num_outputs is {args.num_outputs}; an interpolation has at least 2 steps.")
    from models.trained_model import slerp

    model = load_model(args)
    bars = bars_of(model.config.hparams.max_seq_len)
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_interpolate"
    whole_path = stem.with_name(f"{stem.name}.mid")
    check_new([whole_path], args.force)
    start, end = end_points(args, model)
    z = slerp(start, end, args.num_outputs)
    sequences = model.decode(z, temperature=args.temperature or None, seed=args.seed)
    files = write_clips(sequences, stem, args, bars, "Interpolation", chain=True)
    write_midi(joined(sequences, bars), whole_path, style_of(args), bars * len(sequences), force=True)
    print(
        f"Wrote {whole_path} ({bars * len(sequences)} bars) and {len(sequences)} steps ({len(files)} files)."
    )
    return 0


def console_main() -> int:
    """Entry point of the installed command."""
    from models.errors import CheckpointError

    return run_command(main, configs.ConfigError, CheckpointError)


if __name__ == "__main__":
    sys.exit(console_main())
