"""Whether a checkpoint's weights belong to a config: every tensor's shape, before anything is built or played.

A checkpoint's own config wins over one that a flag names. Where the two contradict each other, or the weights and the
config, a sentence says which sizes differ and what to do.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from catalog.limits import MAX_PARAMETERS
from common.errors import CheckpointError
from models.formats import piano_weight_shapes as frame_weight_shapes
from models.formats import weight_shapes
from models.formats.weight_shapes import Shapes

Weights = Mapping[str, np.ndarray]

SCOPES = (
    *("encoder", "decoder", "core_decoder", "control_preprocessing"),
    *("reader", "projection", "output", "keys", "velocities"),
)
"""What the weights of our models begin with; others that a foreign checkpoint holds besides are not looked at."""
SIZES = (
    "z_size",
    "max_seq_len",
    "enc_rnn_size",
    "dec_rnn_size",
    "nade_num_hidden",
    "control_preprocessing_rnn_size",
)
"""The hyperparameters that size weights and clips."""


def shapes_of(config: Any) -> Shapes:
    """The shapes of all weights that a config's model has, by name.

    Raises:
        ValueError: where the config's parts do not go together, or make a larger model than any is taken to be.
    """
    of_model = weight_shapes.of_music_vae
    if config.model == "frame_model":
        of_model = frame_weight_shapes.of_frame_model
    shapes = of_model(config)
    count = parameters_of(shapes)
    if count > MAX_PARAMETERS:
        raise ValueError(f"its sizes make {count:,} weights, and at most {MAX_PARAMETERS:,} are taken")
    return shapes


def parameters_of(shapes: Shapes) -> int:
    """How many numbers weights of these shapes hold."""
    return sum(prod(shape) for shape in shapes.values())


def check(config: Any, weights: Weights, source: str, is_own: bool = False) -> None:
    """Compare the name and shape of every weight with what a config needs.

    Weights of a decoder alone, as exports to a browser are, are right without their encoder.

    Args:
        config: a `catalog.config.Config`.
        weights: arrays by name.
        source: where they come from, for the message.
        is_own: whether the config came with the weights.

    Raises:
        CheckpointError: where a weight is missing, left over or of another shape, where the config's parts don't go
            together, or where they make a larger model than any is taken to be.
    """
    try:
        shapes = shapes_of(config)
    except ValueError as error:
        raise CheckpointError(f"{source}: its config, {config.name}, is not valid: {error}.") from error
    wrong = differences(shapes, weights)
    if wrong:
        more = f" (and {len(wrong) - 1} more differ)" if len(wrong) > 1 else ""
        raise CheckpointError(
            f"{source}: its weights don't fit {config.name}: {wrong[0]}{more}. {_remedy(weights, is_own)}"
        )


def differences(shapes: Shapes, weights: Weights) -> list[str]:
    """What of weights is not as these shapes say, in words; weights of other shapes first."""
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
    """What to do, for the end of a message: where the config was named, which configs the weights do fit."""
    from catalog.config_map import CONFIG_MAP

    if is_own:
        return "Its config and its weights are of two models; take another copy of the file."
    fitting = [name for name, config in CONFIG_MAP.items() if not differences(shapes_of(config), weights)]
    if fitting:
        return f"They fit {' and '.join(fitting[:3])}; give that as --config."
    return (
        "Give the config that they were trained with; where its hyperparameters were changed, as a .toml file with "
        "those under [hparams]."
    )


def settled(given: Any, stored: str, source: str) -> Any:
    """The config to take of the one that a flag names and the one that a checkpoint carries: the checkpoint's own.

    The one that is named must be of the same parts. One of another name must also have the same converter and sizes;
    under the same name these are the checkpoint's, as after a training with `--hparams`.

    Args:
        given: a `catalog.config.Config`, or None.
        stored: a config as JSON text, empty where the checkpoint carries none.
        source: of the checkpoint, for messages.

    Raises:
        CheckpointError: where the two contradict each other, or there is neither, or the stored one is not valid.
    """
    from catalog.config import Config, ConfigError

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


def contradictions(own: Any, given: Any) -> list[tuple[str, Any, Any]]:
    """What a checkpoint's config and one that is named say differently: what, the own value, the named one's.

    An option that is left out is the same as one that says no.
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
