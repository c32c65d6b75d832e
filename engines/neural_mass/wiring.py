"""Who is simulated here, who elsewhere, and the connections in the order in which they are summed.

Time. The network term of the step that starts at t is c_i(t) = G sum_j W_ij r_j(t - tau_ij), tau_ij in whole steps. A region j
that is simulated elsewhere reaches this engine over a link of whole delay D_j: the row for the step that ends at e holds
r_j(e - D_j). What the step needs stands in the row that ends at t - tau_ij + D_j, so k = tau_ij - D_j steps remain to be waited
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


@dataclass(frozen=True, eq=False)
class Regions:
    """Rows of the connectome: those simulated here, those whose rates come in. In increasing order, whatever was asked."""

    simulated: Ints
    external: Ints
    gives_inflow: bool

    @property
    def kept(self) -> Ints:
        """All whose rates are remembered, in increasing order, so that sums don't depend on who is simulated where."""
        return np.union1d(self.simulated, self.external)


@dataclass(frozen=True, eq=False)
class Connections:
    """Nonzero connections by receiver, senders in increasing order.

    Attributes
    ----------
    first
        (receivers + 1,) row i has connections ``first[i]:first[i + 1]``.
    source
        (connections,) row of the history.
    steps
        (connections,) steps to look back from the state at the start of a step; -1 looks at the row of the step itself.
    """

    first: Ints
    source: Ints
    steps: Ints
    weight: NDArray[np.float64]

    def arrays(self) -> tuple[Ints, Ints, Ints, NDArray[np.float64]]:
        """As the kernel takes them."""
        return self.first, self.source, self.steps, self.weight

    def known_ahead(self, sources: Ints, at_most: int) -> Ints:
        """(receivers,) steps for which the input is known, 1 or more, when only ``sources`` (rows of the history) change."""
        known = np.full(len(self.first) - 1, at_most)
        receiver = np.repeat(np.arange(len(known)), np.diff(self.first))
        changing = np.isin(self.source, sources)
        np.minimum.at(known, receiver[changing], self.steps[changing] + 1)
        return known


def split_regions(space: Space, weights: NDArray[np.float64], external: Sequence[str | int], only: Sequence[str | int]) -> Regions:
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
        sends = (weights[simulated] != 0).any(axis=0)
        return Regions(simulated, np.setdiff1d(everyone[sends], simulated), False)
    outside = np.unique(_select(space, external, "external")) if external else everyone[:0]
    if len(outside) == len(space):
        raise CosimError(
            f"all {len(space)} regions are external", why="nothing is left to simulate", mend="name fewer regions in external"
        )
    return Regions(np.setdiff1d(everyone, outside), outside, bool(external))


def lead_steps(connectome: Connectome, regions: Regions, dt_ns: int) -> int:
    """Steps by which the inflow of the external regions is known ahead: their shortest delay from a simulated region."""
    block = np.ix_(regions.external, regions.simulated)
    steps = connectome.delay_steps(dt_ns)[block][connectome.weights[block] != 0]
    return int(steps.min()) if len(steps) else 0


def connect(weights: NDArray[np.float64], steps: Ints, receivers: Ints, senders: Ints, kept: Ints) -> Connections:
    """The connections from ``senders`` (increasing) to ``receivers``; ``kept`` are the regions of the history's rows."""
    block = np.ix_(receivers, senders)
    row, column = np.nonzero(weights[block])  # row by row, columns increasing: the order of every sum
    first = np.searchsorted(row, np.arange(len(receivers) + 1))
    source = np.searchsorted(kept, senders)[column]
    return Connections(first.astype(np.int64), source.astype(np.int64), steps[block][row, column], weights[block][row, column])


def remaining_steps(connectome: Connectome, regions: Regions, link_delays_ns: Ints, dt_ns: int) -> Ints:
    """Delays in steps, (regions, regions), less what the links of external regions have already made up.

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
    labels, nonzero = connectome.space.labels, connectome.weights != 0
    for region, delay_ns in zip(regions.external, link_delays_ns.tolist(), strict=True):
        receivers = regions.simulated[nonzero[regions.simulated, region]]
        if delay_ns < 0:
            steps[:, region] = 0  # its rate never changes, so any row does
            continue
        made_up, rest = divmod(delay_ns, dt_ns)
        if rest:
            raise CosimError(
                f"the link of {labels[region]} has a delay of {format_ns(delay_ns)}",
                why=f"that is not a whole number of steps of {format_ns(dt_ns)}",
                mend=f"nearest: {format_ns(made_up * dt_ns)}, {format_ns((made_up + 1) * dt_ns)}",
            )
        if len(receivers) and steps[receivers, region].min() < made_up - 1:
            nearest = receivers[steps[receivers, region].argmin()]
            tau_ns = int(steps[nearest, region]) * dt_ns
            raise CosimError(
                f"the link of {labels[region]} is too slow for the connection from {labels[region]} to {labels[nearest]}",
                why=f"the connection takes {format_ns(tau_ns)}, the link with its lead {format_ns(delay_ns)}",
                mend=f"shorten the link's whole delay to at most {format_ns(tau_ns + dt_ns)}, the connection's and one step",
            )
        steps[:, region] -= made_up
    return steps


def _select(space: Space, selectors: Sequence[str | int], name: str) -> Ints:
    try:
        return space.select(list(selectors))
    except CosimError as error:
        raise CosimError(f"{name}: {error.what}", why=error.why, mend=error.mend) from None
