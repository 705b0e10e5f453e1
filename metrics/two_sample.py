"""Can a classifier tell samples from what drummers played? A classifier two-sample test on drum beats.

Boosted trees see a few hundred statistics of a clip and are trained to tell the two sets apart; the area under the ROC
curve on clips that they were not trained on is the figure: 0.5 if they cannot tell them apart, 1 if they always can
(Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", 2017). Clips of one file overlap and resemble one
another, so those of a file are all trained on or all tested on; this makes the test conservative: where sets are
equal, the area may well be a little below 0.5, because files that are tested are missing among those that are
learned. Read it beside the area between training and held-out clips, found in the same way.
"""

import importlib.util

import numpy as np

from metrics import beats
from preprocess.drums.rhythm import STEPS_PER_BAR, syncopation

Array = np.ndarray

FOLDS = 5
LAGS = (4, 8, 16, 32, 48)
"""Steps: 1/4, 1/2, 1, 2, 3 bars."""

VOICES = ((0,), (1,), (2,), (3,), (4, 5, 6), (7,), (8,))
"""Drums that are looked at together: each by itself, but for the toms."""

NOT_PLAYED = -1.0
"""In place of the F1 of a drum that is not played."""


def available() -> bool:
    """Whether scikit-learn is installed, which `auc` needs (the extra `evaluate`)."""
    return importlib.util.find_spec("sklearn") is not None


def auc(
    samples: Array,
    held_out: Array,
    groups: Array,
    seed: int = 0,
    sample_groups: Array | None = None,
    folds: int = FOLDS,
) -> float:
    """The area under the ROC curve of a classifier that tells samples from held-out clips.

    Args:
        samples: int tokens `[n, steps]`.
        held_out: int tokens `[m, steps]`; the two sets weigh the same, whatever their sizes.
        groups: int `[m]`, the file that each held-out clip is of.
        seed: of the folds and of the trees.
        sample_groups: int `[n]` likewise, where the samples are clips of files too; else each is by itself.
        folds: parts that are tested in turn; there must be as many files.

    Returns:
        From 0 to 1: the mean over the folds.

    Raises:
        ImportError: without scikit-learn.
        ValueError: where there are fewer files or samples than folds, or clips are not whole bars.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    if sample_groups is None:
        sample_groups = np.arange(len(samples))
    fold = np.concatenate([folds_of(sample_groups, folds, seed), folds_of(groups, folds, seed + 1)])
    values = np.concatenate([features(samples), features(held_out)])
    is_sample = np.arange(len(values)) < len(samples)
    areas = []
    for part in range(folds):
        trees = HistGradientBoostingClassifier(
            max_iter=100,
            max_leaf_nodes=8,
            min_samples_leaf=40,
            max_features=0.2,
            max_bins=32,
            class_weight="balanced",
            early_stopping=False,
            random_state=seed,
        )
        tested = fold == part
        trees.fit(values[~tested], is_sample[~tested])
        areas.append(roc_auc_score(is_sample[tested], trees.predict_proba(values[tested])[:, 1]))
    return float(np.mean(areas))


def folds_of(groups: Array, folds: int, seed: int) -> Array:
    """Which fold each clip is tested in, int `[n]`: clips of a group together, each fold with about as many groups.

    Args:
        groups: int `[n]`.
        folds: how many.
        seed: of the choice of groups.

    Raises:
        ValueError: where there are fewer groups than folds.
    """
    from sklearn.model_selection import GroupKFold

    groups = np.asarray(groups)
    if len(np.unique(groups)) < folds:
        raise ValueError(f"{len(np.unique(groups))} groups of clips can't be dealt to {folds} folds.")
    fold = np.zeros(len(groups), np.int64)
    split = GroupKFold(folds, shuffle=True, random_state=seed).split(groups, groups=groups)
    for part, (_, tested) in enumerate(split):
        fold[tested] = part
    return fold


def features(tokens: Array) -> Array:
    """What the classifier sees of clips `[n, steps]`: float32 `[n, features]`.

    Densities of each voice in the clip, in each bar and at each step of the bar; hits a bar; how often the token of
    1/4 to 3 bars ago returns, and how much of each voice (F1); cells between any two bars; syncopation; and the
    numbers of different tokens, pairs and triples of tokens.
    """
    tokens = np.asarray(tokens, np.int64)
    grid = beats.grid_of(tokens)
    clips, bars = grid.shape[:2]
    voices = np.stack([grid[..., list(drums)].any(axis=-1) for drums in VOICES], axis=-1)
    flat = voices.reshape(clips, -1, len(VOICES))
    columns = [
        voices.mean(axis=(1, 2)),
        voices.mean(axis=2).reshape(clips, -1),
        voices.mean(axis=1).reshape(clips, -1),
        grid.sum(axis=(2, 3)),
        syncopation(flat, (0, 1))[:, None],
    ]
    for lag in LAGS:
        if lag < bars * STEPS_PER_BAR:
            columns += [(tokens[:, lag:] == tokens[:, :-lag]).mean(axis=1)[:, None], _returns(flat, lag)]
    first, second = np.triu_indices(bars, 1)
    columns.append(beats.bar_distances(grid)[:, first, second])
    columns += [_kinds(tokens, length)[:, None] for length in (1, 2, 3)]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _returns(voices: Array, lag: int) -> Array:
    """F1 of each voice with itself `lag` steps before, `[clips, voices]`."""
    before, after = voices[:, :-lag], voices[:, lag:]
    both = before.sum(axis=1) + after.sum(axis=1)
    return np.where(both, 2 * (before & after).sum(axis=1) / np.maximum(both, 1), NOT_PLAYED)


def _kinds(tokens: Array, length: int) -> Array:
    """How many different runs of `length` tokens each clip has, int `[clips]`."""
    steps = tokens.shape[1] - length + 1
    runs = np.zeros((len(tokens), steps), np.int64)
    for i in range(length):
        runs = runs * 2**beats.DRUMS + tokens[:, i : i + steps]
    runs.sort(axis=1)
    return 1 + (np.diff(runs, axis=1) != 0).sum(axis=1)
