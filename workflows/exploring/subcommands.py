"""The workflow of each subcommand of `explore.py`, which takes the subcommand's flags."""

import argparse
from collections.abc import Callable

from workflows.exploring import attributes, edits, embedding, vary

WORKFLOWS: dict[str, Callable[[argparse.Namespace], None]] = {
    "similar": edits.similar,
    "grid": edits.grid,
    "infill": edits.infill,
    "combine": edits.combine,
    "vary": vary.vary,
    "embed": embedding.embed,
    "neighbours": embedding.neighbours,
    "attributes": attributes.compute,
}
