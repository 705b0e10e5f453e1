"""What a piano piece begins with: nothing, a chord, the beginning of a MIDI file, or the entries of a file of primers."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import InputError
from models.piano.trained import TrainedFrameModel
from preprocess.drums.tracks import DrumChoice, drum_choice_of
from preprocess.midi.bar_lines import quarters_of
from preprocess.pieces.primers import primer_of_pitches, primer_of_sequence, read_initiators
from render.midi import Style
from workflows.midi_clips.clip import Excerpt, read_beginning, window_of
from workflows.midi_clips.merge import style_like

LONGEST_PRIMER = 4096
"""Frames of a primer, at most."""

PRIMER_BARS = 4
"""Bars of a MIDI file that a piece begins with, where `--primer_bars` is not given."""


@dataclass(frozen=True)
class Primer:
    """What a piece begins with.

    Attributes:
        name: of the file or entry that it comes from; empty for nothing.
        keys: bool `[frames, 88]`, struck or sounding, as the model has it; or None for nothing.
        velocities: float32 `[frames, 88]`, from 0 to 1; None where only keys are given.
        clip: the beginning of the MIDI file that it comes from, whose tempo and meter go on; None for others.
    """

    name: str = ""
    keys: np.ndarray | None = None
    velocities: np.ndarray | None = None
    clip: Excerpt | None = None

    @property
    def frames(self) -> int:
        """Its length; 0 for nothing."""
        return 0 if self.keys is None else len(self.keys)


def primers_of(args: argparse.Namespace, model: TrainedFrameModel) -> list[Primer]:
    """The primers that the flags name; a single empty one where they name none.

    Raises:
        InputError: where several kinds are given, one can't be read, or the model plays tokens.
    """
    given = [f for f in ("primer_midi", "primer_pitches", "initiator_file") if getattr(args, f) is not None]
    if args.primer_bars is not None and not args.primer_midi:
        raise InputError("--primer_bars says how much of a --primer_midi is heard; name one.", "bad_flag")
    if len(given) > 1:
        raise InputError(f"--{given[0]} and --{given[1]} are both given; name one of them.", "bad_flag")
    if given and model.form == "tokens":
        raise InputError(f"{model.config.name} begins by itself; leave out --{given[0]}.", "bad_flag")
    kind, per_quarter = representation_of(model), model.converter.steps_per_quarter
    if args.primer_midi:
        bars = PRIMER_BARS if args.primer_bars is None else args.primer_bars
        return [_primer_of_midi(args.primer_midi, bars, kind, per_quarter, drum_choice_of(args))]
    if args.primer_pitches is not None:
        try:
            pitches = [int(p) for p in args.primer_pitches.replace(",", " ").split()]
            if not pitches:
                raise ValueError("no pitch")
        except ValueError as error:
            raise InputError(
                f"--primer_pitches is '{args.primer_pitches}'; expected MIDI pitches such as 60,64,67.",
                "bad_flag",
            ) from error
        return [Primer("chord", primer_of_pitches(pitches, per_quarter, kind))]
    if args.initiator_file:
        path = Path(args.initiator_file).expanduser()
        return [Primer(name, keys) for name, keys in read_initiators(path)]
    return [Primer()]


def _primer_of_midi(
    path: str, bars: int, representation: str, steps_per_quarter: int, drums: DrumChoice
) -> Primer:
    clip = read_beginning(path, min(bars, LONGEST_PRIMER), steps_per_quarter, drums)
    if clip.steps > LONGEST_PRIMER:
        raise InputError(
            f"{path}: {bars} bars of it are {clip.steps} frames; give fewer --primer_bars.", "bad_flag"
        )
    sequence = window_of(clip).note_sequence()
    return Primer(
        clip.title, *primer_of_sequence(sequence, clip.steps, representation, steps_per_quarter), clip
    )


def representation_of(model: TrainedFrameModel) -> str:
    """What a cell of the model's rolls says: "struck", a key struck in that frame, or "sounding", struck or held."""
    return model.config.converter.get("representation", "struck")


def bar_frames(model: TrainedFrameModel, primers: list[Primer]) -> int:
    """Frames of a bar: of the meter of the primer's file, or of 4/4."""
    clips = [primer.clip for primer in primers if primer.clip]
    quarters = quarters_of(clips[0].time_signature) if clips else 4
    return round(quarters * model.converter.steps_per_quarter)


def style_of_pieces(style: Style, primers: list[Primer], qpm: float | None) -> Style:
    """How pieces are played: at the tempo and in the meter of the primer's file, where there is one."""
    clips = [primer.clip for primer in primers if primer.clip]
    return style_like(clips[0], style, qpm) if clips else style
