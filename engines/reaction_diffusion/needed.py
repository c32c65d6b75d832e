"""What memory states, molecules and rows take: what this machine cannot hold is refused before it is laid out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cosim.sdk import CosimError
from engines.equations.dimensions import si_factor
from engines.equations.quantities import number
from engines.reaction_diffusion.chemistry.measures import measure_of, measures_of
from engines.reaction_diffusion.geometry.mesh import Mesh
from engines.reaction_diffusion.geometry.regions import voxels_of
from engines.reaction_diffusion.incoming import is_points
from engines.reaction_diffusion.params import ReactionsAndDiffusion
from engines.reaction_diffusion.recorded import record_ports
from engines.reaction_diffusion.start import molecules_of

_NUMBER, _FACE, _MOLECULE, _PART = 24, 60, 16, 100  # bytes: of a number of a state, a face, a molecule, a part of a release
_ROW = 24  # bytes of a number of a row: where it is written, turned, and sent
_GIB = 2.0**30


@dataclass(frozen=True)
class Part:
    """Some of what is needed, and the key that it comes from."""

    where: str
    what: str
    bytes: float
    mend: str


def refuse_too_large(parts: Sequence[Part], available: float | None = None) -> None:
    """Refuse what this machine cannot hold; ``available`` bytes, else what it has left now.

    Raises
    ------
    CosimError
        With both numbers, at what takes the most.
    """
    from engines.point_neurons.connections.memory import available_bytes

    total, left = sum(part.bytes for part in parts), available_bytes() if available is None else available
    if total > left:
        largest = max(parts, key=lambda part: part.bytes)
        what = f"this needs {total / _GIB:.3g} GiB, and this machine has {left / _GIB:.3g} GiB"
        raise CosimError(what, where=largest.where, why=f"{largest.what}: {largest.bytes / _GIB:.3g} GiB", mend=largest.mend)


def needed(params: ReactionsAndDiffusion, mesh: Mesh) -> list[Part]:
    """By the system, of parameters that have been checked."""
    return list(_parts(params, mesh))


def needed_by_window(params: ReactionsAndDiffusion, mesh: Mesh, steps: int, columns: int) -> list[Part]:
    """By the rows of a window of some steps; ``columns`` are those of all inputs."""
    rows = [
        (name, len(port.space) * (steps // ((port.dt_ns or params.dt) // params.dt)))
        for name, port in zip(params.record, record_ports(params, mesh), strict=True)
    ]
    mend = "shorter windows, fewer rows (every: …), a region or places (in, at), or over: mean"
    found = [Part(f"params.record.{name}", f"{count:.3g} numbers in a window", _ROW * float(count), mend) for name, count in rows]
    inputs = Part(
        "params.inputs", f"{steps} rows of {columns} channels", 16.0 * steps * columns, "shorter windows, or fewer channels"
    )
    return [*found, inputs]


def _parts(params: ReactionsAndDiffusion, mesh: Mesh) -> Iterator[Part]:
    voxels, replicas = float(mesh.count), float(params.replicas)
    fields = voxels * len(params.species)
    mend = "fewer replicas, a coarser spacing, or a smaller space"
    yield Part("params.space", f"{voxels:.4g} voxels of {len(params.species)} species", _NUMBER * fields * replicas, mend)
    yield Part("params.space", f"{voxels:.4g} voxels and their faces", _FACE * fields * len(mesh.axes), mend)
    for name, item in params.models.items():
        described = item.description
        width = len(described.species) + len(described.states) + len(described.outputs)
        count = len(voxels_of(item.region, mesh, params.regions))
        yield Part(f"params.models.{name}", f"{width} numbers in {count} voxels", _NUMBER * width * count * replicas, mend)
    if params.solver != "deterministic" and mesh.count > 1:  # where each is kept in a list, by its voxel
        mend = "fewer replicas, or solver: deterministic: these are many molecules"
        molecules = _molecules(params, mesh)
        yield Part("params.solver", f"{molecules:.3g} molecules in each replica", _MOLECULE * molecules * replicas, mend)
    for name, release in params.release.items():
        steps = math.ceil(21.0 * (release.lasting or 0) / params.dt) or 1
        places = 1 if is_points(release) else len(voxels_of(release.at, mesh, params.regions))
        what = f"a vesicle comes out in {steps} steps at {places} places"
        yield Part(f"params.release.{name}", what, _PART * float(steps) * places, "fewer places, a longer dt, or no lasting")


def _molecules(params: ReactionsAndDiffusion, mesh: Mesh) -> float:
    """At the start, and of one release of each kind."""
    measures = measures_of(mesh.volumes * 1e-18, mesh.areas * 1e-12)
    total = sum(molecules_of(item) for item in params.models.values())
    for item in params.species.values():
        per_density = measures[measure_of(item.unit)]
        for region, value in item.initial.items() if isinstance(item.initial, dict) else [("all", item.initial)]:
            there = per_density[voxels_of(region, mesh, params.regions)].sum()
            total += number(value, item.unit) * si_factor(item.unit) * float(there)
    return total + sum(release.molecules for release in params.release.values())
