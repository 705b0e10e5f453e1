"""The drum classes of Magenta's drum models: which MIDI pitches count as the same drum.

Every model, map, picture and notation of this project takes its drums from this table.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class DrumClass:
    """One drum of the reduced kit.

    Attributes:
        name: for people.
        pitch: the General MIDI pitch that stands for the class in output.
        pitches: all MIDI pitches that count as this drum, `pitch` first.
    """

    name: str
    pitches: tuple[int, ...]

    @property
    def pitch(self) -> int:
        """The General MIDI pitch that stands for the class."""
        return self.pitches[0]


REDUCED_DRUM_CLASSES = (
    DrumClass("kick", (36, 35)),
    DrumClass("snare", (38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85)),
    DrumClass("closed hi-hat", (42, 44, 54, 68, 69, 70, 71, 73, 78, 80, 22)),
    DrumClass("open hi-hat", (46, 67, 72, 74, 79, 81, 26)),
    DrumClass("low tom", (45, 29, 41, 43, 61, 64, 84)),
    DrumClass("mid tom", (48, 47, 60, 63, 77, 86, 87)),
    DrumClass("high tom", (50, 30, 62, 76, 83)),
    DrumClass("crash", (49, 52, 55, 57, 58)),
    DrumClass("ride", (51, 53, 59, 82)),
)

Classes = tuple[tuple[int, ...], ...]

PITCH_CLASSES: dict[str, Classes] = {
    "reduced": tuple(drum.pitches for drum in REDUCED_DRUM_CLASSES),
    # What Roland's V-Drums of the Groove MIDI Dataset send, drum by drum as in the reduced kit.
    "roland": (
        (36,),
        (38, 37, 40),
        (42, 22, 44),
        (46, 26),
        (43, 58),
        (47, 45),
        (50, 48),
        (49, 52, 55, 57),
        (51, 53, 59),
    ),
    # Each of the 61 drums for itself, in the order of Magenta's checkpoints.
    "full": tuple(
        (pitch,)
        for pitch in (
            *(36, 35, 38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85, 42, 44, 54, 68),
            *(69, 70, 71, 73, 78, 80, 46, 67, 72, 74, 79, 81, 45, 29, 41, 61, 64, 84, 48, 47),
            *(60, 63, 77, 86, 87, 50, 30, 43, 62, 76, 83, 49, 55, 57, 58, 51, 52, 53, 59, 82),
        )
    ),
}
"""Named lists of drums: the MIDI pitches of each, the one it is played back with first."""


def pitch_classes(classes: str | Sequence[Sequence[int]]) -> Classes:
    """The drums of a name of `PITCH_CLASSES`, or those given.

    Raises:
        ValueError: for an unknown name.
    """
    if not isinstance(classes, str):
        return tuple(tuple(pitches) for pitches in classes)
    if classes not in PITCH_CLASSES:
        raise ValueError(f"There are no pitch classes '{classes}'; expected {', '.join(PITCH_CLASSES)}.")
    return PITCH_CLASSES[classes]
