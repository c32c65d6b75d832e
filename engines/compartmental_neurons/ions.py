"""Ions at the start: concentrations on both sides of every compartment, and the reversal potentials that follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.mechanisms.initial import start
from engines.compartmental_neurons.mechanisms.source import FARADAY, GAS_CONSTANT

if TYPE_CHECKING:
    from engines.compartmental_neurons.cells import Cells, Ion

Floats = NDArray[np.float64]
ZERO_CELSIUS = 273.15
VALENCES = {"na": 1, "k": 1, "ca": 2, "cl": -1, "mg": 2, "h": 1, "li": 1, "cs": 1, "ba": 2, "hco3": -1}
"""Charges of ions that need not be told."""


def nernst(ion: Ion, inside: Any, outside: Any, celsius: float) -> Any:
    """Reversal potential in V: R T / (z F) ln(outside / inside)."""
    return GAS_CONSTANT * (celsius + ZERO_CELSIUS) / (ion.valence * FARADAY) * np.log(outside / inside)


def fields_of(cells: Cells) -> dict[str, Floats]:
    """(n,) of ``ca_i``, ``ca_o`` (mM) and ``E_ca`` (V) of every ion in use, mechanisms that set them having had their say."""
    count = cells.compartments.count
    found: dict[str, Floats] = {}
    for name in cells.used_ions:
        found[f"{name}_i"] = np.full(count, cells.ions[name].inside)
        found[f"{name}_o"] = np.full(count, cells.ions[name].outside)
        found[f"i_{name}"] = np.zeros(count)
    for placed in cells.active:
        if placed.description.concentrations:
            symbols = symbols_at(cells, placed.nodes, placed.values) | {
                name: values[placed.nodes] for name, values in found.items()
            }
            symbols |= start(placed.description, symbols, len(placed.nodes))
            for expression in placed.description.parts.equations.expressions.items():
                symbols.setdefault(expression[0], expression[1].value(symbols))
            for name, told in placed.description.parts.concentrations.items():
                found[name][placed.nodes] = np.asarray(told.value(symbols), np.float64)
    for name in cells.used_ions:
        ion = cells.ions[name]
        if ion.reversal is None:
            found[f"E_{name}"] = nernst(ion, found[f"{name}_i"], found[f"{name}_o"], cells.celsius)
        else:
            found[f"E_{name}"] = np.full(count, ion.reversal)
    return found


def symbols_at(cells: Cells, nodes: NDArray[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """What a mechanism is given in some compartments, but for ions."""
    compartments = cells.compartments
    return dict(values) | {
        "V": cells.potential[nodes],
        "celsius": cells.celsius,
        "temperature": cells.celsius + ZERO_CELSIUS,
        "area": compartments.area[nodes],
        "diameter": compartments.diameter[nodes] * 1e-6,
    }
