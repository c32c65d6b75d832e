"""Where gates, schemes, states and concentrations stand at the start."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.mechanisms.description import MechanismDescription
from engines.compartmental_neurons.mechanisms.source import FARADAY, GAS_CONSTANT
from engines.equations.dimensions import si_factor

Floats = NDArray[np.float64]


def start(description: MechanismDescription, given: Mapping[str, object], count: int) -> dict[str, Floats]:
    """(count,) of everything that moves, in SI units: what ``initial`` says, else states by their own start, gates and schemes at rest.

    Parameters
    ----------
    given
        Values of parameters, ``V``, ``celsius`` and so on, and of ions, by symbol.
    """
    parts, symbols = description.parts, {"faraday": FARADAY, "gas_constant": GAS_CONSTANT, **given}
    found: dict[str, Floats] = {}

    def keep(name: str, value: object) -> None:
        symbols[name] = found[name] = np.array(np.broadcast_to(np.asarray(value, np.float64), (count,)))

    def name_expressions() -> None:
        for name, expression in parts.equations.expressions.items():
            if name not in symbols and expression.names() <= symbols.keys():
                symbols[name] = expression.value(symbols)

    for name, state in description.states.items():
        if name not in parts.initial:
            keep(name, state.initial * si_factor(state.unit))
    name_expressions()
    for name, (rest, _) in parts.gates.items():
        if name not in parts.initial:
            keep(name, rest.value(symbols))
    for scheme in parts.schemes.values():
        steady = scheme.steady([transition.rate.value(symbols) for transition in scheme.transitions])  # type: ignore[misc]
        for k, name in enumerate(scheme.states):
            keep(name, steady[:, k] if len(steady) == count else steady[0, k])
    name_expressions()
    for name, expression in parts.initial.items():
        keep(name, expression.value(symbols))
        name_expressions()
    return found
