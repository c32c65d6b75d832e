"""Named parts of a space, as sets of voxels: a voxel belongs to a region when the place of its value does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from cosim.sdk import CosimError, Params, Unit, did_you_mean
from engines.compartmental_neurons.morphology.regions import Region as Cables
from engines.compartmental_neurons.morphology.regions import listed
from engines.reaction_diffusion.geometry.grid import Floats, Integers, Mask, told
from engines.reaction_diffusion.geometry.mesh import Mesh

Micrometres = Annotated[float, Unit("um")]
Point = tuple[Micrometres, Micrometres, Micrometres]
EVERYTHING = "all"
_ON_THE_EDGE = 1e-9
"""Relative: 0.3 um is not three times 0.1 um in binary, and what is meant to be on the edge is in."""


class Ball(Params):
    """Around a point; on a disc a circle."""

    centre: Point = (0.0, 0.0, 0.0)
    radius: Annotated[Micrometres, Field(gt=0)]


class Block(Params):
    """Between two corners."""

    model_config = ConfigDict(populate_by_name=True)

    start: Annotated[Point | None, Field(alias="from", description="corner of smallest coordinates; else no end")] = None
    stop: Annotated[Point | None, Field(alias="to", description="corner of largest coordinates; else no end")] = None

    @model_validator(mode="after")
    def _ordered(self) -> Block:
        if self.start is None and self.stop is None:
            raise ValueError("say from or to where")
        if self.start is not None and self.stop is not None and any(a > b for a, b in zip(self.start, self.stop, strict=True)):
            raise ValueError(f"it reaches from {told(self.start)} to {told(self.stop)}, which is nowhere")
        return self


class Region(Params):
    """Part of a space: all that is said of it holds."""

    model_config = ConfigDict(populate_by_name=True)

    within: Annotated[AnyRegion | None, Field(alias="in", description="another region")] = None
    ball: Ball | None = None
    box: Block | None = None
    rim: Annotated[Micrometres | None, Field(gt=0, description="nearer than this to the rim of the disc")] = None
    section: Annotated[
        list[int | str] | None,
        BeforeValidator(listed),
        Field(min_length=1, description="of the dendrite: names, numbers, labels, groups"),
    ] = None
    start: Annotated[
        Micrometres | None,
        Field(alias="from", description="as far along the cables from the centre of the root section, or farther"),
    ] = None
    stop: Annotated[Micrometres | None, Field(alias="to", description="and nearer than this")] = None
    without: Annotated[AnyRegion | None, Field(alias="not", description="what is in this is left out")] = None

    @model_validator(mode="after")
    def _sound(self) -> Region:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("say which part it is, such as {ball: {centre: [0 um, 0 um, 0 um], radius: 100 nm}}")
        if self.start is not None and self.stop is not None and self.stop <= self.start:
            raise ValueError(f"it reaches from {self.start:g} um to {self.stop:g} um, which is nowhere")
        return self


def _kind(value: Any) -> str:
    return "name" if isinstance(value, str) else "union" if isinstance(value, (list, tuple)) else "Region"


Part = Annotated[
    Annotated[str, Tag("name")] | Annotated[Region, Tag("Region")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "Region"),
]
AnyRegion = Annotated[
    Annotated[str, Tag("name")] | Annotated[Region, Tag("Region")] | Annotated[list[Part], Field(min_length=1), Tag("union")],
    Discriminator(_kind),
    Field(description="a name, a mapping such as {ball: {centre: …, radius: 100 nm}}, or a list: what is in any of them"),
]
Region.model_rebuild()


def voxels_of(region: Any, mesh: Mesh, regions: Mapping[str, Any]) -> Integers:
    """The voxels of a region, in order.

    Parameters
    ----------
    region
        A region, a list of them, or the name of one.
    mesh
        Of the space.
    regions
        Those that have names.

    Raises
    ------
    CosimError
        There is no such name or part; or no voxel is in it, and how far the nearest one is.
    """
    found = np.flatnonzero(mask_of(region, mesh, regions))
    if not len(found):
        raise CosimError(f"{telling(region)} has no voxel", why=_why_empty(region, mesh, regions), mend=_mend(mesh))
    return found


def mask_of(region: Any, mesh: Mesh, regions: Mapping[str, Any]) -> Mask:
    """(voxels,) which are in a region; may be none. Never those without volume."""
    return _mask(region, mesh, regions, ()) & mesh.active


def _mask(region: Any, mesh: Mesh, regions: Mapping[str, Any], above: tuple[str, ...]) -> Mask:
    if isinstance(region, str):
        return _of_name(region, mesh, regions, above)
    if isinstance(region, (list, tuple)):
        return _any([_mask(part, mesh, regions, above) for part in region])
    mask = np.ones(mesh.count, np.bool_)
    if region.within is not None:
        mask &= _mask(region.within, mesh, regions, above)
    if region.ball is not None:
        mask &= _beyond_ball(region.ball, mesh.positions) <= region.ball.radius * _ON_THE_EDGE
    if region.box is not None:
        mask &= _beyond_block(region.box, mesh.positions) <= _slack(mesh)
    if region.rim is not None:
        mask &= _from_rim(mesh) < region.rim * (1 + _ON_THE_EDGE)
    if region.section is not None:
        mask &= _of_sections(region.section, mesh)
    if region.start is not None or region.stop is not None:
        distances = _along(mesh)
        mask &= (distances >= (region.start if region.start is not None else -np.inf)) & (
            distances < (region.stop if region.stop is not None else np.inf)
        )
    return mask if region.without is None else mask & ~_mask(region.without, mesh, regions, above)


def _of_name(name: str, mesh: Mesh, regions: Mapping[str, Any], above: tuple[str, ...]) -> Mask:
    if name in regions:
        if name in above:
            way = " → ".join([*above[above.index(name) :], name])
            raise CosimError(f"region {name!r} is defined by itself", why=way)
        return _mask(regions[name], mesh, regions, (*above, name))
    if name == EVERYTHING:
        return np.ones(mesh.count, np.bool_)
    known = [*regions, EVERYTHING]
    if mesh.regions is not None:
        try:
            return _of_sections([name], mesh)
        except CosimError:
            known += [*mesh.regions.morphology.groups, *mesh.regions.morphology.labels]
    raise CosimError(f"there is no region {name!r}", mend=did_you_mean(name, known))


# -- parts ---------------------------------------------------------------------------------------------------------------------


def _beyond_ball(ball: Ball, positions: Floats) -> Floats:
    """(voxels,) µm from the surface outwards; negative inside."""
    beyond: Floats = np.sqrt(np.sum((positions - np.array(ball.centre)) ** 2, axis=1)) - ball.radius
    return beyond


def _beyond_block(block: Block, positions: Floats) -> Floats:
    """(voxels,) µm from the block, 0 inside."""
    low = np.full(3, -np.inf) if block.start is None else np.array(block.start)
    high = np.full(3, np.inf) if block.stop is None else np.array(block.stop)
    outside = np.maximum(np.maximum(low - positions, positions - high), 0.0)
    beyond: Floats = np.sqrt(np.sum(outside**2, axis=1))
    return beyond


def _slack(mesh: Mesh) -> float:
    return _ON_THE_EDGE * (1.0 if mesh.grid is None else float(mesh.grid.spacing.min()))


def _from_rim(mesh: Mesh) -> Floats:
    if mesh.circle is None:
        raise CosimError(f"a region is near the rim, and a {mesh.kind} space has none", mend="a disc has a rim; a box has {box: …}")
    found: Floats = mesh.circle.radius - mesh.distances
    return found


def _along(mesh: Mesh) -> Floats:
    if mesh.regions is None:
        mend = "from and to are distances along cables; in a box write {box: {from: [x, y, z], to: [x, y, z]}}"
        raise CosimError(f"a region says how far along the cables it is, and a {mesh.kind} space has none", mend=mend)
    return mesh.distances


def _of_sections(names: list[int | str], mesh: Mesh) -> Mask:
    """What has one of these numbers, names, groups or labels."""
    if mesh.regions is None:
        raise CosimError(f"a region is a section, and a {mesh.kind} space has none", mend="a dendrite has sections")
    sections = {section.name for section in mesh.regions.morphology.sections}
    parts = [mesh.regions.mask(Cables(section=[name]) if not isinstance(name, str) or name in sections else name) for name in names]
    return _any(parts)


def _any(masks: list[Mask]) -> Mask:
    found: Mask = np.logical_or.reduce(masks)
    return found


# -- empty regions ---------------------------------------------------------------------------------------------------------------


def _why_empty(region: Any, mesh: Mesh, regions: Mapping[str, Any]) -> str:
    while isinstance(region, str) and region in regions:
        region = regions[region]
    shapes = region if isinstance(region, list) else [region]
    if len(shapes) == 1 and isinstance(shapes[0], Region):
        beyond = None
        if shapes[0].ball is not None:
            beyond = _beyond_ball(shapes[0].ball, mesh.positions)
        elif shapes[0].box is not None:
            beyond = _beyond_block(shapes[0].box, mesh.positions)
        if beyond is not None:
            nearest = int(np.argmin(np.where(mesh.active, beyond, np.inf)))
            if beyond[nearest] > 0:
                where = told(mesh.positions[nearest])
                return f"the nearest voxel has its place at {where}, {beyond[nearest]:.4g} um outside of it"
    if mesh.regions is not None:
        near, far = mesh.regions.extent(mesh.active)
        return f"the dendrite reaches from {near:.4g} um to {far:.4g} um along the cables; a voxel is in when its middle is"
    return "a voxel is in when its middle is, in all parts that are named"


def _mend(mesh: Mesh) -> str:
    if mesh.grid is not None:
        size = " x ".join(f"{value:.4g}" for value in mesh.grid.spacing[: len(mesh.axes)])
        return f"voxels are {size} um: move it, make it larger, or the voxels smaller"
    return "move it or make it larger"


def telling(region: Any) -> str:
    """What an error calls a region."""
    if isinstance(region, str):
        return f"region {region!r}"
    if isinstance(region, (list, tuple)):
        return " and ".join(telling(part) for part in region)
    words = region.model_dump(by_alias=True, exclude_none=True)
    return f"region {words}".replace("'", "")
