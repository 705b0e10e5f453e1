"""The campaigns of scores: ABC tune books and MusicXML."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from preprocess.scores.reader import read_score
from tests.fuzz import campaign, score_inputs
from tests.fuzz.checks import all_converters, check_examples, check_sequence
from tests.fuzz.score_inputs import Score

KINDS: dict[str, Callable[[random.Random], Score]] = {
    "abc": score_inputs.abc,
    "musicxml": score_inputs.musicxml,
}


def read(score: Score) -> None:
    """Read a score and convert what it holds by one converter."""
    converter = random.Random(len(score.data)).choice(all_converters())
    for sequence in read_score(score.data, score.suffix).sequences:
        check_sequence(sequence, has_tempo=False)
        examples, _ = converter.convert(sequence)
        check_examples(converter, examples)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_read_or_refused_in_a_sentence(kind: str, kept: Path, record_property: Any) -> None:
    campaign.check(campaign.run(kind, KINDS[kind], read, kept), record_property)
