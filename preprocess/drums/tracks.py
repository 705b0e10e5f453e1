"""Which notes of a file are drums, where it does not say so by MIDI channel 10.

General MIDI has drums on channel 10. FL Studio, Ableton Live and grooveboxes export what plays on channel 1, in one
track or in a track for each drum. Where channel 10 has no notes, a track that is named as drums are, or whose notes
no pitched instrument would play, is taken as drums; a person can say which one it is.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from common import flags
from common.errors import InputError
from preprocess.drums.names import names_kit, names_pitched, readable, single_drum
from preprocess.midi.file import MidiFile
from preprocess.note_sequence import NoteSequence

DRUM_CHANNEL = 9
"""Channel 10 of General MIDI, counted from 0."""

LOWEST_DRUM, HIGHEST_DRUM = 22, 87
"""The pitches of General MIDI's and Roland's drum kits."""

_KICKS, _SNARES = frozenset((35, 36)), frozenset((37, 38, 39, 40))
_CYMBALS = frozenset((22, 26, 42, 44, 46, 49, 51, 52, 53, 55, 57, 59))
_TOMS = frozenset((41, 43, 45, 47, 48, 50, 58))
_TOGETHER = 1 / 12
"""Quarter notes within which drums are struck at once."""

_PITCHED_DRUM_PROGRAMS = range(112, 120)
"""General MIDI's programs from tinkle bell to reverse cymbal: percussion that is played at pitches."""

_SINGLE_DRUM_PITCHES = 4
"""The most pitches that a track of one drum may have: its articulations, or two toms."""

_LONGEST_NAME = 60
"""Characters of a name in a sentence."""


@dataclass(frozen=True)
class DrumChoice:
    """Where a person says that the drums are; if both are None, they are searched for.

    Attributes:
        channel: 1 to 16; its notes on all tracks are the drums.
        track: a track's number from 1, or its name.
    """

    channel: int | None = None
    track: str | None = None


@dataclass
class Part:
    """The notes of one channel on one track.

    Attributes:
        track: index of the track.
        channel: 0 to 15.
        names: what track and instrument are called.
        program: the last one that was chosen, 0 where none was.
        notes: where each begins, in quarter notes, and its pitch.
    """

    track: int
    channel: int
    names: str = ""
    program: int = 0
    notes: list[tuple[float, int]] = field(default_factory=list)

    @property
    def pitches(self) -> set[int]:
        """All pitches that are played."""
        return {pitch for _, pitch in self.notes}


def add_drum_choice_flags(parser: argparse._ActionsContainer) -> None:
    """Add `--drum_channel` and `--drum_track`, which `drum_choice_of` reads."""
    parser.add_argument(
        "--drum_channel",
        type=flags.integer(1, 16),
        metavar="N",
        help="MIDI channel of the drums, 1 to 16 (default: 10 if it has notes, otherwise whatever looks like drums)",
    )
    parser.add_argument(
        "--drum_track",
        type=flags.text,
        metavar="TRACK",
        help="track of the drums: its name, or its number in the file, counted from 1",
    )


def drum_choice_of(args: argparse.Namespace) -> DrumChoice:
    """What the flags of `add_drum_choice_flags` say.

    Raises:
        InputError: for both flags at once (`bad_flag`).
    """
    channel, track = args.drum_channel, args.drum_track
    if channel is not None and track is not None:
        raise InputError(
            "--drum_channel and --drum_track both say where the drums are; give one.", "bad_flag"
        )
    return DrumChoice(channel, track)


