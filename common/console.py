"""What every command shares: how it runs and ends, reports errors, shows progress and tables, and parses flags.

A command is a module with `main(argv)` that ends in `sys.exit(run_command(main))`. What it imports, and when:

- First of all, in the script itself, `stopping.listen()`, so that Ctrl-C ends it cleanly while the rest is imported.
- At its top what its flags need: the standard library, `common`, `workflows.flags`. So `--help` and a wrong flag take a
  fraction of a second.
- In `main`, once the flags are parsed and checked, its workflow: the only import inside a function. The modules below
  import one another at their tops.

Elsewhere an import stands inside a function only where it would load Keras, TensorFlow, Matplotlib or an optional
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

from common import flags, magenta_flags, stopping
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
"""Characters that a terminal obeys rather than shows, as they are shown."""

LONGEST_SENTENCE = 1200
"""Characters of a message; a flag's value may have thousands."""


def run_command(command: Callable[[list[str] | None], int]) -> int:
    """Run `command(None)`, and turn its errors into one sentence on standard error and an exit status.

    Args:
        command: the `main` of a command.

    Returns:
        The command's own status; that of the error's class for a `UserError` (2 for bad input, 1 where output can't be
        written); 1 where memory runs out. Ctrl-C and SIGTERM end the process itself, with 130 and 143.
    """
    quiet_libraries()
    began = stopping.listen()
    try:
        with _shown_streams():
            status = _status_of(command)
        stopping.set_outcome(status)
        return status
    finally:
        if began:
            stopping.listen_no_more()


def _status_of(command: Callable[[list[str] | None], int]) -> int:
    try:
        if sys.stdout is None:
            raise OutputError("standard output is closed; send it to /dev/null where it is not wanted.")
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
    except MemoryError:
        return _report("there is not enough memory for this; ask for less at once.", 1)
    except RecursionError:
        return _report("the input is nested too deeply.", 2)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def _report(sentence: object, status: int) -> int:
    """Print one sentence, on one line, after the command's name; returns `status`."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    with contextlib.suppress(OutputError):  # there is nobody to tell
        print(f"{name}: {sentence_of(sentence)}", file=sys.stderr)
    return status


def sentence_of(message: object) -> str:
    """A message as it is printed: on one line, without what a terminal obeys, and long values cut in the middle."""
    text = printable(str(message), line=True)
    half = LONGEST_SENTENCE // 2
    return text if len(text) <= LONGEST_SENTENCE else f"{text[:half]} [...] {text[-half:]}"


def printable(text: str, line: bool = False) -> str:
    """Text from files and flags as a terminal may have it: escape codes are shown, not obeyed.

    Args:
        text: any.
        line: also show line ends.
    """
    shown = text.translate(_UNSEEN)
    return shown.replace("\n", "\\n").replace("\t", "\\t") if line else shown


class _ShownStream(io.TextIOBase):
    """Standard output or standard error, on which `print` shows escape codes and can say what fails.

    Raises:
        OutputError: on writing, where the stream is closed or its disk is full.
    """

    def __init__(self, name: str, stream: Any):
        self.bare = stream
        self._name = name

    def write(self, text: str) -> int:
        self._try(lambda: self.bare.write(text.translate(_UNSEEN)))
        return len(text)

    def write_styled(self, text: str) -> None:
        """Write text whose escape codes are ours."""
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
        """Let what is still buffered go nowhere, or Python would fail on it when it ends."""
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
        """The stream of bytes below."""
        return self.bare.buffer


@contextlib.contextmanager
def _shown_streams() -> Iterator[None]:
    """Replace the standard streams while a command runs."""
    before = sys.stdout, sys.stderr
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names need not be valid text; and what is printed is seen at once, also in a pipe.
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
    """Silence the start-up notes of TensorFlow and pydub; warnings of other kinds stay."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    warnings.filterwarnings("ignore", message="Couldn't find ffmpeg or avconv")


@contextlib.contextmanager
def progress(description: str, total: int) -> Iterator[Callable[..., None]]:
    """A progress bar on standard error; yields a function that advances it by one or by `n`.

    Nothing is drawn where standard error is not a terminal.
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
    """A table on standard output; numbers are aligned to the right. Markup in the cells is printed as it is."""
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
    # Drawn apart, since rich ends the process in its own way where a pipe is closed.
    drawn = io.StringIO()
    Console(file=drawn, width=Console().width if terminal else 110, force_terminal=terminal).print(table)
    getattr(sys.stdout, "write_styled", sys.stdout.write)(drawn.getvalue())


class Parser(argparse.ArgumentParser):
    """An argument parser that shows defaults and takes flags by their full names only.

    Raises:
        InputError: from `parse_args`, where a flag is missing, unknown or can't be used.
    """

    def __init__(self, description: str, example: str):
        super().__init__(
            description=description,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.register("type", None, flags.text)  # of every flag that has no other type
        self._is_magentas = False

    def take_magenta_flags(self, script: str) -> None:
        """Also take, or refuse with what replaces them, the flags of Magenta's script of that name, in absl's form."""
        magenta_flags.add_magenta_flags(self, script)
        self._is_magentas = True

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._is_magentas:
            args = magenta_flags.in_our_form(sys.argv[1:] if args is None else args, self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """One sentence, where argparse prints all flags."""
        flag = re.fullmatch(r"argument (\S+?)(?:/\S+)?: (.*)", message, re.DOTALL)
        said = f"{flag[1]} {flag[2]}" if flag and flag[2].startswith("is ") else message
        said = said.removeprefix("argument ")
        raise InputError(said if said.endswith(".") else f"{said}; see --help.", "bad_flag")


def add_log_flag(parser: argparse.ArgumentParser) -> None:
    """Magenta's `--log`, which sets what TensorFlow and other libraries print."""
    parser.add_argument("--log", default="WARN", help="DEBUG, INFO, WARN, ERROR or FATAL (default: WARN)")
