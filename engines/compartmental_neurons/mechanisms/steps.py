"""How gates, schemes and states of a mechanism move on by a step.

Gates go to where they would rest, x' = r + (x - r) exp(-dt pace): exact for a potential that stands still. Schemes take a step of
backward Euler. States with derivatives go by the description's scheme: exponential Euler for derivatives a x + b, exact where a and
b stand still, or Euler, Heun, Runge-Kutta. All start from what was before the step, with the potential after it.
"""

from __future__ import annotations

from collections.abc import Mapping

from engines.compartmental_neurons.mechanisms.description import MechanismDescription
from engines.compartmental_neurons.mechanisms.graph import VARYING, Graph, Node
from engines.compartmental_neurons.mechanisms.reading import Reader
from engines.equations.stepping import linear_slope

Nodes = dict[str, Node]


class Steps:
    """The numbers after a step, by those before it.

    Parameters
    ----------
    symbols
        Of states among others, as they were; ``1dt`` is the step.
    """

    def __init__(self, graph: Graph, reader: Reader, described: MechanismDescription, symbols: Mapping[str, Node]) -> None:
        self._graph, self._reader, self._described = graph, reader, described
        self._symbols, self._dt = symbols, symbols["1dt"]

    def states(self) -> Nodes:
        """After a step, by name, in their order."""
        found = self._gates() | self._schemes()
        if self._described.states:
            found |= getattr(self, f"_{self._described.scheme}")()
        return {name: found[name] for name in self._described.moving}

    def _gates(self) -> Nodes:
        graph, found = self._graph, {}
        for name, (rest, pace) in self._described.parts.gates.items():
            target = found[name] = self._reader.read(rest)
            if pace is not None:
                exponent = graph.negate(graph.multiply(self._dt, self._reader.read(pace)))
                away = graph.held(graph.subtract(self._symbols[name], target))
                found[name] = graph.add(graph.multiply(away, graph.call("exp", exponent)), target)
        return found

    def _schemes(self) -> Nodes:
        found: Nodes = {}
        for scheme in self._described.parts.schemes.values():
            rates = [self._graph.multiply(self._dt, self._reader.read(transition.rate)) for transition in scheme.transitions]
            before = [self._symbols[state] for state in scheme.states]
            found |= dict(zip(scheme.states, scheme.step(self._graph, rates, before), strict=True))
        return found

    # -- states with derivatives -----------------------------------------------------------------------------------

    def _exponential_euler(self) -> Nodes:
        graph, found = self._graph, {}
        for name in self._described.states:
            slope, rest = (self._reader.number(part) for part in linear_slope(self._described.parts.equations, name))
            exponent = graph.multiply(self._dt, slope)
            moved = graph.multiply(graph.multiply(self._dt, rest), self._mean_growth(exponent))
            found[name] = self._kept(name, graph.add(graph.multiply(self._symbols[name], graph.call("exp", exponent)), moved))
        return found

    def _mean_growth(self, exponent: Node) -> Node:
        """(e^x - 1) / x."""
        if exponent.level == VARYING:
            return self._graph.make("call", exponent, value="exprel")
        return self._graph.call("exprel", exponent)

    def _euler(self) -> Nodes:
        return self._moved(self._slopes({}), 1.0)

    def _heun(self) -> Nodes:
        first = self._slopes({})
        second = self._slopes(self._moved(first, 1.0))
        return self._moved({name: self._graph.add(first[name], second[name]) for name in first}, 0.5)

    def _rk4(self) -> Nodes:
        graph = self._graph
        slopes = [self._slopes({})]
        for share in (0.5, 0.5, 1.0):
            slopes.append(self._slopes(self._moved(slopes[-1], share)))
        first, *middle, last = slopes
        total = {}
        for name in first:
            inner = graph.add(middle[0][name], middle[1][name])
            total[name] = graph.add(graph.add(first[name], last[name]), graph.multiply(graph.number(2.0), inner))
        return self._moved(total, 1.0 / 6.0)

    def _slopes(self, states: Nodes) -> Nodes:
        reader = self._reader.but(states) if states else self._reader
        derivatives = self._described.parts.equations.derivatives
        return {name: self._graph.held(reader.read(derivatives[name])) for name in self._described.states}

    def _moved(self, slopes: Nodes, share: float) -> Nodes:
        """x + share dt f, kept in bounds."""
        graph, found = self._graph, {}
        step = graph.multiply(graph.number(share), self._dt)
        for name, slope in slopes.items():
            found[name] = self._kept(name, graph.add(self._symbols[name], graph.multiply(step, slope)))
        return found

    def _kept(self, name: str, node: Node) -> Node:
        return self._graph.within(node, *self._described.states[name].si_clamp)
