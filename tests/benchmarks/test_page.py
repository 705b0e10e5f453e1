"""The page's benchmark measures each task on both sides."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import page


@pytest.mark.slow
def test_each_task_is_timed_on_both_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("selenium", reason="selenium is not installed")
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    output = tmp_path / "page.json"
    assert page.main(["--repeats=1", f"--output={output}"]) == 0
    found = json.loads(output.read_text())
    assert found["seconds"]["chromium"].keys() == {*page.TASKS, "start"}
    assert found["seconds"]["numpy"].keys() == set(page.TASKS)
    assert all(s > 0 for side in found["seconds"].values() for each in side.values() for s in each)
    assert 1e6 < found["bytes"] <= 8e6
    assert "new beat, density" in capsys.readouterr().out
