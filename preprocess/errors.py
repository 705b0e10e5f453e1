"""Bad input, and output that can't be written, said so that a person can do something about it."""


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


def shown(value: object) -> str:
    """A value from a file as a message shows it, however long it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # whole numbers of thousands of digits have no text
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= 80 else f"{text[:77]}..."
