"""Forms of songs: what is written is read again, and what makes no sense is refused in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from workflows.songs.form import MOST_BARS, Section, SongForm, form_of, parse_structure

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters=":,"), min_size=1, max_size=40)  # fmt: skip
FORMS = (
    st.lists(st.builds(Section, NAMES, st.integers(1, 40)), min_size=1, max_size=20)
    .filter(lambda sections: sum(s.bars for s in sections) <= MOST_BARS)
    .map(lambda sections: SongForm(tuple(sections)))
)


@given(FORMS)
def test_a_written_form_is_read_again(form: SongForm) -> None:
    assert parse_structure(str(form)) == form
    assert parse_structure(str(form).replace(" ", ",\n ")) == form
    assert form_of(str(form), form.bars) == form


@given(FORMS)
def test_sections_follow_one_another(form: SongForm) -> None:
    ends = [start + s.bars for start, s in zip(form.starts, form.sections, strict=True)]
    assert [0, *ends] == [*form.starts, form.bars]
    assert [name for _, name in form.markers] == [s.name for s in form.sections]
    assert set(form.names) == {s.name for s in form.sections} and len(set(form.names)) == len(form.names)


@given(st.text(alphabet="verse:12 ,-\n²", max_size=30) | st.text(max_size=20))
def test_any_text_is_a_form_or_an_error_in_a_sentence(text: str) -> None:
    try:
        form = parse_structure(text)
    except InputError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
    else:
        assert all(s.bars >= 1 for s in form.sections) and form.bars <= MOST_BARS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "structure is empty"),
        (" , ", "structure is empty"),
        ("verse", "has 'verse'; expected a name, a colon and a number"),
        ("verse:8 :4", "has ':4'"),
        ("verse:8:4", "has 'verse:8:4'"),
        ("verse:-1", "has 'verse:-1'"),
        ("verse:1.5", "has 'verse:1.5'"),
        ("verse:٣", "has 'verse:٣'"),
        ("intro:4 verse:0", "section verse has 0 bars"),
        ("verse:999 coda:1", "more than 999 bars"),
        ("verse:" + "9" * 5000, "more than 999 bars"),
        ("v" * 41 + ":8", "at most 40 printable"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_structure(text)


def test_bars_alone_are_one_section() -> None:
    assert form_of(None, 32) == SongForm((Section("song", 32),))
    assert form_of("a:4 b:4", None).bars == 8
    for structure, bars, said in [
        (None, None, "needs --bars or --structure"),
        (None, 0, "--bars is 0"),
        (None, 1000, "more than 999"),
        ("a:4", 8, "--bars is 8, but the sections of --structure have 4"),
    ]:
        with pytest.raises(InputError, match=said):
            form_of(structure, bars)
