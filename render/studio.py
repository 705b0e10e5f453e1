"""The page that plays the models, as one HTML file: it works from the file system, offline, and loads nothing.

The page itself is in `web/studio/`; here its parts are joined, and the models and patterns put into it as data.
"""

import html
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from web import bundle, skeleton

SKELETON = "studio/studio.html"
STYLE = "studio.css"
"""The style sheet that comes first: the others use its colours."""


def studio_html(
    models: Sequence[Mapping[str, Any]],
    title: str = "Beat studio",
    patterns: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The page.

    Args:
        models: as `models.formats.browser.packaged` makes them, each with the "roles" that it has on the page.
        title: of the page; escaped.
        patterns: beats to begin with, as `patterns.for_page.page_patterns` returns them.

    Returns:
        HTML that loads nothing.

    Example:
        >>> page = studio_html([], "Beats & more")
        >>> page[:15], "<title>Beats &amp; more</title>" in page
        ('<!doctype html>', True)
    """
    parts = {
        "title": html.escape(title),
        "style": _styles(),
        "models": skeleton.embedded(models),
        "patterns": skeleton.embedded(patterns),
        "worker": bundle.bundle("engine/worker.js"),
        "script": bundle.bundle("studio/main.js"),
    }
    parts["policy"] = skeleton.policy(SKELETON, parts)
    return skeleton.filled(SKELETON, parts)


def _styles() -> str:
    """All style sheets of the page, one after the other."""
    names = sorted(
        path.name
        for path in files(bundle.__package__).joinpath("studio").iterdir()
        if path.name.endswith(".css")
    )
    return "".join(bundle.read(f"studio/{name}") for name in sorted(names, key=lambda name: name != STYLE))
