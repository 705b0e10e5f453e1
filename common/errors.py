"""What a user can put right: bad input, and output that can't be written, each as a class with its exit status."""

import re

LONGEST_REASON = 300
_SPEAKS_OF_PYTHON = re.compile(r"NoneType|object|literal|operand|argument|Error\(|Exception|negative seek")


class UserError(Exception):
    """Something that the person who runs a command can put right.

    The message is one sentence. `console.run_command` prints it and ends the command with the class's `status`.
    """

    status = 2


class InputError(UserError):
    """A file or flag that can't be used.

    Args:
        message: one sentence that names the file, what is wrong, and what to do.
        reason: a short code such as `too_long`, by which skipped files are counted.
    """

    def __init__(self, message: str, reason: str = "bad_input"):
        super().__init__(message)
        self.reason = reason


class OutputError(UserError):
    """What was made could not be written although the flags are right: the disk is full, for example.

    Args:
        message: one sentence that names the file or stream, what is wrong, and what to do.
    """

    status = 1


class CheckpointError(UserError, ValueError):
    """A checkpoint that is missing, damaged, or does not fit its config."""


class NotANumber(ArithmeticError):
    """Training has diverged: its loss is NaN or infinite. The message says at which step and what to do."""


def because(error: BaseException) -> str:
    """What a parser's exception says about its input, to end a sentence with; reworded if it is about Python's own types."""
    if isinstance(error, KeyError):
        return f"it has no {shown(error.args[0] if error.args else '')}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, TypeError | AttributeError | IndexError):
        return "a part of it is missing or malformed"
    text = " ".join(str(error).split()).rstrip(".")
    if not text or _SPEAKS_OF_PYTHON.search(text):
        return "a number or word in it can't be read"
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 3]}..."


def shown(value: object) -> str:
    """A value from a file as a message shows it, cut if it is long.

    >>> shown("x" * 1000)[-5:]
    'xx...'
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # integers of thousands of digits can't be printed
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= 80 else f"{text[:77]}..."
