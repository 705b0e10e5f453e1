"""Command: drums to a rhythm that was tapped on any key of a keyboard."""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from preprocess import stopping

    stopping.listen()

import argparse
import sys
from pathlib import Path
from typing import Any

import configs
from preprocess.console import Parser, add_log_flag, run_command
from preprocess.errors import InputError
from render.drum_maps import DRUM_MAPS, load_drum_map
from render.midi import Style, midi_bytes
from render.performance import Performances, add_groove_flags, check_groove_flags, write_all
from studio.loading import load_model

DEFAULT_CONFIG = "groovae_2bar_tap_small"
TAP_PITCH = 46
"""Pictures show taps as the model reads them, on the open hi-hat."""


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Play drums to a tapped rhythm: every note of the MIDI file is a tap, whichever key or drum it is.",
        "tap2drum.py --input_midi=taps.mid --num_outputs=4 --output_dir=out",
    )
    parser.add_argument("--input_midi", required=True, help="a MIDI file in 4/4")
    parser.add_argument(
        "--qpm",
        type=float,
        default=None,
        help="quarter notes a minute, 10 to 400, where the file does not say how fast it was tapped (default: "
        "the file's tempo)",
    )
    maps = ", ".join(DRUM_MAPS)
    parser.add_argument(
        "--drum_map", default="general_midi", help=f"{maps}, or a .toml file (default: general_midi)"
    )
    add_groove_flags(parser, DEFAULT_CONFIG, "0 takes the likeliest drums")
    add_log_flag(parser)
    return parser


def load(args: argparse.Namespace) -> Any:
    """The trained model that the flags name, the shipped one by default.

    Raises:
        InputError: where it does not read taps.
    """
    from studio.performing import check_takes_taps

    model = load_model(args, default=DEFAULT_CONFIG)
    check_takes_taps(model)
    return model


def read_taps(path: Path, qpm: float | None) -> tuple[Any, Any, float]:
    """Where the notes of a MIDI file begin, in sixteenths, their velocities, and the tempo.

    Args:
        path: of the file.
        qpm: the tempo at which it was tapped; None for the file's own.

    Raises:
        InputError: naming the file and why its notes can't be taken as taps.
    """
    import numpy as np

    from preprocess.midi import read_midi
    from preprocess.midi_hits import check_length, check_meter

    try:
        sequence = read_midi(path)
        if not sequence.notes:
            raise InputError("The file has no notes to take as taps.", "empty")
        check_meter(sequence)
        if qpm is None and len({tempo.qpm for tempo in sequence.tempos}) > 1:
            raise InputError("The tempo changes; give the one it was tapped at as --qpm.", "time_changes")
        tempo = sequence.tempos[0].qpm if qpm is None else qpm
        positions = np.array([note.start_time for note in sequence.notes]) * tempo / 15
        check_length(positions.max())
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix(f'{path}: ')}", error.reason) from error
    return positions, np.array([note.velocity for note in sequence.notes]), tempo


def shown(positions: Any, velocities: Any) -> Any:
    """The taps as a NoteSequence at 120, for pictures."""
    from preprocess.note_sequence import NoteSequence

    sequence = NoteSequence()
    sequence.tempos.add(qpm=120.0)
    for position, velocity in zip(positions, velocities, strict=True):
        sequence.notes.add(
            start_time=position / 8, end_time=position / 8 + 0.1, pitch=TAP_PITCH, velocity=int(velocity),
            instrument=9, is_drum=True,
        )  # fmt: skip
    return sequence


def perform(path: Path, args: argparse.Namespace) -> Performances:
    """The drums to one file of taps."""
    import numpy as np

    from preprocess import groove_conditions
    from preprocess.converters.groove_hits import TAP_DRUM
    from studio.performing import drums_of_taps

    positions, velocities, qpm = read_taps(path, args.qpm)
    style = Style(qpm=qpm, drum_map=load_drum_map(args.drum_map))
    model = load(args)
    drums = np.full(len(positions), TAP_DRUM)
    grid = model.converter.grid_of_hits(positions, drums, velocities)
    bars = len(grid[0]) // 16
    conditions = groove_conditions.row(qpm, args.drummer, args.style)
    sequences = list(drums_of_taps(model, grid, args.temperature, args.seed, args.num_outputs, conditions))
    return Performances(
        stem=Path(args.output_dir).expanduser() / f"{path.stem}_drums",
        midi=[midi_bytes(sequence, style, bars) for sequence in sequences],
        drums=sequences,
        given=shown(positions, velocities),
        bars=bars,
        style=style,
        title=f"{path.stem}, from taps to drums",
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    check_groove_flags(args)
    piece = perform(Path(args.input_midi).expanduser(), args)
    count = write_all([piece], args)
    print(
        f"Wrote {args.num_outputs} performances of {piece.bars} bars ({count} files) to {args.output_dir}, "
        f"{piece.style.qpm:g} quarter notes a minute, temperature {args.temperature}, seed {args.seed}."
    )
    return 0


def console_main() -> int:
    """Entry point of the installed command."""
    from models.errors import CheckpointError

    return run_command(main, configs.ConfigError, CheckpointError)


if __name__ == "__main__":
    sys.exit(console_main())
