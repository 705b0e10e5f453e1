"""The two-sample test on sets that are the same, and on sets that are not."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from metrics import two_sample


def beats(clips: int, seed: int, density: float = 0.2) -> np.ndarray:
    """Clips of four bars of random hits, the bars alike."""
    rng = np.random.default_rng(seed)
    hits = rng.random((clips, 16, 9)) < density
    return np.tile(hits @ (1 << np.arange(9)), (1, 4))


def test_equal_sets_cannot_be_told_apart_and_others_can():
    held_out, groups = beats(300, 0), np.repeat(np.arange(30), 10)
    same = two_sample.auc(beats(300, 1), held_out, groups)
    assert same == pytest.approx(0.5, abs=0.07)
    assert two_sample.auc(beats(300, 1), held_out, groups) == same, "the same figure every time"
    assert two_sample.auc(beats(150, 1, density=0.4), held_out, groups) > 0.99


def test_phrases_that_do_not_return_are_noticed():
    held_out, groups = beats(200, 0), np.arange(200)
    shuffled = np.random.default_rng(5).permuted(beats(200, 1).reshape(200, 4, 16), axis=2).reshape(200, 64)
    assert two_sample.auc(shuffled, held_out, groups) > 0.99


def test_clips_of_one_file_are_not_learned_by_heart():
    # Two sets of ten files each, of one kind of music, the clips of a file all but the same.
    files = beats(20, 0)
    clips = np.repeat(files, 30, axis=0)
    rows = np.arange(len(clips))
    clips[rows, np.random.default_rng(1).integers(0, 64, len(clips))] = 0
    names = np.repeat(np.arange(20), 30)
    ours, theirs = names < 10, names >= 10
    apart = two_sample.auc(clips[ours], clips[theirs], rows[theirs])
    together = two_sample.auc(clips[ours], clips[theirs], names[theirs], sample_groups=names[ours])
    assert apart > 0.95, "each clip by itself: its file is known"
    assert together < 0.75


def test_groups_stay_together():
    groups = np.random.default_rng(0).integers(0, 17, 400)
    fold = two_sample.folds_of(groups, 5, seed=3)
    assert set(fold) == set(range(5))
    assert all(len(set(fold[groups == group])) == 1 for group in range(17))
    with pytest.raises(ValueError, match="3 groups"):
        two_sample.folds_of(np.arange(3), 5, seed=0)


def test_features_by_hand():
    clip = np.zeros((1, 64), int)
    clip[0, ::16] = 0b1010001  # kick and two toms on every one
    found = two_sample.features(clip)[0]
    voices = len(two_sample.VOICES)
    assert found[:voices] == pytest.approx(np.array([1, 0, 0, 0, 1, 0, 0]) / 16)
    assert np.isfinite(found).all()
    # Two different tokens; silence after silence, a hit after silence, silence after a hit; and likewise threes.
    assert found[-3:].tolist() == [2, 3, 4]
    assert two_sample.features(clip[:, :32]).shape[1] < len(found)
