"""A flat disc, such as a synaptic cleft: squares of one height, those at the rim cut by the circle.

Values stand at the centres of those squares whose centres are inside, not nearer to the rim than a tenth of the spacing. What
the circle leaves of any other square belongs to the one before it on the way to the middle, so that volumes and areas add up to
those of the disc, and no voxel is a sliver.

What is open between two columns of voxels is the chord of the circle there, and what the rim leaves of a face between squares that
have no values is added to the last face of the chord that has: the sum over all faces of a gradient squared is then that over the
disc, to second order in the spacing. An absorbing rim holds the concentration at 0 where it crosses the lines along x and y through
the values; faces are whole there, and what is open to the rim is the spacing over the distance to the crossing (Shortley and Weller
1938, Journal of Applied Physics 9, 334-348, in a symmetric form). Through a rim of a permeability goes P times the length of its
arcs, in series with the fluid before it.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from cosim.sdk import CosimError, Params, Unit
from cosim.sdk.units import told
from engines.reaction_diffusion.geometry.boundaries import Boundary, permeability_of
from engines.reaction_diffusion.geometry.box import refuse_too_many
from engines.reaction_diffusion.geometry.circle import areas_inside, sides_inside
from engines.reaction_diffusion.geometry.grid import Circle, Floats, Grid, Integers, Mask, summed
from engines.reaction_diffusion.geometry.mesh import Mesh, Walls

Micrometres = Annotated[float, Unit("um")]
Length = Annotated[float, Unit("um"), Field(gt=0)]
_NEAREST = 0.1
"""Of the spacing: how near to the rim a value may stand. On the rim it would be lost at once."""


class Disc(Params):
    """A flat disc around its middle. Its membrane is that of one side."""

    radius: Length
    height: Length
    spacing: Annotated[Length, Field(description="of voxels, along x and y")]
    rim: Boundary = "reflecting"
    centre: Annotated[tuple[Micrometres, Micrometres, Micrometres], Field(description="[x, y, z] of the middle")] = (0.0, 0.0, 0.0)

    @model_validator(mode="after")
    def _sound(self) -> Disc:
        told(lambda: self.grid)
        return self

    @property
    def grid(self) -> Grid:
        """An odd number of squares each way, so that one is in the middle. Raises a CosimError where they are too large or many."""
        if self.spacing > self.radius:
            raise CosimError(
                f"the spacing of {self.spacing:g} um is larger than the disc's radius of {self.radius:g} um",
                mend=f"at most {self.radius:g} um; a tenth of it shows what goes on inside",
            )
        half = max(math.ceil(self.radius / self.spacing - 0.5 - 1e-9), 1)
        count = 2 * half + 1
        refuse_too_many([count, count])
        spacing = np.array([self.spacing, self.spacing, self.height])
        return Grid(np.array(self.centre) - spacing * np.array([count, count, 1]) / 2, spacing, (count, count, 1))

    def mesh(self) -> Mesh:
        """Its voxels."""
        return _Cut(self).mesh()


class _Cut:
    """A disc on its way to voxels. Rows and columns of the grid are counted from the middle; ``half`` is the last."""

    def __init__(self, disc: Disc) -> None:
        self._disc, self._grid, self._spacing = disc, disc.grid, disc.spacing
        self._count = self._grid.shape[0]
        self._half = self._count // 2
        self._row, self._column = (place.ravel() - self._half for place in np.indices((self._count, self._count)))
        self._x, self._y = self._spacing * self._column, self._spacing * self._row
        self._squares: Floats = areas_of_squares(self._x, self._y, self._spacing, disc.radius)
        self._radii: Floats = np.sqrt(self._x * self._x + self._y * self._y)
        self._is_inside = self._radii <= disc.radius - _NEAREST * self._spacing
        self._is_inside[self._number(0, 0)] = True
        self._owner = self._owners()
        self._is_absorbing = disc.rim == "absorbing"

    def mesh(self) -> Mesh:
        disc, centre = self._disc, np.array(self._disc.centre)
        areas = summed(self._owner, self._squares, self._count**2)
        positions = centre + np.stack([self._x, self._y, np.zeros(self._count**2)], axis=1)
        axes = tuple(self._grid.axis(direction) for direction in (0, 1))
        openings = np.stack([self._sides(direction) for direction in (0, 1)]) * (disc.height / self._spacing)
        return Mesh(
            "disc",
            areas * disc.height,
            areas,
            positions,
            axes,
            ("x", "y"),
            openings,
            np.full(2, self._spacing),
            self._crossings() if self._is_absorbing else self._arcs(),
            self._grid,
            Circle(centre, disc.radius),
        )

    def _number(self, column: Integers | int, row: Integers | int) -> Integers:
        return np.asarray(column + self._half + (row + self._half) * self._count, np.int64)

    def _owners(self) -> Integers:
        """(squares,) that with a value to which each belongs: steps along the longer of x and y, both at the diagonal."""
        along_x, along_y = (abs(a) >= abs(b) for a, b in ((self._column, self._row), (self._row, self._column)))
        before = self._number(self._column - np.sign(self._column) * along_x, self._row - np.sign(self._row) * along_y)
        owner = np.where(self._is_inside, np.arange(self._count**2), before)
        while not self._is_inside[owner[self._squares > 0]].all():
            owner = owner[owner]
        return owner

    def _sides(self, direction: int) -> Floats:
        """(squares,) length in µm of what is open of each square towards the one before it."""
        rows_inside = (np.count_nonzero(self._is_inside.reshape(self._count, -1), axis=0) - 1) // 2  # of each column; or -1
        place, across = (self._column, self._row) if direction == 0 else (self._row, self._column)
        behind = np.flatnonzero(place > -self._half)
        place, across = place[behind], across[behind]
        last = np.minimum(rows_inside[place + self._half], rows_inside[place + self._half - 1])
        if self._is_absorbing:
            return summed(behind, np.where(np.abs(across) <= last, self._spacing, 0.0), self._count**2)
        low = (across - 0.5) * self._spacing
        length = sides_inside((place - 0.5) * self._spacing, low, low + self._spacing, self._disc.radius)
        across = np.clip(across, -last, last)
        to = self._number(place, across) if direction == 0 else self._number(across, place)
        return summed(to[last >= 0], length[last >= 0], self._count**2)

    def _goes_on(self, direction: int, sign: int) -> Mask:
        """(squares,) whether the neighbour along x (0) or y (1), before (-1) or behind (1), has a value."""
        padded = np.pad(self._is_inside.reshape(self._count, -1), 1)
        moved = np.roll(padded, -sign, axis=1 - direction)[1:-1, 1:-1]
        return moved.ravel()

    def _crossings(self) -> Walls:
        """Of lines along x and y with the rim."""
        parts = []
        for direction, (along, across) in enumerate(((self._x, self._y), (self._y, self._x))):
            for sign in (-1, 1):
                voxels = np.flatnonzero(self._is_inside & ~self._goes_on(direction, sign))
                distance = np.sqrt(self._disc.radius**2 - across[voxels] ** 2) - sign * along[voxels]
                one_hot = np.eye(2)[np.full(len(voxels), direction)]
                opening = self._spacing * self._disc.height / distance
                parts.append(Walls(voxels, one_hot, opening, np.full(len(voxels), np.inf)))
        return Walls.together(parts)

    def _arcs(self) -> Walls:
        """Pieces of a rim of some permeability, from half the angle to the voxel before to half that to the voxel behind.

        What lies between a value and the rim is already counted by faces, except in the last column or row: 1 / (1 + P d / D)²
        of P times the arc, as a series with twice the distance or, there, with once.
        """
        permeability = permeability_of(self._disc.rim)
        if permeability == 0:
            return Walls.none(2)
        voxels = self._along_the_rim()
        angles = np.arctan2(self._y[voxels], self._x[voxels])
        behind = np.roll(angles, -1) - angles
        behind[-1] += 2 * np.pi
        areas = (behind + np.roll(behind, 1)) / 2 * self._disc.radius * self._disc.height
        normals = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        last = np.abs(np.stack([self._column[voxels], self._row[voxels]], axis=1)) == self._column[self._is_inside].max()
        distances = (self._disc.radius - self._radii[voxels]) * (2 - np.sum(normals**2 * last, axis=1))
        return Walls(voxels, normals**2, areas / distances, permeability * areas)

    def _along_the_rim(self) -> Integers:
        """Voxels with a neighbour that is none, by their angles."""
        sides = [self._goes_on(direction, sign) for direction in (0, 1) for sign in (-1, 1)]
        at_rim = np.flatnonzero(self._is_inside & ~np.logical_and.reduce(sides))
        in_order: Integers = at_rim[np.argsort(np.arctan2(self._y[at_rim], self._x[at_rim]), kind="stable")]
        return in_order


def areas_of_squares(x: Floats, y: Floats, spacing: float, radius: float) -> Floats:
    """(n,) µm² of squares inside the circle; whole ones exactly, and only cut ones worked out."""
    half = spacing / 2
    farthest = (np.abs(x) + half) ** 2 + (np.abs(y) + half) ** 2
    nearest = np.maximum(np.abs(x) - half, 0.0) ** 2 + np.maximum(np.abs(y) - half, 0.0) ** 2
    areas = np.where(farthest <= radius**2, spacing**2, 0.0)
    is_cut = np.flatnonzero((farthest > radius**2) & (nearest < radius**2))
    areas[is_cut] = areas_inside(x[is_cut], y[is_cut], spacing, radius)
    return areas
