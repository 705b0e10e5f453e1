"""Which trained model a command works with: its flags, and loading it."""

import argparse
from typing import Any

import configs
from common import flags
from common.errors import InputError

HISTORY_TEMPERATURE = 0.87
"""Of the drum model that hears itself and samples, where none is asked for: there the two-sample test can hardly tell its
samples from drummers, and they are as repetitive as drummers are (docs/figures.md)."""


def add_model_flags(parser: argparse.ArgumentParser, draws: bool = True) -> None:
    """Flags that say which model, and where the command draws, how."""
    group = parser.add_argument_group("model")
    group.add_argument("--run_dir", help="a run of train.py; its best checkpoint is used")
    group.add_argument("--checkpoint_file", help="a checkpoint: ours, or Magenta's (.ckpt prefix or .tar)")
    group.add_argument("--config", help="name or .toml file; needed for Magenta's checkpoints only")
    if not draws:
        parser.set_defaults(temperature=None, seed=0)
        return
    group.add_argument(
        "--temperature",
        type=flags.TEMPERATURE,
        help=f"0 takes the likeliest music (default: 0.5; of histdec-drum_4bar {HISTORY_TEMPERATURE}, of piano "
        "models 1)",
    )
    group.add_argument(
        "--seed", type=flags.SEED, default=0, help="the same seed gives the same output (default: 0)"
    )


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
    from models.music_vae import trained as trained_model
    from models.piano import trained as trained_frame_model

    if args.run_dir and args.checkpoint_file:
        raise InputError("--run_dir and --checkpoint_file are both given; name one of them.")
    config = configs.get_config(args.config) if args.config else None
    unnamed = config.name if config else default or configs.DEFAULT_CONFIG
    name = args.run_dir or args.checkpoint_file or unnamed
    if frame_models and trained_frame_model.is_one(name, config):
        model: Any = trained_frame_model.load(name, config, numpy_backend=plays_little(args))
    else:
        model = trained_model.load(name, config)
    if args.temperature is None:
        args.temperature = default_temperature(model.config)
    return model


def player_beside(model: Any) -> Any:
    """The shipped drum model that says what drummers play, for one that edits; None for other models.

    Such a model plays any clip, likely or not; on the way between two clips both are heard (`editing.even_steps`).
    """
    from models.history_drums import editing
    from models.music_vae import trained as trained_model

    if not editing.is_refined(model):
        return None
    beside: Any = trained_model.load(configs.DEFAULT_CONFIG)
    fits = editing.is_player(beside) and beside.layout.drums == model.layout.drums
    return beside if fits and beside.max_length == model.max_length else None


def samples_to_edit(model: Any, n: int, seed: int) -> Any:
    """Clips for a model that edits, sampled by the one that samples, as a batch; None for other models.

    A z that gives clips back holds hundreds of bits, and its prior far more than beats: nobody would listen to its samples.
    """
    import numpy as np

    beside = player_beside(model)
    if beside is None:
        return None
    tokens = beside.decode_values(beside.prior_sample(n, seed), default_temperature(beside.config), seed)
    return {"inputs": tokens, "lengths": np.full(n, model.max_length)}


def default_temperature(config: configs.Config) -> float:
    """The temperature at which a model of that config is played where none is asked for."""
    if config.model == "frame_model":
        # Cooler, piano falls silent, as most frames of most music are.
        return 1.0
    plays_alone = config.decoder["name"] == "history_lstm" and config.augmenter.get("known_share")
    return HISTORY_TEMPERATURE if plays_alone else 0.5


def plays_little(args: argparse.Namespace) -> bool:
    """Whether a command plays, and so few frames that NumPy is done before a compiler would be."""
    return "bars" in args and max(args.length or 0, 16 * (args.bars or 0)) <= 1024
