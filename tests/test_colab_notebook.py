"""colab.ipynb runs from top to bottom at small sizes on a local copy of the data, and a second session resumes its run."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "colab.ipynb"
SMALL = """
NUM_BEATS, STYLE = 2, "funk"
HPARAMS = "batch_size=4,z_size=4,enc_rnn_size=[8],dec_rnn_size=[8]"
NUM_STEPS, SAVE_EVERY, LOG_EVERY = 2, 2, 1
"""


def cells_of(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cells: list[Any]) -> str:
    """What cells have printed."""
    return "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))


def run(cells: list[Any], folder: Path) -> None:
    """Run cells in a session of their own; they write to `folder`."""
    here = nbformat.v4.new_code_cell(f"from pathlib import Path\nFOLDER = Path({str(folder)!r})")
    small = nbformat.v4.new_code_cell(SMALL)
    at = next(n for n, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", []))
    helpers = next(n for n, cell in enumerate(cells) if "def music_vae(" in cell.source)
    assert at < helpers
    session = nbformat.v4.new_notebook(
        cells=[*cells[: at + 1], small, *cells[at + 1 : helpers + 1], here, *cells[helpers + 1 :]]
    )
    nbclient.NotebookClient(session, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()


def test_notebook_is_committed_clean() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = cells_of(notebook)
    assert cells and all(not cell.outputs and cell.execution_count is None for cell in cells)


def test_both_notebooks_install_alike() -> None:
    ours, theirs = (nbformat.read(ROOT / name, as_version=4) for name in (NOTEBOOK, "data_selection.ipynb"))
    assert cells_of(ours)[0].source == cells_of(theirs)[0].source
    assert "tensorflow==" not in cells_of(ours)[0].source


@pytest.mark.slow
def test_notebook_runs_from_top_to_bottom(data_dir, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("GROOVE_DIR", str(data_dir("groove")))
    cells = cells_of(nbformat.read(NOTEBOOK, as_version=4))
    run(cells, tmp_path)
    data = [output["data"] for cell in cells for output in cell.outputs if "data" in output]
    assert sum("image/png" in d for d in data) == 5  # four of commands, and the curves
    assert sum("<audio" in d.get("text/html", "") for d in data) == 6
    assert "step 1:" in printed(cells) and "Trained to step 2" in printed(cells)
    with zipfile.ZipFile(tmp_path / "midi.zip") as archive:
        names = archive.namelist()
        assert all(archive.read(name).startswith(b"MThd") for name in names)
    folders = {name.partition("/")[0] for name in names}
    assert folders == {"first", "morph", "beats", "your_morph"}

    # Another session reads the run's checkpoint, and finds that all steps are done.
    before = (tmp_path / "run" / "log.csv").read_bytes()
    second = cells_of(nbformat.read(NOTEBOOK, as_version=4))
    training = next(n for n, cell in enumerate(second) if cell.source.startswith('music_vae(\n    "train"'))
    second = [cell for cell in second[: training + 1] if "\nshow(" not in cell.source]
    run(second, tmp_path)
    assert "Trained to step 2" in printed(second) and "step 1:" not in printed(second)
    assert (tmp_path / "run" / "log.csv").read_bytes() == before
