"""Where on a cell something sits: synapses, electrodes, detectors, as numbers of compartments."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from cosim.sdk import CosimError, Params
from engines.compartmental_neurons.morphology.cable import Integers
from engines.compartmental_neurons.morphology.regions import AnyRegion, Mask, Micrometres, Region, Regions
from engines.compartmental_neurons.morphology.tree import Floats

_SAME_PLACE_UM = 1e-6
"""Ends of compartments are sums of lengths; what lies this near to one lies behind it."""


class Site(Params):
    """One place on a cell or many; a bare name stands for the middle of the first section of that region."""

    model_config = ConfigDict(populate_by_name=True)

    within: Annotated[AnyRegion | None, Field(alias="in", description="region in which the site lies")] = None
    section: Annotated[int | str | None, Field(description="its number, from 0 on, or name")] = None
    at: Annotated[
        float | None,
        Field(ge=0, le=1, description="of section, or of the first section of the region: 0 is its start, 1 its end; else 0.5"),
    ] = None
    distance: Annotated[
        Micrometres | None, Field(ge=0, description="along the cables from the soma's centre: one site on every path of the region")
    ] = None
    every: Annotated[Micrometres | None, Field(gt=0, description="sites at every multiple of this distance on every path")] = None
    count: Annotated[int | None, Field(ge=1, description="as many sites at random, uniform along the cables of the region")] = None
    nearest: Annotated[tuple[Micrometres, Micrometres, Micrometres] | None, Field(description="[x, y, z]")] = None
    everywhere: Annotated[AnyRegion | None, Field(alias="all", description="every compartment of this region")] = None

    @model_validator(mode="after")
    def _one(self) -> Site:
        ways: dict[str, Any] = {"section": self.section, "distance": self.distance, "every": self.every}
        ways |= {"count": self.count, "nearest": self.nearest, "all": self.everywhere}
        given = [key for key, value in ways.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"give one of {', '.join(ways)}, not {' and '.join(given)}")
        if not given and self.within is None:
            raise ValueError("say where it is, such as {in: soma}, {section: 12, at: 0.5} or {in: apical, count: 100}")
        if self.at is not None and given and self.section is None:
            raise ValueError(f"at says where on a section; {given[0]} says where without it")
        if self.within is not None and (self.section is not None or self.everywhere is not None):
            raise ValueError(f"{given[0]} says where without in")
        return self


AnySite = Annotated[
    Annotated[str, Tag("name")] | Annotated[Site, Tag("Site")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "Site"),
    Field(description="a region's name, or a mapping such as {in: apical, distance: 400 um}"),
]


def compartments_of(site: str | Site, regions: Regions, seed: int = 0, cell: int = 0, name: str = "") -> Integers:
    """The compartments in which a site lies.

    Parameters
    ----------
    site
        Where, or the name of a region.
    regions
        Of the cell.
    seed, cell, name
        What random sites hang on besides their number: so further ones do not move those that are there.

    Returns
    -------
    NDArray
        (k,) int64, k of 1 or more: random ones as drawn, others by their numbers. Some may come up more than once.

    Raises
    ------
    CosimError
        The site is not on the cell.
    """
    if isinstance(site, str):
        site = Site(within=site)
    if site.section is not None:
        return np.array([_at(regions, regions.section_of(site.section), 0.5 if site.at is None else site.at)])
    region = site.everywhere if site.everywhere is not None else "all" if site.within is None else site.within
    mask = regions.mask(region)
    if not mask.any():
        raise CosimError(f"a site is in {_told(region)}, of which the cell has nothing", why=_why_empty(region, regions))
    if site.everywhere is not None:
        return np.flatnonzero(mask)
    if site.distance is not None:
        return _at_distance(site.distance, region, regions, mask)
    if site.every is not None:
        return _every(site.every, region, regions, mask)
    if site.count is not None:
        return _drawn(site.count, regions, mask, seed, cell, name)
    if site.nearest is not None:
        return _nearest(np.array(site.nearest), regions, mask)
    return _on_first(0.5 if site.at is None else site.at, region, regions, mask)


# -- the kinds -----------------------------------------------------------------------------------------------------------------


def _at(regions: Regions, section: int, at: float) -> int:
    """The compartment at a place of a section: at its ends the last ones."""
    count = int(regions.counts[section])
    inside = min(int(at * count), count - 1)
    of_section = np.flatnonzero((regions.compartments.section == section) & regions.has_membrane)
    return int(of_section[np.argsort(regions.compartments.at[of_section])[inside]])


def _on_first(at: float, region: str | Region, regions: Regions, mask: Mask) -> Integers:
    section = int(regions.compartments.section[mask].min())
    found = _at(regions, section, at)
    if not mask[found]:
        places = regions.compartments.at[mask & (regions.compartments.section == section)]
        raise CosimError(
            f"{at:g} of the first section of {_told(region)} is outside it",
            why=f"its compartments there have their centres from {places.min():.3g} to {places.max():.3g} of section {section}",
            mend="give another at, or distance",
        )
    return np.array([found])


def _at_distance(distance: float, region: str | Region, regions: Regions, mask: Mask) -> Integers:
    start, stop = _ends(regions)
    here = distance + _SAME_PLACE_UM
    is_tip = ~np.isin(np.arange(len(mask)), regions.compartments.parent)
    found = np.flatnonzero(mask & (start <= here) & ((here < stop) | (is_tip & (distance <= stop + _SAME_PLACE_UM))))
    if not len(found):
        raise _too_far(f"{distance:g} um", region, regions, mask)
    return found


def _every(step: float, region: str | Region, regions: Regions, mask: Mask) -> Integers:
    start, stop = _ends(regions)
    before, up_to = (np.ceil((ends - _SAME_PLACE_UM) / step) for ends in (start, stop))
    count = np.where(mask, up_to - before, 0).astype(np.int64)
    if not count.any():
        raise _too_far(f"a multiple of {step:g} um", region, regions, mask)
    return np.repeat(np.arange(len(mask)), count)


def _drawn(count: int, regions: Regions, mask: Mask, seed: int, cell: int, name: str) -> Integers:
    from engines.equations.randoms import key_of, streams, uniforms  # compiles: not for checks

    words = streams(key_of(seed, "sites", name), np.arange(count), cell)
    uniform = uniforms(words)
    compartments, inside = regions.compartments, np.flatnonzero(mask)
    inside = inside[np.lexsort((compartments.at[inside], compartments.section[inside]))]  # along cables, whatever their cut
    up_to = np.cumsum(compartments.length[inside])
    drawn: Integers = inside[np.minimum(np.searchsorted(up_to, uniform * up_to[-1], side="right"), len(inside) - 1)]
    return drawn


def _nearest(point: Floats, regions: Regions, mask: Mask) -> Integers:
    """The one with the point of its axis, straight from its ends to its node, that is nearest."""
    c, inside = regions.compartments, np.flatnonzero(mask)
    gaps = [_gap(point, c.start[inside], c.middle[inside]), _gap(point, c.middle[inside], c.stop[inside])]
    return inside[[np.argmin(np.minimum(*gaps))]]


def _gap(point: Floats, start: Floats, stop: Floats) -> Floats:
    """(n,) µm between a point and pieces of straight lines."""
    along = stop - start
    square = np.sum(along**2, axis=1)
    share = np.divide(np.sum((point - start) * along, axis=1), square, out=np.zeros(len(square)), where=square > 0)
    gap: Floats = np.linalg.norm(start + np.clip(share, 0, 1)[:, None] * along - point, axis=1)
    return gap


# -- helpers -------------------------------------------------------------------------------------------------------------------


def _ends(regions: Regions) -> tuple[Floats, Floats]:
    """(n,) µm from the soma's centre at which each compartment starts and stops; around the centre it starts below 0."""
    compartments, half = regions.compartments, regions.compartments.length / 2
    return compartments.distance - half, compartments.distance + half


def _too_far(what: str, region: str | Region, regions: Regions, mask: Mask) -> CosimError:
    near, far = regions.extent(mask)
    return CosimError(
        f"a site at {what} is off the tree",
        why=f"{_told(region)} reaches from {near:.4g} um to {far:.4g} um from the soma's centre",
        mend="give a distance between",
    )


def _why_empty(region: str | Region, regions: Regions) -> str:
    _, far = regions.extent(regions.has_membrane)
    labels = ", ".join(regions.morphology.labels)
    return f"the cell has the labels {labels} and reaches to {far:.4g} um from the soma's centre"


def _told(region: str | Region) -> str:
    if isinstance(region, str):
        return f"region {region!r}"
    words = ", ".join(f"{key}: {value}" for key, value in region.model_dump(by_alias=True, exclude_none=True).items())
    return f"region {{{words}}}"
