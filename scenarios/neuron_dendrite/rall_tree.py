"""Dendrites by description: trees that obey Rall's 3/2 law, laid out in a plane and cut into compartments.

Where a branch of diameter D splits into two, D^3/2 = d1^3/2 + d2^3/2, and all tips of a tree are as many space constants from the
soma. Such a tree is, seen from the soma, one cylinder (Rall 1962, Ann NY Acad Sci 96, 1071). With X the distance from the soma and
L that of the tips, in space constants lambda = sqrt(R_m d / 4 R_a) of each branch, a steady current into the soma moves V(X) by

    V(X) / V(0) = cosh(L - X) / cosh(L),

and, the cable being symmetric, the same ratio says what of a current into X reaches the soma, compared with one into the soma.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MEMBRANE_OHM_CM2, AXIAL_OHM_CM, MEMBRANE_UF_PER_CM2, REST_MV = 10_000.0, 150.0, 1.0, -65.0
SOMA_UM = 30.0
"""Length and diameter of the soma."""
COMPARTMENT = 0.1
"""Space constants; at most as long."""
STEMS = {  # direction in degrees, diameter in µm, space constants from branch point to branch point
    "apical": (90.0, 4.0, (0.45, 0.3, 0.25, 0.25)),
    "basal1": (6.0, 2.6, (0.1, 0.2, 0.3)),
    "basal2": (-57.0, 2.2, (0.1, 0.2, 0.3)),
    "basal3": (-123.0, 2.2, (0.1, 0.2, 0.3)),
    "basal4": (174.0, 2.6, (0.1, 0.2, 0.3)),
}
FORK_DEGREES = {"apical": (34.0, 30.0, 24.0), "basal": (22.0, 17.0)}
SHARES = (0.45, 0.55)
"""Of D^3/2 that the two daughters have."""


@dataclass(frozen=True)
class Branch:
    """An unbranched piece; ``begins`` and ``reach`` are distances from the soma, in space constants."""

    name: str
    parent: str
    diameter_um: float
    length_um: float
    begins: float
    ends: float
    reach: float
    compartments: int
    start_um: tuple[float, float]
    stop_um: tuple[float, float]

    @property
    def is_stem(self) -> bool:
        return self.parent == "soma"


def branches() -> list[Branch]:
    """Every branch, parents first."""
    found: list[Branch] = []
    for stem, (degrees, diameter, pieces) in STEMS.items():
        _grow(found, stem, "soma", degrees, diameter, pieces, 0.0, (0.0, 0.0))
    return found


def _grow(
    found: list[Branch],
    name: str,
    parent: str,
    degrees: float,
    diameter: float,
    pieces: tuple[float, ...],
    begins: float,
    start: tuple[float, float],
) -> None:
    length = pieces[0] * space_constant_um(diameter)
    direction = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    stop = tuple((np.array(start) + length * direction).tolist())
    compartments = math.ceil(pieces[0] / COMPARTMENT - 1e-9)
    reach = begins + sum(pieces)
    found.append(Branch(name, parent, diameter, length, begins, begins + pieces[0], reach, compartments, start, stop))
    if len(pieces) > 1:
        forks = FORK_DEGREES[name.split("_")[0].rstrip("1234")]
        fork = forks[len(forks) - len(pieces) + 1]
        for side, turn, share in zip("lr", (fork, -fork), SHARES, strict=True):
            child = f"{name}{side}" if "_" in name else f"{name}_{side}"
            _grow(found, child, name, degrees + turn, diameter * share ** (2 / 3), pieces[1:], begins + pieces[0], stop)


def space_constant_um(diameter_um: float) -> float:
    """lambda = sqrt(R_m d / 4 R_a)"""
    return math.sqrt(MEMBRANE_OHM_CM2 * diameter_um * 1e-4 / (4 * AXIAL_OHM_CM)) * 1e4


@dataclass(frozen=True)
class Compartments:
    """The soma and all compartments of all branches, in this order.

    Attributes
    ----------
    labels, positions_um
        ``soma``, and ``branch.number``; (n, 3) of their middles.
    distance, reach
        (n,) X and L of the formula above.
    path_um
        (n,) along the dendrite from the soma.
    """

    labels: tuple[str, ...]
    groups: dict[str, tuple[int, ...]]
    positions_um: Floats
    distance: Floats
    reach: Floats
    path_um: Floats


def compartments() -> Compartments:
    labels, places, distance, reach, path = ["soma"], [(0.0, 0.0, 0.0)], [0.0], [1.0], [0.0]
    groups: dict[str, list[int]] = {"apical": [], "basal": []}
    path_to = {"soma": 0.0}
    for branch in branches():
        path_to[branch.name] = path_to[branch.parent] + branch.length_um
        for i in range(branch.compartments):
            x = (i + 0.5) / branch.compartments
            groups[branch.name.split("_")[0].rstrip("1234")].append(len(labels))
            labels.append(f"{branch.name}.{i}")
            places.append(tuple((1 - x) * a + x * b for a, b in zip((*branch.start_um, 0.0), (*branch.stop_um, 0.0), strict=True)))
            distance.append((1 - x) * branch.begins + x * branch.ends)
            reach.append(branch.reach)
            path.append(path_to[branch.parent] + x * branch.length_um)
    return Compartments(
        tuple(labels), {k: tuple(v) for k, v in groups.items()}, *(np.array(found) for found in (places, distance, reach, path))
    )


def spread_over(count: int, stems_only: bool = False) -> list[tuple[str, float]]:
    """``count`` places, as many to each µm of dendrite: branch, and x from 0 to 1 along it."""
    there = [branch for branch in branches() if branch.is_stem or not stems_only]
    ends = np.cumsum([branch.length_um for branch in there])
    places = (np.arange(count) + 0.5) / count * ends[-1]
    rows = np.searchsorted(ends, places)
    return [(there[row].name, 1 - (ends[row] - place) / there[row].length_um) for row, place in zip(rows, places, strict=True)]
