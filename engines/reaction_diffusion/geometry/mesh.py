"""A space cut into voxels: how large they are, what is open between them, and where it ends.

Lengths are in µm and times in ms here; ``diffusion.faces_of`` and ``walls_of`` give what solvers take, in SI units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cosim.sdk import CosimError, Segments, Space
from engines.compartmental_neurons.morphology.compartments import Compartments
from engines.compartmental_neurons.morphology.regions import Regions
from engines.reaction_diffusion.geometry.grid import ON_THE_EDGE, Circle, Floats, Grid, Integers, Mask, told
from engines.reaction_diffusion.system import Axis

if TYPE_CHECKING:
    from engines.reaction_diffusion.geometry.regions import AnyRegion


@dataclass(frozen=True, eq=False)
class Walls:
    """k pieces of boundary through which molecules leave for good.

    Attributes
    ----------
    voxels
        (k,) that they bound; a voxel may have several.
    squares
        (k, axes) squares of the components of the normal: a molecule of the coefficients D of each axis crosses with their sum.
    openings
        (k,) µm: area over the distance from where the voxel's value stands.
    permeances
        (k,) µm³/ms: permeability times area, in series with that; infinite where the boundary absorbs.
    """

    voxels: Integers
    squares: Floats
    openings: Floats
    permeances: Floats

    @classmethod
    def none(cls, axes: int) -> Walls:
        return cls(np.empty(0, np.int64), np.empty((0, axes)), np.empty(0), np.empty(0))

    @classmethod
    def together(cls, parts: Sequence[Walls]) -> Walls:
        """All pieces of several."""
        names = ("voxels", "squares", "openings", "permeances")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True, eq=False)
class Mesh:
    """n voxels and what is between them.

    Attributes
    ----------
    kind
        well_mixed, disc, box or dendrite.
    volumes
        (n,) µm³ of fluid; a voxel without takes no part.
    areas
        (n,) µm² of membrane.
    positions
        (n, 3) µm: where the value of a voxel stands.
    axes
        Directions in which molecules move, none in a well mixed space.
    directions
        What the axes are called: x, y, z; or along, the axis of cables.
    openings
        (axes, n) µm: open area over distance to the parent along the axis, times volume fraction over squared tortuosity: D times
        it passes. 0 without a parent.
    spans
        (axes,) µm: what the openings are multiplied by to be the areas that are open, the same everywhere; empty in a dendrite.
    walls
        Where molecules leave.
    grid, circle, regions
        Of a disc and a box; of a disc; of a dendrite.
    """

    kind: str
    volumes: Floats
    areas: Floats
    positions: Floats
    axes: tuple[Axis, ...]
    directions: tuple[str, ...]
    openings: Floats
    spans: Floats
    walls: Walls
    grid: Grid | None = None
    circle: Circle | None = None
    regions: Regions | None = None

    def __post_init__(self) -> None:
        arrays = [self.volumes, self.areas, self.positions, self.openings, self.spans, *(axis.parent for axis in self.axes)]
        for array in arrays:
            array.setflags(write=False)  # one mesh serves all that ask for the same space

    @property
    def count(self) -> int:
        """Of voxels, with those without volume."""
        return len(self.volumes)

    @cached_property
    def active(self) -> Mask:
        """(n,) whether a voxel has a volume."""
        return self.volumes > 0

    @property
    def compartments(self) -> Compartments | None:
        """Of a dendrite: its voxels as pieces of cable."""
        return None if self.regions is None else self.regions.compartments

    @cached_property
    def segments(self) -> Segments | None:
        """Of a dendrite: a straight piece of cable for each voxel; where cables meet, from the one piece to the next."""
        pieces = self.compartments
        return None if pieces is None else Segments(pieces.start, pieces.stop, pieces.diameter)

    @cached_property
    def distances(self) -> Floats:
        """(n,) µm: along the cables from the centre of the root section; from the middle of a disc or a box."""
        if self.compartments is not None:
            return self.compartments.distance
        if self.circle is not None:
            return self.circle.distances(self.positions)
        middle = self.positions[0] if self.grid is None else (self.grid.lower + self.grid.upper) / 2
        found: Floats = np.sqrt(np.sum((self.positions - middle) ** 2, axis=1))
        return found

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A name for each voxel: x3y0, dend[2]@0.125."""
        return self.labels_of(np.arange(self.count))

    def labels_of(self, voxels: Integers) -> tuple[str, ...]:
        """Names of some voxels, without those of a million others."""
        if self.grid is not None:
            columns = ["xyz".index(name) for name in self.directions]
            rows = self.grid.indices(voxels)[:, columns].tolist()
            return tuple("".join(f"{name}{k}" for name, k in zip(self.directions, row, strict=True)) for row in rows)
        if self.regions is not None:
            sections, pieces = self.regions.morphology.sections, self.regions.compartments
            where = zip(pieces.section[voxels].tolist(), pieces.at[voxels].tolist(), strict=True)
            return tuple(f"{sections[section].name or f'section{section}'}@{at:.9g}" for section, at in where)
        return ("all",) * len(voxels)

    def space_of(self, voxels: Integers, by_place: bool = False) -> Space:
        """Channels that are voxels; or places that lie in them, which may be the same voxel more than once."""
        positions = self.positions[voxels]
        if by_place:
            return Space(tuple(f"place{k}" for k in range(len(voxels))), positions=positions)
        segments = None if self.segments is None else self.segments.take(voxels)
        return Space(self.labels_of(voxels), positions=positions, segments=segments)

    def voxels_in(self, region: AnyRegion) -> Integers:
        """The voxels of a region that names no other."""
        from engines.reaction_diffusion.geometry.regions import voxels_of

        return voxels_of(region, self, {})

    def voxel_at(self, point: Sequence[float] | Floats) -> int:
        """The voxel in which a point of µm lies; of a dendrite the nearest.

        Raises
        ------
        CosimError
            The point is outside, and where the space ends.
        """
        place = np.asarray(point, np.float64)
        if self.grid is not None:
            return self._in_grid(place)
        return self._in_dendrite(place) if self.regions is not None else 0

    def _in_grid(self, place: Floats) -> int:
        assert self.grid is not None
        found = self.grid.voxel_of(place)
        if self.circle is not None:
            away = float(self.circle.distances(place[None])[0])
            if found is None or away > self.circle.radius * (1 + ON_THE_EDGE):
                height = self.grid.spacing[2]
                why = (
                    f"it is {away:.4g} um from the middle {told(self.circle.centre)}; the disc ends at {self.circle.radius:.4g} um "
                    f"and is {height:.4g} um high, half of that above the middle"
                )
                raise CosimError(f"the point {told(place)} is outside the disc", why=why)
        if found is None:
            why = f"the box reaches from {told(self.grid.lower)} to {told(self.grid.upper)}"
            raise CosimError(f"the point {told(place)} is outside the box", why=why)
        return found if self.volumes[found] > 0 else self.nearest(place)

    def _in_dendrite(self, place: Floats) -> int:
        """The voxel whose axis is nearest, where that is not farther than the voxel is wide and long."""
        pieces = self.compartments
        assert pieces is not None
        gaps = np.minimum(_gaps(place, pieces.start, pieces.middle), _gaps(place, pieces.middle, pieces.stop))
        found = int(np.argmin(gaps))
        if gaps[found] > pieces.diameter[found] / 2 + pieces.length[found]:
            why = (
                f"the nearest voxel, {self.labels_of(np.array([found]))[0]} at {told(pieces.middle[found])}, is "
                f"{gaps[found]:.4g} um away and {pieces.diameter[found]:.4g} um thick"
            )
            raise CosimError(f"the point {told(place)} is outside the dendrite", why=why)
        return found

    def nearest(self, place: Floats) -> int:
        """The voxel with volume whose place is nearest to a point."""
        return int(np.argmin(np.where(self.active, np.sum((self.positions - place) ** 2, axis=1), np.inf)))


def _gaps(point: Floats, start: Floats, stop: Floats) -> Floats:
    """(n,) µm between a point and pieces of straight lines."""
    along = stop - start
    square = np.sum(along**2, axis=1)
    share = np.divide(np.sum((point - start) * along, axis=1), square, out=np.zeros(len(square)), where=square > 0)
    gaps: Floats = np.sqrt(np.sum((start + np.clip(share, 0, 1)[:, None] * along - point) ** 2, axis=1))
    return gaps
