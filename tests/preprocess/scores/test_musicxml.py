"""MusicXML: what note-seq loses or refuses is read; what it reads stays as it is."""

import io
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("note_seq")

from common.errors import InputError
from preprocess.scores.reader import read_score

STEPS = {"C": 60, "D": 62, "E": 64, "F": 65, "G": 67, "A": 69, "B": 71}
QUARTERS = (
    "<attributes><divisions>1</divisions><time><beats>1</beats><beat-type>4</beat-type></time></attributes>"
)


def note(step: str, more: str = "", duration: int = 1) -> str:
    pitch = f"<pitch><step>{step}</step><octave>4</octave></pitch>"
    return f"<note>{pitch}<duration>{duration}</duration><voice>1</voice><type>quarter</type>{more}</note>"


def barline(what: str) -> str:
    return f"<barline>{what}</barline>"


def score(*parts: list[str], part_list: str = "") -> bytes:
    """A score of parts, each a list of what its measures hold."""
    listed = part_list or "".join(
        f'<score-part id="P{i}"><part-name>x</part-name></score-part>' for i in range(len(parts))
    )
    body = "".join(
        f'<part id="P{i}">'
        + "".join(f'<measure number="{n}">{m}</measure>' for n, m in enumerate(part, 1))
        + "</part>"
        for i, part in enumerate(parts)
    )
    return f'<score-partwise version="3.1"><part-list>{listed}</part-list>{body}</score-partwise>'.encode()


def tune(measures: list[str]) -> str:
    """The steps that are heard of a score of one quarter a measure."""
    (sequence,) = read_score(score([QUARTERS + measures[0], *measures[1:]]), ".xml").sequences
    names = {pitch: step for step, pitch in STEPS.items()}
    assert [n.start_time for n in sequence.notes] == [i / 2 for i in range(len(sequence.notes))]
    return "".join(names[n.pitch] for n in sequence.notes)


FORWARD, BACKWARD = barline('<repeat direction="forward"/>'), barline('<repeat direction="backward"/>')
SEGNO, TO_CODA, CODA, FINE = (
    '<sound segno="a"/>',
    '<sound tocoda="a"/>',
    '<sound coda="a"/>',
    '<sound fine="yes"/>',
)


def ending(number: str, inside: str, last: str = "") -> str:
    start = f'<ending number="{number}" type="start"/>'
    return barline(start) + inside + barline(f'<ending number="{number}" type="stop"/>{last}')


