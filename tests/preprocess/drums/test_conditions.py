"""Conditions of drum beats, and their values in clips, against figures computed by hand and Groove's own table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from preprocess.converters.drums import DrumsConverter
from preprocess.drums import conditions as dc
from preprocess.groove_dataset import GrooveFiles, load_note_sequences, read_info, select
from tests.helpers.drum_sequences import backbeat, drum_sequence

QUANTILES = st.none() | st.floats(0, 1)
CONDITIONS = st.builds(
    dc.DrumConditions,
    style=st.none() | st.sampled_from(dc.STYLES),
    tempo=st.none() | st.floats(10, 400),
    fill=st.none() | st.booleans(),
    intensity=QUANTILES,
    density=QUANTILES,
    syncopation=QUANTILES,
)


def converter(**options):
    return DrumsConverter(max_bars=100, slice_bars=4, max_tensors_per_notesequence=None, **options)


def written(conditions):
    parts = []
    for name, value in vars(conditions).items():
        if value is not None:
            text = {True: "yes", False: "no"}[value] if name == "fill" else str(value)
            parts.append(f"{name}={text}")
    return ",".join(parts)


@given(CONDITIONS)
def test_written_conditions_are_read_again(conditions):
    assert dc.parse_conditions(written(conditions)) == conditions


@given(st.text(alphabet="stylefunkdensity=,.0123456789 -", max_size=30))
def test_any_text_is_conditions_or_an_error_in_a_sentence(text):
    try:
        dc.parse_conditions(text)
    except InputError as error:
        assert str(error).endswith(".") and "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("speed=3", "no condition 'speed'"),
        ("density", "density has no value"),
        ("density=many", "The density is 'many'; expected a number"),
        ("density=1.5", "The density is 1.5; expected 0 to 1"),
        ("density=nan", "The density is nan; expected 0 to 1"),
        ("fill=perhaps", "expected yes or no"),
        ("style=polka", "The style is 'polka'; expected one of afrobeat"),
        ("tempo=4", "The tempo is 4; expected 10 to 400"),
        ("fill,fill", "fill is given twice"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(InputError, match=said):
        dc.parse_conditions(text)


def test_fill_needs_no_value():
    assert dc.parse_conditions(" style=funk , fill ") == dc.DrumConditions(style="funk", fill=True)
    assert dc.parse_conditions("") == dc.DrumConditions()


@given(CONDITIONS)
def test_a_row_says_what_is_known(conditions):
    row = conditions.to_row()
    assert row.shape == (dc.WIDTH,) and row.dtype == np.float32
    assert row[dc.GROUPS["style"]].sum() == (conditions.style is not None)
    for name in dc.VALUES:
        value, known = row[dc.GROUPS[name]]
        assert known == (getattr(conditions, name) is not None)
        assert 0 <= value <= known
    columns = [i for group in dc.GROUPS.values() for i in range(group.start, group.stop)]
    assert columns == list(range(dc.WIDTH))


def test_a_row_by_hand():
    row = dc.DrumConditions(style="funk", tempo=120, fill=True, density=0.7).to_row()
    assert row[dc.STYLES.index("funk")] == 1 and row[dc.GROUPS["fill"]].tolist() == [1, 1]
    assert row[dc.GROUPS["density"]] == pytest.approx([0.7, 1])
    assert row[dc.GROUPS["tempo"]] == pytest.approx([0.675, 1])  # 120 is both the 65 and the 70 % quantile
    assert row[dc.GROUPS["intensity"]].tolist() == [0, 0]


def test_the_later_conditions_count():
    first = dc.DrumConditions(style="funk", density=0.2, fill=True)
    assert first.merged(dc.DrumConditions(density=0.9, fill=False)) == dc.DrumConditions(
        style="funk", density=0.9, fill=False
    )


@pytest.mark.parametrize("name", dc.QUANTILES)
def test_quantiles_rise_and_are_undone(name):
    table = np.array(dc.QUANTILES[name])
    assert len(table) == len(dc.LEVELS) and (np.diff(table) >= 0).all()
    values = np.linspace(table[0], table[-1], 200)
    quantiles = dc.quantile_of(name, values)
    assert (np.diff(quantiles) > 0).all()
    assert dc.quantile_of(name, [table[0] - 1, table[-1] + 1]).tolist() == [quantiles[0], quantiles[-1]]
    once = dc.value_at(name, [0.1, 0.5, 0.9])
    assert dc.value_at(name, dc.quantile_of(name, once)) == pytest.approx(once)


def test_dropped_conditions_are_unknown_as_a_whole():
    rows = dc.to_rows([dc.DrumConditions("rock", 100, True, 0.5, 0.5, 0.5)] * 4000)
    kept = dc.dropped(rows, 0.25, np.random.default_rng(0))
    known = np.stack([kept[:, group].any(axis=1) for group in dc.GROUPS.values()], axis=1)
    assert known.mean(axis=0) == pytest.approx(0.75, abs=0.03)
    assert np.corrcoef(known.T)[~np.eye(len(dc.GROUPS), dtype=bool)] == pytest.approx(0, abs=0.06)
    for i, group in enumerate(dc.GROUPS.values()):
        assert (kept[known[:, i], group] == rows[known[:, i], group]).all()
    assert dc.to_rows([]).shape == (0, dc.WIDTH)


def test_density_and_syncopation_count_real_steps():
    tokens = np.full((2, 64), -1)
    tokens[:, :16] = 0
    tokens[0, [0, 4, 8, 12]] = [0b101, 0b110, 0b101, 0b110]
    assert dc.density(tokens).tolist() == [8, 0]
    off_beat = np.zeros((1, 16), int)
    off_beat[0, [0, 7]] = 1  # the note before the third beat is held over it: weight -1 against -4
    assert dc.syncopation_of(off_beat) == pytest.approx([3])


def test_clips_are_the_converters_with_what_was_played():
    sequence = backbeat(6)
    for note in sequence.notes:
        note.velocity = 40 if note.start_time < 8 else 120  # bars 1 to 4, then 5 and 6
    sequence.sequence_metadata.genre.append("hip-hop/boom bap")
    sequence.text_annotations.add(text="beat_type: beat")
    sequence.notes.add(start_time=0.25, end_time=0.3, pitch=50, velocity=40, is_drum=True, instrument=9)
    clips = dc.measured_clips(sequence, converter())
    assert [c.tokens.tolist() for c in clips] == [
        e.outputs.tolist() for e in converter().to_tensors(sequence)
    ]
    assert clips[0].style == "hiphop" and clips[0].fill is False and clips[0].tempo == 120
    assert [c.intensity for c in clips] == [40, 60]  # bars 2 to 5: three of four at 40
    assert clips[1].density * 4 == sum(bin(t).count("1") for t in clips[1].tokens)
    (tokens, conditions), _ = dc.conditioned_clips(sequence, converter())
    assert (tokens == clips[0].tokens).all()
    assert conditions.density == pytest.approx(dc.quantile_of("density", clips[0].density))
    assert conditions.style == "hiphop" and conditions.fill is False


def test_what_is_not_written_is_unknown():
    sequence = backbeat(4)
    (clip,) = dc.measured_clips(sequence, converter())
    assert clip.style is None and clip.fill is None
    sequence.sequence_metadata.genre.append("polka")
    assert dc.style_of(sequence) is None
    assert dc.measured_clips(drum_sequence([]), converter()) == []
    sequence.time_signatures.add(numerator=3, denominator=4)
    (waltz,) = dc.measured_clips(sequence, converter(quarters_per_bar=3))[:1]
    assert waltz.syncopation is None and waltz.conditions.syncopation is None
    assert waltz.density == sum(bin(t).count("1") for t in waltz.tokens) / 4


def test_groove_tells_style_drummer_and_fill(data_dir, tmp_path):
    folder = data_dir("groove")
    rows = read_info(folder)
    assert {row.primary_style for row in rows} == set(dc.STYLES)
    chosen = [r for r in rows if r.split == "train" and r.beat_type == "fill"][:1]
    chosen += [r for r in rows if r.split == "train" and r.style == "rock/shuffle"][:1]
    with GrooveFiles(folder) as files:
        fill, beat = load_note_sequences(chosen, files).note_sequences
    fill, beat = (type(s).FromString(s.SerializeToString()) for s in (fill, beat))
    assert dc.fill_of(fill) is True and dc.fill_of(beat) is False
    assert dc.style_of(fill) == chosen[0].primary_style and dc.style_of(beat) == "rock"
    assert fill.sequence_metadata.artist == chosen[0].drummer


@pytest.mark.slow
def test_the_tables_are_those_of_the_training_beats(data_dir):
    folder = data_dir("groove")
    rows = select(read_info(folder), split="train", beat_types=["beat"], time_signatures=["4-4"])
    with GrooveFiles(folder) as files:
        sequences = load_note_sequences(rows, files).note_sequences
    clips = [clip for s in sequences for clip in dc.measured_clips(s, converter())]
    tables = dc.quantile_tables(clips)
    # The tables, which the shipped models know, are of note-seq's readings, without hits of no length: 13,220 clips.
    assert len(clips) == 13202
    for name, table in tables.items():
        assert table == pytest.approx(dc.QUANTILES[name], abs=0.12)
