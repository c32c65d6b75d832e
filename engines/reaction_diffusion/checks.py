"""What checks have in common: a space, and faults with the keys at which they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cosim.sdk import CosimError, did_you_mean
from cosim.sdk.errors import ScenarioError
from engines.equations.quantities import number
from engines.reaction_diffusion.chemistry.measures import ON_MEMBRANE, measure_of
from engines.reaction_diffusion.geometry.mesh import Mesh
from engines.reaction_diffusion.geometry.regions import voxels_of
from engines.reaction_diffusion.params import ReactionsAndDiffusion
from engines.reaction_diffusion.system import Integers


def all_faults(error: CosimError) -> Sequence[CosimError]:
    return error.faults if isinstance(error, ScenarioError) else (error,)


def faults_of(make: Callable[[], Any], where: str) -> list[CosimError]:
    """What goes wrong in it."""
    try:
        make()
    except CosimError as error:
        return [item.located(where) for item in all_faults(error)]
    return []


class Checks:
    """Checks of one part of the parameters."""

    def __init__(self, params: ReactionsAndDiffusion, mesh: Mesh) -> None:
        self.params, self.mesh = params, mesh

    def faults(self) -> Iterator[CosimError]:
        """All of them."""
        raise NotImplementedError

    def voxels(self, region: Any) -> Integers:
        return voxels_of(region, self.mesh, self.params.regions)

    def needs_membrane(self, voxels: Integers, what: str, where: str) -> Iterator[CosimError]:
        if len(voxels) and not (self.mesh.areas[voxels] > 0).all():
            yield CosimError(
                what, where=where, why="and there is none here", mend="give the space an area, or count molecules: unit '1'"
            )

    def not_negative(self, value: Any, unit: str, where: str) -> Iterator[CosimError]:
        try:
            found = number(value, unit)
        except CosimError as error:
            yield error.located(where)
            return
        if found < 0:
            yield CosimError(f"{value} is negative", where=where, why="there are no negative amounts", mend="0 or more")

    def inside(self, points: Any, where: str) -> Iterator[CosimError]:
        for k, point in enumerate(points):
            yield from faults_of(lambda point=point: self.mesh.voxel_at(point), f"{where}.{k}")  # type: ignore[misc]


def is_on_membrane(unit: str) -> bool:
    return measure_of(unit) in ON_MEMBRANE


def value_faults(given: Mapping[str, Any], known: Mapping[str, Any], where: str, what: str) -> Iterator[CosimError]:
    """Names that the model has, numbers with a unit that fits, in their range."""
    for name, value in given.items():
        if name not in known:
            yield CosimError(f"there is no {what} {name!r}", where=f"{where}.{name}", mend=did_you_mean(name, known))
            continue
        item = known[name]
        try:
            found = number(value, item.unit)
        except CosimError as error:
            yield error.located(f"{where}.{name}")
            continue
        beyond = item.beyond(found) if hasattr(item, "beyond") else ""
        if beyond:
            yield CosimError(f"{name} is {value}", where=f"{where}.{name}", why=beyond, mend="a number in its range")
