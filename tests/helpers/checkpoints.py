"""Tiny checkpoints for tests: a real config at small widths, random weights."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

import catalog.config as configuration
import configs
from models import families
from models.formats import ours as checkpoint
from models.formats import weight_check

TINY = {"enc_rnn_size": (8,), "dec_rnn_size": (8,), "z_size": 4, "batch_size": 8}


def tiny_config(name: str = "hierdec-drum_4bar_small", **changes: Any) -> configs.Config:
    """A config at small widths."""
    config = configs.CONFIG_MAP[name]
    sizes = TINY if config.hparams.z_size else TINY | {"z_size": 0, "control_preprocessing_rnn_size": (8,)}
    return dataclasses.replace(config, hparams=dataclasses.replace(config.hparams, **(sizes | changes)))


def tiny_history_config(name: str = "histdec-drum_4bar", **changes: Any) -> configs.Config:
    """A config of a history drum model, at small widths."""
    config = tiny_config(name, **changes)
    encoder = {k: (8,) if k.endswith("_sizes") else v for k, v in config.encoder.items()}
    return dataclasses.replace(
        config,
        encoder=configuration.frozen(encoder),
        decoder=configuration.frozen(dict(config.decoder) | {"hidden_size": 8}),
    )


def randomize(model: Any, scale: float = 0.5, seed: int = 0) -> dict[str, np.ndarray]:
    """Give a model random weights, large enough that every part matters; returns them.

    Those that no gradient trains stay as they are.
    """
    rng = np.random.default_rng(seed)
    weights = {}
    for name, variable in model.named_weights().items():
        if not variable.trainable:
            weights[name] = np.asarray(variable, np.float32)
            continue
        weights[name] = (scale * rng.standard_normal(tuple(variable.shape))).astype(np.float32)
        variable.assign(weights[name])
    return weights


def save_tiny(path: Path, config: configs.Config) -> Path:
    """A checkpoint of a config with random weights."""
    weights = randomize(families.build_model(config))
    # Most steps of a real beat strike few drums; weights at random would strike half of them at each.
    weights[next(n for n in weights if n.endswith("output_projection/bias"))][[0, 1, 4, 5]] += 4.0
    checkpoint.save(path, checkpoint.Checkpoint(weights, config.to_json(), step=7))
    return path


def zero_weights(config: Any) -> dict[str, np.ndarray]:
    """Weights of a config's shapes, all zeros, for what never plays them."""
    return {name: np.zeros(shape, np.float32) for name, shape in weight_check.shapes_of(config).items()}
