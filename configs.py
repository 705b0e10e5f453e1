"""Every model of the project by name: `CONFIG_MAP[name]` is plain, frozen data.

A config says which encoder, decoder and converter to build and with which hyperparameters. Nothing here imports
TensorFlow; `Config.build_model` and `Config.build_converter` do when they are called. A config of your own is a
TOML file that starts from one of these (`load_config_file`), and every checkpoint carries its config as JSON.
The names of the hyperparameters are Magenta's, and so are 23 of the configs (its `music_vae/configs.py`).
"""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from catalog.config import PARTS, Config, ConfigError, HParams, frozen, merged, override, parse_hparams
from catalog.grooves import GROOVE_CONFIGS
from catalog.history_drums import HISTORY_CONFIGS
from catalog.limits import MAX_CONFIG_BYTES, name_of_file
from catalog.piano import PIANO_CONFIGS
from common.errors import shown
from common.json_text import check_nesting, too_deep

__all__ = [
    "CONFIG_MAP",
    "DEFAULT_CONFIG",
    "DEFAULT_EDIT_CONFIG",
    "Config",
    "ConfigError",
    "HParams",
    "config_with_overrides",
    "get_config",
    "load_config_file",
    "override",
    "parse_hparams",
    "register_in_magenta",
]

# Encoders and decoders.

_BIDIRECTIONAL = frozen({"name": "bidirectional_lstm"})


def _flat(name: str = "categorical_lstm") -> Mapping[str, Any]:
    return frozen({"name": name})


def _hierarchical_encoder(*level_lengths: int) -> Mapping[str, Any]:
    return frozen({"name": "hierarchical_lstm", "level_lengths": level_lengths})


def _hierarchical(
    *level_lengths: int, core: str = "categorical_lstm", disable_autoregression: bool = False
) -> Mapping[str, Any]:
    return frozen(
        {
            "name": "hierarchical_lstm",
            "core": core,
            "level_lengths": level_lengths,
            "disable_autoregression": disable_autoregression,
        }
    )


# Converters.


def _drums(slice_bars: int, **options: Any) -> Mapping[str, Any]:
    """Nine drum classes on sixteenths, as all drum configs of Magenta's MusicVAE have it."""
    common = {"max_bars": 100, "slice_bars": slice_bars, "steps_per_quarter": 4, "roll_input": True}
    return frozen({"name": "drums", **common, **options})


def _melody(slice_bars: int, **options: Any) -> Mapping[str, Any]:
    """One voice of the piano's 88 pitches on sixteenths."""
    common = {"max_bars": 100, "slice_bars": slice_bars, "steps_per_quarter": 4}
    return frozen({"name": "melody", **common, **options})


_MELODY_PROGRAMS = tuple(range(32))
"""Pianos, chromatic percussion, organs, guitars."""

_TRIO = frozen({"name": "trio", "slice_bars": 16, "gap_bars": 2, "steps_per_quarter": 4})


def _performance(**options: Any) -> Mapping[str, Any]:
    """Up to eight instruments of one bar, 64 events each."""
    common = {"num_velocity_bins": 8, "hop_size_bars": 1, "max_num_instruments": 8}
    return frozen({"name": "performance", **common, "max_events_per_instrument": 64, **options})


# Hyperparameters that several configs share.

_SCHEDULED: dict[str, Any] = {"sampling_schedule": "inverse_sigmoid", "sampling_rate": 1000.0}
_DRUM_KL: dict[str, Any] = {"free_bits": 48.0, "max_beta": 0.2}
_LONG: dict[str, Any] = {"max_seq_len": 256, "z_size": 512}
_LONG_KL: dict[str, Any] = {"free_bits": 256.0, "max_beta": 0.2}

