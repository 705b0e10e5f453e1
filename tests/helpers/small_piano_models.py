"""Frame models of a few units: every config of the family, narrow enough for a test."""

import dataclasses
from typing import Any

import numpy as np

import configs
from catalog.config import Config, frozen
from models import families

NARROW: dict[str, dict[str, Any]] = {
    "lstm": {"layer_sizes": (9,)},
    "history_user": {
        "lags": (1, 3, 8), "reader_sizes": (6,), "local_sizes": (7,), "aggregator_sizes": (9,)
    },
    "latency_lstm": {"delays": (1, 2, 5), "units_per_delay": 3, "aggregator_sizes": (9,)},
    "latency_capsules": {"delays": (1, 2, 5), "units_per_delay": 3, "aggregator_sizes": (9,)},
    "level_lstm": {"units": 5, "output_depth": 9},
    "capsules": {"lags": (1, 3, 8), "units": 4, "aggregator_sizes": (9,)},
    "stacked_capsules": {"lags": (1, 3, 8), "units": 4, "ruler_units": 3},
    "endecell": {"layer_sizes": (5, 5)},
}  # fmt: skip
OUTPUTS: dict[str, dict[str, Any]] = {"polyphonic_sampler": {"units": 6}, "rbm": {"hidden": 5}}
KEYS = {"independent": {"units": 6}, "rbm": {"units": 6, "hidden": 5}}


def small(name: str, **hparams: Any) -> Config:
    """A config of the family with few units, fragments of 12 frames and batches of 3."""
    config = configs.CONFIG_MAP[name]
    encoder = {**config.encoder, **NARROW[config.encoder["name"]]}
    decoder = {**config.decoder, **OUTPUTS.get(config.decoder["name"], {})}
    if "keys" in decoder:
        decoder["keys"] = frozen({**decoder["keys"], **KEYS[decoder["keys"]["name"]]})
    if "velocities" in decoder:
        decoder["velocities"] = frozen({"units": 6})
    sizes = {"max_seq_len": 12, "batch_size": 3, "dropout_keep_prob": 1.0, "nade_num_hidden": 7}
    return dataclasses.replace(
        config,
        encoder=frozen(encoder),
        decoder=frozen(decoder),
        hparams=dataclasses.replace(config.hparams, **{**sizes, **hparams}),
    )


def music(config: Config, batch: int = 3, frames: int = 12, seed: int = 0) -> dict[str, np.ndarray]:
    """Random frames or tokens of whole pieces as a model takes them, chords of at most four keys."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {
        "lengths": np.full(batch, frames, np.int32),
        "position": np.zeros(batch, np.int32),
    }
    if config.decoder.get("form") == "tokens":
        tokens = rng.integers(0, config.decoder["depth"], (batch, frames)).astype(np.int32)
        return found | {"tokens": tokens, "before": np.full(batch, -1, np.int32)}
    keys = np.zeros((batch, frames, 88), np.uint8)
    for row, frame in np.ndindex(batch, frames):
        keys[row, frame, rng.choice(88, rng.integers(0, 5), replace=False)] = 1
    found |= {"keys": keys, "before": np.zeros((batch, 88), np.uint8)}
    if "velocities" in config.decoder:
        found["velocities"] = (keys * rng.uniform(0.2, 0.9, keys.shape)).astype(np.float32)
        found["velocity_before"] = np.zeros((batch, 88), np.float32)
    return found


def with_past(config: Config, model: Any, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A batch with the silence that lies before its pieces, for models that read it."""
    history = model.reader.history_length
    if not history:
        return batch
    past = np.repeat(np.zeros_like(batch["before"])[:, None], history, axis=1)
    return batch | {"past": past}


def weights_of(model: Any, scale: float = 0.5, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights for a model, large enough to matter."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(0, scale, variable.shape).astype(np.float32)
        for name, variable in sorted(model.named_weights().items())
    }


def built(config: Any, scale: float = 0.5) -> Any:
    """A model of a config with such weights."""
    model = families.build_model(config)
    for name, value in weights_of(model, scale).items():
        model.named_weights()[name].assign(value)
    return model
