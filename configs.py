"""Every model of the project by name: `CONFIG_MAP[name]` is plain, frozen data.

A config says which encoder, decoder and converter to build and with which hyperparameters. Nothing here imports
TensorFlow; `Config.build_model` and `Config.build_converter` do when they are called. A config of your own is a
TOML file that starts from one of these (`load_config_file`), and every checkpoint carries its config as JSON.
The names of the hyperparameters, and the first configs, are those of Magenta's `music_vae/configs.py`.
"""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any


class ConfigError(ValueError):
    """A config or override that can't be used; the message is one sentence for a person."""


@dataclass(frozen=True)
class HParams:
    """Hyperparameters of a MusicVAE and its training, with Magenta's names and defaults."""

    max_seq_len: int = 32
    """Steps of a sequence; longer ones are cut."""
    z_size: int = 32
    """Size of the latent vector."""
    enc_rnn_size: tuple[int, ...] = (256,)
    """Units of each encoder layer, in each direction."""
    dec_rnn_size: tuple[int, ...] = (512,)
    """Units of each decoder layer, conductors included."""
    dropout_keep_prob: float = 1.0
    """Probability that an input value of an LSTM layer is kept while training."""
    free_bits: float = 0.0
    """Bits of KL a sequence that cost nothing."""
    max_beta: float = 1.0
    """Weight of the KL at the end of its annealing."""
    beta_rate: float = 0.0
    """Beta is (1 - beta_rate ** step) * max_beta; 0 means max_beta from the first step on."""
    sampling_schedule: str = "constant"
    """How often the decoder hears its own draws in training: constant, exponential or inverse_sigmoid."""
    sampling_rate: float = 0.0
    """The schedule's parameter; constant 0 is teacher forcing."""
    batch_size: int = 512
    learning_rate: float = 0.001
    decay_rate: float = 0.9999
    """The learning rate decays by this factor a step, towards min_learning_rate."""
    min_learning_rate: float = 0.00001
    clip_mode: str = "global_norm"
    """How gradients are clipped: global_norm or value."""
    grad_clip: float = 1.0
    grad_norm_clip_to_zero: float = 10000.0
    """A step whose gradient norm reaches this is skipped (with global_norm)."""


@dataclass(frozen=True)
class Config:
    """One model: what it is built of, how it is trained, what its examples are.

    Attributes:
        name: the name in CONFIG_MAP, or that of the user's file.
        encoder: `{"name": "bidirectional_lstm"}`.
        decoder: `{"name": "categorical_lstm"}`, or `{"name": "hierarchical_lstm", "core": "categorical_lstm",
            "level_lengths": (8, 8), "disable_autoregression": False}`.
        converter: `{"name": "drums", ...}` with the options of `preprocess/converters`.
        hparams: the hyperparameters.
        description: one line for `--list_configs`.
    """

    name: str
    encoder: Mapping[str, Any]
    decoder: Mapping[str, Any]
    converter: Mapping[str, Any]
    hparams: HParams = field(default_factory=HParams)
    description: str = ""

    def build_converter(self) -> Any:
        """The converter between NoteSequences and examples (`preprocess.converters`)."""
        from preprocess import converters

        return converters.create(dict(self.converter))

    def build_model(self, seed: int = 0) -> Any:
        """The Keras model with fresh weights (`models.build.music_vae`)."""
        from models import quiet

        quiet.import_keras()
        from models import build

        converter = self.build_converter()
        form = "roll" if self.converter.get("roll_input") else "one_hot"
        return build.music_vae(
            self.encoder,
            self.decoder,
            self.hparams,
            form,
            converter.input_depth,
            converter.output_depth,
            seed,
        )

    def to_json(self) -> str:
        """The whole config as JSON text, as checkpoints carry it."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return json.dumps(fields | {"hparams": dataclasses.asdict(self.hparams)}, default=dict)

    @property
    def converter_spec(self) -> dict[str, Any]:
        """The converter's options as JSON has them, to compare with those of preprocessed shards."""
        return json.loads(json.dumps(dict(self.converter), default=dict))

    @staticmethod
    def from_json(text: str) -> "Config":
        """The inverse of `to_json`.

        Raises:
            ConfigError: where a field is missing, unknown or of another type.
        """
        try:
            data = json.loads(text)
            hparams = override(HParams(), data.pop("hparams"))
            return Config(hparams=hparams, **{k: _frozen(v) for k, v in data.items()})
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ConfigError(f"The stored config is not valid: {error}.") from error


