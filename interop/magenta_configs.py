"""This project's configs as Config objects of an installed Magenta, for its own commands and TrainedModel.

Importing this module imports Magenta, which needs `TF_USE_LEGACY_KERAS=1` beside a current TensorFlow.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

from magenta.contrib import training as contrib_training
from magenta.models.music_vae import MusicVAE, data, lstm_models
from magenta.models.music_vae import configs as magenta_configs


def magenta_config(config: Any) -> Any:
    """Magenta's Config for one of ours.

    Raises:
        ValueError: where Magenta has no such converter.
    """
    options = dict(config.converter)
    if options.pop("name") != "drums":
        raise ValueError(
            f"{config.name}: Magenta's side of converter '{config.converter['name']}' is not known."
        )
    decoder: Any = lstm_models.CategoricalLstmDecoder()
    if config.decoder["name"] == "hierarchical_lstm":
        disabled = config.decoder.get("disable_autoregression", False)
        decoder = lstm_models.HierarchicalLstmDecoder(
            decoder,
            level_lengths=list(config.decoder["level_lengths"]),
            disable_autoregression=disabled if isinstance(disabled, bool) else list(disabled),
        )
    values = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in dataclasses.asdict(config.hparams).items()
    }
    hparams = magenta_configs.merge_hparams(
        lstm_models.get_default_hparams(), contrib_training.HParams(**values)
    )
    return magenta_configs.Config(
        model=MusicVAE(lstm_models.BidirectionalLstmEncoder(), decoder),
        hparams=hparams,
        note_sequence_augmenter=None,
        data_converter=data.DrumsConverter(**options),
        train_examples_path=None,
        eval_examples_path=None,
    )


def register(configs: Iterable[Any]) -> None:
    """Put configs into Magenta's CONFIG_MAP under their names."""
    for config in configs:
        magenta_configs.CONFIG_MAP[config.name] = magenta_config(config)
