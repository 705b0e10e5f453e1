"""From a config to a history drum model; the only place that knows which name means which class."""

import keras

from catalog.config import Config
from models.history_drums.bar_encoder import BarEncoder
from models.history_drums.decoder import HistoryDecoder
from models.history_drums.vae import HistoryVAE
from models.training import scheduled_sampling


def history_vae(config: Config, seed: int = 0) -> HistoryVAE:
    """Build a history drum model with fresh weights: a decoder that reads its own past, and the encoder of bars.

    Args:
        config: its `encoder` is `bars`, with the arguments of `BarEncoder`; its `decoder` `history_lstm`, with those
            of `HistoryDecoder`.
        seed: of the initial weights, the latent noise and dropout.

    Raises:
        ValueError: naming a part or a size that does not fit.
    """
    keras.utils.set_random_seed(seed)
    encoder, decoder, hparams = config.encoder, config.decoder, config.hparams
    if encoder["name"] != "bars":
        raise ValueError(f"A history_lstm goes with the encoder 'bars', not '{encoder['name']}'.")
    if not scheduled_sampling.is_teacher_forcing(hparams.sampling_schedule, hparams.sampling_rate):
        raise ValueError("A history_lstm has no scheduled sampling; it reads its own past.")
    if decoder["length"] != hparams.max_seq_len:
        raise ValueError(
            f"The decoder's length is {decoder['length']}, but max_seq_len {hparams.max_seq_len}."
        )
    dropout = 1.0 - hparams.dropout_keep_prob
    sizes = {name: tuple(encoder.get(name, ())) for name in ("bar_sizes", "joint_sizes")}
    reader = BarEncoder(encoder["bars"], **sizes, dropout=dropout, seed=seed + 1)
    options = {name: value for name, value in decoder.items() if name != "name"}
    player = HistoryDecoder(layer_sizes=hparams.dec_rnn_size, **options, dropout=dropout, seed=seed + 2)
    input_depth = config.build_converter().input_depth
    return HistoryVAE(reader, player, hparams, input_depth, encoder.get("hit_noise", 0.0), seed)
