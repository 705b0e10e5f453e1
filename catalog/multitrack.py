"""Magenta's configs of several instruments: trios of melody, bass and drums, and performances of up to eight."""

from collections.abc import Mapping
from typing import Any

from catalog.config import Config, HParams, frozen
from catalog.parts import BIDIRECTIONAL, LONG, LONG_KL, flat, hierarchical, hierarchical_encoder, transposed

_TRIO = frozen({"name": "trio", "slice_bars": 16, "gap_bars": 2, "steps_per_quarter": 4})


def _performance(**options: Any) -> Mapping[str, Any]:
    """Up to eight instruments of one bar, 64 events each."""
    common = {"num_velocity_bins": 8, "hop_size_bars": 1, "max_num_instruments": 8}
    return frozen({"name": "performance", **common, "max_events_per_instrument": 64, **options})


_PERFORMANCE: dict[str, Any] = {"max_seq_len": 512, "z_size": 512, "batch_size": 256}
_PERFORMANCE_MEDIUM = HParams(enc_rnn_size=(1024,), dec_rnn_size=(512, 512, 512), **_PERFORMANCE)
_PERFORMANCE_BIG = HParams(enc_rnn_size=(2048,), dec_rnn_size=(1024, 1024, 1024), **_PERFORMANCE)


_TRIOS = (
    Config(
        name="flat-trio_16bar",
        description="16 bars of melody, bass and drums from one LSTM",
        encoder=BIDIRECTIONAL,
        decoder=flat("multi_categorical_lstm"),
        converter=_TRIO,
        hparams=HParams(enc_rnn_size=(2048, 2048), dec_rnn_size=(2048, 2048, 2048), batch_size=256, **LONG),
    ),
    Config(
        name="hierdec-trio_16bar",
        description="16 bars of melody, bass and drums, a conductor over an LSTM each",
        encoder=BIDIRECTIONAL,
        decoder=hierarchical(16, 16, core="split_lstm", disable_autoregression=True),
        converter=_TRIO,
        hparams=HParams(
            enc_rnn_size=(2048, 2048), dec_rnn_size=(1024, 1024), batch_size=256, **LONG, **LONG_KL
        ),
    ),
    Config(
        name="hier-trio_16bar",
        description="16 bars of melody, bass and drums, encoded and decoded bar by bar",
        encoder=hierarchical_encoder(16, 16),
        decoder=hierarchical(16, 16, core="split_lstm", disable_autoregression=True),
        converter=_TRIO,
        hparams=HParams(enc_rnn_size=(1024,), dec_rnn_size=(1024, 1024), batch_size=256, **LONG, **LONG_KL),
    ),
)


def _multi_performance(size: str, hparams: HParams, chords: bool) -> Config:
    return Config(
        name=f"hier-multiperf_vel_1bar_{size}{'_chords' if chords else ''}",
        description=f"one bar of up to eight instruments{' over given chords' if chords else ''}, {size}",
        encoder=hierarchical_encoder(64, 8),
        decoder=hierarchical(8, 64, disable_autoregression=True),
        converter=_performance(chord_encoding="triad") if chords else _performance(),
        augmenter=transposed(3),
        hparams=hparams,
    )


_PERFORMANCES = (
    _multi_performance("med", _PERFORMANCE_MEDIUM, False),
    _multi_performance("big", _PERFORMANCE_BIG, False),
    _multi_performance("med", _PERFORMANCE_MEDIUM, True),
    _multi_performance("big", _PERFORMANCE_BIG, True),
)


MULTITRACK_CONFIGS = (*_TRIOS, *_PERFORMANCES)
