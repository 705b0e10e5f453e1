"""Clips that are asked for something, and phrases of songs, of a tiny model with random weights."""

import numpy as np
import pytest

from models import families
from models.history_drums.trained import HistoryModel
from preprocess.drums.conditions import DrumConditions, density, quantile_of
from preprocess.example_forms import NO_TOKEN
from tests.helpers.checkpoints import save_tiny, tiny_history_config
from workflows.history_drums import sampling
from workflows.history_drums.phrases import DrumGenerator
from workflows.songs.composing import Asked, compose
from workflows.songs.form import parse_structure

BAR, LENGTH = 16, 64
ANYTHING = DrumConditions()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> HistoryModel:
    path = save_tiny(tmp_path_factory.mktemp("tiny") / "tiny.safetensors", tiny_history_config())
    found = families.open_music_vae(str(path))
    assert isinstance(found, HistoryModel)
    return found


def test_without_wishes_it_is_what_the_model_plays(model: HistoryModel) -> None:
    z = model.prior_sample(3, 1)
    expected = model.decode_values(z, 0.8, 5)
    assert (sampling.draw(model, [ANYTHING] * 3, z, temperature=0.8, seed=5) == expected).all()
    without = model.decode_values(z, 0.8, 5, controls=model.given(3, uses_z=False))
    assert (sampling.draw(model, [ANYTHING] * 3, temperature=0.8, seed=5) == without).all()
    assert (without != expected).any()


def test_the_candidate_nearest_to_what_is_asked_is_kept(model: HistoryModel) -> None:
    asked = [DrumConditions(density=level) for level in (0.1, 0.9)]
    chosen = sampling.draw(model, asked, seed=2, candidates=6)
    for i, wish in enumerate(asked):
        rows = np.stack([wish.to_row()] * 6)
        controls = model.given(6, conditions=rows, uses_z=False)
        all_of_them = model.decode_values(
            np.zeros((6, model.z_size), np.float32), 1.0, 2, 6 * i, controls=controls
        )
        apart = np.abs(quantile_of("density", density(all_of_them)) - wish.density)
        assert (chosen[i] == all_of_them[apart.argmin()]).all()
    again = sampling.draw(model, asked[1:], seed=2, first=1, candidates=6)
    assert (again == chosen[1:]).all(), "a clip does not depend on those it is drawn with"


def test_what_is_known_stays(model: HistoryModel) -> None:
    rng = np.random.default_rng(0)
    known = rng.integers(0, 512, (4, LENGTH))
    mask = rng.random((4, LENGTH, 9)) < 0.4
    for wish in (ANYTHING, DrumConditions(density=0.2, fill=True)):
        played = sampling.draw(model, [wish] * 4, model.prior_sample(4), known, mask, candidates=2)
        bits = (played[..., None] >> np.arange(9)) & 1
        assert (bits == (known[..., None] >> np.arange(9)) & 1)[mask].all()


def test_a_fill_ends_what_was_played_before_it(model: HistoryModel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    decode = model.decode_values

    def spied(z, temperature, seed, first, controls, guidance):
        calls.append((temperature, guidance, controls))
        return decode(z, temperature, seed, first, controls=controls, guidance=guidance)

    monkeypatch.setattr(model, "decode_values", spied)
    played = sampling.draw(model, [DrumConditions(fill=True)] * 2, temperature=0.5, candidates=2)
    (cool, one, _), (hot, strong, controls) = calls
    assert (cool, one) == (0.5, 1) and (hot, strong) == (1, sampling.FILL_GUIDANCE)
    mask = controls[..., model.layout.mask]
    assert mask[:, :48].all() and not mask[:, 48:].any()
    hits = controls[:: sampling.FILL_CANDIDATES, :48, model.layout.hits]
    assert (model.layout.bits(played[:, :48]) == hits).all()


@pytest.mark.parametrize("bars", [1, 3, 4])
def test_phrases_hear_the_bars_before_them_where_they_stood(
    model: HistoryModel, monkeypatch: pytest.MonkeyPatch, bars: int
) -> None:
    seen = []
    decode = model.decode_values

    def spied(z, temperature, seed, first, controls, guidance):
        seen.append(controls[0])
        return decode(z, temperature, seed, first, controls=controls, guidance=guidance)

    monkeypatch.setattr(model, "decode_values", spied)
    past = np.random.default_rng(1).integers(0, 512, (1, LENGTH))
    past[0, : 2 * BAR] = NO_TOKEN
    played = DrumGenerator(model).play(past, bars * BAR, 3, Asked(model.prior_sample(1), ANYTHING))
    assert played.shape == (1, bars * BAR)
    (controls,) = seen
    layout, start = model.layout, LENGTH - bars * BAR
    real = np.repeat(np.arange(LENGTH)[:, None] < start, 9, axis=1)
    real[: max(0, start - 2 * BAR)] = False
    assert (controls[:, layout.mask] == real).all()
    assert (controls[:, layout.hits] == layout.bits(np.roll(past[0], start - LENGTH)) * real).all()
    earlier = np.concatenate([np.full(start, NO_TOKEN), past[0, : LENGTH - start]])
    assert (layout.past_tokens(controls) == earlier).all()
    assert (controls[:, layout.uses_z] == (bars == 4)).all()


def test_a_style_that_is_asked_for_is_not_contradicted_by_a_latent_vector(model: HistoryModel) -> None:
    generator, past = DrumGenerator(model), np.full((1, LENGTH), NO_TOKEN)
    funk = DrumConditions(style="funk")
    first, second = (
        [generator.play(past, LENGTH, 3, Asked(model.prior_sample(1, seed), c)) for seed in (0, 1)]
        for c in (funk, ANYTHING)
    )
    assert (first[0] == first[1]).all() and (second[0] != second[1]).any()


def test_a_song_of_it_is_a_function_of_the_seed(model: HistoryModel) -> None:
    form = parse_structure("verse:5 chorus:2 verse:1")
    generator = DrumGenerator(model, temperature=0.7, candidates=2)
    song = compose(generator, form, seed=4)
    assert song.tokens.shape == (8 * BAR,) and song.tokens.min() >= 0 and song.tokens.max() < 512
    assert (compose(generator, form, seed=4).tokens == song.tokens).all()
    assert (compose(generator, form, seed=5).tokens != song.tokens).any()


def test_phrases_longer_than_a_clip_are_refused(model: HistoryModel) -> None:
    asked = Asked(model.prior_sample(1), ANYTHING)
    for past, steps in ((LENGTH, LENGTH + BAR), (LENGTH - 1, BAR), (LENGTH, 0)):
        with pytest.raises(ValueError, match="can't be played"):
            DrumGenerator(model).play(np.zeros((1, past), np.int64), steps, 0, asked)
