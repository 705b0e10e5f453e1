"""Bad input, said so that a person can do something about it."""


class InputError(Exception):
    """A file or flag that can't be used.

    Args:
        message: one sentence: the file, what is wrong, what to do.
        reason: a short code such as `too_long`, under which dropped files are counted.
    """

    def __init__(self, message: str, reason: str = "bad_input"):
        super().__init__(message)
        self.reason = reason
