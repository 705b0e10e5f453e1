"""What a config is: frozen data that names the parts of a model, its hyperparameters and its converter.

The configs themselves are in the other files of `catalog/`. The names of the hyperparameters are Magenta's.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from catalog.limits import (
    MAX_CONFIG_BYTES,
    ConfigError,
    check_widths,
    checked_hparam,
    checked_name,
)
from catalog.registry import check_part
from common.errors import because, shown
from common.json_text import parse_json
from common.option_rules import MAX_WORDS

if TYPE_CHECKING:
    import numpy as np

    from preprocess.converters.base import Converter, Example

MAX_TRANSPOSITION, MAX_STRETCH = 48, 16.0


@dataclass(frozen=True)
class HParams:
    """Hyperparameters of a MusicVAE and its training, with Magenta's names and defaults."""

    max_seq_len: int = 32
    """Steps of a sequence; longer ones are cut."""
    z_size: int = 32
    """Size of the latent vector; 0 for a decoder alone."""
    enc_rnn_size: tuple[int, ...] = (256,)
    """Units of each encoder layer, in each direction."""
    dec_rnn_size: tuple[int, ...] = (512,)
    """Units of each decoder layer, conductors included."""
    dropout_keep_prob: float = 1.0
    """Probability that an input value of an LSTM layer is kept while training."""
    free_bits: float = 0.0
    """Bits of KL divergence a sequence that are not penalized."""
    max_beta: float = 1.0
    """Weight of the KL at the end of its annealing."""
    beta_rate: float = 0.0
    """Beta is (1 - beta_rate ** step) * max_beta; 0 means max_beta from the first step on."""
    sampling_schedule: str = "constant"
    """How often the decoder (or a piano model) reads its own draws in training: constant, exponential or
    inverse_sigmoid."""
    sampling_rate: float = 0.0
    """The schedule's parameter; constant 0 is teacher forcing."""
    batch_size: int = 512
    learning_rate: float = 0.001
    decay_rate: float = 0.9999
    """The learning rate decays by this factor a step, towards min_learning_rate."""
    min_learning_rate: float = 0.00001
    decay_steps: int = 0
    """Above 0, the learning rate instead falls along half a cosine to min_learning_rate in this many steps."""
    warmup_steps: int = 0
    """Steps in which the learning rate rises linearly from 0; with decay_steps only."""
    weight_decay: float = 0.0
    """Each step subtracts this share of every kernel, times the learning rate (AdamW)."""
    averaging_rate: float = 0.0
    """Validation and the best checkpoint use an exponential moving average of the weights with this decay a step; 0
    for the weights themselves."""
    clip_mode: str = "global_norm"
    """How gradients are clipped: global_norm or value."""
    grad_clip: float = 1.0
    grad_norm_clip_to_zero: float = 10000.0
    """A step whose gradient norm reaches this is skipped (with global_norm)."""
    residual_encoder: bool = False
    """Each encoder layer adds its input to its output."""
    residual_decoder: bool = False
    """Each decoder layer adds its input to its output."""
    nade_num_hidden: int = 128
    """Hidden units of a NADE output."""
    control_preprocessing_rnn_size: tuple[int, ...] = (256,)
    """Units of each layer that reads the controls, where the decoder has one."""