_SEED_HPARAMS = HParams(
    max_seq_len=64, z_size=512, enc_rnn_size=(512, 512), dec_rnn_size=(256, 256), **_DRUM_KL, **_SCHEDULED
)
_NADE_HPARAMS = HParams(
    z_size=256, enc_rnn_size=(1024,), dec_rnn_size=(512, 512), nade_num_hidden=128, **_DRUM_KL, **_SCHEDULED
)
_PERFORMANCE: dict[str, Any] = {"max_seq_len": 512, "z_size": 512, "batch_size": 256}
_PERFORMANCE_MEDIUM = HParams(enc_rnn_size=(1024,), dec_rnn_size=(512, 512, 512), **_PERFORMANCE)
_PERFORMANCE_BIG = HParams(enc_rnn_size=(2048,), dec_rnn_size=(1024, 1024, 1024), **_PERFORMANCE)


def _transposed(semitones: int) -> Mapping[str, Any]:
    return frozen({"transpose_range": (-semitones, semitones)})


_OUR_DRUMS = (
    Config(
        name="hierdec-drum_4bar_small",
        description="4-bar drum beats, sized for a CPU; its trained weights are shipped in checkpoints/",
        encoder=_BIDIRECTIONAL,
        decoder=_hierarchical(4, 16, disable_autoregression=True),
        converter=_drums(4, max_tensors_per_notesequence=None),
        hparams=HParams(
            batch_size=64,
            max_seq_len=64,
            z_size=64,
            enc_rnn_size=(160,),
            dec_rnn_size=(224,),
            dropout_keep_prob=0.9,
            free_bits=20.0,
            beta_rate=0.9993,
            learning_rate=0.002,
            decay_rate=0.9995,
            min_learning_rate=0.00003,
        ),
    ),
    Config(
        name="hierdec-drum_4bar",
        description="4-bar drum beats, the seed's v1 and v2: conductor and decoder [256, 256], z 512",
        encoder=_BIDIRECTIONAL,
        decoder=_hierarchical(8, 8),
        converter=_drums(4),
        hparams=_SEED_HPARAMS,
    ),
    Config(
        name="hierdec-drum_4bar_v2",
        description="4-bar drum beats, the seed's v3: z 256",
        encoder=_BIDIRECTIONAL,
        decoder=_hierarchical(8, 8),
        converter=_drums(4),
        hparams=dataclasses.replace(_SEED_HPARAMS, z_size=256),
    ),
    Config(
        name="hierdec-drum_4bar-no_ar",
        description="4-bar drum beats, the seed's variant whose conductor hears nothing of what is played",
        encoder=_BIDIRECTIONAL,
        decoder=_hierarchical(8, 8, disable_autoregression=True),
        converter=_drums(4),
        hparams=_SEED_HPARAMS,
    ),
)


def _twelve_steps(name: str, description: str, **converter: Any) -> Config:
    """The small drum model for bars of twelve steps, whatever they are; weights of one fit the others."""
    small = _OUR_DRUMS[0]
    return dataclasses.replace(
        small,
        name=f"hierdec-drum_4bar_{name}_small",
        description=f"{description}; little stands behind it, see patterns/README.md",
        decoder=_hierarchical(4, 12, disable_autoregression=True),
        converter=_drums(4, max_tensors_per_notesequence=None, **converter),
        # At 0.002 a training on triplets lost what it had learned around step 250; at 0.001 it went on.
        hparams=dataclasses.replace(small.hparams, max_seq_len=48, learning_rate=0.001),
    )


_OTHER_METERS = (
    _twelve_steps("3-4", "4-bar drum beats in 3/4 on sixteenths", meter="3/4"),
    _twelve_steps("6-8", "4-bar drum beats in 6/8 on sixteenths", meter="6/8"),
    _twelve_steps("12-8", "4-bar drum beats in 12/8 on eighths", meter="12/8", steps_per_quarter=2),
    _twelve_steps(
        "triplets",
        "4-bar drum beats in 4/4 on triplets",
        meter="4/4",
        steps_per_quarter=3,
        only_on_grid=True,
    ),
)

