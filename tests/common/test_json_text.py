"""JSON of untrusted files: nesting has a bound."""

import pytest

from common.json_text import MAX_NESTING, check_nesting, parse_json


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse_json(b'{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
    assert parse_json(nested(MAX_NESTING + 1)) is not None, "the outermost is level 0"
    assert parse_json(nested(3), most=2) == [[[]]]
    check_nesting({"a": [{}]}, most=2)


@pytest.mark.parametrize("depth", [MAX_NESTING + 2, 100_000])
def test_deeper_nesting_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match=f"deeper than {MAX_NESTING} levels"):
        parse_json(nested(depth))


def test_a_smaller_limit_counts_dictionaries_and_lists_alike() -> None:
    with pytest.raises(ValueError, match="deeper than 2 levels"):
        check_nesting({"a": [{"b": []}]}, most=2)


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError):
        parse_json("{'a': 1}")
