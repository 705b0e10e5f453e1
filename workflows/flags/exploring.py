"""The subcommands of `explore.py` and their flags."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from common import flags
from common.console import Parser, add_log_flag
from workflows.flags.clips import add_input_flags
from workflows.flags.model import add_model_flags
from workflows.flags.playback import add_style_flags


@dataclass(frozen=True)
class Subcommand:
    """A subcommand.

    Attributes:
        description: what it does; up to the first semicolon also in the list of subcommands.
        example: flags of an example.
        add_flags: adds the flags that it alone has.
        draws: whether it draws, so that `--temperature` and `--seed` matter.
        takes_chords: whether it plays over `--chords`.
        reads_clip: whether it reads clips of MIDI files and writes others, with the flags of input and playback.
    """

    description: str
    example: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    draws: bool = True
    takes_chords: bool = True
    reads_clip: bool = True


def _add_similar(parser: argparse.ArgumentParser) -> None:
    _add_input_midi(parser)
    flags.add_num_outputs_flag(parser, 5, "number of clips")
    parser.add_argument(
        "--similarity",
        type=flags.FRACTION,
        default=0.7,
        help="1 gives the clip itself, 0 unrelated samples (default: 0.7)",
    )


def _add_grid(parser: argparse.ArgumentParser) -> None:
    for i, corner in enumerate(("top left", "top right", "bottom left", "bottom right"), start=1):
        parser.add_argument(
            f"--input_midi_{i}", help=f"MIDI file of the {corner} clip; give all four or none"
        )
    parser.add_argument("--rows", type=flags.integer(1, 100), default=4, help="number of rows (default: 4)")
    parser.add_argument(
        "--columns", type=flags.integer(1, 100), default=4, help="number of columns (default: 4)"
    )


def _add_vary(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--attribute",
        required=True,
        help="hits, hihat, pitch and others, by their latent vectors; or density, syncopation, intensity or tempo, by "
        "the conditions of a history drum model",
    )
    parser.add_argument(
        "--amount",
        default="1",
        help="multiple of the attribute's vector, or change of the condition's quantile between 0 and 1; several, "
        "separated by commas: --amount=-0.3,0.3 (default: 1)",
    )
    parser.add_argument(
        "--input_midi", help="a MIDI file with a clip; without it, samples of the model are varied"
    )
    flags.add_num_outputs_flag(parser, 4, "number of samples to vary")
    parser.add_argument("--orthogonal", action="store_true", help="change the other attributes less")
    parser.add_argument(
        "--attributes_file", help="attribute vectors (default: the file beside the checkpoint)"
    )


def _add_infill(parser: argparse.ArgumentParser) -> None:
    _add_input_midi(parser)
    parser.add_argument(
        "--bars", required=True, help="bars of the clip to draw again, counted from 1: --bars=3, --bars=1,3-4"
    )
    flags.add_num_outputs_flag(parser, 3, "number of clips")
    parser.add_argument(
        "--num_candidates",
        type=flags.OUTPUTS,
        default=64,
        help="number of candidates that the clips are chosen from (default: 64)",
    )


def _add_combine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input_midi", required=True, help="MIDI file of the clip a in a + (b - c)")
    parser.add_argument("--plus", help="MIDI file of the clip b")
    parser.add_argument("--minus", help="MIDI file of the clip c")
    amount = flags.number(-1000, 1000)
    parser.add_argument("--plus_amount", type=amount, default=1.0, help="factor of b (default: 1)")
    parser.add_argument("--minus_amount", type=amount, default=1.0, help="factor of c (default: 1)")
    flags.add_num_outputs_flag(parser, 1, "number of draws from the same vector")


def _add_embed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input_dir", help="a folder or .zip of MIDI, MusicXML or ABC files")
    parser.add_argument(
        "--examples_path", help="TFRecords in place of --input_dir: globs separated by commas"
    )
    parser.add_argument("--recursive", action="store_true", help="also read the folders inside --input_dir")
    parser.add_argument("--output_file", required=True, help="the .npz file to write")
    parser.add_argument(
        "--png", action="store_true", help="also draw a map of the clips, beside the .npz file"
    )
    parser.add_argument(
        "--colour",
        default="file",
        help="what the colours of the map show: file, or an attribute such as hits (default: file)",
    )
    flags.add_force_flag(parser)


def _add_neighbours(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--embedding", required=True, help="the .npz file of explore.py embed")
    _add_input_midi(parser)
    parser.add_argument(
        "--num_neighbours", type=flags.COUNT, default=5, help="number of neighbours (default: 5)"
    )
    parser.add_argument(
        "--measure",
        default="cosine",
        choices=("cosine", "euclidean"),
        help="measure of distance (default: cosine)",
    )
    parser.add_argument("--midi", action="store_true", help="write the neighbours as MIDI files")


def _add_attributes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--examples_path", required=True, help="TFRecords: globs separated by commas")
    parser.add_argument(
        "--max_examples",
        type=flags.COUNT,
        default=2000,
        help="number of clips to use, chosen at random (default: 2000)",
    )
    parser.add_argument(
        "--attributes_file", help="file of the vectors (default: beside the checkpoint, where vary looks)"
    )
    parser.add_argument(
        "--amounts", default="-1,1", help="multiples of each vector that are added to samples (default: -1,1)"
    )
    parser.add_argument(
        "--num_samples",
        type=flags.OUTPUTS,
        default=64,
        help="number of samples to measure the effects on (default: 64)",
    )
    flags.add_output_flags(parser, "attributes")


def _add_input_midi(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input_midi", required=True, help="a MIDI file with a clip that the model can play")


SUBCOMMANDS = {
    "similar": Subcommand(
        "Draw clips similar to one of yours; you choose how similar.",
        "--input_midi=beat.mid --similarity=0.8 --num_outputs=8 --output_dir=variations",
        _add_similar,
    ),
    "grid": Subcommand(
        "Draw a grid of clips between four corners; clips of yours, or samples.",
        "--rows=5 --columns=5 --png --output_dir=sheet",
        _add_grid,
    ),
    "infill": Subcommand(
        "Draw some bars of a clip again; the others stay exactly as they are.",
        "--input_midi=beat.mid --bars=3 --num_outputs=4 --temperature=1 --output_dir=filled",
        _add_infill,
        takes_chords=False,
    ),
    "combine": Subcommand(
        "Latent arithmetic; the clip a + (b - c).",
        "--input_midi=a.mid --plus=b.mid --minus=c.mid --output_dir=combined",
        _add_combine,
    ),
    "vary": Subcommand(
        "Increase or decrease an attribute; of a clip of yours, or of samples.",
        "--attribute=hits --amount=-1,1 --input_midi=beat.mid --output_dir=varied",
        _add_vary,
    ),
    "embed": Subcommand(
        "Write the latent vectors of all clips in a folder to an array file; draw a map of them.",
        "--input_dir=midi --recursive --output_file=midi.npz --png",
        _add_embed,
        draws=False,
        takes_chords=False,
        reads_clip=False,
    ),
    "neighbours": Subcommand(
        "Find the clips of an array file that are nearest to one of yours.",
        "--embedding=midi.npz --input_midi=beat.mid --midi --output_dir=neighbours",
        _add_neighbours,
        draws=False,
        takes_chords=False,
    ),
    "attributes": Subcommand(
        "Compute the attribute vectors for vary, and measure their effects.",
        "--examples_path=groove_train.tfrecord --output_dir=attributes",
        _add_attributes,
        takes_chords=False,
        reads_clip=False,
    ),
}


def add_flags(parser: Parser, name: str) -> None:
    """Add all flags of a subcommand to its parser."""
    command = SUBCOMMANDS[name]
    command.add_flags(parser)
    add_model_flags(parser, draws=command.draws)
    if command.takes_chords:
        parser.add_argument("--chords", help='chords for models that play over chords, such as "C G Am F"')
    if command.reads_clip:
        add_input_flags(parser)
        add_style_flags(parser)
    add_log_flag(parser)