_DRUMS = (
    Config(
        name="cat-drums_2bar_small",
        description="2-bar drum beats, Magenta's flat model",
        encoder=_BIDIRECTIONAL,
        decoder=_flat(),
        converter=_drums(2),
        hparams=HParams(z_size=256, enc_rnn_size=(512,), dec_rnn_size=(256, 256), **_DRUM_KL, **_SCHEDULED),
    ),
    Config(
        name="cat-drums_2bar_big",
        description="2-bar drum beats, Magenta's large flat model",
        encoder=_BIDIRECTIONAL,
        decoder=_flat(),
        converter=_drums(2),
        hparams=HParams(
            z_size=512, enc_rnn_size=(2048,), dec_rnn_size=(2048, 2048, 2048), **_DRUM_KL, **_SCHEDULED
        ),
    ),
    Config(
        name="nade-drums_2bar_reduced",
        description="2-bar drum beats, nine drums that a NADE plays together",
        encoder=_BIDIRECTIONAL,
        decoder=_flat("nade_lstm"),
        converter=_drums(2, roll_output=True),
        hparams=_NADE_HPARAMS,
    ),
    Config(
        name="nade-drums_2bar_full",
        description="2-bar drum beats, all 61 drums of General MIDI",
        encoder=_BIDIRECTIONAL,
        decoder=_flat("nade_lstm"),
        converter=_drums(2, roll_output=True, pitch_classes="full"),
        hparams=_NADE_HPARAMS,
    ),
)

_MELODIES = (
    Config(
        name="cat-mel_2bar_tiny",
        description="2-bar melodies, sized for a CPU; its trained weights are shipped in checkpoints/",
        encoder=_BIDIRECTIONAL,
        decoder=_flat(),
        converter=_melody(
            2, valid_programs=_MELODY_PROGRAMS, max_tensors_per_notesequence=None, shorter_bars=True
        ),
        augmenter=_transposed(5),
        hparams=HParams(
            batch_size=128,
            z_size=64,
            enc_rnn_size=(128,),
            dec_rnn_size=(192,),
            dropout_keep_prob=0.9,
            free_bits=10.0,
            max_beta=0.5,
            beta_rate=0.999,
            learning_rate=0.002,
            decay_rate=0.9996,
            min_learning_rate=0.00003,
        ),
    ),
    Config(
        name="cat-mel_2bar_small",
        description="2-bar melodies, Magenta's small model",
        encoder=_BIDIRECTIONAL,
        decoder=_flat(),
        converter=_melody(2, valid_programs=_MELODY_PROGRAMS),
        augmenter=_transposed(5),
        hparams=HParams(
            z_size=256,
            enc_rnn_size=(512,),
            dec_rnn_size=(256, 256),
            max_beta=0.2,
            beta_rate=0.99999,
            **_SCHEDULED,
        ),
    ),
    Config(
        name="cat-mel_2bar_big",
        description="2-bar melodies, Magenta's large model",
        encoder=_BIDIRECTIONAL,
        decoder=_flat(),
        converter=_melody(2, valid_programs=_MELODY_PROGRAMS),
        augmenter=_transposed(5),
        hparams=HParams(
            z_size=512,
            enc_rnn_size=(2048,),
            dec_rnn_size=(2048, 2048, 2048),
            max_beta=0.5,
            beta_rate=0.99999,
            **_SCHEDULED,
        ),
    ),
    Config(
        name="cat-mel_2bar_med_chords",
        description="2-bar melodies over given chords",
        encoder=_BIDIRECTIONAL,
        decoder=_flat(),
        converter=_melody(2, chord_encoding="triad"),
        augmenter=_transposed(3),
        hparams=HParams(z_size=256, enc_rnn_size=(1024,), dec_rnn_size=(512, 512, 512)),
    ),
    Config(
        name="flat-mel_16bar",
        description="16-bar melodies without a conductor",
        encoder=_BIDIRECTIONAL,
        decoder=_flat(),
        converter=_melody(16),
        hparams=HParams(enc_rnn_size=(2048, 2048), dec_rnn_size=(2048, 2048, 2048), **_LONG, **_LONG_KL),
    ),
    Config(
        name="hierdec-mel_16bar",
        description="16-bar melodies, a conductor over the bars",
        encoder=_BIDIRECTIONAL,
        decoder=_hierarchical(16, 16, disable_autoregression=True),
        converter=_melody(16),
        hparams=HParams(enc_rnn_size=(2048, 2048), dec_rnn_size=(1024, 1024), **_LONG, **_LONG_KL),
    ),
    Config(
        name="hier-mel_16bar",
        description="16-bar melodies, encoded and decoded bar by bar",
        encoder=_hierarchical_encoder(16, 16),
        decoder=_hierarchical(16, 16, disable_autoregression=True),
        converter=_melody(16),
        hparams=HParams(enc_rnn_size=(1024,), dec_rnn_size=(1024, 1024), **_LONG, **_LONG_KL),
    ),
)

