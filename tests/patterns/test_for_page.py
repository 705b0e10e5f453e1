"""Written beats as a page reads them, beside the converter of the models."""

import dataclasses

import numpy as np

from patterns.beat import LEVELS, Beat
from patterns.for_page import page_patterns
from patterns.notation import beat_to_note_sequence, load_all
from preprocess.converters.drums import DrumsConverter
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES

SNARE = next(i for i, drum in enumerate(REDUCED_DRUM_CLASSES) if drum.name == "snare")


def test_they_are_the_beats_that_the_models_read() -> None:
    """The hits of every packed beat are the tokens that the drum converter makes of its NoteSequence."""
    written = {beat.name: beat for beat in load_all()}
    packed = page_patterns()
    assert len(packed) > 50
    for pattern in packed:
        tokens = np.zeros(64, dtype=int)
        for step, drum, velocity in pattern["hits"]:
            assert velocity in LEVELS.values()
            tokens[step] += 1 << drum
        sequence = beat_to_note_sequence(written[pattern["name"]])
        (example, *_), _ = DrumsConverter(gap_bars=None, slice_bars=None).convert(sequence)
        assert tokens.tolist() == example.inputs.tolist(), pattern["name"]


def test_swing_is_the_players_and_other_grids_are_left_out() -> None:
    beats = load_all()
    swung = next(beat for beat in beats if beat.swing > 0.5 and beat.steps_per_bar == 16)
    other = next(beat for beat in beats if beat.steps_per_bar == 12)
    (pattern,) = page_patterns([swung, other])
    assert pattern["name"] == swung.name
    assert pattern["swing"] == round(2 * swung.swing - 1, 4) > 0


def test_of_two_lines_of_one_drum_the_louder_hit_counts() -> None:
    quiet, loud = (LEVELS["."],) * 64, (LEVELS["X"],) + (0,) * 63
    template = next(beat for beat in load_all() if beat.steps_per_bar == 16 and beat.bars == 4)
    beat: Beat = dataclasses.replace(template, drums=("SN", "RS"), hits=(quiet, loud), time_signature=(4, 4))
    assert page_patterns([beat])[0]["hits"] == [[step, SNARE, 40 if step else 120] for step in range(64)]
