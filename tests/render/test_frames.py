"""Pictures of the frame models: colours at known cells, what is written beside them, and what is refused."""

import hashlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.image import imread

from common.errors import InputError
from preprocess.keyboard import KEYS, LOWEST_PITCH
from render.frames import (
    NearestPair,
    attention_figure,
    expected_figure,
    labelled_lags,
    lag_name,
    nearest_figure,
    save_attention,
    save_expected,
    save_nearest,
)
from render.pianoroll import BAR, GRID
from render.roll_axes import MOST_FRAMES, ONE_ONLY, PLAYED, SHADES, key_range

LAGS = (4, 8, 16, 32, 48, 64, 96, 128)


def a_roll(frames: int, seed: int = 0) -> np.ndarray:
    """Notes here and there in the middle of the keyboard."""
    keys = np.zeros((frames, KEYS), bool)
    keys[:, 25:60] = np.random.default_rng(seed).random((frames, 35)) < 0.06
    return keys


def some_weights(frames: int, lags: int = len(LAGS)) -> np.ndarray:
    return np.random.default_rng(1).dirichlet(np.ones(lags), frames)


def a_pair(**changes: Any) -> NearestPair:
    generated, nearest = np.zeros((2, 32, KEYS), bool)
    generated[5, 40] = nearest[5, 40] = True
    generated[20, 45] = nearest[9, 30] = True
    fields = {
        "generated": generated,
        "nearest": nearest,
        "label": "piece 3, bar 5",
        "source": "Maple Leaf Rag",
    }
    return NearestPair(**{**fields, "distance": 2 / 3, **changes})


