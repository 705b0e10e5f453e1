"""Run by test_drums.py in a process of its own: Magenta's DrumsConverter on the same NoteSequences.

Magenta wants Keras 2 (TF_USE_LEGACY_KERAS=1), which can't be together with Keras 3 in one process. Reads
`sequences` (TFRecord) and `task.json` of the folder given, writes `magenta.npz`; ends with 77 without Magenta.
"""

import json
import sys
from pathlib import Path

import numpy as np

try:
    import note_seq
    import tensorflow as tf
    from magenta.models.music_vae import data
except ImportError as error:
    print(f"Magenta can't be imported: {error}", file=sys.stderr)
    sys.exit(77)


def main(folder: Path) -> None:
    task = json.loads((folder / "task.json").read_text())
    records = tf.data.TFRecordDataset(str(folder / "sequences")).as_numpy_iterator()
    sequences = [note_seq.NoteSequence.FromString(record) for record in records]
    arrays: dict[str, np.ndarray] = {}
    for index, options in enumerate(task["options"]):
        converter = data.DrumsConverter(**options, max_tensors_per_notesequence=None)
        end = -1 if converter.end_token is None else converter.end_token
        arrays[f"{index}/depths"] = np.array([converter.input_depth, converter.output_depth, end])
        for i, sequence in enumerate(sequences):
            try:
                tensors = converter.to_tensors(sequence)
            except (note_seq.MultipleTimeSignatureError, note_seq.MultipleTempoError):
                tensors = data.ConverterTensors()  # it stops where ours counts a reason
            arrays[f"{index}/{i}/count"] = np.array(len(tensors.inputs))
            for j, pair in enumerate(zip(tensors.inputs, tensors.outputs, strict=True)):
                for name, tensor in zip(("in", "out"), pair, strict=True):
                    arrays[f"{index}/{i}/{j}/{name}/shape"] = np.array(tensor.shape)
                    arrays[f"{index}/{i}/{j}/{name}"] = np.packbits(tensor)
        # A mark of the end is the tests' own matter: Magenta's way back fails on it with roll output.
        plain = data.DrumsConverter(**{**options, "add_end_token": False})
        for i, tokens in enumerate(task["samples"][str(index)]):
            dense = np.zeros((len(tokens), plain.output_depth), dtype=bool)
            for step, token in enumerate(tokens):
                if options.get("roll_output"):
                    dense[step] = [token >> bit & 1 for bit in range(plain.output_depth)]
                else:
                    dense[step, token] = True
            (sequence,) = plain.from_tensors([dense])
            rows = [(n.start_time, n.end_time, n.pitch, n.velocity, n.is_drum) for n in sequence.notes]
            arrays[f"{index}/back/{i}"] = np.array(rows, dtype=np.float64).reshape(-1, 5)
            arrays[f"{index}/back/{i}/total"] = np.array([sequence.total_time, sequence.tempos[0].qpm])
    np.savez(folder / "magenta.npz", **arrays)  # type: ignore[arg-type]


main(Path(sys.argv[1]))
