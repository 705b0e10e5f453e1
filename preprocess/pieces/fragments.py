"""Batches of fragments drawn from whole pieces, and of whole pieces read in chunks.

A frame model predicts each frame of a piece from all those before it. For training, pieces are cut into fragments
that know the frames before them; for evaluation, each is read from its beginning to its end in chunks.
"""

import bisect
from collections.abc import Iterator

import numpy as np

from preprocess.dataset import network_type
from preprocess.example_forms import NO_TOKEN
from preprocess.pieces.pieces import Pieces
from preprocess.pieces.transforms import add_errors, transpose, transpositions

Batch = dict[str, np.ndarray]

ERROR_VELOCITY = np.float32(0.5)
"""How loud a key is that was struck by mistake."""


def fragments(
    pieces: Pieces,
    chosen: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    length: int,
    history: int,
    semitones: np.ndarray | None = None,
) -> Batch:
    """Fragments of pieces as the frame models take them.

    A model reads the frames s - 1 to s + n - 2 of a piece and predicts s to s + n - 1. Frames before a piece, and
    those from a fragment's end to `length`, are zeros, tokens NO_TOKEN.

    Args:
        pieces: what is cut.
        chosen: the piece of each fragment, int `[batch]`; -1 for a row of nothing.
        starts: s, int `[batch]`.
        stops: s + n, int `[batch]`; not above s where there is nothing left to predict.
        length: no fragment is longer.
        history: frames before s - 1 that are given as `past`.
        semitones: how far each is moved up, int `[batch]`; what would leave the keyboard is left out.

    Returns:
        `keys`: uint8 `[batch, length, 88]`, or `tokens`: int32 `[batch, length]`. `before`: the frame s - 1,
        `[batch, 88]` or `[batch]`. `past`: the frames s - 1 - history to s - 2, oldest first, `[batch, history,
        ...]`, where history is not 0. `lengths`: n, int32 `[batch]`. `position`: s, int32 `[batch]`. And of
        pieces with velocities, float32, `velocities` `[batch, length, 88]` and `velocity_before` `[batch, 88]`.
    """
    semitones = np.zeros(len(starts), np.int64) if semitones is None else semitones
    rows = list(zip(chosen.tolist(), starts.tolist(), stops.tolist(), semitones.tolist(), strict=True))
    frames = _windows(pieces.keys, rows, length, history)
    batch = {
        "tokens" if pieces.are_tokens else "keys": frames[:, history + 1 :],
        "before": frames[:, history],
    }
    if history:
        batch["past"] = frames[:, :history]
    if pieces.velocities is not None:
        velocities = _windows(pieces.velocities, rows, length, 0)
        batch |= {"velocities": velocities[:, 1:], "velocity_before": velocities[:, 0]}
    lengths = np.maximum(stops - starts, 0).astype(np.int32)
    return batch | {"lengths": lengths, "position": starts.astype(np.int32)}


def _windows(
    pieces: list[np.ndarray], rows: list[tuple[int, int, int, int]], length: int, history: int
) -> np.ndarray:
    """The frames s - 1 - history to s + length - 1 of each row, `[rows, history + 1 + length, ...]`."""
    kind = network_type(pieces[0][:0]).dtype
    nothing = NO_TOKEN if pieces[0].ndim == 1 else 0
    frames = np.full((len(rows), history + 1 + length, *pieces[0].shape[1:]), nothing, kind)
    for row, (piece, start, stop, semitones) in zip(frames, rows, strict=True):
        first = start - 1 - history
        begin = max(0, first)
        found = pieces[piece][begin:stop] if piece >= 0 else pieces[0][:0]
        row[begin - first :][: len(found)] = transpose(found, semitones, drop=True) if semitones else found
    return frames


