"""PyTorch models of FortsAndMills/MusicGeneration as weights of our piano models.

A model there is two state dicts, a generator of pitch classes and a decoder from these to keys, perhaps with
velocities: `torch.save(model.state_dict(), "generator.pt")`. Which config they belong to is read off the names and
shapes of their tensors. PyTorch loads the files, with `weights_only`, so that no code in them runs; exports of the
same tensors as `.safetensors` need no PyTorch. The weights of that project are not part of this one: they have no
licence.

Both read the same of a piece. Its clock shows t where frame t is the input and t + 1 is predicted; ours shows the
position of the frame to predict less one. Its history holds the input frame at lag 1 and is read at lags of 4 to 128;
ours are 3 to 127 frames before the input frame. One thing differs: it makes pitch classes of the lowest 84 keys, and
this project of all 88.
"""

import dataclasses
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from catalog.config import Config, frozen
from catalog.piano import PIANO_CONFIGS
from common.errors import CheckpointError
from common.extras import install_line
from common.wording import number_of
from models.formats.ours import read_safetensors
from models.layers.conventions import FORGET_BIAS

Array = np.ndarray
Tensors = dict[str, Array]

SUFFIXES = (".pt", ".pth")
MAGIC = (b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
"""How PyTorch's files begin: with a zip archive, or before version 1.6 with a pickled number."""

RAW_VELOCITIES = 128.0
"""The first velocity models there read MIDI velocities as they are, ours read them divided by this."""

_LSTM_TENSOR = re.compile(r"^(?P<layer>.*)\.(?P<tensor>(weight|bias)_(ih|hh))(_l0)?$")
_DENSE_TENSOR = re.compile(r"^(?P<layer>.*)\.(?P<tensor>weight|bias)$")


class Part(NamedTuple):
    """A layer of the original models, and its place among our weights.

    Attributes:
        theirs: its name there, the last words of its tensors' names.
        ours: the beginning of our weights' names.
        shapes: of its tensors, by what their names end with; "" for a tensor alone.
    """

    theirs: str
    ours: str
    shapes: dict[str, tuple[int, ...]]


def _lstm(theirs: str, ours: str, inputs: int, units: int) -> Part:
    shapes = {"weight_ih": (4 * units, inputs), "weight_hh": (4 * units, units)}
    return Part(theirs, f"{ours}/lstm_cell", shapes | {"bias_ih": (4 * units,), "bias_hh": (4 * units,)})


def _dense(theirs: str, ours: str, inputs: int, outputs: int) -> Part:
    return Part(theirs, ours, {"weight": (outputs, inputs), "bias": (outputs,)})


# All inputs have the order of ours: classes before the clock, the local LSTM's outputs before what was read, features
# before what sounds before what is banned, classes before keys. The first 12 of the 24 outcomes say what sounds.
_VOICES = (
    _lstm("sampler.lstm", "output/sampler/voice", 154, 100),
    _dense("sampler.linear", "output/sampler/output", 100, 24),
)
GENERATORS: dict[str, tuple[Part, ...]] = {
    "piano-baseline": (
        _lstm("local_lstm", "reader/local/cell_0", 18, 100),
        _lstm("read_lstm", "reader/reader/cell_0", 18, 100),
        _dense("read_linear", "reader/attention", 100, 8),
        _lstm("aggregation_lstm", "reader/aggregator/cell_0", 112, 130),
        *_VOICES,
    ),
    "piano-latency": (
        _lstm("latency_lstm", "reader/latency/cell_0", 18, 216),
        _lstm("aggregation_lstm", "reader/aggregator/cell_0", 216, 130),
        *_VOICES,
    ),
}
"""The generators, by the config that has the same reader and sampler."""

_KEYS = _lstm("lstm", "keys/cell_0", 100, 100)
_MACHINE = (
    Part("W", "keys/rbm/weights", {"": (36, 88)}),
    _dense("v_bias_linear", "keys/visible", 100, 88),
    _dense("h_bias_linear", "keys/hidden", 100, 36),
)
_VELOCITIES = _dense("velocity_linear", "velocities/dense", 100, 88)
DECODERS: dict[str, tuple[Part, ...]] = {
    "independent": (_KEYS, _dense("linear", "keys/dense", 100, 88)),
    "rbm": (_KEYS, *_MACHINE),
    "rbm, with velocities of the same LSTM": (_KEYS, *_MACHINE, _VELOCITIES),
    "rbm, with velocities": (
        _KEYS._replace(theirs="decoder_lstm"),
        _lstm("velocity_lstm", "velocities/cell_0", 100, 100),
        *_MACHINE,
        _VELOCITIES,
    ),
}
"""The decoders; the first word is the name of our key decoder."""


class Fit(NamedTuple):
    """How a state dict fills the parts of a kind of model.

    Attributes:
        kind: a key of `GENERATORS` or `DECODERS`.
        found: the tensors of each part, by its name in the originals.
        problems: what does not fit, in words; empty where everything does.
    """

    kind: str
    found: dict[str, Tensors]
    problems: list[str]


# Reading files.


def is_torch_checkpoint(name: str | Path) -> bool:
    """Whether a flag names state dicts of PyTorch: a `.pt` or `.pth` file, an export, or two with a comma between."""
    return all(_is_torch_file(path) for path in _paths(name))


def _paths(name: str | Path) -> list[Path]:
    whole = Path(name).expanduser()
    return [whole] if whole.is_file() else [Path(part).expanduser() for part in str(name).split(",")]


def _is_torch_file(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.suffix == ".safetensors":
        return _is_export(path)
    if path.suffix not in SUFFIXES:
        return False
    with open(path, "rb") as file:
        return file.read(max(map(len, MAGIC))).startswith(MAGIC)


def _is_export(path: Path) -> bool:
    """Whether a safetensors file holds PyTorch's names, and not a checkpoint of ours, which has a header."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return not file.metadata() and any(_LSTM_TENSOR.match(name) for name in file.keys())  # noqa: SIM118
    except (OSError, SafetensorError):
        return False


def read(path: str | Path) -> Tensors:
    """The tensors of a state dict as float32 arrays by PyTorch's names.

    Args:
        path: a `.pt` or `.pth` file, or an export of its tensors as `.safetensors`.

    Raises:
        CheckpointError: where the file can't be read, PyTorch is missing, or a tensor is not of finite floating-point
            numbers.
    """
    path = Path(path).expanduser()
    arrays = _from_export(path) if path.suffix == ".safetensors" else _from_torch(path)
    if not arrays:
        raise CheckpointError(f"{path}: holds no tensors.")
    for name, array in arrays.items():
        if np.isnan(array).any():
            raise CheckpointError(
                f"{path}: '{name}' holds NaN, as the published baseline does, which was saved after its "
                "training had broken down; take another file."
            )
        if not np.isfinite(array).all():
            raise CheckpointError(f"{path}: '{name}' holds infinite numbers; its training had broken down.")
    return arrays


def _from_export(path: Path) -> Tensors:
    _, arrays = read_safetensors(path)
    for name, array in arrays.items():
        if not np.issubdtype(array.dtype, np.floating):
            raise CheckpointError(f"{path}: '{name}' is not a floating-point tensor.")
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def _from_torch(path: Path) -> Tensors:
    try:
        import torch
    except ImportError as error:
        raise CheckpointError(
            f"{path}: PyTorch's files need PyTorch; {install_line('torch')}, or export the tensors as .safetensors."
        ) from error
    try:
        tensors = torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        raise CheckpointError(f"{path}: can't be read ({error.strerror or error}).") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: is damaged, or holds more than tensors, which could run code; save model.state_dict()."
        ) from error
    except Exception as error:  # noqa: BLE001 - PyTorch raises many kinds on damaged files
        reason = str(error).partition(". ")[0] or type(error).__name__
        raise CheckpointError(f"{path}: can't be read as weights of PyTorch ({reason}).") from error
    if not isinstance(tensors, Mapping):
        raise CheckpointError(f"{path}: holds a {type(tensors).__name__}, not a state dict.")
    for name, tensor in tensors.items():
        if not (isinstance(tensor, torch.Tensor) and tensor.is_floating_point()):
            raise CheckpointError(
                f"{path}: '{name}' is not a floating-point tensor; save model.state_dict()."
            )
    return {str(name): tensor.detach().to(torch.float32).numpy() for name, tensor in tensors.items()}


# From tensors to weights.


def config_of(generator: Tensors, decoder: Tensors | None = None, source: str = "weights") -> Config:
    """The config that state dicts belong to.

    Args:
        generator: tensors as `read` gives them.
        decoder: the same; without one the config draws pitch classes alone, which can be scored but not played.
        source: where they come from, for messages.

    Returns:
        One of `CONFIG_MAP` where it has one.

    Raises:
        CheckpointError: naming what is missing, left over or of another shape.
    """
    reader = _best_fit(generator, GENERATORS, source).kind
    base = next(config for config in PIANO_CONFIGS if config.name == reader)
    parts = {name: part for name, part in base.decoder.items() if name != "keys"}
    kind = "classes" if decoder is None else _best_fit(decoder, DECODERS, source).kind
    if decoder is not None:
        parts["keys"] = {"name": kind.partition(",")[0]}
    if "velocities" in kind:
        parts["velocities"] = {}
    for config in PIANO_CONFIGS:
        if (config.encoder, config.converter, config.decoder) == (base.encoder, base.converter, parts):
            return config
    suffix = "velocity" if "velocities" in kind else {"rbm": "rbm_keys"}.get(kind, kind)
    description = f"{base.description}, with the PyTorch weights' decoder"
    return dataclasses.replace(
        base, name=f"{reader}-{suffix}", description=description, decoder=frozen(parts)
    )


def to_model_weights(
    generator: Tensors, decoder: Tensors | None, config: Config, source: str = "weights"
) -> dict[str, Array]:
    """Weights by the names of `FrameModel.named_weights`, float32.

    The first velocity models had one LSTM for keys and velocities, which heard MIDI velocities from 0 to 127. Each
    decoder of ours gets a copy of it, whose kernel multiplies by 128.

    Args:
        generator, decoder, source: as for `config_of`.
        config: with the reader and the decoders that the tensors are of.

    Raises:
        CheckpointError: where the tensors are of no model of the family, or of another than the config's.
    """
    check_parts(config_of(generator, decoder, source), config, source)
    fit = _best_fit(generator, GENERATORS, source)
    weights = _of_parts(GENERATORS[fit.kind], fit.found)
    if decoder is None:
        return weights
    fit = _best_fit(decoder, DECODERS, source)
    weights |= _of_parts(DECODERS[fit.kind], fit.found)
    if "same LSTM" in fit.kind:
        kernel = weights["keys/cell_0/lstm_cell/kernel"]
        kernel[12:100] *= np.float32(RAW_VELOCITIES)
        weights["velocities/cell_0/lstm_cell/kernel"] = kernel.copy()
        weights["velocities/cell_0/lstm_cell/bias"] = weights["keys/cell_0/lstm_cell/bias"].copy()
    return weights


def check_parts(found: Config, config: Config, source: str) -> None:
    """Refuse a config whose reader or decoders are others than those of the config that the tensors say.

    Raises:
        CheckpointError: naming both.
    """
    if _part_names(found) != _part_names(config):
        raise CheckpointError(f"{source}: is a model like {found.name}, of other parts than {config.name}.")


def load(name: str | Path) -> tuple[Config, dict[str, Array]]:
    """The config and the weights of the state dicts that a flag names: `generator.pt,decoder.pt`, or a generator alone.

    Raises:
        CheckpointError: where a file can't be read, or the tensors don't fit together.
    """
    paths = _paths(name)
    if len(paths) > 2:
        raise CheckpointError(
            f"{name}: names {number_of(len(paths), 'file')}; expected generator.pt,decoder.pt."
        )
    generator, *rest = (read(path) for path in paths)
    decoder = rest[0] if rest else None
    config = config_of(generator, decoder, str(name))
    return config, to_model_weights(generator, decoder, config, str(name))


def _part_names(config: Config) -> tuple[str, str, str | None, bool]:
    keys = config.decoder.get("keys") or {}
    velocities = config.decoder.get("velocities") is not None
    return config.encoder["name"], config.decoder["name"], keys.get("name"), velocities


def _best_fit(tensors: Tensors, kinds: Mapping[str, tuple[Part, ...]], source: str) -> Fit:
    """The kind of model whose parts the tensors fill.

    Raises:
        CheckpointError: what does not fit with the kind that comes nearest.
    """
    layers = _layers(tensors)
    fits = [_fit(kind, parts, layers) for kind, parts in kinds.items()]
    best = min(fits, key=lambda fit: len(fit.problems))
    if best.problems:
        what = "generator" if kinds is GENERATORS else "decoder"
        more = "" if len(best.problems) < 5 else f"; and {len(best.problems) - 4} more"
        problems = "; ".join(best.problems[:4]) + more
        raise CheckpointError(
            f"{source}: is not a {what} of the family; the nearest is {best.kind}: {problems}."
        )
    return best


def _layers(tensors: Tensors) -> dict[str, Tensors]:
    """Tensors by layer; each by what its name ends with, without "_l0"; a module's inner ".lstm" goes."""
    layers: dict[str, Tensors] = {}
    for name, array in tensors.items():
        match = _LSTM_TENSOR.match(name) or _DENSE_TENSOR.match(name)
        layer, tensor = (match["layer"], match["tensor"]) if match else (name, "")
        if layer.endswith("lstm.lstm"):
            layer = layer.removesuffix(".lstm")
        layers.setdefault(layer, {})[tensor] = array
    return layers


def _fit(kind: str, parts: tuple[Part, ...], layers: dict[str, Tensors]) -> Fit:
    """Fill parts by their names, then what is left by shapes that only one part and one layer have."""
    problems: list[str] = []
    chosen: dict[str, str] = {}
    for part in parts:
        named = [layer for layer in layers if layer == part.theirs or layer.endswith(f".{part.theirs}")]
        if len(named) > 1:
            problems.append(f"'{named[0]}' and '{named[1]}' could both be its {part.theirs}")
        if named:
            chosen[part.theirs] = named[0]
    open_parts = [part for part in parts if part.theirs not in chosen]
    spare = [layer for layer in layers if layer not in chosen.values()]
    for part in open_parts:
        alike = [layer for layer in spare if _shapes(layers[layer]) == part.shapes]
        rivals = [other for other in open_parts if other.shapes == part.shapes]
        if len(alike) == len(rivals) == 1:
            chosen[part.theirs] = alike[0]
        else:
            problems.append(f"its {part.theirs} is missing")
    for part in parts:
        shapes = _shapes(layers[chosen[part.theirs]]) if part.theirs in chosen else part.shapes
        if shapes != part.shapes:
            problems.append(f"'{chosen[part.theirs]}' has {_words(shapes)} instead of {_words(part.shapes)}")
    problems += [f"'{layer}' is left over" for layer in spare if layer not in chosen.values()]
    return Fit(kind, {theirs: layers[layer] for theirs, layer in chosen.items()}, problems)


def _shapes(tensors: Tensors) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in tensors.items()}


def _words(shapes: dict[str, tuple[int, ...]]) -> str:
    return " and ".join(f"{name} {list(shape)}".strip() for name, shape in sorted(shapes.items()))


def _of_parts(parts: tuple[Part, ...], found: dict[str, Tensors]) -> dict[str, Array]:
    weights = {}
    for part in parts:
        tensors = found[part.theirs]
        if "" in tensors:
            weights[part.ours] = tensors[""]
            continue
        kernel, bias = _of_lstm(tensors) if "weight_ih" in tensors else (tensors["weight"].T, tensors["bias"])
        weights |= {f"{part.ours}/kernel": kernel, f"{part.ours}/bias": bias}
    return {name: np.array(value, np.float32, order="C") for name, value in weights.items()}


def _of_lstm(tensors: Tensors) -> tuple[Array, Array]:
    """Kernel and bias of `models.layers.lstm.LSTM`: gates i, f, g, o become i, g, f, o, and the two biases one.

    Our LSTM adds the forget bias while computing, so here it is taken off.
    """
    kernel = np.concatenate([tensors["weight_ih"], tensors["weight_hh"]], axis=1).T
    bias = tensors["bias_ih"].astype(np.float64) + tensors["bias_hh"]
    i, f, g, o = np.split(np.concatenate([kernel, bias[None]]), 4, axis=1)
    f[-1] -= FORGET_BIAS
    ordered = np.concatenate([i, g, f, o], axis=1)
    return ordered[:-1], ordered[-1]
