"""A checkpoint's own config wins, and weights are compared with it before anything plays."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import configs
from catalog.config import Config, frozen
from common.errors import CheckpointError
from configs import CONFIG_MAP
from models import families
from models.formats import ours as checkpoint
from models.formats import weight_check
from models.formats.ours import Checkpoint
from tests.conftest import ROOT
from tests.helpers import small_piano_models
from tests.helpers.checkpoints import tiny_config, zero_weights


def save(path: Path, config: Config, **changes: Any) -> str:
    """A checkpoint of a config, perhaps with other weights than it has."""
    weights = {**zero_weights(config), **changes}
    checkpoint.save(
        path, Checkpoint({n: w for n, w in weights.items() if w is not None}, config.to_json(), 3)
    )
    return str(path)


@pytest.mark.parametrize(
    ("trained", "named"),
    [("hierdec-drum_4bar", "hierdec-drum_4bar-no_ar"), ("hierdec-drum_4bar-no_ar", "hierdec-drum_4bar")],
)
def test_a_run_is_not_played_as_one_that_hears_otherwise(tmp_path: Path, trained: str, named: str) -> None:
    """Once 61 % of the tokens were wrong, and the exit status 0."""
    path = save(tmp_path / "x.safetensors", tiny_config(trained))
    with pytest.raises(
        CheckpointError, match=f"was trained as {trained}, where disable_autoregression"
    ) as error:
        families.open_music_vae(path, CONFIG_MAP[named])
    assert str(error.value).startswith(path) and "leave out --config" in str(error.value)


def test_a_run_with_other_hyperparameters_is_played_under_its_configs_name(tmp_path: Path) -> None:
    config = tiny_config("cat-mel_2bar_tiny")
    path = save(tmp_path / "x.safetensors", config)
    model = families.open_music_vae(path, CONFIG_MAP[config.name])
    assert model.config == config and model.z_size == 4
    assert model.decode_values(model.prior_sample(2)).shape == (2, 32)


def test_sizes_that_contradict_are_named(tmp_path: Path) -> None:
    path = save(tmp_path / "x.safetensors", tiny_config("hierdec-drum_4bar"))
    with pytest.raises(
        CheckpointError, match=r"z_size is 4, not 256 as in hierdec-drum_4bar_v2; leave out --config"
    ):
        families.open_music_vae(path, CONFIG_MAP["hierdec-drum_4bar_v2"])
    other = dataclasses.replace(CONFIG_MAP["cat-drums_2bar_small"], name="other")
    with pytest.raises(
        CheckpointError, match="the decoder is hierarchical_lstm, not categorical_lstm as in other"
    ):
        families.open_music_vae(path, other)


def test_a_frame_model_and_a_music_vae_are_told_apart(tmp_path: Path) -> None:
    path = save(tmp_path / "x.safetensors", tiny_config("hierdec-drum_4bar"))
    with pytest.raises(CheckpointError, match="model is music_vae, not frame_model as in piano-small"):
        families.open_model(path, CONFIG_MAP["piano-small"])
    path = save(tmp_path / "y.safetensors", small_piano_models.small("piano-small"))
    assert families.open_model(path).config.model == "frame_model"
    with pytest.raises(CheckpointError, match="model is frame_model"):
        families.open_music_vae(path, CONFIG_MAP["hierdec-drum_4bar"])


KINDS = {
    "flat": tiny_config("cat-drums_2bar_small"),
    "hierarchical": tiny_config("hier-trio_16bar"),
    "history": CONFIG_MAP["histdec-drum_4bar_edit"],
    "groove": CONFIG_MAP["groovae_2bar_tap_small"],
    "frames": small_piano_models.small("piano-velocity"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_is_compared_in_every_engine(tmp_path: Path, kind: str) -> None:
    config = KINDS[kind]
    weights = zero_weights(config)
    path = tmp_path / "x.safetensors"
    families.open_model(save(path, config))
    for name, array in weights.items():
        wrong = np.zeros((*array.shape[:-1], array.shape[-1] + 1), np.float32)
        with pytest.raises(CheckpointError, match=f"'{name}' is .*, the config needs"):
            families.open_model(save(path, config, **{name: wrong}))
    with pytest.raises(CheckpointError, match=f"it has no weight '{name}', which the config needs"):
        families.open_model(save(path, config, **{name: None}))
    scope = name.split("/")[0]
    with pytest.raises(CheckpointError, match=f"it holds '{scope}/extra/kernel'"):
        families.open_model(save(path, config, **{f"{scope}/extra/kernel": array}))
    for value in (np.nan, np.inf, 1e39):
        with (
            np.errstate(over="ignore"),
            pytest.raises(CheckpointError, match=f"'{name}' holds NaN or infinite"),
        ):
            families.open_model(save(path, config, **{name: np.full(array.shape, value)}))


def test_which_configs_weights_do_fit_is_said() -> None:
    weights = zero_weights(CONFIG_MAP["cat-drums_2bar_small"])
    with pytest.raises(CheckpointError, match=r"They fit cat-drums_2bar_small; give that as --config"):
        weight_check.check(CONFIG_MAP["cat-mel_2bar_small"], weights, "theirs.tar")


def test_a_decoder_alone_fits_without_its_encoder() -> None:
    config = tiny_config("cat-drums_2bar_small")
    weights = {name: w for name, w in zero_weights(config).items() if not name.startswith("encoder/")}
    weight_check.check(config, weights, "x")
    with pytest.raises(CheckpointError, match=r"cell_0/lstm_cell/kernel"):
        weight_check.check(config, weights | {"encoder/mu/bias": np.zeros(4, np.float32)}, "x")


def test_parts_that_do_not_go_together_are_said(tmp_path: Path) -> None:
    config = tiny_config("hierdec-drum_4bar")
    wrong = dataclasses.replace(config, decoder=frozen({**config.decoder, "level_lengths": (8, 4)}))
    with pytest.raises(CheckpointError, match=r"level lengths \[8, 4\] make 32 steps, but max_seq_len is 64"):
        weight_check.check(wrong, zero_weights(config), "x")


CLAIM = """
import resource, sys
from models import families
from common.errors import CheckpointError
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
try:
    families.open_music_vae(sys.argv[1]).prior_sample(1)
