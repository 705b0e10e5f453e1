"""Files of weights: safetensors, tars of TensorFlow 1 checkpoints and folders of magenta.js."""

import io
import json
import random
import struct
import tarfile
import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from models.formats.magenta_js import MANIFEST
from tests.fuzz.mutate import (
    ODD_FLOATS,
    ODD_INTEGERS,
    ODD_TEXTS,
    ODD_VALUES,
    mutate_bytes,
    mutate_json,
    nested,
)

SHAPES = ([], [0], [1], [-1], [2**31], [2**62, 2**62], [2, 2], ["4"], [1.5], [10**9, 0], None, "4", [1] * 40)
DTYPES = ("F32", "F16", "BF16", "F64", "I64", "U8", "BOOL", "F8_E4M3", "F4", "X", "", 1, None)


@dataclass(frozen=True)
class Files:
    """The files of a folder, by name; `data` is what a failure keeps."""

    files: dict[str, bytes]
    name: str = ""
    config: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        """All files as a zip."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in self.files.items():
                archive.writestr(name or "unnamed", content)
        return buffer.getvalue()

    def write(self, folder: Path) -> Path:
        """Write them; the path of the one that is named, or of the folder."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder / self.name if self.name else folder


# safetensors


def safetensors(header: Any, data: bytes, length: int | None = None) -> bytes:
    """The bytes of a file of that header, a value or JSON text."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", (len(text) if length is None else length) % 2**64) + text + data


SMALL = {
    "hierdec-drum_4bar_small": {"z_size": 4, "enc_rnn_size": [8], "dec_rnn_size": [8]},
    "cat-mel_2bar_tiny": {"z_size": 4, "enc_rnn_size": [8], "dec_rnn_size": [8]},
    "cat-drums_2bar_small": {"z_size": 4, "enc_rnn_size": [8], "dec_rnn_size": [8, 8]},
    "nade-drums_2bar_reduced": {"z_size": 4, "enc_rnn_size": [8], "dec_rnn_size": [8], "nade_num_hidden": 4},
    "groovae_2bar_humanize": {"z_size": 4, "enc_rnn_size": [8], "dec_rnn_size": [8]},
}


@cache
def small(name: str) -> tuple[dict[str, np.ndarray], str]:
    """A small model of that config: random weights, and its config as JSON."""
    import configs
    from models.formats.weight_check import shapes_of

    config = configs.CONFIG_MAP[name].with_hparams(SMALL[name])
    rng = np.random.default_rng(0)
    weights = {n: (0.5 * rng.standard_normal(s)).astype(np.float32) for n, s in shapes_of(config).items()}
    return weights, config.to_json()


def header_of(arrays: dict[str, np.ndarray], notes: dict[str, str]) -> tuple[dict[str, Any], bytes]:
    """The header and the data of a safetensors file."""
    header: dict[str, Any] = {"__metadata__": notes}
    data = bytearray()
    for name, array in arrays.items():
        content = array.astype("<f4").tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    return header, bytes(data)


def checkpoint_file(rng: random.Random) -> Files:
    """A checkpoint of ours with corrupted header, config, weights or bytes."""
    weights, config = small(rng.choice(list(SMALL)))
    arrays = {f"model/{name}": array for name, array in weights.items()}
    notes = {"config": config, "step": "7", "notes": "{}"}
    way = rng.randrange(10)
    if way < 3:
        notes["config"] = odd_config(rng, config)
    elif way == 3:
        notes = mutate_notes(rng, notes)
    elif way < 6:
        arrays = odd_arrays(rng, arrays)
    header, data = header_of(arrays, notes)
    if way == 6:
        header = odd_header(rng, header)
    content = safetensors(header, data)
    if way == 7:
        deep = nested(rng.choice((100, 3000, 100_000)), rng.choice("[{"))
        content = safetensors(f'{{"__metadata__": {{"config": "x"}}, "a": {deep}}}'.encode(), b"")
    elif way == 8:
        content = mutate_bytes(rng, content[: rng.choice((8, 100, 2000))]) + content[2000:]
    elif way == 9:
        text = json.dumps(header).encode()
        content = safetensors(text, data, len(text) + rng.choice((-1, 1, 100, *ODD_INTEGERS)))
    return Files({"model.safetensors": content}, "model.safetensors")


def mutate_notes(rng: random.Random, notes: dict[str, str]) -> dict[str, Any]:
    """The texts of a header, some of which are gone, odd, or no texts."""
    changed: dict[str, Any] = dict(notes)
    key = rng.choice(list(notes))
    way = rng.randrange(3)
    if way == 0:
        del changed[key]
    elif way == 1:
        changed[key] = rng.choice([t for t in ODD_TEXTS if "\ud800" not in t])
    else:
        changed[key] = nested(rng.choice((50, 2000, 100_000)), rng.choice("[{"))
    return changed


ODD_SIZES = (0, -1, 1, 3, 10**6, 10**9, 2**63, 1.5, "8", None, True)


def odd_config(rng: random.Random, config: str) -> str:
    """A config's JSON, of which a name, a size, a part or the whole is corrupted."""
    data = json.loads(config)
    way = rng.randrange(7)
    if way == 0:
        data["name"] = rng.choice(ODD_TEXTS)
        return json.dumps(data)
    if way == 1:
        name = rng.choice(list(data["hparams"]))
        odd = rng.choice((*ODD_SIZES, [8], [8, 8], [10**9], [0], [], *ODD_FLOATS))
        data["hparams"][name] = odd
        return json.dumps(data)
    if way == 2:
        part = rng.choice(("encoder", "decoder", "converter", "augmenter"))
        table = data[part]
        key = rng.choice(
            [*table, "name", "level_lengths", "core", "slice_bars", "steps_per_quarter", "pitch_classes"]
        )
        table[key] = rng.choice((*ODD_VALUES, [10**9, 4], [4, 16], [[36], [38]], "lstm", "hierarchical_lstm"))
        return json.dumps(data)
    if way == 3:
        import configs

        return configs.CONFIG_MAP[rng.choice(list(configs.CONFIG_MAP))].to_json()
    if way == 4:
        data["model"] = rng.choice(("frame_model", "x", *ODD_TEXTS))
        return json.dumps(data)
    return mutate_json(rng, data)


