"""Types of command-line flags, which reject a bad value in one sentence before any work is done, and shared flags.

The types are used as argparse's `type`; `console.Parser` puts the name of the flag before the sentence.
"""

import argparse
import math
from collections.abc import Callable

MOST = 10**9
"""Limit of numbers that cost neither memory nor files, such as training steps."""


def integer(at_least: int = 1, at_most: int = MOST) -> Callable[[str], int]:
    """The type of a whole number from `at_least` to `at_most`.

    >>> integer(1, 16)("10")
    10
    """

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not at_least <= value <= at_most:
            raise _refused(text, f"a whole number from {at_least} to {at_most}")
        return value

    return read


def number(
    at_least: float = -math.inf, at_most: float = math.inf, above: float = -math.inf
) -> Callable[[str], float]:
    """The type of a finite number within limits.

    Args:
        at_least: inclusive lower limit.
        at_most: inclusive upper limit.
        above: exclusive lower limit.
    """

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and at_least <= value <= at_most and value > above):
            limits = [
                *([f"from {at_least:g}"] if at_least > -math.inf else []),
                *([f"above {above:g}"] if above > -math.inf else []),
                *([f"{'to' if at_least > -math.inf else 'up to'} {at_most:g}"] if at_most < math.inf else []),
            ]
            raise _refused(text, " ".join(["a number", *limits]))
        return value

    return read


def text(value: str) -> str:
    """The type of a file, folder or name: any text that is not blank."""
    if not value.strip():
        raise argparse.ArgumentTypeError("is empty; give it a value, or leave the flag out.")
    if "\0" in value:
        raise _refused(value, "a name without a null character")
    return value


def _refused(value: str, expected: str) -> argparse.ArgumentTypeError:
    shown = value if len(value) <= 40 else f"{value[:40]}..."
    return argparse.ArgumentTypeError(f"is {shown if shown.strip() else 'empty'}; expected {expected}.")


MOST_OUTPUTS = 10_000
OUTPUTS = integer(1, MOST_OUTPUTS)
"""Number of clips, pieces or samples; all of them are held in memory."""
MOST_BARS = 4096
"""Limit of a piece's length in bars."""
BATCH = integer(1, 65_536)
"""Number of clips in a batch."""
PROCESSES = integer(1, 512)
SHARDS = integer(1, 1_000)
"""Number of files of a set; all of them are open at once."""
SEED = integer(0, 2**32 - 1)
FRACTION = number(0, 1)
PITCH = integer(0, 127)
QPM = number(10, 400)
TEMPERATURE = number(0, 1000)
COUNT = integer(1, MOST)
COUNT_OR_NONE = integer(0, MOST)


# Flags that several commands have. Each function takes a parser or one of its groups.


def add_seed_flag(
    parser: argparse._ActionsContainer, what: str = "random seed; the same seed gives the same output"
) -> None:
    """Add `--seed`; `what` is its help text."""
    parser.add_argument("--seed", type=SEED, default=0, help=f"{what} (default: 0)")


def add_num_outputs_flag(parser: argparse._ActionsContainer, default: int, what: str) -> None:
    """Add `--num_outputs`; `what` is its help text, such as "number of clips"."""
    parser.add_argument("--num_outputs", type=OUTPUTS, default=default, help=f"{what} (default: {default})")


def add_batch_flag(parser: argparse._ActionsContainer, what: str, default: int | None = 256) -> None:
    """Add `--max_batch_size`; `what` is its help text. A default of None leaves the choice of 256 to the workflow."""
    parser.add_argument("--max_batch_size", type=BATCH, default=default, help=f"{what} (default: 256)")


def add_output_flags(parser: argparse._ActionsContainer, default: str = "generated") -> None:
    """Add `--output_dir` and `--force`."""
    parser.add_argument("--output_dir", default=default, help=f"folder to write to (default: {default})")
    add_force_flag(parser)


def add_force_flag(parser: argparse._ActionsContainer) -> None:
    """Add `--force`."""
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
