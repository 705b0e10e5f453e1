"""Curves of a training: the numbers of the log, and what is refused."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

from common.errors import InputError
from render.curves import curves_figure, read_log, save_curves

LOG = """step,nats,steps_per_second,val_loss
100,9.5,8,
200,7.25,8,8.5
300,nan,8,
400,6.0,8,7.125
500,5.5,8,7.75
"""


def lines_of(axis: Any) -> dict[str, list[tuple[float, float]]]:
    """The points of each curve by its label; without the mark of the best."""
    return {
        line.get_label().split(",")[0]: list(zip(line.get_xdata(), line.get_ydata(), strict=True))
        for line in axis.lines
        if not line.get_label().startswith("_")
    }


def test_the_curves_are_the_numbers_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)
    figure = curves_figure(read_log(tmp_path / "log.csv"), "a run")
    (axis,) = figure.axes
    assert lines_of(axis) == {
        "training": [(100, 9.5), (200, 7.25), (400, 6.0), (500, 5.5)],
        "held out": [(200, 8.5), (400, 7.125), (500, 7.75)],
    }
    texts = [text.get_text() for text in axis.get_legend().get_texts()]
    assert texts == ["training", "held out, best 7.125 after 400 steps"]
    assert axis.get_title(loc="left") == "loss in training, nats held out, a frame"
    assert axis.get_xlabel() == "steps"


def test_parts_of_a_model_with_key_decoder_have_panels_and_add_up() -> None:
    rows = [
        {
            "step": s,
            "nats": 400 / s,
            "key_nats": 2.0,
            "val_loss": 900 / s,
            "val_nats": 500 / s,
            "val_key_nats": 3.0,
        }
        for s in (100, 200)
    ]
    together, values, keys = (lines_of(axis) for axis in curves_figure(rows).axes)
    assert together == {"training": [(100, 6.0), (200, 4.0)], "held out": [(100, 9.0), (200, 4.5)]}
    assert values == {"training": [(100, 4.0), (200, 2.0)], "held out": [(100, 5.0), (200, 2.5)]}
    assert keys == {"training": [(100, 2.0), (200, 2.0)], "held out": [(100, 3.0), (200, 3.0)]}


def test_a_run_without_held_out_pieces_has_one_curve() -> None:
    (axis,) = curves_figure([{"step": "1", "nats": "3.5"}]).axes
    assert lines_of(axis) == {"training": [(1, 3.5)]}


def test_what_comes_after_the_fall_of_the_beginning_fills_the_height() -> None:
    rows = [{"step": s, "nats": 60.0 if s == 0 else 8 - s / 1000} for s in range(0, 1001, 100)]
    low, high = curves_figure(rows).axes[0].get_ylim()
    assert low < 7 and 7.9 < high < 9


@pytest.mark.parametrize("texts", [("12x", "3"), ("12", "three"), ("inf", "3")])
def test_what_is_no_number_is_refused(texts: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="expected numbers"):
        curves_figure([{"step": texts[0], "nats": texts[1]}])


def test_a_log_of_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,reconstruction\n10,3.5\n")
    with pytest.raises(InputError, match="no nats a frame"):
        save_curves(tmp_path / "curves.png", tmp_path / "log.csv")
    assert not (tmp_path / "curves.png").exists()
    with pytest.raises(InputError, match="can't be read as a log"):
        save_curves(tmp_path / "curves.png", tmp_path / "missing.csv")


def test_the_file_is_the_same_from_a_log_and_from_its_lines(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)
    save_curves(tmp_path / "new" / "a.png", tmp_path / "log.csv", "a run")
    save_curves(tmp_path / "new" / "b.png", read_log(tmp_path / "log.csv"), "a run")
    assert (tmp_path / "new" / "a.png").read_bytes() == (tmp_path / "new" / "b.png").read_bytes()
    assert imread(tmp_path / "new" / "a.png").shape[1] == int(7.5 * 110)


def test_legend_and_title_stay_inside_the_picture() -> None:
    rows = [{"step": s, "nats": 5 + 500 / s, "val_loss": 6 + 500 / s} for s in range(100, 20001, 100)]
    figure = curves_figure(rows, "piano-small")
    FigureCanvasAgg(figure).draw()
    (axis,) = figure.axes
    legend, panel = axis.get_legend().get_window_extent(), axis.get_window_extent()
    assert panel.x0 <= legend.x0 and legend.x1 <= panel.x1
    labels = [label.get_window_extent() for label in axis.get_xticklabels()]
    assert all(a.x1 < b.x0 for a, b in pairwise(labels))
    assert np.isfinite(axis.get_ylim()).all()
