"""Loading the trained model that a command's flags name."""

import argparse
from typing import Any

import configs
from common.errors import InputError


def load_model(args: argparse.Namespace, frame_models: bool = False, default: str | None = None) -> Any:
    """The trained model that the flags name.

    Args:
        args: the command's flags; a temperature that is not given becomes the model's default.
        frame_models: whether the command knows what to do with one that plays frame after frame.
        default: the model where the flags name none; `configs.DEFAULT_CONFIG` by default.

    Raises:
        InputError: where the flags contradict each other.
        CheckpointError: where there is no such checkpoint, or it is of the other kind.
    """
    from models import families
    from models.layers import startup

    if args.run_dir and args.checkpoint_file:
        raise InputError("--run_dir and --checkpoint_file are both given; name one of them.")
    config = configs.get_config(args.config) if args.config else None
    unnamed = config.name if config else default or configs.DEFAULT_CONFIG
    name = args.run_dir or args.checkpoint_file or unnamed
    opened = families.open_model if frame_models else families.open_music_vae
    backend = getattr(args, "backend", None)
    model: Any = opened(name, config, backend)
    if backend is None and families.of(model.config).short_pieces_in_numpy and plays_little(args):
        startup.prefer_numpy()
    if args.temperature is None:
        args.temperature = families.default_temperature(model.config)
    return model


def player_beside(model: Any) -> Any:
    """The shipped drum model that says what drummers play, for one that edits; None for other models.

    Such a model plays any clip, likely or not; on the way between two clips both are heard (`editing.even_steps`).
    """
    from models import families
    from models.history_drums import editing

    if not editing.is_refined(model):
        return None
    beside: Any = families.open_music_vae(configs.DEFAULT_CONFIG)
    fits = editing.is_player(beside) and beside.layout.drums == model.layout.drums
    return beside if fits and beside.max_length == model.max_length else None


def samples_to_edit(model: Any, n: int, seed: int) -> Any:
    """Clips for a model that edits, sampled by the one that samples, as a batch; None for other models.

    A z that gives clips back holds hundreds of bits, and its prior far more than beats: nobody would listen to its samples.
    """
    import numpy as np

    from models import families

    beside = player_beside(model)
    if beside is None:
        return None
    temperature = families.default_temperature(beside.config)
    tokens = beside.decode_values(beside.prior_sample(n, seed), temperature, seed)
    return {"inputs": tokens, "lengths": np.full(n, model.max_length)}


def plays_little(args: argparse.Namespace) -> bool:
    """Whether a command plays, and so few frames that NumPy is done before a compiler would be."""
    return "bars" in args and max(args.length or 0, 16 * (args.bars or 0)) <= 1024
