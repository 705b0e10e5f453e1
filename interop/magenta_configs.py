"""This project's configs as Config objects of an installed Magenta, for its own commands and TrainedModel.

Importing this module imports Magenta, which needs `TF_USE_LEGACY_KERAS=1` beside a current TensorFlow.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import note_seq
from magenta.contrib import training as contrib_training
from magenta.models.music_vae import MusicVAE, data, data_hierarchical, lstm_models
from magenta.models.music_vae import configs as magenta_configs

from preprocess.converters.segments import meter_of
from preprocess.drums.drum_classes import pitch_classes

CONVERTERS = {
    "drums": data.DrumsConverter,
    "melody": data.OneHotMelodyConverter,
    "trio": data.TrioConverter,
    "groove": data.GrooveConverter,
    "performance": data_hierarchical.MultiInstrumentPerformanceConverter,
}
OUR_HPARAMS = ("decay_steps", "warmup_steps", "weight_decay", "averaging_rate")
"""Hyperparameters of training that Magenta has not."""

CHORDS = {
    "triad": note_seq.TriadChordOneHotEncoding,
    "major_minor": note_seq.MajorMinorChordOneHotEncoding,
}
OUTPUTS = {
    "categorical_lstm": lstm_models.CategoricalLstmDecoder,
    "boolean_lstm": lstm_models.BooleanLstmDecoder,
    "nade_lstm": lstm_models.MultiLabelRnnNadeDecoder,
    "groove_lstm": lstm_models.GrooveLstmDecoder,
}


def magenta_converter(spec: Mapping[str, Any]) -> Any:
    """Magenta's converter for a spec of ours.

    Raises:
        ValueError: where Magenta has no such converter.
    """
    options = dict(spec)
    name = options.pop("name")
    if name not in CONVERTERS:
        raise ValueError(f"Magenta's side of converter '{name}' is not known.")
    if options.get("chord_encoding"):
        options["chord_encoding"] = CHORDS[options["chord_encoding"]]()
    for key in ("pitch_classes", "inference_pitch_classes"):
        if options.get(key):
            options[key] = [list(pitches) for pitches in pitch_classes(options[key])]
    options.pop("shorter_bars", None)  # the original drops such music
    options.pop("only_on_grid", None)  # the original takes all music, and so it does any meter of such bars
    if options.get("meter"):
        numerator, denominator = meter_of(options.pop("meter"))
        options["quarters_per_bar"] = 4 * numerator // denominator
    if "add_instruments" in options:
        options["add_instruments"] = list(options["add_instruments"])
    return CONVERTERS[name](**options)


def _core(decoder: Mapping[str, Any], depths: list[int]) -> Any:
    name = decoder["name"]
    if name == "multi_categorical_lstm":
        core = lstm_models.MultiOutCategoricalLstmDecoder(depths)
    elif name == "split_lstm":
        core = lstm_models.SplitMultiOutLstmDecoder(
            [lstm_models.CategoricalLstmDecoder() for _ in depths], depths
        )
    else:
        core = OUTPUTS[name]()
    if decoder.get("preprocess_controls"):
        core = lstm_models.BidirectionalLstmControlPreprocessingDecoder(core)
    return core


def _encoder(encoder: Mapping[str, Any]) -> Any:
    if encoder["name"] == "hierarchical_lstm":
        return lstm_models.HierarchicalLstmEncoder(
            lstm_models.BidirectionalLstmEncoder, list(encoder["level_lengths"])
        )
    return lstm_models.LstmEncoder() if encoder["name"] == "lstm" else lstm_models.BidirectionalLstmEncoder()


def magenta_config(config: Any) -> Any:
    """Magenta's Config for one of ours.

    Raises:
        ValueError: where Magenta has no such converter.
    """
    encoder, decoder = _encoder(config.encoder), config.decoder
    depths = list(config.build_converter().output_depths)
    if decoder["name"] == "hierarchical_lstm":
        disabled = decoder.get("disable_autoregression", False)
        built = lstm_models.HierarchicalLstmDecoder(
            _core({**decoder, "name": decoder["core"]}, depths),
            level_lengths=list(decoder["level_lengths"]),
            disable_autoregression=disabled if isinstance(disabled, bool) else list(disabled),
            hierarchical_encoder=encoder if decoder.get("re_encode") else None,
        )
    else:
        built = _core(decoder, depths)
    values = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in dataclasses.asdict(config.hparams).items()
        if name not in OUR_HPARAMS
    }
    hparams = magenta_configs.merge_hparams(
        lstm_models.get_default_hparams(), contrib_training.HParams(**values)
    )
    transpose = config.augmenter.get("transpose_range")
    stretch = config.augmenter.get("stretch_range")
    return magenta_configs.Config(
        model=MusicVAE(encoder, built),
        hparams=hparams,
        note_sequence_augmenter=data.NoteSequenceAugmenter(transpose, stretch) if config.augmenter else None,
        data_converter=magenta_converter(config.converter),
        train_examples_path=None,
        eval_examples_path=None,
    )


def register(configs: Iterable[Any]) -> None:
    """Put configs into Magenta's CONFIG_MAP under their names."""
    for config in configs:
        magenta_configs.CONFIG_MAP[config.name] = magenta_config(config)
