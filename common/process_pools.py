"""Work in a pool of processes, in order, with a bounded queue; if a process dies, only one item is lost."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from common import signals
from common.console import quiet_libraries

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[Item], Result],
    batches: Iterable[list[Item]],
    processes: int,
    died: Callable[[Item], Result],
) -> Iterator[Result]:
    """The results of items, in order.

    Only a few batches per process are taken from `batches` at a time, and results are not kept, so memory does not grow
    with their number.

    Args:
        function: called in the processes; it and the items must be picklable.
        batches: items that go to a process together.
        processes: number of processes.
        died: the result of an item whose process died (native code crashed, or memory ran out).
    """
    source = iter(batches)
    again: deque[list[Item]] = deque()
    while True:
        done = yield from _map_in_one_pool(function, source, again, processes)
        if done:
            return
        # The pool died in the first of these batches or behind it: its items go one by one.
        for item in again.popleft():
            yield _alone(function, item, died)


def _map_in_one_pool(
    function: Callable[[Item], Result], source: Iterator[list[Item]], again: deque[list[Item]], processes: int
) -> Generator[Result, None, bool]:
    """Results until there are no batches, those of `again` first; where the pool dies, `again` is what is left."""
    waiting: deque[tuple[list[Item], Future[list[Result]]]] = deque()
    pool = ProcessPoolExecutor(processes, initializer=start_worker)
    try:
        while True:
            while len(waiting) < processes + 2:
                batch = again.popleft() if again else next(source, None)
                if batch is None:
                    break
                # Kept from here on, so that it is not lost where the pool turns out to be dead.
                waiting.append((batch, Future()))
                waiting[-1] = (batch, pool.submit(_map, function, batch))
            if not waiting:
                return True
            yield from waiting[0][1].result()
            waiting.popleft()
    except BrokenProcessPool:
        again.extendleft(batch for batch, _ in reversed(waiting))
        return False
    finally:
        pool.shutdown(cancel_futures=True)


def _map(function: Callable[[Item], Result], batch: list[Item]) -> list[Result]:
    return [function(item) for item in batch]


def _alone(function: Callable[[Item], Result], item: Item, died: Callable[[Item], Result]) -> Result:
    """One item in a process of its own."""
    with ProcessPoolExecutor(1, initializer=start_worker) as pool:
        try:
            return pool.submit(function, item).result()
        except BrokenProcessPool:
            return died(item)


def start_worker() -> None:
    """Set up a process of a pool: it prints no start-up notes, and ends when the command ends, even when that is killed."""
    quiet_libraries()
    signals.restore_defaults()
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
