"""Command: what a latent space is good for beyond sampling, one subcommand each.

The subcommands are in `workflows/exploring/`: `similar`, `grid`, `infill` and `combine` in `edits.py`, `vary` in
`vary.py`, `embed` and `neighbours` in `embedding.py`, `attributes` in `attributes.py`.
"""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from common import stopping

    stopping.listen()

import argparse
import sys
from typing import Any

from common.console import Parser, add_log_flag, run_command
from render.clips import add_style_flags, style_of
from workflows.exploring import attributes, edits, embedding, vary
from workflows.loading import add_model_flags
from workflows.midi_clips.clip import add_input_flags

MAKE_CLIPS = edits.COMMANDS | vary.COMMANDS
COMMANDS = MAKE_CLIPS | embedding.COMMANDS | attributes.COMMANDS


def get_parser() -> argparse.ArgumentParser:
    """The command's subcommands and their flags."""
    parser = Parser(
        "Explore the latent space of a trained model: variations, grids, attributes, filling in, neighbours. "
        "With no --run_dir or --checkpoint_file the shipped model is used.",
        "explore.py similar --input_midi=beat.mid --similarity=0.8 --num_outputs=8 --output_dir=variations",
    )
    commands: Any = parser.add_subparsers(  # type: ignore[call-overload]
        dest="command", required=True, metavar="COMMAND", parser_class=_subparser
    )
    for name, (description, example, add_flags, run) in COMMANDS.items():
        made = commands.add_parser(
            name,
            help=description.split(";")[0].rstrip("."),
            description=description,
            example=f"explore.py {name} {example}",
        )
        add_flags(made)
        add_model_flags(made, draws=name not in ("embed", "neighbours"))
        if name in MAKE_CLIPS and name != "infill":
            made.add_argument("--chords", help='for models that play over chords, such as "C G Am F"')
        if name in MAKE_CLIPS or name == "neighbours":
            add_input_flags(made)
            add_style_flags(made)
        add_log_flag(made)
        made.set_defaults(run=run)
    return parser


def _subparser(prog: str, description: str, example: str) -> Parser:
    parser = Parser(description, example)
    parser.prog = prog
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the subcommand that the flags name.

    Raises:
        InputError: where a flag can't be used.
    """
    args = get_parser().parse_args(argv)
    if hasattr(args, "qpm"):
        style_of(args)  # refuses what makes no sense before any work is done
    return args.run(args)


if __name__ == "__main__":
    sys.exit(run_command(main))
