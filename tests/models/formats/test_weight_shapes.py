"""The shapes of weights that a config is said to have are those of the model that is built of it."""

import dataclasses
from typing import Any

import pytest

from catalog.config import Config, frozen
from catalog.limits import MAX_PARAMETERS
from configs import CONFIG_MAP
from models import families
from models.formats import weight_check
from tests.helpers import small_models, small_piano_models

CHORDS = frozen({**CONFIG_MAP["cat-mel_2bar_med_chords"].decoder, "preprocess_controls": True})
LEVELS = frozen({**CONFIG_MAP["hier-mel_16bar"].decoder, "disable_autoregression": [0], "re_encode": True})


def changed(name: str, hparams: dict[str, Any] | None = None, **parts: Any) -> Config:
    config = dataclasses.replace(CONFIG_MAP[name], **parts)
    return small_models.narrow(config, **(hparams or {}))


def variants() -> dict[str, Config]:
    """A narrow config of every name, and what no name has."""
    found = {
        name: small_models.narrow(config)
        for name, config in CONFIG_MAP.items()
        if config.model == "music_vae"
        and config.decoder["name"] not in ("history_lstm", "groove_mixture_lstm")
    }
    found |= {
        name: c
        for name, c in CONFIG_MAP.items()
        if c.decoder["name"] in ("history_lstm", "groove_mixture_lstm")
    }
    found |= {
        name: small_piano_models.small(name)
        for name, config in CONFIG_MAP.items()
        if config.model == "frame_model"
    }
    residual = {"residual_encoder": True, "residual_decoder": True, "dec_rnn_size": (8, 8, 6)}
    encoder = CONFIG_MAP["hier-mel_16bar"].encoder
    reversed_encoder = frozen({**encoder, "level_lengths": (16, 4, 4)})
    autoregressive = frozen({**LEVELS, "level_lengths": (4, 4, 16), "disable_autoregression": False})
    return found | {
        "residual": changed("hierdec-drum_4bar", residual),
        "residual, several": changed("cat-drums_2bar_big", {**residual, "enc_rnn_size": (4, 4)}),
        "read forwards": changed("cat-drums_2bar_small", encoder=frozen({"name": "lstm"})),
        "read controls": changed("cat-mel_2bar_med_chords", decoder=CHORDS),
        "re-encoded": changed("hier-mel_16bar", decoder=LEVELS),
        "three levels": changed("hier-mel_16bar", decoder=autoregressive, encoder=reversed_encoder),
        "autoregressive trio": changed(
            "hierdec-trio_16bar",
            decoder=frozen({**CONFIG_MAP["hierdec-trio_16bar"].decoder, "disable_autoregression": False}),
        ),
        "boolean": changed("nade-drums_2bar_reduced", decoder=frozen({"name": "boolean_lstm"})),
    }


VARIANTS = variants()
QUICK = (
    *(n for n in VARIANTS if n not in CONFIG_MAP),
    "hierdec-drum_4bar",
    "hier-multiperf_vel_1bar_med_chords",
)


def check(name: str) -> None:
    model = families.build_model(VARIANTS[name])
    built = {weight: tuple(variable.shape) for weight, variable in model.named_weights().items()}
    assert weight_check.shapes_of(VARIANTS[name]) == built


@pytest.mark.parametrize("name", VARIANTS)
def test_shapes_are_those_of_the_built_model(name: str) -> None:
    check(name)


@pytest.mark.parametrize("name", [n for n, c in CONFIG_MAP.items() if c.model == "frame_model"])
def test_defaults_are_those_of_the_built_model(name: str) -> None:
    """The configs' own sizes, most of which are the readers' defaults."""
    model = families.build_model(CONFIG_MAP[name])
    built = {weight: tuple(variable.shape) for weight, variable in model.named_weights().items()}
    assert weight_check.shapes_of(CONFIG_MAP[name]) == built


@pytest.mark.parametrize("name", CONFIG_MAP)
def test_all_configs_are_within_the_limits(name: str) -> None:
    assert weight_check.parameters_of(weight_check.shapes_of(CONFIG_MAP[name])) <= MAX_PARAMETERS / 2
