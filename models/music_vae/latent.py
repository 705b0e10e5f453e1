"""What a latent space is good for beyond sampling: grids, variations, arithmetic, filling in, finding neighbours.

The counterparts in Magenta are spread over its demos: `similar` and the two-dimensional `interpolate` of
magenta.js, the arithmetic of the MusicVAE paper (Roberts et al., "A Hierarchical Latent Vector Model for Learning
Long-Term Structure in Music", 2018). All of it runs in NumPy, on arrays and on a `models.music_vae.trained.TrainedModel`.
"""

import hashlib
import io
import math
import zipfile
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from common.errors import CheckpointError
from metrics import variational
from models.history_drums.trained import HistoryModel
from models.music_vae.trained import TrainedModel, slerp_at
from models.numpy_engine import decoding as numpy_model
from preprocess.example_check import reason_of_values
from preprocess.example_forms import NO_TOKEN

Array = np.ndarray

NOTHING_HAPPENS = 0
"""The token of a silent step of drums, and of a step of a melody at which nothing begins or ends."""


def grid(corners: Array, rows: int, columns: int) -> Array:
    """A sheet of latent vectors between four: slerps along the left and right sides, then slerps across.

    Args:
        corners: `[4, z_size]`: top left, top right, bottom left, bottom right.
        rows, columns: at least 1; with 1 the sheet is its top or left side.

    Returns:
        float32 `[rows, columns, z_size]`; its corners are exactly those given.
    """
    corners = np.asarray(corners, np.float32)
    down, across = np.linspace(0.0, 1.0, rows), np.linspace(0.0, 1.0, columns)
    left, right = slerp_at(corners[0], corners[2], down), slerp_at(corners[1], corners[3], down)
    sheet = np.stack([slerp_at(a, b, across) for a, b in zip(left, right, strict=True)])
    # The formula rounds; a corner is a clip that its owner knows.
    for corner, (row, column) in zip(corners, ((0, 0), (0, -1), (-1, 0), (-1, -1)), strict=True):
        if (row == 0 or rows > 1) and (column == 0 or columns > 1):
            sheet[row, column] = corner
    return sheet


def similar(z: Array, n: int, similarity: float, seed: int = 0) -> Array:
    """Latent vectors around one, by magenta.js's measure: 1 is the vector itself, 0 the prior.

    magenta.js mixes the vector with prior draws along the straight line, on which vectors get shorter than any
    that the decoder was trained on (to 0.71 of their length half way). Here the direction goes along the sphere
    and the length from that of the prior's draw to that of the vector.

    Args:
        z: `[z_size]`.
        n: how many.
        similarity: from 0 to 1.
        seed: of the prior's draws, those of `TrainedModel.prior_sample`.

    Returns:
        float32 `[n, z_size]`.

    Raises:
        ValueError: for a similarity outside of 0 to 1.
    """
    if not 0 <= similarity <= 1:
        raise ValueError(f"A similarity of {similarity} is not between 0 and 1.")
    z = np.asarray(z, np.float32)
    draws = [np.random.default_rng([seed, 0, i]).standard_normal(len(z), np.float32) for i in range(n)]
    if similarity in (0, 1):
        return np.stack([z] * n if similarity else draws)
    return np.stack([_towards(draw, z, similarity) for draw in draws])


def _towards(start: Array, end: Array, t: float) -> Array:
    """The vector at t of the way: direction by slerp, length in proportion."""
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) < 1e-6:
        return ((1 - t) * start + t * end).astype(np.float32)
    direction = slerp_at(start / lengths[0], end / lengths[1], np.array([t]))[0]
    return (direction * ((1 - t) * lengths[0] + t * lengths[1])).astype(np.float32)


def combine(vectors: Array, amounts: Array) -> Array:
    """Latent arithmetic: the sum of vectors `[n, z_size]` times amounts `[n]`; `a + (b - c)` has 1, 1, -1."""
    return (np.asarray(amounts, np.float64) @ np.asarray(vectors, np.float64)).astype(np.float32)


# Filling in.


@dataclass(frozen=True)
class Infill:
    """Clips that fill a hole, the likeliest to be right first.

    Attributes:
        values: `[n, steps, ...]`, all with the known steps as they were.
        z: the latent vector of each, float32 `[n, z_size]`.
        log_weights: importance of each in nats, float64 `[n]`.
        effective: how many equally important candidates these are worth, from 1 to n.
    """

    values: Array
    z: Array
    log_weights: Array
    effective: float


