"""How well piano models predict held-out pieces: nats a frame, each piece read from its beginning to its end.

The protocol is that of the literature on the four polyphonic sets (Boulanger-Lewandowski, Bengio and Vincent, 2012):
frame t is predicted from all frames before it, and the mean is taken over all frames of a split but the first of
each piece. Where a model's likelihood can't be computed, what is reported is a bound or an estimate, and named so.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import keras
import numpy as np
from keras import ops, tree

from models.outputs.base import Measure
from models.piano.frames import FrameState
from models.piano.model import FrameModel

Tensor = Any


@dataclass(frozen=True)
class FrameScores:
    """The scores of a model on some pieces.

    Attributes:
        nats: of each piece's values by frame, a float64 array `[frames]` a piece; the mean over the samples. With
            voices that remember, the second frame also bears what the first one's path costs beyond that frame.
        key_nats: the same for keys given their classes; None where the model has no such decoder.
        sampled_nats: of each whole piece but its first frame, `[pieces, samples]`.
        velocity_error: root of the mean squared distance of struck keys' velocities, or None.
        measure: "exact", or "bound" (the true nats are at most these on average over the samples), or "estimate"
            (no side is known).
    """

    nats: list[np.ndarray]
    key_nats: list[np.ndarray] | None
    sampled_nats: np.ndarray
    velocity_error: float | None
    measure: Measure

    def mean(self, parts: str = "all") -> float:
        """Mean nats over all frames but the first of each piece.

        Args:
            parts: "values", "keys", or "all" for both together.
        """
        chosen = [self.nats] if parts != "keys" else []
        chosen += [self.key_nats] if parts != "values" and self.key_nats is not None else []
        return sum(float(np.concatenate([piece[1:] for piece in part]).mean()) for part in chosen)

    def tighter(self, parts: str = "all") -> float:
        """`mean` by the importance-weighted bound of the values: `-log mean_k exp(-nats_k)` for each piece.

        Args:
            parts: "values", or "all", which adds the keys as they are.
        """
        frames = sum(len(piece) - 1 for piece in self.nats)
        least = self.sampled_nats.min(axis=1, keepdims=True)
        values = (least[:, 0] - np.log(np.exp(least - self.sampled_nats).mean(axis=1))).sum() / frames
        return float(values) + (self.mean("keys") if parts == "all" else 0.0)


class Scorer(keras.Model):
    """A frame model's nats for a chunk of some pieces, and its state after it, for `predict_on_batch`.

    Compiled once for each shape of chunks, so whoever scores a model again and again keeps its scorer.

    Args:
        model: with its weights.
        decoders: whether the decoders of keys and velocities are scored too.

    Attributes:
        of_values: a scorer without the decoders, which say the same for every random path; None where `decoders`
            is False.
    """

    def __init__(self, model: FrameModel, decoders: bool = True):
        super().__init__()
        self.model = model
        self.of_values = Scorer(model, decoders=False) if decoders else None
        self.built = True
        self.compile(jit_compile=True)

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Score a chunk.

        Args:
            inputs: a `batch` without past, the flat `state` before it as a list, and `uniforms` `[batch, time,
                voices]` for models that are scored by random paths.
        """
        model, batch = self.model, inputs["batch"]
        state = tree.pack_sequence_as(model.zero_state(1), inputs["state"])
        values = model.values_of(batch["tokens" if model.form == "tokens" else "keys"])
        reading = model.read(batch, state)
        parameters = model.parameters_of(reading.outputs)
        output = model.output_layer
        log_likelihood, output_state = output.score(parameters, values, inputs.get("uniforms"), state.output)
        outputs = {"nats": -log_likelihood}
        if self.of_values is not None:
            beginnings = output.log_likelihood_of_beginnings(parameters[:, 0], values[:, 0])
            if beginnings is not None:
                outputs["beginning"] = -ops.repeat(beginnings[:, None], values.shape[1], axis=1)
        keys, velocities = state.keys, state.velocities
        if self.of_values is not None:
            decoded, keys, velocities = model.score_decoders(batch, values, state)
            outputs |= decoded
        after = FrameState(reading.state, output_state, keys, velocities)
        return outputs | {"state": tree.flatten(after)}


def takes_paths(model: FrameModel) -> bool:
    """Whether a model's values are scored by random paths of its voices."""
    return model.output_layer.measure == "bound"


def measure_of(model: FrameModel) -> Measure:
    """How a model is scored: that of its output and of its key decoder that says less."""
    parts = [part for part in (model.output_layer, model.key_decoder) if part is not None]
    return max((part.measure for part in parts), key=get_args(Measure).index)


