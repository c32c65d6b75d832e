"""Named parts of a cell: by label, group or section, by distance along the cables, and by what they have of each other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from cosim.sdk import CosimError, Params, Unit, did_you_mean
from engines.compartmental_neurons.morphology.cable import Integers
from engines.compartmental_neurons.morphology.compartments import Compartments
from engines.compartmental_neurons.morphology.samples import LABELS
from engines.compartmental_neurons.morphology.tree import Floats, Morphology

Mask = NDArray[np.bool_]
Micrometres = Annotated[float, Unit("um")]
_EVERYTHING, _DENDRITES = "all", "dendrites"


def listed(value: Any) -> Any:
    """One of something, or several, as a list of them."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


class Region(Params):
    """Part of a cell; a bare name stands for a region of that name, else a group, else a label."""

    model_config = ConfigDict(populate_by_name=True)

    within: Annotated[AnyRegion | None, Field(alias="in", description="another region")] = None
    label: Annotated[list[str] | None, BeforeValidator(listed), Field(description="of sections: soma, axon, basal, apical, …")] = (
        None
    )
    group: Annotated[list[str] | None, BeforeValidator(listed), Field(description="of sections, as the morphology names them")] = (
        None
    )
    section: Annotated[list[int | str] | None, BeforeValidator(listed), Field(description="numbers from 0 on, or names")] = None
    union: Annotated[list[AnyRegion] | None, Field(min_length=1, description="what is in any of these")] = None
    without: Annotated[AnyRegion | None, Field(description="what is in this is left out")] = None
    start: Annotated[
        Micrometres | None,
        Field(
            alias="from", description="compartments with their centres as far along the cables from the soma's centre, or farther"
        ),
    ] = None
    stop: Annotated[Micrometres | None, Field(alias="to", description="and nearer than this")] = None

    @model_validator(mode="after")
    def _sound(self) -> Region:
        given = [key for key, value in _parts(self).items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"give one of {', '.join(_parts(self))}, not {' and '.join(given)}")
        if self.start is not None and self.stop is not None and self.stop <= self.start:
            raise ValueError(f"it reaches from {self.start:g} um to {self.stop:g} um, which is nowhere")
        if not given and self.without is None and self.start is None and self.stop is None:
            raise ValueError("say which part of the cell it is, such as {label: apical} or {in: apical, from: 200 um}")
        return self


AnyRegion = Annotated[
    Annotated[str, Tag("name")] | Annotated[Region, Tag("Region")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "Region"),
    Field(description="a name, or a mapping such as {in: apical, from: 200 um, to: 400 um}"),
]
Region.model_rebuild()


def _parts(region: Region) -> dict[str, Any]:
    """What it starts from, before distances and what is left out; everything where that is nothing."""
    return {
        "in": region.within, "label": region.label, "group": region.group, "section": region.section, "union": region.union
    }  # fmt: skip


