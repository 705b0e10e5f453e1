"""A checkpoint of any kind as config and weights: ours, Magenta's, magenta.js's and PyTorch's, here or on the Hub.

Its files are read once. Whether the weights are those of the config is checked before anything is built of them.
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from catalog.config import Config
from common.errors import CheckpointError
from models.formats import hub, magenta_js, magenta_tf1, ours, torch, weight_check
from models.formats.ours import Checkpoint


@dataclass(frozen=True)
class OpenedCheckpoint:
    """A checkpoint's weights and the config that they fit.

    Attributes:
        config: of the model.
        weights: float32 arrays by name.
        source: where they come from, for messages: the file, or for other formats than ours the name that was given.
        step: training steps taken, 0 where the checkpoint does not say it.
        notes: anything else in the header of one of ours, such as the validation loss.
        is_own: whether the config is that of the checkpoint itself.
    """

    config: Config
    weights: dict[str, np.ndarray]
    source: str
    step: int = 0
    notes: dict[str, Any] = field(default_factory=dict)
    is_own: bool = True


def read_checkpoint(name: str) -> Checkpoint:
    """What a checkpoint of any kind holds, read once.

    Args:
        name: a checkpoint file, a run_dir (its best checkpoint, or else its newest), a shipped name, a checkpoint of
            Magenta's or magenta.js's, PyTorch's `generator.pt,decoder.pt`, or an address on the Hugging Face Hub
            (`models.formats.hub`).

    Returns:
        With `source` and `format` filled in, and `config` where the checkpoint says it or its tensors do.

    Raises:
        CheckpointError: where there is none, or it can't be read.
    """
    if hub.is_address(name):
        path = hub.fetch(name)
        return dataclasses.replace(ours.load(path), source=str(path))
    path = Path(name).expanduser()
    if torch.is_torch_checkpoint(name):
        config, weights = torch.load(name)
        return Checkpoint(weights, config.to_json(), source=name, format="PyTorch")
    if magenta_js.is_magenta_js(path):
        return dataclasses.replace(magenta_js.read(path), source=name, format="magenta.js")
    if magenta_tf1.is_magenta_checkpoint(name):
        return dataclasses.replace(magenta_tf1.read(path), source=name, format="Magenta")
    path, found = ours.load_named(name)
    return dataclasses.replace(found, source=str(path))


def open_checkpoint(name: str, config: Config | None = None) -> OpenedCheckpoint:
    """A checkpoint of any kind: its config and its weights, which are checked to fit.

    Args:
        name: as for `read_checkpoint`.
        config: the config that a flag names. Magenta's and magenta.js's checkpoints need one. One of ours carries its
            own, which wins (`weight_check.settled`); for PyTorch's tensors it can say what they do not, such as that
            the frames are of sounding keys.

    Raises:
        CheckpointError: where there is none, it can't be read, it does not say its config and none is given, or config,
            checkpoint and weights contradict one another.

    Example:
        >>> found = open_checkpoint("cat-mel_2bar_tiny")
        >>> found.config.name, found.config.hparams.z_size
        ('cat-mel_2bar_tiny', 64)
        >>> found.weights["encoder/mu/bias"].shape
        (64,)
    """
    found = read_checkpoint(name)
    if found.format in ("Magenta", "magenta.js") and config is None:
        raise CheckpointError(
            f"{name}: is a {found.format} checkpoint, which does not say its config; give --config."
        )
    if found.format == "PyTorch" and config is not None:
        torch.check_parts(Config.from_json(found.config), config, name)
        settled, is_own = config, False
    else:
        settled, is_own = weight_check.settled(config, found.config, found.source), bool(found.config)
    weight_check.check(settled, found.weights, found.source, is_own)
    return OpenedCheckpoint(settled, found.weights, found.source, found.step, found.notes, is_own)
