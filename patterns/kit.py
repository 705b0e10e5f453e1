"""The lines of a drum grid: two letters, a name, and the General MIDI percussion pitch that they stand for.

The order is the order on the page, cymbals on top and kick at the bottom as in drum notation. Every pitch
belongs to one of the nine classes of `preprocess.drums.drum_classes`, so no line is lost on a model.
"""

from dataclasses import dataclass

from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES


@dataclass(frozen=True)
class Line:
    """One line of the grid.

    Attributes:
        key: the two letters at the start of the line.
        name: for people.
        pitch: General MIDI percussion pitch.
        by_foot: played with a pedal, so that it takes no hand.
    """

    key: str
    name: str
    pitch: int
    by_foot: bool = False


KIT = (
    Line("CR", "crash", 49),
    Line("C2", "second crash", 57),
    Line("CH", "china", 52),
    Line("SP", "splash", 55),
    Line("RD", "ride", 51),
    Line("RB", "ride bell", 53),
    Line("OH", "open hi-hat", 46),
    Line("HH", "closed hi-hat", 42),
    Line("CB", "cowbell", 56),
    Line("CL", "claves", 75),
    Line("SH", "shaker", 70),
    Line("TB", "tambourine", 54),
    Line("TR", "triangle", 81),
    Line("GU", "guiro", 73),
    Line("AH", "high agogo", 67),
    Line("AL", "low agogo", 68),
    Line("TH", "high timbale", 65),
    Line("TL", "low timbale", 66),
    Line("BH", "high bongo", 60),
    Line("BL", "low bongo", 61),
    Line("QM", "muted conga", 62),
    Line("QH", "high conga", 63),
    Line("QL", "low conga", 64),
    Line("T1", "high tom", 50),
    Line("T2", "mid tom", 48),
    Line("T3", "low-mid tom", 47),
    Line("FT", "floor tom", 45),
    Line("F2", "second floor tom", 41),
    Line("CP", "hand clap", 39),
    Line("RS", "rim click", 37),
    Line("SN", "snare", 38),
    Line("SM", "muted surdo", 86),
    Line("SO", "open surdo", 87),
    Line("PH", "pedal hi-hat", 44, by_foot=True),
    Line("KK", "kick", 36, by_foot=True),
)
LINES = {line.key: line for line in KIT}

_BY_PITCH = {line.pitch: line for line in KIT}


def line_of_pitch(pitch: int) -> Line | None:
    """The line on which a MIDI pitch is written: its own, else that of its drum class, else None."""
    if pitch in _BY_PITCH:
        return _BY_PITCH[pitch]
    for drum_class in REDUCED_DRUM_CLASSES:
        if pitch in drum_class.pitches:
            return _BY_PITCH[drum_class.pitch]
    return None
