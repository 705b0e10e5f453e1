"""Paths through the latent space: slerp between two vectors, a grid between four, variations of one, sums of several.

Slerp is the interpolation of the MusicVAE paper (Roberts et al., "A Hierarchical Latent Vector Model for Learning
Long-Term Structure in Music", 2018), and so is the arithmetic; grids and variations are the two-dimensional
`interpolate` and the `similar` of magenta.js. NumPy alone.
"""

import numpy as np

Array = np.ndarray


def slerp(start: Array, end: Array, num_steps: int) -> Array:
    """Spherical interpolation, both ends included: float32 `[num_steps, z_size]`.

    Shoemake's formula `(sin((1 - t) w) a + sin(t w) b) / sin w`, where w is the angle between the ends ("Animating
    Rotation with Quaternion Curves", 1985). Where they point in the same direction (equal ends included) or in opposite
    ones, the formula is 0 / 0, and the path is the straight line.

    Args:
        start, end: `[z_size]`.
        num_steps: at least 1; 1 gives the start alone.

    Example:
        >>> slerp(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 3).round(3).tolist()
        [[1.0, 0.0], [0.7070000171661377, 0.7070000171661377], [0.0, 1.0]]
    """
    return slerp_at(start, end, np.linspace(0.0, 1.0, num_steps))


def slerp_at(start: Array, end: Array, positions: Array) -> Array:
    """`slerp` at positions from 0 (the start) to 1 (the end): float32 `[positions, z_size]`."""
    t = np.asarray(positions, np.float64)[:, None]
    norms = np.linalg.norm(start) * np.linalg.norm(end)
    cosine = float(np.clip(np.dot(start, end) / norms, -1.0, 1.0)) if norms > 0 else 1.0
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-6:
        return ((1 - t) * start + t * end).astype(np.float32)
    way = np.sin((1 - t) * angle) * start + np.sin(t * angle) * end
    return (way / np.sin(angle)).astype(np.float32)


def grid(corners: Array, rows: int, columns: int) -> Array:
    """A grid of latent vectors between four: slerps along the left and right sides, then slerps across.

    Args:
        corners: `[4, z_size]`: top left, top right, bottom left, bottom right.
        rows, columns: at least 1; with 1 the grid is its top or left side.

    Returns:
        float32 `[rows, columns, z_size]`; its corners are exactly those given.
    """
    corners = np.asarray(corners, np.float32)
    down, across = np.linspace(0.0, 1.0, rows), np.linspace(0.0, 1.0, columns)
    left, right = slerp_at(corners[0], corners[2], down), slerp_at(corners[1], corners[3], down)
    found = np.stack([slerp_at(a, b, across) for a, b in zip(left, right, strict=True)])
    # Slerp rounds, and a corner that is a user's clip has to come back as it was.
    for corner, (row, column) in zip(corners, ((0, 0), (0, -1), (-1, 0), (-1, -1)), strict=True):
        if (row == 0 or rows > 1) and (column == 0 or columns > 1):
            found[row, column] = corner
    return found


def similar(z: Array, n: int, similarity: float, seed: int = 0) -> Array:
    """Variations of a latent vector, by magenta.js's measure: a similarity of 1 is the vector itself, 0 the prior.

    magenta.js mixes the vector with draws from the prior along a straight line, where vectors get shorter than those
    that the decoder was trained on (0.71 of their length halfway). Here the direction follows the sphere, and the
    length goes from that of the draw to that of the vector.

    Args:
        z: `[z_size]`.
        n: how many.
        similarity: from 0 to 1.
        seed: of the draws from the prior, which are those of `Codec.prior_sample`.

    Returns:
        float32 `[n, z_size]`.

    Raises:
        ValueError: for a similarity that is not between 0 and 1.
    """
    if not 0 <= similarity <= 1:
        raise ValueError(f"A similarity of {similarity} is not between 0 and 1.")
    z = np.asarray(z, np.float32)
    draws = [np.random.default_rng([seed, 0, i]).standard_normal(len(z), np.float32) for i in range(n)]
    if similarity in (0, 1):
        return np.stack([z] * n if similarity else draws)
    return np.stack([_towards(draw, z, similarity) for draw in draws])


def _towards(start: Array, end: Array, t: float) -> Array:
    """The vector at the fraction t of the path: direction by slerp, length in proportion."""
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) < 1e-6:
        return ((1 - t) * start + t * end).astype(np.float32)
    direction = slerp_at(start / lengths[0], end / lengths[1], np.array([t]))[0]
    return (direction * ((1 - t) * lengths[0] + t * lengths[1])).astype(np.float32)


def combine(vectors: Array, amounts: Array) -> Array:
    """Latent arithmetic: the sum of vectors `[n, z_size]` times amounts `[n]`, float32 `[z_size]`.

    Example:
        >>> a, b, c = np.eye(3)
        >>> combine(np.stack([a, b, c]), np.array([1, 1, -1])).tolist()  # a + b - c
        [1.0, 1.0, -1.0]
    """
    return (np.asarray(amounts, np.float64) @ np.asarray(vectors, np.float64)).astype(np.float32)
