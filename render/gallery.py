"""One HTML file that shows and plays clips: it works from the file system, offline, in any current browser.

Drums are synthesised by Web Audio; the MIDI files are embedded for download. Nothing is loaded from elsewhere.
"""

import base64
import html
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from preprocess.converters.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.tfrecord import write_atomically
from render.midi import Style, midi_bytes


@dataclass(frozen=True)
class Clip:
    """A beat to show: a title, and a drum NoteSequence of so many bars of 4/4."""

    title: str
    sequence: Any
    bars: int = 4


@dataclass(frozen=True)
class Section:
    """Clips under a heading; `chain` plays them one after the other, as an interpolation is meant to be heard."""

    title: str
    text: str
    clips: tuple[Clip, ...]
    chain: bool = False


def gallery_html(sections: list[Section], title: str, style: Style = Style()) -> str:
    """The page; every title and text is escaped."""
    template = files("render").joinpath("gallery_template.html").read_text(encoding="utf-8")
    data = {
        "qpm": style.qpm,
        "swing": style.swing,
        "drums": [drum.name for drum in REDUCED_DRUM_CLASSES],
        "sections": [
            {
                "title": section.title,
                "text": section.text,
                "chain": section.chain,
                "clips": [_clip(clip, style) for clip in section.clips],
            }
            for section in sections
        ],
    }
    # Inside a script element only "</" and "<!--" could end the data early.
    embedded = json.dumps(data).replace("<", "\\u003c")
    parts = {"title": html.escape(title), "data": embedded}
    # In one pass, so that a title that reads {{data}} stays a title.
    return re.sub(r"\{\{(title|data)\}\}", lambda match: parts[match[1]], template)


def _clip(clip: Clip, style: Style) -> dict[str, Any]:
    from render.pianoroll import drum_grid

    grid = drum_grid(clip.sequence, clip.bars * 16)
    hits = [[int(row), int(step), int(grid[row, step])] for row, step in zip(*grid.nonzero(), strict=True)]
    midi = base64.b64encode(midi_bytes(clip.sequence, style, clip.bars)).decode("ascii")
    return {"title": clip.title, "steps": clip.bars * 16, "hits": hits, "midi": midi}


def write_gallery(path: str | Path, sections: list[Section], title: str, style: Style = Style()) -> None:
    """Write the page, whole or not at all."""
    write_atomically(path, gallery_html(sections, title, style).encode("utf-8"))
