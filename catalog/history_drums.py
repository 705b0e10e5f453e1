"""The configs of history drum models: their decoder reads and copies what it has played, a HistoryUser for drums.

One samples, continues and fills in; the other keeps a clip bar by bar in z, and is what clips are edited and
interpolated with.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from catalog.config import Config, HParams, frozen

BAR = 16
"""Steps of a bar of 4/4."""

SAMPLING_TEMPERATURE = 0.87
"""Default temperature of the history drum model that samples.

At this temperature a two-sample test can hardly tell its samples from drummers, and they repeat themselves as much as
drummers do (docs/figures.md).
"""

_LAGS = (
    *(1, 2, 3, 4, 6, 8),
    *(BAR - 4, BAR - 3, BAR - 2, BAR - 1, BAR, BAR + 1),
    *(2 * BAR - 4, 2 * BAR - 3, 2 * BAR - 2, 2 * BAR - 1, 2 * BAR, 2 * BAR + 1),
    *(3 * BAR - 4, 3 * BAR - 3, 3 * BAR - 2, 3 * BAR - 1, 3 * BAR, 3 * BAR + 1),
    *(4 * BAR - 4, 4 * BAR - 3, 4 * BAR - 2, 4 * BAR - 1, 4 * BAR),
)
"""The steps just played, and those around this place in the bar one to four bars ago, the ones after it included."""
_COPY_LAGS = (1, 2, 4, 8, BAR, 2 * BAR, 3 * BAR, 4 * BAR)
_LEADS = (0, 1, 2, 3, 4, 8, BAR - 1, BAR, BAR + 1, 2 * BAR, 3 * BAR)
"""How far ahead known hits are read: at this step, the next ones, and this place in later bars."""

_CONDITIONS = 28
"""`preprocess.drums.conditions.WIDTH`, which is not imported since configs load no NumPy."""


def _history_decoder(hidden_size: int, **options: Any) -> Mapping[str, Any]:
    common = {"name": "history_lstm", "drums": 9, "length": 4 * BAR, "steps_per_bar": BAR}
    reading = {
        "lags": _LAGS,
        "copy_lags": _COPY_LAGS,
        "leads": _LEADS,
        "conditions": _CONDITIONS,
        "z_slices": 1,
    }
    return frozen({**common, **reading, "hidden_size": hidden_size, **options})


_CONVERTER = frozen(
    {
        "name": "drums",
        "max_bars": 100,
        "slice_bars": 4,
        "steps_per_quarter": 4,
        "roll_input": True,
        "max_tensors_per_notesequence": None,
    }
)

_SAMPLER = HParams(
    batch_size=64,
    max_seq_len=4 * BAR,
    z_size=32,
    dec_rnn_size=(256,),
    dropout_keep_prob=0.7,
    free_bits=20.0,
    learning_rate=0.002,
    min_learning_rate=0.00004,
    warmup_steps=100,
    decay_steps=3000,
    weight_decay=0.1,
    averaging_rate=0.998,
    grad_clip=10.0,
)

HISTORY_CONFIGS = (
    Config(
        name="histdec-drum_4bar",
        description="4-bar drum beats by an autoregressive decoder that reads its history: to sample, continue and fill in; weights are shipped",
        encoder=frozen({"name": "bars", "bars": 4, "bar_sizes": (256, 128), "joint_sizes": (256,)}),
        decoder=_history_decoder(hidden_size=256),
        converter=_CONVERTER,
        hparams=_SAMPLER,
        augmenter=frozen(
            {"z_share": 0.5, "known_share": 0.25, "past_rate": 0.5, "condition_rate": 0.5, "swap_rate": 0.2}
        ),
    ),
    Config(
        name="histdec-drum_4bar_edit",
        description="4-bar drum beats with a slice of z a bar, to edit and interpolate clips; weights are shipped",
        encoder=frozen({"name": "bars", "bars": 4, "bar_sizes": (256, 128), "hit_noise": 0.03}),
        decoder=_history_decoder(
            hidden_size=192,
            lags=(1, 2, 3, 4, 8, BAR, 2 * BAR, 3 * BAR),
            copy_lags=(BAR, 2 * BAR, 3 * BAR),
            leads=(0,),
            conditions=0,
            z_slices=4,
            step_features=24,
        ),
        converter=_CONVERTER,
        hparams=dataclasses.replace(
            _SAMPLER,
            z_size=128,
            dec_rnn_size=(160,),
            dropout_keep_prob=0.95,
            free_bits=0.0,
            max_beta=0.05,
            decay_steps=2500,
            averaging_rate=0.99,
        ),
        augmenter=frozen(
            {
                "z_share": 1.0,
                "known_share": 0.0,
                "past_rate": 0.0,
                "condition_rate": 0.0,
                "fill_share": 0.1,
                "swap_rate": 0.6,
                "recombined_rate": 0.5,
            }
        ),
    ),
)
