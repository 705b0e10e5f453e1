"""The drum classes of Magenta's drum models: which MIDI pitches count as the same drum.

Every model, map, picture and notation of this project takes its drums from this table.
"""

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
