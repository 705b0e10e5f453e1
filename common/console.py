"""What every command shares: how it runs and ends, reports errors, shows progress and tables, and parses flags.

A command is a module with `main(argv)` that ends in `sys.exit(run_command(main))`. What it imports, and when:

- First of all, in the script itself, `signals.listen()`, so that Ctrl-C ends it cleanly while the rest is imported.
- At its top what its flags need: the standard library, `common`, `workflows.flags`. So `--help` and a wrong flag take a
  fraction of a second.
- In `main`, once the flags are parsed and checked, its workflow: the only import inside a function. The modules below
  import one another at their tops.

Elsewhere an import is inside a function only if it would load Keras, TensorFlow, Matplotlib or an optional
package for those who don't need it: models are played in NumPy, so a clip is there in 0.3 seconds, while importing
Keras alone takes several seconds.
"""

import argparse
import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from common import extras, flags, magenta_flags, signals
from common.errors import InputError, OutputError, UserError
from common.output_files import write_error

_UNSEEN = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (
        *(c for c in range(32) if chr(c) not in "\n\t"),
        *range(0x7F, 0xA0),
        *(
            0x061C,
            0x200E,
            0x200F,
            *range(0x2028, 0x202F),
            *range(0x2066, 0x206A),
        ),  # turn the direction of text
    )
}
"""Control characters, and how they are printed instead of being obeyed by the terminal."""

LONGEST_SENTENCE = 1200
"""Longest message, in characters; a flag's value may have thousands."""


def run_command(command: Callable[[list[str] | None], int]) -> int:
    """Run `command(None)`, and turn its errors into one sentence on standard error and an exit status.

    Args:
        command: the `main` of a command.

    Returns:
        The command's own status; that of the error's class for a `UserError` (2 for bad input, 1 where output can't be
        written); 1 where memory runs out or an optional package is missing. Ctrl-C and SIGTERM end the process itself, with 130 and 143.
    """
    quiet_libraries()
    began = signals.listen()
    try:
        with _shown_streams():
            status = _status_of(command)
        signals.set_outcome(status)
        return status
    finally:
        if began:
            signals.listen_no_more()


def _status_of(command: Callable[[list[str] | None], int]) -> int:
    try:
        if sys.stdout is None:
            raise OutputError("standard output is closed; redirect it to /dev/null if you don't want it.")
        try:
            return command(None)
        finally:
            # Here rather than when Python ends, which would report a full disk with a traceback.
            sys.stdout.flush()
    except UserError as error:
        return _report(error, error.status)
    except OSError as error:
        named = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return _report(f"{named}{error.strerror or error}.", 1)
    except ModuleNotFoundError as error:
        sentence = extras.missing(error.name)
        if sentence is None:
            raise
        return _report(sentence, 1)
    except MemoryError:
        return _report("there is not enough memory for this; ask for less at once.", 1)
    except RecursionError:
        return _report("the input is nested too deeply.", 2)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def _report(sentence: object, status: int) -> int:
    """Print one sentence after the command's name, on one line; returns `status`."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    with contextlib.suppress(OutputError):  # nobody can be told
        print(f"{name}: {sentence_of(sentence)}", file=sys.stderr)
    return status


def sentence_of(message: object) -> str:
    """A message as it is printed: on one line, with control characters shown and long values cut in the middle."""
    text = printable(str(message), line=True)
    half = LONGEST_SENTENCE // 2
    return text if len(text) <= LONGEST_SENTENCE else f"{text[:half]} [...] {text[-half:]}"


def printable(text: str, line: bool = False) -> str:
    """Text from files and flags in a form that is safe to print: escape codes are shown, not obeyed.

    >>> printable("\\x1b[31mred")
    '\\\\x1b[31mred'

    Args:
        text: any text.
        line: whether line breaks are shown as well.
    """
    shown = text.translate(_UNSEEN)
    return shown.replace("\n", "\\n").replace("\t", "\\t") if line else shown


class _ShownStream(io.TextIOBase):
    """Standard output or standard error, where `print` shows escape codes, and fails with a message.

    Raises:
        OutputError: from `write`, if the stream is closed or its disk is full.
    """

    def __init__(self, name: str, stream: Any):
        self.bare = stream
        self._name = name

    def write(self, text: str) -> int:
        self._try(lambda: self.bare.write(text.translate(_UNSEEN)))
        return len(text)

    def write_styled(self, text: str) -> None:
        """Write text with escape codes of our own."""
        self._try(lambda: self.bare.write(text))

    def flush(self) -> None:
        self._try(self.bare.flush)

    def _try(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except BrokenPipeError as error:
            self._give_up()
            raise OutputError(f"{self._name} was closed before everything was written to it.") from error
        except OSError as error:
            self._give_up()
            raise write_error(self._name, error) from error

    def _give_up(self) -> None:
        """Discard what is still buffered, or Python would fail on it at exit."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.bare.fileno())
            os.close(nowhere)

    def isatty(self) -> bool:
        return bool(self.bare.isatty())

    def fileno(self) -> int:
        return int(self.bare.fileno())

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return str(self.bare.encoding)

    @property
    def buffer(self) -> Any:
        """The underlying binary stream."""
        return self.bare.buffer


