"""Errors of the models that a person can do something about."""


class CheckpointError(ValueError):
    """A file that does not hold the weights that were asked for; the message is one sentence for a person."""
