"""Command line of the experiments: run one of them, or all of them and write a report."""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import argparse
import importlib
import sys
import time
from pathlib import Path

from common import flags
from common.console import Parser, print_table, run_command
from common.errors import InputError
from common.output_files import check_folder
from experiments.catalogue import EXPERIMENTS


def get_parser(name: str | None = None) -> argparse.ArgumentParser:
    """The parser that picks an experiment, or, given a name, the parser for that experiment's flags."""
    if name is None:
        listing = "\n".join(f"  {key:26}{text}" for key, text in EXPERIMENTS.items())
        parser = Parser(
            "Run a small experiment on music and neural networks, re-implemented from the GitHub project\n"
            "FortsAndMills/MusicGeneration, and compare the results with the ones published there.\n\n"
            f"experiments:\n{listing}\n  {'report':26}run all of the above and write a web page with the results",
            "python -m experiments boolean_algebra",
        )
        parser.prog = "python -m experiments"
        parser.add_argument(
            "name", choices=[*EXPERIMENTS, "report"], metavar="NAME", help="the experiment to run"
        )
        return parser
    module = importlib.import_module(f"{__package__}.{name}")
    parser = Parser((module.__doc__ or "").strip(), f"python -m experiments {name}")
    parser.prog = f"python -m experiments {name}"
    parser.add_argument(
        "--output_dir",
        default=f"experiments_output/{name}",
        help="where to write pictures, MIDI files and outcome.json (default: %(default)s)",
    )
    parser.add_argument(
        "--songs",
        help="folder with the original's songs, 'track (1).mid' to 'track (34).mid' (default: the tunes that come "
        "with this project)",
    )
    flags.add_seed_flag(parser)
    module.add_flags(parser)
    return parser


def run_one(name: str, argv: list[str]) -> int:
    """Run one experiment and print its results; returns the exit status."""
    args = get_parser(name).parse_args(argv)
    folder = Path(args.output_dir).expanduser()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--output_dir={folder}: is a file; name a folder.", "bad_flag")
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    outcome = importlib.import_module(f"{__package__}.{name}").run(args, folder)
    rows = [(f.what, f.original, f.here) for f in outcome.findings]
    print_table(outcome.title, ["", "original", "here"], rows)
    print(outcome.verdict)
    path = outcome.write(folder)
    seconds = time.perf_counter() - began
    print(f"Wrote {path} and {len(outcome.pictures)} pictures in the same folder in {seconds:.0f} s.")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    argv = sys.argv[1:] if argv is None else argv
    name = get_parser().parse_args(argv[:1]).name
    if name == "report":
        from experiments import report

        return report.main(argv[1:])
    return run_one(name, argv[1:])


if __name__ == "__main__":
    sys.exit(run_command(main))
