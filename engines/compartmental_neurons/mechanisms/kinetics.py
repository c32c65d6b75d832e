"""Schemes of states that pass into each other: ``C <-> O (opening, closing)``, one line a pair.

Occupancies x are numbers from 0 to 1 whose sum is 1. With the rates held over a step, backward Euler x' = x + dt A x', whose matrix
1 - dt A has columns that sum to 1 and no positive number beside its diagonal, so it is solved without looking for pivots, and
occupancies stay from 0 to 1 for any step. The steady state is that of A x = 0 with sum 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.compartmental_neurons.mechanisms.graph import Graph, Node
from engines.equations.expression import Expression

_LINE = re.compile(r"^\s*([A-Za-z_]\w*)\s*(<->|->)\s*([A-Za-z_]\w*)\s*\((.*)\)\s*$")


@dataclass(frozen=True, eq=False)
class Transition:
    """From one state to another, at a rate in 1/s."""

    source: str
    target: str
    rate: Expression


@dataclass(frozen=True, eq=False)
class Scheme:
    """States and what passes between them."""

    states: tuple[str, ...]
    transitions: tuple[Transition, ...]

    def steady(self, rates: Sequence[float | NDArray[np.float64]]) -> NDArray[np.float64]:
        """(slots, states) occupancies at rest for the rates of all transitions, each (slots,) or one number."""
        slots: int = np.broadcast_shapes(*(np.shape(rate) for rate in rates), (1,))[0]
        size = len(self.states)
        matrix = np.zeros((slots, size, size))
        for transition, rate in zip(self.transitions, rates, strict=True):
            source, target = self.states.index(transition.source), self.states.index(transition.target)
            matrix[:, target, source] += rate
            matrix[:, source, source] -= rate
        matrix[:, -1, :] = 1.0
        right = np.zeros((slots, size, 1))
        right[:, -1] = 1.0
        return np.asarray(np.linalg.solve(matrix, right)[:, :, 0], np.float64)

    def step(self, graph: Graph, rates: Sequence[Node], before: Sequence[Node]) -> list[Node]:
        """Occupancies after a step, given those before it and dt times all rates.

        Elimination begins with the state that hangs together with the fewest others, so that few new links come in, and goes on
        where least has to be waited for: a row of states is eliminated from both its ends.
        """
        matrix: dict[tuple[int, int], Node] = {(k, k): graph.one for k in range(len(self.states))}
        for transition, rate in zip(self.transitions, rates, strict=True):
            source, target = self.states.index(transition.source), self.states.index(transition.target)
            matrix[source, source] = graph.add(matrix[source, source], rate)
            matrix[target, source] = graph.subtract(matrix.get((target, source), graph.zero), rate)
        matrix = {place: graph.held(node) for place, node in matrix.items()}
        right, left, order = list(before), set(range(len(self.states))), list[int]()
        waits = [0] * len(self.states)
        while left:
            k = min(left, key=lambda state: (len(_beside(matrix, state, left)), waits[state], state))
            left.remove(k)
            order.append(k)
            matrix[k, k] = graph.held(graph.divide(graph.one, matrix[k, k]))
            beside = _beside(matrix, k, left)
            for i in beside:
                waits[i] = max(waits[i], waits[k] + 1)
            for i in (i for i in beside if (i, k) in matrix):
                factor = graph.held(graph.multiply(matrix[i, k], matrix[k, k]))
                for j in (j for j in beside if (k, j) in matrix):
                    change = graph.multiply(factor, matrix[k, j])
                    matrix[i, j] = graph.held(graph.subtract(matrix.get((i, j), graph.zero), change))
                right[i] = graph.held(graph.subtract(right[i], graph.multiply(factor, right[k])))
        for place, k in reversed(list(enumerate(order))):
            for j in (j for j in order[place + 1 :] if (k, j) in matrix):
                right[k] = graph.held(graph.subtract(right[k], graph.multiply(matrix[k, j], right[j])))
            right[k] = graph.held(graph.multiply(right[k], matrix[k, k]))
        return right


def _beside(matrix: Mapping[tuple[int, int], Node], state: int, left: set[int]) -> list[int]:
    """Other states with which one hangs together, of those that are left."""
    return [other for other in sorted(left - {state}) if (state, other) in matrix or (other, state) in matrix]


def read_scheme(lines: Sequence[str], rate: Callable[[str, int], Expression | None]) -> Scheme | None:
    """A scheme from its lines.

    Parameters
    ----------
    rate
        Gives the expression of a rate from its text and the number of its line, or None where it has a fault.

    Raises
    ------
    CosimError
        A line cannot be read; a state passes into itself; parts of a scheme do not hang together.
    """
    transitions: list[Transition | None] = []
    for row, line in enumerate(lines):
        match = _LINE.match(line)
        if match is None:
            raise CosimError(f"{line!r} cannot be read", mend="write it like 'C <-> O (opening, closing)' or 'O -> D (rate)'")
        first, arrow, second, inner = match.groups()
        texts = _split(inner)
        if len(texts) != (2 if arrow == "<->" else 1):
            raise CosimError(f"{line!r} has {len(texts)} rates", mend="<-> takes two, -> takes one")
        if first == second:
            raise CosimError(f"{line!r} leads nowhere", mend="two different states")
        for text, source, target in zip(texts, (first, second), (second, first), strict=False):
            found = rate(text, row)
            transitions.append(None if found is None else Transition(source, target, found))
    kept = tuple(transition for transition in transitions if transition is not None)
    if len(kept) < len(transitions):
        return None
    states = tuple(dict.fromkeys(name for item in kept for name in (item.source, item.target)))
    reached = {states[0]} if states else set[str]()
    while more := {b for t in kept for a, b in ((t.source, t.target), (t.target, t.source)) if a in reached} - reached:
        reached |= more
    if reached != set(states):
        raise CosimError(f"{sorted(set(states) - reached)[0]} hangs together with nothing", mend="a scheme is one piece")
    return Scheme(states, kept)


def species(line: str) -> list[str]:
    """States in a line of a scheme."""
    return list(re.findall(r"[A-Za-z_]\w*", line.partition("(")[0]))


def _split(text: str) -> list[str]:
    """Parts between the commas that stand in no brackets."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [*parts, current.strip()]
