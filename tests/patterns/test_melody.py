"""Tunes in text: the shipped ones, a round trip of any tune, and where errors are said to be."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.errors import InputError
from patterns.melody import FRAMES, KEYS, Tune, format_tune, load_tunes, parse, roll_to_note_sequence
from patterns.notation import NotationError
from preprocess.pieces.thirteen_key_songs import thirteen_key_song

words = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20)
names = words.map(str.strip).filter(lambda name: name and "//" not in name)


@st.composite
def tunes(draw: st.DrawFn) -> Tune:
    length = draw(st.integers(1, 12))
    bars = draw(st.integers(1, 12))
    keys = draw(st.lists(st.integers(-1, 12), min_size=length * bars, max_size=length * bars))
    return Tune(draw(names), draw(st.just("") | names), length, tuple(keys))


@given(st.lists(tunes(), max_size=4), st.integers(1, 5))
def test_text_gives_the_same_tunes_back(some: list[Tune], bars_per_line: int) -> None:
    assert parse("\n".join(format_tune(tune, bars_per_line) for tune in some)) == some


def test_shipped_tunes() -> None:
    tunes = load_tunes()
    assert len(tunes) >= 20
    assert len({tune.name for tune in tunes}) == len(tunes)
    for tune in tunes:
        assert tune.origin, tune.name
        assert 30 <= len(tune.keys) <= FRAMES, tune.name
        assert tune.roll().sum(axis=1).max() == 1, tune.name


def test_twinkle_begins_as_everyone_knows_it() -> None:
    tune = load_tunes()[0]
    struck = [KEYS[key] for key in tune.keys if key >= 0]
    assert struck[:14] == ["C", "C", "G", "G", "A", "A", "G", "F", "F", "E", "E", "D", "D", "C"]


def test_a_short_tune_is_played_again() -> None:
    roll = Tune("three", "", 3, (0, -1, 5)).roll(8)
    assert [int(row.argmax()) if row.any() else -1 for row in roll] == [0, -1, 5, 0, -1, 5, 0, -1]


@given(tunes())
@example(Tune("silence", "", 1, (-1,)))
def test_the_note_sequence_is_read_as_the_seeds_songs_are(tune: Tune) -> None:
    """Except for silence at the end and for transposition, which MusicGeneration's reader leaves alone between C and C."""
    roll = tune.roll()
    np.testing.assert_array_equal(thirteen_key_song(roll_to_note_sequence(roll)), roll)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("| C . |", r'text:1:1: expected "tune:" above the bars, got none'),
        ("tune: a\nbar: 2\n| C H |", r'text:3:5: expected "\." or one of C C# .* got "H"'),
        ("tune: a\nbar: 2\n| C . | C |", "text:3:8: expected 2 frames in a bar, got 1"),
        ("tune: a\nbar: 2\n| C .", 'text:3:5: expected a bar line "|" at the end'),
        ("tune: a\nbar: none\n| C |", "text:3:1: expected"),
        ("tune: a\ntempo: 90\n| C |", r"text:2:1: expected a line"),
        ("tune: a\n", "text:1:1: expected bars of"),
        ("origin: b\n", 'text:1:1: expected "origin:" between'),
    ],
)
def test_errors_say_the_place(text: str, said: str) -> None:
    with pytest.raises(NotationError, match=said):
        parse(text)


def test_another_shape_is_no_tune() -> None:
    with pytest.raises(InputError, match="expected \\[frames, 13\\]"):
        roll_to_note_sequence(np.zeros((4, 12)))
