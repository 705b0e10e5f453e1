"""Numbers of things in sentences."""

import pytest

from common.wording import number_of


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0 clips"), (1, "1 clip"), (2, "2 clips"), (15087, "15,087 clips")]
)
def test_one_thing_is_singular_and_any_other_number_plural(number: int, expected: str) -> None:
    assert number_of(number, "clip") == expected


def test_a_plural_of_its_own() -> None:
    assert [number_of(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]
