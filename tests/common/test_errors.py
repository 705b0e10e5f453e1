"""The words for what a user can put right."""

import pytest

from common.errors import CheckpointError, InputError, OutputError, UserError, because, shown


def test_each_error_has_its_exit_status() -> None:
    assert [kind.status for kind in (UserError, InputError, OutputError, CheckpointError)] == [2, 2, 1, 2]
    assert InputError("It is empty.").reason == "bad_input"
    assert InputError("It is long.", "too_long").reason == "too_long"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("notes"), "it has no 'notes'"),
        (RecursionError(), "it is nested too deeply"),
        (ValueError("the header is cut off."), "the header is cut off"),
        (ValueError("invalid literal for int()"), "a number or word in it can't be read"),
        (ValueError(), "a number or word in it can't be read"),
    ],
)
def test_a_parsers_exception_becomes_the_end_of_a_sentence(error: BaseException, said: str) -> None:
    assert because(error) == said


def test_long_texts_and_values_are_cut() -> None:
    assert len(because(ValueError("x" * 1000))) == 300
    assert shown("x" * 1000).endswith("...") and len(shown("x" * 1000)) == 80
    assert shown(10**5000) == "a int too large to show"
