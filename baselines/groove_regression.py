"""Linear regression of velocity and offset on the hits around, for each drum; and the nearest training clip.

The regression knows which drums are struck at nearby steps, and the hit's position in the clip. It predicts the mean, so
its errors are small and its notes are too similar. Playing as the nearest training clip does has the opposite flaws.
"""

import numpy as np

Array = np.ndarray

WINDOW = 16
"""Steps that are read each way."""
RIDGE = 10.0


class GrooveRegression:
    """Ridge regression from hits to velocity and offset.

    Args:
        train: hits, velocities (0 to 1) and offsets (-1 to 1), `[clips, steps, 3 * drums]`.
        ridge: weight of the squared weights.
    """

    def __init__(self, train: Array, ridge: float = RIDGE):
        hits = np.split(train, 3, axis=-1)[0]
        drums = hits.shape[-1]
        around = _around(hits)
        self.weights: list[Array | None] = []
        for drum in range(drums):
            clips, steps = np.nonzero(hits[..., drum] > 0.5)
            if not len(clips):
                self.weights.append(None)
                continue
            # Products are summed in float32 over blocks, and blocks in float64: there are a million hits.
            width = around.shape[-1] * (2 * WINDOW + 1) + hits.shape[1]
            squares, products = ridge * np.eye(width), np.zeros((width, 2))
            for start in range(0, len(clips), 4096):
                block = slice(start, start + 4096)
                x = _features(around, clips[block], steps[block], hits.shape[1])
                y = train[clips[block], steps[block]][:, [drums + drum, 2 * drums + drum]]
                squares += x.T @ x
                products += x.T @ y
            self.weights.append(np.linalg.solve(squares, products))

    def play(self, clips: Array) -> Array:
        """The hits of clips `[n, steps, 3 * drums]` with the regression's velocities and offsets."""
        played = np.zeros_like(clips, dtype=np.float64)
        hits = np.split(clips, 3, axis=-1)[0]
        drums = hits.shape[-1]
        played[..., :drums] = hits
        around = _around(hits)
        for drum, weights in enumerate(self.weights):
            if weights is None:
                continue
            index, steps = np.nonzero(hits[..., drum] > 0.5)
            for start in range(0, len(index), 4096):
                block = index[start : start + 4096], steps[start : start + 4096]
                said = _features(around, *block, hits.shape[1]) @ weights
                played[*block, drums + drum] = np.clip(said[:, 0], 0, 1)
                played[*block, 2 * drums + drum] = np.clip(said[:, 1], -1, 1)
        return played


def nearest_clips(train: Array, clips: Array) -> Array:
    """The hits of clips played as in the training clip whose hits differ in the fewest cells.

    A hit that the training clip lacks takes the mean of its drum there, or, where the drum is silent there, of all.

    Args:
        train, clips: hits, velocities and offsets, `[n, steps, 3 * drums]`.
    """
    drums = train.shape[-1] // 3
    pool = (train[..., :drums] > 0.5).reshape(len(train), -1).astype(np.float32)
    wanted = (clips[..., :drums] > 0.5).reshape(len(clips), -1).astype(np.float32)
    nearest = np.concatenate(
        [
            (pool.sum(axis=1) - 2 * wanted[start : start + 256] @ pool.T).argmin(axis=1)
            for start in range(0, len(wanted), 256)
        ]
    )
    parts = [clips[..., :drums].astype(np.float64)]
    struck = train[..., :drums]
    for i in (1, 2):
        value = train[..., i * drums : (i + 1) * drums]
        means = (struck * value).sum(axis=(0, 1)) / np.maximum(struck.sum(axis=(0, 1)), 1)
        found, there = value[nearest], struck[nearest]
        counts = there.sum(axis=1, keepdims=True)
        own = np.where(counts > 0, (there * found).sum(axis=1, keepdims=True) / np.maximum(counts, 1), means)
        parts.append(np.where(there > 0.5, found, own) * parts[0])
    return np.concatenate(parts, axis=-1)


def _around(hits: Array) -> Array:
    return np.pad(hits, ((0, 0), (WINDOW, WINDOW), (0, 0))).astype(np.float32)


def _features(around: Array, clips: Array, steps: Array, length: int) -> Array:
    """The features of hits: drums struck at nearby steps, and the step; float32 `[hits, features]`."""
    near = around[clips[:, None], steps[:, None] + np.arange(2 * WINDOW + 1)]
    return np.concatenate([near.reshape(len(clips), -1), np.eye(length, dtype=np.float32)[steps]], axis=1)
