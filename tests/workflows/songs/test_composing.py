"""Songs of a toy generator: whose theme comes back, what it is asked for, and how often."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocess.drums.conditions import DrumConditions
from workflows.songs.composing import NOTHING, Asked, characters_of, compose
from workflows.songs.form import Section, SongForm, parse_structure

BAR = 16
KICK, SNARE, HAT, TOM = 1, 2, 4, 16

FORMS = st.lists(
    st.builds(Section, st.sampled_from(["verse", "chorus", "a", "b"]), st.integers(1, 11)),
    min_size=1,
    max_size=8,
).map(lambda sections: SongForm(tuple(sections)))


class Toy:
    """Repeats the bar that it hears, the hats at random; where that is of another kick it begins a new theme.

    The kick says which latent vector it plays by. Snares are drawn when a theme begins and heard ever after, so
    they come back only where a section is given its own past.
    """

    steps_per_bar = BAR

    def __init__(self) -> None:
        self.calls: list[tuple[np.ndarray, int, int, Asked]] = []

    def latent(self, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal((1, 8))

    def play(self, past: np.ndarray, steps: int, seed: int, asked: Asked) -> np.ndarray:
        self.calls.append((past.copy(), steps, seed, asked))
        rng = np.random.default_rng(seed)
        if asked.conditions.fill:
            return np.full((1, steps), TOM)
        kicks = np.tile(asked.z[0] > 0, 2) * KICK
        heard = past[0, -BAR:]
        snares = heard & SNARE
        if (heard == NOTHING).any() or (heard & KICK != kicks).any():
            snares = rng.integers(0, 2, BAR) * SNARE
        bars = steps // BAR
        return (np.tile(kicks | snares, bars) | rng.integers(0, 2, steps) * HAT)[None]


def themes(song: object) -> list[tuple[str, set[bytes]]]:
    """Each section's name, and the kicks and snares of its bars that are no fills."""
    bars = (song.tokens & (KICK | SNARE)).reshape(-1, BAR)
    found = []
    for start, section in zip(song.form.starts, song.sections, strict=True):
        own = [i for i in range(start, start + section.bars) if i not in song.fills]
        found.append((section.name, {bars[i].tobytes() for i in own}))
    return found


def test_a_section_that_returns_brings_its_theme() -> None:
    form = parse_structure("intro:4 verse:8 chorus:8 verse:8 chorus:7 bridge:6 verse:4 outro:4")
    song = compose(Toy(), form, seed=3)
    by_name: dict[str, set[bytes]] = {}
    for name, theme in themes(song):
        assert len(theme) == 1
        by_name.setdefault(name, set()).update(theme)
    assert all(len(theme) == 1 for theme in by_name.values())
    assert len(set.union(*by_name.values())) == len(by_name)
    hats = (song.tokens & HAT).reshape(-1, BAR)
    assert len({bar.tobytes() for bar in hats}) > 20  # and yet it is not the same bars again


def test_a_section_that_returns_hears_its_own_end_without_the_fill() -> None:
    toy = Toy()
    song = compose(toy, parse_structure("verse:8 chorus:8 verse:4"), seed=1)
    past = toy.calls[-1][0][0]
    assert (past == np.concatenate([song.tokens[3 * BAR : 7 * BAR]])).all()
    assert (toy.calls[3][0][0] == NOTHING).all(), "what is new does not go on with the verse"


@given(FORMS, st.integers(0, 5))
def test_fills_stand_before_changes_and_nowhere_else(form: SongForm, seed: int) -> None:
    toy = Toy()
    song = compose(toy, form, seed)
    assert song.tokens.shape == (form.bars * BAR,) and song.tokens.dtype == np.int64
    changes = [
        start - 1
        for (_, before), (start, name) in zip(form.markers, form.markers[1:], strict=False)
        if before != name
    ]
    assert list(song.fills) == changes
    rolls = np.flatnonzero((song.tokens.reshape(-1, BAR) == TOM).all(axis=1))
    assert rolls.tolist() == changes
    asked = [(steps, asked.conditions.fill) for _, steps, _, asked in toy.calls]
    assert [steps for steps, fill in asked if fill] == [BAR] * len(changes)
    assert all(fill is not None for _, fill in asked)


