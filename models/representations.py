"""How compact examples become what a network reads: token ids are expanded on the device, or never.

An example of a drum beat is one integer a sixteenth, whose bit i says that drum i is struck. The decoder never
expands it (a token selects a row); the encoder reads it in one of the forms below.
"""

from typing import Any

from keras import ops

Array = Any

ENCODER_INPUTS = ("one_hot", "roll")


def encoder_input(tokens: Array, form: str, depth: int, dtype: str) -> Array:
    """Expand integer tokens `[batch, time]` to `[batch, time, depth]`.

    Args:
        tokens: ids from 0.
        form: `one_hot`, or `roll`: one bit a drum, and a last one that is 1 where no drum is struck
            (Magenta's `DrumsConverter(roll_input=True)`).
        depth: number of tokens for `one_hot`, number of drums plus 1 for `roll`.
        dtype: of the result.
    """
    if form == "one_hot":
        return ops.one_hot(tokens, depth, dtype=dtype)
    bits = ops.arange(depth - 1, dtype="int32")
    roll = ops.bitwise_and(ops.right_shift(tokens[..., None], bits), 1)
    silence = ops.cast(tokens[..., None] == 0, "int32")
    return ops.cast(ops.concatenate([roll, silence], axis=-1), dtype)


def step_mask(lengths: Array, time: int) -> Array:
    """Boolean `[batch, time]`, true at real steps.

    Args:
        lengths: `[batch]`, or `[batch, segments]` with each segment padded at its own end.
        time: padded length; a multiple of the number of segments.
    """
    lengths = ops.cast(lengths, "int32")
    if len(lengths.shape) == 1:
        return ops.arange(time, dtype="int32")[None, :] < lengths[:, None]
    segment = time // lengths.shape[1]
    real = ops.arange(segment, dtype="int32")[None, None, :] < lengths[:, :, None]
    return ops.reshape(real, (-1, time))
