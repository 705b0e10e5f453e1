"""What every command shares: one way to report, to show progress and to end."""

import argparse
import contextlib
import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from preprocess.errors import InputError


def run_command(command: Callable[[list[str] | None], int], *expected: type[BaseException]) -> int:
    """Run `command(None)` and turn its errors into an exit status.

    Args:
        command: a `main`.
        expected: exceptions beside InputError whose message is for the user.

    Returns:
        The command's own status; 2 for bad input, with the one sentence on standard error; 130 after Ctrl-C.
    """
    quiet_libraries()
    for_the_user: tuple[type[BaseException], ...] = (InputError, *expected)
    try:
        return command(None)
    except for_the_user as error:
        program = Path(sys.argv[0])
        name = program.parent.name if program.name == "__main__.py" else program.name
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def quiet_libraries() -> None:
    """Silence the start-up notes of TensorFlow and pydub; warnings of other kinds stay."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    warnings.filterwarnings("ignore", message="Couldn't find ffmpeg or avconv")


def start_worker() -> None:
    """Begin a process of a pool: quiet, and gone when the command is, also where that was killed."""
    quiet_libraries()
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()


@contextlib.contextmanager
def progress(description: str, total: int) -> Iterator[Callable[..., None]]:
    """A progress bar on standard error; yields a function that advances it by one or by `n`.

    Nothing is drawn where standard error is not a terminal.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(description, total=total)
        yield lambda n=1: bar.advance(task, n)


def print_table(title: str, columns: list[str], rows: list[tuple]) -> None:
    """A table on standard output; numbers are aligned to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
    Console(width=None if sys.stdout.isatty() else 110).print(table)


class Parser(argparse.ArgumentParser):
    """An argument parser that shows defaults and takes flags by their full names only."""

    def __init__(self, description: str, example: str):
        super().__init__(
            description=description,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )


def add_log_flag(parser: argparse.ArgumentParser) -> None:
    """Magenta's `--log`, which sets what TensorFlow and other libraries print."""
    parser.add_argument("--log", default="WARN", help="DEBUG, INFO, WARN, ERROR or FATAL (default: WARN)")
