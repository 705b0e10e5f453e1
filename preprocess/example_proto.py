"""`tf.train.Example` records without TensorFlow: what shards of training examples are made of.

A record holds the features `tokens` (int64 list) and `source` (bytes), so `tf.io.parse_single_example` reads it
as well. The message type is declared here in a pool of its own, because TensorFlow registers the same names.
"""

from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from preprocess.errors import InputError


def _example_class() -> Any:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, int, str, bool]) -> Any:
        declared = file.message_type.add(name=name)
        for field_name, number, kind, type_name, repeated in fields:
            label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            declared.field.add(
                name=field_name, number=number, type=kind, type_name=type_name or None, label=label
            )
        return declared

    message("BytesList", ("value", 1, field.TYPE_BYTES, "", True))
    message("Int64List", ("value", 1, field.TYPE_INT64, "", True))
    feature = message(
        "Feature",
        ("bytes_list", 1, field.TYPE_MESSAGE, ".tensorflow.BytesList", False),
        ("int64_list", 3, field.TYPE_MESSAGE, ".tensorflow.Int64List", False),
    )
    feature.oneof_decl.add(name="kind")
    for one in feature.field:
        one.oneof_index = 0
    features = message(
        "Features", ("feature", 1, field.TYPE_MESSAGE, ".tensorflow.Features.FeatureEntry", True)
    )
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.Feature",
        label=field.LABEL_OPTIONAL,
    )
    message("Example", ("features", 1, field.TYPE_MESSAGE, ".tensorflow.Features", False))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


_Example = _example_class()


def encode(source: str, tokens: np.ndarray) -> bytes:
    """The record of one example: its tokens `[steps]`, and the name of the NoteSequence it comes from."""
    example = _Example()
    example.features.feature["tokens"].int64_list.value.extend(tokens.astype(np.int64).tolist())
    example.features.feature["source"].bytes_list.value.append(source.encode("utf-8"))
    return example.SerializeToString(deterministic=True)


def decode(record: bytes) -> tuple[str, np.ndarray]:
    """The inverse of `encode`.

    Raises:
        InputError: where the record is something else (`bad_record`).
    """
    try:
        features = _Example.FromString(record).features.feature
        tokens = np.array(features["tokens"].int64_list.value, dtype=np.int64)
        return features["source"].bytes_list.value[0].decode("utf-8"), tokens
    except Exception as error:  # noqa: BLE001 - protobuf's DecodeError, wherever its version keeps it
        raise InputError(f"A record is not a training example ({error}).", "bad_record") from error
