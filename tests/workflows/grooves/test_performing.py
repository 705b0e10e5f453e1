"""Sequences that get a drummer's feel, and who that drummer may be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from models.families import open_music_vae
from preprocess.converters.groove import GrooveConverter
from preprocess.drums import groove_conditions
from tests.helpers.checkpoints import save_tiny, tiny_config
from tests.helpers.drum_sequences import backbeat, drum_sequence
from workflows.grooves import performing
from workflows.grooves.performing import conditions_at, felt, humanized


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tiny_config("groovae_2bar_humanize_small")
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors", config)


def test_notes_stay_on_their_steps_and_get_velocities_and_timing(tiny: Path) -> None:
    beat = backbeat(5)
    odd = beat.notes.add()
    odd.CopyFrom(beat.notes[0])
    odd.pitch, odd.velocity = 90, 33  # no drum of the model's
    before = beat.SerializeToString()
    model = open_music_vae(str(tiny))
    once, again = felt([beat, beat], 96, model=model)
    drawn = felt([beat, beat], 96, temperature=1.0, model=model)
    assert beat.SerializeToString() == before
    assert once == again and drawn[0] != drawn[1]
    assert felt([beat], 96, temperature=1.0, model=model)[0] == drawn[0]
    for played in (once, *drawn):
        assert len(played.notes) == len(beat.notes)
        for old, new in zip(beat.notes, played.notes, strict=True):
            assert (new.pitch, new.is_drum) == (old.pitch, old.is_drum)
            assert abs(new.start_time - old.start_time) <= 0.0626 and new.start_time >= 0
            assert 1 <= new.velocity <= 127 and new.end_time > new.start_time
        assert (played.notes[-1].velocity, played.notes[-1].start_time) == (33, odd.start_time)
    moved = [new.start_time != old.start_time for old, new in zip(beat.notes, once.notes, strict=True)]
    assert sum(moved) > len(moved) / 2
    assert len({note.velocity for note in once.notes}) > 5


def test_who_plays_and_how_fast_matters(tiny: Path) -> None:
    model, beat = open_music_vae(str(tiny)), backbeat(2)
    ways = [
        felt([beat], 120, model=model),
        felt([beat], 60, model=model),
        felt([beat], 120, drummer="drummer3", model=model),
        felt([beat], 120, style="funk", model=model),
    ]
    assert len({way[0].SerializeToString() for way in ways}) == 4


def test_the_tempo_of_each_bar_is_told() -> None:
    positions = np.array([0.0, 4.0, 15.6, 30.0, 64.0])
    told = conditions_at(positions, np.array([60.0, 80.0, 120.0, 90.0, 240.0]), "drummer2")
    assert told.shape == (80, groove_conditions.WIDTH)
    assert told[::16, 0].tolist() == [-1, 0, 0, 0, 1]
    assert (told[:, 1:] == groove_conditions.row(120, "drummer2")[1:]).all()


def test_swing_and_triplets_of_a_sequence_survive(tiny: Path) -> None:
    beat = drum_sequence([(step, 42, 80, 1) for step in range(64)])
    for step, note in enumerate(beat.notes):
        note.start_time += (step % 2) * 0.03  # 0.24 of a step
    (played,) = felt([beat], model=open_music_vae(str(tiny)))
    late = [(note.start_time / 0.125) - step for step, note in enumerate(played.notes)]
    assert np.mean(late[1::2]) - np.mean(late[::2]) == pytest.approx(0.24, abs=0.15)
    starts = [note.start_time for note in played.notes]
    assert starts == sorted(starts)


def test_silent_windows_are_skipped_and_many_are_played_in_parts(tiny: Path, monkeypatch: Any) -> None:
    model = open_music_vae(str(tiny))
    positions = np.array([0.0, 3.0, 70.0, 500.0, 501.0, 900.0])
    grid = model.converter.grid_of_hits(positions, np.arange(6), np.full(6, 80))
    (whole,) = humanized(model, grid, temperature=1.0, seed=4)
    monkeypatch.setattr(performing, "WINDOWS_AT_ONCE", 2)
    (parts,) = humanized(model, grid, temperature=1.0, seed=4)
    for one, other in zip(whole, parts, strict=True):
        assert one.shape == (912, 9)
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert (whole[0] == grid[0]).all() and whole[1][whole[0] > 0].min() > 0


def test_silence_is_left_alone(tiny: Path) -> None:
    silence = drum_sequence([])
    assert felt([silence], model=open_music_vae(str(tiny))) == [silence]


def test_other_models_are_refused() -> None:
    with pytest.raises(InputError, match="hierdec-drum_4bar_small does not play"):
        felt([backbeat(2)], model=open_music_vae("hierdec-drum_4bar_small"))


@pytest.mark.parametrize(
    "name, expected",
    [
        ("drummer1/session2/8_jazz-fast_185_beat_4-4.mid", ("drummer1", "jazz")),
        ("/data/groove/drummer10/session1/1_funk_80_beat_4-4.mid", ("drummer10", "funk")),
        ("drummer7/eval_session/1_funk-groove1_138_beat_4-4.mid", ("drummer7", "funk")),
        ("beats/1_funk_80_beat_4-4.mid", (None, None)),
        ("my.mid", (None, None)),
        ("", (None, None)),
    ],
)
def test_files_of_groove_are_named_after_drummer_and_style(
    name: str, expected: tuple[str | None, str | None]
) -> None:
    assert groove_conditions.named(name) == expected


def test_conditions_as_numbers() -> None:
    row = groove_conditions.row(240, "drummer2", "funk")
    assert len(row) == groove_conditions.WIDTH == 29
    assert row[0] == 1 and [i for i, x in enumerate(row) if x][1:] == [
        2,
        11 + groove_conditions.STYLES.index("funk"),
    ]
    assert groove_conditions.row(60, "somebody") == (-1.0, *[0.0] * 28)
    assert groove_conditions.row(3.6) == groove_conditions.row(50)
    assert groove_conditions.row(6e7) == groove_conditions.row(290)


def test_controls_hold_taps_and_conditions() -> None:
    converter = GrooveConverter(
        split_bars=1, tapify=True, taps_as_controls=True, conditions_as_controls=True, pitch_classes="reduced"
    )
    sequence = drum_sequence([(0, 36, 90, 1), (0, 42, 50, 1), (5, 38, 70, 1)])
    sequence.notes[1].start_time += 0.02
    sequence.filename = "drummer2/session1/3_rock_120_beat_4-4.mid"
    (example,) = converter.to_tensors(sequence)
    controls = example.controls
    assert controls is not None and controls.shape == (16, converter.control_depth) == (16, 31)
    np.testing.assert_array_equal(np.flatnonzero(controls[:, 0]), [0, 5])
    assert (controls[:, 1] == 0).all()  # the loudest of step 0 is on the beat
    assert (controls[:, 2:] == groove_conditions.row(120, "drummer2", "rock")).all()
    with pytest.raises(ValueError, match="needs tapify"):
        GrooveConverter(taps_as_controls=True)
