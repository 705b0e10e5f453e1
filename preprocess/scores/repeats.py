"""Repeats, endings and jumps: the order in which measures are played, and MusicXML scores written out in it."""

import copy
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from common.errors import InputError

MAX_MEASURES = 20_000
MAX_ELEMENTS = 4_000_000
"""The most that a score may have when it is written out."""

MAX_PASSES = 64
"""Endings of later passes are ignored."""

_KEPT = ("divisions", "key", "time", "transpose")
"""What goes on from measure to measure, in the order in which MusicXML has it."""


@dataclass
class Measure:
    """What a measure says about the order of playing.

    Attributes:
        forward: a repeated passage begins.
        times: how often the passage that ends here is played; 0 where none ends.
        ending: the passes on which an ending that begins here is played.
        ending_stops: whether an ending ends here.
        marks: of jumps: `segno`, `coda`, `dacapo`, `dalsegno`, `tocoda`, `fine`.
    """

    forward: bool = False
    times: int = 0
    ending: frozenset[int] = frozenset()
    ending_stops: bool = False
    marks: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Ending:
    """Measures `first` to `last`, played on some passes of at least `passes`."""

    first: int
    last: int
    numbers: frozenset[int]
    passes: int
    closes: bool


def write_out(root: ET.Element) -> None:
    """Give each part of a partwise score its measures in the order in which they are played.

    Raises:
        InputError: where they are more than any music has (`too_long`).
    """
    parts = root.findall("part")
    lists = [part.findall("measure") for part in parts]
    order = playing_order([_read(group) for group in _side_by_side(lists)])
    if order == list(range(len(order))):
        return
    size = sum(1 for measures in lists for measure in measures for _ in measure.iter())
    longest = max(map(len, lists))
    if size * (len(order) / max(1, longest)) > MAX_ELEMENTS:
        raise InputError("The score is too long when its repeats are written out.", "too_long")
    for part, measures in zip(parts, lists, strict=True):
        states = _states(measures)
        for measure in measures:
            part.remove(measure)
        previous = -1
        for i in order:
            if i >= len(measures):
                continue
            played = copy.deepcopy(measures[i])
            if i != previous + 1:
                _restore(played, states[i], states[previous + 1])
            part.append(played)
            previous = i


def playing_order(measures: list[Measure]) -> list[int]:
    """The indices of measures as they are played.

    Raises:
        InputError: where they are more than any music has (`too_long`).
    """
    return _Player(measures).order()


class _Player:
    """Goes through measures as a musician does.

    Attributes:
        at: the measure that comes next.
        begin: where the passage began that a repeat would go back to.
        turn: how often that passage is being played, from 1.
        jumped: whether a da capo or dal segno has been taken; after it nothing is repeated, and only last endings count.
    """

    def __init__(self, measures: list[Measure]):
        self.measures = measures
        self.endings = _endings(measures)
        self.at, self.jumped = 0, False
        self._begin_passage(0)

    def _begin_passage(self, at: int) -> None:
        self.begin, self.turn = at, 1

    def order(self) -> list[int]:
        """As `playing_order`."""
        order: list[int] = []
        while self.at < len(self.measures):
            measure = self.measures[self.at]
            if measure.forward and self.at != self.begin:
                self._begin_passage(self.at)
            if self._skips_an_ending():
                continue
            order.append(self.at)
            if len(order) > MAX_MEASURES:
                raise InputError(f"The score has more than {MAX_MEASURES} measures.", "too_long")
            if self.jumped and "fine" in measure.marks:
                break
            self._go_on(measure)
        return order

    def _skips_an_ending(self) -> bool:
        """Go past an ending that is not for this turn, if one begins here."""
        ending = self.endings.get(self.at)
        if ending is None or (ending.passes if self.jumped else self.turn) in ending.numbers:
            return False
        self.at = ending.last + 1
        if ending.closes:
            self._begin_passage(self.at)
        return True

    def _go_on(self, measure: Measure) -> None:
        """Go from a measure that was played to the next one: ahead, back to a repeat, or along a jump."""
        if self.jumped and "tocoda" in measure.marks and (coda := _find(self.measures, "coda")) > self.at:
            self.at = coda
            return
        ending = self.endings.get(self.at)
        passes = max(ending.passes, 2) if ending else measure.times
        if measure.times and self.turn < passes and not self.jumped:
            self.at, self.turn = self.begin, self.turn + 1
            return
        if measure.times or (ending and ending.last == self.at and ending.closes):
            self._begin_passage(self.at + 1)
        if measure.marks & {"dacapo", "dalsegno"} and not self.jumped:
            self.jumped = True
            self.at = max(0, _find(self.measures, "segno")) if "dalsegno" in measure.marks else 0
            self._begin_passage(self.at)
            return
        self.at += 1