@dataclass(frozen=True)
class Config:
    """One model: its parts, how it is trained, and what its examples are.

    Wherever it comes from, its name can be used in file names, and its parts have known options within the limits of
    `catalog/limits.py`.

    Attributes:
        name: the name in CONFIG_MAP, or that of the user's file.
        encoder: `{"name": "bidirectional_lstm"}`, or another of `models/music_vae/build.py`; for a piano model the
            reader of the past, `{"name": "history_user", "clock_bits": 6}` or another of `models/piano/build.py`.
        decoder: `{"name": "categorical_lstm"}`, or `{"name": "hierarchical_lstm", "core": "categorical_lstm",
            "level_lengths": (8, 8), "disable_autoregression": False}`, or another of `models/music_vae/build.py`; for a
            piano model the output that draws a frame, `{"name": "polyphonic_sampler", "form": "classes"}`.
        converter: `{"name": "drums", ...}` with the options of `preprocess/converters`.
        hparams: the hyperparameters.
        augmenter: how training varies the music, `{"transpose_range": (-5, 5), "stretch_range": (0.9, 1.1)}`; a piano
            model has `error_rate`, errors a frame, instead of a stretch; empty for not at all.
        description: one line for `--list_configs`.
        model: "music_vae", or "frame_model" for a piano model, which plays frame after frame.

    Raises:
        ConfigError: for a name, a part or an option of a part that is not valid.
    """

    name: str
    encoder: Mapping[str, Any]
    decoder: Mapping[str, Any]
    converter: Mapping[str, Any]
    hparams: HParams = field(default_factory=HParams)
    augmenter: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    description: str = ""
    model: str = "music_vae"

    def __post_init__(self) -> None:
        checked_name(self.name)
        if not isinstance(self.description, str) or len(self.description) > MAX_WORDS:
            raise ConfigError(f"The description is {shown(self.description)}; expected a line of text.")
        for kind in PARTS:
            check_part(self.model, kind, getattr(self, kind))

    @property
    def family(self) -> str:
        """The model's family, a key of `models.families.FAMILIES` and of `workflows.families.WORKFLOWS`.

        "music_vae"; "history_drums" for a MusicVAE whose decoder reads its own past; "frame_model" for the piano
        models, which play frame after frame.
        """
        is_history = self.model == "music_vae" and self.decoder["name"] == "history_lstm"
        return "history_drums" if is_history else self.model

    @property
    def augments_fragments(self) -> bool:
        """Whether training varies each fragment when it is drawn, as with piano models, and not whole clips beforehand."""
        return self.family == "frame_model"

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Names of the hyperparameters that can be changed.

        A MusicVAE reads all of them. A piano model reads those of training; its sizes are given in `encoder` and
        `decoder`, and only those that are missing there are read from the hyperparameters.
        """
        if self.model != "frame_model":
            return tuple(f.name for f in dataclasses.fields(HParams))
        names: tuple[str, ...] = _OF_ALL_TRAINING
        if self.encoder["name"] == "lstm" and "layer_sizes" not in self.encoder:
            names += ("enc_rnn_size",)
        if self.decoder["name"] == "nade" and "hidden" not in self.decoder:
            names += ("nade_num_hidden",)
        return names

    def with_hparams(self, changes: Mapping[str, Any]) -> "Config":
        """This config with some hyperparameters changed.

        >>> from catalog.config_map import CONFIG_MAP
        >>> CONFIG_MAP["hierdec-drum_4bar"].with_hparams({"z_size": 128}).hparams.z_size
        128

        Raises:
            ConfigError: for one that does not exist, that this model does not read, or of another type.
        """
        hparams = override(self.hparams, changes)
        for name in changes:
            if name not in self.hyperparameters:
                raise ConfigError(
                    f"{self.name} reads no hyperparameter '{name}'; it reads {', '.join(self.hyperparameters)}. "
                    "Sizes of its parts are changed in a .toml file, under [encoder] and [decoder]."
                )
        return dataclasses.replace(self, hparams=hparams)

    def with_augmenter(self, changes: Mapping[str, Any]) -> "Config":
        """This config with some changes of how training varies the music.

        Raises:
            ConfigError: for an option that this family of models does not have, or a value that is not valid.
        """
        if self.family == "history_drums":
            return dataclasses.replace(self, augmenter=frozen({**self.augmenter, **_shares(changes)}))
        other = "error_rate" if self.augments_fragments else "stretch_range"
        if changes and self.decoder.get("form") == "tokens":
            raise ConfigError(f"{self.name} varies nothing: tokens are neither transposed nor corrupted.")
        for name, value in changes.items():
            if name not in ("transpose_range", other):
                raise ConfigError(f"{self.name} varies no '{name}'; expected transpose_range or {other}.")
            if name == "error_rate":
                if not _is_number(value) or not 0 <= value <= 1:
                    raise ConfigError(f"error_rate is {shown(value)}; expected a number from 0 to 1.")
            elif not _is_range(value, whole=name == "transpose_range"):
                example = "[-5, 5]" if name == "transpose_range" else "[0.9, 1.1]"
                raise ConfigError(f"{name} is {shown(value)}; expected the least and the most, as {example}.")
        return dataclasses.replace(self, augmenter=frozen({**self.augmenter, **changes}))

    def build_converter(self) -> "Converter":
        """The converter between NoteSequences and examples (`preprocess.converters`).

        Raises:
            InputError: for options that do not go together.
            ConfigError: where its examples are too wide or too long.
        """
        from preprocess import converters

        converter = converters.create(dict(self.converter))
        check_widths(converter)
        return converter

    def batch_of(self, examples: "Sequence[Example]") -> "dict[str, np.ndarray]":
        """Examples of the converter as one batch that the model takes (`preprocess.dataset`)."""
        from collections import Counter

        from preprocess.dataset import ExampleCollector

        collector = ExampleCollector(self.hparams.max_seq_len)
        collector.add("", [list(examples)], Counter())
        return collector.result().batch(slice(None))

    def to_json(self) -> str:
        """The whole config as JSON text, as it is stored in checkpoints."""
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
            ConfigError: where a field is missing, unknown, of another type or out of its limits.
        """
        try:
            if len(text) > MAX_CONFIG_BYTES:
                raise ValueError(f"it is longer than {MAX_CONFIG_BYTES} bytes")
            data = parse_json(text)
            hparams = override(HParams(), data.pop("hparams"))
            augmenter = data.pop("augmenter", {})
            if not isinstance(augmenter, Mapping):
                raise ValueError(f"augmenter is {shown(augmenter)}")
            unknown = set(data) - {f.name for f in dataclasses.fields(Config)}
            if unknown:
                raise ValueError(f"there is no part {shown(min(unknown))}")
            fields = {k: frozen(v) for k, v in data.items()}
            return Config(hparams=hparams, **fields).with_augmenter(augmenter)
        except ConfigError as error:
            raise ConfigError(f"The stored config is not valid: {error}") from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ConfigError(f"The stored config is not valid ({because(error)}).") from error