def check_infill(model: TrainedModel) -> None:
    """Refuse models whose steps can't be told apart by time, or that do not decode in NumPy.

    Raises:
        ValueError: saying why.
    """
    name, converter = model.config.name, model.converter
    if converter.output_form == "dense":
        raise ValueError(
            f"{name}: plays velocities and timing, which can't be imposed step by step; "
            "filling in takes a model of tokens."
        )
    if converter.segments:
        raise ValueError(
            f"{name}: its tokens are events and not steps of time, so no bar of it can be filled in."
        )
    if not model.z_size:
        raise ValueError(f"{name}: has no latent vector, so nothing can be filled in.")
    if not numpy_model.supports_decoder(model.config):
        raise ValueError(f"{name}: filling in is for models that decode in NumPy.")
    if isinstance(model, HistoryModel) and not model.fills_in:
        raise ValueError(
            f"{name}: keeps each bar in a slice of z of its own, and so can't tell what belongs in an empty one; "
            "histdec-drum_4bar fills in."
        )


def infill(
    model: TrainedModel,
    example: Any,
    hole: Array,
    n: int = 32,
    temperature: float | None = 1.0,
    seed: int = 0,
) -> Infill:
    """Renew some steps of a clip, so that they fit the others, which stay.

    Latent vectors are drawn from the posterior of the clip with the hole blanked. A blank is what stands for
    "nothing happens" and not NO_TOKEN: the encoder has never seen a row of zeros amid a clip, but has seen rests
    (for drums that are read as a roll both are the same).

    Still, that posterior is of a clip with a rest in it. So each candidate (a vector, and what it plays in the
    hole, the known steps imposed) is weighed by how well it explains the known steps: `p(known | z, hole so far)
    p(z) / q(z)`, its importance as a draw from the model given what is known. The candidates are returned in the
    order of draws by importance without replacement (the Gumbel trick), the first being the choice; with
    temperature None in the order of importance itself.

    A model that was trained around known hits (`HistoryModel.fills_in`) needs none of this: it is told what stays,
    before and after the hole, and its draws are all equally likely to be right. It hears no z, which is given as 0.

    Args:
        model: of tokens.
        example: a converter's example of the clip.
        hole: boolean `[max_length]`, true at the steps to renew; what lies behind the clip's end is ignored.
        n: candidates.
        temperature: of the draws in the hole; None takes the likeliest.
        seed: of all draws.

    Raises:
        ValueError: for other models, or where no step of the clip is to be renewed or to stay.
    """
    check_infill(model)
    batch = model.config.batch_of([example])
    length = min(int(batch["lengths"][0]), model.max_length)
    inside = np.arange(model.max_length) < length
    hole = np.asarray(hole, bool) & inside
    if not hole.any() or hole[:length].all():
        raise ValueError(f"Some of the clip's {length} steps must be renewed, and some must stay.")
    truth, controls = _known_values(batch), batch.get("controls")
    if isinstance(model, HistoryModel):
        return _infill_by_itself(model, truth, inside & ~hole, n, temperature, seed, length)
    known = np.where(_beside(hole | ~inside, truth), NO_TOKEN, truth.astype(np.int32))
    known = np.repeat(known, n, axis=0)
    z, log_ratio = _draw_around(model, batch, hole, n, seed)
    values = model.decode_values(z, temperature, seed, controls=controls, known=known)
    nats = model.log_probability(z, values, controls)
    log_weights = nats[:, inside & ~hole].astype(np.float64).sum(axis=1) + log_ratio
    noise = np.random.default_rng([seed, 6]).gumbel(size=n) if temperature is not None else 0.0
    order = np.argsort(-(log_weights + noise), kind="stable")
    weights = np.exp(log_weights - log_weights.max())
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return Infill(values[order][:, :length], z[order], log_weights[order], effective)


CONSENSUS_DRAWS, CONSENSUS_TEMPERATURE, CONSENSUS_SHARE = 32, 0.7, 0.45
"""What stands for "the likeliest" where a model fills in by itself: the hits that enough of its draws have in common.

Token by token the likeliest would go wrong together once it has gone wrong; the consensus is nearer to what a drummer
plays there (F1 of the hits on Groove's validation split, docs/figures.md).
"""


