"""The configs of melodies, one voice on sixteenths: Magenta's, and one that a CPU trains."""

from collections.abc import Mapping
from typing import Any

from catalog.config import Config, HParams, frozen
from catalog.parts import (
    BIDIRECTIONAL,
    LONG,
    LONG_KL,
    SCHEDULED,
    flat,
    hierarchical,
    hierarchical_encoder,
    transposed,
)


def _melody(slice_bars: int, **options: Any) -> Mapping[str, Any]:
    """One voice of the piano's 88 pitches on sixteenths."""
    common = {"max_bars": 100, "slice_bars": slice_bars, "steps_per_quarter": 4}
    return frozen({"name": "melody", **common, **options})


_MELODY_PROGRAMS = tuple(range(32))
"""Pianos, chromatic percussion, organs, guitars."""


MELODY_CONFIGS = (
    Config(
        name="cat-mel_2bar_tiny",
        description="2-bar melodies, sized for a CPU; its trained weights are shipped in checkpoints/",
        encoder=BIDIRECTIONAL,
        decoder=flat(),
        converter=_melody(
            2, valid_programs=_MELODY_PROGRAMS, max_tensors_per_notesequence=None, shorter_bars=True
        ),
        augmenter=transposed(5),
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
        encoder=BIDIRECTIONAL,
        decoder=flat(),
        converter=_melody(2, valid_programs=_MELODY_PROGRAMS),
        augmenter=transposed(5),
        hparams=HParams(
            z_size=256,
            enc_rnn_size=(512,),
            dec_rnn_size=(256, 256),
            max_beta=0.2,
            beta_rate=0.99999,
            **SCHEDULED,
        ),
    ),
    Config(
        name="cat-mel_2bar_big",
        description="2-bar melodies, Magenta's large model",
        encoder=BIDIRECTIONAL,
        decoder=flat(),
        converter=_melody(2, valid_programs=_MELODY_PROGRAMS),
        augmenter=transposed(5),
        hparams=HParams(
            z_size=512,
            enc_rnn_size=(2048,),
            dec_rnn_size=(2048, 2048, 2048),
            max_beta=0.5,
            beta_rate=0.99999,
            **SCHEDULED,
        ),
    ),
    Config(
        name="cat-mel_2bar_med_chords",
        description="2-bar melodies over given chords",
        encoder=BIDIRECTIONAL,
        decoder=flat(),
        converter=_melody(2, chord_encoding="triad"),
        augmenter=transposed(3),
        hparams=HParams(z_size=256, enc_rnn_size=(1024,), dec_rnn_size=(512, 512, 512)),
    ),
    Config(
        name="flat-mel_16bar",
        description="16-bar melodies without a conductor",
        encoder=BIDIRECTIONAL,
        decoder=flat(),
        converter=_melody(16),
        hparams=HParams(enc_rnn_size=(2048, 2048), dec_rnn_size=(2048, 2048, 2048), **LONG, **LONG_KL),
    ),
    Config(
        name="hierdec-mel_16bar",
        description="16-bar melodies, a conductor over the bars",
        encoder=BIDIRECTIONAL,
        decoder=hierarchical(16, 16, disable_autoregression=True),
        converter=_melody(16),
        hparams=HParams(enc_rnn_size=(2048, 2048), dec_rnn_size=(1024, 1024), **LONG, **LONG_KL),
    ),
    Config(
        name="hier-mel_16bar",
        description="16-bar melodies, encoded and decoded bar by bar",
        encoder=hierarchical_encoder(16, 16),
        decoder=hierarchical(16, 16, disable_autoregression=True),
        converter=_melody(16),
        hparams=HParams(enc_rnn_size=(1024,), dec_rnn_size=(1024, 1024), **LONG, **LONG_KL),
    ),
)