def _frozen(value: Any) -> Any:
    """Mappings and lists made immutable, so that nobody changes a config in CONFIG_MAP."""
    if isinstance(value, Mapping):
        return MappingProxyType({k: _frozen(v) for k, v in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_frozen(v) for v in value)
    return value


def override(hparams: HParams, changes: Mapping[str, Any]) -> HParams:
    """`hparams` with some values replaced, checked for name and type.

    Raises:
        ConfigError: naming the hyperparameter and what was expected.
    """
    known = {f.name: f.default for f in dataclasses.fields(HParams)}
    checked = {}
    for name, value in changes.items():
        if name not in known:
            raise ConfigError(
                f"There is no hyperparameter '{name}'; the names are {', '.join(sorted(known))}."
            )
        checked[name] = _checked(name, value, known[name])
    return dataclasses.replace(hparams, **checked)


def _checked(name: str, value: Any, default: Any) -> Any:
    """`value` in the type of the default; an integer is welcome where a float stands, nothing else is bent."""
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and value and all(type(v) is int and v > 0 for v in value):
            return tuple(value)
        raise ConfigError(
            f"{name} is {value!r}; expected a list of positive whole numbers such as [256,256]."
        )
    if isinstance(default, float) and type(value) in (int, float):
        return float(value)
    if type(value) is type(default):
        return value
    raise ConfigError(f"{name} is {value!r}; expected {_TYPE_NAMES[type(default)]} such as {default!r}.")


_TYPE_NAMES = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}


def parse_hparams(text: str) -> dict[str, Any]:
    """Magenta's `--hparams` syntax, `name=value,name=[value,value]`, as a dictionary.

    Raises:
        ConfigError: where the text is not of that form.
    """
    changes, rest = {}, text.strip()
    while rest:
        name, equals, rest = rest.partition("=")
        if not equals:
            raise ConfigError(f"--hparams has '{name}' without a value; expected name=value,name=value.")
        rest = rest.lstrip()
        if rest.startswith("["):
            value, bracket, rest = rest.partition("]")
            if not bracket:
                raise ConfigError(f"--hparams opens a list for '{name.strip()}' and never closes it with ].")
            changes[name.strip()] = [_literal(v) for v in value[1:].split(",") if v.strip()]
            rest = rest.lstrip()
            if rest and not rest.startswith(","):
                raise ConfigError(
                    f"--hparams expected a comma after the list of '{name.strip()}', got '{rest}'."
                )
            rest = rest[1:]
        else:
            value, _, rest = rest.partition(",")
            changes[name.strip()] = _literal(value)
    return changes


def _literal(text: str) -> Any:
    text = text.strip()
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def _drums(slice_bars: int, **options: Any) -> Mapping[str, Any]:
    """Converter of nine drum classes on sixteenths, as all drum configs of Magenta's MusicVAE have it."""
    return _frozen(
        {
            "name": "drums",
            "max_bars": 100,
            "slice_bars": slice_bars,
            "steps_per_quarter": 4,
            "roll_input": True,
            **options,
        }
    )


_BIDIRECTIONAL = _frozen({"name": "bidirectional_lstm"})


def _hierarchical(level_lengths: tuple[int, ...], disable_autoregression: bool = False) -> Mapping[str, Any]:
    return _frozen(
        {
            "name": "hierarchical_lstm",
            "core": "categorical_lstm",
            "level_lengths": level_lengths,
            "disable_autoregression": disable_autoregression,
        }
    )


