"""Ways between clips: even steps, exact ends, and vectors that play a clip as it is."""

import numpy as np
import pytest

from models import families
from models.history_drums import editing
from models.music_vae.interpolation import slerp_at
from preprocess.drums.rhythm import hits_of
from tests.conftest import ROOT

SHIPPED = ROOT / "checkpoints" / "hierdec-drum_4bar_small.safetensors"
EDITS = ROOT / "checkpoints" / "histdec-drum_4bar_edit.safetensors"
PLAYS = ROOT / "checkpoints" / "histdec-drum_4bar.safetensors"


def test_even_steps_change_about_as_much_each_and_keep_their_ends() -> None:
    model = families.open_music_vae(str(SHIPPED))
    uneven = []
    for seed in range(6):
        ends = model.prior_sample(2, seed)
        found = editing.even_steps(model, ends, 5, temperature=0.5, seed=4)
        expected = model.decode_values(ends, 0.5, 4, alike=True)
        np.testing.assert_array_equal(found[[0, -1]], expected)
        plain = model.decode_values(slerp_at(*ends, np.linspace(0, 1, 5)), 0.5, 4, alike=True)
        hops = [hits_of(v[1:] ^ v[:-1], 9).sum(axis=(1, 2)) for v in (found, plain)]
        uneven.append([h.max() / h.mean() for h in hops])
    ours, theirs = np.mean(uneven, axis=0)
    assert ours < theirs


def test_equal_ends_and_ends_of_their_own() -> None:
    model = families.open_music_vae(str(SHIPPED))
    ends = model.prior_sample(2, 3)
    same = editing.even_steps(model, ends[[0, 0]], 3, None)
    np.testing.assert_array_equal(same, np.repeat(model.decode_values(ends[:1], None), 3, axis=0))
    exact = editing.even_steps(model, ends, 5, 0.8, 4, exact=ends[::-1])
    np.testing.assert_array_equal(exact[[0, -1]], model.decode_values(ends[::-1], 0.8, 4, alike=True))


@pytest.fixture(scope="module")
def beats() -> np.ndarray:
    """Two rock beats, the second with a fill, int tokens `[2, 64]`."""
    bar = np.array([5, 0, 4, 0, 6, 0, 4, 1, 5, 0, 4, 0, 6, 0, 4, 0])
    busy = np.array([5, 4, 4, 4, 6, 4, 5, 4, 5, 4, 5, 4, 6, 4, 4, 4])
    fill = np.array([5, 0, 4, 0, 6, 0, 4, 0, 2, 2, 2, 2, 16, 16, 64, 64])
    return np.stack([np.tile(bar, 4), np.concatenate([np.tile(busy, 3), fill])])


def test_refined_vectors_play_a_clip_at_least_as_well_as_the_means(beats: np.ndarray) -> None:
    model = families.open_music_vae(str(EDITS))
    assert editing.is_refined(model)
    batch = {"inputs": beats, "lengths": np.array([64, 64])}

    def wrong(z: np.ndarray) -> np.ndarray:
        return hits_of(model.decode_values(z, None) ^ beats, 9).sum(axis=(1, 2))

    mean, refined = wrong(model.posterior(batch)[0]), wrong(editing.encoded(model, batch))
    assert (refined <= mean).all() and refined.sum() <= 4


def test_another_model_is_heard_between_the_ends_and_not_at_them(beats: np.ndarray) -> None:
    model, beside = families.open_music_vae(str(EDITS)), families.open_music_vae(str(PLAYS))
    assert editing.is_player(beside) and not editing.is_player(model)
    ends = model.posterior({"inputs": beats, "lengths": np.array([64, 64])})[0]
    alone = editing.even_steps(model, ends, 4, 0.5, 1)
    together = editing.even_steps(model, ends, 4, 0.5, 1, beside=beside)
    np.testing.assert_array_equal(together[[0, -1]], alone[[0, -1]])
    assert (together != alone).any()
