"""ABC: every tune of a book is read or counted with its reason."""

import pytest

pytest.importorskip("note_seq")

from preprocess.scores.reader import read_score

HEAD = "M:4/4\nL:1/4\nK:C\n"


def book(*tunes: str, head: str = HEAD) -> bytes:
    return "\n".join(f"X:{i}\nT:Tune {i}\n{head}{tune}\n" for i, tune in enumerate(tunes, 1)).encode()


def heard(tune: str, head: str = HEAD) -> list[tuple[int, float, float]]:
    score = read_score(book(tune, head=head), ".abc")
    assert not score.dropped
    return [(n.pitch, n.start_time * 2, round(n.end_time * 2, 9)) for n in score.sequences[0].notes]


@pytest.mark.parametrize(
    ("tune", "notes"),
    [
        ("z C z2|", [(60, 1, 2)]),
        ("[CEG]2 F|", [(60, 0, 2), (64, 0, 2), (67, 0, 2), (65, 2, 3)]),
        ("[C2E2]G|", [(60, 0, 2), (64, 0, 2), (67, 2, 3)]),
        ("(6C/D/E/F/G/A/ z|", [(p, i / 6, (i + 1) / 6) for i, p in enumerate((60, 62, 64, 65, 67, 69))]),
        ("(3:2:2C2D E z|", [(60, 0, 4 / 3), (62, 4 / 3, 2), (64, 2, 3)]),
        ("z C>D E<F|", [(60, 1, 2.5), (62, 2.5, 3), (64, 3, 3.5), (65, 3.5, 5)]),
        ("z2 C2-|C D|", [(60, 2, 5), (62, 5, 6)]),
        ("z [CE]-[CE]|", [(60, 1, 3), (64, 1, 3)]),
        ("|:C z|1 D:|2 E|]", [(60, 0, 1), (62, 2, 3), (60, 3, 4), (64, 5, 6)]),
        ("z C||D E:|", [(60, 1, 2), (62, 2, 3), (64, 3, 4), (62, 4, 5), (64, 5, 6)]),
        ("z ^C C|C|", [(61, 1, 2), (61, 2, 3), (60, 3, 4)]),
        ("z ^^C __B|", [(62, 1, 2), (69, 2, 3)]),
        ('{d}"Am"C !trill!D z|', [(60, 0, 1), (62, 1, 2)]),
        ("Z|C|", [(60, 4, 5)]),
        ("z [K:G]F [K:C]F|", [(66, 1, 2), (65, 2, 3)]),
        ("V:1\nC z|\nV:2\nE G|\n", [(60, 0, 1), (64, 0, 1), (67, 1, 2)]),
        ("z C, c' |", [(48, 1, 2), (84, 2, 3)]),
    ],
)
def test_what_note_seq_does_not_read(tune: str, notes: list[tuple[int, float, float]]) -> None:
    assert heard(tune) == [pytest.approx(note) for note in notes]


def test_meter_and_tempo_change_within_a_tune() -> None:
    (sequence,) = read_score(book("z C D E|[M:3/4]C3|[Q:1/4=60]C3|"), ".abc").sequences
    assert [(t.time, t.numerator, t.denominator) for t in sequence.time_signatures] == [(0, 4, 4), (2, 3, 4)]
    assert [(t.time, t.qpm) for t in sequence.tempos] == [(0, 120), (3.5, 60)]
    assert sequence.notes[-1].start_time == 3.5 and sequence.notes[-1].end_time == sequence.total_time == 6.5


def test_what_note_seq_reads_stays_as_it_reads_it() -> None:
    from note_seq import abc_parser

    for tune in ("|:C2D2|E4:|", "C>D e'2|^F F =F z".replace("z", "F"), '"Am"C2 !p!D2|'):
        data = book(tune)
        try:
            theirs, _ = abc_parser.parse_abc_tunebook(data.decode())
        except abc_parser.ABCParseError:
            continue
        for sequence, wanted in zip(read_score(data, ".abc").sequences, theirs.values(), strict=bool(theirs)):
            assert sequence == wanted


def test_tunes_that_are_dropped_are_named_with_their_reason() -> None:
    score = read_score(book("C D E F|", "C & D|", "P:AB\nC|", "z4|", "C D|", head=HEAD), ".abc")
    assert [[n.pitch for n in s.notes] for s in score.sequences] == [[60, 62, 64, 65], [60, 62]]
    assert [(tune, reason) for tune, reason, _ in score.dropped] == [
        ("2 (Tune 2)", "abc_unreadable"),
        ("3 (Tune 3)", "abc_parts"),
        ("4 (Tune 4)", "no_notes"),
    ]


def test_free_text_and_numbers_that_stand_twice() -> None:
    data = "A book of tunes\n\n" + book("C|").decode() + "\nsome words\n\n" + book("D|").decode()
    score = read_score(data.encode(), ".abc")
    assert [[n.pitch for n in s.notes] for s in score.sequences] == [[60], [62]] and not score.dropped


def test_a_tune_without_end_is_dropped() -> None:
    score = read_score(book("C " * 200_000, "D|"), ".abc")
    assert [reason for _, reason, _ in score.dropped] == ["too_long"] and len(score.sequences) == 1


def test_latin_1_and_a_byte_order_mark() -> None:
    assert heard("C|", head="C:Dvořák\n" + HEAD) == [(60, 0, 1)]
    score = read_score(b"\xef\xbb\xbf" + book("C|").replace(b"Tune 1", b"Caf\xe9"), ".abc")
    assert len(score.sequences) == 1
