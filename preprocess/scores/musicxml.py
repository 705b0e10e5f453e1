"""MusicXML to a NoteSequence: note-seq's parser, given a score in which everything is spelled out for it.

note-seq reads a score once through, part by part. It takes programs as the file counts them, from 1, plays nothing
twice, refuses unpitched notes, and lets a tempo change count for the parts that come later only. So repeats and jumps
are written out before (`preprocess.scores.repeats`), programs counted from 0, percussion given the pitches of General
MIDI; it reads the score at one tempo, and it is moved to the tempos of all parts afterwards.
"""

import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from typing import Any

from common.errors import InputError
from preprocess.midi.events import MICROSECONDS_A_MINUTE
from preprocess.midi.file import MidiWarning
from preprocess.scores.repeats import write_out
from preprocess.scores.score import READING_QPM, Score, move_to_tempos
from preprocess.sources import ZIP_ERRORS

_STEPS = (
    ("C", 0),
    ("C", 1),
    ("D", 0),
    ("D", 1),
    ("E", 0),
    ("F", 0),
    ("F", 1),
    ("G", 0),
    ("G", 1),
    ("A", 0),
    ("A", 1),
    ("B", 0),
)
_DRUM_BY_PLACE = {
    ("F", 4): 36, ("E", 4): 35, ("G", 4): 41, ("A", 4): 43, ("B", 4): 45, ("C", 5): 38, ("D", 5): 47, ("E", 5): 48,
    ("F", 5): 50, ("G", 5): 42, ("A", 5): 49, ("B", 5): 57, ("D", 4): 44,
}  # fmt: skip
"""The drum at a place of the staff (Weinberg, Guidelines for Drumset Notation), where nothing else says which it is."""
_CYMBAL_BY_PLACE = {("F", 5): 51, ("C", 5): 37, ("E", 5): 52}
"""The same for crossed note heads, where that makes a difference."""
_TYPES = frozenset(
    [
        "maxima",
        "long",
        "breve",
        "whole",
        "half",
        "quarter",
        "eighth",
        "16th",
        "32nd",
        "64th",
        "128th",
        "256th",
        "512th",
        "1024th",
    ]
)
MAX_DEPTH = 100


def read_musicxml(data: bytes) -> Score:
    """The NoteSequence of a score.

    Args:
        data: XML, or a compressed score; checked for size and entities.

    Raises:
        InputError: where it is not a score, or holds no notes (`bad_score`).
    """
    from note_seq import musicxml_parser, musicxml_reader

    class ParsedScore(musicxml_parser.MusicXMLDocument):
        """Takes a parsed tree where note-seq has the name of a file."""

        _get_score = staticmethod(lambda root: root)

        # note-seq's own look for what is there twice by comparing each with each.
        def get_time_signatures(self) -> list[Any]:
            return _once(self.parts, "time_signature", ("numerator", "denominator", "time_position"))

        def get_key_signatures(self) -> list[Any]:
            found = _once(self.parts, "key_signature", ("key", "mode", "time_position"))
            return found or super().get_key_signatures()

        def get_chord_symbols(self) -> list[Any]:
            return [
                chord for part in self.parts for measure in part.measures for chord in measure.chord_symbols
            ]

    warnings: list[MidiWarning] = []
    try:
        root = _by_parts(_root_of(data))
        _tidy(root, warnings)
        write_out(root)
        percussion = _name_drums(root, warnings)
        _count_programs_from_zero(root)
        tempos = _take_tempos(root)
        try:
            sequence = musicxml_reader.musicxml_to_sequence_proto(ParsedScore(root))
        except musicxml_parser.ChordSymbolParseError as error:
            warnings.append(MidiWarning("chord_symbols", f"The chord symbols were left out ({error})."))
            _remove(root, "harmony")
            sequence = musicxml_reader.musicxml_to_sequence_proto(ParsedScore(root))
    except InputError:
        raise
    except (
        ET.ParseError,
        musicxml_parser.MusicXMLParseError,
        musicxml_reader.MusicXMLConversionError,
    ) as error:
        raise InputError(f"The MusicXML file can't be read ({error}).", "bad_score") from error
    except (*ZIP_ERRORS, AttributeError, TypeError, ArithmeticError, LookupError) as error:
        # What note-seq and we do not find, or can't read as a number.
        message = (
            "The MusicXML file can't be read: it lacks an element that a score needs, or a number is none."
        )
        raise InputError(message, "bad_score") from error
    if not sequence.notes:
        raise InputError("The XML file holds no notes; is it a MusicXML score?", "bad_score")
    for note in sequence.notes:
        note.is_drum = note.part in percussion
    sound = [meter for meter in sequence.time_signatures if meter.numerator > 0 and meter.denominator > 0]
    if len(sound) < len(sequence.time_signatures):
        kept = [type(meter).FromString(meter.SerializeToString()) for meter in sound]
        del sequence.time_signatures[:]
        sequence.time_signatures.extend(kept)
    move_to_tempos(sequence, tempos)
    return Score([sequence], warnings=warnings)


