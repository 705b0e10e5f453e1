"""From a config's plain data to a Keras model; the only place that knows which name means which class."""

from collections.abc import Mapping
from typing import Any

import keras

from catalog.config import Config
from models.music_vae import decoders, encoders
from models.music_vae.conductor import HierarchicalLSTMDecoder
from models.music_vae.groove_score_decoder import GrooveScoreDecoder
from models.music_vae.model import MusicVAE
from models.numpy_engine.representations import input_depths
from models.outputs.base import Output
from models.outputs.boolean import Boolean
from models.outputs.categorical import Categorical, MultiCategorical
from models.outputs.groove import Groove
from models.outputs.groove_mixture import GrooveMixture
from models.outputs.nade import Nade
from models.outputs.polyphonic_sampler import PolyphonicSampler

OUTPUTS = (
    "categorical_lstm",
    "multi_categorical_lstm",
    "split_lstm",
    "boolean_lstm",
    "nade_lstm",
    "groove_lstm",
    "groove_mixture_lstm",
    "polyphonic_sampler_lstm",
)
SAMPLER_FEATURES, SAMPLER_VOICES = 128, 8
"""What the polyphonic sampler of a MusicVAE takes of its decoder, and how many keys it strikes at most."""

ENCODERS = {
    "bidirectional_lstm": encoders.BidirectionalLSTMEncoder,
    "lstm": encoders.LSTMEncoder,
    "hierarchical_lstm": encoders.HierarchicalLSTMEncoder,
}


def music_vae(config: Config, seed: int = 0) -> MusicVAE:
    """Build a MusicVAE with fresh weights.

    Args:
        config: its `encoder` is one of `ENCODERS`, `hierarchical_lstm` with `level_lengths`. Its `decoder` is one of
            `OUTPUTS`, with `preprocess_controls: True` where an LSTM is to read the controls first; or
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


def _encoder(encoder: Mapping[str, Any], hparams: Any, dropout: float, seed: int) -> Any:
    if encoder["name"] not in ENCODERS:
        raise ValueError(f"There is no encoder '{encoder['name']}'; expected {', '.join(ENCODERS)}.")
    if encoder["name"] != "hierarchical_lstm":
        return ENCODERS[encoder["name"]](hparams.enc_rnn_size, dropout, seed, hparams.residual_encoder)
    levels = tuple(encoder["level_lengths"])
    built = encoders.HierarchicalLSTMEncoder(
        levels, hparams.enc_rnn_size, dropout, seed, hparams.residual_encoder
    )
    _check_length("encoder", built, hparams)
    return built


def _hierarchy(
    decoder: Mapping[str, Any], core: Any, encoder: Any, hparams: Any, dropout: float, seed: int
) -> HierarchicalLSTMDecoder:
    re_encode = decoder.get("re_encode", False)
    if re_encode and not isinstance(encoder, encoders.HierarchicalLSTMEncoder):
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


def _check_length(part: str, built: Any, hparams: Any) -> None:
    if built.total_length != hparams.max_seq_len:
        raise ValueError(
            f"The {part}'s level lengths {list(built.level_lengths)} make {built.total_length} steps, "
            f"but max_seq_len is {hparams.max_seq_len}."
        )


def _core(decoder: Mapping[str, Any], hparams: Any, converter: Any, dropout: float, seed: int) -> Any:
    """A decoder without conductors."""
    name, depths = decoder["name"], tuple(converter.output_depths)
    control_depth = converter.control_depth
    preprocess = decoder.get("preprocess_controls", False)
    if preprocess and not control_depth:
        raise ValueError("preprocess_controls needs a converter with controls.")
    core_controls = 2 * hparams.control_preprocessing_rnn_size[-1] if preprocess else control_depth

    def lstm(output: Output, offset: int = 0) -> decoders.LSTMDecoder:
        return decoders.LSTMDecoder(
            output, hparams.dec_rnn_size, core_controls, dropout, seed + offset, hparams.residual_decoder
        )

    if name == "groove_mixture_lstm":
        return _score_decoder(decoder, hparams, converter, dropout, seed)
    if name == "split_lstm":
        core: Any = decoders.SplitDecoder([lstm(Categorical(d), 100 * i) for i, d in enumerate(depths)])
    else:
        core = lstm(_output(name, depths, hparams))
    if not preprocess:
        return core
    return decoders.ControlPreprocessingDecoder(
        core,
        control_depth,
        hparams.control_preprocessing_rnn_size,
        dropout,
        seed + 1000,
        hparams.residual_decoder,
    )


def _score_decoder(
    decoder: Mapping[str, Any], hparams: Any, converter: Any, dropout: float, seed: int
) -> GrooveScoreDecoder:
    output = GrooveMixture(converter.output_depth // 3, decoder["components"], converter.taps_as_controls)
    return GrooveScoreDecoder(
        output,
        hparams.control_preprocessing_rnn_size,
        hparams.dec_rnn_size,
        converter.control_depth,
        decoder["window"],
        dropout,
        decoder.get("history_dropout", 0.0),
        decoder.get("condition_dropout", 0.0),
        decoder.get("hit_dropout", 0.0),
        seed,
    )


def _output(name: str, depths: tuple[int, ...], hparams: Any) -> Output:
    if name == "multi_categorical_lstm":
        return MultiCategorical(depths)
    depth = sum(depths)
    if name == "categorical_lstm":
        return Categorical(depth)
    if name == "boolean_lstm":
        return Boolean(depth)
    if name == "nade_lstm":
        return Nade(depth, hparams.nade_num_hidden)
    if name == "groove_lstm":
        return Groove(depth)
    if name == "polyphonic_sampler_lstm":
        return PolyphonicSampler(depth, SAMPLER_FEATURES, SAMPLER_VOICES, pauses=True)
    raise ValueError(f"There is no decoder '{name}'; expected {', '.join(OUTPUTS)} or hierarchical_lstm.")
