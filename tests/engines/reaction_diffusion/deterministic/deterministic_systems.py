"""Systems put together by hand for the deterministic solver, the operators they stand for, and runs."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np

from engines.equations.dimensions import si_factor
from engines.reaction_diffusion.chemistry.chemistry import Chemistry, PlacedModel
from engines.reaction_diffusion.chemistry.description import read_reactions, shipped
from engines.reaction_diffusion.deterministic import Deterministic
from engines.reaction_diffusion.system import LEDGERS, Additions, Axis, Flows, Patch, System, Views

LOG = logging.getLogger("deterministic")
NO_FLOWS = Flows(*[np.empty(0, np.int64)] * 3, np.empty(0))
NOTHING = Additions(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))
AVOGADRO = 6.02214076e23


# -- models ------------------------------------------------------------------------------------------------------------


def placed(model, name="m", **values):
    """A model, shipped or from the text of a file, with parameters in SI units."""
    if "\n" in model:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.yaml"
            path.write_text(model, encoding="utf-8")
            description = read_reactions(path)
    else:
        description = read_reactions(shipped()[model])
    own = {key: item.default * si_factor(item.unit) for key, item in description.parameters.items()}
    return PlacedModel(name, description, own | values, {})


# -- spaces ------------------------------------------------------------------------------------------------------------


def grid(shape):
    """Axes of a box, x first."""
    number, axes, stride = np.arange(np.prod(shape)), [], 1
    for length in shape:
        axes.append(Axis(np.where(number // stride % length > 0, number - stride, -1), stride))
        stride *= length
    return tuple(axes)


def tree(voxels, seed=0):
    """One axis: branches of some twenty voxels that leave at random places."""
    parents, chance = np.arange(voxels) - 1, np.random.default_rng(seed)
    for voxel in range(7, voxels, 19):
        parents[voxel] = chance.integers(voxel)
    return (Axis(parents, 0),)


def even_faces(axes, conductance):
    return np.array([np.where(axis.parent >= 0, conductance, 0.0) for axis in axes])


def system_of(axes, volumes, faces=None, dt=1.0, models=(), inside=None, shared=("A",), **more):
    """A system; ``models`` are in the voxels ``inside``, or in all, and their inputs the first columns."""
    voxels, count = len(volumes), len(shared)
    patches, inside = (), np.arange(voxels) if inside is None else np.asarray(inside)
    if models:
        chemistry = Chemistry.of(models, shared)
        used = np.array([shared.index(name) for name in chemistry.species if name in shared], np.int64)
        width = len(chemistry.species) - len(used) + len(chemistry.states)
        outputs = count * voxels + len(inside) * width + len(LEDGERS) * count
        columns = np.tile(np.arange(len(chemistry.inputs)), (len(inside), 1))
        patches = (Patch(chemistry, inside, used, count * voxels, columns, outputs),)
    walls = np.zeros((count, max(len(axes), 1), voxels))
    through = np.asarray(more.pop("walls", 0.0))
    walls[:, slice(None) if through.ndim > 1 else slice(1)] = through  # across all axes, or the first
    given = {"walls": walls, "uptake": np.zeros((count, voxels)), "clamped": np.full((count, voxels), -1)}
    given |= {name: np.broadcast_to(value, (count, voxels)).copy() for name, value in more.items()}
    faces = np.zeros((count, len(axes), voxels)) if faces is None else np.broadcast_to(faces, (count, len(axes), voxels)).copy()
    return System(
        dt, np.asarray(volumes, float), np.full(voxels, 1e-12), tuple(shared), tuple(axes), faces, patches=patches, **given
    )


def matrix(system, axis, species=0):
    """(voxels, voxels) of dn/dt = A n along one axis; what is held neither changes nor is it solved for."""
    voxels = len(system.volumes)
    volumes = np.where(system.volumes > 0, system.volumes, 1.0)
    found = np.zeros((voxels, voxels))
    for voxel, parent in enumerate(system.axes[axis].parent):
        if parent >= 0:
            face = system.faces[species, axis, voxel]
            found[voxel, parent] += face / volumes[parent]
            found[parent, parent] -= face / volumes[parent]
            found[parent, voxel] += face / volumes[voxel]
            found[voxel, voxel] -= face / volumes[voxel]
    found -= np.diag(system.walls[species, axis] / volumes)
    found[system.clamped[species] >= 0] = 0.0
    return found


# -- runs --------------------------------------------------------------------------------------------------------------


def views_of(places=(), weights=None, every=1, is_mean=False, uses_outputs=False):
    """One column for each list of places."""
    starts = np.concatenate([[0], np.cumsum([len(some) for some in places])]).astype(np.int64)
    flat = np.concatenate([np.empty(0, np.int64), *places]).astype(np.int64)
    weights = np.ones(len(flat)) if weights is None else np.concatenate(weights)
    every, is_mean = np.broadcast_to(every, len(places)).astype(np.int64), np.broadcast_to(is_mean, len(places)).copy()
    return Views(starts, flat, weights, every, is_mean, uses_outputs)


def solver(system, views=None, tolerance=1e-6, scheme="second_order", threads=1, flows=NO_FLOWS):
    return Deterministic(system, views or views_of(), flows, tolerance, scheme, threads, LOG)


def advance(made, state, steps, inputs=None, additions=NOTHING, columns=0, every=1):
    """(replicas, rows, columns) of what is watched, all columns alike."""
    rows = steps // every
    out = np.zeros((len(state), rows * columns))
    inputs = np.zeros((steps, 0)) if inputs is None else inputs
    made.advance(state, additions, inputs, steps, out, np.arange(columns), np.full(columns, columns))
    return out.reshape(len(state), rows, columns)


def after(system, numbers, steps, inputs=None, **options):
    """(size,) the state after some steps from ``numbers`` on, which come first in it."""
    state = np.zeros((1, system.size))
    state[0, : len(numbers)] = numbers
    advance(solver(system, **options), state, steps, inputs)
    return state[0]


def ledger(system, which, species="A"):
    """Where a ledger is."""
    return system.ledgers + len(LEDGERS) * system.shared.index(species) + LEDGERS.index(which)
