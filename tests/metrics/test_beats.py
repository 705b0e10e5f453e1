"""What a musician hears in beats, on clips whose answers are plain to see."""

import math

import numpy as np
import pytest

from metrics import beats

K, S, H, TOM = 1 << beats.KICK, 1 << beats.SNARE, 1 << 2, 1 << beats.TOMS[1]


def bar(**struck: int) -> np.ndarray:
    """A bar of tokens: `bar(s0=K, s4=S)` has a kick on the one and a snare on beat 2."""
    tokens = np.zeros(16, np.int32)
    for step, token in struck.items():
        tokens[int(step[1:])] = token
    return tokens


ROCK = bar(s0=K, s4=S, s8=K, s12=S)
HALF_TIME = bar(s0=K, s8=S)
FILL = bar(s0=K, s4=S, s8=S, s10=TOM, s12=S, s14=TOM)


def clip(*bars: np.ndarray) -> np.ndarray:
    return np.concatenate(bars)


def test_summary_of_three_clips():
    clips = np.stack(
        [clip(ROCK, ROCK, ROCK, ROCK), clip(ROCK, ROCK, ROCK, FILL), clip(HALF_TIME, ROCK, bar(), HALF_TIME)]
    )
    found = beats.summary(clips, training=clips[:1])
    assert found["clips"] == 3
    assert found["equal_bars"] == pytest.approx((4 + 3 + 2) / 12)
    assert found["kick_on_one"] == pytest.approx((4 + 4 + 3) / 12)
    assert found["backbeat"] == pytest.approx(2 / 3), "the fill keeps the snare on 2 and 4"
    assert found["toms"] == pytest.approx(1 / 12)
    assert found["fills"] == pytest.approx(1 / 3)
    assert found["distinct_clips"] == 1.0
    assert found["copies"] == pytest.approx(1 / 3)
    # Kicks of neighbouring bars: 2 & 2 three times; 2 & 2 twice, then 2 & 1; 1 & 2 (one in common), 2 & 0, 0 & 1.
    both = 3 * 2 + 2 * 2 + 1 + 1
    each = 3 * 4 + 2 * 4 + 3 + 3 + 2 + 1
    assert found["kick_f1"] == pytest.approx(2 * both / each)
    assert "copies" not in beats.summary(clips)


def test_token_repeats():
    tokens = np.array([[1, 2, 1, 2, 3, 2]])
    assert beats.token_repeats(tokens, 2) == pytest.approx(3 / 4)
    assert math.isnan(beats.token_repeats(tokens, 6))


def test_a_fill_stands_out_against_every_bar_of_its_clip():
    busy = bar(s8=S, s10=S, s12=S)
    clips = np.stack(
        [clip(ROCK, ROCK, ROCK, FILL), clip(ROCK, busy, ROCK, FILL), clip(ROCK, ROCK, FILL, ROCK)]
    )
    # 4 hits in the second half against 1; against 3, one more only; and a fill in another bar.
    assert beats.fills_in_last_bar(beats.grid_of(clips)).tolist() == [True, False, False]
    assert not beats.fills_in_last_bar(beats.grid_of(FILL[None])).any(), "nothing to stand out against"


def test_silence_and_a_single_bar():
    found = beats.summary(np.zeros((2, 64), np.int32))
    assert math.isnan(found["kick_f1"]) and found["equal_bars"] == 1 and found["distinct_clips"] == 0.5
    assert math.isnan(beats.summary(ROCK[None])["token_repeats"])


@pytest.mark.parametrize("shape", [(2, 60), (0, 64), (3, 0)])
def test_what_is_not_whole_bars_is_refused(shape: tuple[int, int]):
    with pytest.raises(ValueError, match="whole bars of 16"):
        beats.summary(np.zeros(shape, np.int32))


def test_copies_are_found_whatever_the_integer_type():
    clips = np.stack([clip(ROCK, ROCK), clip(ROCK, FILL)]).astype(np.int64)
    assert beats.copies(clips, clips[:1].astype(np.int16)) == 0.5


def test_the_drums_are_those_of_the_converter():
    from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES

    names = [drum.name for drum in REDUCED_DRUM_CLASSES]
    assert len(names) == beats.DRUMS
    assert (names[beats.KICK], names[beats.SNARE]) == ("kick", "snare")
    assert all("tom" in names[drum] for drum in beats.TOMS) and sum("tom" in name for name in names) == 3
