"""Beats of this folder as a page reads them: the nine drums of the models, on the sixteenths of four bars of 4/4."""

from collections.abc import Sequence
from typing import Any

from patterns.beat import Beat
from patterns.kit import LINES
from patterns.notation import load_all
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES

STEPS_PER_BAR = 16
BARS = 4


def page_patterns(beats: Sequence[Beat] | None = None) -> list[dict[str, Any]]:
    """What a page needs of each beat that is four bars of sixteenths in 4/4; the others are left out.

    >>> funk = next(p for p in page_patterns() if p["name"] == "Ghosted sixteenths")
    >>> funk["style"], funk["qpm"], [[step, v] for step, drum, v in funk["hits"] if drum == 1 and step < 9]
    ('funk', 98.0, [[4, 120], [7, 40]])

    Args:
        beats: written beats; by default those of this folder.

    Returns:
        A dictionary for each: `name`, `style`, `qpm` (quarter notes a minute), `swing` (that of the player: by how much
        of a sixteenth every second one is late; 0 is straight), `steps`, and `hits`: step, drum (0 to 8) and velocity
        of each, step by step. Where two lines of the beat are one of the nine drums, the louder hit counts.
    """
    return [_packed(beat) for beat in (load_all() if beats is None else beats) if _fits(beat)]


def _fits(beat: Beat) -> bool:
    return beat.time_signature == (4, 4) and (beat.steps_per_bar, beat.bars) == (STEPS_PER_BAR, BARS)


def _packed(beat: Beat) -> dict[str, Any]:
    loudest: dict[tuple[int, int], int] = {}
    for key, row in zip(beat.drums, beat.hits, strict=True):
        drum = _drum_of(LINES[key].pitch)
        for step, velocity in enumerate(row):
            if velocity:
                loudest[step, drum] = max(velocity, loudest.get((step, drum), 0))
    return {
        "name": beat.name,
        "style": beat.style,
        "qpm": beat.qpm,
        "swing": round(2 * beat.swing - 1, 4),
        "steps": beat.steps,
        "hits": [[step, drum, velocity] for (step, drum), velocity in sorted(loudest.items())],
    }


def _drum_of(pitch: int) -> int:
    return next(i for i, drum in enumerate(REDUCED_DRUM_CLASSES) if pitch in drum.pitches)
