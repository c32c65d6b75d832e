"""Exponentials that follow from each other are computed once.

Channels are full of them: e^(-V/10) and e^(-V/20) are powers of one number, e^x and e^-x are reciprocals, and x / (e^x - 1) for -x
is that for x times e^x. A product or a division takes a fraction of the time of an exponential.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import attrgetter

from engines.compartmental_neurons.mechanisms.graph import VARYING, Graph, Node

MOST_POWER = 8
"""A power of a number has its relative error as many times."""
_MOST_FACTOR = 300.0
_ALIKE = 1e-13


def share(graph: Graph, roots: Sequence[Node]) -> list[Node]:
    """The same numbers, with exponentials of each place that rest on each other."""
    found = _rebuilt(graph, roots, _slopes(graph, roots))
    instead = _powers(graph, found) | _reciprocals(graph, found)
    graph.has_shared = True
    found = _rebuilt(graph, found, instead)
    graph.has_shared = False
    return found


def nodes_of(roots: Sequence[Node], parts: Callable[[Node], Sequence[Node]] = attrgetter("parts")) -> Iterator[Node]:
    """All parts of some numbers, each once, parts first."""
    seen: set[int] = set()
    waiting = [(root, False) for root in reversed(roots)]
    while waiting:
        node, is_ready = waiting.pop()
        if is_ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((node, True))
            waiting += [(part, False) for part in reversed(parts(node))]


# -- inside ------------------------------------------------------------------------------------------------------------


@dataclass
class _Family:
    """Exponentials e^(n unit x + b) for whole n."""

    x: Node
    unit: float
    members: list[tuple[Node, int, float]] = field(default_factory=list)

    def takes(self, node: Node, a: float, b: float) -> bool:
        """Whether an exponential of a x + b is one of these, the unit made smaller if need be; it then is."""
        ratio = Fraction(a / self.unit).limit_denominator(MOST_POWER)
        finer = ratio.denominator
        powers = [n * finer for _, n, _ in self.members] + [ratio.numerator]
        if abs(a / self.unit - ratio) > _ALIKE * abs(ratio) or max(map(abs, powers)) > MOST_POWER:
            return False
        self.unit /= finer
        found = [*self.members, (node, 0, b)]
        self.members = [(member, n, rest) for (member, _, rest), n in zip(found, powers, strict=True)]
        return True

    def instead(self, graph: Graph) -> dict[Node, Node]:
        if len(self.members) == 1:
            return {}
        first = min(self.members, key=lambda member: (abs(member[1]), member[1] < 0))
        offset = first[2] / first[1]
        argument = graph.add(graph.multiply(graph.number(self.unit), self.x), graph.number(offset))
        one, found = graph.exponential(argument), {}
        for node, n, b in self.members:
            rest = b - n * offset
            if abs(rest) > _MOST_FACTOR:
                continue
            power = graph.power(one, graph.number(abs(n)))
            whole = power if n > 0 else graph.make("/", graph.one, power)
            found[node] = graph.multiply(graph.number(math.exp(rest)), whole)
        return found


def _powers(graph: Graph, roots: Sequence[Node]) -> dict[Node, Node]:
    """Of those whose exponents are numbers times one thing."""
    families: list[_Family] = []
    known = []
    for node in nodes_of(roots):
        if node.is_call("exponential"):
            a, x, b = graph.affine(node.parts[0])
            if a.kind == b.kind == "number":
                known.append((float(a.value), float(b.value), x, node))
    for rate, rest, x, node in sorted(known, key=lambda item: (abs(item[0]), item[3].order)):
        if not any(family.takes(node, rate, rest) for family in families if family.x is x):
            families.append(_Family(x, rate, [(node, 1, rest)]))
    return {node: other for family in families for node, other in family.instead(graph).items()}


def _reciprocals(graph: Graph, roots: Sequence[Node]) -> dict[Node, Node]:
    """Of those whose exponents are opposite, and more than numbers times one thing."""
    found: dict[Node, Node] = {}
    met: dict[Node, Node] = {}
    for node in nodes_of(roots):
        if node.is_call("exponential"):
            a, _, b = graph.affine(node.parts[0])
            if a.kind == b.kind == "number":
                continue
            opposite = met.get(graph.negate(node.parts[0]))
            if opposite is not None:
                found[node] = graph.make("/", graph.one, opposite)
            met[node.parts[0]] = node
    return found


def _slopes(graph: Graph, roots: Sequence[Node]) -> dict[Node, Node]:
    """x / (e^x - 1) at -x is that at x times e^x."""
    found: dict[Node, Node] = {}
    met: dict[Node, Node] = {}
    for node in nodes_of(roots):
        if node.is_call("slope"):
            opposite = met.get(graph.negate(node.parts[0]))
            if opposite is not None:
                found[node] = graph.multiply(opposite, graph.exponential(opposite.parts[0]))
            met[node.parts[0]] = node
    return found


def _rebuilt(graph: Graph, roots: Sequence[Node], instead: dict[Node, Node]) -> list[Node]:
    """The same numbers, some parts of which have become others."""
    if not instead:
        return list(roots)
    made: dict[Node, Node] = {}
    for node in nodes_of([*instead.values(), *roots]):
        parts = [made[part] for part in node.parts]
        target = instead.get(node)
        if target is not None:
            made[node] = made.get(target, target)
        elif all(a is b for a, b in zip(parts, node.parts, strict=True)) or node.level < VARYING:
            made[node] = node
        else:
            made[node] = _again(graph, node, parts)
    return [made[root] for root in roots]


def _again(graph: Graph, node: Node, parts: list[Node]) -> Node:
    match node.kind:
        case "+":
            return graph.add(*parts)
        case "*":
            return graph.multiply(*parts)
        case "/":
            return graph.divide(*parts)
        case "held":
            return graph.held(*parts)
        case "call":
            return graph.make("call", *parts, value=node.value)
        case "choice":
            return graph.choose(*parts)
    return graph.make(node.kind, *parts)
