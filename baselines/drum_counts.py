"""A mixture of counts over drum tokens: what a drummer plays next, by table, from what was played in the clip so far.

Each table counts, in the training clips, which token followed a context: the last one to five tokens (n-grams), the
position in the bar, the token 1/4, 1/2, 1, 2, 3 bars ago and its neighbours, also together. A table's probabilities
are smoothed by those of a shorter context, `(count + ESCAPE * kinds * below) / (total + ESCAPE * kinds)` (the method of
Witten and Bell, "The Zero-Frequency Problem", 1991, with a weight for unseen tokens). Beside the tables stand plain
copies of the token of each lag. All of them are mixed; the weights depend on the bar of the clip and on how long the
clip has been repeating itself, and are fitted by expectation-maximization on training files kept back (deleted
interpolation: Jelinek and Mercer, "Interpolated Estimation of Markov Source Parameters from Sparse Data", 1980).
Then the tables are counted again from all files.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from preprocess.drums.rhythm import STEPS_PER_BAR

Array = np.ndarray

CLASSES = 512
"""Tokens of nine drums."""

BEFORE = CLASSES
"""Stands for what was played before the clip began."""

LAGS = (4, 8, 16, 32, 48)
"""Steps back from which a token may be copied: 1/4, 1/2, 1, 2, 3 bars."""

POSITION = 0
"""In place of an offset: the position in the bar."""

Context = tuple[int, ...]
"""What a table looks at: offsets in steps back, or `POSITION`."""

CHAINS: tuple[tuple[Context, ...], ...] = (
    ((1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), (1, 2, 3, 4, 5)),
    ((POSITION,), (POSITION, 1), (POSITION, 1, 2)),
    *(((lag,), (lag, 1), (lag, 1, lag + 1), (POSITION, lag, 1, lag + 1)) for lag in LAGS),
    *(((lag,), (lag, lag - 1), (lag, lag - 1, 1)) for lag in LAGS),
    ((16,), (16, 32), (16, 32, 1)),
    ((16,), (16, 32), (16, 32, 48)),
    ((POSITION,), (POSITION, 16), (POSITION, 16, 32)),
)
"""Contexts from short to long; each is smoothed by the one before it, the first by the frequencies of tokens."""

ESCAPE = 2.0
"""How many observations each kind of token after a context counts as, for those not seen there."""

BARS = 4
BAR_RUNS, BEAT_RUNS = (1, 2, 4, 8, 16), (2, 4, 12)
"""Bounds between groups of weights: steps that the clip has agreed with itself 1 to 3 bars ago, and 1/4 or 1/2 bar ago."""

GROUPS = BARS * (len(BAR_RUNS) + 1) * (len(BEAT_RUNS) + 1)

WEIGHT_PRIOR = 20.0
"""Observations that the weights of all groups together count as in each."""

EM_PASSES = 30
KEPT_BACK = 0.2
"""Share of the training files that the weights are fitted on."""


class Table:
    """Counts of tokens after a context.

    Args:
        tokens: int `[clips, steps]` to count.
        context: what to look at.
    """

    def __init__(self, tokens: Array, context: Context):
        self.context = context
        pairs = (contexts_of(tokens, context) * CLASSES + tokens).ravel()
        self.pairs, self.counts = np.unique(pairs, return_counts=True)
        self.contexts, self.starts = np.unique(self.pairs // CLASSES, return_index=True)
        self.ends = np.append(self.starts[1:], len(self.pairs))
        self.totals = np.add.reduceat(self.counts, self.starts)

    def _find(self, contexts: Array) -> tuple[Array, Array, Array]:
        """The rows of contexts; how often each was seen, and the weight of what was not seen after it (both 0 if new)."""
        row = np.minimum(np.searchsorted(self.contexts, contexts), len(self.contexts) - 1)
        seen = self.contexts[row] == contexts
        unseen = ESCAPE * (self.ends - self.starts)[row]
        return row, np.where(seen, self.totals[row], 0), np.where(seen, unseen, 0.0)

    def probability(self, contexts: Array, tokens: Array, below: Array) -> Array:
        """Of tokens, each after its context; `below` are their probabilities by the shorter context. All of one shape."""
        _, total, unseen = self._find(contexts)
        pairs = contexts * CLASSES + tokens
        at = np.minimum(np.searchsorted(self.pairs, pairs), len(self.pairs) - 1)
        count = np.where(self.pairs[at] == pairs, self.counts[at], 0)
        return np.where(total, (count + unseen * below) / np.maximum(total + unseen, 1), below)

    def distribution(self, contexts: Array, below: Array) -> Array:
        """Of all tokens `[n, 512]` after contexts `[n]`; `below` are those by the shorter context."""
        row, total, unseen = self._find(contexts)
        seen = total > 0
        scale = 1 / np.where(seen, total + unseen, 1.0)
        dense = below * np.where(seen, unseen * scale, 1.0)[:, None]
        lengths = np.where(seen, (self.ends - self.starts)[row], 0)
        clip = np.repeat(np.arange(len(row)), lengths)
        within = np.arange(len(clip)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        entry = self.starts[row][clip] + within
        dense[clip, self.pairs[entry] % CLASSES] += self.counts[entry] * scale[clip]
        return dense


def contexts_of(tokens: Array, context: Context) -> Array:
    """Each step's context as a number, int64 `[clips, steps]`; different contexts have different numbers."""
    keys = np.zeros(tokens.shape, np.int64)
    for offset in context:
        if offset == POSITION:
            keys = keys * STEPS_PER_BAR + np.arange(tokens.shape[1]) % STEPS_PER_BAR
        else:
            keys = keys * (CLASSES + 1) + shifted(tokens, offset)
    return keys