def _once(parts: list[Any], kind: str, fields: tuple[str, ...]) -> list[Any]:
    """What the measures of all parts have of a kind, each once, in the order of the parts."""
    found = (getattr(measure, kind) for part in parts for measure in part.measures)
    by_fields = {tuple(getattr(x, name) for name in fields): x for x in found if x is not None}
    return list(by_fields.values())


def _root_of(data: bytes) -> ET.Element:
    if not zipfile.is_zipfile(BytesIO(data)):
        return _parsed(data)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        names = archive.namelist()
        paths = []
        if "META-INF/container.xml" in names:
            container = _parsed(archive.read("META-INF/container.xml"))
            paths = [file.get("full-path", "") for file in container.iter() if file.tag.endswith("rootfile")]
        paths += [name for name in names if name.endswith((".xml", ".musicxml")) and "META-INF" not in name]
        for path in paths:
            if path in names and path.endswith((".xml", ".musicxml")):
                return _parsed(archive.read(path))
    raise InputError("The compressed score holds no MusicXML file.", "bad_score")


def _parsed(data: bytes) -> ET.Element:
    """The root of an XML document; what copies a tree runs out of stack where it is nested without end."""
    root = ET.fromstring(data)
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return root
    raise InputError(f"The XML is nested more than {MAX_DEPTH} deep.", "bad_score")


def _by_parts(root: ET.Element) -> ET.Element:
    """A score whose parts hold measures, also of one whose measures hold parts."""
    if root.tag != "score-timewise":
        return root
    result = ET.Element("score-partwise")
    result.extend(child for child in root if child.tag != "measure")
    parts: dict[str, ET.Element] = {}
    for measure in root.findall("measure"):
        for part in measure.findall("part"):
            name = part.get("id", "")
            if name not in parts:
                parts[name] = ET.SubElement(result, "part", {"id": name})
            ET.SubElement(parts[name], "measure", dict(measure.attrib)).extend(part)
    return result


def _remove(root: ET.Element, tag: str) -> None:
    for parent in root.iter():
        for child in parent.findall(tag):
            parent.remove(child)


def _tidy(root: ET.Element, warnings: list[MidiWarning]) -> None:
    """Repair details for which note-seq would refuse a whole score.

    Grace notes, which have no length, would all be at the beginning of the score.
    """
    if root.find(".//grace") is not None:
        warnings.append(MidiWarning("grace_notes", "Grace notes were left out."))
        for measure in root.iter("measure"):
            for note in measure.findall("note"):
                if note.find("grace") is not None:
                    measure.remove(note)
    for note in root.iter("note"):
        for kind in note.findall("type"):
            if kind.text not in _TYPES:
                note.remove(kind)
        voice = note.find("voice")
        if voice is not None and not (voice.text or "").strip().isdecimal():
            voice.text = "1"
    for element in root.iter():
        if element.tag in ("duration", "divisions"):
            element.text = str(round(float(element.text or "")))
    for measure in root.iter("measure"):
        meters = 0
        for attributes in measure.findall("attributes"):
            for key in attributes.findall("key"):
                fifths = key.findtext("fifths", "")
                if not fifths.strip().lstrip("+-").isdecimal() or abs(int(fifths)) > 7:
                    attributes.remove(key)
            for meter in attributes.findall("time"):
                meters += 1
                if meters > 1 or not _one_fraction(meter):
                    attributes.remove(meter)
                    if meters == 1:
                        warnings[:] = [w for w in warnings if w.code != "free_meter"]
                        warnings.append(MidiWarning("free_meter", "A meter without numbers was left out."))


def _one_fraction(meter: ET.Element) -> bool:
    """Turn a meter such as 3+2/8, or 2/4 and 3/8, into one fraction; whether it has numbers."""
    try:
        beats = [sum(int(n) for n in (e.text or "").split("+")) for e in meter.findall("beats")]
        types = [int(e.text or "") for e in meter.findall("beat-type")]
    except ValueError:
        return False
    if not beats or len(beats) != len(types) or min(beats + types) < 1:
        return False
    for child in list(meter):
        meter.remove(child)
    finest = max(types)
    ET.SubElement(meter, "beats").text = str(
        round(sum(Fraction(b * finest, t) for b, t in zip(beats, types, strict=True)))
    )
    ET.SubElement(meter, "beat-type").text = str(finest)
    return True


