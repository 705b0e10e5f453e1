"""Piano rolls: pixels where notes are, none where they are not, and what is written beside them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.note_sequence import NoteSequence
from render.pianoroll import (
    COLOURS,
    PART_COLOURS,
    Contents,
    Key,
    beat_lines,
    clip_figure,
    contents_of,
    octave_name,
    pitch_range,
    png_bytes,
    save_png,
)
from tests.helpers.drum_sequences import PITCHES, SIXTEENTH, Hit, drum_sequence, random_hits
from tests.helpers.pitched_sequences import pitched, trio, with_chords


def picture_of(figure: Any, axis: Any, x: float, y: float) -> np.ndarray:
    """The pixel (RGB, 0 to 1) at a place given in the axis's units."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    column, row = axis.transData.transform((x, y))
    return pixels[pixels.shape[0] - 1 - int(row), int(column), :3] / 255


def test_hits_are_painted_in_their_drums_row_and_colour() -> None:
    hits = [(7 * drum, pitch, 127, 1) for drum, pitch in enumerate(PITCHES)]
    figure = clip_figure([("beat", drum_sequence(hits))], bars=4)
    for row, drum in enumerate(REDUCED_DRUM_CLASSES):
        found = picture_of(figure, figure.axes[0], 7 * row + 0.5, row)
        np.testing.assert_allclose(found, to_rgb(COLOURS[drum.name]), atol=0.02)
        beside = picture_of(figure, figure.axes[0], 7 * row + 1.5, row)
        assert np.abs(beside - found).max() > 0.1, "the step behind must be empty"


def test_soft_hits_and_soft_notes_are_paler() -> None:
    drums = drum_sequence([(1, 36, 20, 1), (9, 36, 127, 1)])
    notes = pitched((1, 60, 20, 1), (9, 60, 127, 1))
    for sequence, row in ((drums, 0), (notes, 60)):
        figure = clip_figure([("clip", sequence)], bars=1)
        soft, loud = (picture_of(figure, figure.axes[0], x, row) for x in (1.5, 9.5))
        assert soft.sum() > loud.sum() + 0.3


def test_hits_off_the_grid_are_painted_where_they_are() -> None:
    sequence = drum_sequence([(4, 36, 127, 1)])
    sequence.notes[0].start_time += 0.6 * SIXTEENTH
    figure = clip_figure([("late", sequence)], bars=1)
    early, late = (picture_of(figure, figure.axes[0], x, 0) for x in (4.3, 5.1))
    np.testing.assert_allclose(late, to_rgb(COLOURS["kick"]), atol=0.02)
    assert np.abs(early - late).max() > 0.1


def test_clips_stand_one_under_the_other_with_their_labels() -> None:
    rows = [(f"beat {i}", drum_sequence([(0, 36, 80, 1)])) for i in range(5)]
    figure = clip_figure(rows, bars=2, title="Beats")
    FigureCanvasAgg(figure).draw()
    assert [axis.get_title(loc="left") for axis in figure.axes] == [label for label, _ in rows]
    tops = [axis.get_window_extent().y1 for axis in figure.axes]
    assert tops == sorted(tops, reverse=True)


def test_notes_are_painted_from_beginning_to_end_at_their_pitch_low_ones_at_the_bottom() -> None:
    figure = clip_figure([("melody", pitched((8, 64, 127, 6), (0, 50, 127, 2)))], bars=1)
    (axis,) = figure.axes
    for x, pitch in ((8.5, 64), (13.5, 64), (1.0, 50)):
        found = picture_of(figure, axis, x, pitch)
        np.testing.assert_allclose(found, to_rgb(PART_COLOURS[0]), atol=0.02)
    for x, pitch in ((7.5, 64), (14.5, 64), (8.5, 65), (8.5, 63)):
        assert picture_of(figure, axis, x, pitch).min() > 0.8, (x, pitch)
    assert axis.transData.transform((0, 50))[1] < axis.transData.transform((0, 64))[1]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["C3", "C4", "C5"][
        : len(axis.get_yticks())
    ]
    assert octave_name(60) == "C4"


def test_a_trio_shows_its_instruments_by_colour_and_its_drums_below() -> None:
    figure = clip_figure([("trio", trio())], bars=1)
    keys, drums = figure.axes
    np.testing.assert_allclose(picture_of(figure, keys, 2, 72), to_rgb(PART_COLOURS[0]), atol=0.2)
    np.testing.assert_allclose(picture_of(figure, keys, 6, 40), to_rgb(PART_COLOURS[1]), atol=0.2)
    np.testing.assert_allclose(picture_of(figure, drums, 0.4, 0), to_rgb(COLOURS["kick"]), atol=0.02)
    assert [text.get_text() for text in keys.get_legend().get_texts()] == ["piano", "bass"]
    assert keys.get_xlim() == drums.get_xlim() == (0, 16)
    assert keys.get_window_extent().y0 > drums.get_window_extent().y1


