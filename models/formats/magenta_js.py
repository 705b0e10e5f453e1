"""Checkpoints of magenta.js, in and out, so that a model trained here plays in a browser.

Magenta's JavaScript library loads a folder over HTTP: `config.json` says what the model's data are,
`weights_manifest.json` which weights lie where in the shards beside it (TensorFlow.js's format). Variables have
Magenta's names and shapes, so weights pass unchanged. Which part of a model magenta.js builds follows from those
names and from the data converter (`music_vae/model.ts` of @magenta/music 1.23.1); `check_exportable` knows what it
can't build. Nothing here needs TensorFlow.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catalog.config import Config
from common.errors import CheckpointError, because, shown
from common.json_text import parse_json
from common.output_files import publish_folder, temporary_folder, write_atomically
from models.formats.ours import Checkpoint, as_weights

CONFIG, MANIFEST, OLD_MANIFEST = "config.json", "weights_manifest.json", "manifest.json"
SHARD_BYTES = 4 * 2**20
MAX_JSON_BYTES = 64 * 2**20

_STORED = {"float32": "<f4", "int32": "<i4", "float16": "<f2", "uint8": "u1", "uint16": "<u2"}
_OURS = re.compile(r"(config\.json|weights_manifest\.json|group\d+-shard\d+of\d+)")
_SAFE = re.compile(r"\w[\w. \-]{0,200}(/\w[\w. \-]{0,200}){0,3}", re.ASCII)
_SLOT = re.compile(r"(/Adam(_\d+)?|(^|/)beta[12]_power)$")
_CELL = "multi_rnn_cell/cell_0/lstm_cell"
_LEVEL = "encoder/hierarchical_level_{}/cell_0/bidirectional_rnn/{}/" + _CELL
_STAND_INS = "standIns"

# The converter of magenta.js by ours, the decoder that draws the notes, and whether input and output are rolls.
_TYPES = {
    ("drums", "categorical_lstm", True, False): "DrumsConverter",
    ("drums", "categorical_lstm", False, False): "DrumsOneHotConverter",
    ("drums", "nade_lstm", True, True): "DrumRollConverter",
    ("drums", "boolean_lstm", True, True): "DrumRollConverter",
    ("melody", "categorical_lstm", False, False): "MelodyConverter",
    ("trio", "split_lstm", False, False): "TrioConverter",
    ("groove", "groove_lstm", False, False): "GrooveConverter",
    ("performance", "categorical_lstm", False, False): "MultitrackConverter",
}
_CHORDS = {"triad": "TriadChordEncoder", "major_minor": "MajorMinorChordEncoder"}


def is_magenta_js(path: str | Path) -> bool:
    """Whether a path is a checkpoint of magenta.js: a folder with a manifest of weights, or that manifest."""
    return _manifest(path).is_file()


def _manifest(path: str | Path) -> Path:
    path = Path(path).expanduser()
    folder = path.parent if path.name in (MANIFEST, OLD_MANIFEST) else path
    return folder / (MANIFEST if (folder / MANIFEST).is_file() else OLD_MANIFEST)


def check_exportable(config: Config) -> None:
    """Raise a CheckpointError with the reason where magenta.js can't run a config's model."""
    for reason in (*_model_reasons(config), *_data_reasons(config)):
        raise CheckpointError(f"{config.name}: magenta.js can't run it, because {reason}.")


def _model_reasons(config: Config) -> Iterator[str]:
    encoder, decoder, sizes = config.encoder, config.decoder, config.hparams
    if encoder["name"] not in ("bidirectional_lstm", "hierarchical_lstm") or not sizes.z_size:
        yield f"it knows no '{encoder['name']}' encoder with a z of {sizes.z_size}"
    if (layers := len(sizes.enc_rnn_size)) > 1:
        yield f"it reads encoders of one layer only, and this one has {layers} (stacked bidirectional)"
    if len(set(sizes.dec_rnn_size)) > 1:
        yield f"it needs decoder layers of one size, not {', '.join(map(str, sizes.dec_rnn_size))}"
    if sizes.residual_encoder or sizes.residual_decoder:
        yield "it knows no residual layers"
    if decoder.get("preprocess_controls") and len(sizes.control_preprocessing_rnn_size) > 1:
        yield "it reads controls with one layer only"
    levels, heard = tuple(encoder.get("level_lengths", ())), decoder.get("disable_autoregression", False)
    if levels and len(levels) != 2:
        yield f"it reads hierarchical encoders of two levels only, and this one has {len(levels)}"
    if levels and levels[-1] != _segments(config):
        yield f"its encoder reads as many segments as the conductor makes, not {levels[-1]}"
    if _segments(config) and len(decoder["level_lengths"]) != 2:
        yield f"it knows one level of conductors, and this decoder has {len(decoder['level_lengths']) - 1}"
    if _segments(config) and not (heard is True or (heard and 0 in heard)):
        yield "its conductor does not hear what is played, and this one does (autoregression)"


def _data_reasons(config: Config) -> Iterator[str]:
    options = config.converter
    if _key(config) not in _TYPES:
        yield f"it has no model of '{options['name']}' data in this form with a '{_core(config)}' decoder"
    for option in ("add_end_token", "split_instruments", "hits_as_controls", "num_offset_bins"):
        if options.get(option):
            yield f"its converter does not know the option {option}"
    taps, fixed, humanize = (bool(options.get(n)) for n in ("tapify", "fixed_velocities", "humanize"))
    if taps != fixed and not humanize:
        yield "it leaves velocities out of tapped inputs, and of no others (tapify and fixed_velocities)"
    if options["name"] == "drums" and options.get("steps_per_quarter", 4) != 4:
        yield "it plays drums on sixteenths, and this model's steps are others"
    bars, hop = options.get("chunk_size_bars", 1), options.get("hop_size_bars", 1)
    if options["name"] == "performance" and not (_segments(config) and hop == bars):
        yield "it reads performances only where each track is a segment of a conductor"
    if options["name"] == "performance" and options.get("quarters_per_bar", 4) * bars != 4:
        yield "its performances are as long as their longest time shift, which is four quarters here"


def _key(config: Config) -> tuple[str, str, bool, bool]:
    rolls = (bool(config.converter.get(f"roll_{way}")) for way in ("input", "output"))
    return (config.converter["name"], _core(config), *rolls)


def _core(config: Config) -> str:
    """The name of the decoder that draws the notes."""
    core = config.decoder["core"] if config.decoder["name"] == "hierarchical_lstm" else config.decoder
    return core["name"] if isinstance(core, Mapping) else core


def _segments(config: Config) -> int:
    """Segments that a conductor makes; 0 without one."""
    return config.decoder["level_lengths"][0] if config.decoder["name"] == "hierarchical_lstm" else 0


def model_spec(config: Config) -> dict[str, Any]:
    """What `config.json` says: the data converter of magenta.js with its arguments; errors as in `check_exportable`."""
    check_exportable(config)
    options, kind, made = config.converter, _TYPES[_key(config)], config.build_converter()
    # A GrooVAE plays other pitches than those it was trained on; melodies have no drums.
    drums = made.inference_pitch_classes or made.pitch_classes
    drum_args = {"pitchClasses": [list(pitches) for pitches in drums]}
    melody_args = {"minPitch": options.get("min_pitch", 21), "maxPitch": options.get("max_pitch", 108)}
    melody_args["ignorePolyphony"] = not options.get("skip_polyphony", False)
    args: dict[str, Any] = {"numSteps": config.hparams.max_seq_len}
    args |= {"numSegments": _segments(config)} if _segments(config) else {}
    if kind == "MelodyConverter":
        args |= melody_args
    elif kind == "TrioConverter":
        args |= {"melArgs": melody_args, "bassArgs": melody_args, "drumsArgs": drum_args}
    elif kind == "MultitrackConverter":
        steps, bins = options.get("steps_per_quarter", 24), options.get("num_velocity_bins", 0)
        args |= {"minPitch": options.get("min_pitch", 0), "maxPitch": options.get("max_pitch", 127)}
        args |= {"stepsPerQuarter": steps, "totalSteps": 4 * steps, "numVelocityBins": bins}
    else:
        args |= drum_args
    if kind == "GrooveConverter":
        args |= {name: bool(options.get(name, False)) for name in ("humanize", "tapify")}
        args["stepsPerQuarter"] = options.get("steps_per_quarter", 4)
    spec: dict[str, Any] = {"type": "MusicVAE", "dataConverter": {"type": kind, "args": args}}
    chords = options.get("chord_encoding")
    spec |= {"chordEncoder": _CHORDS[chords]} if chords else {}
    spec |= {"conditionOnKey": True} if options.get("condition_on_key") else {}
    return spec | ({"useBooleanDecoder": True} if _core(config) == "boolean_lstm" else {})


def write(
    folder: Path, weights: Mapping[str, np.ndarray], config: Config, quantization: str | None = None
) -> bool:
    """Write a checkpoint that `new MusicVAE(url)` of magenta.js loads; it appears whole or not at all.

    magenta.js gives every model with a conductor a hierarchical encoder. For one whose encoder is flat, or that
    comes without encoder, stand-ins are written whose shapes fit nothing: it samples and decodes, and encoding
    fails with an error instead of giving a wrong answer. `config.json` names them, and `read` leaves them out.

    Args:
        folder: a new folder, or an earlier export, which is replaced.
        weights: float arrays by Magenta's names; the encoder's may be absent.
        config: the model's config.
        quantization: uint8 or uint16 for a quarter or half of the size; None keeps float32.

    Returns:
        Whether magenta.js can encode with it too.

    Raises:
        CheckpointError: where magenta.js can't run the model, a weight is missing or not finite, or the folder
            holds something else.
    """
    spec, stand_ins = model_spec(config), _stand_ins(config)
    folder = Path(folder).expanduser().resolve()
    # Only an earlier export is replaced, never somebody's other files.
    earlier = folder.is_dir() and all(_OURS.fullmatch(path.name) for path in folder.iterdir())
    if folder.exists() and not earlier:
        raise CheckpointError(f"{folder}: exists and is not a magenta.js checkpoint; name a new folder.")
    for name in _needed(weights, config):
        if name not in weights:
            raise CheckpointError(f"{config.name}: the weights lack '{name}', which magenta.js needs.")
    stand_ins = {name: array for name, array in stand_ins.items() if name not in weights}
    spec |= {_STAND_INS: sorted(stand_ins)} if stand_ins else {}
    arrays = {name: np.asarray(array, np.float32) for name, array in {**weights, **stand_ins}.items()}
    stored = [_stored(name, arrays[name], quantization) for name in sorted(arrays)]
    data = b"".join(values.tobytes() for _, values in stored)
    count = max(1, math.ceil(len(data) / SHARD_BYTES))
    paths = [f"group1-shard{i + 1}of{count}" for i in range(count)]
    files = {p: data[i * SHARD_BYTES : (i + 1) * SHARD_BYTES] for i, p in enumerate(paths)}
    manifest = [{"paths": paths, "weights": [entry for entry, _ in stored]}]
    files |= {MANIFEST: json.dumps(manifest).encode(), CONFIG: json.dumps(spec, indent=2).encode()}
    _write_folder(folder, files)
    return not stand_ins


def _stand_ins(config: Config) -> dict[str, np.ndarray]:
    """What magenta.js asks for before it builds the encoder; no input fits these kernels of one row."""
    names = {"encoder/mu": 1}
    for direction in ("fw", "bw"):
        flat = f"encoder/cell_0/bidirectional_rnn/{direction}/{_CELL}"
        levels = [_LEVEL.format(level, direction) for level in range(2)]
        names |= dict.fromkeys(levels if _segments(config) else [flat], 4)
    kernels = {f"{name}/kernel": np.zeros((1, units), np.float32) for name, units in names.items()}
    return kernels | {f"{name}/bias": np.zeros(units, np.float32) for name, units in names.items()}


def _needed(weights: Mapping[str, np.ndarray], config: Config) -> list[str]:
    """What magenta.js reads of the decoder, and of the encoder where there is any of it."""
    root, level = "core_decoder/" if _segments(config) else "", "decoder/hierarchical_level_0"
    splits = [f"core_decoder_{i}/" for i in range(3)] if _core(config) == "split_lstm" else [""]
    parts = [f"{level}/cell_0/lstm_cell", f"{level}/initial_state"] if root else []
    for split in splits:
        parts += [f"{root}{split}decoder/{n}" for n in (_CELL, "z_to_initial_state", "output_projection")]
    needed = [f"{part}/{kind}" for part in parts for kind in ("kernel", "bias")]
    if _core(config) == "nade_lstm":
        needed += [f"{root}decoder/nade/{name}" for name in ("w_enc", "w_dec_t")]
    if any(name.startswith("encoder/") for name in weights):
        flat = config.encoder["name"] == "bidirectional_lstm"
        needed += [name for name in _stand_ins(config) if not (flat and "hierarchical_level" in name)]
    return needed


def _stored(name: str, array: np.ndarray, quantization: str | None) -> tuple[dict[str, Any], np.ndarray]:
    """An array's entry in the manifest, and its values as they are stored.

    The steps of a quantized array are those of TensorFlow.js's converter: they span its values, moved by up to
    half a step where 0 lies between, so that 0 stays 0.
    """
    entry: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": "float32"}
    if not array.size or not np.isfinite(array).all():
        raise CheckpointError(f"'{name}' is empty or not finite; such a model can't be exported.")
    if quantization is None:
        return entry, array.astype(_STORED["float32"])
    values = array.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    steps = np.iinfo(quantization).max
    scale = (high - low) / steps or 1.0
    if low <= 0.0 <= high:
        low = 0.0 - round(-low / scale) * scale
    numbers = np.clip(np.rint((values - low) / scale), 0, steps)
    entry["quantization"] = {"dtype": quantization, "min": low, "scale": scale, "original_dtype": "float32"}
    return entry, numbers.astype(_STORED[quantization])


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files to a folder beside the target and move it there when it is complete."""
    with temporary_folder(folder) as partial:
        for name, content in files.items():
            write_atomically(partial / name, content)
        publish_folder(partial, folder)


