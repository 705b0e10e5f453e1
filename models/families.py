"""The families of models: a row each that says how its models are built and loaded, and what they can't do.

Which row a config has follows from its parts (`Config.family`). What commands do with a family is in
`workflows/families.py`, under the same names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from catalog.config import Config
from catalog.history_drums import SAMPLING_TEMPERATURE
from common.errors import CheckpointError
from models.formats.opening import OpenedCheckpoint, open_checkpoint
from models.history_drums.trained import HistoryModel
from models.layers import startup
from models.music_vae.trained import TrainedModel
from models.piano.trained import TrainedFrameModel

Weights = dict[str, np.ndarray]
AnyTrained = TrainedModel | TrainedFrameModel

if TYPE_CHECKING:
    from models.history_drums.vae import HistoryVAE
    from models.music_vae.model import MusicVAE
    from models.piano.model import FrameModel

    AnyKeras = MusicVAE | FrameModel


@dataclass(frozen=True)
class Family:
    """A family of models.

    Attributes:
        name: as `Config.family` says it.
        build: the Keras model of a config with fresh weights, from a seed; `build_model` calls it.
        trained: a config, its weights, where they come from and a backend, as a model to play with; `open_model` calls it.
        temperature: of a config's model where none is asked for; `default_temperature` calls it.
        short_pieces_in_numpy: whether its Keras models play short pieces sooner on Keras's NumPy backend, which
            compiles nothing.
        mixed_precision: whether it trains in a precision other than float32.
        why_not_exported: why Magenta and magenta.js can't hold its models, for the end of a sentence that begins with
            the config's name; empty where they can.
    """

    name: str
    build: Callable[[Config, int], "AnyKeras"]
    trained: Callable[[Config, Weights, str, str | None], AnyTrained]
    temperature: Callable[[Config], float] = lambda config: 0.5
    short_pieces_in_numpy: bool = False
    mixed_precision: bool = True
    why_not_exported: str = ""


# Importing Keras takes seconds, so a model's classes are imported when one is built.


def _music_vae(config: Config, seed: int) -> "MusicVAE":
    from models.music_vae.build import music_vae

    return music_vae(config, seed)


def _history_vae(config: Config, seed: int) -> "HistoryVAE":
    from models.history_drums.build import history_vae

    return history_vae(config, seed)


def _frame_model(config: Config, seed: int) -> "FrameModel":
    from models.piano.build import frame_model

    return frame_model(config, seed)


def _history_temperature(config: Config) -> float:
    return SAMPLING_TEMPERATURE if config.augmenter.get("known_share") else 0.5


FAMILIES = MappingProxyType(
    {
        family.name: family
        for family in (
            Family("music_vae", _music_vae, TrainedModel),
            Family(
                "history_drums",
                _history_vae,
                HistoryModel,
                temperature=_history_temperature,
                why_not_exported="reads its own past, which no decoder of Magenta's or magenta.js's does",
            ),
            Family(
                "frame_model",
                _frame_model,
                TrainedFrameModel,
                # Cooler, piano falls silent, as most frames of most music are.
                temperature=lambda config: 1.0,
                short_pieces_in_numpy=True,
                mixed_precision=False,
                why_not_exported="is not a MusicVAE, and Magenta and magenta.js know no other models",
            ),
        )
    }
)


def of(config: Config) -> Family:
    """The family of a config's model."""
    return FAMILIES[config.family]


def default_temperature(config: Config) -> float:
    """The temperature at which a config's model is played where none is asked for."""
    return of(config).temperature(config)


def build_model(config: Config, seed: int = 0) -> "AnyKeras":
    """The Keras model of a config with fresh weights.

    Args:
        config: says the parts and their sizes.
        seed: of the initial weights, and of what training draws.

    Raises:
        ValueError: naming a part or a size that does not fit.

    Example:
        >>> from catalog.config_map import CONFIG_MAP
        >>> model = build_model(CONFIG_MAP["cat-mel_2bar_tiny"], seed=1)
        >>> f"{model.count_params():,}"
        '565,978'
    """
    startup.import_keras()
    return of(config).build(config, seed)


def open_model(name: str, config: Config | None = None, backend: str | None = None) -> AnyTrained:
    """The trained model of a checkpoint.

    Args:
        name: a checkpoint file, a run_dir, a shipped name, a checkpoint of Magenta's or magenta.js's, or PyTorch's
            `generator.pt,decoder.pt`.
        config: needed for Magenta's and magenta.js's checkpoints, which do not carry theirs; see `open_checkpoint`.
        backend: "numpy", "tensorflow" or "jax"; None for NumPy where it can run the model, else Keras as it is set up.

    Raises:
        InputError: where the backend can't be had, or can't run the model.
        CheckpointError: where there is none, or config, checkpoint and weights contradict one another.
    """
    return trained(open_checkpoint(name, config), backend)


def open_music_vae(name: str, config: Config | None = None, backend: str | None = None) -> TrainedModel:
    """The trained MusicVAE of a checkpoint, history drum models included; arguments as for `open_model`.

    Raises:
        CheckpointError: as `open_model`, and for a model of another family.
    """
    model = open_model(name, config, backend)
    if not isinstance(model, TrainedModel):
        raise CheckpointError(
            f"{model.source}: {model.config.name} plays frame after frame and has no latent vector; sample.py and "
            "evaluate.py take it."
        )
    return model


def trained(checkpoint: OpenedCheckpoint, backend: str | None = None) -> AnyTrained:
    """The trained model of an opened checkpoint; `backend` as for `open_model`."""
    make = of(checkpoint.config).trained
    return make(checkpoint.config, checkpoint.weights, checkpoint.source, backend)
