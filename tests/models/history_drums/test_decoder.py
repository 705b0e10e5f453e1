"""The decoder that reads and copies its own past: Keras and NumPy alike, exact where hits are known, and trainable."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import configs
from catalog.config import HParams, frozen
from models import families
from models.history_drums.trained import HistoryModel
from models.numpy_engine.history_drums import HistoryPlayer
from preprocess.drums.history_controls import ControlLayout
from preprocess.example_forms import NO_TOKEN
from tests.helpers.checkpoints import randomize

pytestmark = pytest.mark.jax

CLIPS, STEPS, DRUMS, CONDITIONS = 6, 64, 9, 28


def small(name: str = "histdec-drum_4bar", **decoder: Any) -> configs.Config:
    config = configs.get_config(name)
    encoder = {**config.encoder, "bar_sizes": (20, 12)}
    if "joint_sizes" in encoder:
        encoder["joint_sizes"] = (14,)
    return dataclasses.replace(
        config,
        encoder=frozen(encoder),
        decoder=frozen({**config.decoder, "hidden_size": 24, **decoder}),
        hparams=dataclasses.replace(config.hparams, z_size=8, dec_rnn_size=(16,), batch_size=CLIPS),
    )


def some_clips(seed: int = 0) -> dict[str, np.ndarray]:
    """Tokens, controls of every kind, z and uniform numbers."""
    rng = np.random.default_rng(seed)
    tokens = rng.choice([0, 0, 1, 5, 257, 4, 33], (CLIPS, STEPS))
    past = rng.choice([NO_TOKEN, 0, 1, 5], (CLIPS, STEPS))
    mask = rng.random((CLIPS, STEPS, DRUMS)) < 0.2
    rows = rng.random((CLIPS, CONDITIONS))
    layout = ControlLayout(DRUMS, CONDITIONS)
    return {
        "tokens": tokens,
        "mask": mask,
        "controls": layout.pack(CLIPS, STEPS, tokens, mask, past, rows, rng.random(CLIPS) < 0.5),
        "z": rng.standard_normal((CLIPS, 8)).astype(np.float32),
        "uniforms": rng.random((CLIPS, STEPS, 1)).astype(np.float32),
    }


@pytest.mark.parametrize(
    "name", [pytest.param("histdec-drum_4bar", marks=pytest.mark.slow), "histdec-drum_4bar_edit"]
)
def test_numpy_draws_and_scores_as_keras_does(name: str) -> None:
    config, clips = small(name), some_clips()
    model = families.build_model(config)
    player = HistoryPlayer(randomize(model, scale=0.4), config.decoder)
    for uniforms, temperature in ((None, 1.0), (clips["uniforms"], 1.0), (clips["uniforms"], 0.6)):
        for controls in (clips["controls"], player.layout.pack(CLIPS, STEPS)):
            found = player.decode(clips["z"], controls, uniforms, temperature)
            expected = np.asarray(model.decode(clips["z"], uniforms, temperature, controls))
            # A uniform number within rounding of a boundary may fall on either side.
            assert (found == expected).all(axis=1).sum() >= CLIPS - (uniforms is not None)
    lengths = np.full(CLIPS, STEPS)
    tokens = np.int32(clips["tokens"])
    parameters = model.teacher_forced(tokens, clips["z"], lengths, clips["controls"])
    loss = model.reconstruction(parameters, tokens, lengths)
    score = player.log_probability(clips["z"], clips["controls"], clips["tokens"]).sum(axis=1)
    np.testing.assert_allclose(-score, np.asarray(loss), rtol=1e-4)


@pytest.mark.parametrize("name", ["histdec-drum_4bar", "histdec-drum_4bar_edit"])
def test_numpy_encodes_as_keras_does(name: str) -> None:
    config, clips = small(name), some_clips()
    model = families.build_model(config)
    trained = HistoryModel(config, randomize(model, scale=0.4))
    batch = {"inputs": np.int32(clips["tokens"]), "lengths": np.array([64, 64, 64, 48, 16, 1])}
    for found, expected in zip(trained.posterior(batch), model.encode(**batch), strict=True):
        np.testing.assert_allclose(found, np.asarray(expected), atol=1e-5)


def test_a_slice_of_z_is_its_bar_alone() -> None:
    config, clips = small("histdec-drum_4bar_edit"), some_clips()
    trained = HistoryModel(config, randomize(families.build_model(config), scale=0.4))
    lengths = np.full(CLIPS, STEPS)
    changed = clips["tokens"].copy()
    changed[:, 32:48] ^= 1
    before = trained.posterior({"inputs": clips["tokens"], "lengths": lengths})[0].reshape(CLIPS, 4, 2)
    after = trained.posterior({"inputs": changed, "lengths": lengths})[0].reshape(CLIPS, 4, 2)
    assert [bool((before[:, i] != after[:, i]).any()) for i in range(4)] == [False, False, True, False]


def test_known_hits_come_out_as_they_are_and_cost_nothing_where_all_are_known() -> None:
    config, clips = small(), some_clips()
    player = HistoryPlayer(randomize(families.build_model(config), scale=0.4), config.decoder)
    played = player.decode(clips["z"], clips["controls"], clips["uniforms"])
    bits = np.arange(DRUMS)
    wanted, struck = (x[..., None] >> bits & 1 for x in (clips["tokens"], played))
    assert (wanted == struck)[clips["mask"]].all() and (wanted != struck)[~clips["mask"]].any()
    everything = player.layout.pack(CLIPS, STEPS, clips["tokens"], np.ones((CLIPS, STEPS), bool))
    score = player.log_probability(clips["z"], everything, clips["tokens"])
    np.testing.assert_allclose(score, 0, atol=1e-4)


def test_probabilities_of_all_tokens_sum_to_one_and_copying_is_among_them() -> None:
    config = small()
    model = families.build_model(config)
    weights = randomize(model, scale=0.2)
    # Nothing is drawn; only what stood a bar ago (the fifth lag that can be copied) comes out.
    weights["decoder/copy_weights/bias"][:] = np.where(np.arange(9) == 5, 60.0, 0.0)
    player = HistoryPlayer(weights, config.decoder)
    tokens = np.random.default_rng(1).choice([0, 1, 5, 257], (CLIPS, STEPS))
    tokens[:, 16:] = np.tile(tokens[:, :16], 3)
    controls = player.layout.pack(CLIPS, STEPS)
    z = np.zeros((CLIPS, 8), np.float32)
    score = player.log_probability(z, controls, tokens)
    assert (score[:, 16:] > -1e-3).all() and score[:, :16].mean() < -1
    model = families.build_model(config)
    randomize(model, scale=0.2)
    clips = some_clips()
    lengths = np.full(CLIPS, STEPS)
    parameters = np.asarray(
        model.teacher_forced(np.int32(clips["tokens"]), clips["z"], lengths, clips["controls"])
    )
    np.testing.assert_allclose(np.exp(parameters).sum(axis=-1), 1, atol=1e-3)


def test_what_is_not_used_of_z_changes_nothing() -> None:
    config, clips = small(), some_clips()
    player = HistoryPlayer(randomize(families.build_model(config), scale=0.4), config.decoder)
    alone = player.layout.pack(CLIPS, STEPS, uses_z=False)
    np.testing.assert_array_equal(
        player.decode(clips["z"], alone, clips["uniforms"]),
        player.decode(-clips["z"], alone, clips["uniforms"]),
    )


def test_guidance_of_one_is_none_and_of_zero_ignores_the_conditions() -> None:
    config, clips = small(), some_clips()
    player = HistoryPlayer(randomize(families.build_model(config), scale=0.4), config.decoder)
    rows = np.random.default_rng(2).random((CLIPS, CONDITIONS))
    asked = player.layout.pack(CLIPS, STEPS, conditions=rows)
    plain = player.layout.pack(CLIPS, STEPS)
    z, uniforms = clips["z"], clips["uniforms"]
    np.testing.assert_array_equal(
        player.decode(z, asked, uniforms, guidance=0.0), player.decode(z, plain, uniforms)
    )
    one, three = (player.decode(z, asked, uniforms, guidance=g) for g in (1.0, 3.0))
    assert (one != three).any()
    np.testing.assert_array_equal(three, player.decode(z, asked, uniforms, guidance=3.0))


def test_training_falls_on_repeated_bars() -> None:
    from models.training import trainer

    config = small()
    config = dataclasses.replace(
        config, hparams=dataclasses.replace(config.hparams, learning_rate=0.01, warmup_steps=1, free_bits=0.0)
    )
    model = families.build_model(config)
    trainer.compile_model(model)
    rng = np.random.default_rng(0)
    losses = []
    for _ in range(12):
        tokens = np.tile(rng.choice([0, 1, 5, 257], (CLIPS, 16)), 4)
        controls = model.decoder.layout.pack(CLIPS, STEPS, uses_z=False)
        batch = {"inputs": np.int32(tokens), "lengths": np.full(CLIPS, STEPS, np.int32), "controls": controls}
        losses.append(float(model.train_on_batch(batch)[0]))
    assert losses[-1] < 0.5 * losses[0]


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="Lags must be from 1 to 64"):
        families.build_model(small(lags=(1, 65)))
    with pytest.raises(ValueError, match="equal slices"):
        families.build_model(small(z_slices=3))
    config = small()
    with pytest.raises(ValueError, match="goes with the encoder 'bars'"):
        families.build_model(dataclasses.replace(config, encoder=frozen({"name": "bidirectional_lstm"})))
    scheduled = HParams(max_seq_len=64, z_size=8, sampling_schedule="constant", sampling_rate=0.5)
    with pytest.raises(ValueError, match="no scheduled sampling"):
        families.build_model(dataclasses.replace(config, hparams=scheduled))
    with pytest.raises(ValueError, match="go together"):
        ControlLayout(9, 0).pack(1, 64, known=np.zeros((1, 64), int))
