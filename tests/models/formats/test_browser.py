"""Models as the page reads them: weights come back, and what can't be played is said."""

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest

from catalog.config_map import CONFIG_MAP
from common.errors import CheckpointError
from models.formats.browser import packaged, why_not
from models.formats.opening import open_checkpoint


def weights_of(model: dict[str, Any]) -> dict[str, np.ndarray]:
    """The weights of a packaged model, read as JavaScript does."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(model["data"])), np.uint8)
    values = np.ascontiguousarray(planes.reshape(2, -1).T).view("<f2").ravel()
    found, start = {}, 0
    for name, shape in model["tensors"]:
        size = int(np.prod(shape))
        found[name] = values[start : start + size].reshape(shape)
        start += size
    assert start == len(values)
    return found


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("histdec-drum_4bar", "history_drums"),
        ("histdec-drum_4bar_edit", "history_drums"),
        ("hierdec-drum_4bar_small", "music_vae"),
        ("cat-mel_2bar_tiny", "music_vae"),
        ("groovae_2bar_humanize_small", "groove"),
        ("groovae_2bar_tap_small", "groove"),
    ],
)
def test_shipped_weights_come_back_as_they_are(name: str, kind: str) -> None:
    found = open_checkpoint(name)
    assert why_not(found.config) == ""
    model = json.loads(json.dumps(packaged(found.config, found.weights)))
    assert (model["name"], model["kind"], model["attributes"]) == (name, kind, None)
    assert model["config"]["steps"] == found.config.hparams.max_seq_len
    back = weights_of(model)
    assert back.keys() == found.weights.keys()
    for key, value in found.weights.items():
        np.testing.assert_array_equal(back[key], value, err_msg=key)


def test_attributes_are_those_that_the_page_needs() -> None:
    found = open_checkpoint("cat-mel_2bar_tiny")
    each = {
        "unit": "semitones",
        "mean": 60.0,
        "standard_deviation": 2.0,
        "quartiles": [1, 2],
        "vector": [0.5],
    }
    model = packaged(found.config, found.weights, {"pitch": each}, temperature=0.7)
    assert model["attributes"] == {"pitch": {k: v for k, v in each.items() if k != "quartiles"}}
    assert model["temperature"] == 0.7


def test_weights_that_sixteen_bits_cannot_hold_are_refused() -> None:
    found = open_checkpoint("cat-mel_2bar_tiny")
    weights = found.weights | {"encoder/mu/bias": np.full(64, 1e6, np.float32)}
    with pytest.raises(CheckpointError, match="encoder/mu/bias is too large"):
        packaged(found.config, weights)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("piano-small", "frame after frame"),
        ("hierdec-trio_16bar", "several instruments"),
        ("groovae_2bar_humanize", "groove_lstm"),
        ("cat-mel_2bar_big", ""),
        ("nade-drums_2bar_reduced", ""),
        ("nade-drums_2bar_full", "plays 61 drums"),
    ],
)
def test_what_the_page_cannot_play_is_said(name: str, reason: str) -> None:
    found = why_not(CONFIG_MAP[name])
    assert reason in found
    assert bool(found) == bool(reason)
