"""One HTML file that shows and plays clips: it works from the file system, offline, in any current browser.

Drums and pitched notes are synthesised by Web Audio; the MIDI files are embedded for download. Nothing is
loaded from elsewhere. The page itself is in `web/gallery/`.
"""

import base64
import dataclasses
import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.output_files import write_atomically
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.note_sequence import NoteSequence
from render.audio import as_written, timbre_of
from render.midi import GIVEN, Style, midi_bytes
from web import bundle, skeleton

SKELETON = "gallery/gallery.html"


@dataclass(frozen=True)
class Clip:
    """A clip to show.

    Attributes:
        title: heading of the clip.
        sequence: a NoteSequence.
        bars: its length.
        style: how it is played; the page's style by default.
        file: name of the saved file, without `.mid`; the title by default.
        given: (first, end) in bars of spans that were given to the model, not played by it.
    """

    title: str
    sequence: NoteSequence
    bars: int = 4
    style: Style | None = None
    file: str = ""
    given: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Section:
    """Clips under a heading; `chain` plays them one after the other, as an interpolation is meant to be heard."""

    title: str
    text: str
    clips: tuple[Clip, ...]
    chain: bool = False


def gallery_html(sections: list[Section], title: str, style: Style = Style()) -> str:
    """The page; every title and text is escaped."""
    clips = [clip for section in sections for clip in section.clips]
    # The player swings, and would swing notes that are to stay as they are too: then swing is in the times.
    if any(info.name == GIVEN for clip in clips for info in clip.sequence.part_infos):
        swing = 0.0
    else:
        swing = style.swing
    data = {
        "qpm": style.qpm,
        "swing": swing,
        "bar": style.quarters_per_bar * 4,
        "beat": style.quarters_per_beat * 4,
        "drums": [drum.name for drum in REDUCED_DRUM_CLASSES],
        "sections": [
            {
                "title": section.title,
                "text": section.text,
                "chain": section.chain,
                "clips": _clips(section.clips, style, played_straight=swing > 0),
            }
            for section in sections
        ],
    }
    parts = {
        "title": html.escape(title),
        "style": bundle.read("gallery/gallery.css"),
        "data": skeleton.embedded(data),
        "script": bundle.bundle("gallery/main.js"),
    }
    parts["policy"] = skeleton.policy(SKELETON, parts)
    return skeleton.filled(SKELETON, parts)


def _clips(clips: tuple[Clip, ...], style: Style, played_straight: bool) -> list[dict[str, Any]]:
    """The clips of a section, all on the same range of keys."""
    from render.pianoroll import contents_of, pitch_range

    styles = [clip.style or style for clip in clips]
    lengths = [clip.bars * own.quarters_per_bar * 4 for clip, own in zip(clips, styles, strict=True)]
    contents = []
    for clip, own, steps in zip(clips, styles, lengths, strict=True):
        shown = dataclasses.replace(own, swing=0.0) if played_straight else own
        contents.append(contents_of(as_written(clip.sequence, shown, clip.bars), steps))
    keys = pitch_range(contents)
    return [
        {
            "title": clip.title,
            "file": clip.file or clip.title,
            "speed": round(own.qpm / style.qpm, 6),
            "steps": _step(steps),
            "given": [
                [_step(first * own.quarters_per_bar * 4), _step(end * own.quarters_per_bar * 4)]
                for first, end in clip.given
            ],
            "hits": [[hit.row, _step(hit.start), hit.velocity] for hit in held.hits],
            "keys": [
                [key.pitch, _step(key.start), _step(key.length), key.velocity, key.part] for key in held.keys
            ],
            "range": keys if held.keys else None,
            "parts": [_part(part) for part in held.parts],
            "chords": [[_step(start), symbol] for start, symbol in held.chords],
            "midi": base64.b64encode(midi_bytes(clip.sequence, own, clip.bars)).decode("ascii"),
        }
        for clip, own, steps, held in zip(clips, styles, lengths, contents, strict=True)
    ]


def _part(part: Any) -> dict[str, Any]:
    return {"name": part.name, "colour": part.colour, **dataclasses.asdict(timbre_of(part.program))}


def _step(value: float) -> float:
    """Sixteenths to the thousandth, whole ones as whole numbers."""
    rounded = round(value, 3)
    return int(rounded) if rounded == int(rounded) else rounded


def write_gallery(path: str | Path, sections: list[Section], title: str, style: Style = Style()) -> None:
    """Write the page, completely or not at all."""
    write_atomically(path, gallery_html(sections, title, style).encode("utf-8"))
