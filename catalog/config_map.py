"""The map of all configs by name, and the names that commands take where none is given."""

from collections.abc import Mapping
from types import MappingProxyType

from catalog.config import Config
from catalog.drums import DRUM_CONFIGS
from catalog.grooves import GROOVE_CONFIGS
from catalog.history_drums import HISTORY_CONFIGS
from catalog.melodies import MELODY_CONFIGS
from catalog.multitrack import MULTITRACK_CONFIGS
from catalog.piano import PIANO_CONFIGS

_CONFIGS = (
    *DRUM_CONFIGS,
    *MELODY_CONFIGS,
    *MULTITRACK_CONFIGS,
    *HISTORY_CONFIGS,
    *GROOVE_CONFIGS,
    *PIANO_CONFIGS,
)

CONFIG_MAP: Mapping[str, Config] = MappingProxyType({config.name: config for config in _CONFIGS})

DEFAULT_CONFIG = "histdec-drum_4bar"
"""The model that is sampled from where none is named."""

DEFAULT_EDIT_CONFIG = "histdec-drum_4bar_edit"
"""The model that clips are interpolated and edited with where none is named: its latent vector keeps a clip."""
