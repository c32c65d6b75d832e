"""What solvers are given: volumes, faces between them, the chemistry in each, and where every number stands in the state.

The state of one replica is a vector of float64, numbers of molecules (and the states of models, in SI units):

    fields     shared species s in voxel v at s * voxels + v
    blocks     patch by patch, voxel by voxel: the patch's own species, then the states of its models
    ledgers    what was released, has left through boundaries, was taken up and was supplied from outside, of each shared species
    outputs    patch by patch, voxel by voxel: what the models' outputs say, in SI units; worked out where a record asks for it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engines.reaction_diffusion.chemistry.chemistry import Chemistry

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
LEDGERS = ("released", "left", "taken_up", "supplied")


@dataclass(frozen=True, eq=False)
class Axis:
    """Faces along one direction: between a voxel and the one before it. Of a tree there is one axis.

    Attributes
    ----------
    parent
        (voxels,) the voxel on the other side of the face, a smaller number; -1 where there is none.
    stride
        ``parent`` is everywhere the voxel's own number less this, where there is one; 0: it is not (a tree).
    """

    parent: Integers
    stride: int


@dataclass(frozen=True, eq=False)
class Patch:
    """Voxels with the same reactions.

    Attributes
    ----------
    voxels
        (rows,) in order.
    shared
        (k,) numbers of the shared species that are the first k species of the chemistry; all others are the patch's own.
    first
        Where the block of its first voxel begins in the state; the next follows after ``width`` numbers.
    inputs
        (rows, inputs of the chemistry) columns of the row of inputs.
    outputs
        Where the outputs of its first voxel stand in the state.
    """

    chemistry: Chemistry
    voxels: Integers
    shared: Integers
    first: int
    inputs: Integers
    outputs: int

    @property
    def width(self) -> int:
        """Numbers of the patch's own in each voxel."""
        return len(self.chemistry.species) - len(self.shared) + len(self.chemistry.states)

    def places(self, row: int, voxels: int) -> Integers:
        """(species and states,) where the chemistry's numbers of one of its voxels stand in the state of ``voxels`` voxels."""
        own = self.first + row * self.width + np.arange(self.width)
        return np.concatenate([self.shared * voxels + self.voxels[row], own])


@dataclass(frozen=True, eq=False)
class System:
    """The whole, in SI units.

    Attributes
    ----------
    dt
        s, the step: inputs are held over it, releases act at its start.
    volumes, areas
        (voxels,) m³ of fluid and m² of membrane; a voxel without volume takes no part.
    shared
        Species that may be in every voxel, by name.
    faces
        (shared, axes, voxels) m³/s: diffusion coefficient times area over distance, to the parent along the axis; 0 without one.
    walls
        (shared, axes, voxels) m³/s through boundaries across each axis, by which a species leaves for good; one axis where there is
        none. Beside the faces of their axis: split off, boundaries that absorb would spoil the order of the splitting.
    uptake
        (shared, voxels) 1/s, taken up at first order.
    clamped
        (shared, voxels) column of the row of inputs that prescribes the concentration (mol/m³) of a species in a voxel, else -1.
        What reactions and diffusion take from it or bring to it is noted in the ledger ``supplied``.
    """

    dt: float
    volumes: Floats
    areas: Floats
    shared: tuple[str, ...]
    axes: tuple[Axis, ...]
    faces: Floats
    walls: Floats
    uptake: Floats
    clamped: Integers
    patches: tuple[Patch, ...]

    @cached_property
    def ledgers(self) -> int:
        """Where the ledgers begin: four of the first shared species, four of the second, and so on."""
        blocks: Sequence[int] = [len(patch.voxels) * patch.width for patch in self.patches]
        return len(self.shared) * len(self.volumes) + sum(blocks)

    @cached_property
    def size(self) -> int:
        """Numbers of a state."""
        outputs = sum(len(patch.voxels) * len(patch.chemistry.outputs) for patch in self.patches)
        return self.ledgers + len(LEDGERS) * len(self.shared) + outputs

    @property
    def exits(self) -> Floats:
        """(shared, voxels) m³/s through all boundaries."""
        found: Floats = self.walls.sum(axis=1)
        return found

    @property
    def diffuses(self) -> bool:
        """Whether anything moves between voxels, leaves or is taken up."""
        return bool(self.faces.any() or self.walls.any() or self.uptake.any())


@dataclass(frozen=True, eq=False)
class Additions:
    """Molecules that appear (or, where negative, are taken out) at starts of steps, in order of the steps.

    Attributes
    ----------
    steps
        (n,) counted from the first step of the call.
    places
        (n,) in the state.
    amounts
        (n,) molecules; whole numbers where the solver is stochastic.
    ledgers
        (n,) place in the state of the ledger that notes them.
    """

    steps: Integers
    places: Integers
    amounts: Floats
    ledgers: Integers


@dataclass(frozen=True, eq=False)
class Flows:
    """Molecules that come in steadily over a step: columns of the row of inputs, in molecules per second.

    Attributes
    ----------
    columns, places, ledgers
        (n,) of the row of inputs, and in the state; amounts are added at the starts of steps: in the stochastic solver a Poisson
        number of that mean, and what is taken out is at most what is there.
    shares
        (n,) what part of the column's number comes to this place.
    """

    columns: Integers
    places: Integers
    ledgers: Integers
    shares: Floats


@dataclass(frozen=True, eq=False)
class Views:
    """Columns that are watched: weighted sums of numbers of the state.

    Attributes
    ----------
    starts
        (columns + 1,) of the terms of each.
    places, weights
        (terms,) in the state, and what they are multiplied by.
    every
        (columns,) steps a row.
    is_mean
        (columns,) whether a row is the mean over its steps, by the trapezoidal rule in each, rather than the value at their end.
    uses_outputs
        Whether outputs have to be worked out.
    """

    starts: Integers
    places: Integers
    weights: Floats
    every: Integers
    is_mean: NDArray[np.bool_]
    uses_outputs: bool

    @property
    def has_means(self) -> bool:
        return bool(self.is_mean.any())

    @property
    def grain(self) -> int:
        """Steps after which a row of some column may end."""
        return int(np.gcd.reduce(self.every)) if len(self.every) else 1
