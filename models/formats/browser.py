"""Models as the page's JavaScript reads them (`web/engine`): one JSON object each, weights in float16.

The bytes of all weights stand in two planes, low bytes first, and are deflated: the high bytes, signs and exponents, are
alike, and so the weights shrink to 0.86 of their size.
"""

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from catalog.config import Config
from common.errors import CheckpointError
from models.numpy_engine import decoding, encoding, grooves

OUTPUTS = ("categorical_lstm", "boolean_lstm", "nade_lstm")
"""Cores of MusicVAE's decoders that the page plays: a token or the bits of a token a step."""

MOST_BITS = 15
"""Bits of the integers that JavaScript keeps tokens in."""


def why_not(config: Config) -> str:
    """Why the page can't play a config's models, for the end of a sentence that begins with its name; empty where it can.

    Example:
        >>> from catalog.config_map import CONFIG_MAP
        >>> why_not(CONFIG_MAP["hierdec-drum_4bar_small"])
        ''
        >>> why_not(CONFIG_MAP["hierdec-trio_16bar"])
        'plays several instruments at once, and the page plays one'
    """
    if config.family == "frame_model":
        return "plays piano frame after frame, and the page plays drums and melodies"
    if config.family == "history_drums" or grooves.supports(config):
        return ""
    if not decoding.supports_decoder(config):
        return "has a decoder that only Keras plays"
    core = config.decoder.get("core", config.decoder["name"])
    if core == "split_lstm":
        return "plays several instruments at once, and the page plays one"
    if core not in OUTPUTS:
        return f"has a decoder of the kind {core}, which the page does not play"
    converter = config.build_converter()
    if core != "categorical_lstm" and converter.output_depth > MOST_BITS:
        return f"plays {converter.output_depth} drums, and the page plays nine"
    if converter.control_depth:
        return "needs chords or other conditions at each step, which the page does not give"
    if not encoding.supports_encoder(config):
        return "has an encoder that only Keras runs"
    return ""


def packaged(
    config: Config,
    weights: Mapping[str, np.ndarray],
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
    temperature: float = 0.5,
) -> dict[str, Any]:
    """A model as a JSON object, with its weights rounded to float16.

    Args:
        config: one that `why_not` has nothing against.
        weights: float arrays by their names in a checkpoint.
        attributes: by name their `unit`, `mean`, `standard_deviation` and `vector`, where there are attribute vectors.
        temperature: at which it is played where none is asked for.

    Returns:
        `name`, `kind` ("history_drums", "music_vae" or "groove"), `config`, `attributes`, `temperature`, `tensors`
        (name and shape of each) and `data` (base64 of deflated byte planes).

    Raises:
        CheckpointError: for weights that float16 can't hold.
    """
    tensors = [(name, np.asarray(weights[name])) for name in sorted(weights)]
    with np.errstate(over="ignore"):
        halves = [array.astype("<f2").ravel() for _, array in tensors]
    for (name, _), half in zip(tensors, halves, strict=True):
        if not np.isfinite(half).all():
            raise CheckpointError(f"{config.name}: its weight {name} is too large for 16 bits.")
    planes = np.concatenate(halves).view(np.uint8).reshape(-1, 2).T
    return {
        "name": config.name,
        "kind": "groove" if grooves.supports(config) else config.family,
        "config": _facts(config),
        "attributes": None
        if attributes is None
        else {
            name: {key: each[key] for key in ("unit", "mean", "standard_deviation", "vector")}
            for name, each in attributes.items()
        },
        "temperature": temperature,
        "tensors": [[name, list(array.shape)] for name, array in tensors],
        "data": base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode("ascii"),
    }


def _facts(config: Config) -> dict[str, Any]:
    """What JavaScript has to know of a config."""
    converter = config.build_converter()
    facts: dict[str, Any] = {
        "steps": config.hparams.max_seq_len,
        "steps_per_bar": converter.steps_per_bar,
        "steps_per_quarter": converter.steps_per_quarter,
        "z_size": config.hparams.z_size,
        "encoder": dict(config.encoder),
        "decoder": dict(config.decoder),
    }
    if grooves.supports(config):
        layout = grooves.layout_of(config)
        return facts | {"drums": layout.drums, "taps": layout.taps}
    facts |= {"input_form": converter.input_form, "output_form": converter.output_form}
    facts |= {"input_depth": converter.input_depth, "output_depth": converter.output_depth}
    if config.family == "history_drums":
        facts["fills_in"] = bool(config.augmenter.get("known_share"))
        facts["heeds_conditions"] = bool(
            config.decoder.get("conditions", 0) and config.augmenter.get("condition_rate")
        )
    return facts
