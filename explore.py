"""Command: edit clips in a model's latent space, and look into it, by one subcommand each.

The flags are in `workflows/flags/exploring.py`, what the subcommands do in `workflows/exploring`.
"""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import argparse
import sys
from typing import Any

from common.console import Parser, run_command
from workflows.flags.exploring import SUBCOMMANDS, add_flags


def get_parser() -> Parser:
    """The subcommands and their flags."""
    parser = Parser(
        "Explore the latent space of a trained model: variations, grids, attributes, infilling, neighbours. Without "
        "--run_dir or --checkpoint_file, the shipped model is used.",
        "explore.py similar --input_midi=beat.mid --similarity=0.8 --num_outputs=8 --output_dir=variations",
    )
    commands: Any = parser.add_subparsers(  # type: ignore[call-overload]
        dest="command", required=True, metavar="COMMAND", parser_class=_subparser
    )
    for name, command in SUBCOMMANDS.items():
        subparser = commands.add_parser(
            name,
            help=command.description.split(";")[0].rstrip("."),
            description=command.description,
            example=f"explore.py {name} {command.example}",
        )
        add_flags(subparser, name)
    return parser


def _subparser(prog: str, description: str, example: str) -> Parser:
    parser = Parser(description, example)
    parser.prog = prog
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the subcommand that the flags name."""
    args: argparse.Namespace = get_parser().parse_args(argv)

    from workflows.exploring.subcommands import WORKFLOWS

    WORKFLOWS[args.command](args)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
