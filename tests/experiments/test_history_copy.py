"""HistoryUser's copy task: its loss, the evolution strategy, and both of the original's learning curves."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import history_copy as copying


@pytest.fixture(scope="module")
def reader() -> Any:
    return copying.build_reader(0)


def test_the_task_is_to_output_the_frame_from_64_steps_ago() -> None:
    shown, said = copying.draw_copies(np.random.default_rng(0), 5)
    assert shown.shape == said.shape == (5, 192, 13)
    assert not shown[:, 128:].any() and not said[:, :64].any()
    np.testing.assert_array_equal(said[:, 64:], shown[:, :128])
    assert set(np.unique(shown)) == {0, 1} and 0.45 < shown[:, :128].mean() < 0.55
    # The constant output 1/2 has chance level, whatever the outputs for the first 64 frames are.
    half = np.full_like(said, 0.5)
    half[:, :64] = 99
    np.testing.assert_allclose(copying.copy_loss(said, half), copying.CHANCE)
    np.testing.assert_allclose(copying.copy_loss(said, said), 0)


def test_reading_slot_16_solves_the_task(reader: Any) -> None:
    """With slots numbered as in the original, slot 16 holds the frame from 64 steps ago."""
    kernel, bias = reader.history.attention.kernel, reader.history.attention.bias
    before = [np.array(kernel), np.array(bias)]
    kernel.assign(np.zeros(kernel.shape))
    bias.assign(30.0 * (np.arange(copying.WINDOW) == 16))
    shown, said = copying.draw_copies(np.random.default_rng(1), 2)
    assert copying.own_loss(reader, shown, said) < 1e-6
    assert copying.mean_weights(reader, shown).argmax() == 16
    kernel.assign(before[0])
    bias.assign(before[1])


def test_losses_of_children_are_those_of_plain_forward_passes(reader: Any) -> None:
    rng = np.random.default_rng(2)
    parent = np.concatenate([np.ravel(v) for v in reader.trainable_variables])
    children = (parent + 0.1 * rng.standard_normal((3, parent.size))).astype(np.float32)
    shown, said = copying.draw_copies(rng, 2)
    found = copying.child_losses(reader)(children, shown, said)
    expected = []
    for child in children:
        copying.assign(reader, child)
        expected.append(copying.own_loss(reader, shown, said))
    copying.assign(reader, parent)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert np.ptp(expected) > 0.1


def test_a_generation_moves_the_parent_towards_its_fitter_children(
    reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a child's first weight as its loss, that weight falls, and the others only drift at random."""
    parent = np.concatenate([np.ravel(v) for v in reader.trainable_variables])
    monkeypatch.setattr(copying, "child_losses", lambda _: lambda children, *_: children[:, 0])
    losses = copying.learn_by_evolution(reader, 5, 400, 1, 0)
    after = np.concatenate([np.ravel(v) for v in reader.trainable_variables])
    np.testing.assert_allclose(losses[0], parent[0])
    # The fitness-weighted mean of normal children is lower by 0.1 E[(max - z) z] / E[max - z] = -0.1 / E[max].
    step = 0.1 / 3.0
    np.testing.assert_allclose(after[0] - parent[0], -5 * step, rtol=0.25)
    assert np.abs((after - parent)[1:]).std() < 0.2 * 5 * step
    copying.assign(reader, parent)


def test_flags_below_one_are_refused(tmp_path: Path) -> None:
    from common.errors import InputError

    parser = argparse.ArgumentParser()
    copying.add_flags(parser)
    with pytest.raises(InputError, match="--generations=0"):
        copying.run(parser.parse_args(["--generations=0"]), tmp_path)


@pytest.mark.slow
def test_gradient_descent_reaches_the_originals_loss() -> None:
    reader = copying.build_reader(0)
    losses = copying.learn_by_gradient(reader, 200, 32, 0)  # the original used batches of 128
    assert 30 < losses[0] < 40  # original: 34.2
    assert losses[-1] < 5e-4  # original: 0.0000 to four places
    assert copying.mean_weights(reader, copying.draw_copies(np.random.default_rng(9), 4)[0])[16] > 0.99


@pytest.mark.slow
def test_evolution_reaches_the_originals_loss() -> None:
    losses = copying.learn_by_evolution(copying.build_reader(0), 40, 100, 3, 0)
    assert 30 < losses[0] < 42 and losses[-1] < 2e-3  # original, 70 generations of 200: 36.79, 0.0015


@pytest.mark.slow
def test_a_training_step_fits_within_a_gigabyte() -> None:
    assert 0 < copying.memory_of_a_step() < 1024
