"""What a history decoder is given beside z at every step, packed into one row of controls.

A row says which hits of the clip are known in advance (locks, bars that stay, a hole to fill in), what was struck one
clip length ago (the music before the clip), what the music should be like (`preprocess/drums/conditions.py`), and
whether z is used. All zeros but the last mean a clip from z alone. NumPy only; the decoders on every backend
cut a row by the same layout.
"""

from dataclasses import dataclass

import numpy as np

from preprocess.example_forms import NO_TOKEN

Array = np.ndarray


@dataclass(frozen=True)
class ControlLayout:
    """Where each part stands in a row of controls.

    Attributes:
        drums: number of drums; bit i of a token says that drum i is struck.
        conditions: width of a row of conditions.
    """

    drums: int
    conditions: int

    @property
    def hits(self) -> slice:
        """The known hits, 1 where a drum is known to be struck."""
        return slice(0, self.drums)

    @property
    def mask(self) -> slice:
        """1 where it is known whether a drum is struck."""
        return slice(self.drums, 2 * self.drums)

    @property
    def past(self) -> slice:
        """The hits one clip length ago, and a last value that is 1 where there was any music."""
        return slice(2 * self.drums, 3 * self.drums + 1)

    @property
    def uses_z(self) -> slice:
        """1 where z is used, 0 for a decoder by itself."""
        return slice(3 * self.drums + 1, 3 * self.drums + 2)

    @property
    def wanted(self) -> slice:
        """The conditions."""
        return slice(3 * self.drums + 2, self.depth)

    @property
    def depth(self) -> int:
        """Width of a row."""
        return 3 * self.drums + 2 + self.conditions

    def pack(
        self,
        n: int,
        steps: int,
        known: Array | None = None,
        mask: Array | None = None,
        past: Array | None = None,
        conditions: Array | None = None,
        uses_z: Array | bool = True,
    ) -> Array:
        """Controls of `n` clips, float32 `[n, steps, depth]`.

        Args:
            n: number of clips.
            steps: of a clip.
            known: int tokens `[n, steps]`, read where `mask` is true.
            mask: boolean `[n, steps, drums]`, or `[n, steps]` for all drums of a step.
            past: int tokens `[n, steps]` of the steps before the clip, NO_TOKEN where there are none.
            conditions: float `[n, conditions]`; not read where the layout has none.
            uses_z: for all clips, or boolean `[n]`.

        Raises:
            ValueError: where `known` comes without `mask`, or the other way round.
        """
        rows = np.zeros((n, steps, self.depth), np.float32)
        if (known is None) != (mask is None):
            raise ValueError("Known hits and the mask that says which are known go together.")
        if known is not None and mask is not None:
            mask = np.asarray(mask, bool)
            mask = np.broadcast_to(mask[..., None] if mask.ndim == 2 else mask, (n, steps, self.drums))
            rows[..., self.hits] = self.bits(known) * mask
            rows[..., self.mask] = mask
        if past is not None:
            rows[..., self.past] = np.concatenate(
                [self.bits(past), (np.asarray(past) >= 0)[..., None]], axis=-1
            )
        if conditions is not None and self.conditions:
            rows[..., self.wanted] = np.asarray(conditions, np.float32)[:, None]
        rows[..., self.uses_z] = np.asarray(uses_z, np.float32).reshape(-1, 1, 1)
        return rows

    def bits(self, tokens: Array) -> Array:
        """The hits of int tokens `[...]`, float32 `[..., drums]`; zeros for NO_TOKEN."""
        return (np.maximum(tokens, 0)[..., None] >> np.arange(self.drums) & 1).astype(np.float32)

    def past_tokens(self, controls: Array) -> Array:
        """The tokens before the clip, int32 `[..., steps]` of controls `[..., steps, depth]`."""
        part = controls[..., self.past]
        tokens = (part[..., :-1] > 0.5) @ (1 << np.arange(self.drums))
        return np.where(part[..., -1] > 0.5, tokens, NO_TOKEN).astype(np.int32)