def _side_by_side(parts: list[list[ET.Element]]) -> list[list[ET.Element]]:
    longest = max(map(len, parts), default=0)
    return [[measures[i] for measures in parts if i < len(measures)] for i in range(longest)]


def _find(measures: list[Measure], mark: str) -> int:
    return next((i for i, measure in enumerate(measures) if mark in measure.marks), -1)


def _read(group: list[ET.Element]) -> Measure:
    """What a measure says, in whichever parts it says it."""
    result = Measure()
    for element in group:
        for repeat in element.findall("barline/repeat"):
            if repeat.get("direction") == "forward":
                result.forward = True
            elif repeat.get("direction") == "backward":
                times = repeat.get("times", "2")
                result.times = max(2, int(times)) if times.isdecimal() else 2
        for ending in element.findall("barline/ending"):
            if ending.get("type") == "start":
                numbers = (ending.get("number") or "1").replace(" ", ",").replace(".", ",").split(",")
                result.ending = frozenset(
                    int(n) for n in numbers if n.isdecimal() and 0 < int(n[:3]) <= MAX_PASSES
                )
            else:
                result.ending_stops = True
        for sound in [*element.findall("sound"), *element.findall("direction/sound")]:
            result.marks |= {name for name in sound.attrib if sound.get(name) not in ("no", "")}
    return result


def _endings(measures: list[Measure]) -> dict[int, _Ending]:
    """The ending that each measure of one belongs to; endings one after another belong together."""
    spans = []
    for first, measure in enumerate(measures):
        if measure.ending:
            last = first
            while last + 1 < len(measures) and not (measures[last].ending_stops or measures[last + 1].ending):
                last += 1
            spans.append((first, last, measure.ending))
    groups: list[list[tuple[int, int, frozenset[int]]]] = []
    for span in spans:
        if groups and groups[-1][-1][1] + 1 == span[0]:
            groups[-1].append(span)
        else:
            groups.append([span])
    result: dict[int, _Ending] = {}
    for group in groups:
        passes = max(max(numbers) for _, _, numbers in group)
        for first, last, numbers in group:
            ending = _Ending(first, last, numbers, passes, closes=last == group[-1][1])
            result |= dict.fromkeys(range(first, last + 1), ending)
    return result


def _states(measures: list[ET.Element]) -> list[dict[str, ET.Element]]:
    """What is in force where each measure begins, and behind the last one."""
    state: dict[str, ET.Element] = {}
    states = [dict(state)]
    for measure in measures:
        for child in measure:
            if child.tag == "attributes":
                state |= {name: found for name in _KEPT if (found := child.find(name)) is not None}
            elif (sound := child if child.tag == "sound" else child.find("sound")) is not None and sound.get(
                "tempo"
            ):
                state["sound"] = sound
        states.append(dict(state))
    return states


def _restore(measure: ET.Element, wanted: dict[str, ET.Element], there: dict[str, ET.Element]) -> None:
    """Let a measure begin with what was in force where it stands in the score, where the way to it left something else."""
    own = {child.tag for attributes in measure.findall("attributes") for child in attributes}
    attributes = ET.Element("attributes")
    for name in _KEPT:
        if (
            name in wanted
            and wanted[name] is not there.get(name)
            and (name == "divisions" or name not in own)
        ):
            attributes.append(copy.deepcopy(wanted[name]))
    if "sound" in wanted and wanted["sound"] is not there.get("sound"):
        direction = ET.Element("direction")
        ET.SubElement(direction, "sound", {"tempo": wanted["sound"].get("tempo", "")})
        measure.insert(0, direction)
    elif "sound" in there and "sound" not in wanted:
        direction = ET.Element("direction")
        ET.SubElement(direction, "sound", {"tempo": "120"})
        measure.insert(0, direction)
    if len(attributes):
        measure.insert(0, attributes)
