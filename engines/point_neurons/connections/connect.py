"""Projections become synapses and terms of the mean field, for the parts of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk.errors import raise_all
from engines.equations.dimensions import si_factor
from engines.equations.stamps import stamp
from engines.point_neurons.connections import rows as kernels
from engines.point_neurons.connections.delays import delay_faults, links_of, steps_of
from engines.point_neurons.connections.lists import Edges
from engines.point_neurons.connections.projections import groups_of, plans_of
from engines.point_neurons.connections.recipes import Recipe, columns_of, recipe_of
from engines.point_neurons.connections.synapses import NONE, MeanField, Synapses
from engines.point_neurons.connections.wiring import Stored, Wiring
from engines.point_neurons.layout import Layout
from engines.point_neurons.params import Network

Integers = NDArray[np.int64]
_ALONE = 16  # steps between meetings of threads that send each other nothing; a longer ring would leave the caches
stamp(kernels)

Delays = NDArray[np.uint8] | NDArray[np.uint16]


def connect(
    network: Network,
    seed: int,
    layout: Layout,
    link_ns: Mapping[str, Integers],
    quanta: Sequence[NDArray[np.float64]],
    pool: Executor | None = None,
    edges: Mapping[str, Edges] | None = None,
) -> tuple[Synapses, MeanField, Wiring]:
    """All projections of a network that ``check_projections`` finds no fault in, for the parts of this process.

    Every random choice is a function of seed, name of the projection and numbers of neurons in their populations.

    Parameters
    ----------
    link_ns
        For each linked spike input, (size,) the delay of the link by channel, as ``Setup.delays_ns`` has it.
    quanta
        As ``quanta_of`` gives them.
    pool
        Whose threads share the work.
    edges
        Synapses of projections whose rule is ``sonata``, by their names.

    Raises
    ------
    CosimError
        A link takes longer than a synapse or leaves no whole steps, or links of one input differ.
    """
    links, plans = links_of(network, link_ns), plans_of(network, edges)
    raise_all(list(delay_faults(network, plans, links)))
    found = [
        Stored(plan, steps_of(plan, network.dt, links), quanta[plan.population][plan.receptor] / si_factor(plan.unit))
        for plan in plans
    ]
    plastic = tuple(each for each in found if each.plan.projection.plasticity is not None)
    stored = tuple(each for each in found if not each.plan.is_mean_field and each not in plastic)
    mean = tuple(each for each in found if each.plan.is_mean_field)
    groups, within = len(groups_of(network)), [each.steps.least for each in found if each.plan.projection.source not in links]
    longest = max((each.steps.most for each in found), default=1)
    wiring = Wiring(layout, network.dt, stored, mean, plastic, min(within, default=_ALONE), longest)
    return _Build(network, seed, layout, stored, pool).synapses(groups), _mean_field(mean, groups, layout), wiring


def connect_plastic(network: Network, seed: int, wiring: Wiring, pool: Executor | None = None) -> Synapses:
    """The synapses of ``wiring.plastic``: as they would be drawn if they were static."""
    return _Build(network, seed, wiring.layout, wiring.plastic, pool).synapses(len(groups_of(network)))


def _of_group(found: Sequence[Stored], groups: int) -> Integers:
    """(groups + 1,): where those of each group begin."""
    return np.searchsorted([each.plan.group for each in found], np.arange(groups + 1)).astype(np.int64)


def _mean_field(mean: Sequence[Stored], groups: int, layout: Layout) -> MeanField:
    first_sum = np.concatenate([[0], np.cumsum(layout.receptors)])
    columns = [columns_of(each.plan, layout) for each in mean]
    own = [c.first if each.plan.is_alone else -1 for each, c in zip(mean, columns, strict=True)]
    return MeanField(
        of_group=_of_group(mean, groups),
        place=np.array([first_sum[each.plan.population] + each.plan.receptor for each in mean], np.int64),
        weight=np.array([each.weight for each in mean], np.int64),
        delay=np.array([each.steps.constant for each in mean], np.int64),
        own_column=np.array(own, np.int64),
        stride=np.array([c.stride for c in columns], np.int64),
    )


# -- stored synapses -----------------------------------------------------------------------------------------------------------


class _Build:
    """Counts the synapses of all projections and parts, makes room for them, and fills it."""

    def __init__(self, network: Network, seed: int, layout: Layout, stored: Sequence[Stored], pool: Executor | None) -> None:
        self._layout, self._stored = layout, stored
        self._run: Callable[..., Iterable[Any]] = map if pool is None else pool.map
        self._recipes: list[Recipe] = list(self._run(partial(recipe_of, network, seed, layout), stored))
        sizes = np.array([[each.plan.sources + 1] * layout.own_parts for each in stored], np.int64).reshape(-1, layout.own_parts)
        self._row_at = (np.cumsum(sizes) - sizes.reshape(-1)).reshape(sizes.shape)
        self._rows = np.zeros(sizes.sum(), np.int64)

    def synapses(self, groups: int) -> Synapses:
        jobs = list(product(range(len(self._stored)), range(self._layout.own_parts)))
        self._each(self._count, jobs)
        self._lay_out()
        self._each(self._fill, jobs)
        stored = self._stored
        return Synapses(
            of_group=_of_group(stored, groups),
            row_at=self._row_at,
            rows=self._rows,
            targets=self._targets,
            weight=np.array([each.weight for each in stored], np.int64),
            weight_at=self._weight_at,
            shift=np.array([each.shift for each in stored], np.int64),
            weights=self._weights,
            delay=np.array([each.steps.constant or 0 for each in stored], np.int64),
            delay_at=self._delay_at,
            delays=self._delays,
        )

    def _each(self, do: Callable[[tuple[int, int]], None], jobs: list[tuple[int, int]]) -> None:
        for _ in self._run(do, jobs):  # raises what a thread has raised
            pass

    def _lay_out(self) -> None:
        """Turn counts into places, those of a part side by side, and make room for what they hold."""
        self._weight_at, self._delay_at = np.full(self._row_at.shape, NONE), np.full(self._row_at.shape, NONE)
        place = own_weights = own_delays = 0
        for q, p in product(range(self._layout.own_parts), range(len(self._stored))):
            each = self._stored[p]
            end = kernels.starts(self._rows, self._row_at[p, q], each.plan.sources, place)
            if each.plan.has_own_weights:
                self._weight_at[p, q] = own_weights - place
                own_weights += end - place
            if each.plan.has_own_delays:
                self._delay_at[p, q] = own_delays - place
                own_delays += end - place
            place = end
        longest = max((each.steps.most for each in self._stored if each.plan.has_own_delays), default=0)
        self._targets, self._weights = np.empty(place, np.uint32), np.empty(own_weights, np.int32)
        self._delays: Delays = np.empty(own_delays, np.uint8) if longest <= 255 else np.empty(own_delays, np.uint16)

    # -- jobs of threads -------------------------------------------------------------------------------------------

    def _share(self, p: int, q: int) -> tuple[int, int]:
        """Of the sources, for one thread of as many as there are parts."""
        sources, own_parts = self._stored[p].plan.sources, self._layout.own_parts
        return sources * q // own_parts, sources * (q + 1) // own_parts

    def _count(self, job: tuple[int, int]) -> None:
        (p, q), rule, layout = job, self._recipes[job[0]].rule, self._layout
        if self._recipes[p].is_by_source:
            kernels.count_by_source(rule, *self._share(p, q), layout.first_part, layout.parts, self._rows, self._row_at[p])
        else:
            kernels.count_by_target(rule, layout.first_part + q, layout.parts, self._rows, self._row_at[p, q])

    def _fill(self, job: tuple[int, int]) -> None:
        (p, q), recipe, layout, rows = job, self._recipes[job[0]], self._layout, self._rows
        first = layout.first_part
        arrays = kernels.Arrays(self._targets, self._weights, self._delays)
        own = recipe.columns, recipe.weight, recipe.delay, arrays
        if recipe.is_by_source:
            share, at = self._share(p, q), (self._row_at[p], self._weight_at[p], self._delay_at[p])
            kernels.fill_by_source(recipe.rule, *share, first, layout.parts, rows, *at, *own)
        else:
            places = self._row_at[p, q], self._weight_at[p, q], self._delay_at[p, q]
            kernels.fill_by_target(recipe.rule, first + q, layout.parts, rows, *places, *own)
