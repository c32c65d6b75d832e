"""Which models are in which voxels, and where their numbers stand: patches of voxels with the same models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engines.equations.dimensions import si_factor
from engines.equations.quantities import number
from engines.reaction_diffusion.chemistry.chemistry import Chemistry, PlacedModel
from engines.reaction_diffusion.geometry.mesh import Mesh
from engines.reaction_diffusion.geometry.regions import voxels_of
from engines.reaction_diffusion.params import Placed, ReactionsAndDiffusion
from engines.reaction_diffusion.system import LEDGERS, Integers, Patch


@dataclass(frozen=True, eq=False)
class Layout:
    """Places of all numbers of a state.

    Attributes
    ----------
    members
        Voxels of every placed model, in order.
    columns
        Of the row of inputs: the first column of every input of a placed model, such as ``nmda.V``, and whether there is one for
        each voxel of its region.
    width
        Columns of the row of inputs that inputs of models take.
    """

    mesh: Mesh
    shared: tuple[str, ...]
    members: Mapping[str, Integers]
    patches: tuple[Patch, ...]
    columns: Mapping[str, tuple[int, bool]]
    width: int

    @property
    def voxels(self) -> int:
        return len(self.mesh.volumes)

    def field(self, species: str) -> Integers:
        """(voxels,) places of a shared species."""
        return self.shared.index(species) * self.voxels + np.arange(self.voxels)

    @cached_property
    def ledgers(self) -> int:
        """Where the ledgers begin."""
        return len(self.shared) * self.voxels + sum(len(patch.voxels) * patch.width for patch in self.patches)

    def ledger(self, kind: str, species: str) -> int:
        """Place of a ledger of a shared species."""
        return self.ledgers + len(LEDGERS) * self.shared.index(species) + LEDGERS.index(kind)

    def own(self, name: str) -> tuple[Integers, Integers]:
        """Voxels in which there is a species or state such as ``ampa.O``, and its place in each."""
        return self._collect(lambda chemistry: [*chemistry.species, *chemistry.states], name, lambda patch: self._own(patch, name))

    def output(self, name: str) -> tuple[Integers, Integers]:
        """Voxels in which there is an output such as ``ampa.conductance``, and its place in each."""

        def places(patch: Patch) -> Integers:
            names = patch.chemistry.outputs
            return patch.outputs + np.arange(len(patch.voxels)) * len(names) + names.index(name)

        return self._collect(lambda chemistry: chemistry.outputs, name, places)

    def _own(self, patch: Patch, name: str) -> Integers:
        names = [*patch.chemistry.species, *patch.chemistry.states][len(patch.shared) :]
        return patch.first + np.arange(len(patch.voxels)) * patch.width + names.index(name)

    def _collect(self, names_of, name, places_of) -> tuple[Integers, Integers]:  # type: ignore[no-untyped-def]
        found = [(patch.voxels, places_of(patch)) for patch in self.patches if name in names_of(patch.chemistry)]
        voxels, places = (
            (np.concatenate([np.empty(0, np.int64), *parts]) for parts in zip(*found, strict=True)) if found else ([], [])
        )
        order = np.argsort(voxels, kind="stable")
        return np.asarray(voxels, np.int64)[order], np.asarray(places, np.int64)[order]


def lay_out(params: ReactionsAndDiffusion, mesh: Mesh) -> Layout:
    """Patches of a space; all names have been checked."""
    shared = tuple(params.species)
    members = {name: np.unique(voxels_of(item.region, mesh, params.regions)) for name, item in params.models.items()}
    columns, width = _columns(params, members)
    ledgers_before, rows_of = _groups(members, len(mesh.volumes)), []
    for names, voxels in ledgers_before:
        placed = [placed_model(name, params.models[name], shared) for name in names]
        rows_of.append((Chemistry.of(placed, shared), voxels))
    patches, first = [], len(shared) * len(mesh.volumes)
    for chemistry, voxels in rows_of:
        used = np.array([shared.index(name) for name in chemistry.species if name in shared], np.int64)
        inputs = _inputs(chemistry, voxels, columns, members)
        patch = Patch(chemistry, voxels, used, first, inputs, 0)
        first += len(voxels) * patch.width
        patches.append(patch)
    outputs, finished = first + len(LEDGERS) * len(shared), []
    for patch in patches:
        finished.append(Patch(patch.chemistry, patch.voxels, patch.shared, patch.first, patch.inputs, outputs))
        outputs += len(patch.voxels) * len(patch.chemistry.outputs)
    return Layout(mesh, shared, members, tuple(finished), columns, width)


def placed_model(name: str, item: Placed, shared: tuple[str, ...]) -> PlacedModel:
    """A model with the numbers that a scenario gives it."""
    described = item.description
    values = {key: p.default * si_factor(p.unit) for key, p in described.parameters.items()}
    for key, value in item.parameters.items():
        unit = described.parameters[key].unit
        values[key] = number(value, unit) * si_factor(unit)
    names = {species: item.names.get(species, species) for species in described.species}
    return PlacedModel(name, described, values, {theirs: ours for theirs, ours in names.items() if ours in shared})


def _groups(members: Mapping[str, Integers], voxels: int) -> list[tuple[list[str], Integers]]:
    """Voxels by the models that are in them, and the names of these."""
    mask = np.zeros((voxels, -(-len(members) // 8) or 1), np.uint8)
    for k, found in enumerate(members.values()):
        mask[found, k // 8] |= np.uint8(1 << (k % 8))
    kinds, which = np.unique(mask, axis=0, return_inverse=True)
    which, groups = which.ravel(), []
    for number_of, kind in enumerate(kinds):
        names = [name for k, name in enumerate(members) if kind[k // 8] & (1 << (k % 8))]
        if names:
            groups.append((names, np.flatnonzero(which == number_of)))
    return groups


def _columns(params: ReactionsAndDiffusion, members: Mapping[str, Integers]) -> tuple[dict[str, tuple[int, bool]], int]:
    each = {item.of for item in params.inputs.values() if item.kind == "value" and item.each}
    columns, width = {}, 0
    for name, item in params.models.items():
        for key in item.description.inputs:
            full = f"{name}.{key}"
            columns[full] = (width, full in each)
            width += len(members[name]) if full in each else 1
    return columns, width


def _inputs(
    chemistry: Chemistry, voxels: Integers, columns: Mapping[str, tuple[int, bool]], members: Mapping[str, Integers]
) -> Integers:
    found = np.empty((len(voxels), len(chemistry.inputs)), np.int64)
    for k, name in enumerate(chemistry.inputs):
        first, is_each = columns[name]
        found[:, k] = first + np.searchsorted(members[name.partition(".")[0]], voxels) if is_each else first
    return found
