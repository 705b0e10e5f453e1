"""Standard MIDI file bytes to a NoteSequence: note-seq's result, at a bounded cost.

note-seq reads through pretty_midi, which builds an array of the time of every tick: one event at tick 2^31 takes
all memory, and a usual file takes 25 ms. This reader keeps the tempo map instead, checks size, events and
seconds before it builds anything, and runs no native code that a hostile file could crash. What it makes of an
ordinary file is what `note_seq.midi_io.midi_to_note_sequence` makes of it: notes grouped by (program, channel,
track), a note-off closing every note of its pitch that started before it.

It differs where note-seq loses music. Tempos, meters and keys count on every track, not on the first alone; the
tracks of a format 2 file are pieces of their own, not layers; time in SMPTE frames is read. Notes without length
(note-seq drops them, and drum machines send them) and notes that never end are notes; drums may be on other
channels than 10 (`preprocess.drums.tracks`); and a damaged key signature is left out with a warning. The file's
name for itself is kept as the title.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from preprocess.drums.names import readable
from preprocess.drums.tracks import DRUM_CHANNEL, DrumChoice, drum_parts, drum_pitches
from preprocess.midi import timeline
from preprocess.midi.events import NOTE_ON, SYSTEM, Track
from preprocess.midi.file import Limits, MidiFile, MidiWarning, parse_midi
from preprocess.midi.instruments import Instrument, instruments_of
from preprocess.note_sequence import NoteSequence
from preprocess.sources import read_path

Part = tuple[int, int]
"""Index of a track, and a channel from 0."""


@dataclass
class MidiReading:
    """What a MIDI file holds.

    Attributes:
        sequences: one NoteSequence, or one for each pattern with notes of a format 2 file; never empty.
        ends: of each, where its last track ends in seconds, which may be behind its last note: silent bars count.
        warnings: what was read in another way than it is written.
    """

    sequences: list[NoteSequence]
    ends: list[float]
    warnings: list[MidiWarning]


def read_midi(
    source: bytes | Path | str, limits: Limits = Limits(), drums: DrumChoice = DrumChoice()
) -> NoteSequence:
    """The NoteSequence of a MIDI file; of a format 2 file that of its first pattern with notes.

    >>> events = bytes([0, 0x99, 36, 100, 48, 0x89, 36, 0, 0, 0xFF, 0x2F, 0])  # a kick for half a quarter note
    >>> header = b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 0, 96])
    >>> (note,) = read_midi(header + b"MTrk" + bytes([0, 0, 0, len(events)]) + events).notes
    >>> note.pitch, note.is_drum, note.end_time
    (36, True, 0.25)

    Args:
        source: the file's bytes, or its path.
        limits: what the file may hold.
        drums: where its drums are.

    Raises:
        InputError: as `read_midi_file` does.
    """
    return read_midi_file(source, limits, drums).sequences[0]


def read_midi_file(
    source: bytes | Path | str, limits: Limits = Limits(), drums: DrumChoice = DrumChoice()
) -> MidiReading:
    """All that a MIDI file holds, with warnings.

    Args:
        source: the file's bytes, or its path.
        limits: what the file may hold.
        drums: where its drums are.

    Raises:
        InputError: with the reason codes `unreadable`, `file_too_large`, `not_midi`, `bad_header`, `truncated`,
            `bad_event`, `bad_tempo`, `bad_time_signature`, `too_many_tracks`, `too_many_events`, `too_long`, or
            `no_such_track` where `drums` chooses what the file doesn't have.
    """
    data = source if isinstance(source, bytes) else read_bytes(source, limits)
    file = parse_midi(data, limits)
    pieces = _pieces(file, limits, drums)
    return MidiReading([sequence for sequence, _ in pieces], [end for _, end in pieces], file.warnings)


def read_bytes(path: Path | str, limits: Limits = Limits()) -> bytes:
    """The bytes of a file.

    Raises:
        InputError: where it can't be read (`unreadable`) or is too large (`file_too_large`).
    """
    return read_path(path, limits.bytes)


def note_sequences(
    file: MidiFile, limits: Limits = Limits(), drums: DrumChoice = DrumChoice()
) -> list[NoteSequence]:
    """The NoteSequences of a parsed file, at least one; what is found on the way is added to its warnings.

    Raises:
        InputError: as `read_midi_file` does.
    """
    return [sequence for sequence, _ in _pieces(file, limits, drums)]


def _pieces(file: MidiFile, limits: Limits, drums: DrumChoice) -> list[tuple[NoteSequence, float]]:
    """The NoteSequences of a parsed file, and where they end."""
    parts, sentence = drum_parts(file, drums)
    if sentence:
        file.warnings.append(MidiWarning("drums_elsewhere", sentence))
    if file.format != 2 or len(file.tracks) == 1:
        return [_note_sequence(file, file.tracks, 0, limits, parts)]
    pieces = []
    for index, track in enumerate(file.tracks):
        piece = _note_sequence(file, [_pattern(track, file.tracks[0])], index, limits, parts)
        if piece[0].notes:
            pieces.append(piece)
    return pieces or [_note_sequence(file, file.tracks[:1], 0, limits, parts)]


def _pattern(track: Track, first: Track) -> Track:
    """A pattern, at the first one's tempo and meter where it has none of its own."""
    own = {kind for _, kind, _ in track.conductor}
    inherited = [event for event in first.conductor if event[1] not in own and event[0] == 0]
    return Track(track.events, inherited + track.conductor, track.name)