def _infill_by_itself(
    model: HistoryModel, truth: Array, stays: Array, n: int, temperature: float | None, seed: int, length: int
) -> Infill:
    """`infill` by a decoder that is told which steps of a clip stay."""
    draws = n if temperature is not None else CONSENSUS_DRAWS
    known = np.repeat(np.maximum(truth, NOTHING_HAPPENS), draws, axis=0)
    z = np.zeros((draws, model.z_size), np.float32)
    controls = model.given(draws, known, np.broadcast_to(stays, known.shape), uses_z=False)
    values = model.decode_values(z, temperature or CONSENSUS_TEMPERATURE, seed, controls=controls)
    if temperature is None:
        common = model.layout.bits(values).mean(axis=0) > CONSENSUS_SHARE
        tokens = (common @ (1 << np.arange(model.layout.drums))).astype(np.int32)
        values, z = np.repeat(tokens[None], n, axis=0), np.repeat(z[:1], n, axis=0)
    return Infill(values[:, :length], z, np.zeros(n), float(n))


def _draw_around(
    model: TrainedModel, batch: dict[str, Array], hole: Array, n: int, seed: int
) -> tuple[Array, Array]:
    """Draws of z from the posterior with the hole blanked, and `log p(z) - log q(z)` of each in nats."""
    blanked = np.where(_beside(hole, batch["inputs"]), NOTHING_HAPPENS, batch["inputs"])
    mu, sigma = model.posterior({**batch, "inputs": blanked.astype(batch["inputs"].dtype)})
    noise = np.random.default_rng([seed, 5]).standard_normal((n, model.z_size), np.float32)
    return mu + sigma * noise, variational.log_prior_over_posterior(noise, mu, sigma)


def _known_values(batch: dict[str, Array]) -> Array:
    return batch.get("outputs", batch["inputs"])


def _beside(mask: Array, values: Array) -> Array:
    """A mask `[steps]` in the shape of values `[1, steps, ...]`."""
    return mask.reshape(1, -1, *[1] * (values.ndim - 2))


# Many clips at once.


@dataclass(frozen=True)
class Embedding:
    """The latent vectors of a set of clips, as an .npz file holds them.

    Attributes:
        mu, sigma: means and standard deviations of the posteriors, float32 `[n, z_size]`.
        names: the file that each clip comes from, `[n]`.
        clips: which clip of its file it is, from 0, int32 `[n]`.
        values: what the decoder would have to play for it, `[n, steps, ...]`, in the compact form.
        lengths: steps of each, int32 `[n]` or `[n, segments]`.
        config: the config's name.
        encoder: `fingerprint` of the model; latent vectors of different encoders have nothing in common.
    """

    mu: Array
    sigma: Array
    names: Array
    clips: Array
    values: Array
    lengths: Array
    config: str
    encoder: str

    def to_bytes(self) -> bytes:
        """The bytes of the .npz file."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{f.name: getattr(self, f.name) for f in fields(self)})
        return buffer.getvalue()

    def check(self, model: TrainedModel) -> None:
        """Refuse another model's embedding, and values that the model does not play.

        Raises:
            CheckpointError: naming both, or what is wrong.
        """
        if self.encoder != fingerprint(model):
            raise CheckpointError(
                f"The embedding was made with another checkpoint (of {self.config}) than {model.source} "
                f"(of {model.config.name}); make it again."
            )
        form, depths = model.converter.output_form, tuple(model.converter.output_depths)
        flat = self.values.reshape(-1, *self.values.shape[2:])
        if self.mu.shape[1] != model.z_size or reason_of_values(flat, form, depths, is_input=False):
            raise CheckpointError(
                f"The embedding holds other clips or latent vectors than {model.config.name} has; make it again."
            )


def load_embedding(data: bytes, source: str) -> Embedding:
    """The inverse of `Embedding.to_bytes`; `source` is named where it fails.

    Raises:
        CheckpointError: where the bytes are no such file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {f.name: archive.getinfo(f"{f.name}.npy") for f in fields(Embedding)}
            size = sum(member.file_size for member in members.values())
            if size > max(LEAST_LIMIT, MOST_COMPRESSION * len(data)):
                raise ValueError(f"it claims to hold {size} bytes")
            found = Embedding(**{name: _npy(archive.read(member)) for name, member in members.items()})
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise CheckpointError(f"{source}: is no array file of explore.py embed ({error}).") from error
    except Exception as error:  # zipfile and zlib have errors of their own
        raise CheckpointError(f"{source}: is damaged ({type(error).__name__}: {error}).") from error
    wrong = _misshapen(found)
    if wrong:
        raise CheckpointError(f"{source}: is no array file of explore.py embed (its {wrong}).")
    return replace(found, config=str(found.config), encoder=str(found.encoder))


MOST_COMPRESSION, LEAST_LIMIT = 50, 64 * 2**20
"""An .npz file may hold so many times its own size, or so many bytes; latent vectors hardly compress at all."""


