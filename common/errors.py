"""Bad input, and output that can't be written, said so that a person can do something about it."""

import re

LONGEST_REASON = 300
_SPEAKS_OF_PYTHON = re.compile(r"NoneType|object|literal|operand|argument|Error\(|Exception|negative seek")


class InputError(Exception):
    """A file or flag that can't be used; a command ends with status 2.

    Args:
        message: one sentence: the file, what is wrong, what to do.
        reason: a short code such as `too_long`, under which dropped files are counted.
    """

    def __init__(self, message: str, reason: str = "bad_input"):
        super().__init__(message)
        self.reason = reason


class OutputError(Exception):
    """What was made could not be written, though the flags are right: a full disk, say. Status 1.

    Args:
        message: one sentence: the file or stream, what is wrong, what to do.
    """


class CheckpointError(ValueError):
    """A file that does not hold the weights that were asked for; the message is one sentence for a person."""


def because(error: BaseException) -> str:
    """What a parser's exception says of its input, for the end of a sentence; in words where it speaks of Python."""
    if isinstance(error, KeyError):
        return f"it has no {shown(error.args[0] if error.args else '')}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, TypeError | AttributeError | IndexError):
        return "a part of it is missing, or is not what stands there usually"
    text = " ".join(str(error).split()).rstrip(".")
    if not text or _SPEAKS_OF_PYTHON.search(text):
        return "a number or word in it can't be read"
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 3]}..."


def shown(value: object) -> str:
    """A value from a file as a message shows it, however long it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # whole numbers of thousands of digits have no text
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= 80 else f"{text[:77]}..."
