"""Is it new? The nearest passage of the training pieces to each passage of generated music.

The plagiarism check in the list of ideas of Conchylicultor's MusicGenerator. The distance of two passages of the same
length is their Jaccard distance: cells (a key in a frame) that sound in only one of them, over cells that sound in either.
It is 0 for a copy and 1 where nothing is common. Comparing held-out pieces in the same way shows what chance and style
contribute: music that is as far from the training pieces as other people's music is not copied.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from preprocess.pieces import transforms
from preprocess.pieces.pieces import Pieces

PASSAGE = 32
"""Frames of a passage: two bars."""

TRAINING_BLOCK, GENERATED_BLOCK = 2048, 1024
"""Passages that are compared at once: about 50 MB, whatever the size of the data."""


@dataclass(frozen=True)
class Match:
    """A passage of generated music and the training passage nearest to it.

    Attributes:
        piece: number of the generated piece.
        frame: where its passage begins.
        distance: Jaccard distance, 0 to 1.
        name: of the training piece; several may have the same one.
        training_piece: its number.
        training_frame: where its passage begins.
        transposition: semitones by which the generated passage lies above the training passage.
    """

    piece: int
    frame: int
    distance: float
    name: str
    training_piece: int
    training_frame: int
    transposition: int


@dataclass(frozen=True)
class Summary:
    """How near generated music is to the training pieces.

    Attributes:
        segments: passages that were compared.
        copied: share of them that occur in a training piece exactly, perhaps transposed.
        mean_distance: of the nearest passages.
    """

    segments: int
    copied: float
    mean_distance: float


def nearest_segments(
    generated: Sequence[np.ndarray],
    training: Pieces,
    length: int = PASSAGE,
    hop: int = 16,
    training_hop: int = 4,
    transpositions: range = range(-6, 6),
    on_passages: Callable[[int], None] = lambda compared: None,
) -> list[Match]:
    """The nearest training passage of every passage of generated (or held-out) music.

    All are compared by matrix products of `[passages, length * 88]`. Silent passages, and pieces that are
    shorter than a passage, are left out.

    Args:
        generated: bool `[frames, 88]` a piece, in the representation of the training pieces.
        training: rolls.
        length: frames of a passage.
        hop: frames from one generated passage to the next.
        training_hop: the same for training passages; a copy between them is not recognised.
        transpositions: semitones that a copy may lie above its source, 0 among them. Those that would take notes
            off the keyboard are not tried. Of passages that are equally near, the least transposed is named.
        on_passages: called with how many more of the `count_passages` training passages have been compared.

    Returns:
        The matches in the order of the pieces and frames.

    Raises:
        ValueError: where no training piece is as long as a passage, or they are tokens.
    """
    if training.are_tokens:
        raise ValueError("Passages are compared as rolls, not as tokens.")
    sources = _places(training.keys, length, training_hop)
    if not sources:
        raise ValueError(f"No training piece has {length} frames.")
    places = [p for p in _places(generated, length, hop) if generated[p[0]][p[1] : p[1] + length].any()]
    # Query by query the distance to the nearest source so far, and its number.
    queries = _queries(generated, places, length, transpositions)
    nearest = np.full(len(queries), np.inf)
    found = np.zeros(len(queries), np.int64)
    for first in range(0, len(sources), TRAINING_BLOCK):
        block = _rows(training.keys, sources[first : first + TRAINING_BLOCK], length)
        for begin, rows in _moved(generated, places, queries, length):
            distances = jaccard_distances(rows, block)
            best = distances.argmin(axis=1)
            best_distances = distances[np.arange(len(rows)), best]
            here = slice(begin, begin + len(rows))
            nearer = best_distances < nearest[here]
            nearest[here][nearer] = best_distances[nearer]
            found[here][nearer] = first + best[nearer]
        on_passages(len(block))
    matches: dict[int, Match] = {}
    for distance, source, (number, semitones) in zip(nearest.tolist(), found.tolist(), queries, strict=True):
        if number not in matches or distance < matches[number].distance:
            piece, frame = sources[source]
            matches[number] = Match(*places[number], distance, training.names[piece], piece, frame, semitones)
    return [matches[number] for number in sorted(matches)]


def count_passages(training: Pieces, length: int = PASSAGE, training_hop: int = 4) -> int:
    """How many training passages `nearest_segments` compares with."""
    return len(_places(training.keys, length, training_hop))


def jaccard_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cells that differ over cells that sound in either, float32 `[n, m]` of rows of 0 and 1, float32.

    Two silent rows are equal.
    """
    common = first @ second.T
    either = first.sum(axis=1)[:, None] + second.sum(axis=1) - common
    return np.where(either > 0, 1 - common / np.maximum(either, 1), 0).astype(np.float32)


def summarize(matches: Sequence[Match]) -> Summary:
    """The share of exact copies and the mean distance.

    Raises:
        ValueError: without matches.
    """
    if not matches:
        raise ValueError("There is no passage to judge: the music is silent or shorter than one.")
    distances = np.array([match.distance for match in matches])
    return Summary(len(matches), float((distances == 0).mean()), float(distances.mean()))


def _places(pieces: Sequence[np.ndarray], length: int, hop: int) -> list[tuple[int, int]]:
    """The piece and first frame of every passage."""
    return [
        (i, start) for i, p in enumerate(pieces) for start in transforms.fragment_starts(len(p), length, hop)
    ]


def _rows(pieces: Sequence[np.ndarray], places: Sequence[tuple[int, int]], length: int) -> np.ndarray:
    """Passages side by side, float32 `[passages, length * keys]` of 0 and 1."""
    cells = np.stack([pieces[piece][start : start + length] for piece, start in places])
    return (cells != 0).reshape(len(places), -1).astype(np.float32)


def _queries(
    generated: Sequence[np.ndarray], places: Sequence[tuple[int, int]], length: int, transpositions: range
) -> list[tuple[int, int]]:
    """The number of each generated passage with each transposition to try, the least first."""
    semitones = sorted(transpositions, key=lambda t: (abs(t), t))
    queries = []
    for number, (piece, start) in enumerate(places):
        # The passage is moved to where its source would lie.
        possible = transforms.transpositions(generated[piece][start : start + length])
        queries += [(number, t) for t in semitones if -t in possible]
    return queries


def _moved(
    generated: Sequence[np.ndarray],
    places: Sequence[tuple[int, int]],
    queries: Sequence[tuple[int, int]],
    length: int,
) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of the transposed passages as rows, with the number of the first query of each."""
    for begin in range(0, len(queries), GENERATED_BLOCK):
        block = queries[begin : begin + GENERATED_BLOCK]
        cells = []
        for number, semitones in block:
            piece, start = places[number]
            cells.append(
                transforms.transpose(generated[piece][start : start + length], -semitones, drop=True)
            )
        yield begin, _rows(cells, [(i, 0) for i in range(len(cells))], length)
