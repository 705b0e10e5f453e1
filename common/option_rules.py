"""What the options of a config's parts may be: rules that say whether a value is allowed, and in words which are.

A part of a model or a converter lists its options in its registry as `Options`, a rule for each.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from common.errors import shown

MAX_STEPS = 8192
"""Of a clip, or of a fragment that a piano model trains on."""
MAX_WORDS = 500
"""Letters of an option, or of a description."""


class Rule(NamedTuple):
    """What an option may be.

    Attributes:
        fits: whether a value is allowed.
        expected: the allowed values in words.
    """

    fits: Callable[[Any], bool]
    expected: str


Options = Mapping[str, Rule]


def whole(least: int, most: int) -> Rule:
    """A whole number from `least` to `most`."""
    return Rule(lambda x: type(x) is int and least <= x <= most, f"a whole number from {least} to {most}")


def number(least: float, most: float) -> Rule:
    """A number from `least` to `most`, whole or not."""
    return Rule(
        lambda x: type(x) in (int, float) and least <= x <= most, f"a number from {least:g} to {most:g}"
    )


def whole_list(least: int, most: int, longest: int, shortest: int = 1) -> Rule:
    """A list of `shortest` to `longest` whole numbers from `least` to `most`."""

    def fits(x: Any) -> bool:
        in_range = isinstance(x, list | tuple) and all(type(v) is int and least <= v <= most for v in x)
        return in_range and shortest <= len(x) <= longest

    return Rule(fits, f"a list of {shortest} to {longest} whole numbers from {least} to {most}")


def word(*words: str) -> Rule:
    """One of some words."""
    return Rule(lambda x: isinstance(x, str) and x in words, " or ".join(words))


def optional(rule: Rule) -> Rule:
    """What a rule allows, or None, which a message does not mention since TOML can't write it."""
    return Rule(lambda x: x is None or rule.fits(x), rule.expected)


FLAG = Rule(lambda x: type(x) is bool, "true or false")
SHARE = number(0, 1)
TEXT = Rule(lambda x: isinstance(x, str) and len(x) <= MAX_WORDS, f"up to {MAX_WORDS} letters")


def wrong_option(options: Options, part: Mapping[str, Any]) -> str | None:
    """What is wrong with a part's options, in words; None where nothing is.

    Args:
        options: those that there are.
        part: the options given, and the part's `name`.
    """
    for option, value in part.items():
        if option == "name":
            continue
        if option not in options:
            return f"there is no option {shown(option)}; expected {', '.join(options) or 'none'}"
        if not options[option].fits(value):
            given = list(value) if isinstance(value, tuple) else value
            return f"{option} is {shown(given)}; expected {options[option].expected}"
    return None
