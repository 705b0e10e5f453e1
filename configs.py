"""The door to the configs: `CONFIG_MAP[name]` is plain, frozen data; `get_config` reads TOML files too.

A config says which encoder, decoder and converter to build and with which hyperparameters. The configs themselves
are in `catalog/`, a file a family. A config of your own is a TOML file that starts from one of these
(`load_config_file`), and every checkpoint carries its config as JSON. The names of the hyperparameters are
Magenta's, and so are 23 of the configs (its `music_vae/configs.py`).
"""

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

from catalog.config import PARTS, Config, ConfigError, HParams, frozen, merged, override, parse_hparams
from catalog.config_map import CONFIG_MAP, DEFAULT_CONFIG, DEFAULT_EDIT_CONFIG
from catalog.limits import MAX_CONFIG_BYTES, name_of_file
from common.errors import shown
from common.json_text import check_nesting, too_deep

__all__ = [
    "CONFIG_MAP",
    "DEFAULT_CONFIG",
    "DEFAULT_EDIT_CONFIG",
    "Config",
    "ConfigError",
    "HParams",
    "config_with_overrides",
    "get_config",
    "load_config_file",
    "override",
    "parse_hparams",
    "register_in_magenta",
]

MAX_KEY_PARTS = 100
"""The most dots in a dotted key of a user's file."""


def get_config(name_or_path: str) -> Config:
    """The config of that name, or the one in that TOML file.

    >>> config = get_config("hierdec-drum_4bar_small")
    >>> config.decoder["name"], config.hparams.z_size
    ('hierarchical_lstm', 64)

    Raises:
        ConfigError: where there is neither.
    """
    if name_or_path in CONFIG_MAP:
        return CONFIG_MAP[name_or_path]
    path = Path(name_or_path).expanduser()
    if path.suffix == ".toml" or path.is_file():
        return load_config_file(path)
    raise ConfigError(
        f"There is no config '{name_or_path}'; give a .toml file or one of {', '.join(sorted(CONFIG_MAP))}."
    )


def load_config_file(path: Path) -> Config:
    """A user's config: `base = "hierdec-drum_4bar_small"` and tables of changes.

    The tables `[hparams]`, `[encoder]`, `[decoder]`, `[converter]` and `[augmenter]` replace single values of the
    base; a different `name` in one of them, or in a table such as `[decoder.keys]`, replaces the whole table.

    Raises:
        ConfigError: naming the file and what is wrong.
    """
    data = _toml(path)
    known = {"base", "name", "description", "hparams", *PARTS, "augmenter"}
    unknown = sorted(set(data) - known)
    if unknown:
        raise ConfigError(f"{path}: unknown key {shown(unknown[0])}; expected {', '.join(sorted(known))}.")
    base = data.get("base", "")
    if not isinstance(base, str) or base not in CONFIG_MAP:
        raise ConfigError(f"{path}: base is {shown(base)}; expected one of {', '.join(sorted(CONFIG_MAP))}.")
    config = CONFIG_MAP[base]
    for part in ("hparams", *PARTS, "augmenter"):
        if not isinstance(data.get(part, {}), dict):
            raise ConfigError(f"{path}: {part} is {shown(data[part])}; expected a table [{part}].")
    parts = {}
    for part in PARTS:
        table, current = data.get(part, {}), getattr(config, part)
        parts[part] = frozen(merged(current, table))
    try:
        own = dataclasses.replace(
            config,
            name=data["name"] if "name" in data else name_of_file(path.stem),
            description=data.get("description", f"from {path.name}"),
            **parts,
        )
        return _consistent(
            own.with_augmenter(data.get("augmenter", {})).with_hparams(data.get("hparams", {}))
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; errors as for `load_config_file`."""
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
        if len(text) > MAX_CONFIG_BYTES:
            raise ValueError(f"it is longer than {MAX_CONFIG_BYTES} bytes")
        # Python's reader takes time and memory by the square of a key's parts.
        if any(piece.count(b".") > MAX_KEY_PARTS for piece in re.split(rb"[^\w\"'\- \t.]", text)):
            raise too_deep(MAX_KEY_PARTS)
        try:
            data = tomllib.loads(text.decode("utf-8"))
        except RecursionError:
            raise too_deep() from None
        check_nesting(data)
        return data
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: can't be read as a config ({error}).") from error


def config_with_overrides(name_or_path: str, hparams: str = "") -> Config:
    """`get_config`, with the changes of a `--hparams` flag.

    Raises:
        ConfigError: where there is no such config, or the changes can't be made.
    """
    return _consistent(get_config(name_or_path).with_hparams(parse_hparams(hparams)))


def _consistent(config: Config) -> Config:
    """The config, unless its parts do not go together or make too large a model, which is a ConfigError."""
    from models.formats import weight_check

    try:
        weight_check.shapes_of(config)
    except ValueError as error:
        raise ConfigError(f"{config.name}: {str(error).rstrip('.')}.") from error
    return config


def register_in_magenta(names: tuple[str, ...] | None = None) -> None:
    """Add configs of ours to an installed Magenta's CONFIG_MAP, for its own commands and `TrainedModel`.

    Args:
        names: configs of this map; the three of beat-generation-with-mvae if it is None.

    Raises:
        ConfigError: where Magenta is not installed.
    """
    try:
        from interop import magenta_configs
    except ImportError as error:
        raise ConfigError(
            f"Magenta can't be imported ({error}); pip install --no-deps magenta==2.1.4."
        ) from error
    default = ("hierdec-drum_4bar", "hierdec-drum_4bar_v2", "hierdec-drum_4bar-no_ar")
    magenta_configs.register([CONFIG_MAP[name] for name in names or default])