@dataclass(frozen=True)
class _Entry:
    """One weight of a manifest: how its values are stored, and how they are scaled back."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    stored: np.dtype
    scale: float = 1.0
    minimum: float = 0.0

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.stored.itemsize

    def array(self, data: bytes) -> np.ndarray:
        """The values, float32 (int32 where the manifest says so)."""
        values = np.frombuffer(data, self.stored).reshape(self.shape)
        if self.stored.kind == "u":
            values = values.astype(np.float64) * self.scale + self.minimum
        return (np.rint(values) if self.dtype == "int32" else values).astype(self.dtype)


def read(folder: Path) -> Checkpoint:
    """The weights of a magenta.js checkpoint, or of its deeplearn.js predecessor with one file a variable.

    Neither says which of our configs it belongs to. `folder` may also be the manifest in it.

    Raises:
        CheckpointError: naming the file that is missing, damaged, of the wrong size or elsewhere.
    """
    manifest = _manifest(folder)
    if not manifest.is_file():
        raise CheckpointError(f"{folder}: holds no magenta.js checkpoint ({MANIFEST} or {OLD_MANIFEST}).")
    arrays = _arrays(manifest)
    spec = _json(manifest.with_name(CONFIG)) if manifest.with_name(CONFIG).is_file() else {}
    stand_ins = spec.get(_STAND_INS) if isinstance(spec, dict) else None
    for name in stand_ins if isinstance(stand_ins, list) else ():
        arrays.pop(str(name), None)
    # TensorFlow.js's converter keeps optimizer slots and counters unless it is told to leave them out.
    weights = {n: a for n, a in arrays.items() if a.dtype == np.float32 and not _SLOT.search(n)}
    if not weights:
        raise CheckpointError(f"{manifest}: names no weights.")
    return Checkpoint(as_weights(weights, str(manifest)))


def _groups(manifest: Path) -> Iterator[tuple[list[Path], list[_Entry]]]:
    """The files of each group of weights, and the entries that lie in them one after the other."""
    data = _json(manifest)
    if manifest.name == MANIFEST:
        for group in data:
            entries = [_entry(raw, manifest) for raw in group["weights"]]
            yield [_inside(name, manifest) for name in group["paths"]], entries
        return
    for name, raw in data.items():
        entry = {"name": name, "shape": raw["shape"], "dtype": "float32"}
        yield [_inside(raw["filename"], manifest)], [_entry(entry, manifest)]


def _arrays(manifest: Path) -> dict[str, np.ndarray]:
    """All arrays by name; a group's sizes are checked before anything of it is read."""
    try:
        groups = list(_groups(manifest))
    except (KeyError, TypeError, AttributeError, OverflowError, OSError, RuntimeError) as error:
        raise CheckpointError(f"{manifest}: is not a manifest of weights ({because(error)}).") from error
    arrays: dict[str, np.ndarray] = {}
    for shards, entries in groups:
        data, start = _joined(shards, sum(entry.nbytes for entry in entries), manifest), 0
        for entry in entries:
            if entry.name in arrays:
                raise CheckpointError(f"{manifest}: names the weight {shown(entry.name)} twice.")
            arrays[entry.name] = entry.array(data[start : start + entry.nbytes])
            start += entry.nbytes
    return arrays


