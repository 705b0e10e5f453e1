"""The campaign itself notices what it is there to notice, and says which input did it."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from tests.fuzz import campaign


def refuse(data: bytes) -> None:
    raise InputError("The file holds nothing that anybody could want.")


def loop(data: bytes) -> None:
    while True:
        time.process_time()


def swallow_and_loop(data: bytes) -> None:
    while True:
        try:
            while True:
                time.process_time()
        except Exception:  # noqa: BLE001 - as readers that catch everything do
            pass


BAD: dict[str, tuple[Any, str]] = {
    "traceback": (lambda data: data.index(b"x"), "ValueError: subsection not found"),
    "endless": (loop, "took more than"),
    "endless, catching everything": (swallow_and_loop, "took more than"),
    "too much at once": (lambda data: bytearray(2**40), "MemoryError"),
    "much, and written to": (lambda data: b"1" * (campaign.MAX_GROWTH + 2**22), "MiB"),
    "wrong": (lambda data: (_ for _ in ()).throw(campaign.Wrong("a pitch of 200")), "a pitch of 200"),
    "no sentence": (lambda data: (_ for _ in ()).throw(InputError("")), "the message is no sentence"),
    "speaks of Python": (
        lambda data: (_ for _ in ()).throw(InputError("Can't be read ('NoneType' object is not iterable).")),
        "speaks of Python",
    ),
    "counted as what never happens": (
        lambda data: (_ for _ in ()).throw(InputError("The reader has failed.", "reader_failed")),
        "counted as reader_failed",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_failure_names_its_input_and_keeps_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "MAX_CPU_SECONDS", 0.5)
    monkeypatch.setattr(campaign, "MAX_GROWTH", 2**26)
    monkeypatch.setenv("FUZZ_ONLY", "7")
    read, expected = BAD[name]
    outcome = campaign.run("bytes", lambda rng: rng.randbytes(8), read, tmp_path)
    assert outcome.inputs == 1 and outcome.tracebacks + outcome.hangs + outcome.wrong == 1
    (text,) = outcome.failures.values()
    assert expected in text
    assert "FUZZ_ONLY=7" in text
    assert (tmp_path / "bytes-7").read_bytes() == random.Random("bytes/7").randbytes(8)
    figures: dict[str, Any] = {}
    with pytest.raises(AssertionError, match="1 of 1 inputs of bytes failed"):
        campaign.check(outcome, figures.__setitem__)
    assert figures["fuzz"]["inputs"] == 1


def test_what_is_read_or_refused_is_counted(tmp_path: Path) -> None:
    outcome = campaign.run("bytes", lambda rng: rng.randbytes(8), refuse, tmp_path, quick=5)
    assert (outcome.inputs, outcome.refused, outcome.accepted) == (campaign.count_of("bytes", 5),) * 2 + (0,)
    assert not outcome.failures
    assert not list(tmp_path.iterdir())
