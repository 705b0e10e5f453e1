"""Which trained model a command plays, and how: checkpoint, config, backend, temperature and seed."""

import argparse

from catalog.history_drums import SAMPLING_TEMPERATURE
from common import flags


def add_checkpoint_flags(
    parser: argparse._ActionsContainer,
    config: str = "name of a config, whose shipped model is used where no checkpoint is given; or the .toml file or name "
    "of the config of a Magenta checkpoint, which does not contain it",
) -> None:
    """Add `--run_dir`, `--checkpoint_file`, `--config` and `--backend`.

    Args:
        parser: a parser, or one of its groups.
        config: help text of `--config`.
    """
    parser.add_argument("--run_dir", help="a run of train.py; its best checkpoint is used")
    parser.add_argument(
        "--checkpoint_file", help="a checkpoint: one of ours, or Magenta's (.ckpt prefix or .tar)"
    )
    parser.add_argument("--config", help=config)
    add_backend_flag(parser)


def add_backend_flag(parser: argparse._ActionsContainer) -> None:
    """Add `--backend`, what encodes and decodes."""
    parser.add_argument(
        "--backend",
        choices=("numpy", "tensorflow", "jax"),
        help="what encodes and decodes: numpy, or Keras on tensorflow or jax, on a GPU where there is one (default: numpy "
        "where it can run the model)",
    )


def add_model_flags(parser: argparse.ArgumentParser, draws: bool = True) -> None:
    """Add the flags that select a model and, where `draws`, `--temperature` and `--seed`."""
    group = parser.add_argument_group("model")
    add_checkpoint_flags(group)
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
