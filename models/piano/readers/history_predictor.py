"""HistoryUser with a linear layer behind its aggregator, as FortsAndMills/MusicGeneration has it for copying and music."""

from typing import Any

import keras

from models.piano.readers.base import Reading
from models.piano.readers.history_user import HistoryUser, window_lags

WINDOW = 80
READER_SIZES = (70, 50)
AGGREGATOR_SIZES = (90,)


class HistoryPredictor(keras.Model):
    """Answers at every frame, from the frame and what was read from the past.

    An LSTM of 90 units sees the read beside the frame itself (or beside what a local LSTM made of it), and a linear
    layer, whose initial values are drawn from N(0, 1) as in the original, gives the answer.

    Args:
        depth: width of the frames.
        answers: width of the answer.
        local_sizes: units of the local LSTM's layers; none passes the frame itself on.
        memoryless_local: the local layers start every frame from a zero state.
        lags: that can be read.
    """

    def __init__(
        self,
        depth: int,
        answers: int,
        local_sizes: tuple[int, ...] = (),
        memoryless_local: bool = False,
        lags: tuple[int, ...] = window_lags(WINDOW),
    ):
        super().__init__()
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.history = HistoryUser(
            lags,
            READER_SIZES,
            local_sizes,
            AGGREGATOR_SIZES,
            memoryless_local=memoryless_local,
            attention_stddev=1.0,
        )
        self.history.build(depth)
        self.head = keras.layers.Dense(answers, kernel_initializer=normal, bias_initializer=normal)
        self.head.build((None, self.history.output_depth))
        self.built = True

    def call(self, frames: Any) -> Any:
        """The answers `[batch, time, answers]` to frames `[batch, time, depth]`."""
        return self.head(self.history(frames).outputs)

    def step(self, frame: Any, state: Any) -> Reading:
        """The answer to one frame `[batch, depth]`, the weights and the state after it."""
        reading = self.history.step(frame, state)
        return reading._replace(outputs=self.head(reading.outputs))
