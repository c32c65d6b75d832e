"""Membranes across a box or a disc: faces that pass nothing, or less than the fluid on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field

from cosim.sdk import CosimError, Params, Unit
from engines.reaction_diffusion.geometry.boundaries import Permeability
from engines.reaction_diffusion.geometry.grid import Floats, Integers
from engines.reaction_diffusion.geometry.mesh import Mesh
from engines.reaction_diffusion.geometry.regions import AnyRegion, mask_of, telling

_ON_A_FACE = 1e-6
"""Of the spacing."""


class Barrier(Params):
    """A plane between voxels."""

    model_config = ConfigDict(populate_by_name=True)

    axis: Literal["x", "y", "z"]
    at: Annotated[float, Unit("um"), Field(description="coordinate of the plane; faces of voxels lie in it")]
    permeability: Annotated[Permeability, Field(description="0 where nothing passes")] = 0.0
    region: Annotated[AnyRegion, Field(alias="in", description="of whose voxels the faces are closed")] = "all"


@dataclass(frozen=True, eq=False)
class Closed:
    """Faces of a barrier.

    Attributes
    ----------
    axis
        Which of the mesh.
    voxels
        (k,) at whose lower side the faces are.
    permeances
        (k,) µm³/ms: permeability times open area, in series with what is open.
    """

    axis: int
    voxels: Integers
    permeances: Floats


def closed_by(barriers: Mapping[str, Barrier], mesh: Mesh, regions: Mapping[str, Any]) -> tuple[Closed, ...]:
    """The faces of all barriers.

    Raises
    ------
    CosimError
        A barrier that is not between voxels of the space, and the planes that are nearest.
    """
    return tuple(_closed(name, barrier, mesh, regions) for name, barrier in barriers.items())


def _closed(name: str, barrier: Barrier, mesh: Mesh, regions: Mapping[str, Any]) -> Closed:
    if mesh.grid is None or barrier.axis not in mesh.directions:
        known = f"its axes are {', '.join(mesh.directions)}" if mesh.grid is not None else "barriers are planes in a box or a disc"
        raise CosimError(f"barrier {name!r} is across {barrier.axis}, which a {mesh.kind} space does not have", why=known)
    axis = mesh.directions.index(barrier.axis)
    plane = _plane(name, barrier, mesh, axis)
    indices = np.arange(mesh.count) // mesh.grid.strides[axis] % mesh.grid.shape[axis]
    here = np.flatnonzero((indices == plane) & (mesh.openings[axis] > 0))
    mask = mask_of(barrier.region, mesh, regions)
    voxels = here[mask[here] | mask[mesh.axes[axis].parent[here]]]
    if not len(voxels):
        why = f"no voxel beside {barrier.axis} = {barrier.at:g} um is in {telling(barrier.region)}"
        raise CosimError(f"barrier {name!r} closes no face", why=why)
    areas = mesh.openings[axis, voxels] * mesh.spans[axis]
    return Closed(axis, voxels, barrier.permeability * areas)


def _plane(name: str, barrier: Barrier, mesh: Mesh, axis: int) -> int:
    """The index of the voxels behind the plane."""
    assert mesh.grid is not None
    low, spacing, count = float(mesh.grid.lower[axis]), float(mesh.grid.spacing[axis]), mesh.grid.shape[axis]
    exact = (barrier.at - low) / spacing
    plane = round(exact)
    if not 1 <= plane <= count - 1:
        why = f"planes between voxels are from {low + spacing:.6g} um to {low + (count - 1) * spacing:.6g} um"
        raise CosimError(f"barrier {name!r} at {barrier.axis} = {barrier.at:g} um is not inside the {mesh.kind}", why=why)
    if abs(exact - plane) > _ON_A_FACE:
        below = int(np.floor(exact))
        near = " and ".join(f"{low + k * spacing:.6g} um" for k in (below, below + 1) if 1 <= k <= count - 1)
        raise CosimError(
            f"barrier {name!r} at {barrier.axis} = {barrier.at:g} um is inside voxels, not between them",
            why=f"voxels are {spacing:g} um long",
            mend=f"nearest planes: {near}",
        )
    return plane
