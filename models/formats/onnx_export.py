"""A model as a folder of ONNX files for plug-ins and other hosts: encoder, decoder step by step, and how to loop.

`manifest.json` says all that a host has to know, so that it needs nothing of this project.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.output_files import write_folder
from models.formats import onnx_decoders, onnx_encoders, onnx_grooves, onnx_history
from models.formats.onnx_graph import FILE_VERSION, OPERATOR_SET, Graph
from models.formats.onnx_meanings import controls_of, draw_of, values_of
from models.numpy_engine import grooves

if TYPE_CHECKING:
    from catalog.config import Config

MANIFEST, VERSION = "manifest.json", 1
NAMES = ("encoder", "decoder_start", "decoder_step", "typical")
"""Names of the graphs, not all of which every model has."""


def write(
    folder: Path, config: "Config", weights: Mapping[str, np.ndarray], temperature: float
) -> dict[str, int]:
    """Write a model's ONNX files and manifest; a folder of an earlier export is replaced.

    Args:
        folder: to write.
        config: one that `onnx_meanings.why_not` has nothing against.
        weights: float32 arrays by their names in a checkpoint.
        temperature: at which the model is played where none is asked for.

    Returns:
        Bytes of each file by its name.

    Raises:
        InputError, OutputError: where the folder can't be written.
    """
    files, manifest = packaged(config, weights, temperature)
    text = json.dumps(manifest, indent=1).encode() + b"\n"
    files |= {MANIFEST: text}
    write_folder(folder, files, {MANIFEST, *(f"{name}.onnx" for name in NAMES)})
    return {name: len(data) for name, data in files.items()}


def packaged(
    config: "Config", weights: Mapping[str, np.ndarray], temperature: float
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The ONNX files by name, and the manifest; arguments as for `write`."""
    if config.family == "history_drums":
        decoder = onnx_history.decoder(config, weights)
    elif grooves.supports(config):
        decoder = onnx_grooves.decoder(config, weights)
    else:
        decoder = onnx_decoders.decoder(config, weights)
    graphs: dict[str, Graph] = {"decoder_start": decoder.start, "decoder_step": decoder.step}
    if config.hparams.z_size and any(name.startswith("encoder/") for name in weights):
        graphs = {"encoder": onnx_encoders.encoder(config, weights)} | graphs
    if grooves.supports(config):
        graphs["typical"] = onnx_grooves.typical(config, weights)
    converter = config.build_converter()
    manifest = {
        "format": "music-vae-keras/onnx",
        "version": VERSION,
        "model": config.name,
        "onnx": {"operator_set": OPERATOR_SET, "file_version": FILE_VERSION},
        "steps": config.hparams.max_seq_len,
        "steps_per_bar": converter.steps_per_bar,
        "steps_per_quarter": converter.steps_per_quarter,
        "z_size": config.hparams.z_size,
        "files": {name: {"file": f"{name}.onnx", **graph.facts} for name, graph in graphs.items()},
        "shapes": "n is the number of clips, which are independent of one another",
        "loop": _loop(decoder),
        "temperature": temperature,
        "draw": draw_of(config),
        "values": values_of(config),
        "controls": controls_of(config),
    }
    return {f"{name}.onnx": graph.to_bytes() for name, graph in graphs.items()}, manifest


def _loop(decoder: onnx_decoders.Decoder) -> dict[str, Any]:
    """How a host runs the decoder."""
    prepared = {row["name"] for row in decoder.start.facts["outputs"]}
    given = {row["name"] for row in decoder.start.facts["inputs"]}
    carried = {row["input"] for row in decoder.carried}
    inputs = [row["name"] for row in decoder.step.facts["inputs"]]
    return {
        "how": "Run decoder_start once for a clip. Then run decoder_step for step = 0, 1, ... up to steps - 1: "
        "give it the inputs under `constant` as they were given to or came out of decoder_start, and hand each "
        "output under `carried` to its input in the next step. `first` is what that input gets at step 0: a number "
        "that fills it, or the name of an output of decoder_start. The clip is the `value` of every step. "
        "To keep a value that is known, or to draw in a way of your own, hand on another value than the one drawn.",
        "constant": [name for name in inputs if name in prepared | given and name not in carried],
        "carried": decoder.carried,
        "each_step": [name for name in inputs if name in ("step", "uniforms", "temperature")],
    }
