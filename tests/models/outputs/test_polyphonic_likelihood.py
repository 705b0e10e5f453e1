"""What polyphonic outputs share: masked softmaxes and draws at the edge of the numbers."""

import itertools

import numpy as np
import pytest
from keras import ops

from models.outputs.polyphonic_likelihood import FORBIDDEN, draw_outcome, masked_log_softmax
from tests.helpers.gradients import gradients


@pytest.mark.parametrize(
    "logits", [[1e38, -1e38, 3.0], [np.inf, -np.inf, 0.0], [1e4, 1e4 - 1, -1e4], [0, 0, 0]]
)
def test_masked_log_softmax_is_finite_and_so_is_its_gradient(logits: list[float]) -> None:
    for mask in itertools.product((True, False), repeat=3):
        z, allowed = np.array([logits], np.float32), np.array([mask])
        log_d = ops.convert_to_numpy(masked_log_softmax(ops.convert_to_tensor(z), allowed))
        assert np.isfinite(log_d).all() and (log_d[~allowed] == FORBIDDEN).all()
        if any(mask):
            z64 = np.clip(z.astype(np.float64), -1e6, 1e6)[allowed]
            expected = z64 - z64.max() - np.log(np.exp(z64 - z64.max()).sum())
            np.testing.assert_allclose(log_d[allowed], expected, atol=1e-5, rtol=1e-6)
        (slope,) = gradients(lambda x, m=allowed: ops.sum(masked_log_softmax(x, m)), [z])
        assert np.isfinite(slope).all()


def test_an_outcome_of_probability_zero_is_never_drawn() -> None:
    rng = np.random.default_rng(2)
    logits, allowed = rng.standard_normal((500, 24)) * 8, rng.random((500, 24)) < 0.3
    allowed[:, 3] = True
    log_d = masked_log_softmax(ops.convert_to_tensor(logits.astype(np.float32)), allowed)
    for u in (0.0, 0.5, np.nextafter(np.float32(1), np.float32(0))):
        drawn = ops.convert_to_numpy(draw_outcome(log_d, ops.full((500,), u, dtype="float32")))
        assert (drawn.sum(axis=-1) == 1).all() and not (drawn * ~allowed).any()
