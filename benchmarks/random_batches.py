"""Random batches in the form of each config: what the parity tests compare on, and the benchmarks time."""

import dataclasses
from typing import Any

import numpy as np

from catalog.config import Config
from preprocess.converters.base import Converter
from preprocess.example_forms import NO_TOKEN

Arrays = dict[str, np.ndarray]


def with_hparams(config: Config, **changes: Any) -> Config:
    """The config with other hyperparameters."""
    return dataclasses.replace(config, hparams=dataclasses.replace(config.hparams, **changes))


def random_values(
    converter: Converter, form: str, shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Values in a form; few different ones, and nothing among them, as in real music."""
    if form == "roll":
        return rng.choice([0, 0, 1, 2, 4, 5, 6, 257, 511], shape)
    if form == "one_hot":
        return rng.choice([0, 0, 1, *rng.integers(0, converter.output_depth, 5)], shape)
    if form == "multi_one_hot":
        return np.stack(
            [rng.choice([0, 1, *rng.integers(0, d, 4)], shape) for d in converter.output_depths], -1
        )
    if form == "dense_roll":
        return (rng.random((*shape, converter.output_depth)) < 0.3).astype(np.uint8)
    drums = converter.output_depth // 3
    hits = rng.random((*shape, drums)) < 0.3
    velocities, offsets = rng.random((*shape, drums)), rng.uniform(-1, 1, (*shape, drums))
    return np.concatenate([hits, hits * velocities, hits * offsets], axis=-1).astype(np.float32)


def random_controls(converter: Converter, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Chords, or whatever else a converter gives the decoder besides z."""
    if converter.input_form == "dense":
        return rng.random((*shape, converter.control_depth)) < 0.3
    return np.eye(converter.control_depth, dtype=bool)[rng.integers(0, converter.control_depth, shape)]


def random_lengths(config: Config, rng: np.random.Generator) -> np.ndarray:
    """Lengths of all kinds that the original takes."""
    batch, time = config.hparams.batch_size, config.hparams.max_seq_len
    if config.decoder["name"] != "hierarchical_lstm":
        lengths = np.full(batch, time)
        if config.encoder["name"] != "lstm" and batch > 4:
            lengths[:4] = (1, time // 2, time - 1, 7)
        return lengths
    if config.encoder["name"] == "hierarchical_lstm":
        steps = config.decoder["level_lengths"][-1]
        lengths = rng.integers(1, steps + 1, (batch, time // steps))
        lengths[0] = steps
        return lengths
    lengths = np.full(batch, time)
    if batch > 1:
        lengths[1] = 0  # under a flat encoder the original takes whole sequences and empty ones
    return lengths


def random_batch(config: Config, seed: int = 0) -> Arrays:
    """Inputs, outputs, controls, lengths and noise of a batch."""
    rng = np.random.default_rng(seed)
    h, converter = config.hparams, config.build_converter()
    shape = (h.batch_size, h.max_seq_len)
    arrays = {"inputs": random_values(converter, converter.input_form, shape, rng)}
    if converter.input_form == "dense":
        arrays["outputs"] = random_values(converter, "dense", shape, rng)
    lengths = random_lengths(config, rng)
    if lengths.ndim == 2:  # what is padded is nothing in the original's tensors
        steps = h.max_seq_len // lengths.shape[1]
        padding = np.arange(steps)[None, None] >= lengths[:, :, None]
        arrays["inputs"][padding.reshape(shape)] = NO_TOKEN
    if converter.control_depth:
        arrays["controls"] = random_controls(converter, shape, rng)
    arrays["lengths"] = lengths
    arrays["noise"] = rng.standard_normal((h.batch_size, h.z_size)).astype(np.float32)
    return arrays


def for_our_model(arrays: Arrays) -> Arrays:
    """A batch with the types that training has."""
    names = ("inputs", "outputs", "controls", "lengths", "noise")
    return {
        name: arrays[name].astype(np.int32 if np.issubdtype(arrays[name].dtype, np.integer) else np.float32)
        for name in names
        if name in arrays
    }