class Regions:
    """The regions of one cell, as masks over its compartments.

    Parameters
    ----------
    morphology
        Which has labels and groups.
    compartments
        Of the morphology.
    named
        Regions of the user's own.
    """

    def __init__(self, morphology: Morphology, compartments: Compartments, named: Mapping[str, str | Region] | None = None) -> None:
        self.morphology, self.compartments = morphology, compartments
        self._named = dict(named or {})

    @cached_property
    def has_membrane(self) -> Mask:
        """(n,) whether it is more than a node where sections meet."""
        return self.compartments.area > 0

    @cached_property
    def counts(self) -> Integers:
        """(sections,) how many compartments each has."""
        return np.bincount(self.compartments.section[self.has_membrane], minlength=len(self.morphology.sections))

    def mask(self, region: str | Region) -> Mask:
        """Which compartments are in a region; never nodes without membrane.

        Parameters
        ----------
        region
            A region or the name of one.

        Returns
        -------
        NDArray
            (n,) bool. All false where a cell has no such part.

        Raises
        ------
        CosimError
            A name that nothing has, a section that is not there, a region that is defined by itself.
        """
        return self._mask(region, ()) & self.has_membrane

    def extent(self, mask: Mask) -> tuple[float, float]:
        """How near and how far from the soma's centre, in µm, the compartments of a mask reach."""
        distance, half = self.compartments.distance[mask], self.compartments.length[mask] / 2
        return max(float((distance - half).min()), 0.0), float((distance + half).max())

    def section_of(self, number: int | str) -> int:
        """The number of a section, given by number or name."""
        sections = self.morphology.sections
        if isinstance(number, str):
            names = [section.name for section in sections]
            if number in names:
                return names.index(number)
            raise CosimError(f"no section is named {number!r}", mend=did_you_mean(number, filter(None, names[:200])))
        if not 0 <= number < len(sections):
            raise CosimError(
                f"section {number} is off the tree",
                why=f"the morphology has {len(sections)} sections, counted from 0",
                mend=f"0 to {len(sections) - 1}",
            )
        return number

    # -- masks ----------------------------------------------------------------------------------------------------------------

    def _mask(self, region: str | Region, above: tuple[str, ...]) -> Mask:
        if isinstance(region, str):
            return self._of_name(region, above)
        if region.within is not None:
            mask = self._mask(region.within, above)
        elif region.union is not None:
            mask = np.logical_or.reduce([self._mask(part, above) for part in region.union])
        else:
            mask = self._of_sections(region)
        if region.without is not None:
            mask = mask & ~self._mask(region.without, above)
        distance: Floats = self.compartments.distance
        from_here = mask if region.start is None else mask & (distance >= region.start)
        return from_here if region.stop is None else from_here & (distance < region.stop)

    def _of_name(self, name: str, above: tuple[str, ...]) -> Mask:
        if name in self._named:
            if name in above:
                way = " → ".join([*above[above.index(name) :], name])
                mend = f"{{label: {name}}} is the label, whatever regions are called" if name in self._labels() else ""
                raise CosimError(f"region {name!r} is defined by itself", why=way, mend=mend)
            return self._mask(self._named[name], (*above, name))
        if name in self.morphology.groups:
            return self._of_numbers(self.morphology.groups[name])
        if name in self._labels():
            return self._of_labels([name])
        if name == _EVERYTHING:
            return np.ones(self.compartments.count, np.bool_)
        if name == _DENDRITES:
            return ~self._of_labels(["soma", "axon"])
        known = [*self._named, *self.morphology.groups, *self._labels(), _EVERYTHING, _DENDRITES]
        raise CosimError(f"nothing is called {name!r}", why="it is no region, group or label", mend=did_you_mean(name, known))

    def _of_sections(self, region: Region) -> Mask:
        if region.label is not None:
            return self._of_labels(region.label)
        if region.group is not None:
            return self._of_groups(region.group)
        if region.section is not None:
            return self._of_numbers([self.section_of(number) for number in region.section])
        return np.ones(self.compartments.count, np.bool_)

    def _labels(self) -> tuple[str, ...]:
        """Those of the cell, and those that any cell may have."""
        return tuple(dict.fromkeys([*self.morphology.labels, *LABELS.values()]))

    def _of_labels(self, labels: list[str]) -> Mask:
        for label in labels:
            if label not in self._labels():
                raise CosimError(f"no section has the label {label!r}", mend=did_you_mean(label, self._labels()))
        return self._of_numbers([n for n, section in enumerate(self.morphology.sections) if section.label in labels])

    def _of_groups(self, groups: list[str]) -> Mask:
        for group in groups:
            if group not in self.morphology.groups:
                mend = did_you_mean(group, self.morphology.groups) or "this morphology has none"
                raise CosimError(f"there is no group {group!r}", mend=mend)
        return self._of_numbers([number for group in groups for number in self.morphology.groups[group]])

    def _of_numbers(self, numbers: list[int] | tuple[int, ...]) -> Mask:
        chosen = np.zeros(len(self.morphology.sections), np.bool_)
        chosen[list(numbers)] = True
        mask: Mask = chosen[self.compartments.section]
        return mask
