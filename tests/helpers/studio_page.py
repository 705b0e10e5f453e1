"""The page of `export.py --format=page`, for tests that use it as a person would."""

from functools import cache
from pathlib import Path

from patterns.for_page import page_patterns
from render.studio import studio_html
from workflows import studio


@cache
def _page() -> str:
    return studio_html(studio.page_models(), "Beat studio", page_patterns())


def write_studio(folder: Path) -> Path:
    """Write the page with the shipped models, which are packaged once for all tests, to `studio.html` in a folder."""
    path = folder / "studio.html"
    path.write_text(_page(), encoding="utf-8")
    return path
