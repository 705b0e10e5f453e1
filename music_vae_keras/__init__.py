"""Magenta's MusicVAE in Keras 3, from Python: models that sample, encode, decode and interpolate.

`load(NAME_OR_FILE)` opens a model, and `CONFIG_MAP` has every config by name. Everything else is under this name, too, as
`music_vae_keras.preprocess.converters` and so on, so that no module of this project can be confused with another
distribution's. In a clone of the sources the same modules are found at the root, where the commands import them by their
own names; a program uses the one or the other, since they are different modules.

namespace    absolute imports within the project as imports from this package
source_tree  this package in a clone or an editable installation
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from music_vae_keras import source_tree

if TYPE_CHECKING:
    from catalog.config_map import CONFIG_MAP
    from models.families import open_model as load
    from models.history_drums.trained import HistoryModel
    from models.music_vae.trained import TrainedModel
    from preprocess.midi.reader import read_midi
    from preprocess.note_sequence import NoteSequence
    from render.midi import Style, write_midi

source_tree.serve()

_WHERE = {
    "CONFIG_MAP": ("catalog.config_map", "CONFIG_MAP"),
    "HistoryModel": ("models.history_drums.trained", "HistoryModel"),
    "NoteSequence": ("preprocess.note_sequence", "NoteSequence"),
    "Style": ("render.midi", "Style"),
    "TrainedModel": ("models.music_vae.trained", "TrainedModel"),
    "load": ("models.families", "open_model"),
    "read_midi": ("preprocess.midi.reader", "read_midi"),
    "write_midi": ("render.midi", "write_midi"),
}
"""Where each name is; a module is imported when one of its names is asked for."""

__all__ = [
    "CONFIG_MAP",
    "HistoryModel",
    "NoteSequence",
    "Style",
    "TrainedModel",
    "load",
    "read_midi",
    "write_midi",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'music_vae_keras' has no attribute '{name}'")
    module, attribute = _WHERE[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return __all__
