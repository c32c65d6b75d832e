"""From parameters to a system that a solver takes."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np

from engines.equations.dimensions import si_factor
from engines.reaction_diffusion.chemistry.measures import measure_of, measures_of
from engines.reaction_diffusion.geometry.diffusion import faces_of, walls_of
from engines.reaction_diffusion.geometry.mesh import Mesh
from engines.reaction_diffusion.incoming import Incoming, incoming_of
from engines.reaction_diffusion.layout import Layout, lay_out
from engines.reaction_diffusion.params import ReactionsAndDiffusion
from engines.reaction_diffusion.recorded import Block, views_of
from engines.reaction_diffusion.start import initial_states, molecules_of
from engines.reaction_diffusion.system import Floats, System, Views

CUBIC_UM, SQUARE_UM = 1e-18, 1e-12


@dataclass(frozen=True, eq=False)
class Built:
    """All that the engine needs.

    Attributes
    ----------
    states
        (replicas, size) at time 0.
    """

    system: System
    layout: Layout
    incoming: Incoming
    views: Views
    blocks: list[Block]
    states: Floats


def build(params: ReactionsAndDiffusion, mesh: Mesh, seed: int, linked: Container[str]) -> Built:
    """All parts, of parameters that have been checked; ``seed`` is of where molecules are at the start, ``linked`` the
    inputs that something comes in by."""
    layout = lay_out(params, mesh)
    incoming = incoming_of(params, layout, linked)
    faces = np.zeros((len(layout.shared), len(mesh.axes), layout.voxels))
    walls = np.zeros((len(layout.shared), max(len(mesh.axes), 1), layout.voxels))
    uptake = np.zeros((len(layout.shared), layout.voxels))
    for s, item in enumerate(params.species.values()):
        faces[s] = faces_of(mesh, item.diffusion, params.barriers, params.regions)
        walls[s] = walls_of(mesh, item.diffusion)
        uptake[s, mesh.volumes > 0] = item.uptake * si_factor("1/ms")
    system = System(
        params.dt * 1e-9,
        mesh.volumes * CUBIC_UM,
        mesh.areas * SQUARE_UM,
        layout.shared,
        mesh.axes,
        faces,
        walls,
        uptake,
        incoming.clamped,
        layout.patches,
    )
    per_molecule = _per_molecule(params, mesh)
    counts = {name: molecules_of(item) for name, item in params.models.items()}
    views, blocks = views_of(params, layout, per_molecule, counts)
    states = initial_states(params, layout, system.size, per_molecule, seed)
    return Built(system, layout, incoming, views, blocks, states)


def _per_molecule(params: ReactionsAndDiffusion, mesh: Mesh) -> Mapping[str, Floats]:
    """(voxels,) SI concentration of one molecule of every species, by its name in records."""
    measures = measures_of(mesh.volumes * CUBIC_UM, mesh.areas * SQUARE_UM)
    units = {name: item.unit for name, item in params.species.items()}
    for placed, item in params.models.items():
        units |= {f"{placed}.{name}": species.unit for name, species in item.description.species.items()}
    with np.errstate(divide="ignore"):  # of voxels without volume or membrane, which nobody asks for
        return {name: 1.0 / measures[measure_of(unit)] for name, unit in units.items()}
