"""How a performance moves the hits of its score, when what was programmed between the steps is to stay.

A groove model reads each hit on the nearest sixteenth and says how far from it a drummer plays. A swung or a triplet
score is off its sixteenths already, so the model's offsets are added to it. But the models recognize shuffles and
triplets by the pattern of the steps, and play them as drummers do, a third of a step off. So if hits are programmed off
their steps, and the model plays them off in the same direction, the mean of its offsets is the swing again: the
programmed swing replaces it, and only the differences between the hits are added.
"""

import numpy as np

from preprocess.drums.groove_grid import loudest

PHRASE = 32
"""Steps within which hits at the same place between steps share one swing: two bars, what a model reads at once."""

PHASES = 12
"""Places within a step that are distinguished; thirds and quarters of a step are among them."""


class Strokes:
    """Hits as a groove model reads them: those of one drum on one step are one stroke, played as its loudest hit.

    Args:
        positions: where hits were programmed, float `[hits]` in steps.
        drums: int `[hits]`, which drum is struck.
        velocities: int `[hits]`, MIDI velocities.

    Attributes:
        of_hit: int `[hits]`, the stroke of each.
        loudest: int `[strokes]`, its loudest hit, the first of equally loud ones.
        steps: int `[strokes]`, the step on which it is read.
        drums: int `[strokes]`.
        programmed: float `[strokes]`, how much later than its step the loudest hit was programmed, -0.5 to 0.5.
    """

    def __init__(self, positions: np.ndarray, drums: np.ndarray, velocities: np.ndarray):
        steps = np.floor(positions + 0.5).astype(np.int64)
        # Drum by drum, so that the hits of a drum are next to each other.
        cells = drums * (steps.max(initial=0) + 1) + steps
        self.loudest = loudest(cells, velocities, np.ones(len(cells), bool))
        self.of_hit = np.searchsorted(cells[self.loudest], cells)
        self.steps, self.drums = steps[self.loudest], drums[self.loudest]
        self.programmed = (positions - steps)[self.loudest]
        self._velocities = velocities[self.loudest]

    def delays(self, offsets: np.ndarray) -> np.ndarray:
        """How much later than programmed each stroke is played, float `[strokes]` in steps.

        Args:
            offsets: of the performance, in steps (early ones positive), `[steps, drums]`.
        """
        late = -offsets[self.steps, self.drums]
        phases = np.rint(self.programmed * PHASES).astype(np.int64)
        _, alike = np.unique(self.steps // PHRASE * 2 * PHASES + phases, return_inverse=True)
        mean = (np.bincount(alike, late) / np.bincount(alike))[alike]
        return late - np.where(mean * phases > 0, mean, 0.0)

    def margins(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Half the distance to the previous and to the next stroke of the same drum: float `[strokes]` each.

        Args:
            starts: when each hit begins, `[hits]` in any unit, which is that of the result. Infinite if there is no such stroke.
        """
        first = self.least(starts)
        last = -self.least(-starts)
        half = np.where(self.drums[1:] == self.drums[:-1], (first[1:] - last[:-1]) / 2, np.inf)
        return np.concatenate([[np.inf], half]), np.concatenate([half, [np.inf]])

    def least(self, values: np.ndarray) -> np.ndarray:
        """The smallest of the values `[hits]` of each stroke's hits, `[strokes]`."""
        found = np.full(len(self.loudest), np.inf)
        np.minimum.at(found, self.of_hit, values)
        return found

    def velocity_factors(self, velocities: np.ndarray, amount: float = 1.0) -> np.ndarray:
        """The factor for the velocities of each stroke's hits, float `[strokes]`, that makes its loudest as loud as played.

        Args:
            velocities: of the performance, MIDI velocities `[steps, drums]`.
            amount: 0 to 1, how far from the score's to the performance's.
        """
        wanted = (1 - amount) * self._velocities + amount * velocities[self.steps, self.drums]
        return wanted / self._velocities
