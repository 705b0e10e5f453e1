"""Converting sources to NoteSequences in processes."""

import os
import signal
import sys

import pytest

from common import process_pools
from preprocess import conversion
from preprocess.conversion import Converted, Options, convert_sources
from preprocess.sources import Source


def dying_convert(source: Source, *arguments: object) -> Converted:
    """Stands for a reader whose native code crashes on two files; found by name in the pool's processes."""
    if source.name in ("03", "17"):
        os.kill(os.getpid(), signal.SIGKILL)
    return Converted(source, [source.name.encode()])


@pytest.mark.skipif(
    sys.platform != "linux", reason="the pool's processes inherit the replaced reader by fork"
)
@pytest.mark.parametrize("processes", [1, 3])
def test_a_crashing_reader_costs_only_its_file(monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    class ForkPool(ProcessPoolExecutor):
        def __init__(self, *args: object, **options: object):
            super().__init__(*args, mp_context=multiprocessing.get_context("fork"), **options)  # type: ignore[arg-type]

    monkeypatch.setattr(conversion, "convert_source", dying_convert)
    monkeypatch.setattr(process_pools, "ProcessPoolExecutor", ForkPool)
    sources = [Source(f"{i:02d}", "") for i in range(100)]
    results = list(convert_sources(sources, Options("c"), processes))
    assert [result.source.name for result in results] == [s.name for s in sources]
    crashed = [
        result.source.name for result in results if [d.reason for d in result.drops] == ["reader_crashed"]
    ]
    assert crashed == ["03", "17"]
    assert all(result.records for result in results if result.source.name not in crashed)