REPEAT = '<repeat direction="backward"/>'
ORDERS = {
    "none": (["C", "D"], "CD"),
    "whole": (["C", "D" + BACKWARD], "CDCD"),
    "from the middle": (["C", FORWARD + "D", "E" + BACKWARD, "F"], "CDEDEF"),
    "two passages": ([FORWARD + "C" + BACKWARD, FORWARD + "D" + BACKWARD, "E"], "CCDDE"),
    "second passage without its beginning": (["C" + BACKWARD, "D" + BACKWARD], "CCDD"),
    "three times": (["C" + barline('<repeat direction="backward" times="3"/>'), "D"], "CCCD"),
    "two endings": (["C", ending("1", "D", REPEAT), ending("2", "E"), "F"], "CDCEF"),
    "three endings": ([FORWARD + "C", ending("1, 2", "D", REPEAT), ending("3", "E"), "F"], "CDCDCEF"),
    "one ending": (["C", ending("1", "D", REPEAT), "E", "F" + BACKWARD], "CDCEFEF"),
    "passage behind endings": (["C", ending("1", "D", REPEAT), ending("2", "E"), "F" + BACKWARD], "CDCEFF"),
    "da capo al fine": (["C", "D" + FINE, "E" + '<sound dacapo="yes"/>'], "CDECD"),
    "dal segno al coda": (
        ["C", SEGNO + "D", "E" + TO_CODA, "F" + '<sound dalsegno="a"/>', CODA + "G"],
        "CDEFDEG",
    ),
    "da capo takes the last ending": (
        ["C", ending("1", "D", REPEAT), ending("2", "E"), "F" + '<sound dacapo="yes"/>'],
        "CDCEFCEF",
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_repeats_and_jumps_are_played(name: str) -> None:
    written, heard = ORDERS[name]
    measures = [
        "".join(
            note(c) if c in STEPS and part[i - 1 : i] not in ('"', "<") else c for i, c in enumerate(part)
        )
        for part in written
    ]
    assert tune(measures) == heard


def test_meters_keys_and_tempos_go_back_with_the_music() -> None:
    meter = "<attributes><time><beats>2</beats><beat-type>4</beat-type></time></attributes>"
    fast = '<direction><sound tempo="240"/></direction>'
    (sequence,) = read_score(
        score([QUARTERS + note("C"), meter + fast + note("D") + note("E") + BACKWARD]), ".xml"
    ).sequences
    assert [n.start_time for n in sequence.notes] == [0, 0.5, 0.75, 1, 1.5, 1.75]
    meters = [(t.time, t.numerator) for t in sequence.time_signatures]
    assert meters == [(0, 1), (0.5, 2), (1, 1), (1.5, 2)]
    assert [(t.time, t.qpm) for t in sequence.tempos] == [(0, 120), (0.5, 240), (1, 120), (1.5, 240)]


def test_a_tempo_counts_for_all_parts() -> None:
    """note-seq begins the second part at the last tempo of the first one."""
    first = [QUARTERS + note("C"), '<direction><sound tempo="60"/></direction>' + note("D")]
    (sequence,) = read_score(score(first, [QUARTERS + note("E"), note("F")]), ".xml").sequences
    assert sorted((n.pitch, n.start_time, n.end_time) for n in sequence.notes) == [
        (60, 0, 0.5), (62, 0.5, 1.5), (64, 0, 0.5), (65, 0.5, 1.5),
    ]  # fmt: skip
    assert sequence.total_time == 1.5


def test_programs_are_counted_from_0() -> None:
    instrument = '<midi-instrument id="I0"><midi-channel>3</midi-channel><midi-program>41</midi-program></midi-instrument>'
    alone = '<midi-instrument id="I1"><midi-program>1</midi-program></midi-instrument>'
    listed = f'<score-part id="P0"><part-name/>{instrument}</score-part><score-part id="P1"><part-name/>{alone}</score-part>'
    (sequence,) = read_score(
        score([QUARTERS + note("C")], [QUARTERS + note("D")], part_list=listed), ".xml"
    ).sequences
    assert [(n.program, n.is_drum) for n in sequence.notes] == [(40, False), (0, False)]


def unpitched(step: str, octave: int, more: str = "") -> str:
    place = f"<display-step>{step}</display-step><display-octave>{octave}</display-octave>"
    return f"<note><unpitched>{place}</unpitched><duration>1</duration>{more}<voice>1</voice><type>quarter</type></note>"


CLEF = "<attributes><clef><sign>percussion</sign></clef></attributes>"


def test_percussion_becomes_drums() -> None:
    drums = (
        QUARTERS + CLEF + unpitched("F", 4) + unpitched("C", 5) + unpitched("G", 5, "<notehead>x</notehead>")
    )
    (sequence,) = read_score(score([QUARTERS + note("C")], [drums]), ".xml").sequences
    assert [(n.pitch, n.is_drum) for n in sequence.notes] == [(60, False), (36, True), (38, True), (42, True)]


def test_percussion_of_named_instruments_and_on_channel_10() -> None:
    instruments = "".join(
        f'<midi-instrument id="P0-I{n}"><midi-channel>10</midi-channel><midi-program>1</midi-program>'
        f"<midi-unpitched>{n}</midi-unpitched></midi-instrument>"
        for n in (37, 39)
    )
    listed = f'<score-part id="P0"><part-name>Drumset</part-name>{instruments}</score-part>'
    notes = unpitched("A", 4, '<instrument id="P0-I37"/>') + unpitched("B", 4, '<instrument id="P0-I39"/>')
    (sequence,) = read_score(score([QUARTERS + notes + note("C")], part_list=listed), ".xml").sequences
    assert [(n.pitch, n.is_drum) for n in sequence.notes] == [(36, True), (38, True), (60, True)]


def test_a_knock_in_a_pitched_part_is_left_out_and_said() -> None:
    reading = read_score(score([QUARTERS + note("C") + unpitched("C", 5) + note("D") + note("E")]), ".xml")
    assert [(n.pitch, n.start_time) for n in reading.sequences[0].notes] == [(60, 0), (62, 1), (64, 1.5)]
    assert [warning.code for warning in reading.warnings] == ["unpitched"]


@pytest.mark.parametrize(
    ("measure", "codes"),
    [
        ("<attributes><time><senza-misura/></time></attributes>" + note("C"), ["free_meter"]),
        ("<attributes><time><beats>3+2</beats><beat-type>8</beat-type></time></attributes>" + note("C"), []),
        ("<harmony><root><root-step>C</root-step></root><kind>odd</kind></harmony>" + note("C"), ["chord_symbols"]),
        ("<attributes><key><fifths>9</fifths></key></attributes>" + note("C"), []),
        (note("C").replace("quarter", "odd").replace("<voice>1", "<voice>1a"), []),
        (note("D").replace("<pitch>", "<grace/><pitch>").replace("<duration>1</duration>", "") + note("C"), ["grace_notes"]),
        (note("C").replace("<duration>1", "<duration>1.0"), []),
    ],
)  # fmt: skip
def test_what_note_seq_refuses_a_whole_score_for(measure: str, codes: list[str]) -> None:
    reading = read_score(score([measure]), ".xml")
    assert [(n.pitch, n.start_time, n.end_time) for n in reading.sequences[0].notes] == [(60, 0, 0.5)]
    assert [warning.code for warning in reading.warnings] == codes


def test_scores_by_measures() -> None:
    by_measures = (
        f'<score-timewise><part-list><score-part id="P0"><part-name/></score-part></part-list>'
        f'<measure number="1"><part id="P0">{QUARTERS}{note("C")}</part></measure>'
        f'<measure number="2"><part id="P0">{note("D")}</part></measure></score-timewise>'
    )
    (sequence,) = read_score(by_measures.encode(), ".musicxml").sequences
    assert [(n.pitch, n.start_time) for n in sequence.notes] == [(60, 0), (62, 0.5)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<a>" * 100_000 + b"</a>" * 100_000, "bad_score"),
        (score([note("C") + barline('<repeat direction="backward" times="1000000000"/>')]), "too_long"),
        (score([note("C", "<lyric>x</lyric>" * 1000)] * 500 + [barline('<repeat direction="backward" times="30"/>')]), "too_long"),
    ],
)  # fmt: skip
def test_scores_without_end_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        read_score(data, ".xml")
    assert caught.value.reason == reason


def test_a_compressed_score_without_a_list_of_its_files() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("score.xml", score([QUARTERS + note("C")]))
    assert len(read_score(buffer.getvalue(), ".mxl").sequences[0].notes) == 1


def test_parts_of_different_lengths() -> None:
    long, short = [QUARTERS + note("C"), note("D"), note("E") + BACKWARD], [QUARTERS + note("F")]
    (sequence,) = read_score(score(long, short), ".xml").sequences
    assert len(sequence.notes) == 8


def test_an_ordinary_score_is_read_as_note_seq_reads_it(tmp_path: Path) -> None:
    from note_seq import musicxml_reader

    harmony = "<harmony><root><root-step>D</root-step></root><kind>minor</kind></harmony>"
    begin = (
        "<attributes><divisions>2</divisions><key><fifths>-1</fifths></key>"
        "<time><beats>3</beats><beat-type>4</beat-type></time></attributes>"
        '<direction><sound tempo="90" dynamics="80"/></direction>'
    )
    chord = note("F", duration=2).replace("<pitch>", "<chord/><pitch>")
    first = [
        begin + harmony + note("D", duration=2) + chord + note("E", duration=4),
        note("C", duration=6) + "<backup><duration>6</duration></backup>" + note("A", duration=6).replace("voice>1", "voice>2"),
        "<note><rest/><duration>2</duration><voice>1</voice><type>quarter</type></note>" + note("G", duration=4),
    ]  # fmt: skip
    data = score(first, [begin + note("A", duration=6), note("B", duration=6), note("C", duration=6)])
    path = tmp_path / "score.xml"
    path.write_bytes(data)
    theirs = musicxml_reader.musicxml_file_to_sequence_proto(str(path))
    (ours,) = read_score(data, ".xml").sequences
    for sequence in (ours, theirs):
        for event in [
            *sequence.notes,
            *sequence.text_annotations,
            *sequence.time_signatures,
            *sequence.tempos,
        ]:
            for name in ("start_time", "end_time", "time"):
                if hasattr(event, name):
                    setattr(event, name, round(getattr(event, name), 9))
        sequence.total_time = round(sequence.total_time, 9)
    assert ours == theirs
