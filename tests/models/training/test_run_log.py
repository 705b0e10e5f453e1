"""A run's log: what TensorBoard reads of it, what is damaged of it, and a full disk."""

from pathlib import Path

import pytest

from common.errors import OutputError
from common.wording import number_of
from models.training.run_log import RunLog


def test_lines_come_back_and_tensorboard_reads_them(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = RunLog(tmp_path, 0)
    log.write(2, {"loss": 1.5})
    log.write(4, {"loss": 1.25, "val_loss": 2.0})
    assert (tmp_path / "log.csv").read_text().splitlines() == ["step,loss,val_loss", "2,1.5,", "4,1.25,2.0"]
    again = RunLog(tmp_path, 2)
    again.write(4, {"loss": 1.0})
    assert (tmp_path / "log.csv").read_text().splitlines() == ["step,loss,val_loss", "2,1.5,", "4,1.0,"]
    (events,) = (tmp_path / "train").iterdir()
    found = EventAccumulator(str(events)).Reload()
    scalars = [(event.step, event.value) for event in found.Scalars("loss")]
    assert scalars == [(2, 1.5), (4, 1.25), (4, 1.0)] and [e.step for e in found.Scalars("val_loss")] == [4]


@pytest.mark.parametrize(
    ("text", "kept", "damaged"),
    [
        (b"", [], 0),
        (b"\x00\xff\xfe", [], 0),
        (b"step,loss\n2,1.5\n4,1.", ["2", "4"], 0),
        (b"step,loss\n2,1.5\n4", ["2"], 1),
        (b"step,loss\n2,1.5\n4,1.5,7\nx,1\n,\n6,a\n8,nan\n99,1\n", ["2", "8"], 4),
        (b"st\x00ep,loss\n2,1.5\n", [], 1),
        (b'step,loss\n"2",1.5\n2,"1\n', [], 2),
    ],
)
def test_what_is_damaged_is_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture, text: bytes, kept: list[str], damaged: int
) -> None:
    (tmp_path / "log.csv").write_bytes(text)
    log = RunLog(tmp_path, 10)
    assert [row["step"] for row in log.rows] == kept
    assert (f"left out {number_of(damaged, 'damaged line')}." in capsys.readouterr().err) == bool(damaged)
    log.write(12, {"loss": 0.5})
    assert (tmp_path / "log.csv").read_text().splitlines()[-1] == "12,0.5"


def test_a_full_disk_is_said_in_a_sentence(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    (events,) = (tmp_path / "train").iterdir()
    events.unlink()
    events.symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"events\.out\.tfevents\..*: can't be written, the disk is full"):
        log.write(2, {"loss": 1.5})
