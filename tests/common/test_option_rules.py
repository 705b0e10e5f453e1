"""Rules for the options of a config: what fits, and the words for what would."""

import pytest

from common.option_rules import FLAG, Options, number, optional, whole, whole_list, word, wrong_option

OPTIONS: Options = {
    "units": whole(1, 8),
    "rate": number(0, 1),
    "sizes": whole_list(1, 9, 3),
    "kind": word("flat", "deep"),
    "gap": optional(whole(0, 5)),
    "dry": FLAG,
}


def test_allowed_values_are_accepted() -> None:
    part = {
        "name": "part",
        "units": 8,
        "rate": 0.5,
        "sizes": (1, 9),
        "kind": "deep",
        "gap": None,
        "dry": False,
    }
    assert wrong_option(OPTIONS, part) is None


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("units", 9, "units is 9; expected a whole number from 1 to 8"),
        ("units", True, "units is True; expected a whole number from 1 to 8"),
        ("units", 2.0, "units is 2.0; expected a whole number from 1 to 8"),
        ("rate", float("nan"), "rate is nan; expected a number from 0 to 1"),
        ("sizes", (), "sizes is []; expected a list of 1 to 3 whole numbers from 1 to 9"),
        ("sizes", [1, 2, 3, 4], "sizes is [1, 2, 3, 4]; expected a list of 1 to 3 whole numbers from 1 to 9"),
        ("kind", "wide", "kind is 'wide'; expected flat or deep"),
        ("gap", 6, "gap is 6; expected a whole number from 0 to 5"),
        ("dry", 1, "dry is 1; expected true or false"),
        ("unit", 1, "there is no option 'unit'; expected units, rate, sizes, kind, gap, dry"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_expected(option: str, value: object, expected: str) -> None:
    assert wrong_option(OPTIONS, {"name": "part", option: value}) == expected
