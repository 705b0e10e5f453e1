"""The log probability of values is that of the Keras model, and a probability; backends play the same music."""

import dataclasses
import sys

import keras
import numpy as np
import pytest

from benchmarks.random_batches import for_our_model, random_batch
from common.errors import CheckpointError, InputError
from models import families
from models.music_vae.trained import TrainedModel
from models.numpy_engine import decoding as numpy_model
from tests.helpers.checkpoints import randomize, tiny_config, tiny_history_config, zero_weights
from tests.helpers.small_models import short

DECODERS = (
    "hierdec-drum_4bar_small",
    "hierdec-drum_4bar",
    "cat-drums_2bar_small",
    "nade-drums_2bar_reduced",
    "cat-mel_2bar_med_chords",
    "flat-trio_16bar",
    "hier-trio_16bar",
    "groovae_2bar_humanize",
)


def tiny_model(name: str, scale: float = 0.7) -> TrainedModel:
    config = short(tiny_config(name))
    return TrainedModel(config, randomize(families.build_model(config), scale))


@pytest.mark.parametrize("name", DECODERS)
def test_the_same_log_probability_as_keras(name: str) -> None:
    model = tiny_model(name)
    batch = for_our_model(random_batch(model.config, seed=2))
    values = batch.get("outputs", batch["inputs"])
    n, steps = values.shape[:2]
    lengths = np.full(n, steps, np.int32)
    z = np.random.default_rng(4).standard_normal((n, model.z_size)).astype(np.float32)
    keras_model = families.build_model(model.config)
    for variable_name, variable in keras_model.named_weights().items():
        variable.assign(model.weights[variable_name])
    controls = batch.get("controls")
    targets = keras_model.decoder.distribution.target(values)
    prepared = None if controls is None else keras_model.decoder.prepare_controls(controls, lengths)
    parameters = keras_model.teacher_forced(targets, z, lengths, prepared)
    loss = keras_model.reconstruction(parameters, targets, lengths)
    found = model.log_probability(z, np.asarray(targets), controls)
    assert found.shape == (n, steps)
    np.testing.assert_allclose(found.sum(axis=1), -np.asarray(loss), rtol=2e-4)


def test_the_log_probability_of_what_is_drawn_sums_to_one() -> None:
    model = tiny_model("cat-drums_2bar_small")
    z = np.repeat(model.prior_sample(1), 512, axis=0)
    values = np.tile(model.decode_values(z[:1], None), (512, 1))
    values[:, -1] = np.arange(512)
    nats = model.log_probability(z, values).astype(np.float64)
    np.testing.assert_allclose(np.exp(nats[:, -1]).sum(), 1, rtol=1e-4)
    np.testing.assert_allclose(nats[:, :-1], np.repeat(nats[:1, :-1], 512, axis=0), rtol=1e-5)
    # At temperature 0 every token is the likeliest given those before it.
    likeliest = model.log_probability(z[:1], model.decode_values(z[:1], None))
    assert (likeliest[0, -1] >= nats[:, -1] - 1e-5).all()


def test_another_configs_weights_have_no_log_probability() -> None:
    model = tiny_model("cat-drums_2bar_small")
    with pytest.raises(CheckpointError, match="has no weight"):
        numpy_model.log_probability({}, model.config.decoder, (512,), model.prior_sample(1), np.zeros((1, 4)))


# Backends.

STANDARD = ("cat-drums_2bar_small", "hierdec-drum_4bar", "hier-trio_16bar", "nade-drums_2bar_reduced")


@pytest.mark.jax
@pytest.mark.parametrize("name", [*STANDARD, "histdec-drum_4bar"])
def test_a_seed_gives_the_same_music_in_numpy_and_keras(name: str) -> None:
    config = tiny_history_config() if name.startswith("histdec") else short(tiny_config(name))
    weights = randomize(families.build_model(config), 0.7)
    trained = families.of(config).trained
    here, there = (trained(config, weights, "weights", name) for name in ("numpy", keras.backend.backend()))
    assert isinstance(here, TrainedModel) and isinstance(there, TrainedModel)
    assert here.decodes_in_numpy and not there.decodes_in_numpy and not there.encodes_in_numpy
    z = here.prior_sample(6, seed=1)
    for temperature in (None, 0.8):
        played, expected = (model.decode_values(z, temperature, seed=1) for model in (here, there))
        alike = (played == expected).reshape(len(z), -1).all(axis=1)
        # A uniform number within rounding of a boundary may fall on either side.
        assert alike.sum() >= len(z) - (temperature is not None)
    clips = here.decode_values(z, 0.8, seed=1)
    batch = {"inputs": clips, "lengths": np.full(len(z), here.max_length)}
    for ours, theirs in zip(here.posterior(batch), there.posterior(batch), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_backend_that_can_not_be_had_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config("cat-drums_2bar_small")
    weights = zero_weights(config)
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    with pytest.raises(
        InputError, match=rf"Keras runs on {keras.backend.backend()} .* can't change to {other}"
    ):
        TrainedModel(config, weights, backend=other)
    with pytest.raises(InputError, match="There is no backend 'torch'; expected numpy, tensorflow, jax"):
        TrainedModel(config, weights, backend="torch")
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"The backend jax is not installed; pip install .*\[jax\]"):
        TrainedModel(config, weights, backend="jax")


def test_what_numpy_can_not_run_is_said_where_it_is_asked_for() -> None:
    config = tiny_config("cat-drums_2bar_small")
    residual = dataclasses.replace(config, hparams=dataclasses.replace(config.hparams, residual_decoder=True))
    with pytest.raises(InputError, match="NumPy can't run its decoder"):
        TrainedModel(residual, zero_weights(residual), backend="numpy")
    assert not TrainedModel(residual, zero_weights(residual)).decodes_in_numpy
    residual = dataclasses.replace(config, hparams=dataclasses.replace(config.hparams, residual_encoder=True))
    model = TrainedModel(residual, zero_weights(residual), backend="numpy")
    batch = {"inputs": model.decode_values(model.prior_sample(1), None), "lengths": np.array([32])}
    with pytest.raises(InputError, match="NumPy can't run its encoder"):
        model.posterior(batch)
