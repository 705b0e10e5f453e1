"""MIDI data sets of TensorFlow Datasets, Magenta's `--tfds_name`, as TFRecords of NoteSequences."""

from pathlib import Path
from typing import Any

from common.errors import InputError
from common.extras import install_line
from common.output_files import check_outputs
from preprocess.midi.reader import read_midi
from preprocess.tfrecord import RecordWriter, write_sidecar


def write_split(name: str, split: str, path: Path) -> None:
    """Write a split's NoteSequences to a TFRecord file, unless that is there already.

    TensorFlow Datasets downloads the data set where it is not on this machine yet. Files in it that can't be read
    are left out and counted in the sidecar.

    Args:
        name: such as `groove/2bar-midionly`; its examples have a field `midi` with a file's bytes.
        split: train, validation or test.
        path: of the file.

    Raises:
        InputError: where TensorFlow Datasets is not installed (`no_tfds`), or has no such data set of MIDI files.
    """
    if path.exists():
        return
    check_outputs([path], force=False)
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise InputError(
            f"--tfds_name needs TensorFlow Datasets; {install_line('tfds')}, or give --examples_path.",
            "no_tfds",
        ) from error
    try:
        examples: Any = tfds.as_numpy(tfds.load(name, split=split))
    except Exception as error:  # noqa: BLE001 - whatever a download, a builder or TensorFlow raises
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"--tfds_name={name}: its split {split} can't be loaded ({said}).", "no_tfds"
        ) from error
    unreadable = 0
    with RecordWriter(path) as writer:
        for number, example in enumerate(examples):
            if "midi" not in example:
                raise InputError(f"--tfds_name={name}: is not a data set of MIDI files.", "no_tfds")
            try:
                sequence = read_midi(bytes(example["midi"]))
            except InputError:
                unreadable += 1
                continue
            identity = example.get("id", f"{split}/{number}")
            sequence.id = identity.decode() if isinstance(identity, bytes) else str(identity)
            sequence.filename, sequence.collection_name = sequence.id, name
            writer.write(sequence.SerializeToString())
        if not writer.count:
            raise InputError(
                f"--tfds_name={name}: its split {split} has no music that can be read.", "no_tfds"
            )
    write_sidecar(
        path,
        {
            "kind": "note_sequences", "schema": 1, "count": writer.count, "made_by": "tfds", "name": name,
            "split": split, "unreadable": unreadable,
        },
    )  # fmt: skip
