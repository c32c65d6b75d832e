"""Ways by which molecules leave a voxel: to its neighbours, through walls, by uptake; alike voxels are of one kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.reaction_diffusion.kernels.records import HELD, LEAVES, LOOSE, STAYS, TAKEN_UP
from engines.reaction_diffusion.system import Axis, Floats, Integers, System

_WORTH_A_CLASS = 0.2
"""Share of takes in vain, of molecules spread evenly, from which on slow voxels get classes of their own."""
_WORTH_CLASSES = 0.35
"""The same from which on there is more than one class."""
_LEVELS = 24
"""Powers of two below the rate of most voxels beyond which classes are not told apart."""


@dataclass(frozen=True, eq=False)
class WaysOut:
    """Ways out of all voxels, for all shared species.

    Attributes
    ----------
    kinds
        (shared, voxels) LOOSE where no molecule ever leaves, or where none is listed, HELD where its number is prescribed.
    chances
        (kinds, slots) sums up to each slot of rates over the rate of the class.
    goals
        (kinds, slots + 1) voxels on, LEAVES, TAKEN_UP; STAYS beyond the last chance.
    kind_classes
        (kinds,) class of each; -1 of kinds of sources.
    bounds, class_species
        (classes,) 1/s, the largest rate at which molecules leave a voxel of the class.
    sources, source_columns, source_kinds, source_rates
        (sources,) places where a species is held, the column that tells its concentration, the ways out, and 1/s of all.
    """

    kinds: NDArray[np.int32]
    chances: Floats
    goals: Integers
    kind_classes: Integers
    bounds: Floats
    class_species: Integers
    sources: Integers
    source_columns: Integers
    source_kinds: Integers
    source_rates: Floats


def ways_out(system: System, is_listed: bool) -> WaysOut:
    """Of a system.

    Parameters
    ----------
    is_listed
        Whether molecules are listed at all; of what is held ways out are told in any case.
    """
    voxels, found = len(system.volumes), _Found()
    goals = np.concatenate([_neighbours(axis, voxels) for axis in system.axes] + [np.full((voxels, 2), LEAVES)], axis=1)
    goals[:, -1] = TAKEN_UP
    kinds = np.full((len(system.shared), voxels), LOOSE, np.int32)
    for species in range(len(system.shared)):
        rates = rates_of(system, species, goals)
        total = rates.sum(axis=1)
        held = system.clamped[species] >= 0
        kinds[species, held] = HELD
        if is_listed and (listed := np.flatnonzero((total > 0.0) & ~held)).size:
            levels, bounds = classes_of(total[listed], system.volumes[listed])
            kinds[species, listed] = found.add(species, rates[listed], goals[listed], levels, bounds)
        if (places := np.flatnonzero(held)).size:
            found.add_sources(species, places, voxels, rates[places], goals[places], system.clamped[species, places])
    return found.together(kinds)


def rates_of(system: System, species: int, goals: Integers) -> Floats:
    """(voxels, slots) 1/s, of each way out of ``goals``."""
    voxels = len(system.volumes)
    found = np.zeros(goals.shape)
    with np.errstate(divide="ignore"):
        inverse = np.where(system.volumes > 0.0, 1.0 / system.volumes, 0.0)
    first = 0
    for k, axis in enumerate(system.axes):
        inner = np.flatnonzero(axis.parent >= 0)
        passing, parents = system.faces[species, k, inner], axis.parent[inner]
        found[inner, first] = passing * inverse[inner]
        ranks = _ranks(parents)
        found[parents, first + 1 + ranks] = passing * inverse[parents]
        first += 1 + (int(ranks.max()) + 1 if len(ranks) else 0)
    found[:, first] = system.exits[species] * inverse
    found[:, first + 1] = np.where(system.volumes > 0.0, system.uptake[species], 0.0)
    assert first + 2 == goals.shape[1]
    assert voxels == len(found)
    return found


def _neighbours(axis: Axis, voxels: int) -> Integers:
    """(voxels, slots) to the parent, and to each child; 0 where there is none."""
    inner = np.flatnonzero(axis.parent >= 0)
    parents = axis.parent[inner]
    ranks = _ranks(parents)
    found = np.zeros((voxels, 1 + (int(ranks.max()) + 1 if len(ranks) else 0)), np.int64)
    found[inner, 0] = parents - inner
    found[parents, 1 + ranks] = inner - parents
    return found


def _ranks(parents: Integers) -> Integers:
    """How many earlier entries are equal to each."""
    order = np.argsort(parents, kind="stable")
    ordered = parents[order]
    is_first = np.ones(len(parents), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    begin = np.maximum.accumulate(np.where(is_first, np.arange(len(parents)), 0)) if len(parents) else is_first
    ranks = np.empty(len(parents), np.int64)
    ranks[order] = np.arange(len(parents)) - begin
    return ranks


def classes_of(rates: Floats, volumes: Floats) -> tuple[Integers, Floats]:
    """(n,) classes of voxels by the rates at which molecules leave them, and the largest rate of each.

    Where that leaves few takes in vain all are of one class. Else the rate of most voxels bounds one, so that hardly any take there
    is in vain; faster voxels are of classes for each power of two above, slower ones of classes below, unless they are so few that
    takes in vain do not matter.
    """
    exponents = np.log2(rates)
    _, first, counts = np.unique(np.round(exponents, 11), return_index=True, return_counts=True)
    usual = first[np.argmax(counts)]
    is_usual = np.round(exponents, 11) == np.round(exponents[usual], 11)
    above = exponents - np.log2(rates[is_usual].max())
    levels = np.where(is_usual, 0, np.ceil(above).astype(np.int64))
    slow = levels < 0
    waste = (volumes[slow] * (1.0 - 2.0 ** above[slow])).sum()
    levels = np.where(slow, 0 if waste < _WORTH_A_CLASS * volumes[levels <= 0].sum() else np.maximum(levels, -_LEVELS), levels)
    if 1.0 - (volumes * rates).sum() / (volumes.sum() * rates.max()) < _WORTH_CLASSES:
        levels = np.zeros_like(levels)
    used, found = np.unique(levels, return_inverse=True)
    by_size = np.argsort(-np.bincount(found))  # what most voxels are of comes first
    place = np.argsort(by_size)
    bounds = np.array([rates[levels == level].max() for level in used])
    return place[found], bounds[by_size]


class _Found:
    """Kinds and classes, species by species."""

    def __init__(self) -> None:
        self._chances: list[Floats] = []
        self._goals: list[Integers] = []
        self._classes: list[Integers] = []
        self._bounds: list[Floats] = []
        self._species: list[Integers] = []
        self._sources: list[tuple[Integers, ...]] = []
        self._source_rates: list[Floats] = []

    def add(self, species: int, rates: Floats, goals: Integers, levels: Integers, bounds: Floats) -> Integers:
        """(n,) numbers of the kinds of some voxels."""
        first = sum(len(some) for some in self._bounds)
        self._bounds.append(bounds)
        self._species.append(np.full(len(bounds), species))
        chances = np.cumsum(rates, axis=1) / bounds[levels][:, None]
        return self._add_kinds(chances, np.where(rates > 0.0, goals, STAYS), first + levels)

    def add_sources(self, species: int, places: Integers, voxels: int, rates: Floats, goals: Integers, columns: Integers) -> None:
        total = rates.sum(axis=1)
        chances = np.cumsum(rates, axis=1) / np.where(total > 0.0, total, 1.0)[:, None]
        kinds = self._add_kinds(chances, np.where(rates > 0.0, goals, STAYS), np.full(len(places), -1))
        self._sources.append((species * voxels + places, columns, kinds))
        self._source_rates.append(total)

    def _add_kinds(self, chances: Floats, goals: Integers, classes: Integers) -> Integers:
        chances = np.round(chances, 13)  # what differs by rounding only is alike
        first, which = _distinct(np.concatenate([chances, goals, classes[:, None]], axis=1))
        begin = sum(len(some) for some in self._chances)
        self._chances.append(chances[first])
        self._goals.append(goals[first])
        self._classes.append(classes[first])
        return begin + which

    def together(self, kinds: NDArray[np.int32]) -> WaysOut:
        """All of them; slots that nobody uses are left out."""
        if self._chances:
            chances, goals = np.concatenate(self._chances), np.concatenate(self._goals)
            used = (goals != STAYS).any(axis=0)
            chances, goals = chances[:, used], goals[:, used]
        else:
            chances, goals = np.empty((0, 0)), np.empty((0, 0), np.int64)
        empty, none = np.empty(0, np.int64), np.empty(0)
        goals = np.concatenate([goals, np.full((len(goals), 1), STAYS)], axis=1)
        places, columns, of_sources = (np.concatenate([empty, *(some[k] for some in self._sources)]) for k in range(3))
        return WaysOut(
            kinds,
            chances,
            goals,
            np.concatenate([empty, *self._classes]),
            np.concatenate([none, *self._bounds]),
            np.concatenate([empty, *self._species]),
            places,
            columns,
            of_sources,
            np.concatenate([none, *self._source_rates]),
        )


def _distinct(rows: Floats) -> tuple[Integers, Integers]:
    """First of each different row, and (n,) which of them each row is; by a print of each row, which sorts faster."""
    words = np.ascontiguousarray(rows + 0.0).view(np.uint64)
    odd = np.random.default_rng(1).integers(0, 2**63, words.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    prints = np.zeros(len(rows), np.uint64)
    for k in range(words.shape[1]):
        prints = (prints ^ words[:, k]) * odd[k]
        prints ^= prints >> np.uint64(29)
    _, first, which = np.unique(prints, return_index=True, return_inverse=True)
    if not np.array_equal(rows[first][which], rows):
        _, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first, which.reshape(-1)
