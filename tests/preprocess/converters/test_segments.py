"""Meters of converters, and bars in steps."""

import pytest

from common.errors import InputError
from preprocess.converters import create
from preprocess.converters.segments import meter_of


@pytest.mark.parametrize("text", ["", "4", "4/", "0/4", "3/5", "3-4", "100/4", "3/4 "])
def test_a_meter_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the meter is"):
        create({"name": "drums", "meter": text})


def test_a_bar_is_a_whole_number_of_steps() -> None:
    with pytest.raises(InputError, match="not a whole number of steps"):
        create({"name": "drums", "meter": "5/8", "steps_per_quarter": 1})
    assert meter_of("5/8") == (5, 8)
    assert create({"name": "drums", "meter": "5/8", "steps_per_quarter": 2}).steps_per_bar == 5
