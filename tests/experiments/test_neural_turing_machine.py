"""The neural Turing machine: addressing and memory against the formulas of the paper, and that it learns to copy."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from experiments import neural_turing_machine as ntm


def arguments(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    ntm.add_flags(parser)
    parser.set_defaults(seed=0)
    return parser.parse_args(flags)


def test_inputs_and_targets_of_sequences() -> None:
    inputs, answers = ntm.draw_sequences(np.random.default_rng(0), np.array([2, 3]), 4, 5)
    assert inputs.shape == (2, 10, 7) and answers.shape == (2, 10, 6)
    for x, y, n in zip(inputs, answers, (2, 3), strict=True):
        assert np.flatnonzero(x[:, 5]).tolist() == [0] and np.flatnonzero(x[:, 6]).tolist() == [n + 1]
        np.testing.assert_array_equal(y[n + 2 : 2 * n + 2, :5], x[1 : n + 1, :5])
        assert np.flatnonzero(y[:, 5]).tolist() == list(range(n + 2, 2 * n + 2))
        assert not x[n + 2 :, :5].any()
    # Logits of zero have the loss of a coin toss, and outputs in frames that do not count make no difference.
    logits = np.zeros((2, 10, 5), np.float32)
    np.testing.assert_allclose(ntm.copy_loss(answers, logits), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(
        ntm.copy_loss(answers, logits + 50 * (1 - answers[..., 5:])), np.log(2), rtol=1e-6
    )
    assert np.max(ntm.copy_loss(answers, 100 * (answers[..., :5] - 0.5))) < 1e-6


def test_addressing_follows_the_paper() -> None:
    rng = np.random.default_rng(1)
    batch, places, width = 3, 7, 4
    memory, key = rng.standard_normal((batch, places, width)), rng.standard_normal((batch, width))
    before = rng.dirichlet(np.ones(places), batch)
    strength, gate, sharpness = (
        rng.uniform(0, 5, (batch, 1)),
        rng.random((batch, 1)),
        1 + rng.random((batch, 1)),
    )
    shift = rng.dirichlet(np.ones(3), batch)
    arrays = [a.astype(np.float32) for a in (memory, before, key, strength, gate, shift, sharpness)]
    found = np.asarray(ntm.address(*arrays))
    for b in range(batch):
        cosine = [m @ key[b] / np.linalg.norm(m) / np.linalg.norm(key[b]) for m in memory[b]]
        content = np.exp(strength[b] * cosine) / np.exp(strength[b] * cosine).sum()
        gated = gate[b] * content + (1 - gate[b]) * before[b]
        shifted = [
            sum(gated[(i - step) % places] * shift[b, j] for j, step in enumerate((-1, 0, 1)))
            for i in range(places)
        ]
        sharp = np.array(shifted) ** sharpness[b]
        np.testing.assert_allclose(found[b], sharp / sharp.sum(), atol=1e-5)


def test_memory_is_erased_and_added_to_at_the_writing_head() -> None:
    """One step against the formulas of the paper, given the head parameters that the machine computes."""
    sizes = ntm.Sizes(3, 8, 5, 4)
    machine = ntm.build_machine(sizes, 0)
    rng = np.random.default_rng(2)
    tape = machine.start(2)._replace(memory=rng.standard_normal((2, 5, 4)).astype(np.float32))
    after, (_, writing, reading) = machine.step(tape, rng.standard_normal((2, 5)).astype(np.float32))
    values = np.asarray(machine.heads(after.hidden))
    erase, add = 1 / (1 + np.exp(-values[:, -8:-4])), np.tanh(values[:, -4:])
    w = np.asarray(writing)[..., None]
    memory = tape.memory * (1 - w * erase[:, None]) + w * add[:, None]
    np.testing.assert_allclose(after.memory, memory, atol=1e-5)
    np.testing.assert_allclose(after.read, np.einsum("bn,bnw->bw", reading, memory), atol=1e-5)
    np.testing.assert_allclose(np.asarray(reading).sum(axis=1), 1, atol=1e-5)


def test_lengths_grow_over_the_first_half() -> None:
    args = arguments("--steps=100", "--shortest=2", "--longest=10", "--batch=400", "--locations=15")
    lengths = ntm.growing_lengths(np.random.default_rng(0), args)
    drawn = [lengths() for _ in range(100)]
    assert set(drawn[0]) == {2} and all(set(d) == set(range(2, 11)) for d in drawn[50:])
    assert 5 <= drawn[25].max() <= 7
    assert ntm.trial_lengths(2, 10, 15) == [2, 5, 10, 15] and ntm.trial_lengths(1, 1, 1) == [1]


def test_bad_flags_are_refused(tmp_path: Path) -> None:
    for flags, message in (
        (("--longest=30",), "--longest=30"),
        (("--shortest=9",), "--shortest=9"),
        (("--bits=0",), "--bits=0"),
        (("--learning_rate=0",), "--learning_rate"),
    ):
        with pytest.raises(InputError, match=message):
            ntm.run(arguments(*flags), tmp_path)


def test_the_originals_size_has_a_forward_pass() -> None:
    """The original ran out of memory before its first step; a batch of two is enough to see that this one runs."""
    machine = ntm.build_machine(ntm.Sizes(13, 10, 128, 13), 0)
    share = ntm.wrong_bits(machine, np.random.default_rng(3), 13, 128, count=2)
    assert 0.4 < share < 0.6


@pytest.mark.slow
def test_it_learns_to_copy_and_generalises_to_longer_sequences(tmp_path: Path) -> None:
    outcome = ntm.run(arguments(), tmp_path)
    shares = [float(f.here.rstrip("%")) for f in outcome.findings if f.what.startswith("wrong bits")]
    assert max(shares[:3]) < 1.0  # per cent, at lengths that it was trained on
    assert shares[3] < 5.0  # at 1.5 times the longest
    assert all((tmp_path / name).stat().st_size > 5000 for name, _ in outcome.pictures)


def test_verdict_follows_the_figures() -> None:
    assert "has not learned" in ntm.verdict({1: 0.0, 8: 0.3}, 8)
    said = ntm.verdict({1: 0.0, 8: 0.001, 12: 0.02, 16: 0.2}, 8)
    assert "It copies 12 frames" in said and "It does not copy 16 frames" in said
