"""axe-core, the checker of accessibility, for pages that are open in a browser."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest


def axe_source() -> str:
    """axe's script, or a skip where it is not installed."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or not found.submodule_search_locations:
        pytest.skip("axe-playwright-python, which brings axe, is not installed")
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Any) -> list[str]:
    """What axe finds in the page that a selenium driver shows: a line a rule, with the elements that break it."""
    page.execute_script(axe_source())
    found = page.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then((r) => done(r.violations))"
    )
    return [
        f"{rule['id']}: {rule['help']}: {', '.join(' '.join(map(str, node['target'])) for node in rule['nodes'])}"
        for rule in found
    ]
