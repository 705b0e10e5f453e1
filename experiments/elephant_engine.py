"""The network of voting neurons that all variants of the `elephants` experiment share.

A neuron is on if the votes of its inputs sum to more than 0. A vote is the input's value times the edge's weight, which
is 1 or -1. The network is acyclic: inputs come first, then the hidden neurons in an order of their own, then the
outputs, and edges only lead forward. There are two kinds of networks. With `silent` = -1 (the original's "binary"
networks) a neuron that is off votes too; with `silent` = 0 (its "firing" networks) only neurons that are on vote.

The network grows and shrinks by single corrections. The rules in `elephant_rules` decide which correction to make and
apply it with `hypothesise`, `stub` or `delete`. Everything here is compiled with numba; the network's state is in
`elephant_network`.
"""

from typing import Any

import numba
import numpy as np

from experiments.elephant_network import (
    EDGE_ROOM,
    FIRST_HIDDEN,
    HIDDEN_COUNT,
    HIDDEN_ROOM,
    INPUTS,
    NEXT_EDGE,
    NEXT_WORD,
    OUTPUTS,
    SILENT,
    Network,
)

compiled: Any = numba.njit(cache=True)


@compiled
def random_word(net: Network) -> int:
    net.state[NEXT_WORD] += 1
    return net.words[net.state[NEXT_WORD] - 1]


@compiled
def uniform(net: Network) -> float:
    """The same number as `RandomState.random_sample()`: uniform from 0 to 1, with 53 bits."""
    high, low = random_word(net) >> 5, random_word(net) >> 6
    return (high * 67108864.0 + low) / 9007199254740992.0


@compiled
def integer(net: Network, most: int) -> int:
    """The same number as `RandomState.randint(most + 1)`: words are masked and redrawn until one is small enough."""
    mask = 1
    while mask < most:
        mask = 2 * mask + 1
    while most:
        word = random_word(net) & mask
        if word <= most:
            return word
    return 0


@compiled
def choose(net: Network, weights: np.ndarray) -> int:
    """The same index as `RandomState.choice` by weights; if all are 0, it still draws and returns 0, as in 2017."""
    draw = uniform(net)
    total = weights.sum()
    if not total > 0:
        return 0
    cumulative = np.cumsum(weights / total)
    return np.searchsorted(cumulative / cumulative[-1], draw, side="right")


@compiled
def is_input(n: int) -> bool:
    return n < INPUTS


@compiled
def is_hidden(n: int) -> bool:
    return n >= FIRST_HIDDEN


@compiled
def sign(value: int) -> int:
    """1 or -1. A silent neuron of a firing network counts as 1, because that is what it would vote if it were on."""
    return -1 if value < 0 else 1


@compiled
def vote(net: Network, e: int) -> int:
    """The vote of an edge: 1, -1, or 0 if its source is silent in a firing network."""
    return net.edges[e].weight * net.neurons[net.edges[e].source].value


@compiled
def case(net: Network, e: int) -> int:
    """Which of an edge's two statistics applies at present: 0 if its source is off and votes, else 1."""
    return 0 if net.neurons[net.edges[e].source].value < 0 else 1


@compiled
def edge_quality(net: Network, e: int) -> float:
    """The original's EQ: how often an edge was right when its source had its present value, 0 to 1."""
    return net.right[e, case(net, e)] / net.seen[e, case(net, e)]


@compiled
def opposite_quality(net: Network, e: int) -> float:
    """How often an edge was right when its source had the other value."""
    return net.right[e, 1 - case(net, e)] / net.seen[e, 1 - case(net, e)]


@compiled
def trust(net: Network, e: int) -> float:
    """Quality of an edge times the quality of the value that it passes on."""
    return edge_quality(net, e) * net.neurons[net.edges[e].source].quality