def _note_sequence(
    file: MidiFile, tracks: list[Track], first: int, limits: Limits, drum_parts: frozenset[Part]
) -> tuple[NoteSequence, float]:
    """The NoteSequence of tracks that sound together, and where the last of them ends.

    Args:
        file: holds the tracks.
        tracks: all its tracks, or one of them.
        first: the index of the first of them.
        limits: what the file may hold.
        drum_parts: those that are drums.
    """
    clock = timeline.Clock(tracks, file.ticks_per_quarter, file.seconds_per_tick)
    # A bare end of track may be late; what counts is the last thing that is played.
    last = max(next((t for t, e in reversed(track.events) if e[0] < SYSTEM), 0) for track in tracks)
    if clock.time(last) > limits.seconds:
        raise InputError(f"The music lasts longer than {limits.seconds:.0f} seconds.", "too_long")
    sequence = NoteSequence(ticks_per_quarter=file.ticks_per_quarter)
    sequence.source_info.parser = NoteSequence.SourceInfo.PRETTY_MIDI
    sequence.source_info.encoding_type = NoteSequence.SourceInfo.MIDI
    _add_timeline(sequence, tracks, clock, file.warnings)
    instruments = instruments_of(tracks)
    parts = [(instrument.track + first, instrument.channel) for instrument in instruments]
    are_drums = [part in drum_parts for part in parts]
    _rename_drums(file, instruments, parts, drum_parts)
    for i, instrument in enumerate(instruments):
        if instrument.name:
            sequence.instrument_infos.add(name=instrument.name, instrument=i)
        if instrument.unended:
            end = clock.time(tracks[instrument.track].events[-1][0])
            latest = last if end > limits.seconds else None
            instrument.end_notes(are_drums[i], max(1, file.ticks_per_quarter // 4), latest)
    _add_notes(sequence, instruments, are_drums, clock)
    _add_controls(sequence, instruments, are_drums, clock)
    _add_title(sequence, tracks)
    ends = max(clock.time(track.events[-1][0]) if track.events else 0.0 for track in tracks)
    return sequence, max(sequence.total_time, min(ends, limits.seconds))


def _add_timeline(
    sequence: NoteSequence, tracks: list[Track], clock: timeline.Clock, warnings: list[MidiWarning]
) -> None:
    """Add meters, keys and tempos."""
    for tick, numerator, denominator in timeline.meters(tracks, warnings):
        sequence.time_signatures.add(time=clock.time(tick), numerator=numerator, denominator=denominator)
    for tick, tonic, mode in timeline.keys(tracks, warnings):
        sequence.key_signatures.add(time=clock.time(tick), key=tonic, mode=mode)
    for time, qpm in clock.tempos:
        sequence.tempos.add(time=time, qpm=qpm)


def _rename_drums(
    file: MidiFile, instruments: list[Instrument], parts: list[Part], drum_parts: frozenset[Part]
) -> None:
    """Give drums that are told apart by their tracks the pitches that they have on the drum channel."""
    if not drum_parts or DRUM_CHANNEL in {channel for _, channel in drum_parts}:
        return
    named = drum_pitches(file, drum_parts)
    for part, instrument in zip(parts, instruments, strict=True):
        if part in named:
            instrument.notes = [
                (start, end, named[part], velocity) for start, end, _, velocity in instrument.notes
            ]


def _add_title(sequence: NoteSequence, tracks: list[Track]) -> None:
    """The name of the first track is the file's where that track is the only one, or has no notes."""
    name = readable(tracks[0].name).strip()
    if name and (len(tracks) == 1 or all(event[0] & 0xF0 != NOTE_ON for _, event in tracks[0].events)):
        sequence.sequence_metadata.title = name


def _add_notes(
    sequence: NoteSequence,
    instruments: Sequence[Instrument],
    are_drums: Sequence[bool],
    clock: timeline.Clock,
) -> None:
    """Add the notes, instrument by instrument, and the time at which the last one ends."""
    add, time, scale = sequence.notes.add, clock.time, clock.seconds_per_tick
    total = 0.0
    for i, instrument in enumerate(instruments):
        common = {"instrument": i, "program": instrument.program, "is_drum": are_drums[i]}
        for start, end, pitch, velocity in instrument.notes:
            # Most files have one tempo, where a product is enough.
            start_time, end_time = (start * scale, end * scale) if scale else (time(start), time(end))
            if end_time > total:
                total = end_time
            add(start_time=start_time, end_time=end_time, pitch=pitch, velocity=velocity, **common)
    sequence.total_time = total


def _add_controls(
    sequence: NoteSequence,
    instruments: Sequence[Instrument],
    are_drums: Sequence[bool],
    clock: timeline.Clock,
) -> None:
    for i, instrument in enumerate(instruments):
        common = {"instrument": i, "program": instrument.program, "is_drum": are_drums[i]}
        for tick, bend in instrument.bends:
            sequence.pitch_bends.add(time=clock.time(tick), bend=bend, **common)
        for tick, number, value in instrument.controls:
            sequence.control_changes.add(
                time=clock.time(tick), control_number=number, control_value=value, **common
            )
