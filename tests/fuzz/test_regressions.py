"""Inputs that a campaign found, made small: each once ended in a traceback, without end, or in music that is none."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import configs
from models.formats.ours import Checkpoint, save
from models.music_vae.attributes import AttributeVectors
from preprocess.converters.base import Example
from preprocess.example_proto import encode
from tests.fuzz import campaign
from tests.fuzz.record_inputs import RecordFile, framed
from tests.fuzz.score_inputs import Score
from tests.fuzz.test_archives import read as read_archive
from tests.fuzz.test_midi import read as read_midi
from tests.fuzz.test_records import read_shard
from tests.fuzz.test_scores import read as read_score
from tests.fuzz.test_texts import check_config
from tests.helpers.midi_bytes import END, NOTE, delta, midi

DRUMS = configs.CONFIG_MAP["hierdec-drum_4bar_small"]


def zipped(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr(name, content)
    return buffer.getvalue()


def with_field(data: bytes, field: int, number: int, size: int) -> bytes:
    """A zip whose directory says something else at a place of its last entry."""
    at = data.rfind(b"PK\1\2") + field
    return data[:at] + number.to_bytes(size, "little") + data[at + size :]


def corrupted(data: bytes) -> bytes:
    """Bytes of which some in the middle are another."""
    at = len(data) // 2
    return data[:at] + bytes(b ^ 0x55 for b in data[at : at + 4]) + data[at + 4 :]


ZIPS: dict[str, bytes] = {
    "a member without a name": with_field(zipped("a.mid", midi(NOTE + END)), 28, 0, 2),
    "a corrupted member, packed by LZMA": corrupted(zipped("a.mid", midi(NOTE * 50 + END), zipfile.ZIP_LZMA)),
    "a corrupted member, packed by bzip2": corrupted(
        zipped("a.mid", midi(NOTE * 50 + END), zipfile.ZIP_BZIP2)
    ),
    "a member that begins before the file": with_field(zipped("a.mid", midi(NOTE + END)), 42, 2**32 - 1, 4),
    "a method that nobody knows": with_field(zipped("a.mid", midi(NOTE + END)), 10, 99, 2),
}


@pytest.mark.parametrize("name", ZIPS)
def test_zips(name: str, tmp_path: Path) -> None:
    sentence_or_result(lambda: read_archive(ZIPS[name], tmp_path / "music.zip"))


def sentence_or_result(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except campaign.FOR_THE_USER as error:
        campaign.check_message(error)


MIDIS: dict[str, bytes] = {
    "a meter without beats": midi(b"\x00\xff\x58\x04\x00\x02\x18\x08" + NOTE + END),
    "20,000 notes that never end": midi((b"\x00\x99\x26\x64" * 20_000) + END),
    "20,000 notes that end at once": midi(b"\x01\x99\x26\x64" * 20_000 + b"\x01\x89\x26\x00" * 20_000 + END),
    "a tempo a tick": midi(
        b"".join(b"\x01\xff\x51\x03\x07\xa1" + bytes([i % 256]) for i in range(5000)) + NOTE + END
    ),
    "a meter a tick": midi(
        b"\x01\xff\x58\x04\x03\x02\x18\x08\x01\xff\x58\x04\x04\x02\x18\x08" * 5000 + NOTE + END
    ),
    "tracks that all claim the rest": b"MThd\0\0\0\6\0\1\0\x64\1\xe0"
    + b"".join(b"MTrk" + struct.pack(">I", 100_000) + NOTE * 20 for _ in range(100)),
    "a beat at the last tick": midi(delta(2**28 - 1) + NOTE[1:] + END),
}


@pytest.mark.parametrize("name", MIDIS)
def test_midi(name: str) -> None:
    from preprocess.midi.hits import MidiHits

    sentence_or_result(lambda: read_midi(MIDIS[name]))
    sentence_or_result(lambda: MidiHits(MIDIS[name]))


ABC_HEAD = b"X:1\nT:a\nL:1/8\nK:C\n"
XML = (
    '<score-partwise><part-list><score-part id="P"><part-name/></score-part></part-list><part id="P"><measure number="1">'
    "<attributes><divisions>4</divisions><time><beats>{beats}</beats><beat-type>4</beat-type></time></attributes>"
    "<note><pitch><step>C</step><octave>4</octave></pitch><duration>{duration}</duration></note>{more}"
    "</measure></part></score-partwise>"
)
SCORES: dict[str, Score] = {
    "ABC: a meter of no note value": Score(b"X:1\nM:4/0\nL:1/8\nK:C\nCDEF|\n", ".abc"),
    "ABC: a note of years": Score(ABC_HEAD + b"C999999999|\n", ".abc"),
    "ABC: repeats of repeats": Score(ABC_HEAD + b"|: C :|" * 3000 + b"\n", ".abc"),
    "MusicXML: a negative duration": Score(XML.format(beats=4, duration=-8, more="").encode(), ".xml"),
    "MusicXML: a bar that goes back further than it has come": Score(
        XML.format(beats=4, duration=4, more="<backup><duration>2</duration></backup>").encode(), ".xml"
    ),
    "MusicXML: no beats": Score(XML.format(beats=0, duration=4, more="").encode(), ".xml"),
    "MusicXML: years of silence": Score(
        XML.format(beats=4, duration=4, more="<forward><duration>9999999999</duration></forward>").encode(),
        ".xml",
    ),
    "MusicXML: a bar repeated for ever": Score(
        XML.format(
            beats=4,
            duration=4,
            more='<barline location="right"><repeat direction="backward" times="1000000000"/></barline>',
        ).encode(),
        ".xml",
    ),
    "MusicXML: notes in notes": Score(("<score-partwise>" + "<note>" * 20_000).encode(), ".xml"),
    "mxl: a directory that leads before the file": Score(
        with_field(zipped("score.xml", XML.format(beats=4, duration=4, more="").encode()), 42, 2**32 - 1, 4),
        ".mxl",
    ),
}


@pytest.mark.parametrize("name", SCORES)
def test_scores(name: str) -> None:
    sentence_or_result(lambda: read_score(SCORES[name]))


TOKENS = np.arange(64) % 512
GOOD = Example(TOKENS, TOKENS, None, 64)


def shard(*records: bytes, **sidecar: Any) -> RecordFile:
    described = {"kind": "examples", "schema": 2, "converter": DRUMS.converter_spec, "reasons": {}} | sidecar
    return RecordFile(framed(list(records)), json.dumps(described).encode())


def of(tokens: np.ndarray, length: Any = 64, variant: int = 0) -> bytes:
    return encode("a.mid", Example(tokens, tokens, None, length), variant)


SHARDS: dict[str, RecordFile] = {
    "rows of two shapes": shard(of(TOKENS), of(TOKENS.reshape(32, 2))),
    "a variant of 2^40": shard(of(TOKENS, variant=2**40)),
    "a token that no drum has": shard(of(TOKENS + 10**6)),
    "numbers instead of tokens": shard(of(TOKENS * np.float32(np.nan))),
    "a length before the start": shard(of(TOKENS, length=-1)),
    "lengths of segments": shard(of(TOKENS, length=np.array([1, 2, 3]))),
    "controls that no config has": shard(
        encode("a.mid", Example(TOKENS, TOKENS, np.ones((64, 3), bool), 64))
    ),
    "reasons that are a number": shard(of(TOKENS), reasons=1.5),
    "reasons that are words": shard(of(TOKENS), reasons={"empty": "two"}),
    "no converter": shard(of(TOKENS), converter=None),
}


@pytest.mark.parametrize("name", SHARDS)
def test_shards(name: str, tmp_path: Path) -> None:
    sentence_or_result(lambda: read_shard(SHARDS[name], tmp_path))


HPARAMS = (
    "max_seq_len=1",
    "z_size=1000000000",
    "enc_rnn_size=[99999999999999999999]",
    "learning_rate=nan",
    "batch_size=1e999",
)


@pytest.mark.parametrize("text", HPARAMS)
def test_hyperparameters(text: str) -> None:
    with pytest.raises(configs.ConfigError) as caught:
        check_config(configs.config_with_overrides("hierdec-drum_4bar_small", text))
    campaign.check_message(caught.value)


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a\0b", "..", "", "\x1b[2J", "x" * 5000, 7, None])
def test_names_in_checkpoints_never_become_paths(name: Any, tmp_path: Path) -> None:
    from models import families

    config = json.loads(DRUMS.to_json()) | {"name": name}
    path = tmp_path / "shared.safetensors"
    save(path, Checkpoint({"decoder/a": np.ones(3, np.float32)}, json.dumps(config)))
    with pytest.raises(campaign.FOR_THE_USER) as caught:
        families.open_music_vae(str(path))
    campaign.check_message(caught.value)
    assert "name" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["[]", "1", '{"attributes": [1]}', '{"attributes": {"hits": {"vector": "x"}}}', "[" * 10**5]
)
def test_attributes(text: str) -> None:
    with pytest.raises(campaign.FOR_THE_USER) as caught:
        AttributeVectors.from_json(text, "beats.attributes.json")
    campaign.check_message(caught.value)
