"""What commands do with each family of models: a row a family, under the names of `models/families.py`."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from catalog.config import Config

if TYPE_CHECKING:
    from models.history_drums.trained import HistoryModel
    from models.music_vae.trained import TrainedModel
    from models.piano.trained import TrainedFrameModel
    from render.midi import Style
    from workflows.training.data import TrainingData


@dataclass(frozen=True)
class Workflows:
    """What commands do with a family, whose trained models are those of `models.families.Family.trained`.

    Attributes:
        training_data: a config's examples, from globs to train on and held-out ones; either may be None.
        evaluate: the report of `evaluate.py`, from its flags, a trained model and the files to write.
        sample: what `sample.py` draws and writes, from its flags, a trained model and the style of playback; returns what
            it says of them.
    """

    training_data: Callable[[Config, str | None, str | None], "TrainingData[Any]"]
    evaluate: Callable[[argparse.Namespace, Any, list[Path]], None]
    sample: Callable[[argparse.Namespace, Any, "Style"], str]


# Each workflow is imported when it is called: a command needs one of them, and some import Keras.


def _clips(config: Config, train: str | None, held_out: str | None) -> "TrainingData[Any]":
    from workflows.training.data import ClipData

    return ClipData(config, train, held_out)


def _beats(config: Config, train: str | None, held_out: str | None) -> "TrainingData[Any]":
    from workflows.training.data import BeatData

    return BeatData(config, train, held_out)


def _pieces(config: Config, train: str | None, held_out: str | None) -> "TrainingData[Any]":
    from workflows.training.data import PieceData

    return PieceData(config, train, held_out)


def _evaluate_clips(args: argparse.Namespace, model: "TrainedModel", files: list[Path]) -> None:
    from workflows.reporting import music_vae

    music_vae.evaluate(args, model, files)


def _evaluate_pieces(args: argparse.Namespace, model: "TrainedFrameModel", files: list[Path]) -> None:
    from workflows.reporting import piano

    piano.evaluate(args, model, files)


def _sample_clips(args: argparse.Namespace, model: "TrainedModel", style: "Style") -> str:
    from workflows import latent_clips

    return latent_clips.sample(args, model, style)


def _sample_beats(args: argparse.Namespace, model: "HistoryModel", style: "Style") -> str:
    from workflows.history_drums import playing

    return playing.sample(args, model, style)


def _sample_pieces(args: argparse.Namespace, model: "TrainedFrameModel", style: "Style") -> str:
    from workflows.piano import sampling

    return sampling.sample(args, model, style)


WORKFLOWS = MappingProxyType(
    {
        "music_vae": Workflows(_clips, _evaluate_clips, _sample_clips),
        "history_drums": Workflows(_beats, _evaluate_clips, _sample_beats),
        "frame_model": Workflows(_pieces, _evaluate_pieces, _sample_pieces),
    }
)


def of(config: Config) -> Workflows:
    """What commands do with the family of a config."""
    return WORKFLOWS[config.family]