def score(
    scorer: Scorer,
    groups: Iterable[Sequence[dict[str, np.ndarray]]],
    pieces: int,
    samples: int = 1,
    seed: int = 0,
    on_batch: Callable[[], None] = lambda: None,
) -> FrameScores:
    """Score whole pieces.

    Args:
        scorer: of the model, with its weights.
        groups: batches of one shape; those of a group are consecutive chunks of the same pieces, whose numbers
            they have as `pieces` (-1 for none).
        pieces: how many there are.
        samples: random paths a piece, for models that are scored by a bound.
        seed: of the paths.
        on_batch: called after each batch and path.
    """
    kept = _PieceOutputs(pieces)
    for group in groups:
        for path in range(samples if takes_paths(scorer.model) else 1):
            # The decoders of keys and velocities say the same for every path.
            chosen = scorer if path == 0 else scorer.of_values or scorer
            state = None
            for batch in group:
                outputs, state = _score_chunk(chosen, batch, state, [seed, path])
                kept.add(path, batch, outputs)
                on_batch()
    nats = kept.by_piece("nats")
    for paths, beginning in zip(nats, kept.by_piece("beginning"), strict=False):
        for path_nats in paths:
            _charge_beginning(path_nats, beginning[0][0])
    return FrameScores(
        nats=[np.mean(paths, axis=0) for paths in nats],
        key_nats=[paths[0] for paths in kept.by_piece("key_nats")] or None,
        sampled_nats=np.array([[path_nats[1:].sum() for path_nats in paths] for paths in nats]),
        velocity_error=_velocity_error(kept),
        measure=measure_of(scorer.model),
    )


class _PieceOutputs:
    """What a scorer gave for chunks of pieces, put together piece by piece.

    Args:
        pieces: how many there are.
    """

    def __init__(self, pieces: int):
        self.pieces = pieces
        self.chunks: dict[str, list[dict[int, list[np.ndarray]]]] = {}

    def add(self, path: int, batch: dict[str, np.ndarray], outputs: dict[str, np.ndarray]) -> None:
        """Keep the real frames of a batch's outputs `[batch, time]` of a random path."""
        for name, values in outputs.items():
            by_piece = self.chunks.setdefault(name, [{} for _ in range(self.pieces)])
            for row, (piece, length) in enumerate(zip(batch["pieces"], batch["lengths"], strict=True)):
                if piece >= 0 and length:
                    by_piece[piece].setdefault(path, []).append(values[row, :length])

    def by_piece(self, name: str) -> list[list[np.ndarray]]:
        """For each piece an array `[frames]` of each path; nothing where the scorer gives no such output."""
        return [[np.concatenate(chunks) for chunks in paths.values()] for paths in self.chunks.get(name, ())]


def _velocity_error(kept: _PieceOutputs) -> float | None:
    """The root of the mean squared error of struck keys' velocities, None where a model has no velocities."""
    errors = kept.by_piece("squared_velocity_error")
    if not errors:
        return None
    total = sum(paths[0].sum() for paths in errors)
    struck = sum(paths[0].sum() for paths in kept.by_piece("struck"))
    return float(np.sqrt(total / max(struck, 1)))


def _charge_beginning(nats: np.ndarray, beginning: float) -> None:
    """Move what a path's first frame costs beyond that frame's likelihood to the second frame, in place.

    Voices remember a piece's first frame by a path that was drawn with that frame known. Over the whole piece the
    path's weight makes up for it; without the weight of the first frame, what is left would be no bound on the nats
    of the frames after it. With that frame's own likelihood, which is known exactly, it is one.
    """
    if len(nats) > 1:
        nats[1] += nats[0] - beginning
    nats[0] = beginning


def _score_chunk(
    scorer: Scorer, batch: dict[str, np.ndarray], state: list[Tensor] | None, seed: list[int]
) -> tuple[dict[str, np.ndarray], list[Tensor]]:
    """Outputs `[batch, time]` of a chunk in float64, and the state after it."""
    model = scorer.model
    size = len(batch["lengths"])
    if state is None:
        state = [ops.convert_to_numpy(x) for x in tree.flatten(model.zero_state(size))]
    inputs: dict[str, Any] = {"batch": {k: v for k, v in batch.items() if k not in ("pieces", "past")}}
    inputs["state"] = state
    if takes_paths(model):
        time = batch["tokens" if model.form == "tokens" else "keys"].shape[1]
        # The draws of a piece depend on its number and place alone, not on what is scored beside it.
        rngs = [
            np.random.default_rng([*seed, max(int(piece), 0), int(batch["position"][row])])
            for row, piece in enumerate(batch["pieces"])
        ]
        inputs["uniforms"] = np.stack([r.random((time, model.uniforms.values), np.float32) for r in rngs])
    outputs = scorer.predict_on_batch(inputs)
    after = [np.asarray(x) for x in outputs.pop("state")]
    return {name: np.asarray(x, np.float64) for name, x in outputs.items()}, after


def validation(
    scorer: Scorer, groups: Sequence[Sequence[dict[str, np.ndarray]]], pieces: int
) -> dict[str, float]:
    """Nats a frame of held-out pieces: `val_loss` of all parts, and each part where there are several."""
    scores = score(scorer, groups, pieces)
    found = {"val_loss": scores.mean()}
    if scores.key_nats is not None:
        found |= {"val_nats": scores.mean("values"), "val_key_nats": scores.mean("keys")}
    if scores.velocity_error is not None:
        found["val_velocity_error"] = scores.velocity_error
    return found
