"""Encoders, decoders, augmenters and hyperparameters that configs of several files share."""

from collections.abc import Mapping
from typing import Any

from catalog.config import frozen

BIDIRECTIONAL = frozen({"name": "bidirectional_lstm"})


def flat(name: str = "categorical_lstm") -> Mapping[str, Any]:
    """A decoder of one LSTM stack, without a conductor."""
    return frozen({"name": name})


def hierarchical_encoder(*level_lengths: int) -> Mapping[str, Any]:
    """An encoder that reads segments, and then their codes."""
    return frozen({"name": "hierarchical_lstm", "level_lengths": level_lengths})


def hierarchical(
    *level_lengths: int, core: str = "categorical_lstm", disable_autoregression: bool = False
) -> Mapping[str, Any]:
    """A decoder with a conductor for every level but the last, which is the core's."""
    return frozen(
        {
            "name": "hierarchical_lstm",
            "core": core,
            "level_lengths": level_lengths,
            "disable_autoregression": disable_autoregression,
        }
    )


def transposed(semitones: int) -> Mapping[str, Any]:
    """An augmenter that moves the music up to that far up or down."""
    return frozen({"transpose_range": (-semitones, semitones)})


SCHEDULED: dict[str, Any] = {"sampling_schedule": "inverse_sigmoid", "sampling_rate": 1000.0}
"""Scheduled sampling as most of Magenta's configs have it."""

LONG: dict[str, Any] = {"max_seq_len": 256, "z_size": 512}
"""16 bars of sixteenths."""

LONG_KL: dict[str, Any] = {"free_bits": 256.0, "max_beta": 0.2}
