"""models/music_vae/attributes.py: attributes are counted right, and their vectors move what they are named after."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import configs
from common.errors import CheckpointError
from models.music_vae import attributes, embedding
from models.music_vae.attributes import ATTRIBUTES, AttributeVectors
from models.music_vae.trained import TrainedModel
from preprocess.drums.rhythm import hits_of, syncopation
from tests.conftest import ROOT
from tests.helpers.checkpoints import tiny_config, zero_weights
from tests.helpers.drum_sequences import drum_sequence
from tests.helpers.small_models import MUSIC_VAES

SHIPPED = ROOT / "checkpoints" / "hierdec-drum_4bar_small.safetensors"


@pytest.fixture(scope="module")
def vectors(shipped: TrainedModel, beats: Any) -> AttributeVectors:
    """Vectors of the project's own beats."""
    names = attributes.names_for(shipped)
    values = attributes.measure_values(shipped, beats.inputs, names, beats.lengths)
    return attributes.attribute_vectors(shipped.posterior(beats.batch(slice(None)))[0], values, names)


def model_of(config: configs.Config) -> TrainedModel:
    """A model whose weights say nothing, for what asks its config and converter alone."""
    return TrainedModel(config, zero_weights(config))


def line(*notes: tuple[int, int, int]) -> Any:
    """A melody of notes: first sixteenth, length, pitch."""
    sequence = drum_sequence([(start, pitch, 80, length) for start, length, pitch in notes])
    for note in sequence.notes:
        note.is_drum, note.instrument = False, 0
    return sequence


def measured(sequence: Any, name: str, bars: int = 2, lead_only: bool = False) -> float:
    return float(attributes.measure([sequence], [name], bars, lead_only)[0, 0])


# Measuring.


def test_syncopation_is_measured_on_sixteenths_of_four_four_only() -> None:
    for name, in_sixteenths in [("", True), ("_3-4", False), ("_12-8", False), ("_triplets", False)]:
        model = model_of(configs.get_config(f"hierdec-drum_4bar{name}_small"))
        assert ("syncopation" in attributes.names_for(model)) is in_sixteenths
        assert attributes.bars_of(model) == 4


def test_drums_are_counted_a_bar() -> None:
    sequence = drum_sequence(
        [(0, 36, 100, 1), (4, 38, 60, 1), (4, 42, 20, 1), (8, 46, 60, 1), (30, 51, 60, 1)]
    )
    assert measured(sequence, "hits") == 5 / 2
    assert measured(sequence, "hihat") == 2 / 2
    assert measured(sequence, "loudness") == 60
    assert np.isnan(measured(drum_sequence([]), "loudness")) and measured(drum_sequence([]), "hits") == 0
    assert measured(line((0, 4, 60)), "hits") == 0


def test_syncopation_is_that_of_kick_and_snare(beats: Any, shipped: TrainedModel) -> None:
    found = attributes.measure_values(shipped, beats.inputs, ["syncopation"], beats.lengths)[:, 0]
    expected = syncopation(hits_of(beats.inputs, 9), (0, 1))
    np.testing.assert_allclose(found, expected)
    assert found.max() > found.min()
    # A hi-hat off the beat is no syncopation, a kick there is one.
    assert measured(drum_sequence([(0, 36, 80, 1), (3, 42, 80, 1), (16, 36, 80, 1)]), "syncopation") == 0
    assert measured(drum_sequence([(0, 36, 80, 1), (14, 36, 80, 1)]), "syncopation") > 0


def test_hits_are_those_of_the_tokens(beats: Any, shipped: TrainedModel) -> None:
    found = attributes.measure_values(shipped, beats.inputs, ["hits", "hihat"], beats.lengths)
    hits = hits_of(beats.inputs, 9)
    np.testing.assert_allclose(found[:, 0], hits.sum(axis=(1, 2)) / 4)
    np.testing.assert_allclose(found[:, 1], hits[:, :, 2:4].sum(axis=(1, 2)) / 4)


def test_melodies_are_measured() -> None:
    sequence = line((0, 4, 60), (8, 8, 67), (16, 2, 65))
    assert measured(sequence, "notes") == 3 / 2
    assert measured(sequence, "pitch") == (60 + 67 + 65) / 3
    assert measured(sequence, "range") == 7
    assert measured(sequence, "rests") == 1 - 14 / 32
    silence = drum_sequence([])
    assert measured(silence, "rests") == 1 and measured(silence, "notes") == 0
    assert np.isnan(measured(silence, "pitch")) and np.isnan(measured(silence, "range"))


