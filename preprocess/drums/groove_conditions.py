"""Who plays, in which style and how fast: what grooves can be conditioned on, as one row of numbers.

Drummers and styles are those of the Groove MIDI Dataset, whose files are named after both:
`drummer1/session2/8_jazz-fast_185_beat_4-4.mid`.
"""

import math
import re

DRUMMERS = tuple(f"drummer{i}" for i in range(1, 11))
STYLES = (
    "afrobeat", "afrocuban", "blues", "country", "dance", "funk", "gospel", "highlife", "hiphop", "jazz",
    "latin", "middleeastern", "neworleans", "pop", "punk", "reggae", "rock", "soul",
)  # fmt: skip
WIDTH = 1 + len(DRUMMERS) + len(STYLES)
REFERENCE_QPM = 120.0
SLOWEST, FASTEST = 50.0, 290.0
"""Tempos of the data set's performances in 4/4; what is slower or faster counts as the nearest of them."""

_NAME = re.compile(r"(?:.*/)?(?P<drummer>drummer\d+)/.*?\d+_(?P<style>[a-z]+)[^/]*\.midi?")


def row(qpm: float, drummer: str | None = None, style: str | None = None) -> tuple[float, ...]:
    """`WIDTH` numbers: octaves of tempo above 120, then drummer and style one-hot; zeros where not known.

    Args:
        qpm: quarter notes a minute, above 0.
        drummer: one of `DRUMMERS`; others count as not known.
        style: one of `STYLES`; others count as not known.
    """
    drummers, styles = (
        [float(name == known) for name in names] for names, known in ((DRUMMERS, drummer), (STYLES, style))
    )
    return (math.log2(min(FASTEST, max(SLOWEST, qpm)) / REFERENCE_QPM), *drummers, *styles)


def named(file_name: str) -> tuple[str | None, str | None]:
    """Drummer and primary style that a file of the Groove MIDI Dataset is named after; None for any other name."""
    found = _NAME.fullmatch(file_name)
    return (found["drummer"], found["style"]) if found else (None, None)
