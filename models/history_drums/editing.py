"""Given clips in the latent space: vectors that are decoded to them as they are, and interpolations between two of them.

Interpolation is that of the MusicVAE paper (Roberts et al., 2018), along the sphere; even steps, exact ends and a second
model that takes part between them are ours. NumPy throughout.
"""

from typing import TypeGuard

import numpy as np

from models.history_drums.trained import HistoryModel
from models.music_vae.interpolation import slerp_at
from models.music_vae.trained import TrainedModel
from models.numpy_engine.history_drums import Voice, decode_together

Array = np.ndarray

RESOLUTION = 8
"""Points that `even_steps` decodes for each of its steps."""

BESIDE = 0.5
"""Weight, half way between two clips, of the model that knows what drummers play."""

ROUNDS, RATE = 8, 0.7
"""How often `refined` encodes what it has decoded, and the share of the difference that it adds."""


def refined(model: HistoryModel, tokens: Array) -> Array:
    """Latent vectors from which clips are decoded as exactly as the decoder can, at temperature 0.

    The first guess is the mean of the posterior. What is decoded from it is encoded in turn, and the difference is
    added: `z + RATE (mu(clip) - mu(decoded(z)))`, a few times; for each clip the vector is kept whose music differs in
    the fewest hits.

    Args:
        model: of drum tokens.
        tokens: int `[n, steps]`.

    Returns:
        float32 `[n, z_size]`.
    """
    lengths = np.full(len(tokens), tokens.shape[1])
    mu = model.posterior({"inputs": tokens, "lengths": lengths})[0]
    z, best = mu.copy(), mu.copy()
    fewest = np.full(len(tokens), np.inf)
    for _ in range(ROUNDS):
        played = model.decode_values(z, None)
        wrong = model.layout.bits(played ^ tokens).sum(axis=(1, 2))
        better = wrong < fewest
        best[better], fewest[better] = z[better], wrong[better]
        if not fewest.any():
            break
        again = model.posterior({"inputs": played, "lengths": lengths})[0]
        z = z + np.float32(RATE) * (mu - again)
    return best


def is_refined(model: TrainedModel) -> TypeGuard[HistoryModel]:
    """Whether `encoded` refines: with a drum model that edits, and does not fill in."""
    return isinstance(model, HistoryModel) and not model.fills_in


def is_player(model: TrainedModel) -> TypeGuard[HistoryModel]:
    """Whether it is a history drum model that also plays without z."""
    return isinstance(model, HistoryModel) and model.fills_in


def encoded(model: TrainedModel, batch: dict[str, Array]) -> Array:
    """The latent vectors of given clips, `[n, z_size]`: refined where the model is one that edits, else the means."""
    if is_refined(model):
        return refined(model, np.asarray(batch["inputs"], np.int64))
    return model.posterior(batch)[0]


def even_steps(
    model: TrainedModel,
    ends: Array,
    num_steps: int,
    temperature: float | None = 1.0,
    seed: int = 0,
    controls: Array | None = None,
    length: int | None = None,
    exact: Array | None = None,
    beside: HistoryModel | None = None,
    batch_size: int | None = None,
) -> Array:
    """An interpolation between two latent vectors in steps that each change the music by about as much.

    Along the sphere the decoded music changes little for a while and then much at once. So it is decoded at many points,
    with the same random numbers, and the steps are those points where the number of hits (or tokens) changed so far is
    nearest to an equal share of all changes.

    Args:
        model: of tokens or of real values; what is compared is whether values differ.
        ends: `[2, z_size]`, the vectors to interpolate between.
        num_steps: both ends included, at least 2.
        temperature, seed: of the draws.
        controls: as for `decode_values`, one clip's `[steps, depth]`.
        length: steps of a clip; the config's `max_seq_len` by default.
        exact: `[2, z_size]`, what the ends themselves are decoded from where that is not `ends` (`refined`); the
            difference fades within one step, since such vectors are far from any that is likely.
        beside: a model of the same drums that knows what drummers play, without z; with it `model` is one that edits.
            Its weight is up to BESIDE half way and 0 at the ends: between two clips lies much that nobody plays.
        batch_size: how many points are decoded at once; all of them by default. It changes only how much memory that
            takes.

    Returns:
        `[num_steps, steps, ...]` in the compact form.
    """
    places = np.linspace(0.0, 1.0, RESOLUTION * (num_steps - 1) + 1)
    z = slerp_at(ends[0], ends[1], places)
    z[0], z[-1] = ends
    if exact is not None:
        from_start = places[:, None] * (num_steps - 1)
        from_end = from_start[::-1]
        z += np.float32(np.maximum(1 - from_start, 0)) * (exact[0] - ends[0])
        z += np.float32(np.maximum(1 - from_end, 0)) * (exact[1] - ends[1])
    weights = 4 * BESIDE * places * (1 - places)

    def decoded(rows: slice) -> Array:
        if beside is not None:
            assert isinstance(model, HistoryModel), "the only kind that is played together with another"
            return _played_together(model, beside, z[rows], weights[rows], temperature, seed)
        repeated = None if controls is None else np.repeat(controls[None], len(z[rows]), axis=0)
        return model.decode_values(z[rows], temperature, seed, 0, length, repeated, alike=True)

    size = batch_size or len(z)
    values = np.concatenate([decoded(slice(first, first + size)) for first in range(0, len(z), size)])
    changes = _changes(values)
    way = np.concatenate([[0.0], np.cumsum(changes)])
    if not way[-1]:
        return values[::RESOLUTION].copy()
    wanted = np.linspace(0.0, way[-1], num_steps)
    # Of places with the same music the first counts; the last step is the end itself.
    chosen = np.abs(way[None] - wanted[:, None]).argmin(axis=1)
    chosen[-1] = len(places) - 1
    return values[chosen]


def _played_together(
    model: HistoryModel, beside: HistoryModel, z: Array, weights: Array, temperature: float | None, seed: int
) -> Array:
    """Tokens drawn from a model given z, mixed with another model by weights `[n]`; with the same random numbers for all."""
    n = len(z)
    weights = weights.astype(np.float32)
    nothing = np.zeros((n, beside.z_size), np.float32)
    voices = [
        Voice(model.player, z, model.given(n), 1 - weights),
        Voice(beside.player, nothing, beside.given(n, uses_z=False), weights),
    ]
    uniforms = None if temperature is None else model.uniforms(n, model.max_length, seed, alike=True)
    return decode_together(voices, uniforms, temperature or 1.0)


def _changes(values: Array) -> Array:
    """How much each of some clips differs from the one before, float64 `[n - 1]`: hits of tokens that differ, or values."""
    if values.ndim == 2 and np.issubdtype(values.dtype, np.integer):
        differ = values[1:] ^ values[:-1]
        return np.unpackbits(differ.astype("<u4").view(np.uint8), axis=1).sum(axis=1).astype(np.float64)
    return (values[1:] != values[:-1]).reshape(len(values) - 1, -1).sum(axis=1).astype(np.float64)
