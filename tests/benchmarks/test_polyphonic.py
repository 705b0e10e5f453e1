"""The benchmarks' own parts: a recipe for every frame model on every set, and the table."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import polyphonic
from common.errors import InputError
from configs import CONFIG_MAP, ConfigError

FRAME_MODELS = [name for name, config in CONFIG_MAP.items() if config.model == "frame_model"]


@pytest.mark.parametrize("name", polyphonic.SETS)
@pytest.mark.parametrize("model", [name for name in FRAME_MODELS if name != "relative_rnn"])
def test_every_frame_model_has_a_recipe_that_it_reads(model: str, name: str) -> None:
    config = polyphonic.config_of(model, name)
    assert config.converter["representation"] == "sounding" and not config.augmenter
    assert config.hparams.batch_size == polyphonic.recipe_of(model, name).hparams["batch_size"]


def test_models_of_something_else_are_refused() -> None:
    for model in ("relative_rnn", "flat-pianoroll_2bar"):
        with pytest.raises(InputError, match="does not play frames"):
            polyphonic.config_of(model, "JSB_Chorales")
    with pytest.raises(ConfigError, match="no config 'rnn'"):
        polyphonic.config_of("rnn", "JSB_Chorales")


def test_the_table_marks_bounds_and_estimates() -> None:
    def result(model: str, name: str, nats: float, measure: str) -> dict:
        return {"model": model, "set": name, "nats": nats, "measure": measure}

    rows = polyphonic.table(
        [
            result("rnn_rbm", "JSB_Chorales", nats=8.0, measure="estimate"),
            result("piano-small", "Nottingham", nats=2.5, measure="bound"),
            result("basic_rnn", "JSB_Chorales", nats=8.333, measure="exact"),
        ]
    )
    cells = {row[0]: row[1:] for row in rows}
    assert cells["basic_rnn"] == ("8.33", "", "", "")
    assert cells["piano-small"] == ("", "at most 2.50", "", "")
    assert cells["rnn_rbm"] == ("about 8.00", "", "", "")
    assert cells["TCN (Bai 2018)"] == ("8.10", "3.07", "", "")


def test_the_page_of_figures_shows_the_results_that_are_kept() -> None:
    rows = polyphonic.table(json.loads(polyphonic.RESULTS.read_text()))
    page = (polyphonic.RESULTS.parent / "figures.md").read_text().replace("*", "")
    shown = {
        match[1]: tuple(cell.strip() for cell in match[2].split("|"))
        for match in re.finditer(r"^\| `([a-z0-9_-]+)`[^|]*\|(.*)\|$", page, re.MULTILINE)
    }
    for model, *cells in rows:
        if model in FRAME_MODELS:
            assert shown[model] == tuple(cells), model


def test_a_new_result_takes_the_place_of_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polyphonic, "RESULTS", tmp_path / "results.json")
    polyphonic.RESULTS.write_text("[]")

    def result(model: str, **test: object) -> dict:
        return {"model": model, "set": "Nottingham", "test": test, "validation": {}}

    polyphonic.keep(result("rnn_nade", nats=3.0, measure="exact"))
    polyphonic.keep(result("basic_rnn", nats=4.0, measure="exact"))
    polyphonic.keep(result("rnn_nade", nats=2.23456, measure="bound", tighter=2.12345))
    assert json.loads(polyphonic.RESULTS.read_text()) == [
        {"model": "basic_rnn", "set": "Nottingham", "nats": 4.0, "measure": "exact"},
        {"model": "rnn_nade", "set": "Nottingham", "nats": 2.123, "measure": "bound"},
    ]


def test_a_run_of_another_recipe_is_not_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "basic_rnn-JSB_Chorales"
    folder.mkdir()
    (folder / "config.json").write_text(CONFIG_MAP["basic_rnn"].to_json())
    flags = [f"--data={tmp_path}", f"--runs={tmp_path}", "--models=basic_rnn", "--sets=JSB_Chorales"]
    with pytest.raises(InputError, match="begun with another recipe"):
        polyphonic.main(flags)
    (tmp_path / "basic_rnn-JSB_Chorales.json").write_text("{}")  # nor is its result taken
    with pytest.raises(InputError, match="begun with another recipe"):
        polyphonic.main(flags)
    (tmp_path / "basic_rnn-JSB_Chorales.json").unlink()
    own = polyphonic.config_of("basic_rnn", "JSB_Chorales")
    (folder / "config.json").write_text(own.to_json())
    # It gets as far as the data, which is not there.
    with pytest.raises(InputError, match=r"JSB_Chorales\.mat"):
        polyphonic.main(flags)
