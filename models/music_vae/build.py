"""From a config's plain data to a MusicVAE, by the classes that the registry names."""

from collections.abc import Mapping
from typing import Any

import keras

from catalog import registry
from catalog.config import Config, HParams
from models.music_vae.conductor import HierarchicalLSTMDecoder
from models.music_vae.decoders import ControlPreprocessingDecoder
from models.music_vae.encoders import BidirectionalLSTMEncoder, HierarchicalLSTMEncoder, LSTMEncoder
from models.music_vae.model import MusicVAE
from models.numpy_engine.representations import input_depths
from preprocess.converters.base import Converter

Encoder = LSTMEncoder | BidirectionalLSTMEncoder | HierarchicalLSTMEncoder


def music_vae(config: Config, seed: int = 0) -> MusicVAE:
    """Build a MusicVAE with fresh weights.

    Args:
        config: its `encoder` is one of `registry.ENCODERS`, `hierarchical_lstm` with `level_lengths`. Its `decoder` is one of
            `registry.DECODERS`, with `preprocess_controls: True` where an LSTM is to read the controls first; or
            `{"name": "hierarchical_lstm", "core": ..., "level_lengths": ...}` with `disable_autoregression` (True,
            False or levels) and `re_encode: True` as options. A `groove_mixture_lstm` has `components` and `window`,
            and as options `history_dropout`, `condition_dropout` and `hit_dropout`.
        seed: of the initial weights, the latent noise, scheduled sampling and dropout.

    Raises:
        ValueError: naming a part or a size that does not fit.
    """
    keras.utils.set_random_seed(seed)
    encoder, decoder, hparams = config.encoder, config.decoder, config.hparams
    converter = config.build_converter()
    dropout = 1.0 - hparams.dropout_keep_prob
    built_encoder = _encoder(encoder, hparams, dropout, seed + 1) if hparams.z_size else None
    if decoder["name"] == "hierarchical_lstm":
        core_data = {**decoder, "name": decoder["core"]}
        core = _core(core_data, hparams, converter, dropout, seed + 2)
        built_decoder: Any = _hierarchy(decoder, core, built_encoder, hparams, dropout, seed + 3)
    else:
        built_decoder = _core(decoder, hparams, converter, dropout, seed + 2)
    return MusicVAE(
        built_encoder,
        built_decoder,
        hparams,
        converter.input_form,
        input_depths(converter),
        converter.control_depth,
        seed,
    )


def _encoder(encoder: Mapping[str, Any], hparams: HParams, dropout: float, seed: int) -> Encoder:
    options = {name: value for name, value in encoder.items() if name != "name"}
    kind = _class_of("encoder", registry.ENCODERS, encoder["name"])
    layers = {"layer_sizes": hparams.enc_rnn_size, "residual": hparams.residual_encoder}
    try:
        built = kind(**layers, dropout=dropout, seed=seed, **options)
    except TypeError as error:
        raise ValueError(f"The encoder '{encoder['name']}' is not one of a MusicVAE: {error}.") from error
    if isinstance(built, HierarchicalLSTMEncoder):
        _check_length("encoder", built, hparams)
    return built


def _hierarchy(
    decoder: Mapping[str, Any], core: Any, encoder: Any, hparams: HParams, dropout: float, seed: int
) -> HierarchicalLSTMDecoder:
    re_encode = decoder.get("re_encode", False)
    if re_encode and not isinstance(encoder, HierarchicalLSTMEncoder):
        raise ValueError("re_encode needs a hierarchical encoder.")
    built = HierarchicalLSTMDecoder(
        core,
        tuple(decoder["level_lengths"]),
        hparams.dec_rnn_size,
        decoder.get("disable_autoregression", False),
        dropout,
        seed,
        hparams.residual_decoder,
        encoder if re_encode else None,
    )
    _check_length("decoder", built, hparams)
    return built


def _check_length(part: str, built: Any, hparams: HParams) -> None:
    if built.total_length != hparams.max_seq_len:
        raise ValueError(
            f"The {part}'s level lengths {list(built.level_lengths)} make {built.total_length} steps, "
            f"but max_seq_len is {hparams.max_seq_len}."
        )


def _core(
    decoder: Mapping[str, Any], hparams: HParams, converter: Converter, dropout: float, seed: int
) -> Any:
    """A decoder without conductors."""
    preprocess = decoder.get("preprocess_controls", False)
    if preprocess and not converter.control_depth:
        raise ValueError("preprocess_controls needs a converter with controls.")
    control_depth = converter.control_depth
    if preprocess:
        control_depth = 2 * hparams.control_preprocessing_rnn_size[-1]
    kind = _class_of("decoder", registry.DECODERS, decoder["name"])
    core = kind.from_config(decoder, hparams, converter, control_depth, dropout, seed)
    if not preprocess:
        return core
    return ControlPreprocessingDecoder(
        core,
        converter.control_depth,
        hparams.control_preprocessing_rnn_size,
        dropout,
        seed + 1000,
        hparams.residual_decoder,
    )


def _class_of(part: str, rows: Mapping[str, registry.Row], name: str) -> Any:
    if name not in rows:
        raise ValueError(f"There is no {part} '{name}'; expected {', '.join(rows)}.")
    return registry.found(rows[name].path)
