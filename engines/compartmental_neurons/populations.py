"""The cells of a population by their shapes: most have one, some rules give every cell its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.compartmental_neurons.anatomy import Anatomy, anatomy_of
from engines.compartmental_neurons.cells import Integers
from engines.compartmental_neurons.params import Population


@dataclass(frozen=True, eq=False)
class Kind:
    """Cells of one shape, by their numbers in the population."""

    anatomy: Anatomy
    numbers: Integers


def kinds_of(population: Population, seed: int) -> list[Kind]:
    """The shapes of a population's cells."""
    if not population.cell.morphology.varies:
        return [Kind(anatomy_of(population.cell), np.arange(population.size))]
    found: dict[bytes, tuple[Anatomy, list[int]]] = {}
    for cell in range(population.size):
        anatomy = anatomy_of(population.cell, seed, cell)
        compartments = anatomy.compartments
        key = b"".join(part.tobytes() for part in (compartments.parent, compartments.area, compartments.conductance))
        found.setdefault(key, (anatomy, []))[1].append(cell)
    return [Kind(anatomy, np.array(cells)) for anatomy, cells in found.values()]
