"""Where gates, schemes, states and concentrations stand at the start."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.mechanisms.description import MechanismDescription
from engines.compartmental_neurons.mechanisms.source import FARADAY, GAS_CONSTANT
from engines.equations.dimensions import si_factor
from engines.equations.expression import Expression

Floats = NDArray[np.float64]


def start(description: MechanismDescription, given: Mapping[str, object], count: int) -> dict[str, Floats]:
    """(count,) of all that moves, in SI units: what ``initial`` says, else states by their own start, gates and schemes at rest.

    Parameters
    ----------
    given
        Values of parameters, ``V``, ``celsius`` and so on, and of ions, by symbol.
    """
    return _Start(description, given, count).all()


class _Start:
    """Values of symbols, each worked out when it is first asked for; that none rests on itself has been checked."""

    def __init__(self, description: MechanismDescription, given: Mapping[str, object], count: int) -> None:
        self._description, self._parts, self._count = description, description.parts, count
        own = dict.fromkeys(description.moving)
        self._values = {name: value for name, value in given.items() if name not in own}
        self._values |= {"faraday": FARADAY, "gas_constant": GAS_CONSTANT}

    def all(self) -> dict[str, Floats]:
        return {name: self._each(self._value(name)) for name in self._description.moving}

    def _each(self, value: object) -> Floats:
        return np.array(np.broadcast_to(np.asarray(value, np.float64), (self._count,)))

    def _value(self, name: str) -> object:
        if name not in self._values:
            self._values |= self._found(name)
        return self._values[name]

    def _found(self, name: str) -> dict[str, object]:
        parts, states = self._parts, self._description.states
        expressions = parts.equations.expressions
        if name in expressions:
            return {name: self._of(expressions[name])}
        if name in states and name not in parts.initial:
            return {name: states[name].initial * si_factor(states[name].unit)}
        scheme = next((scheme for scheme in parts.schemes.values() if name in scheme.states), None)
        if scheme is None:
            return {name: self._each(self._of(parts.at_start(name)[0]))}
        steady = scheme.steady([self._of(transition.rate) for transition in scheme.transitions])  # type: ignore[misc]
        return {state: steady[:, k] if len(steady) == self._count else steady[0, k] for k, state in enumerate(scheme.states)}

    def _of(self, expression: Expression) -> object:
        return expression.value({symbol: self._value(symbol) for symbol in expression.names()})
