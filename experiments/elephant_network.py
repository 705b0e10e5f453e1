"""The state of the network of voting neurons, as arrays that compiled functions (`elephant_engine`) change in place."""

from typing import NamedTuple

import numpy as np

INPUTS = 840  # 8 for the position in the bar, then 64 frames of 13 keys
OUTPUTS = 13
FIRST_HIDDEN = INPUTS + OUTPUTS  # neuron ids: inputs, outputs, then hidden neurons in any order
HIDDEN_ROOM = 1500  # capacity of the arrays: hidden neurons
EDGE_ROOM = 15_000  # edges
INPUT_ROOM = 600  # edges into one neuron
SPARE_ROOM = 50  # more of any of these than the corrections of one frame can use
RANDOM_ROOM = 1 << 17
RESERVE = 20_000  # more random words than the corrections of one frame can use

NEURON = np.dtype(
    [
        ("place", np.int64),  # index in the order of hidden neurons, -1 if the id is free
        ("votes", np.int64),  # sum of the votes
        ("value", np.int64),  # 1 if on, else `silent`
        ("sureness", np.int64),  # how many inputs would have to change to flip the value
        ("missing", np.int64),  # how many additional votes would flip the value
        ("quality", np.float64),  # estimated probability that the value is right, 0 to 1
        ("success", np.bool_),  # whether it gave some neuron that uses it the value wanted in this frame
        ("on", np.float64),  # number of frames in which it was on
        ("frames", np.float64),  # number of frames in all
        ("inputs", np.int64),  # number of edges into it
        ("uses", np.int64),  # number of edges out of it
    ]
)
EDGE = np.dtype([("used", np.bool_), ("source", np.int64), ("target", np.int64), ("weight", np.int64)])
HIDDEN_COUNT, SILENT, NEXT_EDGE, NEXT_WORD = range(4)  # indices into `Network.state`


class Network(NamedTuple):
    """The state of a network, as arrays that compiled functions can change in place.

    Attributes:
        neurons: array of `NEURON`, by neuron id.
        order: ids of the hidden neurons, in their order.
        edges: array of `EDGE`, by edge id.
        right: `[edges, 2]`, how often an edge voted right while its source was off or on. Firing networks only use
            the second column.
        seen: `[edges, 2]`, how often an edge voted at all, likewise.
        inputs: `[neurons, INPUT_ROOM]`, ids of the edges into a neuron, oldest first.
        state: the number of hidden neurons, the value of a silent neuron, where to look for a free edge id, and the
            index of the next random word.
        words: random 32-bit words drawn from a `RandomState`.
        marks: `[13, 4]`, neurons that a rule remembers from frame to frame, four for each output.
    """

    neurons: np.ndarray
    order: np.ndarray
    edges: np.ndarray
    right: np.ndarray
    seen: np.ndarray
    inputs: np.ndarray
    state: np.ndarray
    words: np.ndarray
    marks: np.ndarray

    @classmethod
    def make(cls, silent: int) -> "Network":
        """A network without hidden neurons or edges. `silent`, -1 or 0, is the value of a neuron that is off."""
        neurons = np.zeros(FIRST_HIDDEN + HIDDEN_ROOM, dtype=NEURON)
        neurons["place"] = -1
        neurons["value"] = silent
        neurons["sureness"] = neurons["missing"] = neurons["quality"] = neurons["frames"] = 1
        return cls(
            neurons=neurons,
            order=np.zeros(HIDDEN_ROOM, dtype=np.int64),
            edges=np.zeros(EDGE_ROOM, dtype=EDGE),
            right=np.ones((EDGE_ROOM, 2)),
            seen=np.ones((EDGE_ROOM, 2)),
            inputs=np.zeros((len(neurons), INPUT_ROOM), dtype=np.int64),
            state=np.array([0, silent, 0, RANDOM_ROOM]),
            words=np.zeros(RANDOM_ROOM, dtype=np.int64),
            marks=np.zeros((OUTPUTS, 4), dtype=np.int64),
        )

    def is_full(self) -> bool:
        """Whether the arrays might be too small for the corrections of another frame."""
        left = (HIDDEN_ROOM - self.state[HIDDEN_COUNT], EDGE_ROOM - self.edges["used"].sum())
        return bool(min(*left, INPUT_ROOM - self.neurons["inputs"].max()) < SPARE_ROOM)

    def refill(self, rng: np.random.RandomState) -> None:
        """Make sure that there are enough random words for the corrections of one frame."""
        left = self.words[self.state[NEXT_WORD] :]
        if len(left) < RESERVE:
            fresh = rng.randint(0, 1 << 32, size=RANDOM_ROOM - len(left), dtype=np.uint32)
            self.words[:] = np.concatenate([left, fresh])
            self.state[NEXT_WORD] = 0

    def forget(self) -> None:
        """Reset all statistics of edges and neurons."""
        self.right[:] = self.seen[:] = self.neurons["frames"] = 1
        self.neurons["on"] = 0
