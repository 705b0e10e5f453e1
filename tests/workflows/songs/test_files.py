"""Songs as files: what stands in the MIDI, which others are written, and that none is overwritten."""

import argparse
from pathlib import Path

import mido
import numpy as np
import pytest

from common.errors import InputError
from preprocess.converters.drums import DrumsConverter
from preprocess.midi.reader import read_midi
from render.midi import Style
from workflows.songs.composing import Song
from workflows.songs.files import write_songs
from workflows.songs.form import parse_structure

FORM = parse_structure("intro:2 verse:3 intro:1")


def flags(**given: bool) -> argparse.Namespace:
    return argparse.Namespace(**{"png": False, "wav": False, "gallery": False, "force": False, **given})


@pytest.mark.parametrize(("meter", "steps"), [("4/4", 16), ("6/8", 12)])
def test_songs_are_written_with_markers_at_their_sections(tmp_path: Path, meter: str, steps: int) -> None:
    converter = DrumsConverter(meter=meter, slice_bars=6)
    rng = np.random.default_rng(0)
    songs = [Song(rng.integers(1, 512, 6 * steps), FORM, fills=(1, 4)) for _ in range(2)]
    style = Style(qpm=100, time_signature=converter.time_signature)
    sequences = converter.from_tensors([song.tokens for song in songs])
    stem = tmp_path / "songs" / "song"
    files = write_songs(songs, sequences, stem, flags(png=True, wav=True, gallery=True), style, steps)
    assert sorted(p.name for p in files) == sorted(p.name for p in stem.parent.iterdir())
    assert [p.suffix for p in files] == [".mid", ".mid", ".png", ".png", ".html", ".wav", ".wav"]
    for path, song in zip(files, songs, strict=False):
        now, markers = 0, []
        for message in mido.MidiFile(path).tracks[0]:
            now += message.time
            if message.type == "marker":
                markers.append((now, message.text))
        bar = 120 * steps
        assert markers == [(0, "intro"), (2 * bar, "verse"), (5 * bar, "intro")] and now == 6 * bar
        (example,) = converter.to_tensors(read_midi(path))
        assert example.outputs.tolist() == song.tokens.tolist()
    with pytest.raises(InputError, match="already exists"):
        write_songs(songs, sequences, stem, flags(), style, steps)
    assert write_songs(songs, sequences, stem, flags(force=True), style, steps) == files[:2]
