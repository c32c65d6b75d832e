"""Who is simulated here, who elsewhere, and the connections in the order in which they are summed.

Time. What arrives over a layer in the step that starts at t is a function of sum_j W_ij x_j(t - tau_ij), tau_ij in whole steps. A
region j that is simulated elsewhere reaches this engine over a link of whole delay D_j: the row for the step that ends at e holds
x_j(e - D_j). What the step needs stands in the row that ends at t - tau_ij + D_j, so k = tau_ij - D_j steps remain to be waited
here; k = -1 is the row of the step itself, and nothing later is known when the step is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Space, format_ns
from engines.connectome import Connectome

Ints = NDArray[np.int64]
Arrays = tuple[Ints, NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]
WIDEST = 32
"""Steps of a block at most."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Rows of the connectome: those simulated here, those whose activity comes in. In increasing order, whatever was asked."""

    simulated: Ints
    external: Ints
    gives_inflow: bool

    @property
    def kept(self) -> Ints:
        """All whose past is remembered, in increasing order, so that sums don't depend on who is simulated where."""
        return np.union1d(self.simulated, self.external)


@dataclass(frozen=True, eq=False)
class Connections:
    """Connections by receiver, senders in increasing order.

    Attributes
    ----------
    first
        (receivers + 1,) row i has connections ``first[i]:first[i + 1]``.
    source
        (connections,) row of the history.
    steps
        (connections,) steps to look back from the state at the start of a step; -1 looks at the row of the step itself.
    is_long
        (connections,) whether the delay between the two regions is long enough for a block of steps to be summed ahead.
    """

    first: Ints
    source: Ints
    steps: Ints
    weight: NDArray[np.float64]
    is_long: NDArray[np.bool_]

    def arrays(self) -> tuple[Arrays, Arrays]:
        """As the kernel takes them: the long ones, the short ones."""
        return self._part(self.is_long), self._part(~self.is_long)

    def _part(self, chosen: NDArray[np.bool_]) -> Arrays:
        first = np.concatenate([[0], np.cumsum(chosen)])[self.first]
        source, steps = self.source[chosen].astype(np.int32), self.steps[chosen].astype(np.int32)
        return np.ascontiguousarray(first), source, steps, np.ascontiguousarray(self.weight[chosen])


def split_regions(
    space: Space, connectomes: Sequence[Connectome], external: Sequence[str | int], only: Sequence[str | int]
) -> Regions:
    """Which regions are simulated, from the selectors ``external`` or ``only``."""
    if external and only:
        raise CosimError(
            "external and only are both given",
            why="external names the regions simulated elsewhere, only those simulated here",
            mend="keep the shorter of the two",
        )
    everyone = np.arange(len(space))
    if only:
        simulated = np.unique(_select(space, only, "only"))
        senders = [connectome.sender[np.isin(connectome.receiver, simulated)] for connectome in connectomes]
        return Regions(simulated, np.setdiff1d(np.unique(np.concatenate([everyone[:0], *senders])), simulated), False)
    outside = np.unique(_select(space, external, "external")) if external else everyone[:0]
    if len(outside) == len(space):
        raise CosimError(
            f"all {len(space)} regions are external", why="nothing is left to simulate", mend="name fewer regions in external"
        )
    return Regions(np.setdiff1d(everyone, outside), outside, bool(external))