except CheckpointError as error:
    print(error)
print("keras" in sys.modules or "tensorflow" in sys.modules)
"""


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("hparams", "z_size", 10**9),
        ("hparams", "z_size", 8000),
        ("hparams", "dec_rnn_size", [10**6]),
        ("hparams", "dec_rnn_size", [8192] * 16),
        ("hparams", "max_seq_len", 10**12),
        ("converter", "steps_per_quarter", 10**8),
        ("converter", "pitch_classes", "full"),
        ("decoder", "level_lengths", [2**40, 2**40]),
    ],
)
def test_what_a_config_claims_takes_no_memory(tmp_path: Path, part: str, key: str, value: Any) -> None:
    config = tiny_config("hierdec-drum_4bar")
    data = json.loads(config.to_json())
    data[part][key] = value
    found = Checkpoint(zero_weights(config), json.dumps(data), 3)
    checkpoint.save(tmp_path / "x.safetensors", found)
    done = subprocess.run(
        [sys.executable, "-c", CLAIM, str(tmp_path / "x.safetensors")], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=60, env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    message, framework = done.stdout.splitlines()
    assert str(tmp_path) in message and framework == "False"


def test_magentas_largest_models_are_within_the_limits() -> None:
    for name in ("hierdec-trio_16bar", "flat-trio_16bar", "hier-multiperf_vel_1bar_big_chords"):
        config = configs.get_config(name)
        assert Config.from_json(config.to_json()) == config
        weight_check.check(
            config,
            {n: np.broadcast_to(np.float32(0), s) for n, s in weight_check.shapes_of(config).items()},
            name,
        )
