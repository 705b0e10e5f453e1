"""Decoding in NumPy against the Keras decoders: the same tokens from the same weights and numbers."""

from pathlib import Path

import numpy as np
import pytest

from models import numpy_decoder, trained_model
from models.errors import CheckpointError
from tests.checkpoints import randomize, save_tiny, tiny_config

CONFIGS = ("hierdec-drum_4bar_small", "hierdec-drum_4bar", "hierdec-drum_4bar-no_ar", "cat-drums_2bar_small")


@pytest.mark.parametrize("name", CONFIGS)
def test_the_same_tokens_as_keras(name: str) -> None:
    config = tiny_config(name, enc_rnn_size=(6,), dec_rnn_size=(12, 9))
    steps = config.hparams.max_seq_len
    model = config.build_model()
    weights = randomize(model, scale=0.7)
    rng = np.random.default_rng(1)
    z = rng.standard_normal((7, 4)).astype(np.float32)
    uniforms = rng.random((7, steps), dtype=np.float32)
    for numbers, temperature in ((None, 1.0), (uniforms, 1.0), (uniforms, 0.3)):
        keras_tokens = np.asarray(model.decode(z, numbers, temperature))
        tokens = numpy_decoder.decode(weights, config.decoder, z, steps, numbers, temperature)
        assert tokens.shape == (7, steps) and tokens.dtype == np.int32
        assert len(np.unique(tokens)) > 3, "the weights must make a difference"
        # A uniform number within rounding of a boundary may fall on either side; all that follows then differs.
        same = (tokens == keras_tokens).all(axis=1)
        assert same.sum() >= (7 if numbers is None else 6)


def test_tokens_come_out_in_the_frequencies_of_the_softmax() -> None:
    config = tiny_config("cat-drums_2bar_small")
    weights = randomize(config.build_model(), scale=0.0)
    bias = weights["decoder/output_projection/bias"]
    bias[:] = -30.0
    bias[[0, 5, 511]] = np.log([0.5, 0.3, 0.2])
    z, uniforms = np.zeros((400, 4), np.float32), np.random.default_rng(0).random((400, 32), np.float32)
    for temperature, expected in ((1.0, [0.5, 0.3, 0.2]), (0.5, np.array([25, 9, 4]) / 38)):
        tokens = numpy_decoder.decode(weights, config.decoder, z, 32, uniforms, temperature)
        found = [(tokens == token).mean() for token in (0, 5, 511)]
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_from_a_checkpoint(tmp_path: Path) -> None:
    config = tiny_config()
    model = trained_model.load(str(save_tiny(tmp_path / "tiny.safetensors", config)))
    z = model.prior_sample(5, seed=2)
    tokens = model.decode_to_tensors(z, None)
    np.testing.assert_array_equal(tokens, np.asarray(model.keras_model.decode(z)))
    np.testing.assert_array_equal(
        model.decode_to_tensors(z, 0.7, 2)[3:], model.decode_to_tensors(z[3:], 0.7, 2, 3)
    )
    np.testing.assert_array_equal(model.prior_sample(3, 2), z[:3])
    assert (model.prior_sample(3, 2, same_z=True) == z[0]).all()


def test_weights_of_another_config_are_refused() -> None:
    flat, hierarchical = tiny_config("cat-drums_2bar_small"), tiny_config()
    weights = randomize(flat.build_model())
    z = np.zeros((1, 4), np.float32)
    with pytest.raises(CheckpointError, match="has no weight"):
        numpy_decoder.decode(weights, hierarchical.decoder, z, 64)
    with pytest.raises(CheckpointError, match="does not make 32 steps"):
        numpy_decoder.decode(weights, hierarchical.decoder, z, 32)
    assert not numpy_decoder.supports({"name": "something_else"})
