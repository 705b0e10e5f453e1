"""HistoryUser followed by an LSTM: the three tasks cell by cell, the loss, and that copying is learned."""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from experiments import history_architectures as arch


def test_turned_copies_move_every_key_up_and_the_highest_to_the_lowest() -> None:
    (shown, said), (same, turned) = (
        task(np.random.default_rng(0), 3) for task in (arch.draw_copies, arch.copy_and_turn)
    )
    np.testing.assert_array_equal(shown, same)
    np.testing.assert_array_equal(said[:, 64:], shown[:, :128])
    assert shown[:, :128].any() and not shown[:, 128:].any() and not said[:, :64].any()
    for key in range(13):
        np.testing.assert_array_equal(turned[..., (key + 1) % 13], said[..., key])


def test_the_number_of_ones_decides_the_lag() -> None:
    shown, said = arch.vary_lag(np.random.default_rng(1), 4)
    lags = Counter()
    for song in range(4):
        for t in range(192):
            lag = (1, 2, 4, 8, 12, 16, 24, 28, 32, 36, 40, 48, 56, 64)[int(shown[song, t].sum())]
            past = shown[song, t - lag] if t >= lag else np.zeros(13)
            np.testing.assert_array_equal(said[song, t], [past[12], *past[:12]])
            lags[lag] += 1
    assert len(lags) >= 9  # most numbers of ones occur
    assert shown[:, 128:].any()


def test_loss_counts_frames_from_the_64th() -> None:
    said = arch.vary_lag(np.random.default_rng(2), 2)[1]
    wrong = 0.5 + 10 * (np.arange(192) < 64)[None, :, None] + 0 * said
    np.testing.assert_allclose(arch.copy_loss(said, wrong), arch.CHANCE)


def test_error_by_ones_is_that_of_its_frames() -> None:
    shown, said = arch.vary_lag(np.random.default_rng(3), 8)
    # One key of each output is wrong by the number of ones in the frame.
    outputs = said.copy()
    outputs[..., 0] += shown.sum(axis=-1)
    errors = arch.error_by_ones(lambda _: outputs, shown, said)
    assert 6 in errors and len(errors) >= 9
    for ones, error in errors.items():
        np.testing.assert_allclose(error, ones**2, rtol=1e-5)


def test_verdict_follows_the_figures() -> None:
    solved = arch.verdict({"copy": 0.1, "copy and turn": 0.2, "varying lag": 5.4}, 0.03, 5.5)
    assert '"copy" and "copy and turn"' in solved and "as in the original" in solved
    poor = arch.verdict({"copy": 30.0, "copy and turn": 31.0, "varying lag": 33.0}, 3.0, 3.5)
    assert "no task" in poor and "more steps" in poor and "as in the original" not in poor


def test_training_starts_over_from_the_same_weights() -> None:
    """All tasks share one compiled training step, and none benefits from what another has learned."""
    import keras

    from experiments.descent import start_over, train

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 4)).astype(np.float32), np.ones((8, 1), np.float32)
    initial = model.get_weights()

    def loss(answers, outputs):
        return keras.ops.mean(keras.ops.square(answers - outputs), axis=-1)

    first = train(model, loss, lambda: (x, y), 20, "test", keras.optimizers.Adam(0.1))
    start_over(model, initial)
    assert first == train(model, loss, lambda: (x, y), 20, "test")
    # Each loss is that of a single step, and the first is measured before any training.
    outputs = x @ initial[0] + initial[1]
    np.testing.assert_allclose(first[0], np.square(y - outputs).mean(), rtol=1e-5)
    after = x @ model.get_weights()[0] + model.get_weights()[1]
    assert abs(first[-1] - np.square(y - after).mean()) < 0.2 * first[-1] + 0.05 < 0.5 * first[0]


def test_flags_below_one_are_refused(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    arch.add_flags(parser)
    with pytest.raises(InputError, match="--steps and --batch"):
        arch.run(parser.parse_args(["--steps", "1", "0", "1"]), tmp_path)


@pytest.mark.slow
def test_copying_through_another_layer_is_learned() -> None:
    from experiments.descent import mean_of_last, train

    rng = np.random.default_rng(0)
    model = arch.build_model(0)
    losses = train(model, arch.copy_loss, lambda: arch.draw_copies(rng, 16), 550, "copy")
    assert losses[0] > 60  # original: 134, from other initial weights
    assert mean_of_last(losses) < 1.0  # original: 0.3165 after 300 steps with batches eight times as large
