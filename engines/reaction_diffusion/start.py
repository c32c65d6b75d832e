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


def initial_states(
    params: ReactionsAndDiffusion, layout: Layout, size: int, per_molecule: Mapping[str, Floats], seed: int
) -> Floats:
    """(replicas, size) at time 0.

    Whole molecules are thrown into the voxels one by one, each replica by itself, with chances that go as what is expected there.
    How many there are in all is what is expected, or one more with the chance of the fraction; of what is counted the same in all.

    Parameters
    ----------
    per_molecule
        (voxels,) of every species that is no plain number: SI concentration of one molecule in a voxel.
    """
    states = np.zeros((params.replicas, size))
    is_whole = params.solver != "deterministic"
    for name, item in params.species.items():
        voxels = np.flatnonzero(layout.mesh.volumes > 0)
        concentration = np.zeros(layout.voxels)
        given = item.initial if isinstance(item.initial, dict) else {"all": item.initial}
        for region, value in given.items():
            concentration[voxels_of(region, layout.mesh, params.regions)] = number(value, item.unit) * si_factor(item.unit)
        expected = concentration[voxels] / per_molecule[name][voxels]
        _put(states, layout.field(name)[voxels], expected, None, is_whole, seed, name)
    for placed, model in params.models.items():
        totals = _totals(model) if is_whole else {}
        for name in [*model.description.species, *model.description.states]:
            if model.names.get(name, name) in params.species:
                continue
            full = f"{placed}.{name}"
            voxels, places = layout.own(full)
            if name in model.description.states:
                states[:, places] = _initial(model, name) * si_factor(model.description.states[name].unit)
                continue
            expected = _expected(model, name, voxels, layout, per_molecule[full])
            _put(states, places, expected, totals.get(name), is_whole, seed, full)
    return states


def count_of(model: Placed) -> float:
    """What initial numbers of molecules are multiplied by."""
    return 1.0 if model.count is None else model.count


def molecules_of(model: Placed) -> float:
    """All molecules that are counted at the start, of which a record may tell a fraction."""
    return count_of(model) * sum(_initial(model, name) for name in _counted(model))


def _counted(model: Placed) -> list[str]:
    return [name for name, species in model.description.species.items() if species.unit == COUNTED]


def _totals(model: Placed) -> dict[str, int]:
    """Whole numbers of what is counted, whose sum is right: one molecule that is half here and half there is one."""
    counted = _counted(model)
    upto = np.floor(np.cumsum([0.0, *(count_of(model) * _initial(model, name) for name in counted)]) + 0.5)
    return dict(zip(counted, np.diff(upto).astype(int).tolist(), strict=True))


def _initial(model: Placed, name: str) -> float:
    described = model.description
    item = described.species.get(name) or described.states[name]
    return number(model.initial[name], item.unit) if name in model.initial else item.initial


def _expected(model: Placed, name: str, voxels: Integers, layout: Layout, per_molecule: Floats) -> Floats:
    """(voxels,) molecules of one of a model's own species, or their mean."""
    value, unit = _initial(model, name), model.description.species[name].unit
    if unit == COUNTED:
        volumes = layout.mesh.volumes[voxels]
        shares: Floats = value * count_of(model) * volumes / volumes.sum()
        return shares
    return value * si_factor(unit) / per_molecule[voxels]


def _put(states: Floats, places: Integers, expected: Floats, total: int | None, is_whole: bool, seed: int, name: str) -> None:
    """Molecules of a species; ``total`` of them where that is known."""
    if not is_whole:
        states[:, places] = expected
        return
    from engines.equations.randoms import key_of

    mean = float(expected.sum())
    for replica, state in enumerate(states if mean > 0 else ()):
        rng = np.random.Generator(np.random.Philox(int(key_of(seed, "start", name, str(replica)))))
        here = int(np.floor(mean + rng.random())) if total is None else total
        state[places] = here if len(places) == 1 else rng.multinomial(here, expected / mean)
