"""Primers: what the original's file says, and every kind of file that says nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from preprocess.keyboard import KEYS, LOWEST_PITCH
from preprocess.piano_rolls import Roll, to_note_sequence
from preprocess.pieces.primers import (
    MAX_BYTES,
    MAX_FRAMES,
    MAX_PRIMERS,
    primer_of_pitches,
    primer_of_sequence,
    read_initiators,
)

CHORD = {"name": "C_major", "seq": [{"notes": [60, 64, 67]}]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-200, 200) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["initiator", "name", "seq", "notes"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_initiators_light_the_keys_of_their_pitches(tmp_path: Path) -> None:
    do_re_mi = {"name": "DoReMi", "seq": [{"notes": [60]}, {"notes": []}, {"notes": [62, 21, 108]}]}
    path = write(tmp_path / "initiator.json", {"initiator": [CHORD, do_re_mi]})
    (first, chord), (second, melody) = read_initiators(path)
    assert (first, second) == ("C_major", "DoReMi")
    assert chord.dtype == bool and chord.shape == (1, KEYS)
    assert (np.flatnonzero(chord[0]) + LOWEST_PITCH).tolist() == [60, 64, 67]
    assert [(np.flatnonzero(frame) + LOWEST_PITCH).tolist() for frame in melody] == [[60], [], [21, 62, 108]]


@given(st.lists(st.frozensets(st.integers(21, 108), max_size=6), min_size=1, max_size=20))
def test_every_roll_can_be_written_as_an_initiator(
    tmp_path_factory: pytest.TempPathFactory, frames: list[frozenset[int]]
) -> None:
    cells = np.array([[pitch in frame for pitch in range(21, 109)] for frame in frames])
    sequence = [{"notes": sorted(frame)} for frame in frames]
    path = tmp_path_factory.getbasetemp() / "initiator.json"
    ((name, found),) = read_initiators(write(path, {"initiator": [{"name": "C/G (low)", "seq": sequence}]}))
    assert name == "C/G (low)"
    np.testing.assert_array_equal(found, cells)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ([CHORD], 'is not a list "initiator"'),
        ({"initiator": []}, "of 1 to"),
        ({"initiator": [CHORD] * (MAX_PRIMERS + 1)}, "of 1 to"),
        ({"initiator": ["C"]}, 'primer 1 has no "name"'),
        ({"initiator": [CHORD, {**CHORD, "name": "two\nlines"}]}, 'primer 2 has no "name"'),
        ({"initiator": [{**CHORD, "name": "a" * 65}]}, 'primer 1 has no "name"'),
        ({"initiator": [{**CHORD, "name": ""}]}, 'primer 1 has no "name"'),
        ({"initiator": [CHORD, CHORD]}, "primer 2 has the name of an earlier one, C_major"),
        ({"initiator": [{"name": "empty", "seq": []}]}, r'primer 1 \(empty\) has no list "seq"'),
        ({"initiator": [{"name": "long", "seq": CHORD["seq"] * (MAX_FRAMES + 1)}]}, 'no list "seq"'),
        ({"initiator": [{"name": "none"}]}, 'no list "seq"'),
        ({"initiator": [{"name": "x", "seq": [{"notes": []}, {}]}]}, 'frame 2 has no list "notes"'),
        ({"initiator": [{"name": "x", "seq": [{"notes": [60] * 89}]}]}, "at most 88"),
        (
            {"initiator": [{"name": "low", "seq": [{"notes": [30, 20]}]}]},
            "frame 1 has the note 20; .* 21 to 108",
        ),
        ({"initiator": [{"name": "high", "seq": [{"notes": [109]}]}]}, "the note 109"),
        ({"initiator": [{"name": "half", "seq": [{"notes": [60.5]}]}]}, "the note 60.5"),
        ({"initiator": [{"name": "true", "seq": [{"notes": [True]}]}]}, "the note true"),
        ({"initiator": [{"name": "text", "seq": [{"notes": ["60"]}]}]}, 'the note "60"'),
    ],
)
def test_other_files_are_refused_in_a_sentence(tmp_path: Path, content: Any, said: str) -> None:
    path = write(tmp_path / "initiator.json", content)
    with pytest.raises(InputError, match=said) as error:
        read_initiators(path)
    assert error.value.reason == "bad_primer"
    assert str(error.value).startswith(str(path)) and str(error.value).endswith(".")


@given(JSON, st.booleans())
def test_no_json_does_anything_but_be_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: Any, is_list: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    try:
        primers = read_initiators(write(path, {"initiator": [content]} if is_list else content))
    except InputError as error:
        assert error.reason == "bad_primer"
    else:
        assert all(name and cells.shape[1] == KEYS for name, cells in primers)


def test_files_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.json") as error:
        read_initiators(tmp_path / "absent.json")
    assert error.value.reason == "unreadable"
    with pytest.raises(InputError, match="larger") as error:
        read_initiators(write(tmp_path / "large.json", " " * (MAX_BYTES + 1)))
    assert error.value.reason == "file_too_large"
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match="is not JSON"):
        read_initiators(tmp_path / "bytes.json")


def test_primers_of_music() -> None:
    onsets = np.zeros((40, KEYS), bool)
    onsets[[4, 8, 39], [30, 40, 50]] = True
    loud = np.where(onsets, np.linspace(0.25, 1, 40, endpoint=False)[:, None], 0).astype(np.float32)
    roll = Roll(onsets, Roll.of_struck(onsets, 3).sounding, loud)
    music = to_note_sequence(roll)
    keys, velocities = primer_of_sequence(music)
    np.testing.assert_array_equal(keys, onsets)
    np.testing.assert_allclose(velocities, loud, atol=0.5 / 128)
    keys, velocities = primer_of_sequence(music, 10, "sounding")
    np.testing.assert_array_equal(keys, roll.sounding[:10])
    # A held key is as loud as it was struck.
    np.testing.assert_array_equal(velocities[4:7, 30], velocities[4, 30])
    assert velocities[4, 30] == pytest.approx(loud[4, 30], abs=0.5 / 128)
    np.testing.assert_array_equal(velocities > 0, keys)
    assert primer_of_sequence(music, 50)[0].shape == (50, KEYS)


def test_chords() -> None:
    struck = primer_of_pitches([60, 64, 67], frames=4)
    assert np.argwhere(struck).tolist() == [[0, 39], [0, 43], [0, 46]] and struck.shape == (4, KEYS)
    sounding = primer_of_pitches([60, 64, 67], 4, "sounding")
    np.testing.assert_array_equal(Roll.of_sounding(sounding).onsets, struck)
    assert sounding.sum() == 12 and not primer_of_pitches([]).any()
    with pytest.raises(InputError, match="not 109") as error:
        primer_of_pitches([60, 109])
    assert error.value.reason == "pitch_range"
    for arguments in (([60], 0), ([60], 1, "held")):
        with pytest.raises(ValueError, match=r"at least one|representation"):
            primer_of_pitches(*arguments)
