"""From a config's plain data to a Keras model; the only place that knows which name means which class."""

from collections.abc import Mapping
from typing import Any

from models.decoders import CategoricalLSTMDecoder
from models.encoders import BidirectionalLSTMEncoder
from models.hierarchical import HierarchicalLSTMDecoder
from models.music_vae import MusicVAE


def music_vae(
    encoder: Mapping[str, Any],
    decoder: Mapping[str, Any],
    hparams: Any,
    input_form: str,
    input_depth: int,
    output_depth: int,
    seed: int = 0,
) -> MusicVAE:
    """Build a MusicVAE with fresh weights.

    Args:
        encoder: `{"name": "bidirectional_lstm"}`.
        decoder: `{"name": "categorical_lstm"}` or `{"name": "hierarchical_lstm", ...}`.
        hparams: `configs.HParams`.
        input_form: one of `representations.ENCODER_INPUTS`.
        input_depth: depth of the encoder's input.
        output_depth: number of tokens.
        seed: of the initial weights, the latent noise, scheduled sampling and dropout.

    Raises:
        ValueError: naming a part or a size that does not fit.
    """
    import keras

    keras.utils.set_random_seed(seed)
    dropout = 1.0 - hparams.dropout_keep_prob
    if encoder["name"] != "bidirectional_lstm":
        raise ValueError(f"There is no encoder '{encoder['name']}'; expected bidirectional_lstm.")
    built_encoder = BidirectionalLSTMEncoder(hparams.enc_rnn_size, dropout, seed + 1)
    core = CategoricalLSTMDecoder(output_depth, hparams.dec_rnn_size, dropout, seed + 2)
    built_decoder: Any = core
    if decoder["name"] == "hierarchical_lstm":
        built_decoder = HierarchicalLSTMDecoder(
            core,
            tuple(decoder["level_lengths"]),
            hparams.dec_rnn_size,
            decoder.get("disable_autoregression", False),
            dropout,
            seed + 3,
        )
        if built_decoder.total_length != hparams.max_seq_len:
            raise ValueError(
                f"The level lengths {list(decoder['level_lengths'])} make {built_decoder.total_length} steps, "
                f"but max_seq_len is {hparams.max_seq_len}."
            )
    elif decoder["name"] != "categorical_lstm":
        raise ValueError(
            f"There is no decoder '{decoder['name']}'; expected categorical_lstm or hierarchical_lstm."
        )
    return MusicVAE(built_encoder, built_decoder, hparams, input_form, input_depth, seed)