PARTS = ("encoder", "decoder", "converter")

_OF_ALL_TRAINING = (
    *("max_seq_len", "batch_size", "dropout_keep_prob", "learning_rate", "decay_rate", "min_learning_rate"),
    *("decay_steps", "warmup_steps", "weight_decay", "averaging_rate"),
    *("clip_mode", "grad_clip", "grad_norm_clip_to_zero", "sampling_schedule", "sampling_rate"),
)


def _shares(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The shares of what a history drum model is trained on (`preprocess.drums.windows.Mixture`), checked.

    Raises:
        ConfigError: for an unknown share, or one that is not from 0 to 1.
    """
    from preprocess.drums.windows import Mixture

    for name, value in changes.items():
        if name not in Mixture.names():
            raise ConfigError(f"There is no share '{name}'; expected {', '.join(Mixture.names())}.")
        if not _is_number(value) or not 0 <= value <= 1:
            raise ConfigError(f"{name} is {shown(value)}; expected a number from 0 to 1.")
    return changes


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_range(value: Any, whole: bool) -> bool:
    """Whether a value is two numbers: semitones around 0, or factors of durations, within the limits."""
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(map(_is_number, value)):
        return False
    low, high = value
    if whole:
        most = MAX_TRANSPOSITION
        return all(type(v) is int for v in value) and -most <= low <= 0 <= high <= most
    return 1 / MAX_STRETCH <= low <= high <= MAX_STRETCH


def frozen(value: Any) -> Any:
    """Mappings and lists, nested ones included, as immutable ones, so that nobody changes a config in CONFIG_MAP."""
    if isinstance(value, Mapping):
        return MappingProxyType({k: frozen(v) for k, v in value.items()})
    if isinstance(value, list | tuple):
        return tuple(frozen(v) for v in value)
    return value


def merged(current: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a config with single values changed, those of tables in it included.

    Changes with another `name` replace the current table as a whole, and so does an empty table in it.
    """
    if changes.get("name", current.get("name")) != current.get("name"):
        return dict(changes)
    found = {**current, **changes}
    for key, value in changes.items():
        if isinstance(value, Mapping) and value and isinstance(current.get(key), Mapping):
            found[key] = merged(current[key], value)
    return found


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
                f"There is no hyperparameter {shown(name)}; the names are {', '.join(sorted(known))}."
            )
        checked[name] = checked_hparam(name, value, known[name])
    return dataclasses.replace(hparams, **checked)


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
