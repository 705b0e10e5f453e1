"""A written drum beat: the plain data behind a grid of text."""

from dataclasses import dataclass

LEVELS = {"X": 120, "x": 96, "o": 72, ".": 40}
"""MIDI velocity of an accent, a hit, a soft hit and a ghost note."""


@dataclass(frozen=True)
class Beat:
    """A beat of a few bars.

    Attributes:
        name: its title.
        style: the family it belongs to, such as `funk`.
        qpm: tempo in quarter notes a minute, whatever the meter.
        time_signature: numerator and denominator.
        steps_per_bar: how finely a bar is divided; 16 is sixteenths of 4/4, 12 is triplets of 4/4.
        bars: number of bars.
        drums: keys of `patterns.kit.LINES`, in the order of the kit.
        hits: a row of velocities for each drum, `bars * steps_per_bar` long, 0 where nothing is struck.
        swing: where the second sixteenth of each pair falls within the eighth: 0.5 is straight, 0.66 triplet.
        players: how many people (two hands each) it takes.
        about: a remark for the player.
    """

    name: str
    style: str
    qpm: float
    time_signature: tuple[int, int]
    steps_per_bar: int
    bars: int
    drums: tuple[str, ...]
    hits: tuple[tuple[int, ...], ...]
    swing: float = 0.5
    players: int = 1
    about: str = ""

    @property
    def bar_quarters(self) -> float:
        """Length of a bar in quarter notes."""
        return 4 * self.time_signature[0] / self.time_signature[1]

    @property
    def step_seconds(self) -> float:
        """Length of a step, before swing."""
        return self.bar_quarters * 60 / self.qpm / self.steps_per_bar

    @property
    def steps(self) -> int:
        """Length of the beat in steps."""
        return self.bars * self.steps_per_bar


def default_steps(time_signature: tuple[int, int]) -> int:
    """Sixteenths in a bar, rounded up to one: the grid of a beat that names none."""
    return max(1, 16 * time_signature[0] // time_signature[1])


def nearest_level(velocity: int) -> int:
    """The written velocity nearest to one that was played."""
    return min(LEVELS.values(), key=lambda level: abs(level - velocity))