def block_steps(connectomes: Sequence[Connectome], dt_ns: int) -> int:
    """Steps that are summed ahead at once: as many as nine tenths of all connections allow; 0 where those are too few.

    Of the connectomes alone, so that a brain that is cut sums in the order of the whole one.
    """
    delays = np.concatenate([[], *(connectome.delay_steps(dt_ns) for connectome in connectomes)])
    for steps in (WIDEST, WIDEST // 2, WIDEST // 4):
        if len(delays) and np.mean(delays + 1 >= steps) >= 0.9:
            return steps
    return 0


def lead_steps(connectomes: Sequence[Connectome], regions: Regions, dt_ns: int) -> int:
    """Steps by which the inflow of the external regions is known ahead: their shortest delay from a simulated region."""
    found = [connectome.delay_steps(dt_ns)[_between(connectome, regions.external, regions.simulated)] for connectome in connectomes]
    return int(min((steps.min() for steps in found if len(steps)), default=0))


def connect(connectome: Connectome, steps: Ints, receivers: Ints, senders: Ints, kept: Ints, block: int, dt_ns: int) -> Connections:
    """The connections from ``senders`` to ``receivers``; ``kept`` are the regions of the history's rows."""
    chosen = _between(connectome, receivers, senders)
    first = np.searchsorted(connectome.receiver[chosen], receivers)
    first = np.append(first, np.count_nonzero(chosen)).astype(np.int64)
    source = np.searchsorted(kept, connectome.sender[chosen])
    is_long = connectome.delay_steps(dt_ns)[chosen] + 1 >= (block or np.inf)
    return Connections(first, source.astype(np.int64), steps[chosen], connectome.weight[chosen], is_long)


def remaining_steps(connectome: Connectome, regions: Regions, link_delays_ns: Ints, dt_ns: int) -> Ints:
    """Delays in steps, (connections,), less what the links of external regions have already made up.

    Parameters
    ----------
    link_delays_ns
        (external regions,) whole delay of the link of each, -1 where there is none.

    Raises
    ------
    CosimError
        A link's delay is not a whole number of steps, or is more than a step longer than a connection's.
    """
    steps = connectome.delay_steps(dt_ns)
    labels = connectome.space.labels
    is_used = np.isin(connectome.receiver, regions.simulated)
    for region, delay_ns in zip(regions.external, link_delays_ns.tolist(), strict=True):
        mine = is_used & (connectome.sender == region)
        if delay_ns < 0:
            steps[mine] = 0  # its activity never changes, so any row does
            continue
        made_up, rest = divmod(delay_ns, dt_ns)
        if rest:
            raise CosimError(
                f"the link of {labels[region]} has a delay of {format_ns(delay_ns)}",
                why=f"that is not a whole number of steps of {format_ns(dt_ns)}",
                mend=f"nearest: {format_ns(made_up * dt_ns)}, {format_ns((made_up + 1) * dt_ns)}",
            )
        if mine.any() and steps[mine].min() < made_up - 1:
            nearest = np.flatnonzero(mine)[steps[mine].argmin()]
            tau_ns = int(steps[nearest]) * dt_ns
            raise CosimError(
                f"the link of {labels[region]} is too slow for the connection from {labels[region]} "
                f"to {labels[connectome.receiver[nearest]]}",
                why=f"the connection takes {format_ns(tau_ns)}, the link with its lead {format_ns(delay_ns)}",
                mend=f"shorten the link's whole delay to at most {format_ns(tau_ns + dt_ns)}, the connection's and one step",
            )
        steps[mine] -= made_up
    return steps


def refuse_short_delays(name: str, connectome: Connectome, dt_ns: int) -> None:
    """A CosimError where delays that are not 0 would be rounded to 0."""
    short = np.flatnonzero((connectome.delay_ms > 0) & (connectome.delay_steps(dt_ns) == 0))
    if len(short):
        at = short[connectome.delay_ms[short].argmin()]
        labels = connectome.space.labels
        raise CosimError(
            f"the step of {format_ns(dt_ns)} is too long for {len(short)} delays of coupling {name!r}",
            why=f"the shortest, from {labels[connectome.sender[at]]} to {labels[connectome.receiver[at]]}, is "
            f"{connectome.delay_ms[at]:.4g} ms and would be rounded to 0",
            mend=f"use a dt below {2 * connectome.delay_ms[at]:.3g} ms, or short_delays: round to let them act at once",
        )


def _between(connectome: Connectome, receivers: Ints, senders: Ints) -> NDArray[np.bool_]:
    return np.isin(connectome.receiver, receivers) & np.isin(connectome.sender, senders)


def _select(space: Space, selectors: Sequence[str | int], name: str) -> Ints:
    try:
        return space.select(list(selectors))
    except CosimError as error:
        raise error.about(name) from None