_TRIOS = (
    Config(
        name="flat-trio_16bar",
        description="16 bars of melody, bass and drums from one LSTM",
        encoder=_BIDIRECTIONAL,
        decoder=_flat("multi_categorical_lstm"),
        converter=_TRIO,
        hparams=HParams(enc_rnn_size=(2048, 2048), dec_rnn_size=(2048, 2048, 2048), batch_size=256, **_LONG),
    ),
    Config(
        name="hierdec-trio_16bar",
        description="16 bars of melody, bass and drums, a conductor over an LSTM each",
        encoder=_BIDIRECTIONAL,
        decoder=_hierarchical(16, 16, core="split_lstm", disable_autoregression=True),
        converter=_TRIO,
        hparams=HParams(
            enc_rnn_size=(2048, 2048), dec_rnn_size=(1024, 1024), batch_size=256, **_LONG, **_LONG_KL
        ),
    ),
    Config(
        name="hier-trio_16bar",
        description="16 bars of melody, bass and drums, encoded and decoded bar by bar",
        encoder=_hierarchical_encoder(16, 16),
        decoder=_hierarchical(16, 16, core="split_lstm", disable_autoregression=True),
        converter=_TRIO,
        hparams=HParams(enc_rnn_size=(1024,), dec_rnn_size=(1024, 1024), batch_size=256, **_LONG, **_LONG_KL),
    ),
)


def _multi_performance(size: str, hparams: HParams, chords: bool) -> Config:
    return Config(
        name=f"hier-multiperf_vel_1bar_{size}{'_chords' if chords else ''}",
        description=f"one bar of up to eight instruments{' over given chords' if chords else ''}, {size}",
        encoder=_hierarchical_encoder(64, 8),
        decoder=_hierarchical(8, 64, disable_autoregression=True),
        converter=_performance(chord_encoding="triad") if chords else _performance(),
        augmenter=_transposed(3),
        hparams=hparams,
    )


_PERFORMANCES = (
    _multi_performance("med", _PERFORMANCE_MEDIUM, False),
    _multi_performance("big", _PERFORMANCE_BIG, False),
    _multi_performance("med", _PERFORMANCE_MEDIUM, True),
    _multi_performance("big", _PERFORMANCE_BIG, True),
)


_CONFIGS = (
    *_OUR_DRUMS,
    *_OTHER_METERS,
    *_DRUMS,
    *_MELODIES,
    *_TRIOS,
    *_PERFORMANCES,
    *HISTORY_CONFIGS,
    *GROOVE_CONFIGS,
    *PIANO_CONFIGS,
)

CONFIG_MAP: Mapping[str, Config] = MappingProxyType({config.name: config for config in _CONFIGS})
DEFAULT_CONFIG = "histdec-drum_4bar"
"""What is sampled from where no model is named."""

DEFAULT_EDIT_CONFIG = "histdec-drum_4bar_edit"
"""What keeps clips in its latent vector: to interpolate and to edit, where no model is named."""


MAX_KEY_PARTS = 100
"""Dots between which nothing but words stands, in a user's file."""


