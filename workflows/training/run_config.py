"""The config of a run: a run keeps the one that it began with."""

import dataclasses
from pathlib import Path
from typing import Any

import configs
from catalog.config import PARTS, Config, ConfigError
from common.errors import InputError, shown
from models.formats import ours as checkpoint
from models.formats.opening import open_checkpoint

CONFIG_FILE = "config.json"


def choose_config(run_dir: Path, name: str | None, hparams: str) -> Config:
    """The config to train or evaluate a run with.

    Args:
        run_dir: whose own config is taken where none is named.
        name: a config's name or a .toml file, or None.
        hparams: changes to it, as in `batch_size=64,enc_rnn_size=[256]`.

    Raises:
        ConfigError: for an unknown config or hyperparameter, and where the run's config can't be read.
        InputError: where none is named and there is no run, or the run began with another one.
        CheckpointError: as `config_of`.
    """
    before = config_of(run_dir)
    if name:
        config = configs.config_with_overrides(name, hparams)
    elif before is None:
        raise InputError(
            f"--config is missing, and {run_dir} holds no run to go on with; see --list_configs."
        )
    else:
        config = before.with_hparams(configs.parse_hparams(hparams))
    if before is not None:
        check_same(run_dir, before, config)
    return config


def config_of(run_dir: Path) -> Config | None:
    """The config that a run began with, or where its file is missing that of its newest checkpoint; None without a run.

    Raises:
        ConfigError: where it can't be read.
        CheckpointError: where the file is missing and the run's checkpoints can't be read.
    """
    stored = run_dir / CONFIG_FILE
    if stored.exists():
        try:
            return Config.from_json(stored.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:  # a ConfigError is a ValueError
            raise ConfigError(
                f"{stored}: {str(error).rstrip('.')}; remove it, and the config of the newest checkpoint is taken."
            ) from error
    if checkpoint.numbered(run_dir / "train"):
        return open_checkpoint(str(run_dir / "train")).config
    return None


def check_same(run_dir: Path, before: Config, config: Config) -> None:
    """Refuse to go on with a run under another config than it began with.

    Raises:
        InputError: naming what differs.
    """
    ours, theirs = _flat(before), _flat(config)
    differing = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    if differing:
        first = differing[0]
        more = f" (and {len(differing) - 1} more differ)" if len(differing) > 1 else ""
        raise InputError(
            f"{run_dir}: was begun with another config or --hparams: {first} is {shown(ours.get(first))} there and "
            f"{shown(theirs.get(first))} now{more}. Leave out --config and --hparams to go on with it, or name a new "
            "--run_dir.",
            "other_config",
        )


def _flat(config: Config) -> dict[str, Any]:
    """Everything that a config says, by names that a message can use."""
    parts = {part: dict(getattr(config, part)) for part in (*PARTS, "augmenter")}
    named = {f"{name} of the {part}": value for part, table in parts.items() for name, value in table.items()}
    return {"model": config.model, "name": config.name, **dataclasses.asdict(config.hparams), **named}
