"""What a run trains on: how many examples of a NoteSequence an epoch takes."""

import dataclasses

import numpy as np
import pytest

import configs
from preprocess.dataset import ExampleSet
from workflows.training.data import ClipData

SOURCES = np.repeat(np.arange(3), 30).astype(np.int32)

MAGENTA_DEFAULTS = {
    "cat-drums_2bar_small": 5,  # DrumsConverter
    "cat-mel_2bar_small": 5,  # LegacyEventListOneHotConverter, the base of OneHotMelodyConverter
    "hierdec-trio_16bar": 5,  # TrioConverter
    "groovae_2bar_humanize": 8,  # GrooveConverter
    "hier-multiperf_vel_1bar_med": None,  # MultiInstrumentPerformanceConverter
}
"""`max_tensors_per_notesequence` of the converters of `magenta/models/music_vae/data*.py` where a config says nothing."""


def epoch_size(config: configs.Config) -> int:
    """Examples of an epoch, from three NoteSequences of thirty examples each."""
    tokens = np.zeros((len(SOURCES), 4), np.int32)
    data = ClipData(config, None, None)
    data.train = ExampleSet(tokens, np.full(len(SOURCES), 4, np.int32), SOURCES, ("a", "b", "c"), {})
    return data.batches(None, seed=0).epoch_size


@pytest.mark.parametrize("name", MAGENTA_DEFAULTS)
def test_a_converter_limits_the_examples_of_a_note_sequence_as_magentas_does(name: str) -> None:
    config = configs.CONFIG_MAP[name]
    spec = {k: v for k, v in config.converter.items() if k != "max_tensors_per_notesequence"}
    most = MAGENTA_DEFAULTS[name]
    silent = dataclasses.replace(config, converter=spec)
    assert epoch_size(silent) == 3 * (30 if most is None else most)
    assert epoch_size(dataclasses.replace(config, converter={**spec, "max_tensors_per_notesequence": 2})) == 6


def test_configs_with_a_limit_of_their_own_keep_it() -> None:
    assert epoch_size(configs.CONFIG_MAP["groovae_2bar_humanize"]) == 3 * 20
    assert epoch_size(configs.CONFIG_MAP["hierdec-drum_4bar_small"]) == 3 * 30
