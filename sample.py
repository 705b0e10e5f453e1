"""Command: sample clips from a trained model. The sampling mode of Magenta's `music_vae_generate`."""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from common import stopping

    stopping.listen()

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from common import flags
from common.console import Parser, add_log_flag, run_command
from common.errors import InputError
from common.output_files import check_outputs
from render.clips import (
    add_style_flags,
    in_meter_of,
    numbered,
    planned_files,
    style_of,
    write_clips,
)
from render.midi import Style
from workflows.history_drums.flags import add_drum_flags, refuse_drum_flags
from workflows.latent_clips import (
    add_clip_flags,
    check_controls,
    controls_of,
    decode_in_batches,
    steps_of,
)
from workflows.loading import add_model_flags, load_model
from workflows.midi_clips.clip import add_input_flags


def add_primer_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say what a frame model goes on from, and what else it writes."""
    group = parser.add_argument_group("piano models: what a piece begins with, and how it is looked at")
    group.add_argument("--primer_midi", help="MIDI file to go on from")
    group.add_argument(
        "--primer_bars", type=flags.integer(1, flags.MOST_BARS), help="bars of it that are heard (default: 4)"
    )
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
    parser.add_argument("--num_outputs", type=flags.OUTPUTS, default=5, help="how many clips (default: 5)")
    parser.add_argument(
        "--max_batch_size", type=flags.BATCH, default=256, help="clips drawn together; not seen in the output"
    )
    parser.add_argument(
        "--bars",
        type=flags.integer(1, flags.MOST_BARS),
        help="bars of a piece: of piano, its beginning included (default: 8), or of a song by a drum model that hears "
        "itself",
    )
    add_model_flags(parser)
    add_clip_flags(parser)
    add_drum_flags(parser)
    add_input_flags(parser)
    add_primer_flags(parser)
    add_style_flags(parser)
    parser.add_argument(
        "--feel",
        action="store_true",
        help="drums get the velocities and the timing of a drummer, at --qpm and in --style, as humanize.py gives them",
    )
    add_log_flag(parser)
    parser.take_magenta_flags("music_vae_generate")
    return parser


def refuse_primer_flags(args: argparse.Namespace, name: str, bars: bool = True) -> None:
    """Refuse flags that only models which play frame after frame understand; `--bars` where `bars` says so.

    Raises:
        InputError: naming the flag.
    """
    for flag in (
        *(["bars"] if bars else []),
        *("primer_midi", "primer_bars", "primer_pitches", "initiator_file", "attention", "compare_with"),
    ):
        if getattr(args, flag) is not None and getattr(args, flag) is not False:
            raise InputError(
                f"--{flag} is for models that go on from a beginning, such as piano-small; {name} draws whole clips.",
                "bad_flag",
            )


def check_feel(args: argparse.Namespace, model: Any) -> None:
    """Refuse `--feel` for what is no beat on sixteenths in 4/4.

    Raises:
        InputError: naming the model.
    """
    if not args.feel:
        return
    plays = model.config.converter["name"] == "drums" and model.converter.steps_per_quarter == 4
    if not plays or model.converter.steps_per_bar != 16:
        raise InputError(
            f"--feel is for drums on sixteenths in 4/4, which {model.config.name} does not play; leave it out.",
            "bad_flag",
        )


def felt(args: argparse.Namespace, sequences: list[Any], style: Style) -> list[Any]:
    """Drum NoteSequences as a drummer would play them, where `--feel` asks for it."""
    if not args.feel:
        return sequences
    from workflows.grooves import performing

    return performing.felt(sequences, style.qpm, seed=args.seed, style=args.style)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    style = style_of(args)
    model = load_model(args, frame_models=True)
    check_feel(args, model)
    hears_itself = model.config.decoder["name"] == "history_lstm"
    if not hears_itself:
        refuse_drum_flags(args, model.config.name)
    if model.config.model == "frame_model":
        return sample_frames(args, model, style)
    refuse_primer_flags(args, model.config.name, bars=not hears_itself)
    steps = steps_of(model, args.length)
    controls = controls_of(model, args.chords, args.num_outputs, steps)
    check_controls(model, controls)
    if hears_itself:
        from workflows.history_drums import playing as drums

        drums.sample(args, model, style, lambda sequences, played: felt(args, sequences, played))
        return 0
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_sample"
    planned_files(stem, args.num_outputs, args)
    z = model.prior_sample(args.num_outputs, args.seed)
    sequences = felt(args, decode_in_batches(model, z, args, controls, steps), style)
    style = in_meter_of(style, model.converter)
    bars = model.converter.bars_of(steps)
    files = write_clips(numbered(sequences, style, "sample"), stem, args, bars, "Samples")
    print(
        f"Wrote {len(sequences)} clips ({len(files)} files) to {stem.parent}, "
        f"temperature {args.temperature}, seed {args.seed}."
    )
    return 0


def sample_frames(args: argparse.Namespace, model: Any, style: Style) -> int:
    """The command for models that play frame after frame."""
    from workflows.piano import nearest as piano_nearest
    from workflows.piano import pictures as piano_pictures
    from workflows.piano import playing
    from workflows.piano import primers as piano_primers

    if args.chords:
        raise InputError(f"{model.config.name} takes no chords; leave out --chords.", "bad_flag")
    if args.drum_map:
        raise InputError(f"{model.config.name} plays no drums; leave out --drum_map.", "bad_flag")
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_sample"
    primers = piano_primers.primers_of(args, model)
    steps = playing.frames_of(args, model, primers)
    count = args.num_outputs * len(primers)
    planned_files(stem, count, args)
    nearest, training = stem.with_name(f"{stem.name}-nearest.png"), None
    if args.compare_with is not None:
        check_outputs([nearest], args.force)
        training = piano_nearest.training_pieces(model, args.compare_with)
    pictures = piano_pictures.planned_pictures(stem, count, steps, args, model)
    sequences = [
        sequence
        for number, primer in enumerate(primers)
        for sequence in playing.play(model, primer, steps, args, number * args.num_outputs)
    ]
    bar = piano_primers.bar_frames(model, primers)
    bars = -(-steps // bar)
    style = piano_primers.style_of_pieces(style, primers, args.qpm)
    begun = [primer.frames for primer in primers for _ in range(args.num_outputs)]
    shown = [
        dataclasses.replace(piece, given=((0.0, given / bar),) if given else ())
        for piece, given in zip(numbered(sequences, style, "piece"), begun, strict=True)
    ]
    written = write_clips(shown, stem, args, bars, "Samples")
    written += piano_pictures.write_pictures(pictures, sequences, begun, steps, model, bar)
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
        piano_nearest.report_nearest(sequences, begun, model, training, nearest)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
