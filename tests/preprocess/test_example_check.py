"""Records of shards that are no examples of the converter's are counted, and never end a run."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from configs import CONFIG_MAP
from preprocess.converters.base import Example
from preprocess.dataset import Batches, ExampleSet, load_examples
from preprocess.example_check import reason_to_refuse
from preprocess.example_proto import encode
from preprocess.note_sequence import NoteSequence
from preprocess.pieces.pieces import load_pieces
from preprocess.tfrecord import RecordWriter, read_sidecar, write_sidecar


def music() -> Any:
    """75 seconds of melody, bass and drums."""
    sequence = NoteSequence(total_time=75.0)
    for i in range(300):
        for pitch, program, instrument, is_drum in (
            (60 + i % 12, 0, 0, False), (36 + i % 12, 33, 1, False), (36 if i % 2 else 38, 0, 9, True)
        ):  # fmt: skip
            sequence.notes.add(
                pitch=pitch, velocity=80, start_time=i / 4, end_time=i / 4 + 0.25, program=program,
                instrument=instrument, is_drum=is_drum,
            )  # fmt: skip
    return sequence


CONFIGS = {
    "roll of tokens": "cat-drums_2bar_small",
    "tokens": "cat-mel_2bar_small",
    "tokens with controls": "cat-mel_2bar_med_chords",
    "several tokens": "hier-trio_16bar",
    "numbers": "groovae_2bar_humanize",
    "segments": "hier-multiperf_vel_1bar_med",
    "roll": "flat-pianoroll_2bar",
}


def write(path: Path, name: str, *examples: tuple[Example, int], **sidecar: Any) -> str:
    with RecordWriter(path) as writer:
        for i, (example, variant) in enumerate(examples):
            writer.write(encode(f"song {i}", example, variant))
    spec = CONFIG_MAP[name].converter_spec
    write_sidecar(path, {"kind": "examples", "count": len(examples), "converter": spec, **sidecar})
    return str(path)


def load(path: str, name: str, training: bool = True) -> ExampleSet:
    config = CONFIG_MAP[name]
    steps = config.hparams.max_seq_len
    return load_examples(path, config.build_converter(), config.converter_spec, steps, training=training)


Change = Callable[[Example], dict[str, Any]]
WRONG: dict[str, tuple[str, Change]] = {
    "one axis more": ("bad_shape", lambda e: {"inputs": np.stack([e.inputs, e.inputs], axis=-1)[..., 0:2]}),
    "no steps": ("bad_shape", lambda e: {"inputs": e.inputs[:0]}),
    "outputs of other length": ("bad_shape", lambda e: {"outputs": np.array(e.outputs)[:-1]}),
    "wrong controls": ("bad_shape", lambda e: {"controls": np.ones((len(e.inputs), 3), bool)}),
    "another type": (
        "bad_type",
        lambda e: {"inputs": e.inputs.astype(np.int64 if e.inputs.dtype.kind in "fb" else np.float32)},
    ),
    "length 0": ("bad_length", lambda e: {"length": 0 * np.array(e.length) if np.ndim(e.length) else 0}),
    "length beyond": (
        "bad_length",
        lambda e: {"length": np.array(e.length) + 10**6 if np.ndim(e.length) else 10**6},
    ),
    "other segments": ("bad_length", lambda e: {"length": np.array([1, 1, 1])}),
    "no duration": ("bad_step_seconds", lambda e: {"step_seconds": float("nan")}),
    "a past duration": ("bad_step_seconds", lambda e: {"step_seconds": -1.0}),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_what_a_converter_makes_is_taken_and_what_it_does_not_is_not(kind: str) -> None:
    converter = CONFIG_MAP[CONFIGS[kind]].build_converter()
    examples, _ = converter.convert(music())
    assert examples and not any(reason_to_refuse(e, 0, converter) for e in examples)
    example = examples[0]
    for what, (reason, change) in WRONG.items():
        if (kind, what) == ("segments", "length 0"):
            continue  # a segment may be empty, and so may all be
        wrong = dataclasses.replace(example, **change(example))
        assert reason_to_refuse(wrong, 0, converter) in (reason, "bad_shape"), what
    for variant in (-1, 2**40):
        assert reason_to_refuse(example, variant, converter) == "bad_variant"
    if example.inputs.dtype.kind in "iu":
        for token in (-2, 2**40, converter.input_depth if kind != "roll of tokens" else 512):
            wrong = dataclasses.replace(example, inputs=np.full(example.inputs.shape, token))
            assert reason_to_refuse(wrong, 0, converter) == "bad_token"
    if example.inputs.dtype.kind == "f":
        wrong = dataclasses.replace(example, inputs=np.full(example.inputs.shape, np.nan, np.float32))
        assert reason_to_refuse(wrong, 0, converter) == "not_a_number"


def test_bad_records_among_good_ones_are_counted(tmp_path: Path) -> None:
    name = "cat-drums_2bar_small"
    good = CONFIG_MAP[name].build_converter().convert(music())[0][0]
    bad = [
        (dataclasses.replace(good, **WRONG[what][1](good)), 0) for what in ("one axis more", "length beyond")
    ]
    path = write(
        tmp_path / "x", name, bad[0], (good, 0), (good, 2**33), bad[1], (good, 1), reasons={"empty": 2}
    )
    found = load(path, name)
    assert len(found) == 2 and found.reasons == {
        "bad_shape": 1,
        "bad_variant": 1,
        "bad_length": 1,
        "empty": 2,
    }
    assert "bad_shape 1" in found.describe()
    with pytest.raises(
        InputError,
        match=r"the files hold no example .*bad_length: 1.*x: record 0 is the first .*\(bad_shape\)",
    ) as error:
        load(
            write(
                tmp_path / "x",
                name,
                *bad,
            ),
            name,
        )
    assert error.value.reason == "no_examples"


def test_records_that_are_no_examples_are_counted(tmp_path: Path) -> None:
    name = "cat-drums_2bar_small"
    good = CONFIG_MAP[name].build_converter().convert(music())[0][0]
    path = tmp_path / "x"
    with RecordWriter(path) as writer:
        for record in (b"", b"\xff\xff", encode("song", good), encode("song", good)[:-9]):
            writer.write(record)
    write_sidecar(path, {"kind": "examples", "converter": CONFIG_MAP[name].converter_spec})
    assert load(str(path), name).reasons == {"bad_record": 3}


def test_an_epoch_without_the_chosen_variants_is_drawn_from_all(tmp_path: Path) -> None:
    """The one source has variants 0 and 3 of 0 to 3; half of the epochs choose one that it lacks."""
    name = "cat-drums_2bar_small"
    good = CONFIG_MAP[name].build_converter().convert(music())[0][0]
    batches = Batches(load(write(tmp_path / "x", name, (good, 3)), name), batch_size=2, seed=0)
    for step in range(20):
        assert len(batches.batch(step)["inputs"]) == 2


def test_pieces_of_shards_are_held_against_the_converter(tmp_path: Path) -> None:
    name = "piano-small"
    good = CONFIG_MAP[name].build_converter().convert(music())[0][0]
    bad = dataclasses.replace(good, inputs=good.inputs[:, :80], outputs=good.outputs[:, :80])
    found = load_pieces(write(tmp_path / "x", name, (bad, 0), (good, 0)))
    assert len(found) == 1 and found.reasons == {"bad_shape": 1}
    with pytest.raises(InputError, match=r"gave no piece \(bad_shape: 1"):
        load_pieces(write(tmp_path / "x", name, (bad, 0)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("count", "3"), ("count", -1), ("count", 1e30), ("count", True), ("reasons", []), ("reasons", 3),
        ("reasons", {"empty": "two"}), ("reasons", {"empty": -1}), ("converter", None), ("converter", "drums"), ("kind", 3),
    ],
)  # fmt: skip
def test_sidecars_of_wrong_types_are_refused_by_name(tmp_path: Path, key: str, value: object) -> None:
    write_sidecar(tmp_path / "x", {"kind": "examples", "count": 1, key: value})
    with pytest.raises(InputError, match=rf"x\.json: {key} is .*, not ") as error:
        read_sidecar(tmp_path / "x")
    assert error.value.reason == "bad_sidecar"


@pytest.mark.parametrize(
    "text", ["[" * 10**5, '{"a":' * 10**5, "[]", "3", "\xff", json.dumps({"a": 10**4})[:-1]]
)
def test_sidecars_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"x\.json: is not a description"):
        read_sidecar(tmp_path / "x")
