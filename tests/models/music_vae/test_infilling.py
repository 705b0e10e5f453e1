"""Filling in keeps what is known, and its candidates are weighed as their definition says."""

from typing import Any

import numpy as np
import pytest

from models import families
from models.music_vae.trained import TrainedModel
from preprocess.drums.rhythm import hits_of
from tests.helpers.checkpoints import randomize, tiny_config, zero_weights
from tests.helpers.small_models import short


def tiny_model(name: str, scale: float = 0.7) -> TrainedModel:
    config = short(tiny_config(name))
    return TrainedModel(config, randomize(families.build_model(config), scale))


def example_of(model: TrainedModel, values: np.ndarray, controls: Any = None) -> Any:
    from preprocess.converters.base import Example

    return Example(inputs=values, outputs=values, controls=controls, length=len(values))


@pytest.mark.parametrize("temperature", [None, 1.0])
def test_infill_keeps_every_known_step_and_renews_the_others(
    shipped: TrainedModel, beats: Any, temperature: float | None
) -> None:
    clip = beats.inputs[5]
    hole = np.arange(64) // 16 == 2
    found = shipped.infill(example_of(shipped, clip), hole, 12, temperature, seed=3)
    assert found.values.shape == (12, 64) and found.z.shape == (12, 64)
    np.testing.assert_array_equal(found.values[:, ~hole], np.tile(clip[~hole], (12, 1)))
    assert (found.values[:, hole] != clip[hole]).any()
    assert len(np.unique(found.values[:, hole], axis=0)) > 3
    assert 1 <= found.effective <= 12
    again = shipped.infill(example_of(shipped, clip), hole, 12, temperature, seed=3)
    np.testing.assert_array_equal(again.values, found.values)
    if temperature is None:
        assert (np.diff(found.log_weights) <= 0).all()


def test_the_importance_of_a_candidate_is_that_of_the_definition(shipped: TrainedModel, beats: Any) -> None:
    clip, hole = beats.inputs[7], np.arange(64) // 16 == 1
    found = shipped.infill(example_of(shipped, clip), hole, 6, None, seed=1)
    blanked = np.where(hole, 0, clip)[None].astype(np.int32)
    mu, sigma = shipped.posterior({"inputs": blanked, "lengths": np.array([64])})
    mu, sigma, z = (np.asarray(x, np.float64) for x in (mu, sigma, found.z))
    log_p = -0.5 * (z**2 + np.log(2 * np.pi)).sum(axis=1)
    log_q = (-0.5 * ((z - mu) / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)).sum(axis=1)
    explained = shipped.log_probability(found.z, found.values)[:, ~hole].sum(axis=1)
    np.testing.assert_allclose(found.log_weights, explained + log_p - log_q, rtol=1e-4)


def test_the_filled_bar_is_like_the_bars_around_it(shipped: TrainedModel, beats: Any) -> None:
    """The project's beats repeat themselves, so that the bar that was there is a fair answer."""
    hole = np.arange(64) // 16 == 2
    filled: list[float] = []
    sampled: list[float] = []
    for i in range(0, 60, 10):
        clip = beats.inputs[i]
        truth = hits_of(clip[hole], 9)
        chosen = shipped.infill(example_of(shipped, clip), hole, 16, None).values[0]
        prior = shipped.decode_values(shipped.prior_sample(1, seed=i), None)[0]
        for values, scores in ((chosen, filled), (prior, sampled)):
            played = hits_of(values[hole], 9)
            scores.append(2 * (played & truth).sum() / (played.sum() + truth.sum()))
    assert np.mean(filled) > np.mean(sampled) + 0.2


@pytest.mark.parametrize(
    "name",
    ["cat-mel_2bar_small", "cat-mel_2bar_med_chords", "hier-trio_16bar", "nade-drums_2bar_reduced"],
)
def test_infill_of_all_kinds_of_tokens(name: str) -> None:
    model = tiny_model(name)
    rng = np.random.default_rng(0)
    steps, depths = model.max_length, model.converter.output_depths
    if model.converter.output_form == "dense_roll":
        values = rng.random((steps, depths[0])) < 0.3
    else:
        values = np.stack([rng.integers(0, d, steps) for d in depths], axis=-1)
    values = values[:, 0] if model.converter.output_form == "one_hot" else values
    depth = model.converter.control_depth
    controls = np.eye(depth, dtype=bool)[rng.integers(0, depth, steps)] if depth else None
    hole = np.zeros(steps, bool)
    hole[4:9] = True
    found = model.infill(example_of(model, values, controls), hole, 5)
    np.testing.assert_array_equal(found.values[:, ~hole], np.stack([values[~hole]] * 5))
    assert (found.values[:, hole] != values[hole]).any() and (found.values >= 0).all()


def test_a_clip_shorter_than_the_models_is_not_made_longer() -> None:
    model = tiny_model("cat-mel_2bar_small")
    values = np.random.default_rng(0).integers(0, 90, 20)
    hole = np.arange(model.max_length) >= 16
    found = model.infill(example_of(model, values), hole, 3)
    assert found.values.shape == (3, 20)
    np.testing.assert_array_equal(found.values[:, :16], np.tile(values[:16], (3, 1)))


def test_what_infill_refuses(shipped: TrainedModel, beats: Any) -> None:
    for name, reason in (
        ("groovae_2bar_humanize", "velocities and timing"),
        ("hier-multiperf_vel_1bar_med", "events and not steps"),
    ):
        config = tiny_config(name)
        with pytest.raises(ValueError, match=reason):
            TrainedModel(config, zero_weights(config)).check_infill()
    for hole in (np.zeros(64, bool), np.ones(64, bool)):
        with pytest.raises(ValueError, match="must be renewed"):
            shipped.infill(example_of(shipped, beats.inputs[0]), hole)
