"""Types of flags: limits are included, and what is refused is named with what is expected."""

import argparse
from collections.abc import Callable

import pytest

from common import flags


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (flags.integer(1, 5), "1", 1),
        (flags.integer(1, 5), "5", 5),
        (flags.number(0, 1), "1", 1.0),
        (flags.number(above=0), "1e-9", 1e-9),
        (flags.text, "a b", "a b"),
        (flags.SEED, str(2**32 - 1), 2**32 - 1),
    ],
)
def test_the_ends_of_the_ranges_are_accepted(kind: Callable, given: str, value: object) -> None:
    assert kind(given) == value


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (flags.integer(1, 5), "6", "is 6; expected a whole number from 1 to 5."),
        (flags.integer(1, 5), "1.5", "is 1.5; expected a whole number from 1 to 5."),
        (flags.integer(1, 5), "", "is empty; expected a whole number from 1 to 5."),
        (flags.number(0, 1), "nan", "is nan; expected a number from 0 to 1."),
        (flags.number(above=0), "0", "is 0; expected a number above 0."),
        (flags.number(at_most=3), "inf", "is inf; expected a number up to 3."),
        (flags.text, " ", "is empty; give it a value, or leave the flag out."),
        (flags.text, "a\0b", "is a\0b; expected a name without a null character."),
        (flags.integer(), "9" * 60, f"is {'9' * 40}...; expected a whole number from 1 to 1000000000."),
    ],
)
def test_anything_else_is_refused_in_a_sentence(kind: Callable, given: str, said: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        kind(given)
    assert str(refused.value) == said
