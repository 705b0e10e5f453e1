"""Drum maps: the built-in ones, and files of the user's own."""

from pathlib import Path

import pytest

from common.errors import InputError
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from render.drum_maps import DRUM_MAPS, load_drum_map


@pytest.mark.parametrize("name", DRUM_MAPS)
def test_built_in_maps_place_all_nine_drums_apart(name: str) -> None:
    notes = load_drum_map(name)
    assert set(notes) == {drum.name for drum in REDUCED_DRUM_CLASSES}
    assert len(set(notes.values())) == 9
    assert all(0 <= note <= 127 for note in notes.values())


@pytest.mark.parametrize("name", ["general_midi", "roland_td"])
def test_maps_of_kits_that_are_read_keep_each_drum_in_its_class(name: str) -> None:
    """What is written by such a map is read back as the same drum."""
    for drum in REDUCED_DRUM_CLASSES:
        assert DRUM_MAPS[name][drum.name] in drum.pitches


def test_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('kick = 24\nclosed_hi_hat = 60\n"open hi-hat" = 61\n')
    notes = load_drum_map(str(path))
    assert (notes["kick"], notes["closed hi-hat"], notes["open hi-hat"]) == (24, 60, 61)
    assert notes["snare"] == 38
    assert DRUM_MAPS["general_midi"]["kick"] == 36


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cowbell = 56", "no drum 'cowbell'"),
        ("kick = 128", "0 to 127"),
        ("kick = true", "0 to 127"),
        ('kick = "36"', "0 to 127"),
        ("kick =", "can't be read"),
        ("# a map", "names no drum"),
    ],
)
def test_files_that_are_no_map_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_drum_map(str(path))
    assert str(path) in str(error.value)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="general_midi"):
        load_drum_map("my_kit")
