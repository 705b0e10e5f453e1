"""Clips with the music before them, and batches that give a history decoder some of what there is to know."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import configs
from common.errors import InputError
from preprocess.drums.conditions import GROUPS
from preprocess.drums.history_controls import ControlLayout
from preprocess.drums.windows import DRUMS, DrumBatches, DrumWindows, Mixture, ends_in_a_fill, windows_of
from preprocess.example_forms import NO_TOKEN
from preprocess.note_sequence import NoteSequence

STEPS, BAR = 64, 16
LAYOUT = ControlLayout(DRUMS, 28)


def sequence_of(tokens: np.ndarray, beat_type: str = "beat", genre: str = "funk") -> Any:
    """Drum tokens at 120 quarters a minute as a NoteSequence, with what Groove knows of it."""
    converter = configs.get_config("histdec-drum_4bar").build_converter()
    sequence = converter.from_tensors([tokens])[0]
    sequence.sequence_metadata.genre.append(genre)
    sequence.text_annotations.add(text=f"beat_type: {beat_type}")
    assert isinstance(sequence, NoteSequence)
    return sequence


def some_music(bars: int, seed: int = 0) -> np.ndarray:
    """Tokens in which every bar begins with the kick, and no two bars are alike."""
    tokens = np.random.default_rng(seed).choice([0, 2, 4, 6], bars * BAR)
    tokens[::BAR] = 1
    return tokens


@pytest.fixture(scope="module")
def windows() -> DrumWindows:
    converter = configs.get_config("histdec-drum_4bar").build_converter()
    fill = np.array([5, 0, 2, 2] * 4)
    sequences = [
        sequence_of(some_music(7)),
        sequence_of(some_music(4, 1), genre="rock"),
        sequence_of(fill, "fill", "rock"),
    ]
    return windows_of(sequences, converter)


def test_every_clip_has_the_bars_before_it(windows: DrumWindows) -> None:
    music = some_music(7)
    assert len(windows) == 5 and windows.sources.tolist() == [0, 0, 0, 0, 1]
    for i in range(4):
        np.testing.assert_array_equal(windows.tokens[i], music[i * BAR : i * BAR + STEPS])
        before = np.concatenate([np.full(STEPS, NO_TOKEN), music])[i * BAR : i * BAR + STEPS]
        np.testing.assert_array_equal(windows.past[i], before)
    assert (windows.past[4] == NO_TOKEN).all()


def test_conditions_say_style_tempo_and_whether_the_last_bar_is_a_fill(windows: DrumWindows) -> None:
    style = windows.conditions[:, GROUPS["style"]].argmax(axis=1)
    assert style[0] == style[3] != style[4]
    assert (windows.conditions[:, GROUPS["tempo"].start + 1] == 1).all()
    fills = windows.conditions[:, GROUPS["fill"]]
    np.testing.assert_array_equal(fills[:, 0], ends_in_a_fill(windows.tokens, BAR))
    assert (fills[:, 1] == 1).all()


def test_short_fills_wait_at_the_end_of_a_row(windows: DrumWindows) -> None:
    assert windows.fills.shape == (1, STEPS)
    assert (windows.fills[0, :-BAR] == NO_TOKEN).all()
    np.testing.assert_array_equal(windows.fills[0, -BAR:], [5, 0, 2, 2] * 4)


def batches(windows: DrumWindows, **shares: float) -> DrumBatches:
    silent = dict.fromkeys(Mixture.names(), 0.0)
    return DrumBatches(windows, Mixture(**(silent | shares)), LAYOUT.pack, 200, BAR, seed=3)


def test_a_batch_is_a_function_of_its_step(windows: DrumWindows) -> None:
    shares = dict.fromkeys(Mixture.names(), 0.3)
    first, again = batches(windows, **shares).batch(5), batches(windows, **shares).batch(5)
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
    assert (batches(windows, **shares).batch(6)["inputs"] != first["inputs"]).any()


def test_shares_of_nothing_give_clips_alone(windows: DrumWindows) -> None:
    batch = batches(windows).batch(0)
    assert not batch["controls"].any()
    known = {row.tobytes() for row in windows.tokens}
    assert all(row.tobytes() in known for row in batch["inputs"])


@pytest.mark.parametrize(
    ("share", "part"),
    [
        ("z_share", lambda c: c[:, 0, LAYOUT.uses_z][:, 0] > 0),
        ("known_share", lambda c: c[..., LAYOUT.mask].any(axis=(1, 2))),
        ("condition_rate", lambda c: c[..., LAYOUT.wanted].any(axis=(1, 2))),
    ],
)
def test_shares_are_kept(windows: DrumWindows, share: str, part: Callable[[np.ndarray], np.ndarray]) -> None:
    found = np.mean([part(batches(windows, **{share: 0.5}).batch(i)["controls"]).mean() for i in range(5)])
    assert abs(found - 0.5) < 0.06
    assert not part(batches(windows).batch(0)["controls"]).any()


def test_known_hits_are_the_clips_and_never_all_of_it(windows: DrumWindows) -> None:
    batch = batches(windows, known_share=1.0).batch(0)
    mask, hits = batch["controls"][..., LAYOUT.mask] > 0, batch["controls"][..., LAYOUT.hits] > 0
    struck = batch["inputs"][..., None] >> np.arange(DRUMS) & 1 > 0
    np.testing.assert_array_equal(hits, struck & mask)
    assert not mask.all(axis=(1, 2)).any() and mask.any(axis=(1, 2)).all()


def test_what_came_before_is_told_to_its_share(windows: DrumWindows) -> None:
    batch = batches(windows, past_rate=1.0).batch(0)
    past = LAYOUT.past_tokens(batch["controls"])
    for tokens, before in zip(batch["inputs"], past, strict=True):
        i = next(i for i in range(len(windows)) if (windows.tokens[i] == tokens).all())
        np.testing.assert_array_equal(before, windows.past[i])


def test_an_added_fill_is_always_said_to_be_one(windows: DrumWindows) -> None:
    batch = batches(windows, fill_share=1.0).batch(0)
    np.testing.assert_array_equal(batch["inputs"][:, -BAR:], np.tile([5, 0, 2, 2] * 4, (200, 1)))
    wanted = batch["controls"][:, 0, LAYOUT.wanted]
    np.testing.assert_array_equal(wanted[:, GROUPS["fill"]], np.ones((200, 2)))
    # The fill is of rock, and so is the only clip that it may end.
    rock = windows.tokens[4, : STEPS - BAR]
    assert (batch["inputs"][:, : STEPS - BAR] == rock).all()


def test_swapped_and_recombined_clips_are_new(windows: DrumWindows) -> None:
    known = {row.tobytes() for row in windows.tokens}
    for share in ("swap_rate", "recombined_rate"):
        found = batches(windows, **{share: 0.8}).batch(0)["inputs"]
        assert np.mean([row.tobytes() in known for row in found]) < 0.75
        assert found.min() >= 0 and found.max() < 2**DRUMS


def test_music_without_a_clip_is_refused() -> None:
    converter = configs.get_config("histdec-drum_4bar").build_converter()
    with pytest.raises(InputError, match="No clip of 4 bars"):
        windows_of([sequence_of(some_music(2))], converter)