def _npy(data: bytes) -> Any:
    """An array of a .npy file whose data are as long as its header says.

    Raises:
        ValueError: where they are not, or it is no such file.
    """
    file = io.BytesIO(data)
    read_header = np.lib.format.read_array_header_2_0
    if np.lib.format.read_magic(file) == (1, 0):
        read_header = np.lib.format.read_array_header_1_0
    shape, _, dtype = read_header(file)
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"an array of shape {list(shape)} has {len(data) - file.tell()} bytes")
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _misshapen(e: Embedding) -> str:
    """Which array of an embedding is not as it should be, and how; nothing where all are."""
    clips = e.mu.shape[0] if e.mu.ndim == 2 else -1
    lengths_fit = e.lengths.ndim in (1, 2) and e.lengths.dtype.kind == "i" and e.values.ndim in (2, 3)
    fits = {
        "mu": clips > 0 and e.mu.dtype.kind == "f" and np.isfinite(e.mu).all(),
        "sigma": e.sigma.shape == e.mu.shape and e.sigma.dtype.kind == "f" and np.isfinite(e.sigma).all(),
        "names": e.names.shape == (clips,) and e.names.dtype.kind == "U",
        "clips": e.clips.shape == (clips,) and e.clips.dtype.kind == "i",
        "values": e.values.ndim in (2, 3) and len(e.values) == clips and e.values.dtype.kind in "iufb",
        "lengths": lengths_fit
        and len(e.lengths) == clips
        and e.lengths.min() >= 0
        and (e.lengths.ndim == 2 or e.lengths.max() <= e.values.shape[1]),
        "config": np.shape(e.config) == () and np.asarray(e.config).dtype.kind == "U",
        "encoder": np.shape(e.encoder) == () and np.asarray(e.encoder).dtype.kind == "U",
    }
    for name, is_right in fits.items():
        if not is_right:
            array = np.asarray(getattr(e, name))
            return f"{name} is {array.dtype} {list(array.shape)}, or holds what it can't"
    return ""


def embed(model: TrainedModel, examples: Any) -> Embedding:
    """The latent vectors of all clips of an `ExampleSet` (`preprocess.dataset`)."""
    mu, sigma = model.posterior(examples.batch(slice(None)))
    values = examples.inputs if examples.outputs is None else examples.outputs
    return Embedding(
        mu=mu,
        sigma=sigma,
        names=np.array(examples.source_names)[examples.sources],
        clips=_numbers_within(examples.sources),
        values=values,
        lengths=examples.lengths,
        config=model.config.name,
        encoder=fingerprint(model),
    )


def _numbers_within(sources: Array) -> Array:
    """How many times each source has come before, int32 `[n]`."""
    order = np.argsort(sources, kind="stable")
    ordered = sources[order]
    numbers = np.empty(len(sources), np.int32)
    numbers[order] = np.arange(len(sources)) - np.searchsorted(ordered, ordered)
    return numbers


def fingerprint(model: TrainedModel) -> str:
    """Sixteen letters that differ between encoders."""
    digest = hashlib.sha256()
    for name in sorted(name for name in model.weights if name.startswith("encoder/")):
        digest.update(name.encode() + np.ascontiguousarray(model.weights[name], np.float32).tobytes())
    return digest.hexdigest()[:16]


def distances(z: Array, pool: Array) -> dict[str, Array]:
    """How far vectors `[m, z_size]` are from one, float64 `[m]` each.

    Returns:
        `cosine`: 1 less the cosine of the angle (1 where a vector is zero), and `euclidean`.
    """
    z, pool = np.asarray(z, np.float64), np.asarray(pool, np.float64)
    lengths = np.linalg.norm(pool, axis=1) * np.linalg.norm(z)
    cosines = np.divide(pool @ z, lengths, out=np.zeros(len(pool)), where=lengths > 0)
    return {"cosine": 1 - cosines, "euclidean": np.linalg.norm(pool - z, axis=1)}


def principal_components(x: Array, n: int = 2) -> tuple[Array, Array]:
    """The coordinates of vectors `[m, z_size]` along their directions of greatest variance, and its shares.

    Returns:
        float64 `[m, n]`, and the share of the variance along each, float64 `[n]`; zeros where there are fewer
        directions. The largest part of each direction is positive, so that the picture of a set is the same
        everywhere.
    """
    centred = np.asarray(x, np.float64) - np.mean(x, axis=0, dtype=np.float64)
    _, scales, directions = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    shares = scales**2 / max(float((scales**2).sum()), np.finfo(float).tiny)
    missing = max(0, n - len(scales))
    coordinates = np.pad(centred @ directions[:n].T, ((0, 0), (0, missing)))
    return coordinates, np.pad(shares[:n], (0, missing))
