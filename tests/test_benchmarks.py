"""The benchmarks' own parts: a recipe for every frame model on every set, and the table."""

import pytest

from benchmarks import polyphonic
from configs import CONFIG_MAP, ConfigError
from preprocess.errors import InputError

FRAME_MODELS = [name for name, config in CONFIG_MAP.items() if config.model == "frame_model"]


@pytest.mark.parametrize("name", polyphonic.SETS)
@pytest.mark.parametrize("model", [name for name in FRAME_MODELS if name != "relative_rnn"])
def test_every_frame_model_has_a_recipe_that_it_reads(model: str, name: str) -> None:
    config = polyphonic.config_of(model, name)
    assert config.converter["representation"] == "sounding" and not config.augmenter
    assert config.hparams.batch_size == polyphonic.recipe_of(model, name).hparams["batch_size"]


def test_models_of_something_else_are_refused() -> None:
    for model in ("relative_rnn", "flat-pianoroll_2bar"):
        with pytest.raises(InputError, match="no model of frames"):
            polyphonic.config_of(model, "JSB_Chorales")
    with pytest.raises(ConfigError, match="no config 'rnn'"):
        polyphonic.config_of("rnn", "JSB_Chorales")


def test_the_table_marks_bounds_and_estimates() -> None:
    def result(model: str, name: str, **test: object) -> dict:
        return {"model": model, "set": name, "test": test}

    rows = polyphonic.table(
        [
            result("rnn_rbm", "JSB_Chorales", nats=8.0, measure="estimate"),
            result("piano-small", "Nottingham", nats=3.0, measure="bound", tighter=2.5),
            result("basic_rnn", "JSB_Chorales", nats=8.333, measure="exact"),
        ]
    )
    cells = {row[0]: row[1:] for row in rows}
    assert cells["basic_rnn"] == ("8.33", "", "", "")
    assert cells["piano-small"] == ("", "at most 2.50", "", "")
    assert cells["rnn_rbm"] == ("about 8.00", "", "", "")
    assert cells["TCN (Bai 2018)"] == ("8.10", "3.07", "", "")
