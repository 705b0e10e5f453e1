"""Syncopation and fills of beats that are counted by hand."""

import numpy as np
import pytest

from preprocess.drums.rhythm import ends_in_a_fill, hits_of, syncopation

KICK, SNARE, TOM = 0, 1, 2


def beat(steps: int, **struck: list[int]) -> np.ndarray:
    """Hits `[1, steps, 3]` of kick, snare and tom at the steps given."""
    hits = np.zeros((1, steps, 3), bool)
    for drum, name in enumerate(("kick", "snare", "tom")):
        hits[0, struck.get(name, []), drum] = True
    return hits


def test_the_bits_of_a_token_are_its_drums() -> None:
    assert hits_of(np.array([0, 5]), 3).tolist() == [[False] * 3, [True, False, True]]


@pytest.mark.parametrize(
    ("onsets", "expected"),
    [
        ([0, 4, 8, 12], 0),
        ([2], 3),  # an eighth (-3) held over the bar line (0)
        ([0, 3], 3),  # a sixteenth (-4) held over the half bar (-1), until the loop begins again
        ([0, 7, 9], 3 + 2),  # one held over the half bar (-1), one over the last quarter (-2)
        ([], 0),
    ],
)
def test_syncopation_is_the_weight_that_a_note_is_held_over(onsets: list[int], expected: float) -> None:
    hits = beat(16, kick=onsets)
    assert syncopation(hits, (KICK, SNARE))[0] == expected
    assert syncopation(hits, (SNARE,))[0] == 0


def test_syncopation_is_that_of_a_bar() -> None:
    one = beat(16, kick=[0, 3])
    assert syncopation(np.concatenate([one, one], axis=1), (KICK,)) == syncopation(
        beat(32, kick=[0, 3, 16, 19]), (KICK,)
    )
    with pytest.raises(ValueError, match="not whole bars"):
        syncopation(beat(20), (KICK,))


def test_a_fill_is_two_hits_more_than_any_bar_before() -> None:
    before = [4, 12, 20, 28, 36, 44]
    assert ends_in_a_fill(beat(64, snare=[*before, 56, 58], tom=[60]), (SNARE, TOM))[0]
    assert not ends_in_a_fill(beat(64, snare=[*before, 56], tom=[60]), (SNARE, TOM))[0], "one more is none"
    assert not ends_in_a_fill(beat(64, snare=[*before, 48, 50, 52, 54]), (SNARE, TOM))[0], "in the first half"
    assert not ends_in_a_fill(beat(16, snare=[8, 10, 12]), (SNARE, TOM))[0], "a bar alone has none"
