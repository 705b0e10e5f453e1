"""How the hits of a score are moved by a performance of it, when what was programmed between the steps is to stay.

A groove model hears each hit on the nearest sixteenth and says how far from it a drummer plays. A swung or a triplet
score is off its sixteenths already, so what the model plays is added to it. But the models know shuffles and triplets by
the pattern of the steps, and play them as drummers do, a third of a step off. Of hits that are programmed off their
steps and that the model plays off them in the same direction, the mean is this swing of its own: the programmed one
takes its place, and what differs between the hits is added.
"""

import numpy as np

from preprocess.drums.groove_grid import loudest

PHRASE = 32
"""Steps within which what is programmed alike is taken to be played alike: two bars, what a model hears at once."""

PHASES = 12
"""Places within a step that are told apart; thirds and quarters of a step are among them."""


class Strokes:
    """Hits as a groove model hears them: those of one drum on one step are one stroke, played as its loudest hit.

    Args:
        positions: where hits were programmed, float `[hits]` in steps.
        drums: int `[hits]`, which drum is struck.
        velocities: int `[hits]`, MIDI velocities.

    Attributes:
        of_hit: int `[hits]`, the stroke of each.
        loudest: int `[strokes]`, its loudest hit, the first of equally loud ones.
        steps: int `[strokes]`, where it is heard.
        drums: int `[strokes]`.
        programmed: float `[strokes]`, how much later than its step the loudest hit was programmed, -0.5 to 0.5.
    """

    def __init__(self, positions: np.ndarray, drums: np.ndarray, velocities: np.ndarray):
        steps = np.floor(positions + 0.5).astype(np.int64)
        # Drum by drum, so that neighbours of a drum stand beside each other.
        cells = drums * (steps.max(initial=0) + 1) + steps
        self.loudest = loudest(cells, velocities, np.ones(len(cells), bool))
        self.of_hit = np.searchsorted(cells[self.loudest], cells)
        self.steps, self.drums = steps[self.loudest], drums[self.loudest]
        self.programmed = (positions - steps)[self.loudest]
        self._velocities = velocities[self.loudest]

    def late(self, offsets: np.ndarray) -> np.ndarray:
        """How much later than programmed each stroke is played, float `[strokes]` in steps.

        Args:
            offsets: of the performance, in steps (early ones positive), `[steps, drums]`.
        """
        late = -offsets[self.steps, self.drums]
        phases = np.rint(self.programmed * PHASES).astype(np.int64)
        _, alike = np.unique(self.steps // PHRASE * 2 * PHASES + phases, return_inverse=True)
        mean = (np.bincount(alike, late) / np.bincount(alike))[alike]
        return late - np.where(mean * phases > 0, mean, 0.0)

    def room(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Half the way back to the stroke before, and on to the next one, of the same drum: float `[strokes]` each.

        Args:
            starts: when each hit begins, `[hits]` in any unit; the result is in it. Infinite where there is none.
        """
        first = self.least(starts)
        last = -self.least(-starts)
        half = np.where(self.drums[1:] == self.drums[:-1], (first[1:] - last[:-1]) / 2, np.inf)
        return np.concatenate([[np.inf], half]), np.concatenate([half, [np.inf]])

    def least(self, values: np.ndarray) -> np.ndarray:
        """The least of the values `[hits]` of each stroke's hits, `[strokes]`."""
        found = np.full(len(self.loudest), np.inf)
        np.minimum.at(found, self.of_hit, values)
        return found

    def louder(self, velocities: np.ndarray, amount: float = 1.0) -> np.ndarray:
        """By how many times the hits of each stroke are louder, float `[strokes]`, for its loudest to be as played.

        Args:
            velocities: of the performance, MIDI velocities `[steps, drums]`.
            amount: 0 to 1, how far from the score's to the performance's.
        """
        wanted = (1 - amount) * self._velocities + amount * velocities[self.steps, self.drums]
        return wanted / self._velocities