_SEED_HPARAMS = HParams(
    batch_size=512,
    max_seq_len=64,
    z_size=512,
    enc_rnn_size=(512, 512),
    dec_rnn_size=(256, 256),
    free_bits=48.0,
    max_beta=0.2,
    sampling_schedule="inverse_sigmoid",
    sampling_rate=1000.0,
)

_CONFIGS = (
    Config(
        name="hierdec-drum_4bar_small",
        description="4-bar drum beats, sized for a CPU; its trained weights are shipped in checkpoints/",
        encoder=_BIDIRECTIONAL,
        decoder=_hierarchical((4, 16), disable_autoregression=True),
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
        decoder=_hierarchical((8, 8)),
        converter=_drums(4),
        hparams=_SEED_HPARAMS,
    ),
    Config(
        name="hierdec-drum_4bar_v2",
        description="4-bar drum beats, the seed's v3: z 256",
        encoder=_BIDIRECTIONAL,
        decoder=_hierarchical((8, 8)),
        converter=_drums(4),
        hparams=dataclasses.replace(_SEED_HPARAMS, z_size=256),
    ),
    Config(
        name="hierdec-drum_4bar-no_ar",
        description="4-bar drum beats, the seed's variant whose conductor hears nothing of what is played",
        encoder=_BIDIRECTIONAL,
        decoder=_hierarchical((8, 8), disable_autoregression=True),
        converter=_drums(4),
        hparams=_SEED_HPARAMS,
    ),
    Config(
        name="cat-drums_2bar_small",
        description="2-bar drum beats, Magenta's flat model",
        encoder=_BIDIRECTIONAL,
        decoder=_frozen({"name": "categorical_lstm"}),
        converter=_drums(2),
        hparams=HParams(
            max_seq_len=32,
            z_size=256,
            enc_rnn_size=(512,),
            dec_rnn_size=(256, 256),
            free_bits=48.0,
            max_beta=0.2,
            sampling_schedule="inverse_sigmoid",
            sampling_rate=1000.0,
        ),
    ),
)

CONFIG_MAP: Mapping[str, Config] = MappingProxyType({config.name: config for config in _CONFIGS})
DEFAULT_CONFIG = "hierdec-drum_4bar_small"


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

    The tables `[hparams]`, `[encoder]`, `[decoder]` and `[converter]` replace single values of the base; a
    different `name` in `[encoder]`, `[decoder]` or `[converter]` replaces the whole table.

    Raises:
        ConfigError: naming the file and what is wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: can't be read as a config: {error}.") from error
    known = {"base", "name", "description", "hparams", "encoder", "decoder", "converter"}
    unknown = sorted(set(data) - known)
    if unknown:
        raise ConfigError(f"{path}: unknown key '{unknown[0]}'; expected {', '.join(sorted(known))}.")
    base = data.get("base", "")
    if not isinstance(base, str) or base not in CONFIG_MAP:
        raise ConfigError(f"{path}: base is {base!r}; expected one of {', '.join(sorted(CONFIG_MAP))}.")
    config = CONFIG_MAP[base]
    for part in ("hparams", "encoder", "decoder", "converter"):
        if not isinstance(data.get(part, {}), dict):
            raise ConfigError(f"{path}: {part} is {data[part]!r}; expected a table [{part}].")
    try:
        changes: dict[str, Any] = {"hparams": override(config.hparams, data.get("hparams", {}))}
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    for part in ("encoder", "decoder", "converter"):
        table, current = data.get(part, {}), getattr(config, part)
        same_kind = table.get("name", current["name"]) == current["name"]
        changes[part] = _frozen({**(current if same_kind else {}), **table})
    return dataclasses.replace(
        config,
        name=str(data.get("name", path.stem)),
        description=str(data.get("description", f"from {path.name}")),
        **changes,
    )


def config_with_overrides(name_or_path: str, hparams: str = "") -> Config:
    """`get_config`, with the changes of a `--hparams` flag."""
    config = get_config(name_or_path)
    return dataclasses.replace(config, hparams=override(config.hparams, parse_hparams(hparams)))


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
