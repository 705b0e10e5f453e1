"""Runs a campaign: mutated inputs, one after another, through what reads them, under limits of time and memory.

How many inputs: a few hundred of each kind, or as many as the environment variable FUZZ_INPUTS says (`make fuzz`); of
MIDI five times as many. FUZZ_SEED takes other inputs of the same kinds, FUZZ_ONLY=17 one of them alone. Whatever an
input ends in but music or one sentence for a person is a failure, which names the input's number and the file that
holds it.
"""

import contextlib
import faulthandler
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from catalog.config import ConfigError
from common.console import sentence_of
from common.errors import CheckpointError, InputError

FOR_THE_USER: tuple[type[BaseException], ...] = (InputError, CheckpointError, ConfigError)
"""What `console.run_command` prints as one sentence."""

MAX_CPU_SECONDS = 5.0
MAX_SECONDS = 60.0
"""A process that waits uses no processor time; no machine is so busy that this is not a hang."""

MAX_GROWTH = 2**30
"""Bytes that one input may take while it is read, beyond what the process had before."""

QUICK = 300
MIDI_FACTOR = 5
SHOWN = 8

PYTHON = re.compile(
    r"NoneType|object (is not|has no|cannot|does not)|invalid literal|subscriptable|unhashable|out of range for"
    r"|index out of range|unsupported operand|argument must be|positional argument|keyword argument|Error\(|object at 0x"
)
"""What a person can do nothing with."""

INTERNAL = {"reader_failed", "reader_crashed"}
"""Reasons under which `convert` counts what should never happen."""


class TookTooLong(BaseException):
    """Raised by the alarm; no `except Exception` of the readers swallows it."""


class Wrong(AssertionError):
    """An input was accepted, and what came of it is not what it should be."""


@dataclass
class Outcome:
    """The figures of a campaign.

    Attributes:
        kind: of its inputs.
        accepted, refused: how many were read, and how many ended in a sentence.
        failures: what neither was, a text each.
        peak: the most memory that the process had at any moment, in bytes.
        growth: the most that one input added to it.
        slowest: processor seconds of the slowest input.
        seconds: processor seconds of all of them.
    """

    kind: str
    accepted: int = 0
    refused: int = 0
    tracebacks: int = 0
    hangs: int = 0
    wrong: int = 0
    peak: int = 0
    growth: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """How many inputs there were."""
        return self.accepted + self.refused + self.tracebacks + self.hangs + self.wrong


def count_of(kind: str, quick: int = QUICK) -> int:
    """How many inputs of a kind to try."""
    asked = os.environ.get("FUZZ_INPUTS")
    if not asked:
        return quick
    return int(asked) * (MIDI_FACTOR if kind == "midi" else 1)


def run(
    kind: str,
    make: Callable[[random.Random], Any],
    read: Callable[[Any], Any],
    folder: Path,
    quick: int = QUICK,
) -> Outcome:
    """Try the inputs of a kind.

    Args:
        kind: its name, which also decides the inputs.
        make: an input of a random generator; bytes, text or something with a `repr`.
        read: what reads it; raises one of `FOR_THE_USER` for what it refuses.
        folder: where inputs that fail are kept.
        quick: how many there are where nobody asks for a number.
    """
    start = int(os.environ.get("FUZZ_SEED", "0"))
    numbers: Any = range(start, start + count_of(kind, quick))
    if only := os.environ.get("FUZZ_ONLY"):
        numbers = [int(only)]
    outcome = Outcome(kind)
    current = folder / f"{kind}-current-{os.getpid()}"
    with warnings.catch_warnings(), _alarms(), _limited_memory():
        warnings.simplefilter("ignore")
        for number in numbers:
            item = make(random.Random(f"{kind}/{number}"))
            current.write_bytes(_as_bytes(item))
            _try(outcome, kind, number, item, read, current)
    current.unlink(missing_ok=True)
    return outcome


def check(outcome: Outcome, record_property: Callable[[str, object], None]) -> None:
    """Report the figures of a campaign and fail where one of its inputs did."""
    figures = {k: v for k, v in vars(outcome).items() if k != "failures"}
    record_property("fuzz", {**figures, "inputs": outcome.inputs})
    shown = list(outcome.failures.values())
    more = f"\n... and {len(shown) - SHOWN} other kinds of failure" if len(shown) > SHOWN else ""
    bad = outcome.tracebacks + outcome.hangs + outcome.wrong
    assert not shown, (
        f"{bad} of {outcome.inputs} inputs of {outcome.kind} failed:\n" + "\n".join(shown[:SHOWN]) + more
    )


