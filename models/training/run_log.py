"""The log of a run: `log.csv`, and the same values as TensorBoard's event files.

Both are written without TensorFlow, and without TensorBoard's own writer, whose thread ends in a traceback where a disk
is full.
"""

import csv
import io
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.output_files import check_folder, write_atomically, write_error
from common.wording import number_of
from preprocess.tfrecord import framed

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event


class RunLog:
    """The log of a run, which continues that of an interrupted one.

    Args:
        run_dir: gets `log.csv`, and an event file in `train`.
        start_step: the step from which the run goes on; lines of later steps are dropped, since they will be written
            again.

    Raises:
        InputError: where the folder can't be written.
    """

    def __init__(self, run_dir: Path, start_step: int):
        self.path = run_dir / "log.csv"
        self.rows = _logged(self.path, start_step)
        self._events = _EventFile(run_dir / "train")

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append a line.

        Raises:
            OutputError: where it can't be written.
        """
        self.rows.append({"step": step, **{k: round(float(v), 5) for k, v in values.items()}})
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue().encode())
        self._events.write(step, values)


class _EventFile:
    """TensorBoard's format: a TFRecord of `Event` messages that grows; a last record that a kill cut short is skipped."""

    def __init__(self, folder: Path):
        from tensorboard.compat.proto.event_pb2 import Event

        check_folder(folder)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.0"
        self.path = folder / name
        self._append(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def write(self, step: int, values: dict[str, float]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(tag=k, simple_value=float(v)) for k, v in values.items()])
        self._append(Event(wall_time=time.time(), step=step, summary=summary))

    def _append(self, event: "Event") -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab") as file:
                file.write(framed(event.SerializeToString()))
        except OSError as error:
            raise write_error(self.path, error) from error


def _logged(path: Path, last_step: int) -> list[dict[str, Any]]:
    """The lines of an earlier log up to a step.

    Damaged lines are left out, with a warning on standard error: a run does not depend on its log.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        print(f"{path}: can't be read ({error.strerror}); a new log is begun.", file=sys.stderr)
        return []
    rows, damaged = [], 0
    header = lines[0].split(",") if lines else []
    for line in lines[1:]:
        # Nothing in a line is quoted: names and numbers hold no commas.
        values = line.split(",")
        try:
            if len(values) != len(header) or header[0] != "step":
                raise ValueError
            is_past = int(values[0]) <= last_step
            for value in filter(None, values):
                float(value)
        except ValueError:
            damaged += 1
            continue
        if is_past:
            rows.append(dict(zip(header, values, strict=True)))
    if damaged:
        print(f"{path}: left out {number_of(damaged, 'damaged line')}.", file=sys.stderr)
    return rows
