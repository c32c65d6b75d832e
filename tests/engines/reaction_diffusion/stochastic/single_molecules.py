"""Systems put together by hand, from models written in a line, and runs of the stochastic solver on them."""

from __future__ import annotations

import logging

import numpy as np

from engines.equations.dimensions import si_factor
from engines.equations.randoms import key_of
from engines.reaction_diffusion.chemistry.chemistry import Chemistry, PlacedModel
from engines.reaction_diffusion.chemistry.description import read_reactions, shipped
from engines.reaction_diffusion.stochastic import Stochastic
from engines.reaction_diffusion.system import Additions, Axis, Flows, Patch, System, Views

NOTHING = Additions(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))
NO_FLOWS = Flows(*[np.empty(0, np.int64)] * 3, np.empty(0))
LOG = logging.getLogger("stochastic")
AVOGADRO = 6.02214076e23


def placed(text, folder, name="m", **values):
    """A model from the text of its file, with parameters in SI units."""
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return _placed(name, read_reactions(path), values)


def model(shipped_name, name="m", **values):
    """A model that is shipped."""
    return _placed(name, read_reactions(shipped()[shipped_name]), values)


def _placed(name, description, values):
    given = {key: item.default * si_factor(item.unit) for key, item in description.parameters.items()}
    return PlacedModel(name, description, given | values, {})


def line(voxels, spacing, diffusion, volume=None, walls=(False, False)):
    """Axis, volumes, faces and walls of a row of voxels; SI units."""
    area = 1e-14
    volumes = np.full(voxels, spacing * area if volume is None else volume / voxels)
    area = volumes[0] / spacing
    faces = np.full(voxels, diffusion * area / spacing)
    faces[0] = 0.0
    out = np.zeros(voxels)
    out[0], out[-1] = (2.0 * diffusion * area / spacing * np.array(walls)).tolist()
    return Axis(np.arange(voxels) - 1, 1), volumes, faces, out


def system_of(
    models=(), shared=(), volumes=1e-18, axes=(), faces=None, walls=None, uptake=None, clamped=None, inside=None, dt=1e-3, inputs=0
):
    """A system with all models in the voxels ``inside``, or in all; every model input is column ``inputs`` and on."""
    volumes = np.atleast_1d(np.asarray(volumes, np.float64))
    voxels, count = len(volumes), len(shared)
    inside = np.arange(voxels) if inside is None else np.asarray(inside)
    patches = []
    if models:
        chemistry = Chemistry.of(models, shared)
        known = [shared.index(name) for name in chemistry.species if name in shared]
        columns = np.tile(inputs + np.arange(len(chemistry.inputs)), (len(inside), 1))
        width = len(chemistry.species) - len(known) + len(chemistry.states)
        outputs = count * voxels + len(inside) * width + 4 * count
        patches = [Patch(chemistry, inside, np.array(known, np.int64), count * voxels, columns, outputs)]
    return System(
        dt,
        volumes,
        np.full(voxels, 1e-12),
        tuple(shared),
        tuple(axes),
        np.zeros((count, len(axes), voxels)) if faces is None else np.reshape(faces, (count, len(axes), voxels)),
        np.zeros((count, 1, voxels)) if walls is None else np.reshape(walls, (count, 1, voxels)),
        np.zeros((count, voxels)) if uptake is None else np.reshape(uptake, (count, voxels)),
        np.full((count, voxels), -1) if clamped is None else np.reshape(clamped, (count, voxels)),
        tuple(patches),
    )


def views_of(places, weights=None, every=1, is_mean=False, uses_outputs=False):
    """One column for each list of places."""
    starts = np.concatenate([[0], np.cumsum([len(some) for some in places])]).astype(np.int64)
    flat = np.concatenate([np.empty(0, np.int64), *places]).astype(np.int64)
    weights = np.ones(len(flat)) if weights is None else np.concatenate(weights)
    count = len(places)
    return Views(starts, flat, weights, np.full(count, every), np.full(count, is_mean), uses_outputs)


def solver(system, places=(), method="exact", replicas=1, seed=1, threads=1, epsilon=0.03, flows=NO_FLOWS, **view):
    views = views_of(list(places), **view)
    return Stochastic(system, views, flows, key_of(seed, "events"), method, epsilon, threads, replicas, LOG)


def advance(made, state, steps, columns=0, every=1, inputs=None, additions=NOTHING):
    """(replicas, rows, columns) of what is watched."""
    rows = steps // every
    out = np.zeros((len(state), rows * columns))
    inputs = np.zeros((steps, 0)) if inputs is None else inputs
    made.advance(state, additions, inputs, steps, out, np.arange(columns), np.full(columns, columns))
    return out.reshape(len(state), rows, columns)


def state_of(system, replicas=1, **numbers):
    """(replicas, size): molecules, a number for each voxel (or voxel of the patch) by species."""
    state = np.zeros((replicas, system.size))
    for name, values in numbers.items():
        state[:, places_of(system, name)] = values
    return state


def places_of(system, name):
    """Where the numbers of a species (``m_C0`` for m.C0) or a state are."""
    voxels, name = len(system.volumes), name.replace("_", ".", 1)
    if name in system.shared:
        return system.shared.index(name) * voxels + np.arange(voxels)
    (patch,) = system.patches
    names = (*patch.chemistry.species, *patch.chemistry.states)
    column = names.index(name)
    return np.array([patch.places(row, voxels)[column] for row in range(len(patch.voxels))])


def ledger(system, species, which):
    return system.ledgers + 4 * system.shared.index(species) + ("released", "left", "taken_up", "supplied").index(which)