def _json(path: Path) -> Any:
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_JSON_BYTES + 1)
        return parse_json(text) if len(text) <= MAX_JSON_BYTES else None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: can't be read as JSON ({error}).") from error


def _entry(raw: Mapping[str, Any], path: Path) -> _Entry:
    name, shape, dtype = raw["name"], raw["shape"], raw["dtype"]
    quantization = raw.get("quantization")
    stored = quantization["dtype"] if quantization else dtype
    sizes_fit = len(shape) <= 8 and all(type(size) is int and 0 < size < 2**31 for size in shape)
    if not isinstance(name, str) or not sizes_fit:
        raise CheckpointError(f"{path}: gives {shown(name)} the impossible shape {shown(shape)}.")
    known = ("uint8", "uint16", "float16") if quantization else ("float32", "int32")
    if dtype not in ("float32", "int32") or stored not in known:
        raise CheckpointError(
            f"{path}: {shown(name)} has the unknown dtype {shown(stored)} (of {shown(dtype)})."
        )
    scale, minimum = 1.0, 0.0
    if quantization and stored != "float16":
        scale, minimum = quantization["scale"], quantization["min"]
        if not all(type(number) in (int, float) and math.isfinite(number) for number in (scale, minimum)):
            raise CheckpointError(
                f"{path}: '{name}' is quantized by {shown(scale)} and {shown(minimum)}, not numbers."
            )
    return _Entry(name, tuple(shape), dtype, np.dtype(_STORED[stored]), scale, minimum)


def _inside(name: Any, manifest: Path) -> Path:
    """The file of that name beside the manifest, no matter what it says or links point to."""
    folder = manifest.parent
    path = folder / (name if isinstance(name, str) and _SAFE.fullmatch(name) else "..")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise CheckpointError(f"{manifest}: names {name!r:.80}, a path that leads elsewhere; refused.")
    return path


def _joined(paths: list[Path], expected: int, manifest: Path) -> bytes:
    """The bytes of all shards of a group, `expected` in number."""
    for path in paths:
        if not path.is_file():
            raise CheckpointError(f"{path}: is missing, though {manifest.name} names it.")
    sizes = [path.stat().st_size for path in paths]
    if sum(sizes) != expected:
        # All shards but a group's last are equally long, so another length shows which one is damaged.
        odd = [p for p, size in zip(paths[:-1], sizes, strict=False) if size != max(sizes)]
        path = (odd or paths[-1:] or [manifest])[0]
        kind = "short" if sum(sizes) < expected else "long"
        raise CheckpointError(f"{path}: too {kind}; its group needs {expected} bytes and has {sum(sizes)}.")
    return b"".join(path.read_bytes() for path in paths)
