"""A simple classifier of style: naive Bayes on how often each drum is struck at each sixteenth of the bar.

It measures whether beats drawn under a style resemble that style; it does not need to be a good classifier.
"""

import numpy as np

from preprocess.drums.rhythm import STEPS_PER_BAR, hits_of

Array = np.ndarray


class StyleCounts:
    """Classifies the style of drum clips.

    Given the style, each cell of a bar is an independent Bernoulli variable (with Laplace's rule); all styles are equally
    likely.

    Args:
        tokens: int `[clips, steps]`, whole bars of sixteen steps.
        labels: int `[clips]`, the style of each.
        drums: number of drums.

    Raises:
        ValueError: where there is no clip.
    """

    def __init__(self, tokens: Array, labels: Array, drums: int):
        if not len(tokens):
            raise ValueError("There is no clip to learn styles from.")
        self.drums = drums
        self.styles = np.unique(labels)
        counts, bars = _counts(tokens, drums)
        struck = np.stack([counts[labels == style].sum(axis=0) for style in self.styles])
        possible = bars * np.array([(labels == style).sum() for style in self.styles])[:, None]
        share = (struck + 1) / (possible + 2)
        self._hit, self._rest = np.log(share), np.log(1 - share)

    def named(self, tokens: Array) -> Array:
        """The likeliest of `styles` for each clip, `[clips]`."""
        counts, bars = _counts(tokens, self.drums)
        return self.styles[(counts @ self._hit.T + (bars - counts) @ self._rest.T).argmax(axis=1)]

    def recall(self, tokens: Array, labels: Array) -> float:
        """The mean recall over the styles that occur, 0 to 1; by chance it is one over the number of styles."""
        right = self.named(tokens) == labels
        return float(np.mean([right[labels == style].mean() for style in np.unique(labels)]))


def _counts(tokens: Array, drums: int) -> tuple[Array, int]:
    """In how many bars of each clip each cell is struck, `[clips, 16 * drums]`, and the bars of a clip."""
    bars = tokens.shape[1] // STEPS_PER_BAR
    hits = hits_of(tokens, drums).reshape(len(tokens), bars, STEPS_PER_BAR * drums)
    return hits.sum(axis=1).astype(np.float64), bars
