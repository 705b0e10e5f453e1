"""A hierarchy of LSTMs that run at their own pace, level l once every 2^l frames.

Stands for the "Hierarchical LSTM" of FortsAndMills/MusicGeneration, of 7 and of 3 levels. Of that only the width of its output is known:
the notebook is lost and the saved weights hold no level, so the author's were most likely never trained. What
stands here is our reconstruction, a clockwork (Koutník et al., "A Clockwork RNN", 2014) whose levels are all
trained.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from models.layers.lstm import LSTMStack
from models.layers.lstm_sequence import State, swap
from models.piano.readers.base import FrameReader, Reading
from models.piano.readers.latency_lstm import keeping_gates

Tensor = Any


class LevelState(NamedTuple):
    """What the levels keep between frames.

    Attributes:
        position: frames read so far, int32 `[batch]`.
        levels: `(cell, hidden)` of each level after its last update, `[batch, units]` each.
    """

    position: Tensor
    levels: list[State]


class LevelLSTM(FrameReader):
    """Levels of LSTM, each half as fast as the one below.

    Frames are counted from t = 0 at the start of a piece. Level 0 reads every frame. Level l is updated at the end
    of every 2^l frames, that is where 2^l divides t + 1, and reads what the level below made of both halves of
    that time; otherwise its state stays. From the top down, each level then hears the is_latet of the one above:

        h0_t = lstm_0(x_t)
        hl_t = lstm_l([h(l-1)_{t - 2^(l-1)} ; h(l-1)_t])    where 2^l divides t + 1, else hl_{t-1}
        dl_t = tanh(dense_l([hl_t ; d(l+1)_t]))              the top level's is tanh(dense(h_t))
        y_t = d0_t

    An output depends on the present and earlier frames alone. A whole sequence takes less than twice as many steps
    one after the other as an LSTM does, as level l runs through a 2^l-th of them, and may begin at any position,
    which may differ within the batch.

    Args:
        levels: their number; the author tried 7, whose top level moves every 64 frames, and 3.
        units: of the LSTM of each level, and of what it tells the level below.
        output_depth: width of the outputs.
        dropout: probability that an input value of an LSTM is dropped while training.
        seed: of the dropout masks.

    Raises:
        ValueError: no levels.
    """

    def __init__(
        self,
        levels: int = 7,
        units: int = 40,
        output_depth: int = 40,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if levels < 1:
            raise ValueError(f"A hierarchy has one level or more, not {levels}.")
        self.units, self.output_depth = units, output_depth
        self.levels = [LSTMStack((units,), dropout, seed + level) for level in range(levels)]
        widths = (output_depth, *[units] * (levels - 1))
        self.heard = [keras.layers.Dense(width, activation="tanh") for width in widths]

    def build(self, input_depth: int, frame_depth: int) -> None:
        top = len(self.levels) - 1
        for level, (lstm, dense) in enumerate(zip(self.levels, self.heard, strict=True)):
            lstm.build(2 * self.units if level else input_depth)
            dense.build((None, self.units if level == top else 2 * self.units))
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by level: `level_{l}/...`, and of the dense layers `heard_{l}/kernel` and `/bias`."""
        names: dict[str, keras.Variable] = {}
        for level, (lstm, dense) in enumerate(zip(self.levels, self.heard, strict=True)):
            names |= {f"level_{level}/{name}": weight for name, weight in lstm.named_weights().items()}
            names |= {f"heard_{level}/kernel": dense.kernel, f"heard_{level}/bias": dense.bias}
        return names

    def zero_state(self, batch: Any, dtype: Any = "float32") -> LevelState:
        states = [lstm.zero_states(batch, dtype)[0] for lstm in self.levels]
        return LevelState(ops.zeros((batch,), dtype="int32"), states)

    def with_position(self, state: LevelState, position: Tensor) -> LevelState:
        return state._replace(position=ops.cast(position, "int32"))

    def call(
        self, inputs: Tensor, frames: Tensor, state: LevelState | None = None, training: bool = False
    ) -> Reading:
        state = self.zero_state(ops.shape(inputs)[0], inputs.dtype) if state is None else state
        time = inputs.shape[1]
        below, updates = swap(inputs), ops.full_like(state.position, time)
        histories: list[Tensor] = []
        is_late: list[Tensor] = []
        levels: list[State] = []
        for level, before in enumerate(state.levels):
            if level:
                # Late rows begin with the second half of this level's time; the first half is in the state.
                late = (state.position // 2 ** (level - 1)) % 2
                updates = (updates + late) // 2
                is_late.append((late > 0)[None, :, None])
                below = _halves(histories[-1], is_late[-1])
            history, after = self._run_level(level, below, before, updates, training)
            histories.append(history)
            levels.append(after)
        outputs = self._from_the_top(histories, is_late)
        return Reading(swap(outputs), None, LevelState(state.position + time, levels))

    def step(self, inputs: Tensor, state: LevelState, frame: Tensor) -> Reading:
        position = state.position + 1
        below, levels = inputs, []
        for level, (lstm, before) in enumerate(zip(self.levels, state.levels, strict=True)):
            layer = lstm.layers[0]
            _, after = layer.step(layer.project(below), before)
            due = (position % 2**level == 0)[:, None]
            after = tuple(ops.where(due, new, old) for new, old in zip(after, before, strict=True))
            levels.append(after)
            below = ops.concatenate([before[1], after[1]], axis=-1)
        above = None
        for (_, hidden), dense in zip(reversed(levels), reversed(self.heard), strict=True):
            above = dense(hidden if above is None else ops.concatenate([hidden, above], axis=-1))
        return Reading(above, None, LevelState(position, levels))

    def _run_level(
        self, level: int, inputs: Tensor, before: State, updates: Tensor, training: bool
    ) -> tuple[Tensor, State]:
        """All updates of a level.

        Args:
            level: its number.
            inputs: of each update, `[most updates, batch, depth]`.
            before: the state before the first.
            updates: how many of them are real, int32 `[batch]`; the others come after these.
            training: whether dropout is on.

        Returns:
            The hidden states, that of `before` first, `[most updates + 1, batch, units]`, and the state after
            the last real one.
        """
        lstm, layer = self.levels[level], self.levels[level].layers[0]
        projected = layer.project(lstm.drop(inputs, training))
        numbers = ops.arange(inputs.shape[0], dtype="int32")[:, None, None]
        projected = ops.where(numbers < updates[None, :, None], projected, keeping_gates(self.units))
        hiddens, (cell, _), _ = layer.sequence(projected, before)
        history = ops.concatenate([before[1][None], hiddens])
        last = ops.broadcast_to(updates[None, :, None], (1, *ops.shape(before[1])))
        return history, (cell, ops.take_along_axis(history, last, axis=0)[0])

    def _from_the_top(self, histories: list[Tensor], is_late: list[Tensor]) -> Tensor:
        """The outputs `[time, batch, output_depth]` of the levels' histories."""
        above = None
        for level in reversed(range(len(histories))):
            heard = histories[level]
            if above is not None:
                heard = ops.concatenate([heard, _held(above, is_late[level], heard.shape[0])], axis=-1)
            # Outputs come after the first frame; other levels may be heard before their first update.
            above = self.heard[level](heard if level else heard[1:])
        return above


def _halves(history: Tensor, late: Tensor) -> Tensor:
    """What a level reads at each of its updates: `[updates, batch, 2 * units]`.

    Args:
        history: hidden states of the level below, the one before its first update first, `[n + 1, batch, units]`.
        late: whether the first update of the level below ends a time of this level, bool `[1, batch, 1]`.
    """
    updates = history.shape[0] // 2
    padded = ops.pad(history, ((0, 1), (0, 0), (0, 0)))
    both = ops.where(late, padded[: 2 * updates], padded[1 : 2 * updates + 1])
    both = ops.reshape(both, (updates, 2, -1, history.shape[-1]))
    return ops.concatenate([both[:, 0], both[:, 1]], axis=-1)


def _held(above: Tensor, late: Tensor, length: int) -> Tensor:
    """The is_latet of a level above at each moment of the level below: `[length, batch, width]`.

    Args:
        above: one row for each moment of the level above, the first before its first update.
        late: as for `_halves`.
        length: of the history of the level below.
    """
    twice = ops.repeat(above, 2, axis=0)
    return ops.where(late, twice[1 : length + 1], twice[:length])