def _count_programs_from_zero(root: ET.Element) -> None:
    """MusicXML counts programs from 1. note-seq reads them only beside a channel, so that each gets one."""
    for instrument in root.iter("midi-instrument"):
        program = instrument.find("midi-program")
        if program is None:
            continue
        program.text = str(min(127, max(0, int(program.text or "1") - 1)))
        if instrument.find("midi-channel") is None:
            ET.SubElement(instrument, "midi-channel").text = "0"


def _name_drums(root: ET.Element, warnings: list[MidiWarning]) -> set[int]:
    """Give the notes of percussion parts the pitches of General MIDI's drums; the indices of those parts."""
    drum_of: dict[str | None, int] = {}
    channels: dict[str | None, str] = {}
    for part in root.iter("score-part"):
        for instrument in part.findall("midi-instrument"):
            channels.setdefault(part.get("id"), (instrument.findtext("midi-channel") or "").strip())
            number = (instrument.findtext("midi-unpitched") or "").strip()
            if number.isdecimal():
                drum_of[instrument.get("id")] = min(127, max(0, int(number) - 1))
    percussion = set()
    for index, part in enumerate(root.findall("part")):
        notes = [note for note in part.iter("note") if note.find("rest") is None]
        unpitched = [note for note in notes if note.find("unpitched") is not None]
        clefs = {sign.text for clef in part.iter("clef") for sign in clef.findall("sign")}
        if channels.get(part.get("id")) == "10" or clefs == {"percussion"} or 2 * len(unpitched) > len(notes):
            percussion.add(index)
            _remove(part, "transpose")
            for note in notes:
                _name_drum(note, drum_of)
        elif unpitched:
            message = "A pitched part has notes without a pitch; they were left out."
            warnings.append(MidiWarning("unpitched", message))
            for note in unpitched:
                note.remove(note.find("unpitched"))  # type: ignore[arg-type]
                note.insert(0, ET.Element("rest"))
    return percussion


def _name_drum(note: ET.Element, drum_of: dict[str | None, int]) -> None:
    """Give a note of a percussion part the pitch of its drum."""
    instrument, unpitched = note.find("instrument"), note.find("unpitched")
    drum = drum_of.get(instrument.get("id")) if instrument is not None else None
    if drum is None and unpitched is None:
        return
    if drum is None:
        assert unpitched is not None
        octave = unpitched.findtext("display-octave", "5").strip()
        place = (unpitched.findtext("display-step", "C").strip(), int(octave) if octave.isdecimal() else 5)
        crossed = note.findtext("notehead") in ("x", "cross", "circle-x", "diamond")
        drum = _CYMBAL_BY_PLACE.get(place) if crossed else None
        drum = _DRUM_BY_PLACE.get(place, 38) if drum is None else drum
    for child in [*note.findall("unpitched"), *note.findall("pitch")]:
        at = list(note).index(child)
        note.remove(child)
        note.insert(at, _pitch(drum))


def _pitch(number: int) -> ET.Element:
    pitch = ET.Element("pitch")
    step, alter = _STEPS[number % 12]
    ET.SubElement(pitch, "step").text = step
    ET.SubElement(pitch, "alter").text = str(alter)
    ET.SubElement(pitch, "octave").text = str(number // 12 - 1)
    return pitch


def _take_tempos(root: ET.Element) -> list[tuple[float, float]]:
    """The tempos of all parts as (quarter note, quarter notes a minute), in order; in the score none changes."""
    found: dict[Fraction, float] = {}
    for part in root.findall("part"):
        for quarter, sound in _sounds(part):
            if sound.get("tempo") is not None:
                qpm = float(sound.get("tempo", "0"))
                if 0 < qpm < MICROSECONDS_A_MINUTE:
                    found.setdefault(max(Fraction(0), quarter), qpm)
                sound.set("tempo", str(READING_QPM))
    return [(float(quarter), qpm) for quarter, qpm in sorted(found.items())]


def _sounds(part: ET.Element) -> Iterator[tuple[Fraction, ET.Element]]:
    """The `sound` elements of a part in their order, and the quarter note at which each is."""
    at, divisions = Fraction(0), 1
    for child in (child for measure in part.findall("measure") for child in measure):
        if child.tag == "attributes":
            divisions = max(1, int(child.findtext("divisions") or divisions))
        elif child.tag in ("backup", "forward"):
            length = Fraction(int(child.findtext("duration") or 0), divisions)
            at += length if child.tag == "forward" else -length
        elif child.tag == "note" and child.find("chord") is None:
            at += Fraction(int(child.findtext("duration") or 0), divisions)
        elif child.tag in ("direction", "sound"):
            sound = child if child.tag == "sound" else child.find("sound")
            if sound is not None:
                yield at, sound
