"""Inputs: what the ports are, in which columns of a row of inputs they stand, and where molecules that come in go."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np

from cosim.sdk import Port, Space
from engines.equations.dimensions import si_factor
from engines.equations.quantities import number
from engines.reaction_diffusion.chemistry.measures import AVOGADRO, IN_VOLUME, measure_of
from engines.reaction_diffusion.geometry.mesh import Mesh
from engines.reaction_diffusion.geometry.regions import voxels_of
from engines.reaction_diffusion.layout import Layout
from engines.reaction_diffusion.params import (
    ConcentrationInput,
    CurrentInput,
    FluxInput,
    InputPort,
    ReactionsAndDiffusion,
    Release,
    ValueInput,
)
from engines.reaction_diffusion.release import Sites
from engines.reaction_diffusion.system import Floats, Flows, Integers

ELEMENTARY_CHARGE = 1.602176634e-19
"""C, exact by the definition of the SI of 2019."""
MOLAR = IN_VOLUME[1]
"""Measure of mol/m³, in which concentrations are held."""


@dataclass(frozen=True, eq=False)
class Incoming:
    """All inputs together.

    Attributes
    ----------
    columns
        Of samples: first column in the row of inputs, how many, and what a port's number is multiplied by.
    defaults
        (columns,) the row where nothing comes in.
    flows, clamped
        As ``System`` takes them.
    """

    columns: Mapping[str, tuple[int, int, float]]
    defaults: Floats
    flows: Flows
    clamped: Integers


def input_ports(params: ReactionsAndDiffusion, mesh: Mesh) -> list[Port]:
    """Spikes of releases, samples of inputs."""
    ports = [Port(name, "in", "spikes", _sites_space(name, item, mesh)) for name, item in params.release.items()]
    return [*ports, *(_port(name, item, params, mesh) for name, item in params.inputs.items())]


def _port(name: str, item: InputPort, params: ReactionsAndDiffusion, mesh: Mesh) -> Port:
    dt = params.dt
    if isinstance(item, ValueInput):
        placed, _, key = item.of.partition(".")
        given = params.models[placed].description.inputs[key]
        space = mesh.space_of(voxels_of(params.models[placed].region, mesh, params.regions)) if item.each else Space((name,))
        return Port(name, "in", "samples", space, given.quantity, given.unit, dt_ns=dt)
    space = _space(name, item, params, mesh)
    if isinstance(item, ConcentrationInput):
        return Port(name, "in", "samples", space, "concentration", params.species[item.species].unit, dt_ns=dt)
    if isinstance(item, CurrentInput):
        return Port(name, "in", "samples", space, "current", "nA", of="mean", dt_ns=dt)
    return Port(name, "in", "samples", space, "molecular_flux", "1/ms", of="mean", dt_ns=dt)


def _space(name: str, item: CurrentInput | FluxInput | ConcentrationInput, params: ReactionsAndDiffusion, mesh: Mesh) -> Space:
    if not isinstance(item, ConcentrationInput) and item.at is not None:
        return mesh.space_of(np.array([mesh.voxel_at(point) for point in item.at], np.int64), by_place=True)
    return mesh.space_of(voxels_of(item.region, mesh, params.regions)) if item.each else Space((name,))


def _sites_space(name: str, item: Release, mesh: Mesh) -> Space:
    if not is_points(item):
        return Space((name,))
    positions = np.array(item.at, np.float64)
    return Space(tuple(f"{name}{k}" for k in range(len(positions))), positions=positions)


def is_points(item: Release) -> bool:
    """Whether its sites are given one by one, rather than as a region."""
    return isinstance(item.at, list) and bool(item.at) and not isinstance(item.at[0], (str, dict)) and isinstance(item.at[0], tuple)


def sites_of(name: str, params: ReactionsAndDiffusion, layout: Layout) -> Sites:
    """The sites of a release."""
    item, field = params.release[name], layout.field(params.release[name].species)
    ledger = layout.ledger("released", item.species)
    if is_points(item):
        voxels = np.array([layout.mesh.voxel_at(point) for point in item.at], np.int64)  # type: ignore[arg-type]
        return Sites(np.arange(len(voxels) + 1), field[voxels], np.ones(len(voxels)), ledger)
    voxels = voxels_of(item.at, layout.mesh, params.regions)
    return Sites(np.array([0, len(voxels)]), field[voxels], _shares(layout.mesh, voxels), ledger)


def incoming_of(params: ReactionsAndDiffusion, layout: Layout, linked: Container[str]) -> Incoming:
    """Columns, flows and clamps of all inputs; concentrations that no link brings are not held."""
    columns: dict[str, tuple[int, int, float]] = {}
    defaults = list(_model_defaults(params, layout))
    empty = np.empty(0, np.int64)
    flows = [Flows(empty, empty, empty, np.empty(0))]
    clamped = np.full((len(layout.shared), layout.voxels), -1, np.int64)
    for name, item in params.inputs.items():
        if isinstance(item, ValueInput):
            first, is_each = layout.columns[item.of]
            placed, _, key = item.of.partition(".")
            count = len(layout.members[placed]) if is_each else 1
            columns[name] = (first, count, si_factor(params.models[placed].description.inputs[key].unit))
            continue
        first = len(defaults)
        if isinstance(item, ConcentrationInput):
            voxels = voxels_of(item.region, layout.mesh, params.regions)
            if name not in linked:
                continue
            count = len(voxels) if item.each else 1
            clamped[layout.shared.index(item.species), voxels] = first + (np.arange(count) if item.each else 0)
            unit = params.species[item.species].unit
            per_molar = 1.0 if measure_of(unit) == MOLAR else 1.0 / AVOGADRO
            columns[name] = (first, count, si_factor(unit) * per_molar)
        else:
            voxels, which, shares = _spread(item, params, layout.mesh)
            count = int(which.max()) + 1
            per_unit = -1.0 / (item.valence * ELEMENTARY_CHARGE) if isinstance(item, CurrentInput) else 1.0
            ledger = np.full(len(voxels), layout.ledger("supplied", item.species))
            flows.append(Flows(first + which, layout.field(item.species)[voxels], ledger, per_unit * shares))
            columns[name] = (first, count, si_factor("nA" if isinstance(item, CurrentInput) else "1/ms"))
        defaults += [0.0] * count
    keys = ("columns", "places", "ledgers", "shares")
    joined = Flows(*(np.concatenate([getattr(part, key) for part in flows]) for key in keys))
    return Incoming(columns, np.array(defaults, np.float64), joined, clamped)


def _model_defaults(params: ReactionsAndDiffusion, layout: Layout) -> Floats:
    found = np.zeros(layout.width)
    for full, (first, is_each) in layout.columns.items():
        placed, _, key = full.partition(".")
        item = params.models[placed]
        given = item.description.inputs[key]
        value = number(item.inputs[key], given.unit) if key in item.inputs else given.default
        found[first : first + (len(layout.members[placed]) if is_each else 1)] = value * si_factor(given.unit)
    return found


def _spread(item: CurrentInput | FluxInput, params: ReactionsAndDiffusion, mesh: Mesh) -> tuple[Integers, Integers, Floats]:
    """Voxels, the channel that feeds each, and its share of the channel."""
    if item.at is not None:
        voxels = np.array([mesh.voxel_at(point) for point in item.at], np.int64)
        return voxels, np.arange(len(voxels)), np.ones(len(voxels))
    voxels = voxels_of(item.region, mesh, params.regions)
    if item.each:
        return voxels, np.arange(len(voxels)), np.ones(len(voxels))
    return voxels, np.zeros(len(voxels), np.int64), _shares(mesh, voxels)


def _shares(mesh: Mesh, voxels: Integers) -> Floats:
    volumes = mesh.volumes[voxels]
    shares: Floats = volumes / volumes.sum()
    return shares
