"""MusicXML, .mxl and ABC: small scores are read, bombs and rubbish are refused with a reason."""

import io
import zipfile

import pytest

pytest.importorskip("note_seq")

from common.errors import InputError
from preprocess.midi.reader import Limits
from preprocess.scores.reader import MAX_UNPACKED_BYTES, read_score

MUSICXML = b"""<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="3.1">
  <part-list><score-part id="P1"><part-name>Tune</part-name></score-part></part-list>
  <part id="P1"><measure number="1">
    <attributes><divisions>1</divisions><time><beats>2</beats><beat-type>4</beat-type></time></attributes>
    <note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration><type>quarter</type></note>
    <note><pitch><step>E</step><octave>4</octave></pitch><duration>1</duration><type>quarter</type></note>
  </measure></part>
</score-partwise>
"""
ABC = b"X:1\nT:One\nM:4/4\nL:1/4\nK:C\nCDEF|\n\nX:2\nT:Two\nM:4/4\nL:1/4\nK:C\nGABc|\n"
BOMB = MUSICXML.replace(
    b"<score-partwise",
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><score-partwise',
    1,
).replace(b"Tune", b"&b;")
CONTAINER = (
    b'<?xml version="1.0"?><container><rootfiles><rootfile full-path="tune.xml" '
    b'media-type="application/vnd.recordare.musicxml+xml"/></rootfiles></container>'
)


def mxl(score: bytes = MUSICXML, **others: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("tune.xml", score)
        for name, data in others.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "suffix"), [(MUSICXML, ".xml"), (MUSICXML, ".musicxml"), (mxl(), ".mxl"), (mxl(), ".xml")]
)
def test_musicxml(data: bytes, suffix: str) -> None:
    (sequence,) = read_score(data, suffix).sequences
    assert [(n.pitch, n.start_time, n.end_time) for n in sequence.notes] == [(60, 0, 0.5), (64, 0.5, 1)]
    assert [(t.numerator, t.denominator) for t in sequence.time_signatures] == [(2, 4)]


def test_abc_gives_every_tune_in_order() -> None:
    sequences = read_score(ABC, ".abc").sequences
    assert [[n.pitch for n in s.notes] for s in sequences] == [[60, 62, 64, 65], [67, 69, 71, 72]]


@pytest.mark.parametrize(
    ("data", "suffix", "reason"),
    [
        (BOMB, ".xml", "bad_score"),
        (BOMB.decode().replace("UTF-8", "UTF-16").encode("utf-16"), ".xml", "bad_score"),
        (mxl(BOMB), ".mxl", "bad_score"),
        (mxl(zeros=bytes(MAX_UNPACKED_BYTES)), ".mxl", "file_too_large"),
        (mxl()[:-30], ".mxl", "bad_score"),
        (mxl().replace(b"PK\x03\x04", b"XX\x03\x04"), ".mxl", "bad_score"),
        (b"", ".xml", "bad_score"),
        (b"<html/>", ".xml", "bad_score"),
        (MUSICXML[:300], ".musicxml", "bad_score"),
        (b"", ".abc", "bad_score"),
        (b"\xff\xfe\x00 rubbish", ".abc", "bad_score"),
    ],
)
def test_refused(data: bytes, suffix: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        read_score(data, suffix)
    assert caught.value.reason == reason


def test_too_long() -> None:
    with pytest.raises(InputError) as caught:
        read_score(MUSICXML, ".xml", Limits(seconds=0.9))
    assert caught.value.reason == "too_long"


def test_impossible_scores_are_refused_and_odd_meters_left_out() -> None:
    book = b"X:1\nT:One\nM:4/0\nL:1/8\nK:C\nCDEF|\n\nX:2\nT:Two\nM:4/4\nL:1/8\nK:C\nC99999999|\n"
    score = read_score(book, ".abc")
    assert [len(s.notes) for s in score.sequences] == [4]
    assert not score.sequences[0].time_signatures
    assert [w.code for w in score.warnings] == ["time_signature"]
    ((name, reason, _),) = score.dropped
    assert (name, reason) == ("Two", "too_long")
