"""The listener: its training data, the two searches, and the original's results."""

import argparse
import itertools

import numpy as np
import pytest

from common.errors import InputError
from experiments import listener, roll_search
from experiments.__main__ import main
from experiments.outcome import Outcome
from experiments.tunes import load_songs


def test_corrupted_songs_and_their_targets():
    song = load_songs().versions[:1]
    rolls, targets = listener.spoiled_batch(song, 3000, np.random.default_rng(0))
    changes = np.rint((1 - targets) * 64)
    differing = (rolls != song).any(2).sum(1)
    assert rolls.shape == (3000, 128, 13) and rolls.dtype == targets.dtype == np.float32
    assert (differing <= changes).all()
    # Intact with probability 17/81, 16 changes on average, and most changes are visible.
    assert (targets == 1).mean() == pytest.approx(17 / 81, abs=0.03)
    assert changes.mean() == pytest.approx(16, abs=1)
    assert differing.mean() > 10
    assert set(np.unique(changes)) <= {a * b for a in range(9) for b in range(9)}


def test_junk_has_all_densities():
    rolls = listener.random_junk(400, np.random.default_rng(0))
    binary = np.isin(rolls, (0, 1)).all((1, 2))
    assert 0.4 < binary.mean() < 0.7
    density = rolls[binary].mean((1, 2))
    assert density.min() < 0.003 and density.max() > 0.6
    assert rolls.min() >= 0 and rolls.max() <= 1


def test_a_third_of_each_batch_is_junk_with_target_zero():
    songs = load_songs().versions
    known = np.full((2, 128, 13), 7.0, np.float32)
    rolls, targets = next(listener.batches(songs, 30, 0, known))
    assert len(rolls) == len(targets) == 30
    assert (targets[20:] == 0).all()
    assert (rolls[25:] == 7).all() and not (rolls[:25] == 7).any()


def test_children_keep_what_their_parents_share():
    """With a response that counts one key's notes, the search raises it, and bits that all survivors share stay."""
    rng = np.random.default_rng(0)
    asked = []

    def respond(rolls: np.ndarray) -> np.ndarray:
        asked.append(rolls)
        return rolls[:, :, 3].sum(1).astype(float)

    parents, best = roll_search.breed(respond, 200, 6, rng)
    assert len(asked) == len(best) == 7 and parents.shape == (50, 128, 13)
    assert asked[0].mean() == pytest.approx(0.1, abs=0.005)
    assert best[-1] > best[0] + 5
    np.testing.assert_array_equal(respond(parents), np.sort(respond(parents))[::-1])
    for before, after in itertools.pairwise(asked[:7]):
        kept = before[np.argsort(-before[:, :, 3].sum(1))[:50]]
        shared = (kept == kept[0]).all(0)
        assert (after[:, shared] == kept[0][shared]).all()


def test_ascent_climbs_by_the_gradient():
    """The response rises at every step, the first rise agrees with finite differences, the listener is unchanged."""
    of = listener.make_listener(0)
    before = [np.array(w) for w in of.get_weights()]
    rolls, climb = roll_search.ascend(of, 2, seed=5)
    start = np.random.default_rng(5).random((2, 128, 13))
    assert climb.shape == (100,)
    assert climb[0] == pytest.approx(float(roll_search.responses(of, start).mean()), abs=1e-4)
    assert (np.diff(climb) > -1e-5).all() and climb[-1] > climb[0] + 0.1
    assert roll_search.responses(of, rolls).mean() > climb[-1] - 1e-4
    for old, new in zip(before, of.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)  # the listener itself is not trained
    # With a step size of 1, the first step raises the response by about the squared norm of the gradient.
    moved = np.repeat(start[None, None], 2, 0).repeat(13, 1)  # [sign, key, roll, frame, key]
    for key in range(13):
        moved[0, key, :, -1, key] += 0.05
        moved[1, key, :, -1, key] -= 0.05
    up, down = roll_search.responses(of, moved.reshape(-1, 128, 13)).reshape(2, 13, 2)
    slope = (up - down) / 0.1
    rise = climb[1] - climb[0]
    assert rise >= 0.8 * (slope**2).sum(0).mean()  # the gradient with respect to the last frame alone


def flags(**changes: object) -> argparse.Namespace:
    values = {
        "steps": 2,
        "batch_size": 8,
        "optimizer": "adam",
        "rounds": 1,
        "population": 16,
        "generations": 2,
    }
    return argparse.Namespace(**values | {"songs": "", "seed": 0} | changes)


@pytest.mark.slow
def test_whole_experiment(tmp_path):
    outcome = listener.run(flags(), tmp_path)
    outcome.write(tmp_path)
    assert Outcome.read(tmp_path) == outcome
    for name, _ in outcome.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    for name in outcome.midi:
        assert (tmp_path / name).read_bytes().startswith(b"MThd")


@pytest.mark.parametrize("change", [{"steps": 0}, {"population": 4}, {"rounds": 0}])
def test_bad_flags(change, tmp_path):
    with pytest.raises(InputError, match="--"):
        listener.run(flags(**change), tmp_path)


@pytest.mark.slow
def test_reference_case(data_dir, tmp_path):
    """It learns; both searches beat songs; and a listener that was trained on junk rejects what they found."""
    folder = data_dir("songs34")
    assert main(["listener", f"--songs={folder}", f"--output_dir={tmp_path}"]) == 0
    found = {finding.what: finding.here for finding in Outcome.read(tmp_path).findings}
    assert float(found["squared error on corrupted songs"]) < 0.04
    assert float(found["gradient ascent: response"].split(" to ")[1]) > 3
    assert float(found["genetic search: best response"].split(" to ")[1]) > 1
    assert float(found["second listener: squared error on corrupted songs"]) < 0.05
    assert float(found["second listener: response to the first ascent's rolls"]) < 0.5
    assert float(found["second listener: response to the first genetic search's rolls"]) < 0.5
