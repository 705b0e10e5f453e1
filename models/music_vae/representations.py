"""How compact examples become what the encoder reads: tokens are expanded on the device.

An example of a drum beat is one integer a sixteenth, whose bit i says that drum i is struck. The decoder never
expands it (a token selects a row); the encoder reads it in one of the forms below.
"""

from typing import Any

from keras import ops

Array = Any


def encoder_input(values: Array, form: str, depths: tuple[int, ...], dtype: str) -> Array:
    """Expand compact values to `[batch, time, sum(depths)]`.

    Args:
        values: integers `[batch, time]` for `one_hot` and `roll`, `[batch, time, parts]` for `multi_one_hot`
            (negative ones are nothing, all zeros); numbers `[batch, time, depth]` for the others.
        form: `one_hot`; `roll`, one bit a drum and a last one that is 1 where no drum is struck (Magenta's
            `DrumsConverter(roll_input=True)`); `multi_one_hot`, several side by side; `dense`, as it is;
            `dense_roll`, as `roll` from numbers 0 and 1.
        depths: width of the result, for `multi_one_hot` of each part.
        dtype: of the result.
    """
    if form == "one_hot":
        return ops.one_hot(values, depths[0], dtype=dtype)
    if form == "multi_one_hot":
        parts = [ops.one_hot(values[..., i], depth, dtype=dtype) for i, depth in enumerate(depths)]
        return ops.concatenate(parts, axis=-1)
    if form == "dense":
        return ops.cast(values, dtype)
    if form == "roll":
        bits = ops.arange(depths[0] - 1, dtype="int32")
        values = ops.bitwise_and(ops.right_shift(ops.maximum(values, 0)[..., None], bits), 1)
    roll = ops.cast(values, dtype)
    silence = ops.cast(ops.max(roll, axis=-1, keepdims=True) == 0, dtype)
    return ops.concatenate([roll, silence], axis=-1)


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
