"""Pages of one HTML file: a skeleton of this folder with holes such as `{{title}}`, and what is put into them."""

import base64
import hashlib
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


def policy(path: str, parts: Mapping[str, str]) -> str:
    """A content security policy for a filled skeleton: its own script runs and nothing else, and nothing is fetched.

    So a name that would become an element, if all else failed, could neither run a script nor send anything.

    Args:
        path: of the skeleton, in which the script stands in a hole `{{script}}` of its own `<script>` element.
        parts: the text for each hole, `script` among them.

    Returns:
        For the `content` of a `<meta http-equiv="Content-Security-Policy">`.
    """
    (around,) = re.findall(r"<script>([^<]*\{\{script\}\}[^<]*)</script>", read(path))
    text = around.replace("{{script}}", parts["script"])
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; worker-src blob:; style-src 'unsafe-inline'; "
        "img-src data: blob:; media-src data: blob:; form-action 'none'; base-uri 'none'"
    )
