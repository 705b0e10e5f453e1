"""Run all experiments and write a self-contained web page with their results, `report.html`."""

import argparse
import base64
import html
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import flags
from common.console import Parser, progress
from common.errors import InputError
from common.output_files import check_folder, write_atomically
from experiments.catalogue import EXPERIMENTS, SECONDS
from experiments.outcome import FILE_NAME, Outcome

PAGE = "report.html"
DURATIONS = "seconds.json"
ERRORS = "errors.txt"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}

STYLE = """
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(.8rem, 4vw, 3rem) 4rem; max-width: 64rem; background: #fbfaf7;
  color: #22223b; font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0 0 .5rem; }
p, figcaption, small { color: #6b6a78; }
p { margin: 0 0 .8rem; max-width: 48rem; }
p.verdict { color: #22223b; }
p.failed { color: #a8321f; font-weight: 600; }
section { background: #fff; border: 1px solid #e2ddd3; border-radius: 12px; padding: 1rem clamp(.7rem, 2vw, 1.4rem);
  margin: 1.2rem 0; }
.wide { overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; font-size: .9rem; min-width: 24rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid #e2ddd3; }
th { color: #6b6a78; font-weight: 600; }
figure { margin: 0 0 1rem; }
figcaption { font-size: .85rem; }
img { max-width: 100%; height: auto; display: block; border-radius: 6px; }
a { color: #a8452f; }
a:focus-visible { outline: 3px solid #4fb3a5; outline-offset: 2px; }
"""


