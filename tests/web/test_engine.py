"""The page's models in Chromium beside those in NumPy: the same weights, random numbers and inputs, the same results."""

import dataclasses
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.random_batches import with_hparams
from catalog.config_map import CONFIG_MAP
from models import families
from models.formats import browser
from models.history_drums.editing import encoded, refined
from models.history_drums.trained import HistoryModel
from models.music_vae.interpolation import slerp_at
from models.music_vae.trained import TrainedModel
from models.numpy_engine import decoding
from models.numpy_engine import grooves as numpy_groove
from models.numpy_engine.history_drums import _Run
from models.numpy_engine.outputs import Categorical
from preprocess.drums import conditions as drum_conditions
from preprocess.drums import groove_conditions
from preprocess.drums.conditions import DrumConditions
from preprocess.drums.windows import ends_in_a_fill
from preprocess.example_forms import NO_TOKEN
from tests.helpers.browser import headless_chromium
from tests.helpers.engine_page import EnginePage, with_random_weights
from workflows.grooves import performing
from workflows.history_drums import sampling

pytestmark = pytest.mark.slow

Array = np.ndarray

ROLES = {
    "histdec-drum_4bar": "draw",
    "histdec-drum_4bar_edit": "edit",
    "groovae_2bar_humanize_small": "humanize",
    "groovae_2bar_tap_small": "tap",
    "cat-mel_2bar_tiny": "melody",
    "hierdec-drum_4bar_small": "hierarchical",
}
HISTORY = ("histdec-drum_4bar", "histdec-drum_4bar_edit")
MUSIC_VAES = ("cat-mel_2bar_tiny", "hierdec-drum_4bar_small")
CLIPS = 64


@cache
def model_of(name: str) -> Any:
    """A shipped model in NumPy."""
    return families.open_music_vae(name)


@cache
def packaged_models() -> list[dict[str, Any]]:
    """All shipped models that the page plays."""
    models = []
    for name, role in ROLES.items():
        model = model_of(name)
        path = Path(model.source).with_name(f"{name}.attributes.json")
        attributes = json.loads(path.read_text())["attributes"] if path.exists() else None
        temperature = families.default_temperature(model.config)
        models.append(
            browser.packaged(model.config, model.weights, attributes, temperature) | {"roles": [role]}
        )
    return models


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnginePage]:
    driver = headless_chromium(tmp_path_factory.mktemp("profile"))
    try:
        yield EnginePage(driver, tmp_path_factory.mktemp("page"), packaged_models())
    finally:
        driver.quit()


def uniforms_of(model: TrainedModel, temperature: float | None, n: int = CLIPS) -> Array | None:
    return None if temperature is None else model.uniforms(n, model.max_length, 7)


def beats(n: int, seed: int = 3) -> Array:
    """Beats that a model has drawn, uint16 `[n, 64]`."""
    model = model_of("histdec-drum_4bar")
    return model.decode_values(model.prior_sample(n, seed), 0.87, seed).astype(np.uint16)