def get_config(name_or_path: str) -> Config:
    """The config of that name, or the one in that TOML file.

    Raises:
        ConfigError: where there is neither.
    """
    if name_or_path in CONFIG_MAP:
        return CONFIG_MAP[name_or_path]
    path = Path(name_or_path).expanduser()
    if path.suffix == ".toml" or path.is_file():
        return load_config_file(path)
    raise ConfigError(
        f"There is no config '{name_or_path}'; give a .toml file or one of {', '.join(sorted(CONFIG_MAP))}."
    )


def load_config_file(path: Path) -> Config:
    """A user's config: `base = "hierdec-drum_4bar_small"` and tables of changes.

    The tables `[hparams]`, `[encoder]`, `[decoder]`, `[converter]` and `[augmenter]` replace single values of the
    base; a different `name` in one of them, or in a table such as `[decoder.keys]`, replaces the whole table.

    Raises:
        ConfigError: naming the file and what is wrong.
    """
    data = _toml(path)
    known = {"base", "name", "description", "hparams", *PARTS, "augmenter"}
    unknown = sorted(set(data) - known)
    if unknown:
        raise ConfigError(f"{path}: unknown key {shown(unknown[0])}; expected {', '.join(sorted(known))}.")
    base = data.get("base", "")
    if not isinstance(base, str) or base not in CONFIG_MAP:
        raise ConfigError(f"{path}: base is {shown(base)}; expected one of {', '.join(sorted(CONFIG_MAP))}.")
    config = CONFIG_MAP[base]
    for part in ("hparams", *PARTS, "augmenter"):
        if not isinstance(data.get(part, {}), dict):
            raise ConfigError(f"{path}: {part} is {shown(data[part])}; expected a table [{part}].")
    parts = {}
    for part in PARTS:
        table, current = data.get(part, {}), getattr(config, part)
        parts[part] = frozen(merged(current, table))
    try:
        own = dataclasses.replace(
            config,
            name=data["name"] if "name" in data else name_of_file(path.stem),
            description=data.get("description", f"from {path.name}"),
            **parts,
        )
        return _consistent(
            own.with_augmenter(data.get("augmenter", {})).with_hparams(data.get("hparams", {}))
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; errors as for `load_config_file`."""
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
        if len(text) > MAX_CONFIG_BYTES:
            raise ValueError(f"it is longer than {MAX_CONFIG_BYTES} bytes")
        # Python's reader takes time and memory by the square of a key's parts.
        if any(piece.count(b".") > MAX_KEY_PARTS for piece in re.split(rb"[^\w\"'\- \t.]", text)):
            raise too_deep(MAX_KEY_PARTS)
        try:
            data = tomllib.loads(text.decode("utf-8"))
        except RecursionError:
            raise too_deep() from None
        check_nesting(data)
        return data
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: can't be read as a config ({error}).") from error


def config_with_overrides(name_or_path: str, hparams: str = "") -> Config:
    """`get_config`, with the changes of a `--hparams` flag.

    Raises:
        ConfigError: where there is no such config, or the changes can't be made.
    """
    return _consistent(get_config(name_or_path).with_hparams(parse_hparams(hparams)))


def _consistent(config: Config) -> Config:
    """The config, unless its parts do not go together or make too large a model, which is a ConfigError."""
    from models.formats import weight_check

    try:
        weight_check.shapes_of(config)
    except ValueError as error:
        raise ConfigError(f"{config.name}: {str(error).rstrip('.')}.") from error
    return config


def register_in_magenta(names: tuple[str, ...] | None = None) -> None:
    """Add the seed's configs to an installed Magenta's CONFIG_MAP, for its own commands and `TrainedModel`.

    Args:
        names: configs of this map; the seed's three where it is None.

    Raises:
        ConfigError: where Magenta is not installed.
    """
    try:
        from interop import magenta_configs
    except ImportError as error:
        raise ConfigError(
            f"Magenta can't be imported ({error}); pip install --no-deps magenta==2.1.4."
        ) from error
    seeds = ("hierdec-drum_4bar", "hierdec-drum_4bar_v2", "hierdec-drum_4bar-no_ar")
    magenta_configs.register([CONFIG_MAP[name] for name in names or seeds])
