"""A population of cells of one kind, ready to be laid out in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.ions import fields_of
from engines.compartmental_neurons.mechanisms.description import ion_of
from engines.compartmental_neurons.mechanisms.placed import Placed
from engines.compartmental_neurons.morphology.compartments import Compartments

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
LANES = 8
_FEWEST_SIDE_BY_SIDE = 3


@dataclass(frozen=True)
class Ion:
    """What stands on both sides of the membrane.

    Attributes
    ----------
    reversal
        V, or None where it follows from the concentrations, by Nernst.
    inside, outside
        mol/m³ (mM).
    valence
        Charges.
    """

    reversal: float | None
    inside: float
    outside: float
    valence: int


@dataclass(frozen=True, eq=False)
class Detector:
    """Where spikes are seen: a compartment, and the potential (V) that it comes up to."""

    node: int
    threshold: float


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells that are alike but for their synapses and inputs.

    Attributes
    ----------
    numbers
        (k,) of these cells in the population: all of it where its cells have one shape.
    capacitance
        (n,) F/m² of each compartment.
    potential
        (n,) V at the start.
    substeps
        Inner steps in one of the engine.
    driven
        Symbols of ions that inputs set, such as ``k_o``.
    hears_field, tells_membrane
        Whether there is a potential outside, and whether currents through the membrane are recorded.
    is_warmed
        Whether the temperature comes in.
    """

    name: str
    numbers: Integers
    compartments: Compartments
    capacitance: Floats
    potential: Floats
    celsius: float
    ions: Mapping[str, Ion]
    placed: Sequence[Placed]
    substeps: int = 1
    detector: Detector | None = None
    driven: frozenset[str] = frozenset()
    hears_field: bool = False
    tells_membrane: bool = False
    first_channel: int = 0
    is_warmed: bool = False

    def batches(self) -> Iterator[Integers]:
        """Cells that are moved on together, by their numbers: 8, or the few that are left, or one by one."""
        for first in range(0, len(self.numbers), LANES):
            cells = self.numbers[first : first + LANES]
            if len(cells) >= _FEWEST_SIDE_BY_SIDE:
                yield cells
            else:
                yield from cells.reshape(-1, 1)

    @cached_property
    def leaks(self) -> list[Placed]:
        """Mechanisms that are no more than a constant conductance: part of the equations, and nothing is called for them."""
        return [placed for placed in self.placed if placed.leak is not None]

    @cached_property
    def active(self) -> list[Placed]:
        """All others; those of ions first, for what they tell of a step is heard in it."""
        others = [placed for placed in self.placed if placed.leak is None]
        return sorted(others, key=lambda placed: placed.description.kind != "ion")

    @cached_property
    def used_ions(self) -> list[str]:
        """Ions that any active mechanism has to do with."""
        return sorted({ion for placed in self.active for ion in placed.variant.ions} | {ion_of(symbol) for symbol in self.driven})

    @cached_property
    def moving_concentrations(self) -> frozenset[str]:
        """Symbols such as ``ca_i`` that mechanisms or inputs set."""
        told = {symbol for placed in self.active for symbol in placed.description.concentrations}
        return frozenset(told | self.driven)

    @cached_property
    def nernst(self) -> list[str]:
        """Ions whose reversal potential moves, with a concentration or the temperature."""
        moving = {*self.used_ions} if self.is_warmed else {ion_of(symbol) for symbol in self.moving_concentrations}
        read = {symbol for placed in self.active for symbol in placed.variant.read_of_ions}
        return [ion for ion in self.used_ions if ion in moving and f"E_{ion}" in read and self.ions[ion].reversal is None]

    @cached_property
    def heard_currents(self) -> list[str]:
        """Ions whose current some mechanism reads."""
        return [ion for ion in self.used_ions if any(f"i_{ion}" in placed.variant.read_of_ions for placed in self.active)]

    @cached_property
    def ion_fields(self) -> dict[str, Floats]:
        """(n,) of each symbol of an ion at the start."""
        return fields_of(self)

    @cached_property
    def is_still(self) -> NDArray[np.bool_]:
        """(n,) whether nothing but V ever changes from a compartment on to all tips."""
        compartments = self.compartments
        still = np.ones(compartments.count, bool)
        for placed in self.active:
            if placed.variant.has_conductance:
                still[placed.nodes] = False
        for node in range(compartments.count - 1, 0, -1):
            if not still[node]:
                still[compartments.parent[node]] = False
        still[0] = False
        return still
