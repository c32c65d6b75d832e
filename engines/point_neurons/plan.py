"""Populations as kernels read them: constants in their places, and the tables that say where what stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.equations.randoms import key_of, streams
from engines.point_neurons.kernels.variant import Variant
from engines.point_neurons.layout import LANES, Layout, in_blocks

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class Background(NamedTuple):
    """Sources of Poisson spikes.

    Attributes
    ----------
    key
        uint64, of each source.
    weight
        Quanta of a spike.
    channel
        First channel of its rate; ``each``: one for every lane.
    receptor
        Of the population.
    key_place
        Where the keys of the neurons stand among the keys of a part.
    """

    key: NDArray[np.uint64]
    weight: Integers
    channel: Integers
    each: NDArray[np.bool_]
    receptor: Integers
    key_place: Integers


class Plan(NamedTuple):
    """Tables by population; ``count`` and what is observed by part first. ``update`` and ``observe`` are addresses of code."""

    update: Integers
    observe: Integers
    group: Integers
    first_channel: Integers
    blocks: Integers
    count: Integers
    receptors: Integers
    first_state: Integers
    first_column: Integers
    first_mean: Integers
    first_uniform: Integers
    first_regional: Integers
    first_key: Integers
    first_drive: Integers
    first_own: Integers
    first_background: Integers
    background: Background
    first_observed: Integers
    observed_which: Integers
    observed_local: Integers
    observed_column: Integers


class Source(NamedTuple):
    """A source of background spikes, before it is a row of tables; its rate is a constant or comes over a port."""

    name: str
    rate_hz: float | None
    port: str
    each: bool
    weight: int
    receptor: int


@dataclass(frozen=True, eq=False)
class Population:
    """A population of neurons.

    Attributes
    ----------
    group
        Its number among all that spikes come from.
    first_channel
        Of its neurons among the channels of all spikes.
    constants
        By name, in SI units: numbers or (size,).
    initial
        (numbers a neuron keeps, size).
    common, each
        Ports of the inputs in ``variant.common`` and ``variant.each``.
    observed
        (neuron, which of ``variant.observed``, column).
    most_spikes
        Of a neuron in a step; where it has no bound, for how many of each neuron there is room on average.
    """

    name: str
    size: int
    group: int
    first_channel: int
    variant: Variant
    constants: Mapping[str, float | Floats]
    initial: Floats
    background: Sequence[Source]
    common: Sequence[str]
    each: Sequence[str]
    observed: Sequence[tuple[int, int, int]]
    most_spikes: int
    seed: int

    @property
    def uniform_values(self) -> list[float]:
        return [float(self.constants[name]) for name in self.variant.uniform]

    def regional_of(self, layout: Layout, part: int) -> Floats:
        """Constants that neurons have their own of, in blocks."""
        rows = np.array([self.constants[name] for name in self.variant.regional], np.float64)
        if not len(rows):
            return np.zeros(0)
        found: Floats = in_blocks(rows[:, layout.neurons(self._number(layout), part)], len(rows))
        return found

    def keys_of(self, layout: Layout, part: int) -> NDArray[np.uint64]:
        """Streams of random numbers: in blocks those of noise and hazard, then one row for each source of background spikes."""
        neurons = layout.neurons(self._number(layout), part)
        terms = [*self.variant.noisy, *(["spike"] if self.variant.description.spike.is_random else [])]
        inner = np.array([streams(key_of(self.seed, "noise", self.name, term), neurons, 0) for term in terms], np.uint64)
        outer = [streams(key_of(self.seed, "poisson", self.name, source.name), neurons, 0) for source in self.background]
        return np.concatenate([in_blocks(inner, len(inner)) if len(inner) else inner.reshape(-1), *outer]).astype(np.uint64)

    def inner_keys(self, lanes: int) -> int:
        return lanes * (len(self.variant.noisy) + (self.variant.description.spike.is_random))

    def _number(self, layout: Layout) -> int:
        return layout.names.index(self.name)


def make_plan(populations: Sequence[Population], kernels: Sequence[ModuleType], layout: Layout) -> tuple[Plan, list[Source]]:
    """The tables, and all sources of background spikes in their order; ``kernels``: the module of each population."""
    lanes = layout.blocks * LANES
    keys, sources, rows = [], [], []
    place = channel = 0
    for p, population in enumerate(populations):
        keys.append(place)
        place += population.inner_keys(int(lanes[p]))
        for source in population.background:
            key = key_of(population.seed, "background", population.name, source.name)
            rows.append((key, source.weight, channel, source.each, source.receptor, place))
            sources.append(source)
            channel += int(lanes[p]) if source.each else 1
            place += int(lanes[p])
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    kinds = (np.uint64, np.int64, np.int64, np.bool_, np.int64, np.int64)
    background = Background(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))
    observed = [_observed(populations, layout, part) for part in range(layout.first_part, layout.first_part + layout.own_parts)]
    most = max(1, max(len(found[1]) for found in observed))
    which, local, column = (np.zeros((len(observed), most), np.int64) for _ in range(3))
    for own, (_, entries) in enumerate(observed):
        for k, (a, b, c) in enumerate(entries):
            which[own, k], local[own, k], column[own, k] = a, b, c
    parts = range(layout.first_part, layout.first_part + layout.own_parts)
    plan = Plan(
        np.array([kernel.update.address for kernel in kernels], np.int64),
        np.array([kernel.observe.address for kernel in kernels], np.int64),
        np.array([population.group for population in populations], np.int64),
        np.array([population.first_channel for population in populations], np.int64),
        layout.blocks,
        np.array([[layout.count(p, part) for p in range(len(populations))] for part in parts], np.int64),
        np.array(layout.receptors, np.int64),
        layout.first_state,
        layout.first_column,
        _starts([len(p.variant.receptors) for p in populations]),
        _starts([len(p.variant.uniform) for p in populations]),
        _starts([len(p.variant.regional) * int(n) for p, n in zip(populations, lanes, strict=True)]),
        np.array(keys, np.int64),
        _starts([len(p.common) for p in populations]),
        _starts([len(p.each) * int(n) for p, n in zip(populations, lanes, strict=True)]),
        _starts([len(p.background) for p in populations]),
        background,
        np.array([found[0] for found in observed], np.int64),
        which,
        local,
        column,
    )
    return plan, sources


def _starts(lengths: Sequence[int]) -> Integers:
    return np.cumsum([0, *lengths], dtype=np.int64)


def _observed(populations: Sequence[Population], layout: Layout, part: int) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Where the entries of each population start, and (which, local neuron, column) of those of a part."""
    first, entries = [0], list[tuple[int, int, int]]()
    for population in populations:
        for neuron, which, column in population.observed:
            if neuron % layout.parts == part:
                entries.append((which, neuron // layout.parts, column))
        first.append(len(entries))
    return first, entries