@compiled
def assess(net: Network, n: int) -> None:
    """Set a neuron's quality (the original's SQ): the n-th lowest trust among its inputs.

    In a binary network, n is the number of inputs that would have to change to flip it; in a firing network, n = 1.
    """
    node = net.neurons[n]
    qualities = np.ones(node.inputs + 1)
    for i in range(node.inputs):
        e = net.inputs[n, i]
        if net.neurons[net.edges[e].source].value != 0:
            qualities[i] = trust(net, e)
    if net.state[SILENT] == 0:
        node.quality = qualities.min()
    elif node.inputs:
        node.quality = np.sort(qualities[: node.inputs])[min(node.sureness, node.inputs) - 1]
    else:
        node.quality = 1.0


@compiled
def evaluate(net: Network, n: int) -> None:
    """Compute a neuron's value from the values of its inputs, and how certain that value is."""
    node = net.neurons[n]
    votes = 0
    for i in range(node.inputs):
        votes += vote(net, net.inputs[n, i])
    node.votes = votes
    node.value = 1 if votes > 0 else net.state[SILENT]
    node.missing = votes if votes > 0 else 1 - votes
    node.sureness = node.missing
    if net.state[SILENT] < 0:  # an input that flips between -1 and 1 changes the sum by 2
        node.sureness = (votes + 1) // 2 if votes > 0 else 1 + (-votes) // 2
    assess(net, n)


@compiled
def forward(net: Network, active: np.ndarray) -> None:
    """Compute the values of all neurons, given the ids of the active inputs `[n]`."""
    for n in range(INPUTS):
        net.neurons[n].value = net.state[SILENT]
    for n in active:
        net.neurons[n].value = 1
    for i in range(net.state[HIDDEN_COUNT]):
        evaluate(net, net.order[i])
    for n in range(INPUTS, FIRST_HIDDEN):
        evaluate(net, n)


@compiled
def reward(net: Network, n: int, target: int, weight: float) -> None:
    """Record which inputs voted right, given that a neuron should have been `target` (1 or -1), and recurse into them.

    At each level, the weight of the record is divided by the number of inputs that would have to change to flip the
    neuron, since they share the responsibility for its value.
    """
    node = net.neurons[n]
    if sign(2 * node.value - 1) == target:
        node.success = True
    for i in range(node.inputs):
        e = net.inputs[n, i]
        edge = net.edges[e]
        if net.neurons[edge.source].value != 0:
            net.seen[e, case(net, e)] += weight
            if vote(net, e) == target:
                net.right[e, case(net, e)] += weight
            if is_hidden(edge.source):
                reward(net, edge.source, target * edge.weight, weight / node.sureness)


