"""Whether a checkpoint's weights belong to a config: the shape of every tensor, before anything is built or played.

A checkpoint's own config wins over one that a flag names. Where the two contradict each other, or the weights the
config, a sentence says which sizes differ and what to do.
"""

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from catalog.config import Config
from catalog.config_map import CONFIG_MAP
from catalog.limits import MAX_PARAMETERS, ConfigError
from common.errors import CheckpointError
from models.formats import piano_weight_shapes, weight_shapes
from models.layers.weight_shapes import Shapes

Weights = Mapping[str, np.ndarray]

SCOPES = (
    *("encoder", "decoder", "core_decoder", "control_preprocessing"),
    *("reader", "projection", "output", "keys", "velocities"),
)
"""What the names of our weights begin with; other tensors of a foreign checkpoint are ignored."""
SIZES = (
    "z_size",
    "max_seq_len",
    "enc_rnn_size",
    "dec_rnn_size",
    "nade_num_hidden",
    "control_preprocessing_rnn_size",
)
"""The hyperparameters that determine the sizes of weights and clips."""


SHAPES_OF_MODELS = MappingProxyType(
    {"music_vae": weight_shapes.of_music_vae, "frame_model": piano_weight_shapes.of_frame_model}
)
"""The shapes of a config's weights, by the config's `model`."""


def shapes_of(config: Config) -> Shapes | None:
    """The shapes of all weights that a config's model has, by name; None where the registry does not say those of a part.

    Raises:
        ValueError: where the config's parts do not go together, or the model has more than MAX_PARAMETERS parameters.
    """
    try:
        shapes = SHAPES_OF_MODELS[config.model](config)
    except weight_shapes.UnknownShapes:
        return None
    count = parameters_of(shapes)
    if count > MAX_PARAMETERS:
        raise ValueError(f"its sizes make {count:,} weights, and at most {MAX_PARAMETERS:,} are taken")
    return shapes


def parameters_of(shapes: Shapes) -> int:
    """The number of parameters in weights of these shapes."""
    return sum(prod(shape) for shape in shapes.values())


def check(config: Config, weights: Weights, source: str, is_own: bool = False) -> None:
    """Compare the name and shape of every weight with what a config needs.

    Weights of a decoder alone, as exports to a browser are, are right without their encoder. Where the shapes are not
    known, the weights are compared when the built model takes them (`models.formats.ours.assign`).

    Args:
        config: of the model.
        weights: arrays by name.
        source: where they come from, for the message.
        is_own: whether the config came with the weights.

    Raises:
        CheckpointError: where a weight is missing, left over or of another shape, where the config's parts don't go
            together, or where the model has more than MAX_PARAMETERS parameters.
    """
    try:
        shapes = shapes_of(config)
    except ValueError as error:
        raise CheckpointError(f"{source}: its config, {config.name}, is not valid: {error}.") from error
    wrong = [] if shapes is None else differences(shapes, weights)
    if wrong:
        more = f" (and {len(wrong) - 1} more differ)" if len(wrong) > 1 else ""
        raise CheckpointError(
            f"{source}: its weights don't fit {config.name}: {wrong[0]}{more}. {_remedy(weights, is_own)}"
        )


def differences(shapes: Shapes, weights: Weights) -> list[str]:
    """How weights differ from these shapes, in words: first those of another shape, then missing and extra ones."""
    whole = any(name.startswith("encoder/") for name in weights)
    needed = {name: shape for name, shape in shapes.items() if whole or not name.startswith("encoder/")}
    missing = [name for name in needed if name not in weights]
    left_over = [
        name for name in weights if name not in needed and name.split("/")[0].rstrip("_0123456789") in SCOPES
    ]
    return [
        *(
            f"'{name}' is {list(weights[name].shape)}, the config needs {list(shape)}"
            for name, shape in needed.items()
            if name in weights and weights[name].shape != shape
        ),
        *(f"it has no weight '{name}', which the config needs, {list(needed[name])}" for name in missing),
        *(
            f"it holds '{name}', {list(weights[name].shape)}, which the config has no place for"
            for name in left_over
        ),
    ]


def _remedy(weights: Weights, is_own: bool) -> str:
    """What the user can do, for the end of a message: which configs fit weights whose config was named by a flag."""
    if is_own:
        return "Its config and its weights are of two models; take another copy of the file."
    shapes = {name: shapes_of(config) for name, config in CONFIG_MAP.items()}
    fitting = [name for name, found in shapes.items() if found and not differences(found, weights)]
    if fitting:
        return f"They fit {' and '.join(fitting[:3])}; give that as --config."
    return (
        "Give the config that they were trained with; where its hyperparameters were changed, as a .toml file with "
        "those under [hparams]."
    )


def settled(given: Config | None, stored: str, source: str) -> Config:
    """The config to use, of the one that a flag names and the one that a checkpoint contains: the checkpoint's own.

    The one that is named must have the same parts. If it has another name, it must also have the same converter and
    sizes; under the same name the checkpoint's are used, as after training with `--hparams`.

    Args:
        given: the config that a flag names, or None.
        stored: a config as JSON text, empty where the checkpoint contains none.
        source: of the checkpoint, for messages.

    Raises:
        CheckpointError: where the two contradict each other, or there is neither, or the stored one is not valid.
    """
    if not stored:
        if given is None:
            raise CheckpointError(f"{source}: does not say its config; give --config.")
        return given
    try:
        own = Config.from_json(stored)
    except ConfigError as error:
        raise CheckpointError(f"{source}: {error}") from error
    if given is None:
        return own
    found = contradictions(own, given)
    if found:
        raise CheckpointError(
            f"{source}: was trained as {own.name}, where {found[0][0]} is {found[0][1]}, not {found[0][2]} as in "
            f"{given.name}; leave out --config."
        )
    return own


def contradictions(own: Config, given: Config) -> list[tuple[str, Any, Any]]:
    """Where a checkpoint's own config and a named one differ: what differs, the own value, the named one's.

    An option that is left out is the same as one that is false.
    """
    renamed = own.name != given.name
    found: list[tuple[str, Any, Any]] = (
        [("model", own.model, given.model)] if own.model != given.model else []
    )
    for part in ("encoder", "decoder", *(("converter",) if renamed else ())):
        ours, theirs = getattr(own, part), getattr(given, part)
        for option in dict.fromkeys(("name", *ours, *theirs)):
            values = _plain(ours.get(option)), _plain(theirs.get(option))
            if (values[0] or None) != (values[1] or None):
                label = f"the {part}" if option == "name" else f"{option} of the {part}"
                found.append((label, *values))
    if renamed:
        pairs = ((size, getattr(own.hparams, size), getattr(given.hparams, size)) for size in SIZES)
        found += [(size, _plain(ours), _plain(theirs)) for size, ours, theirs in pairs if ours != theirs]
    return found


def _plain(value: Any) -> Any:
    """A value as a message shows it: lists instead of tuples, dictionaries instead of their frozen views."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
