"""Piano rolls: pixels where hits are, none where they are not."""

import io
from pathlib import Path

import numpy as np
from hypothesis import given
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from preprocess.converters.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.note_sequence import NoteSequence
from render.pianoroll import COLOURS, drum_figure, drum_grid, pitched_figure, png_bytes, save_png
from tests.drum_sequences import PITCHES, Hit, drum_sequence, random_hits


def picture_of(figure: object, axis: object, x: float, y: float) -> np.ndarray:
    """The pixel (RGB, 0 to 1) at a place given in the axis's units."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    column, row = axis.transData.transform((x, y))
    return pixels[pixels.shape[0] - 1 - int(row), int(column), :3] / 255


def test_hits_are_painted_in_their_drums_row_and_colour() -> None:
    hits = [(7 * drum, pitch, 127, 1) for drum, pitch in enumerate(PITCHES)]
    figure = drum_figure([("beat", drum_sequence(hits))], bars=4)
    for row, drum in enumerate(REDUCED_DRUM_CLASSES):
        found = picture_of(figure, figure.axes[0], 7 * row + 0.5, row)
        np.testing.assert_allclose(found, to_rgb(COLOURS[drum.name]), atol=0.02)
        beside = picture_of(figure, figure.axes[0], 7 * row + 1.5, row)
        assert np.abs(beside - found).max() > 0.1, "the step behind must be empty"


def test_soft_hits_are_paler() -> None:
    figure = drum_figure([("beat", drum_sequence([(1, 36, 20, 1), (9, 36, 127, 1)]))], bars=1)
    soft, loud = (picture_of(figure, figure.axes[0], x, 0) for x in (1.5, 9.5))
    assert soft.sum() > loud.sum() + 0.3


def test_beats_stand_one_under_the_other_with_their_labels() -> None:
    rows = [(f"beat {i}", drum_sequence([(0, 36, 80, 1)])) for i in range(5)]
    figure = drum_figure(rows, bars=2, title="Beats")
    assert [axis.get_title(loc="left") for axis in figure.axes] == [label for label, _ in rows]
    tops = [axis.get_position().y1 for axis in figure.axes]
    assert tops == sorted(tops, reverse=True)


@given(hits=random_hits(70))
def test_grid_holds_the_loudest_velocity_of_each_cell(hits: list[Hit]) -> None:
    expected = np.zeros((9, 64), np.int32)
    for step, pitch, velocity, _ in hits:
        if step < 64:
            row = PITCHES.index(pitch)
            expected[row, step] = max(expected[row, step], velocity)
    np.testing.assert_array_equal(drum_grid(drum_sequence(hits), 64), expected)


def test_grid_follows_the_sequences_own_tempo() -> None:
    sequence = NoteSequence()
    sequence.tempos.add(qpm=60.0)
    sequence.notes.add(start_time=1.0, end_time=1.1, pitch=38, velocity=70, is_drum=True)
    assert list(zip(*drum_grid(sequence, 16).nonzero(), strict=True)) == [(1, 4)]


def test_pitched_notes_are_painted_at_their_time_and_pitch() -> None:
    sequence = NoteSequence(total_time=4.0)
    sequence.notes.add(start_time=1.0, end_time=2.0, pitch=64, velocity=127)
    figure = pitched_figure(sequence, "melody")
    axis = figure.axes[0]
    np.testing.assert_allclose(picture_of(figure, axis, 1.5, 64), to_rgb(COLOURS["crash"]), atol=0.02)
    assert picture_of(figure, axis, 2.5, 64).min() > 0.85


def test_png_file_has_the_asked_resolution(tmp_path: Path) -> None:
    figure = drum_figure([("beat", drum_sequence([]))], bars=1)
    save_png(figure, tmp_path / "beat.png", dpi=50)
    small = imread(tmp_path / "beat.png")
    large = imread(io.BytesIO(png_bytes(figure, dpi=100)))
    assert abs(large.shape[1] - 2 * small.shape[1]) <= 1
    assert [p.name for p in tmp_path.iterdir()] == ["beat.png"]
