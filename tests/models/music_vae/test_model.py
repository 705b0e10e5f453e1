"""A training step of every kind of model: dropout, scheduled sampling and XLA together, and the loss falls."""

import dataclasses

import numpy as np
import pytest

import configs
from benchmarks.random_batches import for_our_model, random_batch
from models import families
from models.music_vae.model import MusicVAE
from models.training import trainer
from tests.helpers.small_models import narrow, short

pytestmark = pytest.mark.jax

SCHEDULED = {"sampling_schedule": "constant", "sampling_rate": 0.5, "dropout_keep_prob": 0.8}
KINDS = (
    "groovae_2bar_hits_control_tfds",
    "hierdec-drum_4bar",
    "nade-drums_2bar_reduced",
)
QUICK = ("groovae_2bar_hits_control_tfds",)


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in KINDS]
)
def test_the_loss_of_one_batch_falls(name: str) -> None:
    config = short(narrow(configs.CONFIG_MAP[name], **SCHEDULED, learning_rate=0.02, free_bits=0.0))
    model = families.build_model(config)
    trainer.compile_model(model)
    batch = for_our_model(random_batch(config))
    without_noise = {name: x for name, x in batch.items() if name != "noise"}
    before = reconstruction(model, batch)
    weights = {name: np.asarray(v) for name, v in model.named_weights().items()}
    steps = ((without_noise,) for _ in range(30))
    history = model.fit(steps, steps_per_epoch=30, verbose=0, shuffle=False).history
    assert np.isfinite(history["loss"][-1]) and model.step == 30
    assert reconstruction(model, batch) < 0.95 * before
    for name, variable in model.named_weights().items():
        value = np.asarray(variable)
        assert np.isfinite(value).all() and (value != weights[name]).any(), name


def reconstruction(model: MusicVAE, batch: dict[str, np.ndarray]) -> float:
    """Mean reconstruction loss in nats with teacher forcing, for the batch's own latent noise."""
    return float(np.mean(model.loss_terms(batch, model(batch)).reconstruction))


def test_scheduled_sampling_of_a_nade_takes_the_likeliest() -> None:
    """As Magenta's decoder, whose draw without a temperature is a threshold at one half."""
    config = narrow(configs.CONFIG_MAP["nade-drums_2bar_reduced"], **{**SCHEDULED, "sampling_rate": 1.0})
    model = families.build_model(config)
    assert not model.decoder.distribution.draws_in_training
    batch = for_our_model(random_batch(dataclasses.replace(config)))
    distribution = model.decoder.distribution
    targets = distribution.target(batch["inputs"])
    z = batch["noise"]
    scheduled = np.asarray(model.scheduled_inputs(targets, z, None, 1.0))
    played = np.asarray(model.decode(z))
    np.testing.assert_allclose(scheduled[:, 1:], played[:, :-1], atol=1e-5)