class FragmentBatches:
    """Batches of fragments, each a function of (seed, step).

    An epoch goes through all frames of all pieces once, in fragments in a random order. Each piece is cut at a random
    frame from 1 to `length`, and from there into fragments of that length; so a frame is seen at every place of a
    fragment in the course of training. Each fragment is transposed by a random number of semitones that keeps all
    notes of its piece on the keyboard. The last batch of an epoch is filled up from the next one.

    Args:
        pieces: what is cut.
        length: frames of a fragment.
        history: frames that are given beside it (`fragments`).
        batch_size: fragments of a batch.
        seed: of cuts, order and transpositions.
        transpose: smallest and largest number of semitones, both included, 0 among them.
        error_rate: errors a frame (`transforms.add_errors`), in what is read and in what is to be predicted alike, drawn
            for each step again.

    Raises:
        ValueError: without pieces, for sizes that are not positive, or what is not possible: transpositions without
            0, an error rate outside 0 to 1, or any of these with tokens.
    """

    def __init__(
        self,
        pieces: Pieces,
        length: int,
        history: int,
        batch_size: int,
        seed: int,
        transpose: tuple[int, int] = (0, 0),
        error_rate: float = 0.0,
    ):
        if not len(pieces) or not pieces.lengths.any():
            raise ValueError("There is no piece to draw from.")
        if min(length, batch_size) < 1 or history < 0:
            raise ValueError("length and batch_size must be at least 1, history at least 0.")
        low, high = transpose
        if not low <= 0 <= high:
            raise ValueError(f"Transpositions must be a range around 0, not {low} to {high}.")
        if not 0 <= error_rate <= 1:
            raise ValueError(f"An error rate is from 0 to 1, not {error_rate}.")
        if pieces.are_tokens and (low or high or error_rate):
            raise ValueError("Tokens are neither transposed nor given errors.")
        self.pieces, self.length, self.history = pieces, length, history
        self.batch_size, self.seed, self.error_rate = batch_size, seed, error_rate
        possible = [transpositions(p) if low or high else range(1) for p in pieces.keys]
        self._lowest = np.array([max(low, r.start) for r in possible])
        self._highest = np.array([min(high, r.stop - 1) for r in possible])
        self._lengths = pieces.lengths
        self._begins = [0]  # of each epoch, in fragments; their number differs with the cuts
        self._epochs: dict[int, np.ndarray] = {}

    def _cuts(self, epoch: int) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
        """What an epoch draws from further, the first cut of each piece and its number of fragments."""
        rng = np.random.default_rng([self.seed, epoch])
        cuts = np.minimum(rng.integers(1, self.length + 1, len(self._lengths)), self._lengths)
        return rng, cuts, (self._lengths > 0) - (cuts - self._lengths) // self.length

    def _epoch(self, epoch: int) -> np.ndarray:
        """Piece, start, stop and transposition of the fragments of an epoch in their order, int64 `[fragments, 4]`.

        The last two epochs are kept in memory.
        """
        if epoch not in self._epochs:
            rng, cuts, counts = self._cuts(epoch)
            pieces = np.repeat(np.arange(len(counts)), counts)
            number = np.arange(len(pieces)) - np.repeat(np.cumsum(counts) - counts, counts)
            stops = cuts[pieces] + number * self.length
            starts = np.where(number > 0, stops - self.length, 0)
            stops = np.minimum(stops, self._lengths[pieces])
            semitones = rng.integers(self._lowest[pieces], self._highest[pieces] + 1)
            rows = np.stack([pieces, starts, stops, semitones], axis=1)
            self._epochs = {k: v for k, v in self._epochs.items() if k == epoch - 1}
            self._epochs[epoch] = rng.permutation(rows)
        return self._epochs[epoch]

    def batch(self, step: int) -> Batch:
        """The batch of a step, from 0, as `fragments` gives it."""
        parts: list[np.ndarray] = []
        position, wanted = step * self.batch_size, self.batch_size
        while wanted:
            while self._begins[-1] <= position:
                self._begins.append(self._begins[-1] + int(self._cuts(len(self._begins) - 1)[2].sum()))
            epoch = bisect.bisect_right(self._begins, position) - 1
            offset = position - self._begins[epoch]
            parts.append(self._epoch(epoch)[offset : offset + wanted])
            position += len(parts[-1])
            wanted -= len(parts[-1])
        pieces, starts, stops, semitones = np.concatenate(parts).T
        batch = fragments(self.pieces, pieces, starts, stops, self.length, self.history, semitones)
        if self.error_rate:
            _add_errors(batch, self.error_rate, np.random.default_rng([self.seed, step, ord("e")]))
        return batch


def _add_errors(batch: Batch, rate: float, rng: np.random.Generator) -> None:
    """Put errors into the frames of fragments, those before them included, in place."""
    past = batch.get("past", batch["keys"][:, :0])
    frames = np.concatenate([past, batch["before"][:, None], batch["keys"]], axis=1)
    begins = past.shape[1] + 1
    for row, position, length in zip(frames, batch["position"], batch["lengths"], strict=True):
        # Not before the piece, nor after the fragment.
        real = slice(max(0, begins - int(position)), begins + int(length))
        row[real] = add_errors(row[real], rate, rng)
    if "past" in batch:
        batch["past"] = frames[:, : begins - 1]
    batch["before"], batch["keys"] = frames[:, begins - 1], frames[:, begins:]
    for keys, name in (("keys", "velocities"), ("before", "velocity_before")):
        if name in batch:
            struck = np.where(batch[name] > 0, batch[name], ERROR_VELOCITY)
            batch[name] = np.where(batch[keys] > 0, struck, 0).astype(np.float32)


def chunks(pieces: Pieces, length: int, batch_size: int) -> Iterator[list[Batch]]:
    """All pieces from beginning to end, for a model that carries its state from chunk to chunk.

    Pieces of similar length are read side by side, the longest first.

    Args:
        pieces: what is read.
        length: frames of a chunk.
        batch_size: pieces of a group.

    Yields:
        For each group of pieces its batches in the order of time, as `fragments` gives them, with the number of
        the piece in each row as `pieces`, int32 `[batch]`. All batches are of one shape: rows without a piece have
        -1, and where a piece is over the length is 0.
    """
    lengths = pieces.lengths
    order = np.argsort(-lengths, kind="stable")
    for i in range(0, len(order), batch_size):
        chosen = np.full(batch_size, -1)
        chosen[: len(order[i : i + batch_size])] = order[i : i + batch_size]
        ends = np.where(chosen >= 0, lengths[chosen], 0)
        group = []
        for start in range(0, int(ends.max()), length):
            starts = np.full(batch_size, start)
            stops = np.minimum(ends, start + length)
            batch = fragments(pieces, chosen, starts, stops, length, history=0)
            group.append(batch | {"pieces": chosen.astype(np.int32)})
        yield group
