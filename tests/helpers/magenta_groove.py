"""Run by test_groove_hits.py and test_performance.py in a process of its own: Magenta's converters.

Magenta wants Keras 2 (TF_USE_LEGACY_KERAS=1), which can't be together with Keras 3 in one process. Reads
`sequences` (TFRecord), `task.json` and `samples.npz` of the folder given, writes `magenta.npz`; ends with 77
without Magenta.
"""

import functools
import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

try:
    import note_seq
    import tensorflow as tf
    from magenta.models.music_vae import data, data_hierarchical
    from note_seq import chord_inference
except ImportError as error:
    print(f"Magenta can't be imported: {error}", file=sys.stderr)
    sys.exit(77)

CHORDS = {
    "triad": note_seq.TriadChordOneHotEncoding,
    "major_minor": note_seq.chords_encoder_decoder.MajorMinorChordOneHotEncoding,
}
PITCH_CLASSES = {"roland": data.ROLAND_DRUM_PITCH_CLASSES, "reduced": data.REDUCED_DRUM_PITCH_CLASSES}


def groove(options: dict[str, Any]) -> Any:
    options = dict(options)
    inference = options.pop("inference", False)
    for name in ("pitch_classes", "inference_pitch_classes"):
        if isinstance(options.get(name), str):
            options[name] = PITCH_CLASSES[options[name]]
    converter = data.GrooveConverter(**options)
    converter.set_mode("infer" if inference else "eval")
    return converter


def performance(options: dict[str, Any]) -> Any:
    encoding = options.get("chord_encoding")
    if encoding:
        options = {**options, "chord_encoding": CHORDS[encoding]()}
    return data_hierarchical.MultiInstrumentPerformanceConverter(**options)


def playable(sequence: Any, converter: Any) -> Any:
    """Without the notes at which the original stops or errs."""
    if not isinstance(converter, data.GrooveConverter):
        return sequence
    kept = [note for note in sequence.notes if note.is_drum and note.pitch in converter.pitch_class_map]
    copy = note_seq.NoteSequence()
    copy.CopyFrom(sequence)
    del copy.notes[:]
    copy.notes.extend(kept)
    return copy


def store_examples(converter: Any, sequence: Any, prefix: str, arrays: dict[str, np.ndarray]) -> None:
    tensors = converter.to_tensors(playable(sequence, converter))
    arrays[f"{prefix}/count"] = np.array(len(tensors.inputs))
    for j, (inputs, outputs, controls, length) in enumerate(zip(*tensors, strict=True)):
        arrays[f"{prefix}/{j}/length"] = np.array(length)
        for name, tensor in (("in", inputs), ("out", outputs), ("control", controls)):
            if np.size(tensor):
                arrays[f"{prefix}/{j}/{name}"] = pack(np.asarray(tensor))


def pack(tensor: np.ndarray) -> np.ndarray:
    return np.packbits(tensor) if tensor.dtype == bool else tensor.astype(np.float32)


def store_notes(converter: Any, sample: np.ndarray, controls: Any, key: str, arrays: dict) -> None:
    (sequence,) = converter.from_tensors([sample], controls)
    rows = [
        (n.start_time, n.end_time, n.pitch, n.velocity, n.instrument, n.program, n.is_drum)
        for n in sequence.notes
    ]
    arrays[key] = np.array(rows, dtype=np.float64).reshape(-1, 7)
    chords = [[text.time, text.text] for text in sequence.text_annotations]
    arrays[f"{key}/chords"] = np.array(json.dumps(chords))


def main(folder: Path) -> None:
    task = json.loads((folder / "task.json").read_text())
    build = {"groove": groove, "performance": performance}[task["converter"]]
    records = tf.data.TFRecordDataset(str(folder / "sequences")).as_numpy_iterator()
    sequences = [note_seq.NoteSequence.FromString(record) for record in records]
    # What is left out at random follows ours: the first tracks stay, dropout draws from a Generator.
    random.sample = lambda population, k: list(population)[:k]  # type: ignore[assignment]
    # NumPy 2 refuses the size of nested lists of different lengths, of which only "none or some" is asked.
    np.size = lambda a, *_: len(a) if isinstance(a, list | tuple) else np.asarray(a).size  # type: ignore
    # The same table of chord transitions is computed for each sequence again, which takes a second.
    transitions = chord_inference._key_chord_transition_distribution
    remembered = functools.cache(
        lambda: transitions(chord_inference._key_chord_distribution(0.01), 0.001, 0.5)
    )
    chord_inference._key_chord_transition_distribution = lambda *_, **__: remembered()
    arrays: dict[str, np.ndarray] = {}
    with np.load(folder / "samples.npz", allow_pickle=False) as samples:
        for index, options in enumerate(task["options"]):
            converter = build({**options, "max_tensors_per_notesequence": None})
            arrays[f"{index}/depths"] = np.array(
                [converter.input_depth, converter.output_depth, converter.control_depth]
            )
            for i, sequence in enumerate(sequences):
                rng = np.random.default_rng(i)
                np.random.uniform, np.random.binomial = rng.uniform, rng.binomial  # type: ignore[assignment]
                store_examples(converter, sequence, f"{index}/{i}", arrays)
            for i in range(task["samples"]):
                key = f"{index}/{i}"
                if key in samples:
                    controls = [samples[f"{key}/controls"]] if f"{key}/controls" in samples else None
                    store_notes(converter, samples[key], controls, f"{index}/back/{i}", arrays)
    np.savez(folder / "magenta.npz", **arrays)  # type: ignore[arg-type]


main(Path(sys.argv[1]))
