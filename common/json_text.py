"""JSON that somebody else wrote: headers of checkpoints, sidecars, manifests, attributes; parsed with a bound on its depth."""

import json
from typing import Any

MAX_NESTING = 12
"""Objects and arrays within one another; what this project writes has up to 6."""


def parse_json(text: str | bytes, most: int = MAX_NESTING) -> Any:
    """`json.loads` for text from elsewhere.

    Raises:
        ValueError: where the text is not JSON, or its objects and arrays lie deeper than `most` in one another.
    """
    try:
        data = json.loads(text)
    except RecursionError:
        raise too_deep(most) from None
    check_nesting(data, most)
    return data


def check_nesting(data: Any, most: int = MAX_NESTING) -> None:
    """Raise a ValueError where dictionaries and lists lie deeper than `most` in one another."""
    level = [data]
    for _ in range(most + 1):
        containers = [value for value in level if isinstance(value, dict | list)]
        if not containers:
            return
        level = [inner for c in containers for inner in (c.values() if isinstance(c, dict) else c)]
    if any(isinstance(value, dict | list) for value in level):
        raise too_deep(most)


def too_deep(most: int = MAX_NESTING) -> ValueError:
    """What is said of data that are nested too deeply."""
    return ValueError(f"it is nested deeper than {most} levels")
