"""What the parameters of a groove's mixtures are, and where each stands in a row of them.

Shared by `models/outputs/groove_mixture.py` (Keras) and `models/numpy_engine/grooves.py`. A row holds, in this order:

- what is given, from the controls: the hits of all drums, or for taps whether the step is tapped, and the tap's offset;
- the tempo, in octaves above 120;
- what the linear predictor says of all drums' velocities and, unless the tap's own timing is kept, offsets;
- for taps: a logit for each drum's hit;
- a logit for each component of the mixture, which all drums of a step share, so that what is struck together is
  played together;
- for each drum and component the location and the log scale of a logistic of its velocity and, unless the tap's own
  timing is kept, of its offset.

Velocities (0 to 1) are discretised to MIDI's 127 steps and offsets (-1 to 1, half a step each way) to 120; all that
lies beyond an end counts as the end (Salimans et al., "PixelCNN++", 2017).
"""

from dataclasses import dataclass

VELOCITY_GRID, OFFSET_GRID = (0.0, 1.0, 1 / 127), (-1.0, 1.0, 1 / 60)
"""Least value, largest value and distance of neighbours."""

LOCATION_UNIT = 0.3
"""Locations are the linear predictor's plus this much times what the network says."""
VELOCITY_CENTRE = 0.5
FIRST_LOG_SCALE, LOG_SCALES = -2.0, (-5.0, 1.0)
"""The log scale where the network says 0, and the range that it is kept in."""

BEAT_STEPS = 16
"""Positions in the bar that are told apart."""
TEMPO_POWER = 1.5
"""Offsets are mapped by their distance from the drum's centre times this power of the tempo. An error costs more
milliseconds at a slow tempo, so the largest shares of a step fall to fast ones; between 1 and 2 the power matters little
to the errors of all hits, and was chosen by those of the rare drums."""
MAP_KNOTS = 65
"""Knots of the maps from medians to what is played."""
BISECTIONS = 20


@dataclass(frozen=True)
class GrooveLayout:
    """Widths of the parts of a row.

    Attributes:
        drums: number of drums.
        components: of the mixture.
        taps: whether a tap is given instead of the hits.
    """

    drums: int
    components: int
    taps: bool

    @property
    def given(self) -> int:
        """Values a step that the controls give."""
        return 2 if self.taps else self.drums

    @property
    def parts(self) -> int:
        """What is played of a drum besides its hit: velocity and offset, or velocity alone."""
        return 1 if self.taps else 2

    @property
    def hit_logits(self) -> int:
        """Logits of hits."""
        return self.drums if self.taps else 0

    @property
    def network_width(self) -> int:
        """Parameters a step that the network says."""
        return self.hit_logits + self.components + 2 * self.parts * self.drums * self.components

    @property
    def width(self) -> int:
        """Width of a row."""
        return self.given + 1 + self.linear + self.network_width

    @property
    def linear(self) -> int:
        """Values a step of the linear predictor: all drums' velocities, then their offsets."""
        return self.parts * self.drums

    @property
    def uniforms(self) -> int:
        """Random numbers a step: for the hits, for the component, for each drum's velocity and offset."""
        return 3 * self.drums + 1
