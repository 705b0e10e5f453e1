"""The configs of drum beats that a MusicVAE plays step by step, quantized.

Those of two bars are Magenta's; the three large ones of four bars are those of beat-generation-with-mvae; the
ones named `_small` are ours.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from catalog.config import Config, HParams, frozen
from catalog.parts import BIDIRECTIONAL, SCHEDULED, flat, hierarchical


def _drums(slice_bars: int, **options: Any) -> Mapping[str, Any]:
    """Nine drum classes on sixteenths, as all drum configs of Magenta's MusicVAE have it."""
    common = {"max_bars": 100, "slice_bars": slice_bars, "steps_per_quarter": 4, "roll_input": True}
    return frozen({"name": "drums", **common, **options})


_KL: dict[str, Any] = {"free_bits": 48.0, "max_beta": 0.2}

_FOUR_BARS = HParams(
    max_seq_len=64, z_size=512, enc_rnn_size=(512, 512), dec_rnn_size=(256, 256), **_KL, **SCHEDULED
)
_NADE_HPARAMS = HParams(
    z_size=256, enc_rnn_size=(1024,), dec_rnn_size=(512, 512), nade_num_hidden=128, **_KL, **SCHEDULED
)


_OUR_DRUMS = (
    Config(
        name="hierdec-drum_4bar_small",
        description="4-bar drum beats, sized for a CPU; its trained weights are shipped in checkpoints/",
        encoder=BIDIRECTIONAL,
        decoder=hierarchical(4, 16, disable_autoregression=True),
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
        description="4-bar drum beats of beat-generation-with-mvae (v1, v2): conductor and decoder [256, 256], z 512",
        encoder=BIDIRECTIONAL,
        decoder=hierarchical(8, 8),
        converter=_drums(4),
        hparams=_FOUR_BARS,
    ),
    Config(
        name="hierdec-drum_4bar_v2",
        description="4-bar drum beats of beat-generation-with-mvae (v3): z 256",
        encoder=BIDIRECTIONAL,
        decoder=hierarchical(8, 8),
        converter=_drums(4),
        hparams=dataclasses.replace(_FOUR_BARS, z_size=256),
    ),
    Config(
        name="hierdec-drum_4bar-no_ar",
        description="4-bar drum beats of beat-generation-with-mvae whose conductor does not read what was played",
        encoder=BIDIRECTIONAL,
        decoder=hierarchical(8, 8, disable_autoregression=True),
        converter=_drums(4),
        hparams=_FOUR_BARS,
    ),
)


def _twelve_steps(name: str, description: str, **converter: Any) -> Config:
    """The small drum model for bars of twelve steps, whatever their length; weights of one fit the others."""
    small = _OUR_DRUMS[0]
    return dataclasses.replace(
        small,
        name=f"hierdec-drum_4bar_{name}_small",
        description=f"{description}; there is little training data for it, see patterns/README.md",
        decoder=hierarchical(4, 12, disable_autoregression=True),
        converter=_drums(4, max_tensors_per_notesequence=None, **converter),
        # At 0.002 a training on triplets forgot what it had learned around step 250; at 0.001 it did not.
        hparams=dataclasses.replace(small.hparams, max_seq_len=48, learning_rate=0.001),
    )


_OTHER_METERS = (
    _twelve_steps("3-4", "4-bar drum beats in 3/4 on sixteenths", meter="3/4"),
    _twelve_steps("6-8", "4-bar drum beats in 6/8 on sixteenths", meter="6/8"),
    _twelve_steps("12-8", "4-bar drum beats in 12/8 on eighths", meter="12/8", steps_per_quarter=2),
    _twelve_steps(
        "triplets",
        "4-bar drum beats in 4/4 on triplets",
        meter="4/4",
        steps_per_quarter=3,
        only_on_grid=True,
    ),
)

_TWO_BARS = (
    Config(
        name="cat-drums_2bar_small",
        description="2-bar drum beats, Magenta's flat model",
        encoder=BIDIRECTIONAL,
        decoder=flat(),
        converter=_drums(2),
        hparams=HParams(z_size=256, enc_rnn_size=(512,), dec_rnn_size=(256, 256), **_KL, **SCHEDULED),
    ),
    Config(
        name="cat-drums_2bar_big",
        description="2-bar drum beats, Magenta's large flat model",
        encoder=BIDIRECTIONAL,
        decoder=flat(),
        converter=_drums(2),
        hparams=HParams(
            z_size=512, enc_rnn_size=(2048,), dec_rnn_size=(2048, 2048, 2048), **_KL, **SCHEDULED
        ),
    ),
    Config(
        name="nade-drums_2bar_reduced",
        description="2-bar drum beats, nine drums that a NADE plays together",
        encoder=BIDIRECTIONAL,
        decoder=flat("nade_lstm"),
        converter=_drums(2, roll_output=True),
        hparams=_NADE_HPARAMS,
    ),
    Config(
        name="nade-drums_2bar_full",
        description="2-bar drum beats, all 61 drums of General MIDI",
        encoder=BIDIRECTIONAL,
        decoder=flat("nade_lstm"),
        converter=_drums(2, roll_output=True, pitch_classes="full"),
        hparams=_NADE_HPARAMS,
    ),
)

DRUM_CONFIGS = (*_OUR_DRUMS, *_OTHER_METERS, *_TWO_BARS)
