"""The campaign of humanize: of any file that it takes only the drums change, and these by no more than it promises."""

import random
from collections import Counter
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import configs
from preprocess.midi.events import END_OF_TRACK
from preprocess.midi.file import MidiFile, parse_midi
from preprocess.midi.hits import MidiHits, as_performed
from tests.fuzz import campaign
from tests.fuzz.campaign import Wrong
from tests.fuzz.midi_inputs import midi_input

COMMAND_EVERY = 12
"""One in this many files goes through the whole command, with the shipped model."""


@cache
def converter() -> Any:
    return configs.CONFIG_MAP["groovae_2bar_humanize_small"].build_converter()


def unit(file: MidiFile) -> Fraction:
    """Ticks of a quarter note, or of a frame where a file counts in those."""
    return Fraction(file.ticks_per_quarter if file.seconds_per_tick is None else file.header[13])


def others(data: bytes) -> Counter[tuple[int, Fraction, bytes]]:
    """The events of a file that have nothing to do with its hits: track, time, bytes.

    Left out are the ends of tracks, and what belongs on a cable and in no file. Of two ends of one note either may be
    taken for it, so the ends of a drum's notes are left out as well.
    """
    file, hits = parse_midi(data), MidiHits(data).hits
    struck = {(hit.track, hit.channel, hit.pitch) for hit in hits}
    return Counter(
        (number, tick / unit(file), event)
        for number, track in enumerate(file.tracks)
        for tick, event in track.events
        if not (event[0] < 0xA0 and (number, event[0] & 0x0F, event[1]) in struck)
        and event[:2] != bytes([0xFF, END_OF_TRACK])
        and (event[0] < 0xF1 or event[0] in (0xF7, 0xFF))
    )


def check_played(data: bytes, played: bytes) -> None:
    """Every other event is where it was, no hit is lost, and none is farther than half a step from where it was."""
    if others(data) != others(played):
        gone, new = others(data) - others(played), others(played) - others(data)
        raise Wrong(f"other events have changed: {list(gone)[:3]} became {list(new)[:3]}")
    before, after = MidiHits(data), MidiHits(played)
    kinds = [Counter((h.track, h.channel, h.pitch) for h in hits.hits) for hits in (before, after)]
    if kinds[0] != kinds[1]:
        raise Wrong(f"{sum(kinds[0].values())} hits became {sum(kinds[1].values())}")
    files = parse_midi(data), parse_midi(played)
    # Half a sixteenth and a tick, as coarse files are rounded.
    allowed = files[0].ticks_per_quarter / unit(files[0]) / 7
    for key in kinds[0]:
        starts = [
            sorted(
                h.start * Fraction(file.ticks_per_quarter, hits.ticks_per_quarter) / unit(file)
                for h in hits.hits
                if (h.track, h.channel, h.pitch) == key
            )
            for hits, file in zip((before, after), files, strict=True)
        ]
        if any(abs(a - b) > allowed for a, b in zip(*starts, strict=True)):
            raise Wrong(f"a hit of {key} moved by more than half a sixteenth")


def read(data: bytes, folder: Path) -> None:
    """Play a file's drums as some drummer might, or as the shipped model does."""
    rng = np.random.default_rng(len(data))
    if len(data) % COMMAND_EVERY == 0:
        run_command(data, folder)
        return
    file = MidiHits(data)
    classes = converter().inference_pitch_classes
    drum_of = {pitch: drum for drum, pitches in enumerate(classes) for pitch in pitches}
    drums = np.array([drum_of.get(hit.pitch, -1) for hit in file.hits])
    shape = (int(file.positions.max()) + 2, len(classes))
    performance = np.ones(shape), rng.integers(1, 128, shape), rng.uniform(-0.5, 0.5, shape)
    if (drums >= 0).any():
        check_played(data, file.with_hits(*as_performed(file, drums, performance)))
    same = file.with_hits([hit.start for hit in file.hits], [hit.velocity for hit in file.hits])
    if same != data and data.startswith(b"MThd") and not file.warnings:
        raise Wrong("a file of which nothing changes has other bytes")


def run_command(data: bytes, parent: Path) -> None:
    """Through the command: its file is whole, or there is none."""
    import humanize
    from common.errors import InputError

    with campaign.fresh_folder(parent) as folder:
        (folder / "in.mid").write_bytes(data)
        try:
            humanize.main([f"--input_midi={folder / 'in.mid'}", f"--output_dir={folder / 'out'}"])
        except InputError:
            if (folder / "out").exists() and any((folder / "out").iterdir()):
                raise Wrong("there is output though the file was refused") from None
            raise
        files = sorted(p.name for p in (folder / "out").iterdir())
        if len(files) != 1 or not files[0].endswith(".mid"):
            raise Wrong(f"the command wrote {files}")
        check_played(data, (folder / "out" / files[0]).read_bytes())


def test_only_drums_change(kept: Path, tmp_path: Path, record_property: Any, capsys: Any) -> None:
    def make(rng: random.Random) -> bytes:
        return midi_input(rng)

    campaign.check(campaign.run("humanize", make, lambda data: read(data, tmp_path), kept), record_property)
