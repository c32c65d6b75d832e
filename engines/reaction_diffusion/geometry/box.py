"""A box of one to three dimensions, of fluid or of tissue with extracellular space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from cosim.sdk import CosimError, Params, Unit
from cosim.sdk.units import told
from engines.compartmental_neurons.morphology.regions import listed
from engines.reaction_diffusion.geometry.boundaries import Boundaries, permeability_of
from engines.reaction_diffusion.geometry.grid import Grid
from engines.reaction_diffusion.geometry.mesh import Mesh, Walls

Micrometres = Annotated[float, Unit("um")]
Length = Annotated[float, Unit("um"), Field(gt=0)]
Tortuosity = Annotated[float, Field(ge=1)]
_WHOLE = 1e-6
"""How far from whole a number of voxels may be: 0.3 um is not three times 0.1 um in binary."""
_BYTES = 200
"""For a voxel: its measures, faces and one species in them."""
_MOST_BYTES = 4 * 2**30


class Box(Params):
    """Voxels side by side along x, y and z.

    In tissue concentrations are those in the fluid: a voxel has volume_fraction of its size, and molecules move with
    D / tortuosity² (Nicholson and Phillips 1981, Journal of Physiology 321, 225-257).
    """

    size: Annotated[
        list[Length], BeforeValidator(listed), Field(min_length=1, max_length=3, description="along x, or [x, y], or [x, y, z]")
    ]
    spacing: Annotated[
        list[Length], BeforeValidator(listed), Field(min_length=1, max_length=3, description="of voxels; one for all axes, or each")
    ]
    thickness: Annotated[Length, Field(description="along axes that size leaves out, in which there is one voxel around 0")] = 1.0
    boundaries: Annotated[
        Boundaries,
        Field(description="of all sides; or by axis, {x: [absorbing, reflecting]}: at its lower and its upper end"),
    ] = "reflecting"
    volume_fraction: Annotated[float, Field(gt=0, le=1, description="of fluid in which molecules are; 0.2 in cortex")] = 1.0
    tortuosity: Annotated[
        list[Tortuosity],
        BeforeValidator(listed),
        Field(min_length=1, max_length=3, description="one for all axes, or each; 1.6 in cortex"),
    ] = [1.0]
    membrane: Annotated[float, Unit("1/um"), Field(ge=0, description="area of membrane in a volume of the box")] = 0.0
    origin: Annotated[
        list[Micrometres] | None, Field(min_length=1, max_length=3, description="the corner of smallest coordinates; else 0")
    ] = None
    centred: Annotated[bool, Field(description="around [0, 0, 0]")] = False

    @model_validator(mode="after")
    def _sound(self) -> Box:
        axes = len(self.size)
        for name, values in (("spacing", self.spacing), ("tortuosity", self.tortuosity), ("origin", self.origin)):
            if values is not None and len(values) != axes and not (len(values) == 1 and name != "origin"):
                raise ValueError(f"{name} has {len(values)} numbers and size {axes}: give one for each axis")
        if self.centred and self.origin is not None:
            raise ValueError("give one of centred and origin")
        if isinstance(self.boundaries, dict):
            unknown = [name for name in self.boundaries if name not in "xyz"[:axes]]
            if unknown:
                raise ValueError(f"boundaries names the axis {unknown[0]!r}; this box has {', '.join('xyz'[:axes])}")
        told(lambda: self.grid)
        return self

    @property
    def grid(self) -> Grid:
        """Raises a CosimError where sizes are no whole numbers of voxels, or too many."""
        axes = len(self.size)
        spacing = [*_each(self.spacing, axes), *[self.thickness] * (3 - axes)]
        counts = [_count(name, *pair) for name, *pair in zip("xyz", self.size, spacing[:axes], strict=False)]
        counts += [1] * (3 - axes)
        refuse_too_many(counts)
        lower = np.array([*(self.origin or [0.0] * axes), *[-self.thickness / 2] * (3 - axes)])
        if self.centred:
            lower = -0.5 * np.array(spacing) * counts
        return Grid(lower, np.array(spacing), (counts[0], counts[1], counts[2]))

    def mesh(self) -> Mesh:
        """Its voxels."""
        grid, axes = self.grid, len(self.size)
        size = float(np.prod(grid.spacing))
        spans = grid.spacing[:axes] * np.array(_each(self.tortuosity, axes)) ** 2
        areas = self.volume_fraction * size / grid.spacing[:axes]
        lines = tuple(grid.axis(direction) for direction in range(axes))
        openings = np.stack(
            [np.where(line.parent >= 0, area / span, 0) for line, area, span in zip(lines, areas, spans, strict=True)]
        )
        walls = [wall for direction in range(axes) for wall in self._walls(grid, direction, areas[direction], spans[direction])]
        return Mesh(
            "box",
            np.full(grid.count, self.volume_fraction * size),
            np.full(grid.count, self.membrane * size),
            grid.centres(),
            lines,
            tuple("xyz"[:axes]),
            openings,
            spans,
            Walls.together([Walls.none(axes), *walls]),
            grid=grid,
        )

    def _walls(self, grid: Grid, direction: int, area: float, span: float) -> list[Walls]:
        """At both ends of an axis, where they do not reflect: half a voxel from the middle of the last."""
        at = self.boundaries.get("xyz"[direction], "reflecting") if isinstance(self.boundaries, dict) else self.boundaries
        ends: Sequence[Any] = at if isinstance(at, (list, tuple)) else (at, at)
        along = np.arange(grid.count) // grid.strides[direction] % grid.shape[direction]
        found = []
        for end, place in zip(ends, (0, grid.shape[direction] - 1), strict=True):
            permeability = permeability_of(end)
            if permeability > 0:
                voxels = np.flatnonzero(along == place)
                squares = np.zeros((len(voxels), len(self.size)))
                squares[:, direction] = 1.0
                parts = (np.full(len(voxels), value) for value in (2 * area / span, permeability * area))
                found.append(Walls(voxels, squares, *parts))
        return found


def refuse_too_many(counts: Sequence[int]) -> None:
    """A grid that no machine should be asked for."""
    voxels = float(np.prod(np.array(counts, np.float64)))
    if voxels * _BYTES > _MOST_BYTES:
        raise CosimError(
            f"a grid of {' x '.join(map(str, counts))} voxels takes too much memory",
            why=f"{voxels:.3g} voxels take about {voxels * _BYTES / 2**30:.3g} GiB; at most {_MOST_BYTES / 2**30:g} GiB are given",
            mend="a larger spacing; twice as large is an eighth of the voxels in three dimensions",
        )


def _count(name: str, size: float, spacing: float) -> int:
    """Voxels along an axis."""
    exact = size / spacing
    whole = round(exact)
    if whole < 1 and exact < 1 - _WHOLE:
        raise CosimError(
            f"along {name} the spacing of {spacing:g} um is larger than the box of {size:g} um", mend="a smaller spacing"
        )
    if abs(exact - whole) > _WHOLE * exact:
        low = int(exact)
        near = " and ".join(f"{count * spacing:.6g} um" for count in (low, low + 1) if count)
        raise CosimError(
            f"along {name} a size of {size:g} um is not a whole number of voxels of {spacing:g} um",
            why=f"it is {exact:.6g} of them",
            mend=f"nearest sizes: {near}; or a spacing of {size / max(low, 1):.6g} um or {size / (low + 1):.6g} um",
        )
    return whole


def _each(values: Sequence[float], axes: int) -> list[float]:
    return list(values) if len(values) == axes else [values[0]] * axes
