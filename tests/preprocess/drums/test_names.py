"""Names of tracks: which name a kit, one drum, or an instrument with pitches."""

import pytest

from preprocess.drums.names import names_kit, names_pitched, readable, single_drum


@pytest.mark.parametrize(
    "name", ["Drums", "BATERIA", "Schlagzeug 2", "my drumkit", "Ударные", "ドラム", "Rock Drums Live"]
)
def test_kits_in_several_languages(name: str) -> None:
    assert names_kit(name) == "alone"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Drums and dreams", "as part of a title"), ("Steel Drums", ""), ("Piano", ""), ("", "")],
)
def test_titles_and_pitched_instruments_are_not_kits(name: str, kind: str) -> None:
    assert names_kit(name) == kind


@pytest.mark.parametrize(
    ("name", "pitch"),
    [
        ("Kick 2", 36), ("BD", 36), ("808 Snare", 38), ("Caisse Claire", 38), ("OpenHat", 46), ("closed_hi-hat", 42),
        ("ch 3", None), ("Bass", None), ("Kick Bass", None), ("", None),
    ],
)  # fmt: skip
def test_single_drums(name: str, pitch: int | None) -> None:
    assert single_drum(name) == pitch


def test_instruments_with_pitches() -> None:
    assert names_pitched("Bass") and names_pitched("Synth Lead") and not names_pitched("Bass Drum")


def test_utf8_that_was_read_as_latin1_is_readable() -> None:
    assert readable("Ударные".encode().decode("latin-1")) == "Ударные"
    assert readable("Batería") == "Batería"
