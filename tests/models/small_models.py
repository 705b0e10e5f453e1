"""Configs at small widths and lengths, and random batches and weights for them."""

import dataclasses
import math
from typing import Any

import numpy as np

import configs
from preprocess.converters.base import NO_TOKEN

Arrays = dict[str, np.ndarray]
MUSIC_VAES = tuple(sorted(n for n, c in configs.CONFIG_MAP.items() if c.model == "music_vae"))
AS_MAGENTA = tuple(
    n
    for n in MUSIC_VAES
    if configs.CONFIG_MAP[n].converter["name"] != "pianoroll"
    and configs.CONFIG_MAP[n].decoder["name"] not in ("history_lstm", "groove_mixture_lstm")
)
"""What Magenta can run: it has no piano rolls, no decoder that reads its own past, no grooves by likelihood."""

TEACHER_FORCING = {"sampling_schedule": "constant", "sampling_rate": 0.0}
ENCODER_WIDTHS, DECODER_WIDTHS = (24, 20), (16, 12, 14)
SMALL: dict[str, Any] = {
    "z_size": 10,
    "batch_size": 6,
    "nade_num_hidden": 7,
    "free_bits": 1.0,
    "dropout_keep_prob": 1.0,
}


def with_hparams(config: configs.Config, **changes: Any) -> configs.Config:
    return dataclasses.replace(config, hparams=dataclasses.replace(config.hparams, **changes))


def narrow(config: configs.Config, **changes: Any) -> configs.Config:
    """A config with as many layers as before, each narrow."""
    widths = {
        "enc_rnn_size": ENCODER_WIDTHS[: len(config.hparams.enc_rnn_size)],
        "dec_rnn_size": DECODER_WIDTHS[: len(config.hparams.dec_rnn_size)],
        "control_preprocessing_rnn_size": (9,),
    }
    return with_hparams(config, **{**widths, **SMALL, **TEACHER_FORCING, **changes})


def short(config: configs.Config) -> configs.Config:
    """A config with shorter levels, so that the original's graph of it builds in seconds."""

    def levels(part: Any) -> dict:
        part = dict(part)
        if "level_lengths" in part:
            part["level_lengths"] = tuple(min(n, 3) for n in part["level_lengths"])
        return part

    encoder, decoder = levels(config.encoder), levels(config.decoder)
    length = math.prod(decoder.get("level_lengths", (min(config.hparams.max_seq_len, 32),)))
    config = dataclasses.replace(config, encoder=encoder, decoder=decoder)
    return with_hparams(config, max_seq_len=length)


def random_values(converter: Any, form: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
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


def random_controls(converter: Any, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    if converter.input_form == "dense":
        return rng.random((*shape, converter.control_depth)) < 0.3
    return np.eye(converter.control_depth, dtype=bool)[rng.integers(0, converter.control_depth, shape)]


def random_lengths(config: configs.Config, rng: np.random.Generator) -> np.ndarray:
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


def random_batch(config: configs.Config, seed: int = 0) -> Arrays:
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


def random_weights(model: Any, scale: float, seed: int = 0) -> Arrays:
    """Random weights, large enough that every part matters, also given to the model."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, variable in model.named_weights().items():
        value = (scale * rng.standard_normal(variable.shape)).astype(np.float32)
        variable.assign(value)
        arrays[f"weight:{name}"] = value
    return arrays


def for_our_model(arrays: Arrays) -> Arrays:
    """A batch with the types that training has."""
    names = ("inputs", "outputs", "controls", "lengths", "noise")
    return {
        name: arrays[name].astype(np.int32 if np.issubdtype(arrays[name].dtype, np.integer) else np.float32)
        for name in names
        if name in arrays
    }
