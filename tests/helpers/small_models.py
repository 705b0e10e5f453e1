"""Configs at small widths and lengths, and random weights for them."""

import dataclasses
import math
from typing import Any

import numpy as np

import configs
from benchmarks.random_batches import with_hparams

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


def random_weights(model: Any, scale: float, seed: int = 0) -> Arrays:
    """Random weights, large enough that every part matters, also given to the model."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, variable in model.named_weights().items():
        value = (scale * rng.standard_normal(variable.shape)).astype(np.float32)
        variable.assign(value)
        arrays[f"weight:{name}"] = value
    return arrays