def drum_parts(
    file: MidiFile, choice: DrumChoice = DrumChoice(), wanted: bool = False
) -> tuple[frozenset[tuple[int, int]], str | None]:
    """The parts of a file that are drums, as (index of the track, channel from 0), and a sentence.

    The sentence says what was taken for drums where it was not on channel 10, and is None otherwise.

    Args:
        file: a parsed file.
        choice: what a person says.
        wanted: whether drums are wanted, so that the file's only track is taken also where it does not look like
            drums; `take_drums` does the same for a NoteSequence.

    Raises:
        InputError: where the file doesn't have the channel or track that is chosen (`no_such_track`).
    """
    played = {
        (index, event[0] & 0x0F)
        for index, track in enumerate(file.tracks)
        for _, event in track.events
        if event[0] & 0xF0 == 0x90
    }
    if choice.channel is not None:
        chosen = {part for part in played if part[1] == choice.channel - 1}
        if not chosen:
            there = ", ".join(str(channel + 1) for channel in sorted({channel for _, channel in played}))
            raise InputError(
                f"The file has no notes on channel {choice.channel}; it has some on {there or 'none'}.",
                "no_such_track",
            )
        return frozenset(chosen), None
    if choice.track is not None:
        tracks = _tracks_named(file, choice.track)
        return frozenset(part for part in played if part[0] in tracks), None
    standard = frozenset(part for part in played if part[1] == DRUM_CHANNEL)
    if standard or not played:
        return standard, None
    parts = _parts_of(file)
    found, why = _look_like_drums(parts)
    if not found and wanted and len(parts) == 1:
        found, why = parts, "is the only one"
    if not found:
        return frozenset(), None
    return frozenset((p.track, p.channel) for p in found), (
        f"No notes are on MIDI channel 10; {_described(found)} {why} and {_was(found)} taken as drums."
    )


def take_drums(sequence: NoteSequence) -> str | None:
    """Mark the drums of a NoteSequence, for something that wants drums, where no note is marked as one.

    What is named or played as drums are is taken; otherwise, where there is only one instrument, that one.

    Args:
        sequence: a NoteSequence; changed in place.

    Returns:
        The sentence that says what was taken, or None where nothing was changed.
    """
    if not sequence.notes or any(note.is_drum for note in sequence.notes):
        return None
    names = {info.instrument: info.name for info in sequence.instrument_infos}
    quarters = (sequence.tempos[0].qpm if sequence.tempos else 120.0) / 60
    parts: dict[int, Part] = {}
    for note in sequence.notes:
        part = parts.get(note.instrument)
        if part is None:
            name = names.get(note.instrument, "")
            part = parts[note.instrument] = Part(note.instrument, 0, name, note.program)
        part.notes.append((note.start_time * quarters, note.pitch))
    found, why = _look_like_drums(list(parts.values()))
    if not found:
        if len(parts) > 1:
            return None
        found, why = list(parts.values()), "is the only one"
    taken = {part.track for part in found}
    for note in sequence.notes:
        if note.instrument in taken:
            note.is_drum = True
    return f"No notes are on MIDI channel 10; {_described(found)} {why} and {_was(found)} taken as drums."


def _tracks_named(file: MidiFile, wanted: str) -> set[int]:
    """The indices of the tracks of a number, from 1, or a name."""
    if wanted.strip().isdecimal() and 1 <= int(wanted) <= len(file.tracks):
        return {int(wanted) - 1}
    names = [readable(track.name or track.instrument) for track in file.tracks]
    found = {i for i, name in enumerate(names) if name.strip().casefold() == wanted.strip().casefold()}
    if not found:
        there = ", ".join(f"{i} ({name!r})" if name else str(i) for i, name in enumerate(names[:20], 1))
        raise InputError(f"The file has no track {wanted!r}; it has {there}.", "no_such_track")
    return found


def _parts_of(file: MidiFile) -> list[Part]:
    """The parts of a file that have notes."""
    parts: dict[tuple[int, int], Part] = {}
    for index, track in enumerate(file.tracks):
        programs = [0] * 16
        for tick, event in track.events:
            kind, channel = event[0] & 0xF0, event[0] & 0x0F
            if kind == 0xC0:
                programs[channel] = event[1]
            elif kind == 0x90 and event[2]:
                part = parts.get((index, channel))
                if part is None:
                    name = f"{readable(track.name)} / {readable(track.instrument)}".strip(" /")
                    part = parts[index, channel] = Part(index, channel, name)
                part.program = programs[channel]
                part.notes.append((tick / file.ticks_per_quarter, event[1]))
    return list(parts.values())


def _look_like_drums(parts: list[Part]) -> tuple[list[Part], str]:
    """Those of a file's parts that are drums by their names or their notes, and which of the two says so."""
    candidates = [p for p in parts if p.program not in _PITCHED_DRUM_PROGRAMS and _in_range(p.pitches)]
    per_track = defaultdict(list)
    for part in parts:
        per_track[part.track].append(part)
    # A name is of all that its track holds, so it decides nothing where several channels share a track.
    named = [p for p in candidates if len(per_track[p.track]) == 1 and _named_as_drums(p)]
    if named:
        return named, "is named as drums are" if len(named) == 1 else "are named as drums are"
    unnamed = [p for p in candidates if not names_pitched(p.names)]
    played = [p for p in unnamed if plays_drums(p.notes)]
    if played:
        return played, "plays as drums do" if len(played) == 1 else "play as drums do"
    # A track for each drum, none of them named.
    single = [p for p in unnamed if len(p.pitches) <= 2]
    if len(single) > 1 and plays_drums([note for part in single for note in part.notes]):
        return single, "play as drums do"
    return [], ""