@given(FORMS)
def test_the_work_is_linear_in_the_bars(form: SongForm) -> None:
    toy = Toy()
    compose(toy, form)
    steps = [steps for _, steps, _, _ in toy.calls]
    assert sum(steps) == form.bars * BAR and max(steps) <= 4 * BAR
    assert len(toy.calls) <= sum(-(-s.bars // 4) + 1 for s in form.sections)
    assert all(past.shape == (1, 4 * BAR) for past, *_ in toy.calls)
    assert len({seed for _, _, seed, _ in toy.calls}) == len(toy.calls)


def test_a_long_song_takes_a_draw_a_phrase() -> None:
    toy = Toy()
    compose(toy, SongForm((Section("song", 998),)))
    assert len(toy.calls) == 250
    assert [steps // BAR for _, steps, _, _ in toy.calls[-2:]] == [4, 2]


def test_the_first_section_goes_on_from_the_clip_that_is_given() -> None:
    toy, clip = Toy(), np.arange(2 * BAR) % 2
    compose(toy, parse_structure("a:8 b:4"), past=clip)
    assert toy.calls[0][0].tolist() == [[NOTHING] * 2 * BAR + clip.tolist()]
    toy = Toy()
    compose(toy, parse_structure("a:8 b:4"), past=np.arange(9 * BAR))
    assert toy.calls[0][0].tolist() == [list(range(5 * BAR, 9 * BAR))]
    toy = Toy()
    compose(toy, parse_structure("a:8"))
    assert (toy.calls[0][0] == NOTHING).all()


@given(FORMS, FORMS, st.integers(0, 3))
def test_a_song_is_a_function_of_its_arguments(form: SongForm, more: SongForm, seed: int) -> None:
    song = compose(Toy(), form, seed)
    assert (compose(Toy(), form, seed).tokens == song.tokens).all()
    longer = SongForm((*form.sections, Section("coda", 4), *more.sections))
    same = (form.bars - 1) * BAR
    assert (compose(Toy(), longer, seed).tokens[:same] == song.tokens[:same]).all()


def test_sections_have_latent_vectors_as_far_apart_as_asked_for() -> None:
    form = parse_structure("a:4 b:4 a:4")
    for contrast, least, most in [(0.0, 0.0, 0.0), (0.4, 0.1, 10.0), (1.0, 0.1, 10.0)]:
        toy = Toy()
        compose(toy, form, contrast=contrast)
        a, fill_a, b, _, again = (asked.z for *_, asked in toy.calls)
        assert (a == again).all() and (a == fill_a).all()
        assert least <= np.abs(a - b).max() <= most


def test_latent_vectors_keep_the_variance_of_the_prior() -> None:
    drawn = []
    for seed in range(400):
        toy = Toy()
        compose(toy, parse_structure("a:1 b:1"), seed)
        drawn.append([asked.z[0] for *_, asked in toy.calls])
    z = np.array(drawn)
    assert z.std(axis=0) == pytest.approx(1, abs=0.12)
    a, b = z[:, 0].ravel(), z[:, 1].ravel()
    assert np.corrcoef(a, b)[0, 1] == pytest.approx(0.6, abs=0.05)


def test_sections_differ_in_density_and_the_player_has_the_last_word() -> None:
    form = parse_structure("intro:4 verse:8 pre-chorus:4 chorus:8 x:4 y:4 Chorus2:8")
    own = {"verse": DrumConditions(density=0.9, style="rock")}
    asked = DrumConditions(style="funk", intensity=0.9)
    found = characters_of(form, asked, own)
    assert found["intro"].density < found["pre-chorus"].density < found["chorus"].density
    assert found["Chorus2"] == found["chorus"]
    assert found["x"].density != found["y"].density
    assert found["verse"] == DrumConditions("rock", intensity=0.9 - 0.1, density=0.9)
    assert found["chorus"].intensity == 1 and found["chorus"].style == "funk"
    assert all(c.tempo is None and c.syncopation is None for c in found.values())
    alone = characters_of(parse_structure("song:8 song:4"), asked, {})
    assert alone == {"song": asked}
