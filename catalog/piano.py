"""The configs of the piano family, which plays frame by frame, and those of MusicVAE on piano rolls.

A piano model's `encoder` reads the past, its `decoder` draws a frame (see `models/piano/build.py`). Those whose names
begin with `piano-` come from FortsAndMills/MusicGeneration: most play twelve pitch classes and decode them to keys. The
Basic RNN and EnDeCell, which play all 88 keys, come from Conchylicultor/MusicGenerator.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from catalog.config import Config, HParams, frozen

# What a frame is.

_STRUCK = frozen({"name": "pianoroll", "representation": "struck", "shorter_bars": True})
_SOUNDING = frozen({**_STRUCK, "representation": "sounding"})
_TRANSPOSED = frozen({"transpose_range": (-6, 5)})

# Readers.

_CLOCK: dict[str, Any] = {"clock_bits": 6}
_HISTORY = frozen({"name": "history_user", **_CLOCK})
_WITHOUT_HISTORY = frozen({"name": "lstm", "layer_sizes": (100, 130), **_CLOCK})

# What draws a frame.

_SAMPLER: dict[str, Any] = {"name": "polyphonic_sampler", "form": "classes", "memory": True}
_AUTHORS: dict[str, Any] = {**_SAMPLER, "objective": "path"}
_PAUSES: dict[str, Any] = {**_AUTHORS, "pauses": True, "units": 40}
_INDEPENDENT = frozen({"name": "independent"})
_RBM_KEYS = frozen({"name": "rbm"})

_PIANO = HParams(
    max_seq_len=256,
    batch_size=140,
    learning_rate=0.003,
    decay_rate=0.9997,
    min_learning_rate=0.0001,
)
_STUDENT = HParams(
    max_seq_len=128,
    batch_size=32,
    enc_rnn_size=(256, 256),
    learning_rate=0.002,
    decay_rate=0.9995,
    min_learning_rate=0.0001,
    dropout_keep_prob=0.7,
)


def _piano(
    name: str,
    description: str,
    reader: Mapping[str, Any] = _HISTORY,
    sampler: Mapping[str, Any] = _AUTHORS,
    converter: Mapping[str, Any] = _STRUCK,
    hparams: HParams = _PIANO,
    **decoder: Any,
) -> Config:
    """A model of pitch classes with a decoder to keys."""
    return Config(
        name=name,
        description=description,
        model="frame_model",
        encoder=reader,
        decoder=frozen({"keys": _INDEPENDENT, **sampler, **decoder}),
        converter=converter,
        hparams=hparams,
        augmenter=_TRANSPOSED,
    )


_BASELINES = (
    _piano(
        "piano-baseline",
        "piano, MusicGeneration's baseline: a local LSTM beside a history reader, and the polyphonic sampler",
    ),
    _piano("piano-no_history", "the baseline without its history reader", _WITHOUT_HISTORY),
    _piano(
        "piano-small",
        "the baseline trained on the bound of its likelihood; its trained weights are shipped",
        sampler={**_SAMPLER, "objective": "bound"},
        hparams=HParams(
            max_seq_len=256,
            batch_size=32,
            learning_rate=0.003,
            decay_rate=0.9995,
            min_learning_rate=0.0001,
            dropout_keep_prob=0.8,
        ),
        keys=frozen({"name": "independent"}),
        velocities=frozen({}),
    ),
)

_SAMPLERS = (
    _piano("piano-pauses", "the earlier sampler: 12 notes or a pause a voice", sampler=_PAUSES),
    _piano(
        "piano-pauses_aposter",
        "the earlier sampler, which draws only right notes while training",
        sampler={**_PAUSES, "aposter": True},
    ),
    _piano(
        "piano-pause_loss",
        "the earlier sampler, with a loss for empty frames and a lag of two frames",
        frozen({**_HISTORY, "lags": (1, 3, 7, 15, 31, 47, 63, 95, 127)}),
        sampler={**_PAUSES, "aposter": True, "pause_loss": True},
    ),
    _piano(
        "piano-chord_likelihood",
        "five independent voices, by the exact likelihood of the chord that they draw",
        sampler={"name": "independent_voices", "form": "classes"},
    ),
    _piano(
        "piano-chord_classes",
        "one of 4096 chords a frame",
        sampler={"name": "chord_classes", "form": "classes"},
    ),
)

_DECODERS = (
    _piano("piano-rbm_keys", "the baseline with an LSTM-RBM from pitch classes to keys", keys=_RBM_KEYS),
    _piano("piano-velocity", "the baseline with velocities", keys=_RBM_KEYS, velocities=frozen({})),
    _piano("piano-sounding", "the baseline on what sounds instead of what is struck", converter=_SOUNDING),
)

_READERS = (
    _piano(
        "piano-latency",
        "LSTM states that return after 1 to 128 frames, in one layer",
        frozen({"name": "latency_lstm", **_CLOCK}),
    ),
    _piano(
        "piano-latency_capsules",
        "nine LSTMs whose states return after 1 to 128 frames",
        frozen({"name": "latency_capsules", **_CLOCK}),
    ),
    _piano(
        "piano-levels_3",
        "LSTMs on 3 levels, each half as fast as the one below",
        frozen({"name": "level_lstm", "levels": 3, **_CLOCK}),
    ),
    _piano(
        "piano-levels_7",
        "LSTMs on 7 levels, each half as fast as the one below",
        frozen({"name": "level_lstm", "levels": 7, **_CLOCK}),
    ),
)


def _keys(
    name: str,
    description: str,
    reader: Mapping[str, Any],
    decoder: Mapping[str, Any],
    hparams: HParams = _STUDENT,
    converter: Mapping[str, Any] = _STRUCK,
) -> Config:
    """A model of all 88 keys."""
    return Config(
        name=name,
        description=description,
        model="frame_model",
        encoder=frozen(dict(reader)),
        decoder=frozen(dict(decoder)),
        converter=converter,
        hparams=hparams,
        augmenter=_TRANSPOSED,
    )


_VOICES_OF_KEYS = frozen({"name": "independent_voices", "voices": 7, "objective": "marginals"})

_KEYS = (
    _keys(
        "piano-capsules",
        "an LSTM for the present and for each of 8 lags, and seven independent voices of 88 keys",
        {"name": "capsules"},
        _VOICES_OF_KEYS,
    ),
    _keys(
        "piano-stacked_capsules",
        "nine LSTMs that each predict, and one that chooses among them",
        {"name": "stacked_capsules"},
        _VOICES_OF_KEYS,
    ),
    _keys(
        "basic_rnn",
        "MusicGenerator's Basic RNN: two LSTM layers, 88 independent keys, later steps weigh more",
        {"name": "lstm", "signed": True},
        {"name": "boolean", "step_weights": True},
    ),
    _keys(
        "endecell",
        "MusicGenerator's EnDeCell: an LSTM reads the keys one by one, another predicts them",
        {"name": "endecell", "signed": True},
        {"name": "boolean", "step_weights": True},
        HParams(max_seq_len=40, batch_size=16),
    ),
    _keys(
        "endecell_as_drawn",
        "the EnDeCell as its author drew it, with two LSTM layers over time between its two",
        {"name": "endecell", "as_drawn": True, "signed": True},
        {"name": "boolean", "step_weights": True},
        HParams(max_seq_len=40, batch_size=16),
    ),
    _keys("rnn_nade", "an LSTM and a NADE of 88 keys", {"name": "lstm"}, {"name": "nade"}),
    _keys("rnn_rbm", "an LSTM and an RBM of 88 keys", {"name": "lstm"}, {"name": "rbm"}),
    _keys(
        "rnn_sampler",
        "an LSTM and the polyphonic sampler of 88 keys, voice by voice",
        {"name": "lstm"},
        {"name": "polyphonic_sampler", "pauses": True, "voices": 8, "objective": "bound"},
    ),
    Config(
        name="relative_rnn",
        description="MusicGenerator's relative tokens: the pitch class of each note relative to the one before",
        model="frame_model",
        encoder=frozen({"name": "lstm", "output_dropout": 0.1}),
        decoder=frozen({"name": "categorical", "form": "tokens", "depth": 13, "step_weights": True}),
        converter=frozen({"name": "relative"}),
        hparams=HParams(
            max_seq_len=40,
            batch_size=64,
            enc_rnn_size=(512, 512),
            dropout_keep_prob=0.9,
            learning_rate=0.001,
            decay_rate=0.9999,
        ),
    ),
)

# MusicVAE.


_VAE = HParams(
    z_size=256,
    batch_size=64,
    enc_rnn_size=(512,),
    dec_rnn_size=(384,),
    dropout_keep_prob=0.8,
    free_bits=32.0,
    max_beta=0.5,
    beta_rate=0.9995,
    decay_rate=0.9997,
)


def _music_vae(name: str, description: str, decoder: Mapping[str, Any], slice_bars: int) -> Config:
    """A MusicVAE of piano rolls, a bar being 16 steps."""
    return Config(
        name=name,
        description=description,
        encoder=frozen({"name": "bidirectional_lstm"}),
        decoder=frozen(dict(decoder)),
        converter=frozen({**_STRUCK, "slice_bars": slice_bars, "max_tensors_per_notesequence": 20}),
        hparams=dataclasses.replace(_VAE, max_seq_len=16 * slice_bars),
        augmenter=_TRANSPOSED,
    )


_HIERARCHICAL: dict[str, Any] = {
    "name": "hierarchical_lstm",
    "level_lengths": (4, 16),
    "disable_autoregression": True,
}

_MUSIC_VAES = (
    _music_vae(
        "flat-pianoroll_2bar", "2 bars of piano, MusicVAE with a NADE of 88 keys", {"name": "nade_lstm"}, 2
    ),
    _music_vae(
        "hierdec-pianoroll_4bar",
        "4 bars of piano, MusicVAE with a conductor and a NADE of 88 keys",
        {**_HIERARCHICAL, "core": "nade_lstm"},
        4,
    ),
    _music_vae(
        "hierdec-pianoroll_4bar_sampler",
        "4 bars of piano, MusicVAE with a conductor and the polyphonic sampler",
        {**_HIERARCHICAL, "core": "polyphonic_sampler_lstm"},
        4,
    ),
)

PIANO_CONFIGS = (*_BASELINES, *_SAMPLERS, *_DECODERS, *_READERS, *_KEYS, *_MUSIC_VAES)