def _in_range(pitches: Iterable[int]) -> bool:
    return all(LOWEST_DRUM <= pitch <= HIGHEST_DRUM for pitch in pitches)


def _named_as_drums(part: Part) -> bool:
    """Whether a part's name says that it holds drums, and its notes do not say otherwise.

    A kit's name is believed where it says nothing else; a title such as "The Little Drum" only where most notes lie
    where kits have theirs. A single drum's track has few pitches; "Ch 1" or "Tom" may be anything else.
    """
    if single_drum(part.names) is not None:
        return len(part.pitches) <= _SINGLE_DRUM_PITCHES
    kit = names_kit(part.names)
    if kit != "as part of a title":
        return kit == "alone"
    usual = _KICKS | _SNARES | _CYMBALS | _TOMS
    return sum(pitch in usual for _, pitch in part.notes) >= 0.6 * len(part.notes)


def drum_pitches(file: MidiFile, parts: frozenset[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """The pitches of parts whose own do not say which drum they are, by (index of the track, channel from 0).

    FL Studio writes a track for each drum with the same note, C5, in all of them. Where at least two named parts have
    that in common, their names say what they are.

    Args:
        file: a parsed file.
        parts: those that are drums, of `drum_parts`.
    """
    named = {}
    for part in _parts_of(file):
        pitch = single_drum(part.names)
        if (part.track, part.channel) in parts and pitch is not None and len(part.pitches) == 1:
            named[part.track, part.channel] = (pitch, min(part.pitches))
    meanings = defaultdict(set)
    for pitch, own in named.values():
        meanings[own].add(pitch)
    if all(len(pitches) < 2 for pitches in meanings.values()):
        return {}
    return {place: pitch for place, (pitch, _) in named.items()}


def plays_drums(notes: list[tuple[float, int]]) -> bool:
    """Whether notes are those of a drum kit: mostly kick, snare and cymbals, and those struck together.

    Kick, snare and hi-hat of General MIDI are semitones and whole tones apart, in the octave below a bass clef's
    top. No bass or left hand strikes those again and again at once: of 2,210 pitched parts of chorales, rags and
    piano pieces none is taken, of the Groove MIDI Dataset's performances of 40 notes or more 86 % are.

    Args:
        notes: where each begins, in quarter notes, and its pitch.
    """
    pitches = [pitch for _, pitch in notes]
    played = set(pitches)
    if not (played & (_KICKS | _SNARES)) or not _in_range(played):
        return False
    shares = [sum(pitch in kind for pitch in pitches) for kind in (_KICKS, _SNARES, _CYMBALS, _TOMS)]
    if sum(shares[:3]) < 0.6 * len(pitches) or sum(shares) < 0.9 * len(pitches) or shares[:3].count(0) > 1:
        return False
    struck = together = 0
    ordered = sorted(notes)
    for i, (time, pitch) in enumerate(ordered):
        if pitch not in _KICKS and pitch not in _SNARES:
            continue
        near = {other for at, other in ordered[max(0, i - 6) : i + 7] if abs(at - time) <= _TOGETHER}
        struck += 1
        together += bool(near & _CYMBALS or (pitch in _KICKS and near & _SNARES))
    return together >= 2 and together >= 0.15 * struck


def _described(parts: list[Part]) -> str:
    """Which parts these are, for people."""
    tracks = sorted({part.track for part in parts})
    numbers = ", ".join(str(index + 1) for index in tracks[:8]) + (", ..." if len(tracks) > 8 else "")
    names = {part.names for part in parts if part.names}
    called = f" ({', '.join(map(_cut, sorted(readable(n) for n in names)[:8]))})" if names else ""
    return f"{'track' if len(tracks) == 1 else 'tracks'} {numbers}{called}"


def _cut(name: str) -> str:
    """A name as a sentence shows it."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _was(parts: list[Part]) -> str:
    return "was" if len(parts) == 1 else "were"
