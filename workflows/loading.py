"""Loading the trained model that a command's flags name."""

import argparse
from typing import TYPE_CHECKING

import numpy as np

import configs
from common.errors import InputError
from models import families
from models.history_drums import editing
from models.layers import startup

if TYPE_CHECKING:
    from models.families import AnyTrained
    from models.history_drums.trained import HistoryModel
    from models.music_vae.trained import TrainedModel


def load_model(args: argparse.Namespace, default: str = configs.DEFAULT_CONFIG) -> "TrainedModel":
    """The trained MusicVAE that the flags name, history drum models included.

    Args:
        args: the command's flags, `workflows.flags.model.add_model_flags` among them; a temperature of None becomes the
            model's default.
        default: name of the config whose shipped model is taken where the flags name none.

    Raises:
        InputError: where the flags contradict each other, or the backend can't be had or can't run the model.
        CheckpointError: where there is no such checkpoint, or it is of another family.
    """
    model = families.open_music_vae(*_named(args, default), args.backend)
    _fill_in(args, model)
    return model


def load_any_model(args: argparse.Namespace, plays_little: bool = False) -> "AnyTrained":
    """The trained model of any family that the flags name; arguments and errors as for `load_model`.

    Args:
        args: the command's flags.
        plays_little: whether so little is to be played that Keras's NumPy backend is done before a compiler would be.
    """
    model = families.open_model(*_named(args, configs.DEFAULT_CONFIG), args.backend)
    if plays_little and not args.backend and families.of(model.config).short_pieces_in_numpy:
        startup.prefer_numpy()
    _fill_in(args, model)
    return model


def _named(args: argparse.Namespace, default: str) -> tuple[str, configs.Config | None]:
    """The checkpoint and the config that the flags name."""
    if args.run_dir and args.checkpoint_file:
        raise InputError("--run_dir and --checkpoint_file are both given; name one of them.")
    config = configs.get_config(args.config) if args.config else None
    return args.run_dir or args.checkpoint_file or (config.name if config else default), config


def _fill_in(args: argparse.Namespace, model: "AnyTrained") -> None:
    if args.temperature is None:
        args.temperature = families.default_temperature(model.config)


def player_beside(model: "TrainedModel") -> "HistoryModel | None":
    """The shipped history drum model that samples, for one that edits; None for other models.

    A model that edits plays any clip, likely or not; between two clips the one that samples is played together with it
    (`models.history_drums.editing.even_steps`).
    """
    if not editing.is_refined(model):
        return None
    beside = families.open_music_vae(configs.DEFAULT_CONFIG)
    if not editing.is_player(beside) or beside.layout.drums != model.layout.drums:
        return None
    return beside if beside.max_length == model.max_length else None


def samples_to_edit(beside: "HistoryModel", n: int, seed: int) -> dict[str, np.ndarray]:
    """Clips for a model that edits, as a batch, drawn by the one that samples.

    The latent vector of a model that edits holds hundreds of bits, and few vectors drawn from its prior are beats that
    anybody would play.

    Args:
        beside: as `player_beside` returns it.
        n: how many.
        seed: of the draws.
    """
    temperature = families.default_temperature(beside.config)
    tokens = beside.decode_values(beside.prior_sample(n, seed), temperature, seed)
    return {"inputs": tokens, "lengths": np.full(n, beside.max_length)}
