"""Files of vectors: attributes of a latent space, and the embeddings of `explore.py embed`."""

import io
import json
import random
import struct
import zipfile
from functools import cache
from typing import Any

import numpy as np

from models.formats.ours import SHIPPED
from tests.fuzz.mutate import ODD_TEXTS, ODD_VALUES, mutate_bytes, mutate_json


@cache
def attributes_text() -> str:
    """The attribute vectors of a shipped model."""
    return next(SHIPPED.glob("*.attributes.json")).read_text(encoding="utf-8")


def attributes_file(rng: random.Random) -> str:
    """Attribute vectors of which a number, a vector, a name or the text is corrupted."""
    data = json.loads(attributes_text())
    way = rng.randrange(4)
    if way == 0:
        entry = data["attributes"][rng.choice(list(data["attributes"]))]
        key = rng.choice(list(entry))
        odd = (
            *ODD_VALUES,
            [1.0],
            [1.0] * 7,
            [[1.0]],
            [float("nan")] * len(entry["vector"]),
            ["a"] * len(entry["vector"]),
        )
        entry[key] = rng.choice(odd)
        return json.dumps(data)
    if way == 1:
        data["attributes"] = {rng.choice(ODD_TEXTS): v for v in data["attributes"].values()}
        return json.dumps(data)
    return mutate_json(rng, data)


def embedding_file(rng: random.Random) -> bytes:
    """An .npz of `explore.py embed` with an array missing, of another shape, dtype or content, or corrupted as a zip."""
    n, steps, z = 3, 64, 4
    arrays: dict[str, Any] = {
        "mu": np.zeros((n, z), np.float32),
        "sigma": np.ones((n, z), np.float32),
        "names": np.array(["a.mid", "b.mid", "b.mid"]),
        "clips": np.array([0, 0, 1], np.int32),
        "values": np.zeros((n, steps), np.int32),
        "lengths": np.full(n, steps, np.int32),
        "config": np.array("hierdec-drum_4bar_small"),
        "encoder": np.array("0123456789abcdef"),
    }
    if rng.random() < 0.6:
        name = rng.choice(list(arrays))
        array = arrays[name]
        odd = (
            np.zeros((0, z)), np.zeros(n), np.zeros((n + 1, z)), np.zeros((n, z, 2)), np.zeros(()), array.astype("U40"),
            np.array([1j] * n), np.array([b"a"] * n), np.array(["2026"] * n, "datetime64[Y]"), np.zeros(n, "i4,f4"),
            np.full(array.shape, np.nan) if array.dtype.kind == "f" else array[:1] if array.ndim else array,
            np.full((n, steps), 10**9), np.full((n, steps), -5), np.ones((n, steps), bool), np.full((n, steps), np.nan),
        )  # fmt: skip
        arrays[name] = rng.choice(odd)
    if rng.random() < 0.15:
        del arrays[rng.choice(list(arrays))]
    buffer = io.BytesIO()
    (np.savez_compressed if rng.random() < 0.7 else np.savez)(buffer, **arrays)
    data = buffer.getvalue()
    way = rng.randrange(6)
    if way == 0:
        return mutate_bytes(rng, data)
    if way == 1:
        return _odd_npz(rng, arrays)
    return data


def _odd_npz(rng: random.Random, arrays: dict[str, Any]) -> bytes:
    """A zip of arrays of which one has a header of its own: huge, an object's, or none."""
    out = io.BytesIO()
    chosen = rng.choice(list(arrays))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            content = buffer.getvalue()
            if name == chosen:
                shape = rng.choice(((10**6, 10**6), (2**40,), (-1,), (2**62, 4), (3, 4), (10**8,)))
                kind = rng.choice(("<f4", "<f8", "|O", "<U9999", "x", "<i4"))
                text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
                content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
                content += b"\0" * rng.choice((0, 48, 10**6, 10**8 if rng.random() < 0.02 else 100))
            archive.writestr(f"{name}.npy", content)
        if rng.random() < 0.2:
            archive.writestr(rng.choice(("../../x.npy", "/x.npy", "mu.npy")), b"")
    return out.getvalue()


def polyphonic_set(rng: random.Random) -> bytes:
    """A .mat file of pieces in frames, of which a split, a shape or a number is odd, or corrupted bytes."""
    from scipy.io import savemat

    def piece(frames: int = 8, keys: int = 88) -> np.ndarray:
        return (np.arange(frames * keys).reshape(frames, keys) % 7 == 0).astype(np.uint8)

    splits: dict[str, Any] = {}
    for name in ("traindata", "validdata", "testdata"):
        pieces = np.empty((1, 2), object)
        pieces[0, 0], pieces[0, 1] = piece(), piece(rng.choice((1, 4)))
        splits[name] = pieces
    if rng.random() < 0.6:
        odd = (
            piece(8, 87),
            piece(0),
            piece() * 2,
            piece() * np.nan,
            piece()[None],
            np.array(["a"]),
            np.zeros((0, 0)),
            7,
        )
        splits[rng.choice(list(splits))] = rng.choice((*odd, np.array([[piece(), "x"]], object)))
    if rng.random() < 0.15:
        del splits[rng.choice(list(splits))]
    buffer = io.BytesIO()
    savemat(buffer, splits, do_compression=rng.random() < 0.3)
    return mutate_bytes(rng, buffer.getvalue()) if rng.random() < 0.5 else buffer.getvalue()