@contextlib.contextmanager
def _shown_streams() -> Iterator[None]:
    """Replace the standard streams by `_ShownStream` while a command runs."""
    before = sys.stdout, sys.stderr
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - stays open as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names need not be valid text; and output appears at once, even in a pipe.
            stream.reconfigure(errors="backslashreplace", line_buffering=True)
    if sys.stdout is not None:
        sys.stdout = _ShownStream("standard output", sys.stdout)
    sys.stderr = _ShownStream("standard error", sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _bare(stream: Any) -> Any:
    """A standard stream as it was before `run_command` replaced it."""
    return stream.bare if isinstance(stream, _ShownStream) else stream


def quiet_libraries() -> None:
    """Silence the start-up messages of TensorFlow and pydub; other warnings stay."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    warnings.filterwarnings("ignore", message="Couldn't find ffmpeg or avconv")


@contextlib.contextmanager
def progress(description: str, total: int) -> Iterator[Callable[..., None]]:
    """A progress bar on standard error; yields a function that advances it by one, or by `n`.

    Nothing is drawn if standard error is not a terminal.
    """
    stream = _bare(sys.stderr)
    if not stream.isatty():  # rich, which takes a while to import, is not needed
        yield lambda n=1: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    described = TextColumn("{task.description}", markup=False)
    columns = (described, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(file=stream)
    # Not redirected: rich would obey the escape codes of what is printed meanwhile.
    with Progress(
        *columns,
        console=console,
        disable=not console.is_terminal,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as bar:
        task = bar.add_task(printable(description, line=True), total=total)
        yield lambda n=1: bar.advance(task, n)


def print_table(title: str, columns: list[str], rows: list[tuple]) -> None:
    """Print a table to standard output, with numbers aligned to the right. Markup in the cells is printed as it is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(printable(title)), title_justify="left")
    for i, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        table.add_column(Text(printable(column)), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(f"{v:.3f}" if isinstance(v, float) else printable(str(v))) for v in row))
    terminal = sys.stdout.isatty()
    # Drawn to a string first, since rich ends the process in its own way if a pipe is closed.
    drawn = io.StringIO()
    Console(file=drawn, width=Console().width if terminal else 110, force_terminal=terminal).print(table)
    getattr(sys.stdout, "write_styled", sys.stdout.write)(drawn.getvalue())


class Parser(argparse.ArgumentParser):
    """An argument parser with an example in its help, which accepts flags only by their full names.

    Raises:
        InputError: from `parse_args`, if a flag is missing, unknown or can't be used.
    """

    def __init__(self, description: str, example: str):
        super().__init__(
            description=description,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.register("type", None, flags.text)  # for every flag without a type
        self._is_magentas = False

    def take_magenta_flags(self, script: str) -> None:
        """Also accept the flags of the Magenta script of that name, in absl's syntax, or refuse them with what replaces them."""
        magenta_flags.add_magenta_flags(self, script)
        self._is_magentas = True

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._is_magentas:
            args = magenta_flags.in_our_form(sys.argv[1:] if args is None else args, self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise one sentence, where argparse would print all flags."""
        flag = re.fullmatch(r"argument (\S+?)(?:/\S+)?: (.*)", message, re.DOTALL)
        said = f"{flag[1]} {flag[2]}" if flag and flag[2].startswith("is ") else message
        said = said.removeprefix("argument ")
        raise InputError(said if said.endswith(".") else f"{said}; see --help.", "bad_flag")


def add_log_flag(parser: argparse.ArgumentParser) -> None:
    """Add Magenta's `--log`, which has no effect: libraries print warnings and errors anyway."""
    parser.add_argument("--log", default="WARN", help="a flag of Magenta's, accepted without effect")