@compiled
def observe(net: Network, active: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Run the network on a frame's active inputs `[n]`, and update all statistics.

    `targets` `[13]` is what the outputs should be, 1 or -1. Returns which outputs are wrong, bool `[13]`.
    """
    forward(net, active)
    for n in range(FIRST_HIDDEN + HIDDEN_ROOM):
        node = net.neurons[n]
        if n < FIRST_HIDDEN or node.place >= 0:
            node.success = False
            node.frames += 1
            node.on += node.value > 0
    for key in range(OUTPUTS):
        reward(net, INPUTS + key, targets[key], 1.0)
    wrong = np.zeros(OUTPUTS, dtype=np.bool_)
    for key in range(OUTPUTS):
        wrong[key] = sign(2 * net.neurons[INPUTS + key].value - 1) != targets[key]
    return wrong


@compiled
def answer(net: Network, active: np.ndarray) -> np.ndarray:
    """Which outputs are on, given the ids of the active inputs: bool `[13]`."""
    forward(net, active)
    keys = np.zeros(OUTPUTS, dtype=np.bool_)
    for key in range(OUTPUTS):
        keys[key] = net.neurons[INPUTS + key].value > 0
    return keys


@compiled
def connect(net: Network, source: int, target: int, weight: int) -> None:
    """Add an edge. In a binary network it starts with one right vote in its record, so it is not blamed right away."""
    e = net.state[NEXT_EDGE]
    while net.edges[e].used:
        e = (e + 1) % EDGE_ROOM
    net.state[NEXT_EDGE] = (e + 1) % EDGE_ROOM
    edge = net.edges[e]
    edge.used = True
    edge.source, edge.target, edge.weight = source, target, weight
    if net.state[SILENT] < 0:
        net.right[e, 0], net.right[e, 1] = 1, 2
        net.seen[e, 0], net.seen[e, 1] = 2, 3
    else:
        net.right[e, 1] = net.seen[e, 1] = 1
    net.inputs[target, net.neurons[target].inputs] = e
    net.neurons[target].inputs += 1
    net.neurons[source].uses += 1


@compiled
def disconnect(net: Network, e: int) -> None:
    edge = net.edges[e]
    node = net.neurons[edge.target]
    place = 0
    while net.inputs[edge.target, place] != e:
        place += 1
    for i in range(place, node.inputs - 1):
        net.inputs[edge.target, i] = net.inputs[edge.target, i + 1]
    node.inputs -= 1
    net.neurons[edge.source].uses -= 1
    edge.used = False


@compiled
def remove_if_idle(net: Network, n: int) -> None:
    """Remove a hidden neuron if it has no inputs or no outputs, and then any others that this leaves without."""
    node = net.neurons[n]
    if not is_hidden(n) or node.place < 0 or (node.inputs and node.uses):
        return
    for i in range(node.place, net.state[HIDDEN_COUNT] - 1):
        net.order[i] = net.order[i + 1]
        net.neurons[net.order[i]].place = i
    net.state[HIDDEN_COUNT] -= 1
    node.place = -1
    for e in range(EDGE_ROOM):
        edge = net.edges[e]
        if edge.used and (edge.source == n or edge.target == n):
            other = edge.target if edge.source == n else edge.source
            disconnect(net, e)
            remove_if_idle(net, other)


@compiled
def delete(net: Network, e: int) -> None:
    """Delete an edge, and any hidden neurons that are left without inputs or outputs."""
    source, target = net.edges[e].source, net.edges[e].target
    disconnect(net, e)
    remove_if_idle(net, source)
    remove_if_idle(net, target)


@compiled
def hypothesise(net: Network, n: int, wish: int) -> None:
    """Add an edge to neuron `n` from a random earlier one, so that it votes for `wish` (1 or -1) in a case like this.

    Neurons are drawn in proportion to how unusual their present value is.
    """
    earlier = net.neurons[n].place if is_hidden(n) else net.state[HIDDEN_COUNT]
    surprise = np.zeros(INPUTS + earlier)
    for i in range(INPUTS + earlier):
        node = net.neurons[i if i < INPUTS else net.order[i - INPUTS]]
        often = node.on / node.frames
        if node.value > 0:
            surprise[i] = 1 - often
        elif node.value < 0:
            surprise[i] = often
    chosen = choose(net, surprise)
    source = chosen if chosen < INPUTS else net.order[chosen - INPUTS]
    connect(net, source, n, wish * sign(net.neurons[source].value))


@compiled
def stub(net: Network, e: int) -> None:
    """Split an edge with a new neuron that will vote the other way in a case like this one (the "заглушка")."""
    edge = net.edges[e]
    source, target, weight = edge.source, edge.target, edge.weight
    first = net.neurons[source].place + 1 if is_hidden(source) else 0
    last = net.neurons[target].place if is_hidden(target) else net.state[HIDDEN_COUNT]
    place = first + integer(net, last - first)
    n = FIRST_HIDDEN
    while net.neurons[n].place >= 0:
        n += 1
    for i in range(net.state[HIDDEN_COUNT], place, -1):
        net.order[i] = net.order[i - 1]
        net.neurons[net.order[i]].place = i
    net.order[place] = n
    net.state[HIDDEN_COUNT] += 1
    node = net.neurons[n]
    node.place, node.inputs, node.uses = place, 0, 0
    node.on, node.frames, node.success = 1, 2, False
    passed = sign(net.neurons[source].value)
    connect(net, source, n, passed)
    connect(net, n, target, passed * weight)
    disconnect(net, e)
    hypothesise(net, n, -1)
    # The value that the edge passed on stays the same until the next frame, and so do all other values.
    node.votes, node.sureness, node.missing = 0, 1, 1
    node.value = passed * net.neurons[source].value
    assess(net, n)
