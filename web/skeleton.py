"""Pages of one HTML file: a skeleton of this folder with holes such as `{{title}}`, and what is put into them."""

import json
import re
from collections.abc import Mapping
from typing import Any

from web.bundle import read


def filled(path: str, parts: Mapping[str, str]) -> str:
    """A skeleton with its holes filled.

    Args:
        path: of the skeleton in this folder, such as `studio/studio.html`.
        parts: the text for each hole, as it is to stand there. All are filled in one pass, so that a title that reads
            `{{data}}` stays a title.
    """
    return re.sub(r"\{\{(" + "|".join(parts) + r")\}\}", lambda match: parts[match[1]], read(path))


def embedded(data: Any) -> str:
    """Data as JSON for a `<script>` element, which only `</` and `<!--` could end early.

    >>> print(embedded(["</script>", 1]))
    ["\\u003c/script>",1]
    """
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