def test_of_a_trio_the_melody_counts_and_not_the_bass() -> None:
    sequence = line((0, 4, 60), (8, 4, 62), (0, 16, 40))
    sequence.notes[2].instrument = 1
    assert measured(sequence, "pitch", lead_only=True) == 61
    assert measured(sequence, "pitch") == 54


def test_padding_is_not_measured() -> None:
    model = model_of(tiny_config("cat-drums_2bar_small"))
    values = np.full((1, 32), -1, np.int32)
    values[0, :16] = 5
    assert attributes.measure_values(model, values, ["hits"], np.array([16]))[0, 0] == 16


@pytest.mark.parametrize("name", MUSIC_VAES)
def test_every_config_has_attributes_and_a_length(name: str) -> None:
    model = model_of(tiny_config(name))
    names = attributes.names_for(model)
    assert names and set(names) <= set(ATTRIBUTES)
    assert attributes.bars_of(model) == model.converter.bars_of(model.max_length)
    plays_velocities = name.startswith("groovae") or "multiperf_vel" in name
    assert ("loudness" in names) == plays_velocities


# Vectors.


def test_a_vector_is_the_top_quartile_less_the_bottom_quartile() -> None:
    rng = np.random.default_rng(0)
    mu, values = rng.standard_normal((40, 3)), rng.permutation(40).astype(float)
    found = attributes.attribute_vectors(mu, values[:, None], ["hits"])
    order = np.argsort(values)
    expected = mu[order[-10:]].mean(axis=0) - mu[order[:10]].mean(axis=0)
    np.testing.assert_allclose(found.vectors[0], expected, rtol=1e-6)
    np.testing.assert_allclose(found.quartiles[0], np.percentile(values, (25, 75)))
    assert found.means[0] == values.mean() and found.deviations[0] == values.std() and found.clips == 40


def test_a_vector_points_where_the_attribute_grows() -> None:
    mu = np.random.default_rng(0).standard_normal((4000, 5))
    direction = np.array([1.0, -2.0, 0.0, 0.0, 2.0]) / 3
    (vector,) = attributes.attribute_vectors(mu, (mu @ direction)[:, None], ["pitch"]).vectors
    assert vector @ direction / np.linalg.norm(vector) > 0.99
    # The mean of the normal distribution's top quartile is 1.271.
    assert np.linalg.norm(vector) == pytest.approx(2 * 1.271, rel=0.05)


def test_undefined_values_do_not_count_and_constant_attributes_are_left_out() -> None:
    rng = np.random.default_rng(0)
    mu, values = rng.standard_normal((30, 3)), rng.random((30, 2))
    values[20:, 0] = np.nan
    values[:, 1] = 7
    found = attributes.attribute_vectors(mu, values, ["pitch", "notes"])
    alone = attributes.attribute_vectors(mu[:20], values[:20, :1], ["pitch"])
    assert found.names == ("pitch",)
    np.testing.assert_array_equal(found.vectors, alone.vectors)
    with pytest.raises(ValueError, match="differ in none of notes"):
        attributes.attribute_vectors(mu, values[:, 1:], ["notes"])
    with pytest.raises(ValueError, match="no vector of 'swing'; there are pitch"):
        found.vector("swing")


@given(arrays(np.float64, (3, 5), elements=st.floats(-5, 5).map(lambda x: round(x, 2))))
def test_orthogonal_parts_are_at_right_angles_to_the_other_vectors(vectors: np.ndarray) -> None:
    parts = attributes.orthogonalized(vectors)
    for i, part in enumerate(parts):
        others = np.delete(vectors, i, axis=0)
        np.testing.assert_allclose(others @ part, 0, atol=1e-3)
        # What was taken away lies in the span of the others.
        rest = vectors[i] - part
        np.testing.assert_allclose(np.linalg.lstsq(others.T, rest)[0] @ others, rest, atol=1e-3)


def test_orthogonal_parts_in_closed_form() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 6))
    expected = a - (a @ b) / (b @ b) * b
    np.testing.assert_allclose(attributes.orthogonalized(np.stack([a, b]))[0], expected, rtol=1e-5)
    np.testing.assert_allclose(attributes.orthogonalized(a[None])[0], a, rtol=1e-6)
    np.testing.assert_allclose(attributes.orthogonalized(np.stack([a, 2 * a])), 0, atol=1e-6)


