"""A mechanism in the cells of a population: where it is, and the numbers it has there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.mechanisms.description import MechanismDescription
from engines.compartmental_neurons.mechanisms.variant import Variant
from engines.equations.dimensions import si_factor

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Placed:
    """A mechanism at k places: compartments that all cells of a population have alike, or slots of single cells.

    Attributes
    ----------
    name
        By which records and inputs refer to it.
    nodes
        (k,) compartments.
    cells
        (k,) cells of slots; None where every cell has the mechanism in these compartments.
    values
        SI value of every parameter: one number, or (k,).
    """

    name: str
    description: MechanismDescription
    nodes: Integers
    cells: Integers | None
    values: Mapping[str, float | Floats]

    @cached_property
    def variant(self) -> Variant:
        regional = tuple(name for name, value in self.values.items() if np.ndim(value) and len(np.unique(value)) > 1)
        return Variant(self.name, self.description, regional)

    @cached_property
    def leak(self) -> tuple[Floats, Floats] | None:
        """(k,) G (S/m²) and G E (A/m²) of currents that never change but with V; None where there is more to it."""
        variant, parts = self.variant, self.description.parts
        still = self.cells is None and not variant.description.moving and not variant.description.inputs
        known = {*self.description.parameters}
        if not still or self.description.kind != "density" or not variant.symbols <= known | {"V"} or variant.ions:
            return None
        total, right = np.zeros(len(self.nodes)), np.zeros(len(self.nodes))
        symbols: dict[str, object] = dict(self.values)
        for name, expression in parts.equations.expressions.items():
            if not expression.names() <= symbols.keys():
                return None
            symbols[name] = expression.value(symbols)
        for pair in variant.linear_currents.values():
            if pair is None:
                return None
            total = total + pair[0].value(symbols)
            right = right - pair[1].value(symbols)
        return total, right


def values_of(description: MechanismDescription, given: Mapping[str, float | Floats]) -> dict[str, float | Floats]:
    """SI values of all parameters; ``given`` are in the parameters' own units."""
    found: dict[str, float | Floats] = {}
    for name, parameter in description.parameters.items():
        array = np.asarray(given.get(name, parameter.default), np.float64) * si_factor(parameter.unit)
        is_one = array.size > 0 and bool((array == array.flat[0]).all())
        found[name] = float(array.flat[0]) if is_one else array
    return found
