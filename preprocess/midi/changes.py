"""Values that change in the course of music, such as tempos and meters, as lists of (place, value)."""

from collections.abc import Iterable
from typing import TypeVar

Place = TypeVar("Place", int, float)
Value = TypeVar("Value")


def last_at_each_place(changes: Iterable[tuple[Place, Value]], start: Value) -> list[tuple[Place, Value]]:
    """Changes in order, the first at 0; of several at one place the last one counts.

    >>> last_at_each_place([(8, "b"), (4, "a"), (4, "b")], "a")
    [(0, 'a'), (4, 'b'), (8, 'b')]

    Args:
        changes: in any order; none before 0.
        start: the value at 0, where none of them says another.
    """
    found: dict[Place, Value] = {0: start}
    found.update(sorted(changes, key=lambda change: change[0]))
    return list(found.items())


def distinct_changes(
    changes: Iterable[tuple[float, Value]], start: Value, near: float = 0.0
) -> list[tuple[float, Value]]:
    """Changes in order, the first at 0, each to another value than the one before.

    >>> distinct_changes([(8, "b"), (4, "a"), (4, "b")], "a")
    [(0.0, 'a'), (4, 'b')]

    Args:
        changes: in any order; what is before 0 counts from 0 on.
        start: the value at 0, where none of them says another.
        near: places no farther apart than this are one, at which the last one counts.
    """
    found: list[tuple[float, Value]] = [(0.0, start)]
    for place, value in sorted(changes, key=lambda change: change[0]):
        if place <= found[-1][0] + near:
            found.pop()
        if not found or value != found[-1][1]:
            found.append((max(0.0, place), value))
    return found
