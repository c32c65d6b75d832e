"""How fast molecules move: coefficients of species, and what passes each face and each wall of a mesh.

A face between voxels i and j passes D A / l, with the harmonic mean of D_i and D_j, which are in series over half the way each.
A barrier, or the membrane of a boundary, with permeability P is in series with that: 1 / (1 / (D A / l) + 1 / (P A)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from cosim.sdk import CosimError, Params, Unit, did_you_mean
from cosim.sdk.units import told as as_fault
from engines.equations.expression import read
from engines.reaction_diffusion.geometry.barriers import Barrier, closed_by
from engines.reaction_diffusion.geometry.grid import Floats, summed, told
from engines.reaction_diffusion.geometry.mesh import Mesh

Coefficient = Annotated[float, Unit("um**2/ms"), Field(ge=0)]
PLACES = ("x", "y", "z", "distance")
_SI = 1e-15
"""m³/s in µm³/ms."""


class Graded(Params):
    """A coefficient that differs from place to place."""

    along: Annotated[
        str,
        Field(
            description="um**2/ms, an expression of the numbers x, y, z and distance in um; distance is along the cables from the "
            "centre of the root section of a dendrite, else straight from the middle"
        ),
    ]

    @model_validator(mode="after")
    def _readable(self) -> Graded:
        as_fault(self._refuse_unknown)
        return self

    def _refuse_unknown(self) -> None:
        unknown = sorted(read(self.along).names() - set(PLACES))
        if unknown:
            raise CosimError(f"{self.along!r} names {unknown[0]!r}", mend=did_you_mean(unknown[0], PLACES))

    def values(self, mesh: Mesh) -> Floats:
        """(voxels,) µm²/ms; 0 where a voxel has no volume.

        Raises
        ------
        CosimError
            It is negative or not finite somewhere.
        """
        symbols = dict(zip(PLACES, [*mesh.positions.T, mesh.distances], strict=True))
        found = np.array(np.broadcast_to(np.asarray(read(self.along).value(symbols), np.float64), mesh.count))
        found[~mesh.active] = 0.0
        wrong = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
        if len(wrong):
            where = told(mesh.positions[wrong[0]])
            raise CosimError(
                f"the diffusion coefficient {self.along!r} is {found[wrong[0]]:g} um**2/ms at {where}", why="it is 0 or more"
            )
        return found


def _kind(value: Any) -> str:
    return "each" if isinstance(value, (list, tuple)) else "graded" if isinstance(value, (dict, Graded)) else "one"


Diffusion = Annotated[
    Annotated[Coefficient, Tag("one")]
    | Annotated[list[Coefficient], Field(min_length=1, max_length=3), Tag("each")]
    | Annotated[Graded, Tag("graded")],
    Discriminator(_kind),
    Field(description="such as 0.33 um**2/ms; [x, y, z], one for each axis; or {along: 0.33 * exp(-x / 5)}"),
]


def coefficients(mesh: Mesh, diffusion: float | Sequence[float] | Graded) -> Floats:
    """(axes, voxels) µm²/ms.

    Raises
    ------
    CosimError
        Not as many numbers as the space has axes.
    """
    axes = len(mesh.axes)
    if isinstance(diffusion, Graded):
        return np.broadcast_to(diffusion.values(mesh), (axes, mesh.count))
    if isinstance(diffusion, Sequence) and len(diffusion) != axes:
        why = f"its axes are {', '.join(mesh.directions)}" if axes else "nothing moves in one voxel"
        raise CosimError(f"a diffusion coefficient has {len(diffusion)} numbers, and the {mesh.kind} has {axes} axes", why=why)
    each = np.broadcast_to(np.asarray(diffusion, np.float64), axes)
    return np.broadcast_to(each[:, None], (axes, mesh.count))


def faces_of(
    mesh: Mesh,
    diffusion: float | Sequence[float] | Graded,
    barriers: Mapping[str, Barrier] = MappingProxyType({}),
    regions: Mapping[str, Any] = MappingProxyType({}),
) -> Floats:
    """(axes, voxels) m³/s: what passes to the parent along each axis for a difference of concentrations of 1.

    Parameters
    ----------
    diffusion
        µm²/ms: a number, one for each axis, or how it differs from place to place.
    barriers, regions
        Of the space, by name.
    """
    values = coefficients(mesh, diffusion)
    passed = np.empty(mesh.openings.shape)
    for axis, line in enumerate(mesh.axes):
        if isinstance(diffusion, Graded):
            other = values[axis, line.parent]  # without a parent the opening is 0
            total = values[axis] + other
            mean = np.divide(2 * values[axis] * other, total, out=np.zeros(mesh.count), where=total > 0)
            passed[axis] = mean * mesh.openings[axis]
        else:
            passed[axis] = values[axis] * mesh.openings[axis]
    for closed in closed_by(barriers, mesh, regions):
        at = (closed.axis, closed.voxels)
        passed[at] = _in_series(passed[at], closed.permeances)
    return passed * _SI


def walls_of(mesh: Mesh, diffusion: float | Sequence[float] | Graded) -> Floats:
    """(axes, voxels) m³/s: what leaves through boundaries across each axis for a concentration of 1; one axis if there is none."""
    walls = mesh.walls
    found = np.zeros((max(len(mesh.axes), 1), mesh.count))
    parts = walls.squares * coefficients(mesh, diffusion)[:, walls.voxels].T
    across = np.sum(parts, axis=1)
    passed = _in_series(across * walls.openings, walls.permeances)
    shares = np.divide(parts, across[:, None], out=np.zeros_like(parts), where=across[:, None] > 0)
    for axis in range(len(mesh.axes)):
        found[axis] = summed(walls.voxels, passed * shares[:, axis], mesh.count) * _SI
    return found


def _in_series(first: Floats, second: Floats) -> Floats:
    """Of two conductances, of which the second may be infinite."""
    share = np.divide(first, second, out=np.zeros(len(first)), where=second > 0)
    return np.where(second > 0, first / (1 + share), 0.0)
