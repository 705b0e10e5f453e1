"""Training on a MIDI data set of TensorFlow Datasets."""

from pathlib import Path

from preprocess.tfds import write_split
from workflows.training.run import Source


def source_of(name: str, run_dir: Path, mode: str) -> Source:
    """Write a data set's splits to a run's folder as TFRecords, unless they are there already.

    Args:
        name: such as `groove/2bar-midionly`.
        run_dir: gets `tfds/train.tfrecord` and `tfds/validation.tfrecord`.
        mode: `train` for its train split with its validation split held out, `eval` for the validation split alone.

    Raises:
        InputError: as `preprocess.tfds.write_split`.
    """
    splits = {split: run_dir / "tfds" / f"{split}.tfrecord" for split in ("train", "validation")}
    if mode == "train":
        write_split(name, "train", splits["train"])
    write_split(name, "validation", splits["validation"])
    validation = str(splits["validation"])
    return Source(str(splits["train"]), validation) if mode == "train" else Source(validation)
