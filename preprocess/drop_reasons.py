"""Why a converter makes no example of a NoteSequence, in words; its codes are those that dropped files are counted by."""

from collections.abc import Iterable

WHY_DROPPED = {
    "empty": "it has no notes",
    "no_notes": "it has no notes that the model plays",
    "other_meter": "its meter is not 4/4",
    "other_grid": "its notes lie on another grid, of triplets or of sixteenths",
    "bad_time_signature": "its time signature is not valid",
    "bad_tempo": "its tempo is not valid",
    "bad_note": "it holds a note that is not valid",
    "time_changes": "its tempo or meter changes",
    "negative_time": "a note lies before the start",
    "no_drums": "it has no drums; a drum track is on MIDI channel 10",
    "no_melody": "it has no melody",
    "other_programs": "it has instruments whose MIDI programs the model leaves out",
    "polyphonic": "it plays several notes at once",
    "no_chords": "its chords can't be told",
    "coincident_chords": "two of its chords stand at the same time",
    "bad_chord": "it has a chord symbol that can't be read",
    "bad_key": "its key is not valid",
    "no_trio": "it has no melody, bass and drums",
    "not_together": "its melody, bass and drums don't play together for long enough",
    "too_short": "it is shorter than the model's clip",
    "too_long": "it is longer than one clip",
    "too_few_instruments": "it has too few instruments",
    "too_many_instruments": "it has too many instruments",
    "too_few_events": "it has too few notes",
    "too_many_events": "one of its instruments plays too many notes",
    "pitch_range": "it has pitches that the model does not play",
    "bad_velocity": "it has a velocity that is not valid",
    "bad_program": "it has an instrument that is not valid",
    "quantized": "it is quantised already",
}
"""What each code means, as the end of a sentence."""


def explain(reasons: Iterable[str]) -> str:
    """The reasons of some codes, joined to the end of a sentence.

    >>> explain(["no_drums", "too_short"])
    "it has no drums; a drum track is on MIDI channel 10 and it is shorter than the model's clip"
    >>> explain([])
    'it is empty'
    """
    return " and ".join(WHY_DROPPED.get(reason, reason) for reason in reasons) or "it is empty"
