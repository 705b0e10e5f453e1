"""data_selection.ipynb runs from top to bottom, and is committed without outputs."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "data_selection.ipynb"


def test_notebook_is_committed_clean():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and all(not cell.outputs and cell.execution_count is None for cell in code)


def _run(notebook, monkeypatch, groove_dir):
    monkeypatch.setenv("GROOVE_DIR", str(groove_dir))
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}})
    client.execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.slow
def test_notebook_runs_from_top_to_bottom(data_dir, monkeypatch):
    outputs = _run(nbformat.read(NOTEBOOK, as_version=4), monkeypatch, data_dir("groove"))
    text = "".join(o.get("text", "") for o in outputs if o.output_type == "stream")
    for numbers in ("463 match, 444 survive", "208 match, 189 survive", "368", "46"):
        assert numbers in text
    data = [o["data"] for o in outputs if o.output_type in ("display_data", "execute_result")]
    assert sum("image/png" in d for d in data) >= 4
    [player] = [d["text/html"] for d in data if "<iframe srcdoc=" in d.get("text/html", "")]
    assert all(style in player for style in ("rock", "funk", "jazz", "latin"))


def test_notebook_says_what_to_do_without_data(monkeypatch, tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.raises(
        nbclient.exceptions.CellExecutionError, match=r"magenta\.tensorflow\.org/datasets/groove"
    ):
        _run(notebook, monkeypatch, tmp_path)