def test_chord_symbols_stand_above_their_place() -> None:
    sequence = with_chords(pitched((0, 60, 80, 4)), (0, "C"), (8, "Am"), (40, "beyond"))
    figure = clip_figure([("melody", sequence)], bars=1)
    (axis,) = figure.axes
    FigureCanvasAgg(figure).draw()
    found = {text.get_text(): text.get_window_extent() for text in axis.texts}
    assert found.keys() == {"C", "Am"}
    top = axis.get_window_extent().y1
    for symbol, step in (("C", 0), ("Am", 8)):
        assert found[symbol].y0 >= top
        assert abs(found[symbol].x0 - axis.transData.transform((step, 60))[0]) < 3


@pytest.mark.parametrize("kind", ["empty", "drums"])
def test_clips_without_keys_are_a_drum_grid(kind: str) -> None:
    sequence = drum_sequence([] if kind == "empty" else [(0, 36, 80, 1)])
    (axis,) = clip_figure([("clip", sequence)], bars=1).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == [d.name for d in REDUCED_DRUM_CLASSES]


@given(hits=random_hits(70))
def test_contents_hold_every_hit_of_the_clip(hits: list[Hit]) -> None:
    expected = sorted((PITCHES.index(p), float(step), velocity) for step, p, velocity, _ in hits if step < 64)
    found = contents_of(drum_sequence(hits), 64)
    assert sorted((hit.row, round(hit.start, 6), hit.velocity) for hit in found.hits) == expected
    assert not found.keys and found.has_drums == bool(hits)


def test_contents_follow_the_sequences_own_tempo_and_end_with_the_clip() -> None:
    sequence = NoteSequence()
    sequence.tempos.add(qpm=60.0)
    sequence.notes.add(start_time=1.0, end_time=1.1, pitch=38, velocity=70, is_drum=True)
    sequence.notes.add(start_time=3.0, end_time=9.0, pitch=60, velocity=70)
    found = contents_of(sequence, 16)
    assert [(hit.row, hit.start) for hit in found.hits] == [(1, 4.0)]
    assert found.keys == (Key(60, 12.0, 4.0, 70, 0),)


def test_parts_of_one_family_are_numbered() -> None:
    sequence = pitched((0, 60, 80, 1))
    for instrument, program in ((1, 4), (2, 33), (3, 25)):
        pitched((0, 60, 80, 1), instrument=instrument, program=program, sequence=sequence)
    parts = contents_of(sequence, 16).parts
    assert [part.name for part in parts] == ["piano 1", "piano 2", "guitar", "bass"]
    assert len({part.colour for part in parts}) == 4


def test_a_chord_is_written_where_it_changes_and_one_at_a_time() -> None:
    sequence = with_chords(
        pitched((0, 60, 80, 1)), (0, "N.C."), (0, "C"), (0, "N.C."), (2, "C"), (4, "G"), (5, "G"), (8, "C")
    )
    assert contents_of(sequence, 16).chords == ((0, "C"), (4, "G"), (8, "C"))


@given(pitches=st.lists(st.integers(0, 127), max_size=5))
def test_the_range_of_keys_holds_all_of_them_and_an_octave_label(pitches: list[int]) -> None:
    keys = tuple(Key(pitch, 0, 1, 80, 0) for pitch in pitches)
    low, high = pitch_range([Contents((), keys, (), (), False)])
    assert 0 <= low < high <= 127
    assert all(low <= pitch <= high for pitch in pitches)
    assert any(pitch % 12 == 0 for pitch in range(low, high + 1))


def test_labels_are_written_as_they_are() -> None:
    """matplotlib would take what stands between dollar signs for a formula."""
    sequence = with_chords(pitched((0, 60, 80, 4)), (0, "C$\\x$"))
    assert png_bytes(clip_figure([("$\\a_{$", sequence)], bars=1, title="$\\b_{$"))


def test_png_file_has_the_asked_resolution(tmp_path: Path) -> None:
    figure = clip_figure([("beat", drum_sequence([]))], bars=1)
    save_png(figure, tmp_path / "beat.png", dpi=50)
    small = imread(tmp_path / "beat.png")
    large = imread(io.BytesIO(png_bytes(figure, dpi=100)))
    assert abs(large.shape[1] - 2 * small.shape[1]) <= 1
    assert [p.name for p in tmp_path.iterdir()] == ["beat.png"]


def test_beats_are_dotted_quarters_in_compound_meters() -> None:
    assert beat_lines(2, 3.0, 1.0) == [4, 8, 16, 20]
    assert beat_lines(2, 3.0, 1.5) == [6, 18]
    assert beat_lines(1, 6.0, 1.5) == [6, 12, 18]
    assert beat_lines(2, 3.5, 1.0) == [4, 8, 12, 18, 22, 26]
