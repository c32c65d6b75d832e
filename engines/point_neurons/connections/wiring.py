"""What has been connected, and how to read it back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, did_you_mean
from engines.point_neurons.connections.delays import Steps
from engines.point_neurons.connections.projections import Plan
from engines.point_neurons.connections.synapses import NONE, Synapses
from engines.point_neurons.layout import LANES, Layout

BITS = 31
"""Of the size of an own weight."""


@dataclass(frozen=True, eq=False)
class Stored:
    """A projection, and what its weights and delays are counted in.

    Attributes
    ----------
    steps
        Its delays.
    quantum
        Of its weights, in the unit of the receptor.
    """

    plan: Plan
    steps: Steps
    quantum: float

    @property
    def weight(self) -> int:
        """Quanta of every synapse, where it has no own."""
        return 0 if self.plan.has_own_weights else round(self.plan.weight_bounds[0] / self.quantum)

    @property
    def shift(self) -> int:
        """Own weights are whole multiples of 2^shift quanta, as fine as ``BITS`` of the largest that can be allow."""
        largest = max(map(abs, self.plan.weight_bounds)) / self.quantum
        return max(0, math.frexp(largest)[1] - BITS) if self.plan.has_own_weights else 0


@dataclass(frozen=True, eq=False)
class Listing:
    """Synapses one by one, by source and then by target.

    Attributes
    ----------
    source, target
        (n,) numbers of the neurons in their populations.
    weight
        (n,) in the unit of the receptor.
    delay_ms
        (n,), with that of the link.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: NDArray[np.float64]
    delay_ms: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Wiring:
    """What has been connected.

    Attributes
    ----------
    stored, mean
        Projections in the order of ``Synapses`` and of ``MeanField``.
    plastic
        Projections that ``connect_plastic`` draws.
    shortest, longest
        Steps of the shortest delay between populations, and of the longest of all, as far as the parameters bound them: the same
        in every process.
    """

    layout: Layout
    dt: int
    stored: tuple[Stored, ...]
    mean: tuple[Stored, ...]
    plastic: tuple[Stored, ...]
    shortest: int
    longest: int

    def listing(self, name: str, synapses: Synapses) -> Listing:
        """The synapses of a projection onto the neurons of this process.

        Raises
        ------
        CosimError
            There is no such projection, or it stores no synapses.
        """
        found = [
            self._in_part(p, own_part, synapses)
            for p, each in enumerate(self.stored)
            if each.plan.name == name
            for own_part in range(self.layout.own_parts)
        ]
        if not found:
            if any(each.plan.name == name for each in self.mean):
                why = "all_to_all of one weight and delay is one sum for all its targets"
                raise CosimError(f"projection {name!r} stores no synapses", why=why)
            names = dict.fromkeys(each.plan.name for each in self.stored)
            raise CosimError(f"there is no projection {name!r}", mend=did_you_mean(name, names))
        source, target, weight, delay_ms = (np.concatenate(columns) for columns in zip(*found, strict=True))
        order = np.lexsort((target, source))
        return Listing(source[order], target[order], weight[order], delay_ms[order])

    def _in_part(self, p: int, own_part: int, synapses: Synapses) -> tuple[NDArray[np.generic], ...]:
        each, layout = self.stored[p], self.layout
        plan, at = each.plan, synapses.row_at[p, own_part]
        rows = synapses.rows[at : at + plan.sources + 1]
        here = np.arange(rows[0], rows[-1])
        column = synapses.targets[here].astype(np.int64) - layout.first_column[plan.population]
        block, place = np.divmod(column, layout.receptors[plan.population] * LANES)
        target = (block * LANES + place % LANES) * layout.parts + layout.first_part + own_part
        quanta, steps = np.full(len(here), synapses.weight[p]), np.full(len(here), synapses.delay[p])
        if (weight_at := synapses.weight_at[p, own_part]) != NONE:
            quanta = synapses.weights[here + weight_at].astype(np.int64) << synapses.shift[p]
        if (delay_at := synapses.delay_at[p, own_part]) != NONE:
            steps = synapses.delays[here + delay_at].astype(np.int64)
        delay_ms = (steps * self.dt + each.steps.link_ns) / 1e6
        return np.repeat(np.arange(plan.sources), np.diff(rows)), target, quanta * each.quantum, delay_ms
