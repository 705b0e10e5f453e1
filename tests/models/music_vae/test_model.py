"""A training step of every kind of model: dropout, scheduled sampling and XLA together, and the loss falls."""

import dataclasses

import numpy as np
import pytest

import configs
from benchmarks.random_batches import for_our_model, random_batch
from models import families
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
    del batch["noise"]
    history = model.fit(((batch,) for _ in range(30)), steps_per_epoch=30, verbose=0, shuffle=False).history
    first, after = (model.predict_on_batch(batch)["reconstruction"] for _ in range(2))
    assert np.isfinite(history["loss"][-1]) and int(model.step) == 30
    fresh = families.build_model(config)
    before = np.asarray(fresh(batch)["reconstruction"]).mean()
    assert np.asarray(first).mean() < 0.95 * before
    assert np.isfinite(np.asarray(after)).all()


def test_scheduled_sampling_of_a_nade_takes_the_likeliest() -> None:
    """As Magenta's decoder, whose draw without a temperature is a threshold at one half."""
    config = narrow(configs.CONFIG_MAP["nade-drums_2bar_reduced"], **{**SCHEDULED, "sampling_rate": 1.0})
    model = families.build_model(config)
    assert not model.decoder.distribution.draws_in_training
    batch = for_our_model(random_batch(dataclasses.replace(config)))
    distribution = model.decoder.distribution
    targets = distribution.target(batch["inputs"])
    z = batch["noise"]
    scheduled = np.asarray(model._scheduled_inputs(targets, z, None))  # noqa: SLF001
    played = np.asarray(model.decode(z))
    np.testing.assert_allclose(scheduled[:, 1:], played[:, :-1], atol=1e-5)
