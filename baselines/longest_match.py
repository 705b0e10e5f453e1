"""Copying by the longest match: what followed when the clip last was where it is now.

At each step the longest run of tokens that ends here and occurred earlier in the clip is looked up (the latest of several
equally long ones), and the token that followed it is predicted, as in the compressors of Lempel and Ziv (1977) and Cleary
and Witten's PPM (1984). The weight of the prediction depends on the length of the match, and is fitted by
expectation-maximization on the training clips; the rest is a Markov chain of the training clips.
"""

import numpy as np

Array = np.ndarray

LENGTHS = (1, 2, 4, 8, 16, 32)
"""Bounds between groups of matches with the same weight."""

EM_PASSES = 50


def longest_matches(tokens: Array) -> tuple[Array, Array]:
    """The match at each step.

    Args:
        tokens: int `[clips, steps]`.

    Returns:
        How long it is, int `[clips, steps]`, and the token that followed it; 0 and the token before (at a clip's
        first step 0) where there is none. Both depend on the steps before alone.
    """
    clips, steps = tokens.shape
    # runs[:, s]: how many tokens before s equal those before the step that is looked at.
    runs = np.zeros((clips, steps), np.int64)
    lengths, followed = np.zeros_like(runs), np.zeros_like(runs)
    every = np.arange(clips)
    for step in range(1, steps):
        equal = tokens[:, : step - 1] == tokens[:, step - 1 : step]
        runs[:, 1:step] = np.where(equal, runs[:, : step - 1] + 1, 0)
        latest = step - 1 - runs[:, step - 1 :: -1].argmax(axis=1)
        lengths[:, step] = runs[every, latest]
        followed[:, step] = np.where(lengths[:, step] > 0, tokens[every, latest], tokens[:, step - 1])
    return lengths, followed


class LongestMatch:
    """The predictor, fitted to training clips.

    Args:
        tokens: int `[clips, steps]`, whole clips without padding.
        classes: number of tokens.
    """

    def __init__(self, tokens: Array, classes: int = 512):
        single = np.bincount(tokens.ravel(), minlength=classes) + 1.0
        single /= single.sum()
        pairs = tokens[:, :-1].astype(np.int64) * classes + tokens[:, 1:]
        after = np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)
        self.single = single
        self.after = (after + single) / (after.sum(axis=1, keepdims=True) + 1)
        self.belief = self._fit_belief(tokens)

    def _fit_belief(self, tokens: Array) -> Array:
        """How far a match is believed, float `[groups]`, shortest first; the first group is that of no match."""
        lengths, followed = longest_matches(tokens)
        groups, right, otherwise = (
            np.digitize(lengths, LENGTHS),
            followed == tokens,
            self._frequencies(tokens),
        )
        belief = np.full(len(LENGTHS) + 1, 0.5)
        met = np.bincount(groups.ravel(), minlength=len(belief))
        for _ in range(EM_PASSES):
            prior = belief[groups]
            copied = np.where(right, prior / (prior + (1 - prior) * otherwise), 0.0)
            expected = np.bincount(groups.ravel(), copied.ravel(), len(belief))
            # Half a step each way, so that a certainty of training can't make a token impossible.
            belief = (expected + 0.5) / (met + 1)
        return belief

    def _frequencies(self, tokens: Array) -> Array:
        """What the frequencies after the last token say of each token, `[clips, steps]`."""
        later = self.after[tokens[:, :-1], tokens[:, 1:]]
        return np.concatenate([self.single[tokens[:, :1]], later], axis=1)

    def nats(self, tokens: Array) -> Array:
        """The cost of each step of clips, `-log p(token | those before)`, float `[clips, steps]`."""
        lengths, followed = longest_matches(tokens)
        belief = self.belief[np.digitize(lengths, LENGTHS)]
        return -np.log(belief * (followed == tokens) + (1 - belief) * self._frequencies(tokens))
