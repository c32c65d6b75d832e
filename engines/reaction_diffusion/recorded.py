"""What ports of records show: sums of numbers of the state, with the units and places that a reader expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cosim.sdk import CosimError, Port, Space, did_you_mean
from engines.equations.dimensions import si_factor
from engines.reaction_diffusion.geometry.mesh import Mesh
from engines.reaction_diffusion.geometry.regions import voxels_of
from engines.reaction_diffusion.layout import Layout
from engines.reaction_diffusion.params import Placed, ReactionsAndDiffusion, Record
from engines.reaction_diffusion.system import LEDGERS, Floats, Integers, Views

ACCOUNTS = (*LEDGERS, "bound", "total")
"""What may stand before a shared species in the value of a record."""
COUNTED = "1"


@dataclass(frozen=True, eq=False)
class Shown:
    """What a record shows, without its numbers.

    Attributes
    ----------
    kind
        concentration (of a shared species), account, species, state or output (of a placed model).
    """

    kind: str
    name: str
    quantity: str
    unit: str
    over: str


def shown_by(record: Record, params: ReactionsAndDiffusion) -> Shown:
    """What a record shows.

    Raises
    ------
    CosimError
        There is no such value.
    """
    value = record.value
    if value in params.species:
        unit = params.species[value].unit
        return Shown("concentration", value, "concentration", unit, record.over or "each")
    before, _, after = value.partition(".")
    if before in ACCOUNTS and after in params.species:
        return Shown("account", value, "", "1/ms" if record.rate else COUNTED, "sum")
    if before in params.models:
        return _of_model(record, before, after, params)
    known = [*params.species, *(f"{name}.{key}" for name, item in params.models.items() for key in _names(item, params))]
    known += [f"{account}.{name}" for name in params.species for account in ACCOUNTS]
    raise CosimError(f"there is no {value!r} to record", mend=did_you_mean(value, known))


def _names(item: Placed, params: ReactionsAndDiffusion) -> list[str]:
    described = item.description
    own = [name for name in described.species if item.names.get(name, name) not in params.species]
    return [*own, *described.states, *described.outputs]


def _of_model(record: Record, placed: str, name: str, params: ReactionsAndDiffusion) -> Shown:
    item = params.models[placed]
    described = item.description
    if name in described.outputs:
        output = described.outputs[name]
        if record.rate:
            raise CosimError(
                f"{record.value} has no rate here", why="outputs are worked out at ends of rows", mend="rate of a species"
            )
        return Shown("output", record.value, output.quantity, output.unit, record.over or ("each" if record.at else "sum"))
    if name in described.states:
        return Shown("state", record.value, "", described.states[name].unit, record.over or ("each" if record.at else "mean"))
    if item.names.get(name, name) in params.species and name in described.species:
        ours = item.names.get(name, name)
        raise CosimError(f"{name} of {placed} is the species {ours}", mend=f"value: {ours}; what is in complexes: bound.{ours}")
    if name in described.species:
        unit = described.species[name].unit
        quantity = "" if unit == COUNTED else "concentration"
        shown = Shown(
            "species", record.value, quantity, unit, record.over or ("sum" if unit == COUNTED and not record.at else "each")
        )
        return replace(shown, quantity="fraction") if shown.over == "fraction" else shown
    known = [*described.species, *described.states, *described.outputs]
    raise CosimError(f"{placed} has no {name!r}", mend=did_you_mean(name, known))


def record_ports(params: ReactionsAndDiffusion, mesh: Mesh) -> list[Port]:
    """A port for every record; those of replicas follow each other."""
    ports = []
    for name, record in params.record.items():
        shown = shown_by(record, params)
        space = (
            Space((record.value,))
            if shown.over != "each"
            else mesh.space_of(voxels_shown(record, params, mesh), by_place=record.at is not None)
        )
        unit = f"{shown.unit}/ms" if record.rate and shown.kind != "account" else shown.unit
        unit = "1/ms" if unit == "1/ms" or unit == "1/ms/ms" else unit
        of = "mean" if record.rate else record.of
        dt_ns = record.every or params.dt
        space = replicated(space, params.replicas)
        ports.append(Port(name, "out", "samples", space, shown.quantity, unit, of=of, dt_ns=dt_ns))
    return ports


def voxels_shown(record: Record, params: ReactionsAndDiffusion, mesh: Mesh) -> Integers:
    """The voxels of a record, in the order of its channels."""
    if record.at is not None:
        return np.array([mesh.voxel_at(point) for point in record.at], np.int64)
    placed = params.models.get(record.value.partition(".")[0]) if record.value not in params.species else None
    own = None if placed is None else voxels_of(placed.region, mesh, params.regions)
    if record.region is None:
        return np.flatnonzero(mesh.volumes > 0) if own is None else own
    found = voxels_of(record.region, mesh, params.regions)
    return found if own is None else np.intersect1d(found, own)


def replicated(space: Space, replicas: int) -> Space:
    """The channels of all replicas: all of replica 0, then of 1, labelled ``0/psd``."""
    if replicas == 1:
        return space
    each = range(replicas)
    groups = {f"replica{m}": tuple(range(m * len(space), (m + 1) * len(space))) for m in each}
    positions = None if space.positions is None else np.tile(space.positions, (replicas, 1))
    return Space(tuple(f"{m}/{label}" for m in each for label in space.labels), groups, positions)


@dataclass(frozen=True, eq=False)
class Block:
    """The columns of one record among all that are watched."""

    name: str
    columns: int
    every: int
    rate: bool


def views_of(
    params: ReactionsAndDiffusion, layout: Layout, per_molecule: Mapping[str, Floats], counts: Mapping[str, float]
) -> tuple[Views, list[Block]]:
    """All that is watched.

    Parameters
    ----------
    per_molecule
        (voxels,) of every shared species and every species of a placed model: SI concentration of one molecule in a voxel.
    counts
        Molecules of a placed model, of which a fraction is told.
    """
    found = [_columns(record, params, layout, per_molecule, counts) for record in params.record.values()]
    sizes = [len(columns.lengths) for columns in found]
    steps = [(record.every or params.dt) // params.dt for record in params.record.values()]
    means = [record.of == "mean" and not record.rate for record in params.record.values()]
    blocks = [
        Block(name, size, count, record.rate)
        for (name, record), size, count in zip(params.record.items(), sizes, steps, strict=True)
    ]
    lengths, places, weights = (
        np.concatenate([np.empty(0, kind), *(getattr(columns, key) for columns in found)])
        for key, kind in (("lengths", np.int64), ("places", np.int64), ("weights", np.float64))
    )
    views = Views(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        places,
        weights,
        np.repeat(np.array(steps, np.int64), sizes),
        np.repeat(np.array(means, np.bool_), sizes),
        any(shown_by(record, params).kind == "output" for record in params.record.values()),
    )
    return views, blocks


@dataclass(frozen=True, eq=False)
class _Columns:
    """Terms of the channels of a record, one channel after the other."""

    lengths: Integers
    places: Integers
    weights: Floats


def _columns(
    record: Record, params: ReactionsAndDiffusion, layout: Layout, per_molecule: Mapping[str, Floats], counts: Mapping[str, float]
) -> _Columns:
    shown = shown_by(record, params)
    if shown.kind == "account":
        places, weights = _account(shown.name, layout)
        return _Columns(np.array([len(places)]), places, weights)
    voxels = voxels_shown(record, params, layout.mesh)
    where = layout.field(shown.name) if shown.kind == "concentration" else _placed(layout, shown)
    places, factor = where[voxels], 1.0 / si_factor(shown.unit)
    weights = np.full(len(places), factor)
    if shown.kind in ("concentration", "species") and shown.unit != COUNTED:
        weights *= per_molecule[shown.name][voxels]
    if shown.over == "each":
        return _Columns(np.ones(len(places), np.int64), places, weights)
    if shown.over == "mean":
        volumes = layout.mesh.volumes[voxels]
        weights *= volumes / volumes.sum()
    elif shown.over == "fraction":
        weights /= counts[shown.name.partition(".")[0]]
    return _Columns(np.array([len(places)]), places, weights)


def _placed(layout: Layout, shown: Shown) -> Integers:
    """(voxels,) places of a number of a placed model, -1 where it is not."""
    voxels, places = layout.output(shown.name) if shown.kind == "output" else layout.own(shown.name)
    found = np.full(layout.voxels, -1, np.int64)
    found[voxels] = places
    return found


def _account(value: str, layout: Layout) -> tuple[Integers, Floats]:
    """Places and weights of a ledger, of what is bound, or of all there is."""
    account, _, species = value.partition(".")
    if account in LEDGERS:
        return np.array([layout.ledger(account, species)]), np.ones(1)
    places, weights = [], []
    shared = {species: 1.0} if account == "total" else {}
    for patch in layout.patches:
        if species in patch.chemistry.species:
            bound = np.asarray(patch.chemistry.bound(species), np.float64)
            shared |= {layout.shared[s]: bound[k] for k, s in enumerate(patch.shared) if bound[k]}
            for k in np.flatnonzero(bound[len(patch.shared) :]):
                rows = patch.first + np.arange(len(patch.voxels)) * patch.width + k
                places.append(rows)
                weights.append(np.full(len(rows), bound[len(patch.shared) + k]))
    for name, weight in shared.items():  # complexes that diffuse are everywhere
        here = layout.field(name)[layout.mesh.volumes > 0]
        gone = [layout.ledger(kind, name) for kind in ("left", "taken_up")] if account == "total" else []
        places.append(np.array([*here, *gone], np.int64))
        weights.append(np.full(len(places[-1]), weight))
    return np.concatenate([np.empty(0, np.int64), *places]), np.concatenate([np.empty(0), *weights])
