"""Between the compact forms of examples and Magenta's tensors, in plain NumPy; see `models/music_vae/representations.py`."""

from typing import Any

import numpy as np

from preprocess.example_forms import NO_TOKEN

Depths = tuple[int, ...]


def input_depths(converter: Any) -> Depths:
    """Width of the encoder's input, or of its parts where it reads several tokens a step."""
    many = converter.input_form == "multi_one_hot"
    return tuple(converter.output_depths) if many else (converter.input_depth,)


def to_dense(values: np.ndarray, form: str, depths: Depths, is_input: bool = False) -> np.ndarray:
    """Magenta's tensor of compact values, float32 `[..., sum(depths)]`.

    Args:
        values: tokens or numbers; the last axis is that of parts or drums, where the form has one.
        form: one of `preprocess.example_forms.FORMS`.
        depths: width of the tensor, for `multi_one_hot` of each part.
        is_input: as an input a roll has one more value, 1 where nothing is struck.
    """
    if form == "one_hot":
        return _one_hot(values, depths[0])
    if form == "multi_one_hot":
        return np.concatenate([_one_hot(values[..., i], d) for i, d in enumerate(depths)], axis=-1)
    if form == "roll":
        bits = np.arange(depths[0] - is_input)
        values = np.maximum(values, 0)[..., None] >> bits & 1
    dense = values.astype(np.float32)
    if form == "dense" or not is_input:
        return dense
    return np.concatenate([dense, 1 - dense.max(axis=-1, keepdims=True)], axis=-1)


def to_compact(dense: np.ndarray, form: str, depths: Depths, is_input: bool = False) -> np.ndarray:
    """The inverse of `to_dense`; rows of zeros become NO_TOKEN."""
    if form == "one_hot":
        return _tokens(dense)
    if form == "multi_one_hot":
        cuts = np.cumsum(depths)[:-1]
        return np.stack([_tokens(part) for part in np.split(dense, cuts, axis=-1)], axis=-1)
    if form == "dense":
        return np.asarray(dense, np.float32)
    roll = np.asarray(dense)[..., :-1] if is_input else np.asarray(dense)
    if form == "dense_roll":
        return roll > 0.5
    return ((roll > 0.5) << np.arange(roll.shape[-1])).sum(axis=-1).astype(np.int32)


def _one_hot(tokens: np.ndarray, depth: int) -> np.ndarray:
    return (np.asarray(tokens)[..., None] == np.arange(depth)).astype(np.float32)


def _tokens(dense: np.ndarray) -> np.ndarray:
    dense = np.asarray(dense)
    return np.where(dense.any(axis=-1), dense.argmax(axis=-1), NO_TOKEN).astype(np.int32)