def shifted(tokens: Array, lag: int) -> Array:
    """The token `lag` steps before each step, int64 `[clips, steps]`; `BEFORE` where the clip had not begun."""
    padded = np.pad(np.asarray(tokens, np.int64), ((0, 0), (lag, 0)), constant_values=BEFORE)
    return padded[:, : tokens.shape[1]]


def agreement(tokens: Array, lag: int) -> Array:
    """For how many steps, up to the one before each step, the clip has equalled itself `lag` steps ago."""
    same = shifted(tokens, lag) == tokens
    runs = np.zeros(same.shape, np.int64)
    for step in range(1, same.shape[1]):
        runs[:, step] = np.where(same[:, step - 1], runs[:, step - 1] + 1, 0)
    return runs


def groups_of(tokens: Array) -> Array:
    """Which set of weights each step takes, from 0 to `GROUPS` - 1; it depends on the steps before alone."""
    runs = {lag: agreement(tokens, lag) for lag in LAGS}
    by_bars = np.digitize(np.maximum.reduce([runs[16], runs[32], runs[48]]), BAR_RUNS)
    by_beats = np.digitize(np.maximum(runs[4], runs[8]), BEAT_RUNS)
    bar = np.minimum(np.arange(tokens.shape[1]) // STEPS_PER_BAR, BARS - 1)
    return (bar * (len(BAR_RUNS) + 1) + by_bars) * (len(BEAT_RUNS) + 1) + by_beats


@dataclass(frozen=True)
class Tables:
    """All that is counted.

    Attributes:
        frequencies: of single tokens, float `[512]`, half a count added.
        by_context: the tables of `CHAINS`.
    """

    frequencies: Array
    by_context: dict[Context, Table]

    def probabilities(self, tokens: Array) -> Array:
        """What each component says of the tokens played, float `[clips, steps, components]`."""
        single = self.frequencies[tokens]
        columns = [single]
        for chain, new in _chains():
            below = single
            for context in chain:
                below = self.by_context[context].probability(contexts_of(tokens, context), tokens, below)
                columns += [below] if context in new else []
        for lag in LAGS:
            copied = shifted(tokens, lag)
            columns.append(np.where(copied == BEFORE, single, copied == tokens))
        return np.stack(columns, axis=-1)

    def distributions(self, tokens: Array, step: int) -> Iterator[Array]:
        """What each component says of all tokens at a step, float `[clips, 512]` each; later steps are not looked at."""
        start = max(0, step - max(LAGS) - 1)
        start -= start % STEPS_PER_BAR
        recent = tokens[:, start : step + 1]
        single = np.broadcast_to(self.frequencies, (len(tokens), CLASSES))
        yield single
        for chain, new in _chains():
            below = single
            for context in chain:
                below = self.by_context[context].distribution(contexts_of(recent, context)[:, -1], below)
                if context in new:
                    yield below
        for lag in LAGS:
            copied = shifted(recent, lag)[:, -1:]
            yield np.where(copied == BEFORE, single, copied == np.arange(CLASSES))


def _chains() -> Iterator[tuple[tuple[Context, ...], set[Context]]]:
    """The chains, and which of a chain's contexts are in none before it: those are components."""
    known: set[Context] = set()
    for chain in CHAINS:
        yield chain, set(chain) - known
        known |= set(chain)


def count(tokens: Array) -> Tables:
    """The tables of training clips, int `[clips, steps]`."""
    frequencies = np.bincount(tokens.ravel(), minlength=CLASSES) + 0.5
    contexts = {context for chain in CHAINS for context in chain}
    return Tables(frequencies / frequencies.sum(), {context: Table(tokens, context) for context in contexts})


class CountMixture:
    """The mixture, fitted to training clips.

    Args:
        tokens: int `[clips, steps]`, whole clips without padding.
        sources: `[clips]`, which file each is of; whole files are kept back to fit the weights. With a single one
            clips are kept back instead.
        seed: of the choice of files.
    """

    def __init__(self, tokens: Array, sources: Array, seed: int = 0):
        tokens = np.asarray(tokens, np.int64)
        back = _kept_back(np.asarray(sources), seed)
        shares = count(tokens[~back]).probabilities(tokens[back])
        self.weights = fit_weights(shares, groups_of(tokens[back]))
        self.tables = count(tokens)

    def nats(self, tokens: Array) -> Array:
        """The cost of each step of clips, `-log p(token | those before)`, float `[clips, steps]`."""
        tokens = np.asarray(tokens, np.int64)
        mixed = (self.tables.probabilities(tokens) * self.weights[groups_of(tokens)]).sum(axis=-1)
        return -np.log(mixed)

    def distribution(self, tokens: Array, step: int) -> Array:
        """`p(token of a step | those before)` for all tokens, float `[clips, 512]`; later steps are not looked at."""
        weights = self.weights[groups_of(tokens[:, : step + 1])[:, -1]]
        parts = self.tables.distributions(tokens, step)
        mixed = np.zeros((len(tokens), CLASSES))
        for i, part in enumerate(parts):
            mixed += weights[:, i : i + 1] * part
        return mixed

    def sample(self, n: int, steps: int = 64, temperature: float = 1.0, seed: int = 0) -> Array:
        """Clips drawn token by token.

        Args:
            n: how many.
            steps: of each.
            temperature: above 0; probabilities are raised to its inverse.
            seed: of the draws; clip i depends on it and on i alone.

        Returns:
            int64 `[n, steps]`.
        """
        uniforms = np.stack([np.random.default_rng([seed, i]).random(steps) for i in range(n)])
        tokens = np.zeros((n, steps), np.int64)
        for step in range(steps):
            p = self.distribution(tokens, step) ** (1 / temperature)
            cumulative = np.cumsum(p, axis=1)
            below = cumulative <= uniforms[:, step : step + 1] * cumulative[:, -1:]
            tokens[:, step] = np.minimum(below.sum(axis=1), CLASSES - 1)
        return tokens


def _kept_back(sources: Array, seed: int) -> Array:
    """Which clips the weights are fitted on, boolean `[clips]`: those of a share of the files, at least of one."""
    files = np.unique(sources)
    if len(files) < 2:
        sources = files = np.arange(len(sources))
    order = np.random.default_rng(seed).permutation(files)
    return np.isin(sources, order[: max(1, int(len(files) * KEPT_BACK))])


def fit_weights(shares: Array, groups: Array) -> Array:
    """Weights under which clips are likeliest, by expectation-maximization.

    Args:
        shares: `[clips, steps, components]`, what each component says of each token.
        groups: int `[clips, steps]`.

    Returns:
        float `[GROUPS, components]`, each row of sum 1; groups that are not met have the weights of all together.
    """
    groups, components = groups.ravel(), shares.shape[-1]
    shares = shares.reshape(-1, components)
    members = [np.flatnonzero(groups == group) for group in range(GROUPS)]
    weights = np.full((GROUPS, components), 1 / components)
    for _ in range(EM_PASSES):
        expected = np.zeros_like(weights)
        for group, rows in enumerate(members):
            joint = weights[group] * shares[rows]
            expected[group] = (joint / joint.sum(axis=1, keepdims=True)).sum(axis=0)
        expected += WEIGHT_PRIOR * expected.sum(axis=0) / expected.sum()
        weights = expected / expected.sum(axis=1, keepdims=True)
    return weights
