"""The rules that correct a network of `elephant_engine` when an output is wrong: one for each variant of the original.

A rule is called as `rule(net, output, wish, level)`, where `wish` (1 or -1) is what the output should have been, and a
higher `level` makes deletions less likely. `forgetting` and `firing` reproduce the original exactly; the other rules
are reconstructed from brief descriptions.
"""

from typing import Any

import numpy as np

from experiments.elephant_engine import (
    choose,
    compiled,
    delete,
    edge_quality,
    hypothesise,
    integer,
    is_hidden,
    is_input,
    opposite_quality,
    sign,
    stub,
    trust,
    uniform,
    vote,
)
from experiments.elephant_network import (
    HIDDEN_COUNT,
    INPUTS,
    Network,
)


@compiled
def wrong_voters(net: Network, n: int, wish: int) -> np.ndarray:
    """The edges into a neuron that do not vote for `wish`, oldest first."""
    found = np.empty(net.neurons[n].inputs, dtype=np.int64)
    count = 0
    for i in range(net.neurons[n].inputs):
        if vote(net, net.inputs[n, i]) != wish:
            found[count] = net.inputs[n, i]
            count += 1
    return found[:count]


@compiled
def doubt(net: Network, edges: np.ndarray) -> np.ndarray:
    """One minus the trust in each edge and the value that it passes on, 0 to 1."""
    values = np.empty(len(edges))
    for i in range(len(edges)):
        values[i] = 1 - trust(net, edges[i])
    return values


@compiled
def shuffled(net: Network, edges: np.ndarray) -> np.ndarray:
    for i in range(len(edges) - 1, 0, -1):
        j = integer(net, i)
        edges[i], edges[j] = edges[j], edges[i]
    return edges


@compiled
def follow_doubt(net: Network, n: int, wish: int, level: float, at_random: bool) -> None:
    """Follow doubtful edges down from a wrong neuron, and make one correction.

    On the way down, an edge that is often wrong may be deleted; the higher the level, the less likely ("forgetting").
    If none was deleted, the deepest visited neuron that a single vote would flip gets that vote. If there is no such
    neuron, the edge that is usually most reliable but was wrong this time gets a stub, which makes this case an
    exception.
    """
    depth = net.state[HIDDEN_COUNT] + 2
    nodes, wishes = np.empty(depth, dtype=np.int64), np.empty(depth, dtype=np.int64)
    edges, scores = np.empty(depth, dtype=np.int64), np.empty(depth)
    visited, passed = 0, 0
    share = 1.0
    while not is_input(n) and not net.neurons[n].success:
        nodes[visited], wishes[visited] = n, wish
        visited += 1
        candidates = wrong_voters(net, n, wish)
        if len(candidates) == 0:
            break
        weights = doubt(net, candidates)
        e = candidates[choose(net, weights) if at_random else np.argmax(weights)]
        quality = edge_quality(net, e)
        if (at_random or quality < 0.5) and uniform(net) < (1 - quality) ** level:
            delete(net, e)
            return
        scores[:passed] *= quality
        edges[passed], scores[passed] = e, quality * share
        passed += 1
        share *= quality if at_random else opposite_quality(net, e)
        n, wish = net.edges[e].source, wish * net.edges[e].weight
    for i in range(visited - 1, -1, -1):
        if net.neurons[nodes[i]].missing == 1:
            hypothesise(net, nodes[i], wishes[i])
            return
    stub(net, edges[np.argmax(scores[:passed])])


@compiled
def forgetting(net: Network, n: int, wish: int, level: float) -> None:
    """Follow the most doubtful edge at each step; only edges that are wrong more often than right may be deleted."""
    follow_doubt(net, n, wish, level, False)


@compiled
def firing(net: Network, n: int, wish: int, level: float) -> None:
    """Follow random edges, with probability proportional to doubt; any edge may be deleted."""
    follow_doubt(net, n, wish, level, True)


@compiled
def path(net: Network, n: int, wish: int, level: float) -> None:
    """Follow a random path, collect a possible vote, stub and deletion at each step, and draw one by softmax."""
    depth = 3 * (net.state[HIDDEN_COUNT] + 2)
    subjects, wishes = np.empty(depth, dtype=np.int64), np.empty(depth, dtype=np.int64)
    kinds, scores = np.empty(depth, dtype=np.int64), np.empty(depth)
    count = 0
    share = 1.0
    while not is_input(n) and not net.neurons[n].success:
        kinds[count], subjects[count], wishes[count] = 0, n, wish
        scores[count] = share / net.neurons[n].missing
        count += 1
        candidates = wrong_voters(net, n, wish)
        if len(candidates) == 0:
            break
        e = candidates[choose(net, doubt(net, candidates))]
        quality = edge_quality(net, e)
        scores[:count] *= quality / net.neurons[n].inputs
        kinds[count], subjects[count], scores[count] = 1, e, quality * share
        kinds[count + 1], subjects[count + 1], scores[count + 1] = 2, e, (1 - quality) * share
        count += 2
        share *= opposite_quality(net, e)
        n, wish = net.edges[e].source, wish * net.edges[e].weight
    chosen = choose(net, np.exp(scores[:count]))
    if kinds[chosen] == 0:
        hypothesise(net, subjects[chosen], wishes[chosen])
    elif kinds[chosen] == 1:
        stub(net, subjects[chosen])
    else:
        delete(net, subjects[chosen])