@dataclass(frozen=True)
class Result:
    """The result of running an experiment.

    Attributes:
        name: name of the experiment.
        folder: its output folder.
        outcome: its results, or None if it failed.
        error: why it failed, or "".
        seconds: how long it took, or None if that is not known.
    """

    name: str
    folder: Path
    outcome: Outcome | None
    error: str = ""
    seconds: float | None = None


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Run all experiments, each in its own process, and write a web page that compares their results with the\n"
        f"original's, with pictures and MIDI files. The page is a single file, {PAGE}.",
        "python -m experiments report --output_dir=experiments_output",
    )
    parser.prog = "python -m experiments report"
    parser.add_argument(
        "--output_dir",
        default="experiments_output",
        help="where to write the page and all results (default: %(default)s)",
    )
    parser.add_argument(
        "--songs",
        help="folder with the original's songs, 'track (1).mid' to 'track (34).mid' (default: the tunes that come "
        "with this project)",
    )
    parser.add_argument("--only", help="comma-separated names of the experiments to run (default: all)")
    parser.add_argument(
        "--processes",
        type=flags.PROCESSES,
        default=2,
        help="how many experiments to run at a time (default: 2)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="skip experiments that already have results in --output_dir"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit status is 1 if an experiment failed."""
    args = get_parser().parse_args(argv)
    names = list(dict.fromkeys(filter(None, (args.only or "").split(",")))) or list(EXPERIMENTS)
    folder = Path(args.output_dir).expanduser()
    _check(args, names, folder)
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    durations = _durations(folder)
    kept = [name for name in names if args.keep and (folder / name / FILE_NAME).exists()]
    results = {name: _read(name, folder / name, durations.get(name)) for name in kept}

    def note(result: Result) -> None:
        results[result.name] = result
        if result.seconds is not None:
            durations[result.name] = round(result.seconds, 1)
        keep()

    def keep() -> None:
        """Write what there is: a signal ends this process at once, and finished experiments are not to be lost."""
        write_atomically(folder / DURATIONS, f"{json.dumps(durations, indent=1)}\n".encode())
        found = [results[name] for name in names if name in results]
        write_atomically(folder / PAGE, page(found, bool(args.songs)).encode())

    songs = str(Path(args.songs).expanduser()) if args.songs else ""
    waiting = sorted((name for name in names if name not in kept), key=lambda name: -SECONDS.get(name, 0))
    keep()
    run_all({name: folder / name for name in waiting}, songs, args.processes, note)
    failed = [name for name in names if results[name].outcome is None]
    print(f"Wrote {folder / PAGE}: {len(names)} experiments, {len(failed)} failed.")
    for name in failed:
        print(f"{name} failed: {results[name].error}", file=sys.stderr)
    return 1 if failed else 0


def _check(args: argparse.Namespace, names: Sequence[str], folder: Path) -> None:
    unknown = [name for name in names if name not in EXPERIMENTS]
    if unknown:
        raise InputError(
            f"--only={unknown[0]}: no such experiment; give {', '.join(EXPERIMENTS)}.", "bad_flag"
        )
    if args.processes < 1:
        raise InputError(f"--processes={args.processes}: give a number of 1 or more.", "bad_flag")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--output_dir={folder}: is a file; name a folder.", "bad_flag")
    if args.songs and not Path(args.songs).expanduser().is_dir():
        raise InputError(f"--songs={args.songs}: no such folder.", "bad_flag")


def _durations(folder: Path) -> dict[str, float]:
    """Running times in seconds from earlier reports in the same folder."""
    try:
        return dict(json.loads((folder / DURATIONS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def command(name: str, folder: Path, songs: str) -> list[str]:
    """The command line that runs one experiment."""
    flags = [f"--output_dir={folder}", *([f"--songs={songs}"] if songs else [])]
    return [sys.executable, "-m", __package__, name, *flags]


def run_all(folders: dict[str, Path], songs: str, processes: int, note: Callable[[Result], None]) -> None:
    """Run experiments in the given order, several at a time, each limited to one core.

    Args:
        folders: output folder of each experiment, by name.
        songs: value of --songs, or "".
        processes: how many experiments run at a time.
        note: called with the result of each experiment as it finishes.
    """
    waiting = list(folders)
    running: dict[str, tuple[subprocess.Popen, float]] = {}
    environment = os.environ | ONE_THREAD
    with progress("experiments", len(waiting)) as advance:
        try:
            while waiting or running:
                while waiting and len(running) < processes:
                    name = waiting.pop(0)
                    folders[name].mkdir(parents=True, exist_ok=True)
                    # A failed run must not show the result of an earlier one.
                    (folders[name] / FILE_NAME).unlink(missing_ok=True)
                    with (folders[name] / ERRORS).open("wb") as errors:
                        child = subprocess.Popen(
                            command(name, folders[name], songs),
                            stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL,
                            stderr=errors,
                            env=environment,
                        )
                    running[name] = child, time.perf_counter()
                time.sleep(0.05)
                for name, (child, began) in list(running.items()):
                    if child.poll() is not None:
                        del running[name]
                        seconds = time.perf_counter() - began
                        note(_read(name, folders[name], seconds, child.returncode))
                        advance()
        finally:
            _end([child for child, _ in running.values()])


def _end(children: Sequence[subprocess.Popen]) -> None:
    """Stop processes that are still running."""
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _read(name: str, folder: Path, seconds: float | None, status: int = 0) -> Result:
    """The result of an experiment that exited with `status`."""
    if status:
        lines = (folder / ERRORS).read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return Result(name, folder, None, said[-1] if said else f"ended with status {status}", seconds)
    try:
        return Result(name, folder, Outcome.read(folder), "", seconds)
    except (OSError, ValueError, TypeError, KeyError):
        return Result(name, folder, None, f"{FILE_NAME} is missing or cannot be read", seconds)


def page(results: Sequence[Result], original_songs: bool) -> str:
    """The HTML page with all results; all text is escaped.

    Args:
        results: in the order in which the page shows them.
        original_songs: whether --songs was given, so that figures can be compared directly with the original's.
    """
    songs = (
        "the songs given by --songs"
        if original_songs
        else "the tunes that come with this project, not the original's songs, so figures are not directly comparable"
    )
    contents = "".join(
        f'<li><a href="#{html.escape(result.name)}">{html.escape(_title(result))}</a> '
        f"<small>{html.escape(_remark(result))}</small></li>"
        for result in results
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Experiments</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        "<h1>Experiments</h1>\n"
        "<p>Small experiments on music and neural networks, re-implemented from the GitHub project "
        "FortsAndMills/MusicGeneration (the original): what its author reported, and the results of this run. "
        f"Training data: {songs}.</p>\n<ul>{contents}</ul>\n"
        + "\n".join(map(_section, results))
        + "\n</body>\n</html>\n"
    )


def _title(result: Result) -> str:
    return result.outcome.title if result.outcome else EXPERIMENTS.get(result.name, result.name)


def _remark(result: Result) -> str:
    took = "" if result.seconds is None else f"{result.seconds:.0f} s"
    return ", ".join(filter(None, ("" if result.outcome else "failed", took)))


def _section(result: Result) -> str:
    """The section of the page for one experiment."""
    escape = html.escape
    head = f'<section id="{escape(result.name)}">\n<h2>{escape(_title(result))}</h2>\n'
    foot = f"<small>{escape(', '.join(filter(None, (result.name, _remark(result)))))}</small>\n</section>"
    outcome = result.outcome
    if outcome is None:
        return f'{head}<p class="failed">Failed: {escape(result.error)}</p>\n{foot}'
    rows = "".join(
        f"<tr><td>{escape(f.what)}</td><td>{escape(f.original)}</td><td>{escape(f.here)}</td></tr>"
        for f in outcome.findings
    )
    table = f'<div class="wide"><table><tr><th></th><th>original</th><th>here</th></tr>{rows}</table></div>\n'
    pictures = "".join(_picture(result.folder / name, caption) for name, caption in outcome.pictures)
    midi = ", ".join(
        f'<a download="{escape(name)}" href="{_data(result.folder / name, "audio/midi")}">{escape(name)}</a>'
        for name in outcome.midi
        if (result.folder / name).is_file()
    )
    return (
        f'{head}<p class="verdict">{escape(outcome.verdict)}</p>\n<p>The original: {escape(outcome.said)}</p>\n'
        + (table if rows else "")
        + pictures
        + (f"<p>MIDI files: {midi}</p>\n" if midi else "")
        + foot
    )


def _picture(path: Path, caption: str) -> str:
    """A picture with its caption, or just the caption if the file is missing."""
    image = (
        f'<img src="{_data(path, "image/png")}" alt="{html.escape(caption)}" loading="lazy">'
        if path.is_file()
        else ""
    )
    return f"<figure>{image}<figcaption>{html.escape(caption)}</figcaption></figure>\n"


def _data(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
