"""HistoryUser's copy task: its loss, the evolution's judge against the honest forward pass, both reference cases."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import history_copy as copying


@pytest.fixture(scope="module")
def reader() -> Any:
    return copying.build_reader(0)


def test_the_task_is_to_say_what_stood_64_frames_before() -> None:
    shown, said = copying.draw_copies(np.random.default_rng(0), 5)
    assert shown.shape == said.shape == (5, 192, 13)
    assert not shown[:, 128:].any() and not said[:, :64].any()
    np.testing.assert_array_equal(said[:, 64:], shown[:, :128])
    assert set(np.unique(shown)) == {0, 1} and 0.45 < shown[:, :128].mean() < 0.55
    # Answering 1/2 to everything, and nothing wrong in the frames that do not count.
    half = np.full_like(said, 0.5)
    half[:, :64] = 99
    np.testing.assert_allclose(copying.copy_loss(said, half), copying.CHANCE)
    np.testing.assert_allclose(copying.copy_loss(said, said), 0)


def test_the_answer_is_the_frame_of_slot_16(reader: Any) -> None:
    """Weights that are all on slot 16 solve the task, as the seed counts slots."""
    kernel, bias = reader.history.attention.kernel, reader.history.attention.bias
    before = [np.array(kernel), np.array(bias)]
    kernel.assign(np.zeros(kernel.shape))
    bias.assign(30.0 * (np.arange(copying.WINDOW) == 16))
    shown, said = copying.draw_copies(np.random.default_rng(1), 2)
    assert copying.own_loss(reader, shown, said) < 1e-6
    assert copying.mean_weights(reader, shown).argmax() == 16
    kernel.assign(before[0])
    bias.assign(before[1])


def test_children_are_judged_by_honest_forward_passes(reader: Any) -> None:
    rng = np.random.default_rng(2)
    parent = np.concatenate([np.ravel(v) for v in reader.trainable_variables])
    litter = (parent + 0.1 * rng.standard_normal((3, parent.size))).astype(np.float32)
    shown, said = copying.draw_copies(rng, 2)
    found = copying.child_losses(reader)(litter, shown, said)
    expected = []
    for child in litter:
        copying.assign(reader, child)
        expected.append(copying.own_loss(reader, shown, said))
    copying.assign(reader, parent)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert np.ptp(expected) > 0.1


def test_a_generation_moves_the_parent_towards_its_fitter_children(
    reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the loss set to a child's first weight, that weight falls and the others drift by chance."""
    parent = np.concatenate([np.ravel(v) for v in reader.trainable_variables])
    monkeypatch.setattr(copying, "child_losses", lambda _: lambda litter, *_: litter[:, 0])
    losses = copying.learn_by_evolution(reader, 5, 400, 1, 0)
    after = np.concatenate([np.ravel(v) for v in reader.trainable_variables])
    np.testing.assert_allclose(losses[0], parent[0])
    # The fitness-weighted mean of normal children lies E[(max - z) z] / E[max - z] = -1 / E[max] of 0.1 below.
    step = 0.1 / 3.0
    np.testing.assert_allclose(after[0] - parent[0], -5 * step, rtol=0.25)
    assert np.abs((after - parent)[1:]).std() < 0.2 * 5 * step
    copying.assign(reader, parent)


def test_flags_below_one_are_refused(tmp_path: Path) -> None:
    from preprocess.errors import InputError

    parser = argparse.ArgumentParser()
    copying.add_flags(parser)
    with pytest.raises(InputError, match="--generations=0"):
        copying.run(parser.parse_args(["--generations=0"]), tmp_path)


@pytest.mark.slow
def test_gradient_descent_reaches_the_seeds_figure() -> None:
    reader = copying.build_reader(0)
    losses = copying.learn_by_gradient(reader, 200, 32, 0)  # the seed took batches of 128
    assert 30 < losses[0] < 40  # the seed: 34.2
    assert losses[-1] < 5e-4  # the seed: 0.0000 to four places
    assert copying.mean_weights(reader, copying.draw_copies(np.random.default_rng(9), 4)[0])[16] > 0.99


@pytest.mark.slow
def test_evolution_reaches_the_seeds_figure() -> None:
    losses = copying.learn_by_evolution(copying.build_reader(0), 40, 100, 3, 0)
    assert 30 < losses[0] < 42 and losses[-1] < 2e-3  # the seed, 70 generations of 200: 36.79 and 0.0015


@pytest.mark.slow
def test_a_training_step_fits_within_a_gigabyte() -> None:
    assert 0 < copying.memory_of_a_step() < 1024
