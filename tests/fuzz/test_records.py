"""The campaigns of TFRecords: NoteSequences and shards of examples, as training, embedding and preprocessing read them."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import configs
from common.errors import InputError
from preprocess.dataset import load_examples
from preprocess.pieces.pieces import load_pieces
from preprocess.tfrecord import read_records, sidecar_path
from preprocess.transform import Filters, Transform
from tests.fuzz import campaign
from tests.fuzz.campaign import Wrong
from tests.fuzz.checks import all_converters, check_examples
from tests.fuzz.record_inputs import RecordFile, note_sequence_file, shard_file
from workflows.examples import load_windows

CONFIGS = tuple(configs.CONFIG_MAP.values())
CLIPS = tuple(c for c in CONFIGS if c.model == "music_vae")
PIECES = tuple(c for c in CONFIGS if c.model == "frame_model")
BEATS = tuple(c for c in CLIPS if c.decoder["name"] == "history_lstm")
DRUMS = tuple(c for c in CLIPS if c.converter["name"] == "drums" and "meter" not in c.converter)


def written(item: RecordFile, folder: Path) -> Path:
    """The files of an input in a folder."""
    path = folder / "input.tfrecord"
    path.write_bytes(item.data)
    sidecar_path(path).unlink(missing_ok=True)
    if item.sidecar is not None:
        sidecar_path(path).write_bytes(item.sidecar)
    return path


def augmenter_of(config: configs.Config) -> Any:
    """What varies the music of a config in training, where anything does."""
    from preprocess.augment import Augmenter

    if config.decoder["name"] == "history_lstm" or not config.augmenter:
        return None
    return Augmenter(**config.augmenter)


def check_set(config: configs.Config, examples: Any) -> None:
    """Arrays of one length that a model takes."""
    import numpy as np

    batch = examples.batch(slice(None))
    steps = config.hparams.max_seq_len
    for name in ("inputs", "outputs", "controls"):
        if name in batch and (
            batch[name].shape[:2] != (len(examples), steps) or not np.isfinite(batch[name]).all()
        ):
            raise Wrong(f"{name} of {config.name} are {batch[name].shape}, {len(examples)} of {steps} steps")


def read_note_sequence_file(item: RecordFile, folder: Path) -> None:
    """Through one way of reading each, chosen by the file."""
    path = written(item, folder)
    rng = random.Random(len(item.data))
    way = rng.choice(("clips", "clips", "pieces", "windows", "transform", "converters"))
    if item.good and rng.random() < 0.5:
        config = rng.choice(DRUMS)
        check_set(
            config,
            load_examples(
                str(path), config.build_converter(), config.converter_spec, config.hparams.max_seq_len
            ),
        )
    elif way == "clips":
        config = rng.choice(CLIPS)
        training = rng.random() < 0.5
        examples = load_examples(
            str(path), config.build_converter(), config.converter_spec, config.hparams.max_seq_len,
            augmenter=augmenter_of(config) if training else None, training=training,
        )  # fmt: skip
        check_set(config, examples)
    elif way == "pieces":
        config = rng.choice(PIECES)
        options = config.converter
        if options["name"] == "pianoroll":
            load_pieces(
                str(path), options.get("representation", "struck"), with_velocities=rng.random() < 0.5
            )
        else:
            load_pieces(str(path), converter=config.build_converter())
    elif way == "windows":
        load_windows(str(path), rng.choice(BEATS))
    else:
        _read_records(path, rng, way)


def _read_records(path: Path, rng: random.Random, way: str) -> None:
    from preprocess.note_sequence import read_note_sequences

    if way == "transform":
        config = rng.choice(CONFIGS)
        augmenter = dict(config.augmenter) if augmenter_of(config) else None
        transform = Transform(
            config.converter_spec, Filters() if rng.random() < 0.7 else None, augmenter=augmenter
        )
        made = [transform(record) for record in read_records(path)]
        if not any(examples for examples, _ in made):
            raise InputError("Nothing came of it.")
        return
    converter = rng.choice(all_converters())
    for _, sequence in read_note_sequences(path, Counter()):
        examples, reasons = converter.convert(sequence)
        check_examples(converter, examples)
        if not examples and not reasons:
            raise Wrong("nothing came of a NoteSequence, and no reason is counted")


def read_good(item: RecordFile, folder: Path) -> None:
    """As `read_note_sequence_file`; of a file with a good record drum models have examples."""
    try:
        read_note_sequence_file(item, folder)
    except InputError as error:
        if item.good and "input.tfrecord" in str(error) and "good" in str(error):
            raise Wrong(f"one bad record ended the run: {error}") from error
        raise


def test_note_sequences_are_read_or_refused_in_a_sentence(
    kept: Path, tmp_path: Path, record_property: Any
) -> None:
    outcome = campaign.run(
        "note_sequences", note_sequence_file, lambda item: read_note_sequence_file(item, tmp_path), kept
    )
    campaign.check(outcome, record_property)


def make_shard(rng: random.Random) -> RecordFile:
    """A shard of a config that is chosen by the generator, which the reader can find again."""
    config = CONFIGS[rng.randrange(len(CONFIGS))]
    return shard_file(rng, config.build_converter(), config.converter_spec)


def read_shard(item: RecordFile, folder: Path) -> None:
    """As a config of the same converter reads it."""
    import json

    path = written(item, folder)
    spec = None
    try:
        spec = json.loads(item.sidecar or b"{}").get("converter")
    except (ValueError, AttributeError, RecursionError):
        pass
    rng = random.Random(len(item.data))
    of_it = [c for c in CONFIGS if c.converter_spec == spec] or list(CONFIGS)
    config = rng.choice(of_it)
    if config.model == "frame_model":
        options = config.converter
        if options["name"] == "pianoroll":
            load_pieces(str(path), options.get("representation", "struck"))
        else:
            load_pieces(str(path), converter=config.build_converter())
        return
    training = rng.random() < 0.5
    examples = load_examples(
        str(path),
        config.build_converter(),
        config.converter_spec,
        config.hparams.max_seq_len,
        training=training,
    )
    check_set(config, examples)
    check_tokens(config, examples)


def check_tokens(config: configs.Config, examples: Any) -> None:
    """Tokens within what the model has a place for."""
    import numpy as np

    converter = config.build_converter()
    for name, form, depth in (
        ("inputs", converter.input_form, converter.input_depth),
        ("outputs", converter.output_form, converter.output_depth),
    ):
        values = getattr(examples, name) if getattr(examples, name) is not None else examples.inputs
        if np.issubdtype(values.dtype, np.integer) and form in ("one_hot", "roll"):
            highest = 2**depth if form == "roll" else depth
            if not (values.min() >= -1 and values.max() < highest):
                raise Wrong(
                    f"{name} of {config.name} go from {values.min()} to {values.max()} ({form} of {depth})"
                )


def test_shards_are_read_or_refused_in_a_sentence(kept: Path, tmp_path: Path, record_property: Any) -> None:
    outcome = campaign.run("shards", make_shard, lambda item: read_shard(item, tmp_path), kept)
    campaign.check(outcome, record_property)
