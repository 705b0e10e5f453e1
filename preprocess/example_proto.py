"""`tf.train.Example` records without TensorFlow: what shards of training examples are made of.

A record holds the features `inputs` (int64 list for tokens, float list for numbers, bytes for bits), `length` (int64
list), `source` (bytes), `variant` (int64), `step_seconds` (float) and, where an example has them, `outputs` and `controls`, with
`inputs/depth` and so on where a step is more than one number; so `tf.io.parse_single_example` reads it as well. The message type is declared here in a pool of its own, because TensorFlow registers the same names.
"""

from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from common.errors import InputError, because
from preprocess.converters.base import Example


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
    message("FloatList", ("value", 1, field.TYPE_FLOAT, "", True))
    message("Int64List", ("value", 1, field.TYPE_INT64, "", True))
    feature = message(
        "Feature",
        ("bytes_list", 1, field.TYPE_MESSAGE, ".tensorflow.BytesList", False),
        ("float_list", 2, field.TYPE_MESSAGE, ".tensorflow.FloatList", False),
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


def encode(source: str, example: Example, variant: int = 0) -> bytes:
    """The record of one example.

    Args:
        source: the name of the NoteSequence it comes from.
        example: its arrays.
        variant: which variant of the NoteSequence; 0 is the one as it is.
    """
    message = _Example()
    feature = message.features.feature
    arrays = {"inputs": example.inputs}
    if example.outputs is not example.inputs:
        arrays["outputs"] = example.outputs
    if example.controls is not None:
        arrays["controls"] = example.controls
    for name, array in arrays.items():
        if array.dtype == np.bool_:
            feature[name].bytes_list.value.append(array.astype(np.uint8).tobytes())
        elif np.issubdtype(array.dtype, np.floating):
            feature[name].float_list.value.extend(array.ravel().tolist())
        else:
            feature[name].int64_list.value.extend(array.astype(np.int64).ravel().tolist())
        if array.ndim == 2:
            feature[f"{name}/depth"].int64_list.value.append(array.shape[1])
    feature["length"].int64_list.value.extend(np.atleast_1d(example.length).tolist())
    feature["source"].bytes_list.value.append(source.encode("utf-8"))
    feature["variant"].int64_list.value.append(variant)
    feature["step_seconds"].float_list.value.append(example.step_seconds)
    return message.SerializeToString(deterministic=True)


def decode(record: bytes) -> tuple[str, int, Example]:
    """The inverse of `encode`: source, variant and example.

    Raises:
        InputError: where the record is something else (`bad_record`).
    """
    try:
        feature = _Example.FromString(record).features.feature
        inputs = _array(feature, "inputs")
        outputs = _array(feature, "outputs") if "outputs" in feature else inputs
        controls = _array(feature, "controls") if "controls" in feature else None
        length = np.array(feature["length"].int64_list.value, dtype=np.int32)
        seconds = feature["step_seconds"].float_list.value[0]
        example = Example(inputs, outputs, controls, length if len(length) > 1 else int(length[0]), seconds)
        source = feature["source"].bytes_list.value[0].decode("utf-8")
        return source, feature["variant"].int64_list.value[0], example
    except Exception as error:  # noqa: BLE001 - protobuf's DecodeError, wherever its version keeps it
        raise InputError(f"A record is not a training example ({because(error)}).", "bad_record") from error


def _array(feature: Any, name: str) -> np.ndarray:
    """An array, int64, float32 or bool, `[steps]` or `[steps, depth]`."""
    values = feature[name]
    kind = values.WhichOneof("kind")
    if kind == "bytes_list":
        array = np.frombuffer(values.bytes_list.value[0], dtype=np.uint8).astype(bool)
    elif kind == "float_list":
        array = np.array(values.float_list.value, dtype=np.float32)
    else:
        array = np.array(values.int64_list.value, dtype=np.int64)
    if f"{name}/depth" in feature:
        return array.reshape(-1, feature[f"{name}/depth"].int64_list.value[0])
    return array
