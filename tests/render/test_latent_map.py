"""Pictures of a latent space."""

import pytest
from matplotlib.colors import to_hex

from preprocess.note_sequence import NoteSequence
from render.latent_map import grid_figure
from render.pianoroll import BAR


@pytest.mark.parametrize(("quarters_per_bar", "lines"), [(4.0, [16]), (3.0, [12]), (6.0, [24])])
def test_the_sheets_bar_lines_follow_the_meter(quarters_per_bar: float, lines: list[int]) -> None:
    clip = NoteSequence()
    clip.notes.add(pitch=36, velocity=90, start_time=0.5, end_time=0.6, is_drum=True)
    figure = grid_figure([[clip, clip]], bars=2, quarters_per_bar=quarters_per_bar)
    for axis in figure.axes:
        assert axis.get_xlim() == (0, 2 * 4 * quarters_per_bar)
        drawn = [line.get_xdata()[0] for line in axis.lines if to_hex(line.get_color()) == BAR]
        assert drawn == lines