def pixels_of(figure: Any) -> Callable[[Any, float, float], np.ndarray]:
    """A function that finds the colour (RGB, 0 to 1) of a place given in an axis's units."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())

    def at(axis: Any, x: float, y: float) -> np.ndarray:
        column, row = axis.transData.transform((x, y))
        return pixels[pixels.shape[0] - 1 - int(row), int(column), :3] / 255

    return at


def assert_colour(found: np.ndarray, expected: Any) -> None:
    np.testing.assert_allclose(found, to_rgb(expected), atol=0.02)


def test_what_is_expected_is_shaded_below_what_is_played_at_the_same_key_and_frame() -> None:
    keys, expected = np.zeros((32, KEYS), bool), np.zeros((32, KEYS))
    keys[5, 39] = keys[20, 46] = True
    expected[5, 39], expected[20, 46], expected[21, 50] = 0.9, 0.25, 0.5
    figure = expected_figure(keys, expected, "a title")
    at = pixels_of(figure)
    played, likely = figure.axes[:2]
    for frame, key in ((5, 39), (20, 46)):
        assert_colour(at(played, frame + 0.5, LOWEST_PITCH + key), PLAYED)
        shade = SHADES(expected[frame, key])
        assert_colour(at(likely, frame + 0.5, LOWEST_PITCH + key), shade)
    assert_colour(at(likely, 21.5, LOWEST_PITCH + 50), SHADES(0.5))
    assert at(played, 21.5, LOWEST_PITCH + 50).min() > 0.85, "expected, but not played"
    assert at(played, 6.5, LOWEST_PITCH + 39).min() > 0.85, "a note ends with its frame"
    assert played.get_window_extent().y0 > likely.get_window_extent().y1
    assert played.get_xlim() == likely.get_xlim() == (0, 32)
    assert played.get_ylim() == likely.get_ylim()
    means = likely.get_title(loc="left")
    assert f"{(0.9 + 0.25) / 2:.3f} where a key is played" in means
    assert f"{0.5 / (32 * KEYS - 2):.3f} where it is not" in means


def test_darker_is_likelier() -> None:
    brightness = [sum(SHADES(p)[:3]) for p in np.linspace(0, 1, 21)]
    assert all(a > b for a, b in pairwise(brightness))


def test_low_keys_are_at_the_bottom_with_the_names_of_their_octaves() -> None:
    keys = np.zeros((32, KEYS), bool)
    keys[0, [0, KEYS - 1]] = True
    figure = expected_figure(keys, keys.astype(float))
    for axis in figure.axes[:2]:
        names = {
            label.get_text(): y for label, y in zip(axis.get_yticklabels(), axis.get_yticks(), strict=True)
        }
        assert names == {f"C{octave}": 12 * (octave + 1) for octave in range(1, 9)}
        heights = [axis.transData.transform((0, y))[1] for y in names.values()]
        assert heights == sorted(heights)


def test_bars_of_sixteen_frames_are_numbered() -> None:
    (played, likely) = expected_figure(a_roll(40), np.zeros((40, KEYS))).axes[:2]
    assert [label.get_text() for label in likely.get_xticklabels()] == ["bar 1", "bar 2", "bar 3"]
    assert list(likely.get_xticks()) == [0, 16, 32]
    drawn = {line.get_xdata()[0] for line in played.lines if line.get_xdata()[0] == line.get_xdata()[1]}
    assert {0, 16, 32} <= drawn


@given(used=st.lists(st.integers(0, KEYS - 1), max_size=6))
def test_the_keys_shown_hold_all_that_are_used_and_two_octaves(used: list[int]) -> None:
    keys = np.zeros((4, KEYS), bool)
    keys[1, used] = True
    low, high = key_range(keys)
    assert low >= 21 and high <= 108 and high - low >= 24
    assert all(low <= key + LOWEST_PITCH <= high for key in used)
    if used and max(used) - min(used) >= 24:
        assert low >= min(used) + LOWEST_PITCH - 2 and high <= max(used) + LOWEST_PITCH + 2


def test_a_key_that_is_only_expected_is_shown_too() -> None:
    keys, expected = a_roll(16), np.zeros((16, KEYS))
    expected[3, 87] = 0.6
    assert expected_figure(keys, expected).axes[0].get_ylim()[1] >= 108


@pytest.mark.parametrize("frames", [32, MOST_FRAMES])
def test_every_frame_has_pixels_of_its_own_in_the_file(frames: int, tmp_path: Path) -> None:
    """A key that is struck in every second frame shows as separate marks in a row of pixels."""
    keys = np.zeros((frames, KEYS), bool)
    keys[::2, 40] = True
    save_nearest(tmp_path / "nearest.png", [a_pair(generated=keys, nearest=keys)])
    save_attention(tmp_path / "attention.png", keys, np.ones((frames, 1)), [4])
    for path in tmp_path.iterdir():
        dark = np.abs(imread(path)[..., :3] - to_rgb(PLAYED)).max(axis=-1) < 0.02
        blots = (np.diff(dark.astype(int), axis=1) == 1).sum(axis=1)
        assert blots.max() == frames // 2


def test_each_lag_has_a_row_shaded_by_its_share_and_a_bar_of_its_mean() -> None:
    weights = np.zeros((32, len(LAGS)))
    weights[:, 2], weights[:, 5] = 0.75, 0.25
    weights[9, 2], weights[9, 5] = 0.0, 1.0
    figure = attention_figure(a_roll(32), weights, LAGS)
    at = pixels_of(figure)
    played, _, read, mean = figure.axes[:4]
    names = [label.get_text() for label in read.get_yticklabels()]
    assert names == [lag_name(lag) for lag in LAGS]
    rows = dict(zip(names, read.get_yticks(), strict=True))
    assert rows["4 = 1 beat"] > rows["128 = 8 bars"], "the shortest lag is at the top"
    for frame, lag, share in ((4, 16, 0.75), (4, 64, 0.25), (9, 16, 0.0), (9, 64, 1.0), (9, 4, 0.0)):
        assert_colour(at(read, frame + 0.5, rows[lag_name(lag)]), SHADES(share))
    lengths = {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in mean.patches}
    for lag, share in zip(LAGS, weights.mean(axis=0), strict=True):
        assert lengths[rows[lag_name(lag)]] == pytest.approx(share)
    assert mean.get_ylim() == read.get_ylim() and played.get_xlim() == read.get_xlim()
    boxes = [axis.get_window_extent() for axis in (played, read, mean)]
    np.testing.assert_allclose(boxes[0].intervalx, boxes[1].intervalx, err_msg="one axis of time")
    np.testing.assert_allclose(boxes[1].intervaly, boxes[2].intervaly, err_msg="one axis of lags")
    assert boxes[0].y0 > boxes[1].y1 and boxes[2].x0 > boxes[1].x1


def test_lags_in_another_order_make_the_same_picture(tmp_path: Path) -> None:
    keys, weights = a_roll(32), some_weights(32)
    order = np.random.default_rng(3).permutation(len(LAGS))
    save_attention(tmp_path / "sorted.png", keys, weights, LAGS)
    save_attention(tmp_path / "shuffled.png", keys, weights[:, order], [LAGS[i] for i in order])
    assert (tmp_path / "sorted.png").read_bytes() == (tmp_path / "shuffled.png").read_bytes()


def test_bar_lines_and_lags_follow_the_meter() -> None:
    weights = np.zeros((48, 2))
    weights[:, 0] = 1
    figure = attention_figure(a_roll(48), weights, [12, 24], bar=12)
    played, _, read, _ = figure.axes[:4]
    assert played.get_xticks().tolist() == [0, 12, 24, 36] == read.get_xticks().tolist()
    assert [label.get_text() for label in read.get_yticklabels()] == ["12 = 1 bar", "24 = 2 bars"]
    lines = {
        float(line.get_xdata()[0]): to_hex(line.get_color())
        for line in played.lines
        if line.get_linestyle() == "-"
    }
    assert [x for x, colour in lines.items() if colour == BAR] == [0, 12, 24, 36, 48]
    assert [x for x, colour in lines.items() if colour == GRID] == [4, 8, 16, 20, 28, 32, 40, 44]


@pytest.mark.parametrize(
    ("lag", "name"),
    [(1, "1"), (4, "4 = 1 beat"), (12, "12 = 3 beats"), (15, "15"), (16, "16 = 1 bar"), (24, "24 = 6 beats"),
     (128, "128 = 8 bars")],
)  # fmt: skip
def test_a_lag_is_named_in_beats_or_bars_where_it_is_whole_ones(lag: int, name: str) -> None:
    assert lag_name(lag) == name


@given(lags=st.sets(st.integers(1, 400), min_size=1))
def test_of_many_lags_those_of_whole_beats_or_bars_get_labels(lags: set[int]) -> None:
    ordered = sorted(lags)
    rows = labelled_lags(ordered)
    assert len(rows) <= 24
    if len(ordered) <= 24:
        assert rows == list(range(len(ordered)))
    else:
        labelled = [ordered[row] for row in rows]
        assert all(lag % 4 == 0 for lag in labelled)
        unit = next(u for u in (4, 16, 64, 256) if sum(lag % u == 0 for lag in ordered) <= 24)
        assert labelled == [lag for lag in ordered if lag % unit == 0]


def test_cells_that_both_segments_hold_are_coloured_apart() -> None:
    figure = nearest_figure([a_pair()], "copies?")
    at = pixels_of(figure)
    generated, nearest = figure.axes
    for axis in (generated, nearest):
        assert_colour(at(axis, 5.5, LOWEST_PITCH + 40), PLAYED)
    assert_colour(at(generated, 20.5, LOWEST_PITCH + 45), ONE_ONLY)
    assert_colour(at(nearest, 9.5, LOWEST_PITCH + 30), ONE_ONLY)
    assert at(nearest, 20.5, LOWEST_PITCH + 45).min() > 0.85
    assert generated.get_window_extent().y0 > nearest.get_window_extent().y1
    assert generated.get_title(loc="left") == "generated: piece 3, bar 5"
    assert nearest.get_title(loc="left") == "distance 0.667: Maple Leaf Rag"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["in both", "in one only"]


def test_each_pair_has_its_own_two_panels_in_the_order_given() -> None:
    figure = nearest_figure([a_pair(label=str(i)) for i in range(5)])
    assert [axis.get_title(loc="left") for axis in figure.axes[::2]] == [f"generated: {i}" for i in range(5)]
    FigureCanvasAgg(figure).draw()
    places = [(-axis.get_window_extent().y0, axis.get_window_extent().x0) for axis in figure.axes[::2]]
    assert places == sorted(places)


def test_a_shorter_segment_is_drawn_to_the_scale_of_the_longer_ones() -> None:
    short = a_pair(generated=a_roll(16), nearest=a_roll(16, 1))
    figure = nearest_figure([a_pair(), short])
    assert {axis.get_xlim() for axis in figure.axes} == {(0, 32)}


FIGURES: dict[str, Callable[[int], Any]] = {
    "expected": lambda n: expected_figure(a_roll(n), 0.3 * a_roll(n), "piano-small, step 12000"),
    "attention": lambda n: attention_figure(a_roll(n), some_weights(n), LAGS, "piano-small"),
    "window": lambda n: attention_figure(a_roll(n), some_weights(n, 80), range(80, 0, -1), "window"),
    "nearest": lambda n: nearest_figure(
        [a_pair(generated=a_roll(n), nearest=a_roll(n, 1), source="x" * 300)]
    ),
}


@pytest.mark.parametrize("frames", [1, 32, 1024])
@pytest.mark.parametrize("kind", FIGURES)
def test_labels_overlap_nowhere_and_nothing_is_cut_off(kind: str, frames: int) -> None:
    figure = FIGURES[kind](frames)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    shown = [axis for axis in figure.axes if axis.axison]
    for axis in shown:
        for ticks in (axis.xaxis, axis.yaxis):
            labels = [label for label in ticks.get_ticklabels() if label.get_text() and label.get_visible()]
            boxes = [label.get_window_extent() for label in labels]
            assert not any(a.overlaps(b) for a, b in pairwise(boxes)), [label.get_text() for label in labels]
        heading = axis._left_title.get_window_extent()
        assert heading.x1 <= figure.bbox.x1 and heading.y1 <= figure.bbox.y1
    for figure_text in figure.texts:
        assert all(not figure_text.get_window_extent().overlaps(a.get_window_extent()) for a in shown)
    ratio = figure.get_figwidth() / figure.get_figheight()
    assert 0.8 < ratio < 3.5


def test_long_titles_are_broken_into_lines() -> None:
    figure = expected_figure(a_roll(32), np.zeros((32, KEYS)), " ".join(["$long\\a_{$"] * 30))
    FigureCanvasAgg(figure).draw()
    box = figure._suptitle.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    assert box.y0 >= figure.axes[0].get_window_extent().y1


def test_pictures_are_the_same_bytes_each_time_in_a_folder_that_is_made(tmp_path: Path) -> None:
    keys = a_roll(32)

    def write(folder: Path) -> list[str]:
        save_expected(folder / "expected.png", keys, 0.5 * keys, "one")
        save_attention(folder / "attention.png", keys, some_weights(32), LAGS, "two")
        save_nearest(folder / "nearest.png", [a_pair()], "three")
        files = sorted(folder.iterdir())
        assert [path.name for path in files] == ["attention.png", "expected.png", "nearest.png"]
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]

    first = write(tmp_path / "a" / "pictures")
    assert len(set(first)) == 3
    assert write(tmp_path / "b") == first


def test_an_older_picture_stays_where_a_new_one_fails(tmp_path: Path) -> None:
    path, keys = tmp_path / "expected.png", a_roll(16)
    path.write_bytes(b"older")
    with pytest.raises(ValueError, match="logits"):
        save_expected(path, keys, keys * 7.0)
    assert path.read_bytes() == b"older" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match=r"below\.png: can't be written"):
        save_expected(path / "below.png", keys, keys * 1.0)


@pytest.mark.parametrize("wrong", [-2.0, 1.5, np.nan])
def test_what_is_no_probability_is_refused(wrong: float) -> None:
    expected, weights = np.zeros((16, KEYS)), some_weights(16)
    expected[3, 3] = weights[2, 2] = wrong
    with pytest.raises(ValueError, match=r"expected holds .*; expected 0 to 1"):
        expected_figure(a_roll(16), expected)
    with pytest.raises(ValueError, match=r"weights holds .*; expected 0 to 1"):
        attention_figure(a_roll(16), weights, LAGS)


def test_shapes_that_do_not_fit_are_refused_by_both_names() -> None:
    with pytest.raises(ValueError, match=r"expected has the shape \(15, 88\); keys has \(16, 88\)"):
        expected_figure(a_roll(16), np.zeros((15, KEYS)))
    with pytest.raises(
        ValueError, match=r"weights has the shape \(16, 7\); 16 frames and 8 lags .* \(16, 8\)"
    ):
        attention_figure(a_roll(16), some_weights(16, 7), LAGS)
    with pytest.raises(ValueError, match=r"nearest has the shape \(31, 88\); generated has \(32, 88\)"):
        nearest_figure([a_pair(nearest=np.zeros((31, KEYS)))])
    for shape in ((16, 12), (0, KEYS), (KEYS,), (MOST_FRAMES + 1, KEYS)):
        with pytest.raises(ValueError, match=r"keys has the shape .*; expected \(frames, 88\)"):
            expected_figure(np.zeros(shape), np.zeros(shape))


@pytest.mark.parametrize("lags", [(), (0, 4), (-3, 8)])
def test_lags_before_the_predicted_frame_are_one_or_more(lags: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="each 1 or more"):
        attention_figure(a_roll(16), np.full((16, len(lags)), 0.5), lags)


def test_no_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        nearest_figure([])
