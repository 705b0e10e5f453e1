"""The latent vectors of many clips: a file of them, the nearest to one, and a map of them all."""

import hashlib
import io
import math
import zipfile
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from common.errors import CheckpointError
from models.music_vae.codec import Codec
from preprocess.dataset import ExampleSet
from preprocess.example_check import reason_of_values

Array = np.ndarray


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

    def check(self, model: Codec) -> None:
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
        CheckpointError: where the bytes are not such a file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {f.name: archive.getinfo(f"{f.name}.npy") for f in fields(Embedding)}
            size = sum(member.file_size for member in members.values())
            if size > max(LEAST_LIMIT, MOST_COMPRESSION * len(data)):
                raise ValueError(f"it claims to hold {size} bytes")
            found = Embedding(**{name: _npy(archive.read(member)) for name, member in members.items()})
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise CheckpointError(f"{source}: is not an array file of explore.py embed ({error}).") from error
    except Exception as error:  # zipfile and zlib have errors of their own
        raise CheckpointError(f"{source}: is damaged ({type(error).__name__}: {error}).") from error
    wrong = _misshapen(found)
    if wrong:
        raise CheckpointError(f"{source}: is not an array file of explore.py embed (its {wrong}).")
    return replace(found, config=str(found.config), encoder=str(found.encoder))


MOST_COMPRESSION, LEAST_LIMIT = 50, 64 * 2**20
"""Limits of an .npz file: its arrays against its own size, and a size in bytes that is always allowed."""


def _npy(data: bytes) -> Any:
    """An array of a .npy file whose data are as long as its header says.

    Raises:
        ValueError: where they are not, or the bytes are not such a file.
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
    """Which array of an embedding has a wrong shape, type or value, in words; empty where none has."""
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


def embed(model: Codec, examples: ExampleSet) -> Embedding:
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
    """How often the source of each clip occurs before it, int32 `[n]`."""
    order = np.argsort(sources, kind="stable")
    ordered = sources[order]
    numbers = np.empty(len(sources), np.int32)
    numbers[order] = np.arange(len(sources)) - np.searchsorted(ordered, ordered)
    return numbers


def fingerprint(model: Codec) -> str:
    """Sixteen hexadecimal digits that identify the weights of an encoder."""
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
