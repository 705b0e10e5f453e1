"""Drums on other channels than 10: by names, by notes, by a person's word; a piano piece never becomes drums."""

from collections.abc import Callable
from pathlib import Path

import pytest

from common.console import Parser
from common.errors import InputError
from preprocess.drums.tracks import DrumChoice, add_drum_choice_flags, drum_choice_of, drum_parts, take_drums
from preprocess.midi.file import parse_midi
from preprocess.midi.reader import read_midi, read_midi_file
from tests.helpers.midi_bytes import END, delta, midi

BEAT = [(i * 120, 42) for i in range(16)] + [(0, 36), (960, 36), (480, 38), (1440, 38)]
BASS = [(i * 240, pitch) for i, pitch in enumerate((36, 36, 43, 41, 36, 38, 43, 45))]
PIANO = [(i * 240, pitch) for i, pitch in enumerate((60, 64, 67, 72, 48, 52, 55, 60))]


def track(
    notes: list[tuple[int, int]], channel: int = 0, name: str = "", more: bytes = b"", instrument: str = ""
) -> bytes:
    """Sixteenths of a channel, after its name."""
    events = sorted(
        e
        for start, p in notes
        for e in ((start, 1, bytes([0x90 | channel, p, 90])), (start + 100, 0, bytes([0x80 | channel, p, 0])))
    )
    out, now = bytearray(), 0
    for kind, text in ((3, name.encode()), (4, instrument.encode())):
        if text:
            out += bytes([0, 0xFF, kind, len(text)]) + text
    out += more
    for tick, _, event in events:
        out += delta(tick - now) + event
        now = tick
    return bytes(out) + END


def drums(data: bytes, choice: DrumChoice = DrumChoice()) -> tuple[list[int], str]:
    """The pitches of the drums of a file, and the sentence about them."""
    reading = read_midi_file(data, drums=choice)
    sentences = [w.message for w in reading.warnings if w.code == "drums_elsewhere"]
    return sorted(n.pitch for n in reading.sequences[0].notes if n.is_drum), " ".join(sentences)


def only(pitch: int) -> list[tuple[int, int]]:
    return [note for note in BEAT if note[1] == pitch]


ALL = sorted(pitch for _, pitch in BEAT)


def test_channel_10_is_drums_whatever_else_looks_like_them() -> None:
    assert drums(midi(track(BEAT, 9), track(BEAT, 0, "Drums"))) == (ALL, "")


@pytest.mark.parametrize(
    "name",
    ["Drums", "DRUMKIT", "Drum Rack", "Batterie", "Batería", "Schlagzeug", "Perc", "Perkusja", "ударные", "ドラム", "Addictive Drums 2", "TR-808 Kit", "EZdrummer"],
)  # fmt: skip
def test_kits_by_name(name: str) -> None:
    found, sentence = drums(midi(track(PIANO, 0, name), track(BASS, 1, "Bass")))
    assert found == sorted(pitch for _, pitch in PIANO)
    assert name in sentence and "channel 10" in sentence and sentence.endswith(".")
    assert drums(midi(track(PIANO, 0, instrument=name), track(BASS, 1)))[0] == found


@pytest.mark.parametrize(
    "names",
    [("Kick", "Snare", "Hat"), ("BD", "SD", "HH"), ("Bass Drum", "Snare Drum", "Hi-Hat"), ("kick_01", "snare_01", "closed hat"), ("Grosse caisse", "Caisse claire", "Charley"), ("808 Kick", "Snare Punchy", "CH"), ("", "", "")],
)  # fmt: skip
def test_a_track_for_each_drum(names: tuple[str, str, str]) -> None:
    tracks = [track(only(pitch), 0, name) for pitch, name in zip((36, 38, 42), names, strict=True)]
    assert drums(midi(END, *tracks))[0] == ALL
    assert drums(midi(END, *tracks, track(PIANO, 1, "Keys"), track(BASS, 2, "Bass")))[0] == ALL


def test_tracks_of_one_note_are_told_apart_by_their_names() -> None:
    """FL Studio's channel rack writes C5 for all of them."""
    tracks = [
        track([(t, 60) for t, _ in only(p)], 0, name) for p, name in ((36, "Kick"), (38, "Clap"), (42, "Hat"))
    ]
    assert drums(midi(*tracks))[0] == sorted([39 if pitch == 38 else pitch for pitch in ALL])


