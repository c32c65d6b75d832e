"""Where molecules are, and what turns their number into the symbol of an equation.

    measure   symbol's unit       the symbol in SI units times this of a voxel is a number of molecules
    0         1                   1
    1         1/m²                area
    2         mol/m²              Avogadro's constant * area
    3         1/m³                volume
    4         mol/m³              Avogadro's constant * volume

Rates of reactions are counted in a measure too: per second, per m² and second, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.sdk import CosimError
from engines.equations.dimensions import NONE, Dimension, of_unit

AVOGADRO = 6.02214076e23
"""1/mol, exact by the definition of the SI of 2019."""
UNITS = ("1", "1/m**2", "mol/m**2", "1/m**3", "mol/m**3")
"""SI unit of a symbol of each measure."""
COUNTED, ON_MEMBRANE, IN_VOLUME = (0,), (1, 2), (3, 4)
"""Measures of each kind of place."""
PLACES = {COUNTED: "among numbers of molecules", ON_MEMBRANE: "on the membrane", IN_VOLUME: "in the volume"}
"""The finest first: where species of several places react is the first of them."""


def measures_of(volumes: ArrayLike, areas: ArrayLike) -> NDArray[np.float64]:
    """(5, voxels) the measures of voxels of some volumes (m³) with some membrane (m²); (5,) of one voxel."""
    volumes, areas = np.broadcast_arrays(np.asarray(volumes, np.float64), np.asarray(areas, np.float64))
    return np.stack([np.ones(volumes.shape), areas, AVOGADRO * areas, volumes, AVOGADRO * volumes])


def measure_of(unit: str) -> int:
    """Of a symbol in some unit.

    Raises
    ------
    CosimError
        It is no unit of an amount of molecules.
    """
    if unit == "1":
        return 0
    dimension = of_unit(unit)
    for measure in (*ON_MEMBRANE, *IN_VOLUME):
        if of_unit(UNITS[measure]) == dimension:
            return measure
    raise CosimError(
        f"{unit!r} is no unit of an amount of molecules",
        why=f"it is {'' if dimension == NONE else 'in '}{dimension}",
        mend="in the volume mM, uM or 1/um**3, on membrane 1/um**2 or mol/m**2, a number of molecules '1'",
    )


def place_of(measures: Iterable[int]) -> tuple[int, ...]:
    """Of what happens between species of some measures, the measures that count there."""
    first = min(measures, default=0)
    return next(place for place in PLACES if first in place)


def of_rate(measure: int) -> Dimension:
    """Dimension of a rate that is counted in a measure."""
    return of_unit(UNITS[measure]) / of_unit("s")
