"""Which MIDI note each of the nine drums is written as: built-in maps, or one of the user's own.

A drum map file is TOML with one line a drum, `kick = 36`; drums that it leaves out stay where they are.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from common.errors import InputError
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES

DRUM_NAMES = tuple(drum.name for drum in REDUCED_DRUM_CLASSES)
GENERAL_MIDI: dict[str, int] = {drum.name: drum.pitch for drum in REDUCED_DRUM_CLASSES}

DRUM_MAPS: dict[str, dict[str, int]] = {
    "general_midi": GENERAL_MIDI,
    # Roland TD kits, as the drummers of the Groove set played them.
    "roland_td": GENERAL_MIDI | {"closed hi-hat": 22, "open hi-hat": 26, "low tom": 43},
    # Sixteen pads from C1 upwards, row by row, as drum racks of pads lay out their first cells.
    "pads_from_c1": {name: 36 + i for i, name in enumerate(DRUM_NAMES)},
}


def load_drum_map(name_or_path: str) -> Mapping[str, int]:
    """A map from drum name to MIDI note.

    Raises:
        InputError: where there is no such map or file, it names no drum, a drum is unknown or a note is not 0 to 127.
    """
    if name_or_path in DRUM_MAPS:
        return DRUM_MAPS[name_or_path]
    path = Path(name_or_path).expanduser()
    if not path.is_file():
        names = ", ".join(DRUM_MAPS)
        raise InputError(f"{name_or_path}: is neither a drum map ({names}) nor a file.", "bad_drum_map")
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: can't be read as a drum map ({error}).", "bad_drum_map") from error
    if not entries:
        raise InputError(f'{path}: names no drum; expected lines such as "kick = 36".', "bad_drum_map")
    notes = dict(GENERAL_MIDI)
    for drum, note in entries.items():
        name = drum.replace("_", " ").replace("hi hat", "hi-hat")
        if name not in notes:
            known = ", ".join(DRUM_NAMES)
            raise InputError(f"{path}: there is no drum '{drum}'; expected {known}.", "bad_drum_map")
        if type(note) is not int or not 0 <= note <= 127:
            raise InputError(f"{path}: '{drum}' is {note!r}; expected a MIDI note, 0 to 127.", "bad_drum_map")
        notes[name] = note
    return notes