def test_vectors_come_back_from_their_file(vectors: AttributeVectors) -> None:
    named = dataclasses.replace(vectors, config="c", encoder="e", source="some clips")
    found = AttributeVectors.from_json(named.to_json(), "x.json")
    np.testing.assert_allclose(found.vectors, named.vectors, atol=1e-6)
    np.testing.assert_allclose(found.quartiles, named.quartiles)
    np.testing.assert_allclose(found.deviations, named.deviations)
    assert (found.names, found.clips, found.config, found.encoder, found.source) == (
        named.names, named.clips, "c", "e", "some clips",
    )  # fmt: skip
    for text in ("", "[]", "{}", named.to_json()[:-20], '{"attributes": {"hits": {}}}'):
        with pytest.raises(CheckpointError, match=r"x\.json: holds no attribute vectors"):
            AttributeVectors.from_json(text, "x.json")


WRONG: list[tuple[str, Any]] = [
    ("vector", [1.0]), ("vector", "abc"), ("vector", None), ("vector", [[1.0] * 64]), ("vector", [1e39] * 64),
    ("vector", [float("nan")] * 64), ("mean", [1.0, 2.0]), ("mean", {}), ("mean", float("inf")), ("quartiles", [1, 2, 3]),
    ("quartiles", 3), ("standard_deviation", 10**400), ("clips", []), ("clips", float("inf")), ("attributes", {}),
    ("attributes", []), ("attributes", {"loudness of blue": None}),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_vectors_of_other_shapes_are_refused(vectors: AttributeVectors, case: int) -> None:
    key, value = WRONG[case]
    data = json.loads(vectors.to_json())
    if key in data:
        data[key] = value
    else:
        data["attributes"]["hits"][key] = value
    with pytest.raises(CheckpointError, match=r"x\.json: (holds|its attributes)") as error:
        AttributeVectors.from_json(json.dumps(data), "x.json")
    assert len(str(error.value)) < 300


def test_deep_vectors_are_refused() -> None:
    with pytest.raises(CheckpointError, match="nested deeper"):
        AttributeVectors.from_json('{"attributes":' * 10**5, "x.json")


def test_vectors_stand_beside_their_checkpoint() -> None:
    assert attributes.path_beside("a/b.safetensors") == Path("a/b.attributes.json")
    assert attributes.path_beside("a/model.ckpt-10") == Path("a/model.ckpt-10.attributes.json")


# What they move.


def test_hits_and_hi_hats_move_in_64_samples(shipped: TrainedModel, vectors: AttributeVectors) -> None:
    found = attributes.effects(shipped, vectors, (-1, 1), 64)
    assert found.moved.shape == found.rose.shape == (len(vectors.names), 2, len(vectors.names))
    for name in ("hits", "hihat"):
        i = vectors.names.index(name)
        down, up = found.moved[i, :, i] / vectors.deviations[i]
        assert down < -0.5 and up > 0.5
        assert found.rose[i, 0, i] < 0.3 and found.rose[i, 1, i] > 0.7


def test_orthogonal_vectors_move_the_others_less(shipped: TrainedModel, vectors: AttributeVectors) -> None:
    hits, hi_hats = vectors.names.index("hits"), vectors.names.index("hihat")
    per_own = []
    for orthogonal in (False, True):
        moved = attributes.effects(shipped, vectors, (1,), 48, orthogonal=orthogonal).moved[:, 0]
        moved = moved / vectors.deviations
        per_own.append(abs(moved[hits, hi_hats]) / moved[hits, hits])
    assert per_own[1] < per_own[0]


def test_the_shipped_vectors_are_those_of_the_shipped_model(shipped: TrainedModel) -> None:
    path = attributes.path_beside(shipped.source)
    found = AttributeVectors.from_json(path.read_text(encoding="utf-8"), str(path))
    assert found.encoder == embedding.fingerprint(shipped) and found.config == shipped.config.name
    assert found.names == attributes.names_for(shipped)
    z = shipped.prior_sample(64, seed=5)
    index = found.names.index("hits")
    means = [
        attributes.measure_values(
            shipped, shipped.decode_values(z + amount * found.vector("hits"), 0.5), ["hits"]
        ).mean()
        for amount in (-1, 0, 1)
    ]
    assert means[0] + 0.5 * found.deviations[index] < means[1] < means[2] - 0.5 * found.deviations[index]
