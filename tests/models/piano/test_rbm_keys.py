"""The LSTM-RBM from pitch classes to keys, against sums over all keyboards in NumPy."""

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from models.piano.rbm_keys import RBMKeys
from tests.models.outputs.test_rbm import HIDDEN, KEYS, STATES, numpy_chain, probabilities
from tests.models.piano.test_key_decoders import learn


def keys_decoder(**options: Any) -> RBMKeys:
    """A decoder of 6 keys in 2 classes whose weights matter."""
    decoder = RBMKeys(5, HIDDEN, classes=2, **options)
    decoder.build(KEYS)
    rng = np.random.default_rng(7)
    for weight in decoder.named_weights().values():
        weight.assign(rng.standard_normal(weight.shape))
    return decoder


def test_keys_of_silent_classes_are_no_part_of_the_machine() -> None:
    decoder = keys_decoder()
    classes = np.array(list(itertools.product((0, 1), repeat=2)), np.float32)
    features = np.random.default_rng(8).standard_normal((4, 1, 5)).astype(np.float32)
    repeated = [np.repeat(x, len(STATES), axis=1) for x in (features, classes[:, None])]
    given = np.repeat(STATES[None], 4, axis=0)
    p = np.exp(
        ops.convert_to_numpy(decoder.log_likelihood(repeated[0], given, repeated[1])).astype(np.float64)
    )
    parts = [ops.convert_to_numpy(x) for x in decoder.machine(features, classes[:, None])]
    np.testing.assert_allclose(p, probabilities(parts), rtol=1e-4, atol=1e-9)
    np.testing.assert_array_equal(parts[3][:, 0], np.tile(classes, 3))
    marginals = ops.convert_to_numpy(decoder.marginals(features, classes[:, None]))
    np.testing.assert_allclose(marginals[:, 0], p @ STATES, atol=1e-5)


def test_a_step_goes_on_from_the_frame_before() -> None:
    decoder = keys_decoder(chain=2, at_least_one=False)
    rng = np.random.default_rng(9)
    previous = rng.random((50, KEYS)) * (rng.random((50, KEYS)) < 0.5)  # velocities
    classes = (rng.random((50, 2)) < 0.7).astype(np.float32)
    uniforms = rng.random((50, decoder.uniforms), np.float32)
    state = decoder.zero_state(50)
    keys, _ = decoder.step(classes, previous, state, ops.convert_to_tensor(uniforms))
    features, _ = decoder.step_features(classes, previous, state)
    parts = [ops.convert_to_numpy(x).astype(np.float64) for x in decoder.machine(features, classes)]
    by_step = uniforms.reshape(50, 2, -1).transpose(1, 0, 2)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(keys), numpy_chain(parts, (previous > 0).astype(float), by_step)
    )


@pytest.mark.parametrize(
    "options", [{"objective": "likelihood"}, {}, {"steps": 3, "dropout": 0.1}], ids=["exact", "cd-1", "cd-3"]
)
def test_it_learns_a_piece(options: dict) -> None:
    """Also that the draws of `loss` and the written gradient go with compiled training on either backend."""
    keras.utils.set_random_seed(0)
    first, last = learn(RBMKeys(20, 4, classes=4, **options))
    assert last < (0.5 if options.get("objective") else 0.75) * first


def test_the_authors_decoder_has_its_sizes() -> None:
    decoder = RBMKeys()
    decoder.build()
    shapes = {name.split("/", 1)[1] + name[0]: tuple(w.shape) for name, w in decoder.named_weights().items()}
    assert list(shapes.values()) == [(200, 400), (400,), (100, 88), (88,), (100, 36), (36,), (36, 88)]
    assert decoder.uniforms == 20 * (36 + 88) and decoder.measure == "estimate"


def test_wrong_arguments_are_refused() -> None:
    for options, message in (
        ({"objective": "luck"}, "objective"),
        ({"objective": "likelihood"}, "at most 16 hidden units"),
        ({"hidden": 0}, "at least one"),
        ({"chain": 0}, "at least one"),
    ):
        with pytest.raises(ValueError, match=message):
            RBMKeys(**options)