@compiled
def visit(net: Network, n: int, wish: int, least: float) -> bool:
    """Try to make a correction at or below a neuron; returns whether one was made.

    `least` is the lowest edge quality on the path from the output.
    """
    for e in shuffled(net, wrong_voters(net, n, wish)):
        source, weight, quality = net.edges[e].source, net.edges[e].weight, edge_quality(net, e)
        node = net.neurons[source]
        deeper = is_hidden(source) and not node.success and uniform(net) < 1 - node.quality
        if deeper and visit(net, source, wish * weight, min(least, quality)):
            return True
        if uniform(net) < 1 - quality:
            if uniform(net) < opposite_quality(net, e) * least:
                stub(net, e)
            else:
                delete(net, e)
            return True
    if net.neurons[n].missing == 1:
        hypothesise(net, n, wish)
        return True
    return False


@compiled
def returning(net: Network, n: int, wish: int, level: float) -> None:
    """Visit all wrong voters depth-first in random order and correct an edge on the way back (the "variations")."""
    visit(net, n, wish, 1.0)


@compiled
def random_walk(net: Network, n: int, wish: int, level: float) -> None:
    """Walk through the network at random until a correction is made.

    At each neuron, first draw which actions are possible, then pick one of them; going deeper and going back are
    actions too.
    """
    parents, wishes = np.empty(100, dtype=np.int64), np.empty(100, dtype=np.int64)
    parents[0], wishes[0] = n, wish
    depth = 0
    for _ in range(100):
        n, wish = parents[depth], wishes[depth]
        node = net.neurons[n]
        candidates = wrong_voters(net, n, wish)
        open_actions = np.zeros(2 + 3 * len(candidates))
        open_actions[0] = 1.0
        open_actions[1] = uniform(net) < 1 / node.missing
        for i in range(len(candidates)):
            e = candidates[i]
            source = net.edges[e].source
            deeper = is_hidden(source) and not net.neurons[source].success and depth < 99
            open_actions[2 + 3 * i] = deeper and uniform(net) < 1 - net.neurons[source].quality
            open_actions[3 + 3 * i] = uniform(net) < opposite_quality(net, e)
            open_actions[4 + 3 * i] = uniform(net) < 1 - edge_quality(net, e)
        chosen = choose(net, open_actions)
        if chosen == 0:
            if depth == 0:
                return
            depth -= 1
        elif chosen == 1:
            hypothesise(net, n, wish)
            return
        else:
            e, action = candidates[(chosen - 2) // 3], (chosen - 2) % 3
            if action == 1:
                stub(net, e)
                return
            if action == 2:
                delete(net, e)
                return
            depth += 1
            parents[depth], wishes[depth] = net.edges[e].source, wish * net.edges[e].weight


@compiled
def drones(net: Network, n: int, wish: int, level: float) -> None:
    """Four workers per output move along wrong edges from frame to frame: two add votes, one stubs and one deletes.

    A worker whose neuron is no longer wrong, or no longer exists, returns to the output.
    """
    for worker in range(4):
        place = net.marks[n - INPUTS, worker]
        lost = not is_hidden(place) or net.neurons[place].place < 0 or net.neurons[place].success
        if lost:
            place = n
        wanted = wish if lost else -sign(net.neurons[place].value)
        candidates = wrong_voters(net, place, wanted)
        e = candidates[choose(net, doubt(net, candidates))] if len(candidates) else -1
        if (
            e >= 0
            and is_hidden(net.edges[e].source)
            and uniform(net) < 1 - net.neurons[net.edges[e].source].quality
        ):
            net.marks[n - INPUTS, worker] = net.edges[e].source
            continue
        net.marks[n - INPUTS, worker] = place
        if worker < 2:
            if uniform(net) < 1 / net.neurons[place].missing:
                hypothesise(net, place, wanted)
        elif worker == 2 and e >= 0:
            if uniform(net) < opposite_quality(net, e):
                stub(net, e)
        elif e >= 0 and uniform(net) < 1 - edge_quality(net, e):
            delete(net, e)


@compiled
def voting(net: Network, n: int, wish: int, level: float) -> None:
    """Look at the edge with the worst balance of right and wrong votes.

    If no balance is negative, add a vote; if the worst is below -1, delete the edge; otherwise add a stub, here or
    deeper in the network.
    """
    while True:
        candidates = wrong_voters(net, n, wish)
        balance = np.empty(len(candidates))
        for i in range(len(candidates)):
            balance[i] = 2 * net.right[candidates[i]].sum() - net.seen[candidates[i]].sum()
        if len(candidates) == 0 or balance.min() >= 0:
            hypothesise(net, n, wish)
            return
        e = candidates[np.argmin(balance)]
        source = net.edges[e].source
        if balance.min() < -1:
            delete(net, e)
            return
        if not is_hidden(source) or uniform(net) < 0.5:
            stub(net, e)
            return
        n, wish = source, wish * net.edges[e].weight


@compiled
def quality_voting(net: Network, n: int, wish: int, level: float) -> None:
    """Blame an edge with probability 1 - EQ^(depth + 1) and follow it, so that blame moves down the network."""
    depth = 0
    while True:
        blamed = -1
        for e in shuffled(net, wrong_voters(net, n, wish)):
            if uniform(net) < 1 - edge_quality(net, e) ** (depth + 1):
                blamed = e
                break
        if blamed < 0:
            hypothesise(net, n, wish)
            return
        source = net.edges[blamed].source
        if not is_hidden(source) or net.neurons[source].success:
            if uniform(net) < 2 / 3:
                stub(net, blamed)
            else:
                delete(net, blamed)
            return
        n, wish = source, wish * net.edges[blamed].weight
        depth += 1


RULES: dict[str, Any] = {
    "forgetting": forgetting,
    "firing": firing,
    "path": path,
    "returning": returning,
    "random_walk": random_walk,
    "drones": drones,
    "voting": voting,
    "quality_voting": quality_voting,
}