@pytest.mark.parametrize("channels", [(0, 1), (3, 0), (15, 2)])
def test_by_notes_in_one_track_of_several_channels(channels: tuple[int, int]) -> None:
    """Format 0: the track's name says nothing of one channel."""
    at = [(t, 0, channels[0], p) for t, p in BEAT] + [(t, 0, channels[1], p) for t, p in BASS]
    events, now = bytearray(b"\x00\xff\x03\x05Drums"), 0
    for tick, _, channel, pitch in sorted(at):
        events += delta(tick - now) + bytes([0x90 | channel, pitch, 80, 0, 0x80 | channel, pitch, 0])
        now = tick
    assert drums(midi(bytes(events) + END))[0] == ALL


@pytest.mark.parametrize(
    "data",
    [
        midi(track(PIANO)),
        midi(track(BASS)),
        midi(track(BASS, 0, "Bass"), track(PIANO, 1, "Piano")),
        midi(track(PIANO, 0, "The Little Drum")),
        midi(track(PIANO, 0, "Drum & Bass"), track(BASS, 1)),
        midi(track(PIANO, 0, "Steel Drums"), track(BASS, 1)),
        midi(track(PIANO, 0, "Drums", more=b"\x00\xc0\x72")),
        midi(track(BASS[:4], 0, "Ch 1"), track(PIANO, 1, "Ch 2")),
        midi(track(PIANO, 0, "Tom"), track(BASS, 1)),
        midi(track([*PIANO, (0, 100)], 0, "Drums")),
    ],
)
def test_what_is_no_drums(data: bytes) -> None:
    assert drums(data) == ([], "")


def test_no_pitched_music_is_drums_and_most_drums_are_found(data_dir: Callable[[str], Path]) -> None:
    for folder in ("chorales", "joplin_rags", "mutopia_piano", "songs34"):
        for path in sorted(data_dir(folder).rglob("*.mid"))[::8]:
            assert drum_parts(parse_midi(path.read_bytes())) == (frozenset(), None), path
    found = []
    for path in sorted(data_dir("groove").rglob("*.mid"))[::20]:
        file = parse_midi(path.read_bytes())
        hits = 0
        for each in file.tracks:
            each.name = ""
            each.events = [(t, bytes([e[0] & 0xF0]) + e[1:] if e[0] < 0xF0 else e) for t, e in each.events]
            hits += sum(e[0] & 0xF0 == 0x90 for _, e in each.events)
        if hits >= 40:
            found.append(bool(drum_parts(file)[0]))
    assert sum(found) >= 0.75 * len(found)


def test_a_person_says_where_they_are() -> None:
    data = midi(track(PIANO, 0, "Piano"), track(BASS, 1, "Schlägerei"), track(BEAT, 9, "Beat"))
    bass = sorted(pitch for _, pitch in BASS)
    for choice in (DrumChoice(channel=2), DrumChoice(track="2"), DrumChoice(track="schlägerei ")):
        assert drums(data, choice) == (bass, "")
    with pytest.raises(InputError, match=r"no notes on channel 5; it has some on 1, 2, 10\."):
        read_midi(data, drums=DrumChoice(channel=5))
    with pytest.raises(
        InputError, match=r"no track 'x'; it has 1 \('Piano'\), 2 \('Schlägerei'\), 3 \('Beat'\)\."
    ):
        read_midi(data, drums=DrumChoice(track="x"))


def test_flags() -> None:
    parser = Parser("", "")
    add_drum_choice_flags(parser)
    assert drum_choice_of(parser.parse_args([])) == DrumChoice()
    assert drum_choice_of(parser.parse_args(["--drum_channel=16"])) == DrumChoice(channel=16)
    assert drum_choice_of(parser.parse_args(["--drum_track=Beat"])) == DrumChoice(track="Beat")
    for flags in (
        ["--drum_channel=0"],
        ["--drum_channel=17"],
        ["--drum_track= "],
        ["--drum_channel=1", "--drum_track=2"],
    ):
        with pytest.raises(InputError) as caught:
            drum_choice_of(parser.parse_args(flags))
        assert caught.value.reason == "bad_flag"


def test_the_only_track_is_taken_where_drums_are_wanted() -> None:
    sequence = read_midi(midi(track(PIANO, 0, "Beat")))
    sentence = take_drums(sequence)
    assert sentence is not None and "only one" in sentence and "Beat" in sentence
    assert all(note.is_drum for note in sequence.notes)
    assert take_drums(sequence) is None
    two = read_midi(midi(track(PIANO), track(BASS, 1)))
    assert take_drums(two) is None and not any(note.is_drum for note in two.notes)
    parts, why = drum_parts(parse_midi(midi(track(PIANO))), wanted=True)
    assert parts == {(0, 0)} and why is not None
