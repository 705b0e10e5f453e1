"""Where the inputs that fail are kept, and a table of the campaigns at the end."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for inputs that fail, in pytest's cache, so that they are there after the run."""
    cache = getattr(request.config, "cache", None)
    return tmp_path_factory.mktemp("fuzz") if cache is None else Path(cache.mkdir("fuzz"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line a campaign: inputs, what became of them, the slowest and the hungriest."""
    figures = [
        dict(properties)["fuzz"]
        for reports in terminalreporter.stats.values()
        for report in reports
        if "fuzz" in (properties := dict(getattr(report, "user_properties", ())))
        and getattr(report, "when", "") == "call"
    ]
    if not figures:
        return
    terminalreporter.section("fuzz")
    columns = ("inputs", "accepted", "refused", "tracebacks", "hangs", "wrong")
    terminalreporter.write_line(
        f"{'kind':<24}" + "".join(f"{c:>11}" for c in (*columns, "slowest s", "all s", "peak MiB"))
    )
    for found in sorted(figures, key=lambda f: f["kind"]):
        row = "".join(f"{found[c]:>11}" for c in columns)
        terminalreporter.write_line(
            f"{found['kind']:<24}{row}{found['slowest']:>11.2f}{found['seconds']:>11.0f}{found['peak'] / 2**20:>11.0f}"
        )
    total = sum(f["inputs"] for f in figures)
    bad = sum(f["tracebacks"] + f["hangs"] + f["wrong"] for f in figures)
    terminalreporter.write_line(f"{total} inputs in all, {bad} failed")
