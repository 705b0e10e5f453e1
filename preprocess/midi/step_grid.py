"""Where the ticks of a MIDI file lie on the grid that groove models read, whatever its meters are.

The models read sixteenths in bars of 16. A stretch of one meter begins with such a bar, and what follows lies end to
end: three quarters and five quarters run across the bars of 16, as a 2/4 does that lasts. A pickup lies before the
first of them. Of five ways to lay music of the Groove MIDI Dataset in 3/4, 5/4, 5/8 and 6/8 this is the one whose
timing and velocities were nearest to the drummers' (docs/figures.md); songs in 4/4 that begin anywhere but on a bar of
16 are played worse.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import InputError
from preprocess.midi.changes import last_at_each_place

STEPS_PER_QUARTER = 4
BAR = 16
"""Steps of a bar that the models know."""

MAX_STEPS = 2**17
"""Sixteenths of a file: four and a half hours at 120 quarter notes a minute."""

Meter = tuple[int, int, int]
"""Tick from which it holds, numerator, denominator."""


@dataclass(frozen=True)
class Stretch:
    """Music in one meter.

    Attributes:
        tick: where it begins.
        step: the step of the grid on which it begins.
        numerator, denominator: of the meter.
    """

    tick: int
    step: int
    numerator: int
    denominator: int


class StepGrid:
    """Ticks to steps and back.

    >>> grid = StepGrid(ticks_per_quarter=96, meters=[(0, 4, 4)], last_tick=960)
    >>> grid.positions([0, 24, 108]).tolist(), grid.ticks(np.array([4])).tolist()
    ([0.0, 1.0, 4.5], [96.0])

    Args:
        ticks_per_quarter: of the file.
        meters: its time signatures in any order; 4/4 before the first one. One in the middle
            of a bar begins a bar there, as in a DAW.
        last_tick: where the last note begins; what comes later is ignored.

    Attributes:
        stretches: in order; at least one.
        ticks_per_step: ticks of a sixteenth.

    Raises:
        InputError: where the music takes more than `MAX_STEPS` (`too_long`).
    """

    def __init__(self, ticks_per_quarter: int, meters: Iterable[Meter], last_tick: int):
        self.ticks_per_step = ticks_per_quarter / STEPS_PER_QUARTER
        changes = _changes(meters, ticks_per_quarter)
        # An early hit of the last stretch may lie before it.
        begun = [change for change in changes if change[0] - self.ticks_per_step / 2 <= last_tick]
        stretches: list[Stretch] = []
        for i, (tick, numerator, denominator) in enumerate(begun):
            if not stretches:
                step = _pickup(begun, self.ticks_per_step)
            else:
                steps = round((tick - begun[i - 1][0]) / self.ticks_per_step)
                step = -(-(stretches[-1].step + steps) // BAR) * BAR
            stretches.append(Stretch(tick, step, numerator, denominator))
        self.stretches = stretches
        self._ticks = np.array([stretch.tick for stretch in stretches], np.float64)
        self._steps = np.array([stretch.step for stretch in stretches], np.float64)
        if self.positions([last_tick])[0] >= MAX_STEPS:
            raise too_long()

    def meters_at(self, ticks: np.ndarray) -> list[tuple[int, int]]:
        """Numerator and denominator of the meter at each tick."""
        stretches = [self.stretches[place] for place in self._places(ticks)]
        return [(stretch.numerator, stretch.denominator) for stretch in stretches]

    def _places(self, ticks: np.ndarray) -> np.ndarray:
        """The stretch that each tick belongs to."""
        return np.maximum(np.searchsorted(self._ticks - self.ticks_per_step / 2, ticks, side="right") - 1, 0)

    def positions(self, ticks: Sequence[int] | np.ndarray) -> np.ndarray:
        """Where ticks lie, in steps, float `[ticks]`; what is nearest to a stretch's first step belongs to it."""
        ticks = np.asarray(ticks, np.float64)
        place = self._places(ticks)
        return self._steps[place] + (ticks - self._ticks[place]) / self.ticks_per_step

    def bar_line_after(self, tick: int) -> float:
        """The tick of the first bar line after a note; one that is early by less than half a step is in the next bar."""
        stretch = self.stretches[self._places(np.array([tick]))[0]]
        bar = BAR * stretch.numerator / stretch.denominator * self.ticks_per_step
        return stretch.tick + ((tick + self.ticks_per_step / 2 - stretch.tick) // bar + 1) * bar

    def ticks(self, positions: np.ndarray) -> np.ndarray:
        """The ticks, float `[positions]`, of positions in steps; a stretch begins half a step before its first."""
        place = np.maximum(np.searchsorted(self._steps - 0.5, positions, side="right") - 1, 0)
        return self._ticks[place] + (positions - self._steps[place]) * self.ticks_per_step

    def lies_between_stretches(self, positions: np.ndarray) -> np.ndarray:
        """Whether positions lie on steps that the file does not have, because a stretch begins before them."""
        following = np.searchsorted(self._steps - 0.5, positions, side="right")
        ends = np.append(self._ticks[1:], np.inf)[np.maximum(following - 1, 0)]
        return self.ticks(positions) >= ends - self.ticks_per_step / 2


def too_long() -> InputError:
    """The refusal of music of more than `MAX_STEPS`."""
    return InputError(f"The music lasts longer than {MAX_STEPS} sixteenths; split the file.", "too_long")


def _changes(meters: Iterable[Meter], ticks_per_quarter: int) -> list[Meter]:
    """The meters that begin a stretch, the first one at tick 0; of several at one tick the last one."""
    stated = ((tick, (numerator, denominator)) for tick, numerator, denominator in meters)
    changes: list[Meter] = []
    for tick, (numerator, denominator) in last_at_each_place(stated, (4, 4)):
        if changes and (numerator, denominator) == changes[-1][1:]:
            # Repeated, as some programs do at every bar.
            quarters_of_four = (tick - changes[-1][0]) * denominator
            if quarters_of_four % (4 * numerator * ticks_per_quarter) == 0:
                continue
        changes.append((tick, numerator, denominator))
    return changes


def _pickup(changes: list[Meter], ticks_per_step: float) -> int:
    """The step on which music begins: 0, or late in the bar where less than a bar of the second meter comes first."""
    if len(changes) < 2:
        return 0
    tick, numerator, denominator = changes[1]
    steps = tick / ticks_per_step
    return BAR - round(steps) if steps < min(BAR, BAR * numerator / denominator) else 0
