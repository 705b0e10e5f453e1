"""Scheduled sampling of frame models: what they hear of themselves in training, and what they still predict."""

from typing import Any

import numpy as np
import pytest
from keras import ops

from models import families
from models.training import trainer
from tests.helpers.small_piano_models import built, music, small, with_past

pytestmark = pytest.mark.jax


@pytest.mark.parametrize("name", ["basic_rnn", "piano-baseline", "relative_rnn"])
def test_scheduled_sampling_shows_a_share_of_its_own_draws(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are the draws of the frames that they replace, given true frames; what is predicted stays true."""
    config = small(name, sampling_rate=0.25)
    model = built(config)
    batch = with_past(config, model, music(config, batch=40))
    seen = []

    def recording(read: Any) -> Any:
        def wrapper(*args: Any, values: Any = None, **options: Any) -> Any:
            seen.append(values)
            return read(*args, values=values, **options)

        return wrapper

    true = ops.convert_to_numpy(model.values_of(batch["tokens" if model.form == "tokens" else "keys"]))
    with monkeypatch.context() as patch:
        patch.setattr(model, "read", recording(model.read))
        nats = model.loss_terms(batch, model(batch, training=True)).nats
        model(batch, training=False)
    first, second, scored = seen
    assert first is None  # the pass that draws hears true frames
    np.testing.assert_array_equal(ops.convert_to_numpy(scored), true)
    other = ops.convert_to_numpy(second) != true
    share = (other.any(-1) if other.ndim == 3 else other).mean()
    assert 0.1 < share < 0.4
    if name == "basic_rnn":  # no other is without noise of its own while training
        expected = model.output_layer.loss(
            model.parameters_of(model.read(batch, values=second).outputs), true
        )
        np.testing.assert_allclose(nats, ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-5)


def test_scheduled_sampling_hears_what_would_be_played() -> None:
    """A model that always plays key 3 and hears nothing but itself is scored as if it had heard key 3."""
    config = small("basic_rnn", sampling_rate=1.0)
    model = built(config)
    model.projection.kernel.assign(np.zeros(model.projection.kernel.shape, np.float32))
    model.projection.bias.assign(np.where(np.arange(88) == 3, 50.0, -50.0))
    batch = music(config)
    heard = np.zeros_like(batch["keys"])
    heard[..., 3] = 1
    seen = []
    call = model.reader.call
    model.reader.call = lambda inputs, *args, **options: seen.append(inputs) or call(inputs, *args, **options)
    model(batch, training=True)
    model(batch | {"keys": heard}, training=False)
    np.testing.assert_array_equal(*(ops.convert_to_numpy(x) for x in seen[1:]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rnn_rbm", "endecell"])
def test_outputs_of_each_kind_train_with_scheduled_sampling(name: str) -> None:
    config = small(name, learning_rate=0.01, sampling_schedule="inverse_sigmoid", sampling_rate=1.0)
    model = families.build_model(config)
    trainer.compile_model(model)
    for seed in range(2):
        loss = model.train_on_batch(with_past(config, model, music(config, seed=seed)))
    assert np.isfinite(loss).all()


@pytest.mark.slow
def test_voices_with_a_memory_train_on_their_own_draws_whatever_the_size_of_the_batch() -> None:
    config = small("piano-baseline", sampling_rate=0.25)
    model = families.build_model(config)
    trainer.compile_model(model)

    class Source:
        def batch(self, step: int) -> dict[str, np.ndarray]:
            return with_past(config, model, music(config, seed=step, batch=4 + step))

    history = model.fit(trainer.BatchesFrom(Source(), 0, 2), verbose=0).history
    assert np.isfinite(history["loss"]).all()
