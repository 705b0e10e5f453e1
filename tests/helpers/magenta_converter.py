"""Magenta's converters on the same NoteSequences as ours, for test_melody.py and test_trio.py.

Magenta wants Keras 2 (TF_USE_LEGACY_KERAS=1), which can't be together with Keras 3 in one process, so
`run_magenta` runs this module in another. There it reads `sequences` (TFRecord) and `task.json` of the folder
given (the class, a list of cases with options and the sequences each is for, samples for the way back with
their controls), writes `magenta.npz` and `back` (TFRecord); and ends with 77 without Magenta.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import InputError
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from preprocess.tfrecord import RecordWriter, read_records
from tests.helpers.magenta_scripts import run_original

ROOT = Path(__file__).resolve().parents[2]


def real_sequences(data_dir: Callable[[str], Path], every: dict[str, int]) -> list[Any]:
    """Every n-th file of each folder (`every` maps folders to n), without those that our reader refuses."""
    sequences = []
    for folder, step in every.items():
        for path in sorted(p for p in data_dir(folder).rglob("*.mid*") if p.is_file())[::step]:
            try:
                sequences.append(read_midi(path))
            except InputError:
                continue
    return sequences


def run_magenta(
    folder: Path, name: str, sequences: list[Any], cases: list[dict[str, Any]], samples: list[dict[str, Any]]
) -> tuple[dict[str, np.ndarray], list[Any]]:
    """What Magenta's converter of that name makes of the sequences and the samples, from one process."""
    task = {"class": name, "cases": cases, "samples": samples}
    arrays = run_original(folder, "magenta_converter", sequences, task)
    return arrays, [NoteSequence.FromString(record) for record in read_records(folder / "back")]


def magentas_examples(arrays: dict[str, np.ndarray], case: int, sequence: int) -> Counter:
    """Magenta's tensors of a sequence as a multiset of (length, inputs, outputs, controls)."""
    lengths = arrays[f"{case}/{sequence}/lengths"]
    columns = []
    for name in ("inputs", "outputs", "controls"):
        rows, depth = arrays[f"{case}/{sequence}/{name}/shape"]
        bits = np.unpackbits(arrays[f"{case}/{sequence}/{name}"], count=rows * depth).reshape(rows, depth)
        columns.append([part.tobytes() for part in np.split(bits, np.cumsum(lengths)[:-1])])
    return Counter(zip(lengths.tolist(), *columns, strict=True)) if len(lengths) else Counter()


def our_examples(converter: Any, sequence: Any) -> Counter:
    before = sequence.SerializeToString(deterministic=True)
    examples = converter.to_tensors(sequence)
    assert sequence.SerializeToString(deterministic=True) == before, "the caller's NoteSequence has changed"
    dense = [[t.astype(np.uint8).tobytes() for t in converter.to_dense(e)] for e in examples]
    return Counter((e.length, *d) for e, d in zip(examples, dense, strict=True))


def assert_same_sequence(ours: Any, theirs: Any) -> None:
    """All fields are the same, but for the order of notes that begin together."""
    copies = []
    for sequence in (ours, theirs):
        copy = NoteSequence.FromString(sequence.SerializeToString())
        notes = sorted(copy.notes, key=lambda n: (n.start_time, n.instrument, n.pitch))
        copies.append([*map(str, notes)])
        del copy.notes[:]
        copies.append(str(copy))
    assert copies[:2] == copies[2:]


def build(name: str, options: dict[str, Any]) -> Any:
    import note_seq
    from magenta.models.music_vae import data

    chords = {
        "triad": note_seq.TriadChordOneHotEncoding,
        "major_minor": note_seq.MajorMinorChordOneHotEncoding,
    }
    options = {**options, "max_tensors_per_notesequence": None}
    if options.get("chord_encoding"):
        options["chord_encoding"] = chords[options["chord_encoding"]]()
    return getattr(data, name)(**options)


def convert(converter: Any, sequence: Any) -> Any:
    import note_seq
    from magenta.models.music_vae import data

    try:
        return converter.to_tensors(sequence)
    except (note_seq.MultipleTimeSignatureError, note_seq.MultipleTempoError):
        return data.ConverterTensors()  # it stops where ours counts a reason


def remember_transitions() -> None:
    """The table of chord transitions takes 0.7 s for each sequence, and is always the same."""
    from note_seq import chord_inference

    compute, tables = chord_inference._key_chord_transition_distribution, []

    def remembered(*arguments: Any, **named: Any) -> Any:
        if not tables:
            tables.append(compute(*arguments, **named))
        return tables[0]

    chord_inference._key_chord_transition_distribution = remembered


def main(folder: Path) -> None:
    try:
        import magenta.models.music_vae.data  # noqa: F401
    except ImportError as error:
        print(f"Magenta can't be imported: {error}", file=sys.stderr)
        sys.exit(77)
    remember_transitions()
    task = json.loads((folder / "task.json").read_text())
    records = list(read_records(folder / "sequences"))
    arrays: dict[str, np.ndarray] = {}
    for index, case in enumerate(task["cases"]):
        converter = build(task["class"], case["options"])
        end = converter.end_token if converter.end_token else -1
        depths = [converter.input_depth, converter.output_depth, converter.control_depth, end]
        arrays[f"{index}/depths"] = np.array(depths)
        for i in case["sequences"]:
            tensors = convert(converter, NoteSequence.FromString(records[i]))
            arrays[f"{index}/{i}/lengths"] = np.array(tensors.lengths, dtype=np.int64)
            for name in ("inputs", "outputs", "controls"):
                rows = [np.asarray(t, dtype=bool) for t in getattr(tensors, name)]
                joined = np.concatenate(rows) if rows else np.zeros((0, 0), dtype=bool)
                arrays[f"{index}/{i}/{name}/shape"] = np.array(joined.shape)
                arrays[f"{index}/{i}/{name}"] = np.packbits(joined)
    with RecordWriter(folder / "back") as writer:
        for sample in task["samples"]:
            converter = build(task["class"], sample["options"])
            dense = np.zeros((len(sample["hot"]), converter.output_depth))
            for row, hot in zip(dense, sample["hot"], strict=True):
                row[hot] = 1
            controls = None
            if sample["controls"] is not None:
                controls = np.zeros((len(dense), converter.control_depth))
                for row, hot in zip(controls, sample["controls"], strict=True):
                    row[hot] = 1
            (sequence,) = converter.from_tensors([dense], None if controls is None else [controls])
            writer.write(sequence.SerializeToString())
    np.savez(folder / "magenta.npz", **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
