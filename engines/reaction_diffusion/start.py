"""Numbers at time 0: concentrations and counts become molecules in voxels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engines.equations.dimensions import si_factor
from engines.equations.quantities import number
from engines.reaction_diffusion.geometry.regions import voxels_of
from engines.reaction_diffusion.layout import Layout
from engines.reaction_diffusion.params import Placed, ReactionsAndDiffusion
from engines.reaction_diffusion.recorded import COUNTED
from engines.reaction_diffusion.system import Floats, Integers


def initial_state(
    params: ReactionsAndDiffusion, layout: Layout, size: int, per_molecule: Mapping[str, Floats], is_whole: bool
) -> Floats:
    """(size,) of one replica.

    Parameters
    ----------
    per_molecule
        (voxels,) of every species that is no plain number: SI concentration of one molecule in a voxel.
    is_whole
        Molecules are whole: those of a species are spread so that their sum is right to half a molecule.
    """
    state = np.zeros(size)
    for name, item in params.species.items():
        voxels = np.flatnonzero(layout.mesh.volumes > 0)
        concentration = np.zeros(layout.voxels)
        given = item.initial if isinstance(item.initial, dict) else {"all": item.initial}
        for region, value in given.items():
            concentration[voxels_of(region, layout.mesh, params.regions)] = number(value, item.unit) * si_factor(item.unit)
        state[layout.field(name)[voxels]] = _rounded((concentration[voxels] / per_molecule[name][voxels]), is_whole)
    for placed, model in params.models.items():
        for name in [*model.description.species, *model.description.states]:
            if model.names.get(name, name) in params.species:
                continue
            full = f"{placed}.{name}"
            voxels, places = layout.own(full)
            state[places] = _own(model, name, voxels, layout, per_molecule.get(full), is_whole)
    return state


def count_of(model: Placed) -> float:
    """What initial numbers of molecules are multiplied by."""
    return 1.0 if model.count is None else model.count


def molecules_of(model: Placed) -> float:
    """All molecules that are counted at the start, of which a record may tell a fraction."""
    items = model.description.species.items()
    counted = [name for name, species in items if species.unit == COUNTED]
    return count_of(model) * sum(_initial(model, name) for name in counted)


def _initial(model: Placed, name: str) -> float:
    described = model.description
    item = described.species.get(name) or described.states[name]
    return number(model.initial[name], item.unit) if name in model.initial else item.initial


def _own(model: Placed, name: str, voxels: Integers, layout: Layout, per_molecule: Floats | None, is_whole: bool) -> Floats:
    value, described = _initial(model, name), model.description
    if name in described.states:
        return np.full(len(voxels), value * si_factor(described.states[name].unit))
    if described.species[name].unit == COUNTED:
        volumes = layout.mesh.volumes[voxels]
        return _rounded(value * count_of(model) * volumes / volumes.sum(), is_whole)
    assert per_molecule is not None
    return _rounded(value * si_factor(described.species[name].unit) / per_molecule[voxels], is_whole)


def _rounded(molecules: Floats, is_whole: bool) -> Floats:
    """Whole numbers whose sum up to any voxel is that of the given ones to half a molecule."""
    if not is_whole:
        return molecules
    return np.diff(np.floor(np.cumsum(molecules) + 0.5), prepend=0.0)
