"""The configs of GrooVAE: drums as they are played, their hits with velocity and timing (Gillick et al. 2019).

Those without `_small` are Magenta's.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from catalog.config import Config, HParams, frozen

_MAGENTAS = HParams(
    z_size=256,
    enc_rnn_size=(512,),
    dec_rnn_size=(256, 256),
    dropout_keep_prob=0.3,
    free_bits=48.0,
    max_beta=0.2,
)

# Sizes that a CPU trains in half an hour to an hour.
_SMALL = HParams(
    batch_size=64,
    z_size=64,
    enc_rnn_size=(128,),
    dec_rnn_size=(192,),
    dropout_keep_prob=0.7,
    free_bits=8.0,
    max_beta=0.2,
    learning_rate=0.002,
    decay_rate=0.9995,
    min_learning_rate=0.00003,
)


# Grooves by maximum likelihood: a reader of the score and an LSTM over what was played, no latent vector.
_MIXTURE = HParams(
    batch_size=64,
    z_size=0,
    control_preprocessing_rnn_size=(192, 192),
    dec_rnn_size=(128,),
    dropout_keep_prob=0.7,
    learning_rate=0.002,
    decay_rate=0.998,
    min_learning_rate=0.00003,
    grad_clip=20.0,
)


def _groove(split_bars: int, **options: Any) -> Mapping[str, Any]:
    """Hits, velocities and offsets of nine drums, trained on a Roland kit, used on General MIDI."""
    common = {"steps_per_quarter": 4, "quarters_per_bar": 4, "max_tensors_per_notesequence": 20}
    classes = {"pitch_classes": "roland", "inference_pitch_classes": "reduced"}
    return frozen({"name": "groove", "split_bars": split_bars, **common, **classes, **options})


def _groovae(name: str, description: str, bars: int, hparams: HParams, **options: Any) -> Config:
    return Config(
        name=name,
        description=description,
        encoder=frozen({"name": "bidirectional_lstm"}),
        decoder=frozen({"name": "groove_lstm"}),
        converter=_groove(bars, **options),
        hparams=dataclasses.replace(hparams, max_seq_len=16 * bars),
    )


def _mixture(name: str, description: str, decoder: Mapping[str, Any], **options: Any) -> Config:
    return Config(
        name=name,
        description=description,
        encoder=frozen({"name": "bidirectional_lstm"}),
        decoder=frozen({"name": "groove_mixture_lstm", "components": 5, **decoder}),
        converter=_groove(2, conditions_as_controls=True, **_ALL, **options),
        hparams=dataclasses.replace(_MIXTURE, max_seq_len=32),
    )


_TAP: dict[str, Any] = {"tapify": True, "fixed_velocities": True}
_ALL: dict[str, Any] = {"max_tensors_per_notesequence": None, "hop_size": 16}

GROOVE_CONFIGS = (
    _mixture(
        "groovae_2bar_humanize_small",
        "velocity and timing for 2 bars of drums, sized for a CPU; its trained weights are shipped",
        {"window": 16, "hit_dropout": 0.1, "history_dropout": 0.6, "condition_dropout": 0.6},
        humanize=True,
        hits_as_controls=True,
    ),
    _mixture(
        "groovae_2bar_tap_small",
        "2 bars of drums from a tapped rhythm, sized for a CPU; its trained weights are shipped",
        {"window": 31, "hit_dropout": 0.05, "history_dropout": 0.7, "condition_dropout": 0.85},
        taps_as_controls=True,
        **_TAP,
    ),
    _groovae("groovae_4bar_small", "4 bars of drums as played, sized for a CPU", 4, _SMALL, **_ALL),
    _groovae("groovae_4bar", "4 bars of drums as played", 4, _MAGENTAS),
    _groovae("groovae_2bar_humanize", "velocity and timing for 2 bars of drums", 2, _MAGENTAS, humanize=True),
    _groovae(
        "groovae_2bar_tap_fixed_velocity",
        "2 bars of drums from a tapped rhythm",
        2,
        _MAGENTAS,
        **_TAP,
    ),
    _groovae(
        "groovae_2bar_tap_fixed_velocity_note_dropout",
        "2 bars of drums from a rhythm tapped in part",
        2,
        _MAGENTAS,
        max_note_dropout_probability=0.8,
        **_TAP,
    ),
    _groovae(
        "groovae_2bar_add_closed_hh",
        "2 bars of drums, the closed hi-hat added",
        2,
        _MAGENTAS,
        add_instruments=(2,),
    ),
    _groovae(
        "groovae_2bar_hits_control_tfds",
        "velocity and timing of given hits, 2 bars",
        2,
        _MAGENTAS,
        hits_as_controls=True,
    ),
)