def odd_arrays(rng: random.Random, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights of which one is missing, of another shape, or not finite."""
    name = rng.choice(list(arrays))
    array = arrays[name].copy()
    way = rng.randrange(7)
    if way == 0:
        return {n: a for n, a in arrays.items() if n != name}
    if way == 1:
        array = array[: rng.choice((0, 1, len(array) // 2))]
    elif way == 2:
        array = np.repeat(array, 2, axis=rng.randrange(array.ndim))
    elif way == 3:
        array = array.ravel() if rng.random() < 0.5 else array.T.copy()
    elif way == 4:
        array.flat[rng.randrange(array.size)] = rng.choice((np.nan, np.inf, -np.inf))
    elif way == 5:
        array = np.full_like(array, rng.choice((np.nan, 0.0, 1e30, -1e38)))
    else:
        return arrays | {f"model/{rng.choice(('extra', '../../x', 'a' * 500))}": array}
    return arrays | {name: array}


def odd_header(rng: random.Random, header: dict[str, Any]) -> dict[str, Any]:
    """The header of a safetensors file with an odd shape, dtype or place of an array."""
    name = rng.choice([n for n in header if n != "__metadata__"])
    entry = dict(header[name])
    way = rng.randrange(4)
    if way == 0:
        entry["shape"] = rng.choice(SHAPES)
    elif way == 1:
        entry["dtype"] = rng.choice(DTYPES)
    elif way == 2:
        entry["data_offsets"] = rng.choice(
            ([0, 0], [0, 2**40], [-1, 4], [8, 4], [0], [2**63, 2**64 - 1], None)
        )
    else:
        entry = rng.choice(ODD_VALUES)
    return header | {name: entry}


# PyTorch's names


def torch_export(rng: random.Random) -> Files:
    """The tensors of a PyTorch generator as safetensors, some of them missing or of other shapes."""
    from models.formats.torch import GENERATORS

    arrays = {}
    for part in GENERATORS[rng.choice(list(GENERATORS))]:
        for name, shape in part.shapes.items():
            arrays[f"{part.theirs}.{name}_l0" if "_" in name else f"{part.theirs}.{name}"] = np.zeros(
                shape, np.float32
            )
    if rng.random() < 0.7:
        corrupted = odd_arrays(rng, {f"model/{n}": a for n, a in arrays.items()})
        arrays = {n.removeprefix("model/"): a for n, a in corrupted.items()}
    header, data = header_of(arrays, {})
    del header["__metadata__"]
    if rng.random() < 0.2:
        header = odd_header(rng, header)
    content = safetensors(header, data)
    return Files(
        {"generator.safetensors": mutate_bytes(rng, content) if rng.random() < 0.15 else content},
        "generator.safetensors",
    )


# magenta.js


@cache
def _exported() -> dict[str, bytes]:
    """A small folder of magenta.js: a few arrays in two shards."""
    rng = np.random.default_rng(0)
    arrays = {
        "encoder/mu/kernel": rng.standard_normal((16, 4)).astype("<f4"),
        "decoder/output_projection/kernel": rng.standard_normal((8, 10)).astype("<f4"),
        "decoder/output_projection/bias": np.zeros(10, "<f4"),
    }
    data = b"".join(a.tobytes() for a in arrays.values())
    weights = [{"name": n, "shape": list(a.shape), "dtype": "float32"} for n, a in arrays.items()]
    manifest = [{"paths": ["group1-shard1of2", "group1-shard2of2"], "weights": weights}]
    spec = {"type": "MusicVAE", "dataConverter": {"type": "DrumsConverter", "args": {"numSteps": 32}}}
    return {
        MANIFEST: json.dumps(manifest).encode(),
        "config.json": json.dumps(spec).encode(),
        "group1-shard1of2": data[:400],
        "group1-shard2of2": data[400:],
    }


def magenta_js_folder(rng: random.Random) -> Files:
    """A folder of magenta.js with a corrupted manifest, config or shard."""
    files = dict(_exported())
    if rng.random() < 0.2:
        files = {"manifest.json": b"", "a": b"\0" * 16, "config.json": b"{}"}
        old = {"encoder/a": {"filename": "a", "shape": [4]}}
        files["manifest.json"] = mutate_json(rng, old).encode(errors="replace")
    elif rng.random() < 0.7:
        manifest = json.loads(files[MANIFEST])
        way = rng.randrange(5)
        entry = rng.choice(manifest[0]["weights"])
        if way == 0:
            entry["shape"] = rng.choice(SHAPES)
        elif way == 1:
            entry["dtype"] = rng.choice(("int32", "float16", "uint8", "string", "bool", None, 3))
        elif way == 2:
            kind = rng.choice(("uint8", "uint16", "float16", "x", None))
            number = rng.choice((*ODD_FLOATS, "1", None, 0.1))
            entry["quantization"] = {"dtype": kind, "min": number, "scale": rng.choice((0.1, *ODD_FLOATS))}
        elif way == 3:
            manifest[0]["paths"][rng.randrange(2)] = rng.choice(
                (*ODD_TEXTS, "..", "../a", "/etc/passwd", None, 7)
            )
        files[MANIFEST] = (
            mutate_json(rng, manifest).encode(errors="replace") if way == 4 else json.dumps(manifest).encode()
        )
    else:
        name = rng.choice(list(files))
        if rng.random() < 0.2:
            del files[name]
        else:
            files[name] = mutate_bytes(rng, files[name])
    return Files(files)


# tars


@cache
def _tensorflow_files() -> dict[str, bytes]:
    """The files of a small TensorFlow 1 checkpoint."""
    import tempfile

    from models.formats import magenta_tf1 as magenta_checkpoint

    arrays = {"decoder/kernel": np.ones((4, 8), np.float32), "decoder/bias": np.zeros(8, np.float32)}
    with tempfile.TemporaryDirectory() as folder:
        magenta_checkpoint.write(Path(folder) / "model.ckpt-7", arrays, step=7)
        return {p.name: p.read_bytes() for p in Path(folder).iterdir()}


MEMBERS = (
    *(
        "../../x.index",
        "/tmp/x.index",
        "model.ckpt-7.index",
        "a/b/c/model.ckpt-9.index",
        "._model.ckpt-7.index",
    ),
    *(
        "model.ckpt-7.data-00000-of-00001",
        "checkpoint",
        "x" * 300 + ".index",
        "model.ckpt-99999999999999999999.index",
    ),
    *("\x1b[2J.index", "ключ.index", "a\nb.index", "readme.txt"),
)


def tar_file(rng: random.Random) -> Files:
    """A tar of a checkpoint with odd members, corrupted members or corrupted bytes; packed in one way or another."""
    files = dict(_tensorflow_files())
    mode = rng.choice(("w", "w", "w:gz", "w:bz2", "w:xz"))
    if rng.random() < 0.5:
        name = rng.choice(list(files))
        files[name] = (
            mutate_bytes(rng, files[name]) if rng.random() < 0.8 else b"\0" * rng.choice((0, 10, 10**6))
        )
    if rng.random() < 0.2:
        files["checkpoint"] = (
            f'model_checkpoint_path: "{rng.choice((*ODD_TEXTS, "../x", "model.ckpt-8"))}"\n'.encode(
                errors="replace"
            )
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            _add(archive, rng, f"{rng.choice(('', '', 'folder/', './'))}{name}", content)
        for _ in range(rng.choice((0, 0, 1, 2))):
            _add(archive, rng, rng.choice(MEMBERS), rng.randbytes(rng.choice((0, 30))), rng.random() < 0.4)
    data = buffer.getvalue()
    if rng.random() < 0.4:
        data = mutate_bytes(rng, data)
    return Files({"model.tar": data}, "model.tar")


def _add(archive: tarfile.TarFile, rng: random.Random, name: str, content: bytes, odd: bool = False) -> None:
    info = tarfile.TarInfo(name.replace("\0", ""))
    info.size = len(content)
    if odd:
        info.type = rng.choice(
            (
                tarfile.SYMTYPE,
                tarfile.LNKTYPE,
                tarfile.FIFOTYPE,
                tarfile.CHRTYPE,
                tarfile.DIRTYPE,
                tarfile.GNUTYPE_SPARSE,
            )
        )
        info.linkname = rng.choice(("/etc/passwd", "../../x", "model.ckpt-7.index", ""))
        info.size = 0 if info.type != tarfile.GNUTYPE_SPARSE else len(content)
    archive.addfile(info, io.BytesIO(content))
