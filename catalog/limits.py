"""How large a config may be, and what its name and hyperparameters may be.

A config comes out of a checkpoint or a file that somebody else made, and the model built from it takes memory before the
weights are compared with it. So everything that sizes an array has a limit here, several times Magenta's largest models
(2048 units, a z of 512, 512 steps). `catalog/registry.py` has the options of the parts, with these limits;
`catalog/config.py` checks both wherever a config is read. `MAX_PARAMETERS` bounds what all sizes come to together
(`models/formats/weight_shapes.py`).
"""

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.errors import UserError, shown
from common.option_rules import MAX_STEPS

if TYPE_CHECKING:
    from preprocess.converters.base import Converter


class ConfigError(UserError, ValueError):
    """A config or override that can't be used."""


MAX_UNITS = 8192
"""Of a layer, of z, of a NADE."""
MAX_LAYERS = 16
MAX_BATCH = 65536
MAX_DEPTH = 16384
"""Width of a step: kinds of tokens, or values."""
MAX_PARAMETERS = 2**29
"""Parameters of a whole model; Magenta's largest has fewer than 2**28."""
MAX_CONFIG_BYTES = 256 * 2**10

_TINY, _HUGE = 1e-12, 1e38
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,100}")


# Names.


def checked_name(name: Any) -> str:
    """A config's name, which becomes a part of file names.

    Raises:
        ConfigError: for anything but letters, digits, `-`, `_` and `.`, and for names of dots alone.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not name.strip("."):
        raise ConfigError(
            f"The config's name is {shown(name)}; expected up to 100 letters, digits, '-', '_' and '.', as it becomes "
            "a part of file names."
        )
    return name


def name_of_file(stem: str) -> str:
    """The name of a config whose file, of that stem, gives none: what a name can't hold becomes `_`."""
    return checked_name(re.sub(r"[^A-Za-z0-9_.\-]", "_", stem)[:100].strip(".") or "_")


# Hyperparameters.

_RANGES: Mapping[str, tuple[float, float]] = {
    "batch_size": (1, MAX_BATCH),
    "max_seq_len": (1, MAX_STEPS),
    "nade_num_hidden": (1, MAX_UNITS),
    "z_size": (0, MAX_UNITS),
    **dict.fromkeys(("free_bits", "max_beta", "sampling_rate", "weight_decay"), (0, _HUGE)),
    **dict.fromkeys(("learning_rate", "min_learning_rate"), (0, _HUGE)),
    **dict.fromkeys(("grad_clip", "grad_norm_clip_to_zero"), (_TINY, _HUGE)),
    **dict.fromkeys(("dropout_keep_prob", "decay_rate"), (_TINY, 1)),
    **dict.fromkeys(("decay_steps", "warmup_steps"), (0, 10**12)),
    "beta_rate": (0, 1),
    "averaging_rate": (0, 0.999999),
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "clip_mode": ("global_norm", "value"),
    "sampling_schedule": ("constant", "exponential", "inverse_sigmoid"),
}
_TYPE_NAMES = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}


def _is_layers(value: Any) -> bool:
    sizes = value if isinstance(value, list | tuple) else ()
    return 1 <= len(sizes) <= MAX_LAYERS and all(type(v) is int and 1 <= v <= MAX_UNITS for v in sizes)


def checked_hparam(name: str, value: Any, default: Any) -> Any:
    """`value` in the type of the default; a whole number is taken for a float; nothing else is converted.

    Raises:
        ConfigError: for another type, or what is out of range.
    """
    if isinstance(default, tuple):
        if _is_layers(value):
            return tuple(value)
        raise ConfigError(
            f"{name} is {shown(value)}; expected a list of positive whole numbers such as [256,256], up to {MAX_LAYERS} "
            f"of them and up to {MAX_UNITS}."
        )
    is_number = isinstance(default, float) and type(value) in (int, float)
    if type(value) is not type(default) and not is_number:
        raise ConfigError(
            f"{name} is {shown(value)}; expected {_TYPE_NAMES[type(default)]} such as {default!r}."
        )
    choices = _CHOICES.get(name)
    if choices and value not in choices:
        raise ConfigError(f"{name} is {shown(value)}; expected {' or '.join(choices)}.")
    least, most = _RANGES.get(name, (-math.inf, math.inf))
    if type(value) in (int, float) and not least <= value <= most:
        lower = "more than 0" if least == _TINY else f"at least {least:g}"
        found = f"{value:g}" if isinstance(value, float) else shown(value)
        upper = "" if most == _HUGE else f" and at most {most:g}"
        raise ConfigError(f"{name} is {found}; expected {lower}{upper}.")
    return float(value) if is_number else value


def check_widths(converter: "Converter") -> None:
    """Raise a ConfigError where a converter's examples are wider or longer than any model takes."""
    depths = {
        "input": converter.input_depth,
        "output": converter.output_depth,
        "control": converter.control_depth,
    }
    for what, depth in depths.items():
        if depth > MAX_DEPTH:
            raise ConfigError(
                f"The converter's {what} depth is {shown(depth)}; at most {MAX_DEPTH} are taken. Rolls "
                "(roll_input, roll_output) take many drums."
            )
    if converter.most_steps > MAX_STEPS:
        raise ConfigError(
            f"The converter's examples have {converter.most_steps} steps; at most {MAX_STEPS} are taken."
        )
