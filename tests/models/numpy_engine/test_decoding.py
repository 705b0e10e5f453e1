"""Encoding and decoding in NumPy against the Keras models: the same values from the same weights and numbers."""

from pathlib import Path

import numpy as np
import pytest

import configs
from benchmarks.random_batches import for_our_model, random_batch
from common.errors import CheckpointError
from models import families
from models.music_vae import trained as trained_model
from models.numpy_engine import decoding as numpy_model
from models.numpy_engine import encoding as numpy_encoding
from tests.helpers.checkpoints import randomize, save_tiny, tiny_config
from tests.helpers.small_models import short

ENCODERS = {
    "hierdec-drum_4bar_small": (6,),
    "hierdec-drum_4bar": (6, 5),
    "hier-multiperf_vel_1bar_med": (6,),
    "cat-mel_2bar_med_chords": (6,),
    "flat-trio_16bar": (6,),
    "nade-drums_2bar_reduced": (6,),
    "groovae_2bar_hits_control_tfds": (6,),
}
DECODERS = (
    "hierdec-drum_4bar_small",
    "hierdec-drum_4bar",
    "hierdec-drum_4bar-no_ar",
    "cat-drums_2bar_small",
    "nade-drums_2bar_reduced",
    "cat-mel_2bar_med_chords",
    "flat-trio_16bar",
    "hier-trio_16bar",
    "groovae_2bar_hits_control_tfds",
)


def some_controls(config: configs.Config, steps: int, rng: np.random.Generator) -> np.ndarray | None:
    depth = config.build_converter().control_depth
    return (rng.random((7, steps, depth)) < 0.2).astype(np.float32) if depth else None


@pytest.mark.parametrize("name", DECODERS)
def test_the_same_values_as_keras(name: str) -> None:
    config = short(tiny_config(name, enc_rnn_size=(6,), dec_rnn_size=(12, 9)))
    steps = config.hparams.max_seq_len
    model, converter = families.build_model(config), config.build_converter()
    weights = randomize(model, scale=0.7)
    rng = np.random.default_rng(1)
    z = rng.standard_normal((7, 4)).astype(np.float32)
    uniforms = rng.random((7, steps, model.decoder.distribution.uniforms), dtype=np.float32)
    controls = some_controls(config, steps, rng)
    for numbers, temperature in ((None, 1.0), (uniforms, 1.0), (uniforms, 0.3)):
        expected = np.asarray(model.decode(z, numbers, temperature, controls))
        depths = converter.output_depths
        found = numpy_model.decode(weights, config.decoder, depths, z, steps, numbers, temperature, controls)
        assert found.shape == expected.shape and found.dtype == expected.dtype
        assert len(np.unique(found)) > 3 or converter.output_form == "dense_roll"
        # A uniform number within rounding of a boundary may fall on either side; all that follows then differs.
        same = np.isclose(found, expected, atol=1e-3).reshape(7, -1).all(axis=1)
        assert same.sum() >= (7 if numbers is None else 6)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_same_posterior_as_keras(name: str) -> None:
    config = short(tiny_config(name, enc_rnn_size=ENCODERS[name]))
    weights = randomize(families.build_model(config), scale=0.4)
    model = trained_model.TrainedModel(config, weights)
    arrays = for_our_model(random_batch(config, seed=3))
    batch = {name: arrays[name] for name in ("inputs", "lengths", "controls") if name in arrays}
    mu, sigma = model.posterior(batch)
    expected = model.keras_model.encode(batch["inputs"], batch["lengths"], batch.get("controls"))
    np.testing.assert_allclose(mu, np.asarray(expected[0]), atol=1e-5)
    np.testing.assert_allclose(sigma, np.asarray(expected[1]), atol=1e-5)
    assert mu.std() > 0.05


def test_tokens_come_out_in_the_frequencies_of_the_softmax() -> None:
    config = tiny_config("cat-drums_2bar_small")
    weights = randomize(families.build_model(config), scale=0.0)
    bias = weights["decoder/output_projection/bias"]
    bias[:] = -30.0
    bias[[0, 5, 511]] = np.log([0.5, 0.3, 0.2])
    z, uniforms = np.zeros((400, 4), np.float32), np.random.default_rng(0).random((400, 32, 1), np.float32)
    for temperature, expected in ((1.0, [0.5, 0.3, 0.2]), (0.5, np.array([25, 9, 4]) / 38)):
        tokens = numpy_model.decode(weights, config.decoder, (512,), z, 32, uniforms, temperature)
        found = [(tokens == token).mean() for token in (0, 5, 511)]
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_known_values_stay_and_change_what_follows() -> None:
    config = tiny_config("cat-drums_2bar_small")
    weights = randomize(families.build_model(config), scale=0.7)
    z = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    free = numpy_model.decode(weights, config.decoder, (512,), z, 32)
    known = np.full((3, 32), -1)
    known[:, 8:16] = 77
    filled = numpy_model.decode(weights, config.decoder, (512,), z, 32, known=known)
    np.testing.assert_array_equal(filled[:, :8], free[:, :8])
    assert (filled[:, 8:16] == 77).all() and (filled[:, 16:] != free[:, 16:]).any()


def test_known_hits_of_a_groove_are_played() -> None:
    config = tiny_config("groovae_2bar_humanize")
    weights = randomize(families.build_model(config), scale=0.7)
    rng = np.random.default_rng(0)
    z, hits = rng.standard_normal((2, 4)).astype(np.float32), (rng.random((2, 32, 9)) < 0.3).astype(float)
    played = numpy_model.decode(weights, config.decoder, (27,), z, 32, known=hits)
    np.testing.assert_array_equal(played[..., :9], hits)
    assert (played[..., 9:18][hits == 0] == 0).all() and (played[..., 9:18][hits == 1] > 0).all()


def test_from_a_checkpoint(tmp_path: Path) -> None:
    config = tiny_config()
    model = families.open_music_vae(str(save_tiny(tmp_path / "tiny.safetensors", config)))
    z = model.prior_sample(5, seed=2)
    tokens = model.decode_values(z, None)
    np.testing.assert_array_equal(tokens, np.asarray(model.keras_model.decode(z)))
    np.testing.assert_array_equal(model.decode_values(z, 0.7, 2)[3:], model.decode_values(z[3:], 0.7, 2, 3))
    np.testing.assert_array_equal(model.prior_sample(3, 2), z[:3])
    assert (model.prior_sample(3, 2, same_z=True) == z[0]).all()


def test_weights_of_another_config_are_refused() -> None:
    flat, hierarchical = tiny_config("cat-drums_2bar_small"), tiny_config()
    weights = randomize(families.build_model(flat))
    z = np.zeros((1, 4), np.float32)
    with pytest.raises(CheckpointError, match="has no weight"):
        numpy_model.decode(weights, hierarchical.decoder, (512,), z, 64)
    with pytest.raises(CheckpointError, match="does not make 32 steps"):
        numpy_model.decode(weights, hierarchical.decoder, (512,), z, 32)
    with pytest.raises(CheckpointError, match="holds a decoder only"):
        decoder_only = {name: w for name, w in weights.items() if not name.startswith("encoder/")}
        numpy_encoding.encode(decoder_only, flat.encoder, np.zeros((1, 32, 10), np.float32), np.array([32]))
