"""Which trained model a command plays, and how: checkpoint, config, backend, temperature and seed."""

import argparse

from catalog.history_drums import SAMPLING_TEMPERATURE
from common import flags

CONFIG_HELP = (
    "name of a config, to use the model shipped for it; for a Magenta checkpoint, which does not contain its config, a name "
    "or a .toml file"
)


def add_checkpoint_flags(
    parser: argparse._ActionsContainer,
    config: str = CONFIG_HELP,
    checkpoint: str = "one of ours, also as hf://owner/name on the Hugging Face Hub, or Magenta's (.ckpt prefix or .tar)",
) -> None:
    """Add `--run_dir`, `--checkpoint_file` and `--config`.

    Args:
        parser: a parser, or one of its groups.
        config: help text of `--config`.
        checkpoint: which kinds of checkpoint there are, for the help text of `--checkpoint_file`.
    """
    parser.add_argument("--run_dir", help="a run of train.py; its best checkpoint is used")
    parser.add_argument("--checkpoint_file", help=f"a checkpoint: {checkpoint}")
    parser.add_argument("--config", help=config)


def add_player_flags(parser: argparse._ActionsContainer, config: str = CONFIG_HELP) -> None:
    """Add `--run_dir`, `--checkpoint_file`, `--config` and `--backend`, for commands that play a model or evaluate it."""
    add_checkpoint_flags(parser, config)
    add_backend_flag(parser)


def add_backend_flag(parser: argparse._ActionsContainer) -> None:
    """Add `--backend`, what encodes and decodes."""
    parser.add_argument(
        "--backend",
        choices=("numpy", "tensorflow", "jax"),
        help="what runs the encoder and decoder: numpy, or Keras on tensorflow or jax, which use a GPU if there is one "
        "(default: numpy, unless it can't run the model)",
    )


def add_model_flags(parser: argparse.ArgumentParser, draws: bool = True) -> None:
    """Add the flags that select a model and, where `draws`, `--temperature` and `--seed`."""
    group = parser.add_argument_group("model")
    add_player_flags(group)
    if not draws:
        parser.set_defaults(temperature=None, seed=0)
        return
    group.add_argument(
        "--temperature",
        type=flags.TEMPERATURE,
        help="randomness of the output; 0 always takes the most likely values "
        f"(default: 0.5; {SAMPLING_TEMPERATURE} for histdec-drum_4bar, 1 for piano models)",
    )
    flags.add_seed_flag(group)
