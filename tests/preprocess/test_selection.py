"""The selection of beat-generation-with-mvae and ours, on Groove's own table and MIDI."""

from dataclasses import replace

import pytest

from preprocess.groove_dataset import (
    GrooveFiles,
    GrooveRow,
    copy_selection,
    load_note_sequences,
    read_info,
    select,
)
from preprocess.note_sequence import NoteSequence
from preprocess.selection import count_by, hits_per_quarter, selection_by_column, selection_by_name

ROW = GrooveRow("drummer1", "drummer1/session1", "drummer1/session1/1", "rock/shuffle", 120.0, "beat", "4-4",
                "drummer1/session1/1_rock_120_beat_4-4.mid", 10.0, "train")  # fmt: skip


def test_seed_numbers_from_the_table(data_dir):
    rows = read_info(data_dir("groove"))
    beats, rock = selection_by_name(rows), selection_by_name(rows, rock=True)
    assert (len(beats.matched), len(beats.surviving)) == (463, 444)
    assert (len(rock.matched), len(rock.surviving)) == (208, 189)
    assert {s: sum(r.split == s for r in rock.matched) for s in ("train", "validation", "test")} == {
        "train": 174, "validation": 17, "test": 17,
    }  # fmt: skip


def test_ours_keeps_splits_apart_and_every_file(data_dir, tmp_path):
    rows = read_info(data_dir("groove"))
    ours = selection_by_column(rows)
    assert {s: len(r) for s, r in ours.items()} == {"train": 368, "validation": 46, "test": 77}
    assert all(row.split == split for split, chosen in ours.items() for row in chosen)
    with GrooveFiles(data_dir("groove")) as files:
        rock = selection_by_name(rows, rock=True).matched
        written, missing = copy_selection(rock, files, tmp_path)
    assert len(missing) == 17  # the test split's files are not part of the development data
    assert len(list(tmp_path.rglob("*.mid"))) == len(written) == 208 - 17
    assert len({p.name for p in written}) < len(written)  # base names collide, paths do not


def test_seed_rule_replaces_files_of_one_base_name():
    other = replace(ROW, midi_filename="drummer1/session2/1_rock_120_beat_4-4.mid", split="test")
    evaluation = replace(ROW, midi_filename="drummer1/eval_session/2_rock_120_beat_4-4.mid")
    fill = replace(ROW, midi_filename="drummer1/session1/3_rock_120_fill_4-4.mid", beat_type="fill")
    selection = selection_by_name([ROW, other, evaluation, fill])
    assert selection.matched == [ROW, other]
    assert selection.surviving == [other] and selection.lost == 1


def test_count_by_covers_every_row(data_dir):
    rows = read_info(data_dir("groove"))
    table = count_by(rows, lambda r: r.primary_style)
    assert sum(sum(c.values()) for c in table.values()) == 1150
    assert next(iter(table)) == "rock" and sum(table["rock"].values()) == 341


def test_hits_per_quarter_of_eighths():
    sequence = NoteSequence()
    for i in range(17):
        sequence.notes.add(pitch=42, velocity=80, is_drum=True, start_time=i * 0.25, end_time=i * 0.25 + 0.1)
    assert hits_per_quarter(sequence, 120.0) == pytest.approx(2.0)
    assert hits_per_quarter(NoteSequence(), 120.0) == 0.0


def test_density_of_real_beats(data_dir):
    rows = select(read_info(data_dir("groove")), "validation", styles=["rock"], beat_types=["beat"])
    with GrooveFiles(data_dir("groove")) as files:
        sequences = load_note_sequences(rows, files).note_sequences
    qpm = {r.midi_filename: r.qpm for r in rows}
    assert all(1.0 < hits_per_quarter(s, qpm[s.id]) < 12.0 for s in sequences)