def check_message(error: BaseException) -> None:
    """One sentence for a person, as it is printed: not empty, on one line, and not that something is broken inside.

    Raises:
        Wrong: where the message is none.
    """
    text = sentence_of(error)
    if len(text.strip()) < 10 or re.search(r"[\x00-\x1f\x7f-\x9f]", text) or "Traceback" in text:
        raise Wrong(f"the message is no sentence ({len(text)} characters): {text[:300]!r}")
    if PYTHON.search(text):
        raise Wrong(f"the message speaks of Python, not of the input: {text[:300]!r}")
    if getattr(error, "reason", "") in INTERNAL or "MemoryError" in text:
        raise Wrong(f"counted as {getattr(error, 'reason', '')}: {text[:300]!r}")


@contextlib.contextmanager
def fresh_folder(parent: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _try(
    outcome: Outcome, kind: str, number: int, item: Any, read: Callable[[Any], Any], current: Path
) -> None:
    _reset_peak()
    before, clock = _memory("VmRSS"), _cpu()
    failure, where = "", ""
    _arm(MAX_CPU_SECONDS, MAX_SECONDS)
    try:
        try:
            read(item)
        except FOR_THE_USER as error:
            check_message(error)
            refused = True
        else:
            refused = False
        finally:
            _arm(0.0, 0.0)
    except TookTooLong as error:
        outcome.hangs += 1
        failure, where = f"took more than {MAX_CPU_SECONDS:g} s of processor time", _place(error)
    except Wrong as error:
        outcome.wrong += 1
        failure, where = str(error), str(error)[:60]
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        outcome.tracebacks += 1
        failure = f"{type(error).__name__}: {str(error)[:300]}"
        where = f"{type(error).__name__} {_place(error)}"
    else:
        growth = _memory("VmHWM") - before
        outcome.growth = max(outcome.growth, growth)
        if growth > MAX_GROWTH:
            outcome.wrong += 1
            failure, where = f"took {growth / 2**20:.0f} MiB", "memory"
        elif refused:
            outcome.refused += 1
        else:
            outcome.accepted += 1
    outcome.peak = max(outcome.peak, _memory("VmHWM"))
    spent = _cpu() - clock
    outcome.slowest, outcome.seconds = max(outcome.slowest, spent), outcome.seconds + spent
    if failure and where not in outcome.failures:
        kept = current.with_name(f"{kind}-{number}")
        kept.write_bytes(current.read_bytes())
        outcome.failures[where] = (
            f"- {kind} number {number} (kept as {kept}; again with FUZZ_ONLY={number}): {failure}\n    at {where}"
        )


def _place(error: BaseException) -> str:
    """The innermost lines of this project that an error came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/tests/fuzz/" not in f.filename]
    return (
        " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames[-4:])) or "the test itself"
    )


def _as_bytes(item: Any) -> bytes:
    item = getattr(item, "data", item)
    if isinstance(item, bytes):
        return item
    return (item if isinstance(item, str) else repr(item)).encode("utf-8", "surrogatepass")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory(name: str) -> int:
    """A figure of /proc/self/status in bytes; 0 where there is no such file."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0


def _reset_peak() -> None:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _arm(cpu: float, wall: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, cpu)
    signal.setitimer(signal.ITIMER_REAL, wall)
    if wall:
        # What never comes back from C ends the process with a stack; the input is there as "current".
        faulthandler.dump_traceback_later(2 * wall, exit=True, file=sys.__stderr__)
    else:
        faulthandler.cancel_dump_traceback_later()


def _ring(number: int, frame: FrameType | None) -> None:
    raise TookTooLong


@contextlib.contextmanager
def _alarms() -> Iterator[None]:
    before = {number: signal.signal(number, _ring) for number in (signal.SIGPROF, signal.SIGALRM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _limited_memory() -> Iterator[None]:
    """Address space for twice `MAX_GROWTH` more, so that what asks for terabytes gets a MemoryError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + 2 * MAX_GROWTH, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
