"""Whether a training example from a shard could be one of a converter.

A shard is a file that somebody else may have made, or a disk has damaged. Examples that index beyond a model's tables, or
that would train it to NaN, are found here; `preprocess.dataset` leaves them out and counts them.
"""

from typing import Any

import numpy as np

from common.errors import InputError
from preprocess.converters.base import Converter, Example
from preprocess.example_forms import NO_TOKEN
from preprocess.example_proto import decode

MOST_VARIANTS = 4096
MOST_STEP_SECONDS = 3600.0


def read_example(record: bytes, converter: Converter) -> tuple[str, int, Example]:
    """Source, variant and example of a record in a shard.

    Raises:
        InputError: where it is not an example (`bad_record`), or not one of the converter, with a reason of
            `reason_to_refuse`.
    """
    source, variant, example = decode(record)
    reason = reason_to_refuse(example, variant, converter)
    if reason:
        raise InputError("The example is not one of the converter.", reason)
    return source, variant, example


def reason_to_refuse(example: Example, variant: int, converter: Converter) -> str:
    """Why an example can't be one of a converter, as a code; "" if it can.

    Returns:
        `bad_shape` for arrays of another number of axes or width than the converter's, `bad_type` for numbers where
        tokens should be or tokens for numbers, `bad_token` for tokens that do not exist, `not_a_number` for NaN and
        infinite numbers, `bad_length` for lengths that do not fit the arrays, `bad_variant`, `bad_step_seconds`; or "".
    """
    depths = tuple(converter.output_depths)
    input_depths = depths if converter.input_form == "multi_one_hot" else (converter.input_depth,)
    return (
        reason_of_values(example.inputs, converter.input_form, input_depths, is_input=True)
        or reason_of_values(example.outputs, converter.output_form, depths, is_input=False)
        or _reason_of_controls(example, converter.control_depth)
        or _reason_of_lengths(example, converter.segments)
        or ("" if 0 <= variant < MOST_VARIANTS else "bad_variant")
        or ("" if 0 <= example.step_seconds <= MOST_STEP_SECONDS else "bad_step_seconds")
    )


def reason_of_values(values: np.ndarray, form: str, depths: tuple[int, ...], is_input: bool) -> str:
    """Why compact values are not of a form, as for `reason_to_refuse`.

    Args:
        values: `[steps]` or `[steps, parts]`.
        form: one of `preprocess.example_forms.FORMS`.
        depths: width of the dense tensor, for `multi_one_hot` of each part.
        is_input: whether an encoder reads them.
    """
    kinds = {"dense": "f", "dense_roll": "b"}.get(form, "iu")
    # As an input a roll has one more value, for silence, which its compact form does without.
    silence = int(is_input and form in ("roll", "dense_roll"))
    width = {"one_hot": None, "roll": None, "multi_one_hot": len(depths)}.get(form, sum(depths) - silence)
    if values.ndim != (1 if width is None else 2) or (width is not None and values.shape[1] != width):
        return "bad_shape"
    if values.dtype.kind not in kinds:
        return "bad_type"
    if kinds == "f" and not np.isfinite(values).all():
        return "not_a_number"
    if kinds == "iu":
        counts = [2 ** (depths[0] - silence)] if form == "roll" else depths
        parts = values.T if values.ndim == 2 else [values]
        if any(
            part.size and not NO_TOKEN <= int(part.min()) <= int(part.max()) < count
            for part, count in zip(parts, counts, strict=True)
        ):
            return "bad_token"
    return ""


def _reason_of_controls(example: Example, depth: int) -> str:
    controls: Any = example.controls
    if not depth:
        return "" if controls is None else "bad_shape"
    if controls is None or controls.shape != (len(example.inputs), depth):
        return "bad_shape"
    return "" if np.isfinite(controls).all() else "not_a_number"


def _reason_of_lengths(example: Example, segments: int) -> str:
    steps = len(example.inputs)
    if not steps or len(example.outputs) != steps:
        return "bad_shape"
    if not segments:
        return "" if np.ndim(example.length) == 0 and 1 <= example.length <= steps else "bad_length"
    lengths = np.atleast_1d(example.length)
    fits = lengths.shape == (segments,) and not steps % segments
    return "" if fits and 0 <= lengths.min() <= lengths.max() <= steps // segments else "bad_length"
