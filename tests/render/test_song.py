"""The picture of a song: which bars it says are equal or alike, and that any form can be drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocess.converters.drums import DrumsConverter
from render.pianoroll import png_bytes
from render.song import bar_labels, bar_similarity, song_figure

BARS = st.lists(st.integers(0, 3), min_size=1, max_size=12)
KINDS = np.array([[0] * 16, [1] * 16, [3] * 16, [1] * 8 + [0] * 8])


@given(BARS)
def test_equal_bars_have_equal_labels(kinds: list[int]) -> None:
    labels = bar_labels(KINDS[kinds].ravel(), 16)
    assert (np.equal.outer(labels, labels) == np.equal.outer(kinds, kinds)).all()
    assert labels[0] == 0 and set(labels) == set(range(labels.max() + 1))


def test_similarity_is_f1_of_the_hits() -> None:
    found = bar_similarity(KINDS.ravel(), 16)
    assert found == pytest.approx(
        np.array([[1, 0, 0, 0], [0, 1, 2 / 3, 2 / 3], [0, 2 / 3, 1, 16 / 40], [0, 2 / 3, 16 / 40, 1]])
    )


@pytest.mark.parametrize("sections", [[("song", 1)], [("a", 9), ("b $1$", 1), ("a", 3)], [("x", 1)] * 40])
def test_any_form_is_drawn(sections: list[tuple[str, int]]) -> None:
    bars = sum(length for _, length in sections)
    tokens = np.random.default_rng(0).integers(0, 512, (4, 16))[np.arange(bars) % 4].ravel()
    (sequence,) = DrumsConverter().from_tensors([tokens])
    figure = song_figure(sequence, tokens, sections, fills=[0], title="A $ong")
    rows = sum(-(-length // 8) for _, length in sections)
    assert len(figure.axes) == rows + (bars > 1)
    drawn = sum(len(c.get_paths()) for a in figure.axes[:rows] for c in a.collections if c.get_zorder() == 2)
    assert drawn == len(sequence.notes)
    texts = [t.get_text() for a in figure.axes[:rows] for t in a.texts]
    assert texts[1] == ("fill A" if bars > 4 else "fill") and texts[0] == "1"
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_sections_must_be_as_long_as_the_song() -> None:
    (sequence,) = DrumsConverter().from_tensors([np.zeros(32, int)])
    with pytest.raises(ValueError, match="3 bars, the tokens 2"):
        song_figure(sequence, np.zeros(32, int), [("a", 3)])
