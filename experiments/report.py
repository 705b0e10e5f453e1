"""All experiments, one after the other, and a page about them: `report.html`, one file that needs nothing else."""

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

from experiments.catalogue import EXPERIMENTS, SECONDS
from experiments.outcome import FILE_NAME, Outcome
from preprocess.console import Parser, progress
from preprocess.errors import InputError

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
    """How an experiment ended.

    Attributes:
        name: of the experiment.
        folder: what it wrote into.
        outcome: what it found; None where it failed.
        error: why it failed, or "".
        seconds: that it took; None where that is not known.
    """

    name: str
    folder: Path
    outcome: Outcome | None
    error: str = ""
    seconds: float | None = None


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Run all experiments, each in a process of its own, and write a page about them: what the seed said, what "
        f"came out here, pictures, MIDI files. The page is a single file, {PAGE}.",
        "python -m experiments report --output_dir=experiments_output",
    )
    parser.prog = "python -m experiments report"
    parser.add_argument(
        "--output_dir", default="experiments_output", help="folder of the page and of all results"
    )
    parser.add_argument(
        "--songs", default="", help="folder of 'track (1).mid' ... (default: tunes of our own)"
    )
    parser.add_argument("--only", default="", help="names separated by commas (default: all)")
    parser.add_argument("--processes", type=int, default=2, help="experiments at a time (default: 2)")
    parser.add_argument(
        "--keep", action="store_true", help="run only experiments that have no result in output_dir yet"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; the status is 1 where an experiment failed."""
    args = get_parser().parse_args(argv)
    names = list(dict.fromkeys(filter(None, args.only.split(",")))) or list(EXPERIMENTS)
    folder = Path(args.output_dir).expanduser()
    _check(args, names, folder)
    folder.mkdir(parents=True, exist_ok=True)
    durations = _durations(folder)
    kept = [name for name in names if args.keep and (folder / name / FILE_NAME).exists()]
    results = {name: _read(name, folder / name, durations.get(name)) for name in kept}

    def note(result: Result) -> None:
        results[result.name] = result
        if result.seconds is not None:
            durations[result.name] = round(result.seconds, 1)

    songs = str(Path(args.songs).expanduser()) if args.songs else ""
    waiting = sorted((name for name in names if name not in kept), key=lambda name: -SECONDS.get(name, 0))
    try:
        run_all({name: folder / name for name in waiting}, songs, args.processes, note)
    finally:  # also after Ctrl-C: what is done is kept
        (folder / DURATIONS).write_text(json.dumps(durations, indent=1) + "\n", encoding="utf-8")
        done = [results[name] for name in names if name in results]
        (folder / PAGE).write_text(page(done, bool(args.songs)), encoding="utf-8")
        failed = [result.name for result in done if result.outcome is None]
        print(f"Wrote {folder / PAGE}: {len(done)} of {len(names)} experiments, {len(failed)} failed.")
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
    """The seconds that experiments took in earlier reports."""
    try:
        return dict(json.loads((folder / DURATIONS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def command(name: str, folder: Path, songs: str) -> list[str]:
    """What runs an experiment."""
    flags = [f"--output_dir={folder}", *([f"--songs={songs}"] if songs else [])]
    return [sys.executable, "-m", "experiments", name, *flags]


def run_all(folders: dict[str, Path], songs: str, processes: int, note: Callable[[Result], None]) -> None:
    """Run experiments in the order given, so many at a time, each on one core.

    Args:
        folders: of the results, by name.
        songs: the flag, or "".
        processes: at a time.
        note: called with each result.
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
                    (folders[name] / FILE_NAME).unlink(
                        missing_ok=True
                    )  # else a failure would show an old result
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
    """End what still runs."""
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _read(name: str, folder: Path, seconds: float | None, status: int = 0) -> Result:
    """The result of an experiment that ended with a status."""
    if status:
        lines = (folder / ERRORS).read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return Result(name, folder, None, said[-1] if said else f"ended with status {status}", seconds)
    try:
        return Result(name, folder, Outcome.read(folder), "", seconds)
    except (OSError, ValueError, TypeError, KeyError):
        return Result(name, folder, None, f"{FILE_NAME} is missing or cannot be read", seconds)


def page(results: Sequence[Result], from_seed: bool) -> str:
    """The page about results; every text is escaped.

    Args:
        results: in their order on the page.
        from_seed: whether the songs were given by `--songs`, so that the seeds' figures can be compared.
    """
    songs = "the songs given by --songs" if from_seed else "this project's own tunes, not the seeds' songs"
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
        "<p>The seeds' smaller systems: what the seed said of each, and what came out here. They learned "
        f"{songs}.</p>\n<ul>{contents}</ul>\n" + "\n".join(map(_section, results)) + "\n</body>\n</html>\n"
    )


def _title(result: Result) -> str:
    return result.outcome.title if result.outcome else EXPERIMENTS.get(result.name, result.name)


def _remark(result: Result) -> str:
    took = "" if result.seconds is None else f"{result.seconds:.0f} s"
    return ", ".join(filter(None, ("" if result.outcome else "failed", took)))


def _section(result: Result) -> str:
    """One experiment's part of the page."""
    escape = html.escape
    head = f'<section id="{escape(result.name)}">\n<h2>{escape(_title(result))}</h2>\n'
    foot = f"<small>{escape(', '.join(filter(None, (result.name, _remark(result)))))}</small>\n</section>"
    outcome = result.outcome
    if outcome is None:
        return f'{head}<p class="failed">Failed: {escape(result.error)}</p>\n{foot}'
    rows = "".join(
        f"<tr><td>{escape(f.what)}</td><td>{escape(f.seed)}</td><td>{escape(f.here)}</td></tr>"
        for f in outcome.findings
    )
    table = f'<div class="wide"><table><tr><th></th><th>the seed</th><th>here</th></tr>{rows}</table></div>\n'
    pictures = "".join(_picture(result.folder / name, caption) for name, caption in outcome.pictures)
    midi = ", ".join(
        f'<a download="{escape(name)}" href="{_data(result.folder / name, "audio/midi")}">{escape(name)}</a>'
        for name in outcome.midi
        if (result.folder / name).is_file()
    )
    return (
        f'{head}<p class="verdict">{escape(outcome.verdict)}</p>\n<p>The seed: {escape(outcome.said)}</p>\n'
        + (table if rows else "")
        + pictures
        + (f"<p>MIDI files: {midi}</p>\n" if midi else "")
        + foot
    )


def _picture(path: Path, caption: str) -> str:
    """A picture with its caption; only the caption where the file is gone."""
    image = (
        f'<img src="{_data(path, "image/png")}" alt="{html.escape(caption)}" loading="lazy">'
        if path.is_file()
        else ""
    )
    return f"<figure>{image}<figcaption>{html.escape(caption)}</figcaption></figure>\n"


def _data(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