def given_everything(model: HistoryModel, n: int, seed: int = 1) -> dict[str, Array]:
    """Known hits, music before and conditions of clips, a third without each; as far as the model reads them."""
    rng = np.random.default_rng(seed)
    steps, drums = model.max_length, model.layout.drums
    mask = np.zeros((n, steps, drums), bool)
    mask |= np.repeat(rng.random((n, steps // 16, 1)) < 0.3, 16, axis=1)
    mask |= rng.random((n, 1, drums)) < 0.3
    mask[: n // 3] = False
    past = beats(n, seed + 1).astype(np.int16)
    for row, silent in zip(past, rng.integers(0, steps, n), strict=True):
        row[:silent] = NO_TOKEN
    past[n // 3 : 2 * n // 3] = NO_TOKEN
    rows = [
        DrumConditions(
            style=str(rng.choice(drum_conditions.STYLES)) if rng.random() < 0.6 else None,
            tempo=float(rng.uniform(60, 200)) if rng.random() < 0.6 else None,
            fill=bool(rng.random() < 0.5) if rng.random() < 0.6 else None,
            intensity=float(rng.random()) if rng.random() < 0.6 else None,
            density=float(rng.random()) if rng.random() < 0.6 else None,
            syncopation=float(rng.random()) if rng.random() < 0.6 else None,
        ).to_row()
        for _ in range(n)
    ]
    found = {"known": beats(n, seed + 2), "mask": mask, "past": past}
    if model.layout.conditions:
        found["conditions"] = np.stack(rows)
    return found


def as_sent(given: dict[str, Array], n: int, z: Array | None = None, uses_z: bool = True) -> dict[str, Any]:
    """What is given, as history_drums.js takes it."""
    empty = {"z": z, "known": None, "mask": None, "past": None, "conditions": None}
    sent = empty | given | {"n": n, "usesZ": uses_z}
    if sent["mask"] is not None:
        sent["mask"] = (sent["mask"] @ (1 << np.arange(9))).astype(np.uint16)
    return sent


# Drum models that read their own past.


@pytest.mark.parametrize("name", HISTORY)
@pytest.mark.parametrize("temperature", [1.0, None])
def test_beats_of_latent_vectors_are_the_same(page: EnginePage, name: str, temperature: float | None) -> None:
    model = model_of(name)
    z, uniforms = model.prior_sample(CLIPS, 5), uniforms_of(model, temperature)
    expected = model.decode_values(z, temperature, 7)
    options = {"uniforms": uniforms, "temperature": 1}
    found = page.debug("played", ROLES[name], given=as_sent({}, CLIPS, z), options=options)
    np.testing.assert_array_equal(found.reshape(CLIPS, -1), expected)
    assert len(np.unique(expected, axis=0)) > CLIPS // 2


@pytest.mark.parametrize("name", HISTORY)
@pytest.mark.parametrize(("temperature", "guidance"), [(0.87, 2.0), (None, 1.0)])
def test_beats_around_known_hits_after_music_and_under_conditions_are_the_same(
    page: EnginePage, name: str, temperature: float | None, guidance: float
) -> None:
    model = model_of(name)
    n = CLIPS if temperature else CLIPS // 2
    given, uniforms = given_everything(model, n), uniforms_of(model, temperature, n)
    z = model.prior_sample(n, 6)
    controls = model.given(n, **given, uses_z=not model.fills_in)
    expected = model.player.decode(z, controls, uniforms, temperature or 1.0, guidance)
    sent = as_sent(given, n, z, uses_z=not model.fills_in)
    options = {"uniforms": uniforms, "temperature": temperature or 1.0, "guidance": guidance}
    found = page.debug("played", ROLES[name], given=sent, options=options).reshape(n, -1)
    np.testing.assert_array_equal(found, expected)
    differ = model.layout.bits(found ^ given["known"]) * given["mask"]
    assert given["mask"].any() and not differ.any()


@pytest.mark.parametrize("name", HISTORY)
def test_log_probabilities_are_within_a_ten_thousandth(page: EnginePage, name: str) -> None:
    model, n = model_of(name), 4
    given, z = given_everything(model, n), model.prior_sample(n, 6)
    tokens = np.where(given["mask"].any(axis=2), given["known"], beats(n, 9)).astype(np.uint16)
    run = _Run(model.player, z, model.given(n, **given))
    expected = []
    for step in range(model.max_length):
        expected.append(run.log_probabilities(step))
        run.hear(tokens[:, step].astype(np.int32))
    found = page.debug("logProbabilities", ROLES[name], given=as_sent(given, n, z), tokens=tokens)
    expected = np.stack(expected, axis=1)
    assert (expected > -5).sum() > n * model.max_length and expected.min() < -1e8
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("conditions", "is_known"),
    [
        (DrumConditions(style="funk", tempo=96), False),
        (DrumConditions(density=0.9, syncopation=0.2, fill=False), True),
        (DrumConditions(style="rock", density=0.3, fill=True), False),
        (DrumConditions(fill=True), True),
    ],
)
def test_of_the_candidates_the_same_one_is_taken(
    page: EnginePage, conditions: DrumConditions, is_known: bool
) -> None:
    model = model_of("histdec-drum_4bar")
    known = beats(1, 11)
    mask = np.zeros((1, 64, 9), bool)
    mask[:, :32] = mask[:, :, 2] = is_known
    expected = sampling.draw(
        model, [conditions], None, known, mask, temperature=0.87, seed=4, guidance=2.0, candidates=6
    )
    wanted = {name: value for name, value in vars(conditions).items() if value is not None}
    uniforms = model.uniforms(sampling.FILL_CANDIDATES, 64, 4)
    options = {"seed": 0, "temperature": 0.87, "conditions": wanted, "uniforms": uniforms, "candidates": 6}
    options |= {"enough": -1}
    options |= {"known": known[0], "mask": mask[0].astype(np.uint8)} if is_known else {}
    np.testing.assert_array_equal(page.call("draw", options), expected[0])
    # The page itself stops at a candidate that is near enough.
    near = page.call("draw", options | {"enough": 0.1})
    missed = sampling.misses(near[None].astype(int), [conditions], 16)[0]
    least = sampling.misses(expected, [conditions], 16)[0]
    assert missed == pytest.approx(least) or missed <= 0.1


def test_measures_of_beats_are_the_same(page: EnginePage) -> None:
    tokens = np.concatenate([beats(40), np.zeros((1, 64), np.uint16)])
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 512, (40, 64)) * (rng.random((40, 64)) < rng.random((40, 1)))
    tokens = np.concatenate([tokens, noise.astype(np.uint16)])
    found = page.debug("measures", clips=list(tokens))
    expected = {
        "density": drum_conditions.density(tokens.astype(int)),
        "syncopation": drum_conditions.syncopation_of(tokens.astype(int)),
        "fill": ends_in_a_fill(tokens.astype(int), 16),
    }
    for name, values in expected.items():
        np.testing.assert_allclose([each[name] for each in found], values, rtol=0, atol=1e-9, err_msg=name)
    assert expected["fill"].any()
    for name, values in drum_conditions.QUANTILES.items():
        grid = [*values, *(np.array(values[1:]) + np.array(values[:-1])) / 2, values[0] - 1, values[-1] + 1]
        found = page.debug("quantiles", condition=name, values=[float(x) for x in grid])
        np.testing.assert_allclose(found, drum_conditions.quantile_of(name, np.array(grid)), atol=1e-12)


def test_a_row_of_conditions_is_the_same(page: EnginePage) -> None:
    asked = DrumConditions("latin", 133.0, False, 0.25, 0.5, 1.0)
    wanted = {name: value for name, value in vars(asked).items() if value is not None}
    np.testing.assert_array_equal(page.debug("conditionRow", conditions=wanted), asked.to_row())


# MusicVAEs.


@pytest.mark.parametrize("name", MUSIC_VAES)
@pytest.mark.parametrize("temperature", [1.0, None])
def test_tokens_of_latent_vectors_are_the_same(
    page: EnginePage, name: str, temperature: float | None
) -> None:
    model = model_of(name)
    z, uniforms = model.prior_sample(CLIPS, 5), uniforms_of(model, temperature)
    known = model.decode_values(z[::-1], 1.0, 8)
    stays = np.random.default_rng(1).random(known.shape) < 0.2
    stays[: CLIPS // 2] = False
    expected = model.decode_values(z, temperature, 7, known=np.where(stays, known, NO_TOKEN))
    decisions = {
        "uniforms": uniforms,
        "temperature": 1,
        "known": known.astype(np.uint16),
        "mask": (stays * (model.converter.output_depth - 1 if "drum" in name else 127)).astype(np.uint16),
    }
    found = page.debug("decoded", ROLES[name], z=z, n=CLIPS, decisions=decisions)
    np.testing.assert_array_equal(found.reshape(CLIPS, -1), expected)


@pytest.mark.parametrize("name", MUSIC_VAES)
def test_logits_are_within_a_ten_thousandth(
    page: EnginePage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, n = model_of(name), 6
    z = model.prior_sample(n, 5)
    tokens = model.decode_values(z, 1.0, 3)
    seen: list[Array] = []

    def keep(self: Categorical, parameters: Array, values: Array) -> Array:
        seen.append(parameters.copy())
        return np.zeros(len(values))

    monkeypatch.setattr(Categorical, "log_probability", keep)
    decoding.log_probability(
        model.weights, model.config.decoder, tuple(model.converter.output_depths), z, tokens
    )
    found = page.debug("parameters", ROLES[name], z=z, n=n, tokens=tokens.astype(np.int16))
    expected = np.stack(seen, axis=1)
    assert np.ptp(expected) > 5
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("form", ["nade", "boolean", "autoregressive", "two layers"])
def test_other_forms_of_musicvae_are_the_same(page: EnginePage, form: str, tmp_path: Path) -> None:
    """Small models with random weights, for those of `--run_dir`."""
    config, n = CONFIG_MAP["nade-drums_2bar_reduced" if form == "nade" else "hierdec-drum_4bar_small"], 8
    widths: dict[str, Any] = {"enc_rnn_size": (12,), "dec_rnn_size": (14,), "z_size": 6, "nade_num_hidden": 7}
    if form == "autoregressive":
        config = dataclasses.replace(
            config,
            encoder={"name": "hierarchical_lstm", "level_lengths": (16, 4)},
            decoder={"name": "hierarchical_lstm", "core": "categorical_lstm", "level_lengths": (2, 2, 16)},
        )
    elif form == "boolean":
        config = dataclasses.replace(CONFIG_MAP["nade-drums_2bar_reduced"], decoder={"name": "boolean_lstm"})
    elif form == "two layers":
        widths |= {"enc_rnn_size": (12, 12), "dec_rnn_size": (14, 10)}
    config = with_hparams(config, **widths)
    assert browser.why_not(config) == ""
    packed, weights = with_random_weights(config, "small")
    model = TrainedModel(config, weights)
    small = EnginePage(page.browser, tmp_path, [packed])
    try:
        z, steps = model.prior_sample(n, 2), model.max_length
        uniforms = model.uniforms(n, steps, 3)
        bits = 1 << np.arange(9)
        for draws in (uniforms, None):
            values = model.decode_values(z, None if draws is None else 1.0, 3)
            expected = values if values.ndim == 2 else values @ bits
            found = small.debug("decoded", "small", z=z, n=n, decisions={"uniforms": draws})
            np.testing.assert_array_equal(found.reshape(n, -1), expected)
        tokens = beats(n)[:, :steps]
        inputs = tokens.astype(np.int64) if values.ndim == 2 else (tokens[..., None] & bits > 0)
        mu, sigma = model.posterior({"inputs": inputs, "lengths": np.full(n, steps)})
        read = small.debug("posterior", "small", tokens=np.ascontiguousarray(tokens), n=n)
        np.testing.assert_allclose(read["mu"].reshape(mu.shape), mu, rtol=0, atol=1e-4)
        np.testing.assert_allclose(read["sigma"].reshape(mu.shape), sigma, rtol=0, atol=1e-4)
    finally:
        page.open()


# Encoders, and what is done with latent vectors.


@pytest.mark.parametrize("name", [*HISTORY, *MUSIC_VAES])
def test_posteriors_are_within_a_ten_thousandth(page: EnginePage, name: str) -> None:
    model = model_of(name)
    tokens = beats(CLIPS) if "drum" in name else model.decode_values(model.prior_sample(CLIPS, 2), 0.5, 2)
    mu, sigma = model.posterior(
        {"inputs": tokens.astype(np.int64), "lengths": np.full(CLIPS, tokens.shape[1])}
    )
    found = page.debug("posterior", ROLES[name], tokens=tokens.astype(np.uint16), n=CLIPS)
    np.testing.assert_allclose(found["mu"].reshape(mu.shape), mu, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found["sigma"].reshape(mu.shape), sigma, rtol=0, atol=1e-4)


def test_clips_are_encoded_as_python_encodes_them(page: EnginePage) -> None:
    model, tokens = model_of("histdec-drum_4bar_edit"), beats(3, 21)
    expected = refined(model, tokens.astype(np.int64))
    for clip, z in zip(tokens, expected, strict=True):
        found = page.call("encode", {"role": "edit", "tokens": clip})
        np.testing.assert_allclose(found, z, rtol=0, atol=1e-3)
        again = page.call("decode", {"role": "edit", "z": found, "n": 1, "temperature": None})
        np.testing.assert_array_equal(again, model.decode_values(z[None], None)[0])
    melody = model_of("cat-mel_2bar_tiny")
    tune = melody.decode_values(melody.prior_sample(1, 4), 0.5, 4)
    expected = encoded(melody, {"inputs": tune, "lengths": np.array([32])})[0]
    found = page.call("encode", {"role": "melody", "tokens": tune[0].astype(np.int16)})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_what_lies_between_four_clips_is_the_same(page: EnginePage) -> None:
    model, tokens = model_of("histdec-drum_4bar_edit"), beats(4, 31)
    corners = refined(model, tokens.astype(np.int64))
    for x, y in ((0.5, 0.5), (0.1, 0.8), (1.0, 0.3)):
        top, bottom = slerp_at(*corners[:2], np.array([x]))[0], slerp_at(*corners[2:], np.array([x]))[0]
        z = slerp_at(top, bottom, np.array([y]))
        found = page.call(
            "mix", {"role": "edit", "corners": list(corners), "x": x, "y": y, "exact": list(tokens)}
        )
        np.testing.assert_allclose(found["z"], z[0], rtol=0, atol=1e-5)
        np.testing.assert_array_equal(found["tokens"], model.decode_values(z, None)[0])
    for corner in range(4):
        at = {"x": corner % 2 + 0.01 - 0.02 * (corner % 2), "y": corner // 2}
        found = page.call("mix", {"role": "edit", "corners": list(corners), "exact": list(tokens), **at})
        np.testing.assert_array_equal(found["tokens"], tokens[corner])


@pytest.mark.parametrize("scale", [1.0, -1.0, 0.0])
def test_slerp_of_vectors_in_one_line_is_a_straight_line(page: EnginePage, scale: float) -> None:
    start = np.random.default_rng(1).standard_normal(16).astype(np.float32)
    for t in (0.0, 0.3, 1.0):
        found = page.debug("slerp", start=start, end=start * np.float32(scale), t=t)
        expected = slerp_at(start, start * np.float32(scale), np.array([t]))[0]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_sliders_move_beats_as_python_moves_them(page: EnginePage) -> None:
    model, clip = model_of("histdec-drum_4bar_edit"), beats(1, 41)
    path = Path(model.source).with_name("histdec-drum_4bar_edit.attributes.json")
    vectors = {name: each["vector"] for name, each in json.loads(path.read_text())["attributes"].items()}
    z = refined(model, clip.astype(np.int64))
    for amounts in ({"hits": 0.8}, {"hits": -1.0, "hihat": 0.5, "syncopation": 0.25}):
        wanted = z + sum(np.float32(a) * np.array(vectors[n], np.float32) for n, a in amounts.items())
        found = page.call("move", {"tokens": clip[0], "amounts": amounts})
        np.testing.assert_array_equal(found, model.decode_values(wanted, None)[0])
        assert (found != clip[0]).any()
    np.testing.assert_array_equal(page.call("move", {"tokens": clip[0], "amounts": {"hits": 0}}), clip[0])


# Grooves.


@pytest.mark.parametrize("name", ["groovae_2bar_humanize_small", "groovae_2bar_tap_small"])
@pytest.mark.parametrize("temperature", [None, 0.8])
def test_performances_are_the_same(page: EnginePage, name: str, temperature: float | None) -> None:
    model, rng = model_of(name), np.random.default_rng(4)
    controls = groove_controls(model, rng)
    uniforms = uniforms_of(model, temperature)
    expected = numpy_groove.decode(model.weights, model.config, controls, uniforms, temperature or 1.0)
    options = {"uniforms": uniforms, "temperature": temperature or 1.0}
    found = page.debug("performed", ROLES[name], controls=controls, n=CLIPS, options=options)
    found = found.reshape(expected.shape)
    np.testing.assert_array_equal(found[..., :9], expected[..., :9])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    assert expected[..., :9].any() and np.abs(expected[..., 18:]).max() > 0.1


def groove_controls(model: TrainedModel, rng: np.random.Generator) -> Array:
    """Scores or taps of 64 windows at several tempos and in several styles."""
    tokens = beats(CLIPS, 51)[:, :32]
    hits = (tokens[..., None] >> np.arange(9)) & 1
    if model.converter.taps_as_controls:
        struck = hits.any(axis=-1) & (rng.random(tokens.shape) < 0.8)
        given = np.stack([struck, struck * rng.uniform(-1, 1, tokens.shape)], axis=-1)
    else:
        given = hits
    rows = [
        groove_conditions.row(rng.uniform(60, 220), None, rng.choice([*groove_conditions.STYLES, "polka"]))
        for _ in range(CLIPS)
    ]
    rows = np.repeat(np.array(rows)[:, None], 32, axis=1)
    return np.concatenate([given, rows], axis=-1).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_beats_are_humanized_as_by_the_command(page: EnginePage, temperature: float) -> None:
    model = model_of("groovae_2bar_humanize_small")
    for number, clip in enumerate(beats(4, 61)):
        if number == 3:
            clip = np.where(np.arange(64) < 32, 0, clip).astype(np.uint16)
        hits = ((clip[:, None] >> np.arange(9)) & 1).astype(float)
        row = groove_conditions.row(97.0, None, "funk")
        grid = (hits, hits * 0.8, np.zeros_like(hits))
        ((_, velocities, offsets),) = performing.humanized(model, grid, temperature, 5, 1, row)
        windows = hits.reshape(2, -1).any(axis=1).sum()
        manner = {"qpm": 97, "style": "funk", "temperature": temperature, "seed": 0}
        manner["uniforms"] = model.uniforms(windows, 32, 5)
        found = page.call("humanize", {"tokens": clip, **manner})
        np.testing.assert_array_equal(found["velocities"].reshape(64, 9), velocities)
        np.testing.assert_allclose(found["offsets"].reshape(64, 9), -offsets, rtol=0, atol=1e-4)
        assert (velocities[hits > 0] > 0).all()


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_taps_become_the_drums_of_the_command(page: EnginePage, temperature: float) -> None:
    model = model_of("groovae_2bar_tap_small")
    rng = np.random.default_rng(8)
    for steps in (32, 64):
        at = np.sort(rng.choice(steps, steps // 3, replace=False))
        late = rng.uniform(-0.4, 0.4, len(at)) * (at > 0)
        loud = rng.integers(40, 127, len(at))
        grid = model.converter.grid_of_hits(at + late, np.full(len(at), 2), loud)
        row = groove_conditions.row(110.0)
        (expected,) = performing.drums_of_taps(model, grid, temperature, 5, 1, row)
        taps = [
            {"step": int(s), "offset": float(o), "velocity": int(v)}
            for s, o, v in zip(at, late, loud, strict=True)
        ]
        # A softer tap on the same step is not heard.
        taps.append({"step": int(at[0]), "offset": 0.3, "velocity": 1})
        manner = {"qpm": 110, "temperature": temperature, "uniforms": model.uniforms(steps // 32, 32, 5)}
        found = page.call("tap", {"taps": taps, "steps": steps, **manner})
        velocities, offsets = found["velocities"].reshape(steps, 9), found["offsets"].reshape(steps, 9)
        first = [pitches[0] for pitches in model.converter.inference_pitch_classes]
        notes = [
            (first[drum], velocities[step, drum], max(0.0, float(step + offsets[step, drum])) / 8)
            for step, drum in np.argwhere(velocities)
        ]
        wanted = [(note.pitch, note.velocity, note.start_time) for note in expected.notes]
        assert [note[:2] for note in notes] == [note[:2] for note in wanted]
        np.testing.assert_allclose([n[2] for n in notes], [w[2] for w in wanted], rtol=0, atol=1e-5)
        assert len(notes) >= len(at)


# Seeds, and the engine as the page uses it.


def test_random_numbers_depend_on_the_seed_alone(page: EnginePage) -> None:
    for seed in (0, 1, 2**31, 2**53 - 1):
        u, z = page.debug("uniforms", seed=seed, count=20001), page.debug("normals", seed=seed, count=20001)
        assert u.dtype == z.dtype == np.float32 and (u >= 0).all() and (u < 1).all() and np.isfinite(z).all()
        np.testing.assert_array_equal(u[:100], page.debug("uniforms", seed=seed, count=100))
        # Four standard errors of a mean, of a correlation and of a variance.
        assert abs(u.mean() - 0.5) < 4 * 0.289 / np.sqrt(20001) and abs(z.mean()) < 4 / np.sqrt(20001)
        assert abs(z.var() - 1) < 4 * np.sqrt(2 / 20001)
        assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 4 / np.sqrt(20000)
        counts = np.bincount((u * 64).astype(int), minlength=64)
        assert ((counts - 20001 / 64) ** 2).sum() / (20001 / 64) < 63 + 4 * np.sqrt(2 * 63)
    firsts = [page.debug("uniforms", seed=seed, count=1)[0] for seed in range(200)]
    assert len(set(firsts)) == 200 and abs(np.mean(firsts) - 0.5) < 4 * 0.289 / np.sqrt(200)


def test_a_seed_is_a_beat(page: EnginePage) -> None:
    drawn = [page.call("draw", {"seed": seed, "temperature": 0.87}) for seed in (1, 1, 2, 3)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert len({x.tobytes() for x in drawn}) == 3
    assert all(len(x) == 64 and x.max() < 512 for x in drawn)


@pytest.mark.parametrize("role", ["draw", "edit", "hierarchical"])
def test_what_is_locked_stays(page: EnginePage, role: str) -> None:
    rng, known = np.random.default_rng(6), beats(1, 71)[0]
    model = next(model for model in packaged_models() if role in model["roles"])
    for _ in range(4):
        mask = (rng.random((64, 9)) < rng.random()).astype(np.uint8)
        options = {"seed": 5, "temperature": 1, "known": known, "mask": mask}
        found = page.debug("drawn", role, options=options)
        differ = (((found ^ known)[:, None] >> np.arange(9)) & 1) * mask
        assert not differ.any(), model["name"]
    mask = np.ones((64, 9), np.uint8)
    options = {"seed": 5, "temperature": 1, "known": known, "mask": mask}
    np.testing.assert_array_equal(page.debug("drawn", role, options=options), known)


def test_the_page_learns_what_a_model_can_do(page: EnginePage) -> None:
    facts = {role: page.run("return engine.model(args[0]);", role) for role in ROLES.values()}
    assert facts["draw"]["conditions"] and facts["draw"]["fillsIn"] and facts["draw"]["temperature"] == 0.87
    assert facts["edit"]["encodes"] and set(facts["edit"]["attributes"]) == {"hits", "hihat", "syncopation"}
    assert not facts["edit"]["conditions"] and (facts["melody"]["steps"], facts["melody"]["zSize"]) == (
        32,
        64,
    )
    assert not facts["humanize"]["encodes"] and facts["tap"]["stepsPerBar"] == 16
    assert page.run("return engine.model('piano');") is None


def test_what_goes_wrong_is_said_in_a_sentence(page: EnginePage) -> None:
    said = page.run(
        """
        const said = [];
        const ask = (promise) => promise.then(() => said.push("nothing"), (error) => said.push(error.message));
        await ask(engine.draw({ seed: 1, temperature: 1, conditions: { style: "polka" } }));
        await ask(engine.move({ tokens: new Uint16Array(64), amounts: { loudness: 1 } }));
        await ask(engine.encode({ role: "piano", tokens: new Uint16Array(64) }));
        const damaged = window.start([{ ...models[0], data: models[0].data.slice(0, 4000) }, models[4]]);
        await ask(damaged.ready);
        await ask(damaged.draw({ seed: 1, temperature: 1 }));
        await ask(damaged.encode({ role: "melody", tokens: new Int16Array(32) }));
        damaged.close();
        await ask(damaged.draw({ seed: 1, temperature: 1 }));
        return said;
        """
    )
    assert said[0].startswith("The style is 'polka'; expected one of afrobeat, ")
    assert said[1] == "The model has no attribute vector of loudness."
    assert said[2] == "This page has no model to piano with."
    assert said[3] == said[4] == "The model histdec-drum_4bar is damaged; export the page again."
    assert said[5:] == ["nothing", "The engine was closed."]


def test_of_requests_with_one_tag_the_newest_waits(page: EnginePage) -> None:
    found = page.run(
        """
        const { zSize } = engine.model("edit"), z = new Float32Array(zSize), order = [];
        const ask = (name, tag) => engine.decode({ role: "edit", z, n: 1, temperature: null, ...(tag && { tag }) })
          .then(() => order.push(name), (error) => order.push(name + (error.dropped ? " dropped" : error.message)));
        await Promise.all([ask("first", "pad"), ask("second", "pad"), ask("other"), ask("third", "pad"), ask("fourth", "pad")]);
        return order;
        """
    )
    assert found == ["second dropped", "third dropped", "first", "other", "fourth"]
