"""Delays in steps, less what the link of an input has taken of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import HELD, NOT_FED, CosimError, format_ns
from cosim.sdk.errors import raise_all
from engines.point_neurons.connections.projections import Floats, Plan, bounds_of
from engines.point_neurons.distributions import Numbers, refuse_rare
from engines.point_neurons.params import Network, SpikesInput

_ROUNDING = 1e-9  # of a step: what floats of milliseconds may be short of


@dataclass(frozen=True)
class Steps:
    """What is left of the delays of a projection.

    Attributes
    ----------
    constant
        Of all synapses, or None.
    own
        ms with the link: a distribution, or (synapses,) of a list.
    link_ns
        What the link has taken.
    least, most
        Steps that are left.
    """

    constant: int | None
    own: Numbers | Floats | None
    link_ns: int
    least: int
    most: int


def links_of(network: Network, link_ns: Mapping[str, NDArray[np.int64]]) -> dict[str, int]:
    """For each spike input, how long its link delays, ns; 0 where nothing is linked, or the link holds and takes no fixed time.

    Parameters
    ----------
    link_ns
        (size,) for each linked input, as ``Setup.delays_ns`` has them.
    """
    faults, found = [], {}
    for name, port in network.inputs.items():
        if isinstance(port, SpikesInput):
            fed = np.asarray(link_ns.get(name, ()), np.int64)
            given = np.unique(fed[fed != NOT_FED]).tolist()
            if len(given) > 1:
                why = ", ".join("held" if delay == HELD else format_ns(delay) for delay in given)
                what, mend = f"the links that end in {name} have several delays", "give them one delay, or an input each"
                faults.append(CosimError(what, where=f"params.inputs.{name}", why=why, mend=mend))
            found[name] = max([0, *given])
    raise_all(faults)
    return found


def steps_of(plan: Plan, dt: int, links: Mapping[str, int]) -> Steps:
    """What is left of the delays of a projection.

    Drawn ones are rounded to whole steps; what would round to less than one step is drawn again, as if ``low`` were half a step.

    Raises
    ------
    CosimError
        A link takes longer than a synapse, what it leaves is not whole steps, or most of what is drawn would round to no step.
    """
    source = plan.projection.source
    is_input, link = source in links, links.get(source, 0)
    if plan.delay is None:
        return Steps(1 - is_input, None, link, 1 - is_input, 1 - is_input)
    where = f"params.projections.{plan.name}.delay"
    if isinstance(plan.delay, int):
        left = plan.delay - link
        why = f"the link to {source} takes {format_ns(link)}, the projection {format_ns(plan.delay)} in all"
        if left < 0:
            mend = f"{format_ns(link)} or more; left out, spikes act as they arrive"
            raise CosimError("spikes would arrive later than they should act", where=where, why=why, mend=mend)
        if left % dt:
            near = ", ".join(format_ns(link + left // dt * dt + more) for more in (0, dt))
            what = f"what the link leaves of the delay is not a whole number of {format_ns(dt)} steps"
            raise CosimError(what, where=where, why=why, mend=f"nearest: {near}")
        return Steps(left // dt, None, link, left // dt, left // dt)
    own, is_drawn = plan.delay, False
    if isinstance(own, Numbers) and not own.is_constant:
        own, is_drawn = own.at_least(dt * 0.5e-6), True
        try:
            refuse_rare(own, " ms")
        except CosimError as error:
            raise error.located(where) from None
    least, most = (math.floor((bound * 1e6 - link) / dt + 0.5 + _ROUNDING) for bound in bounds_of(own))
    if least < 0:
        why = f"the link to {source} takes {format_ns(link)}, and delays may be as short as {bounds_of(own)[0]:g} ms"
        mend = f"add low: {format_ns(link)} to the distribution" if is_drawn else "give the link a shorter delay"
        raise CosimError("spikes would arrive later than they should act", where=where, why=why, mend=mend)
    least, most = max(least, 1 - is_input), max(most, 1 - is_input)
    return Steps(None if plan.has_own_delays else least, own if plan.has_own_delays else None, link, least, most)


def delay_faults(network: Network, plans: list[Plan], links: Mapping[str, int]) -> Iterator[CosimError]:
    """Of all projections at once."""
    for plan in plans:
        try:
            steps_of(plan, network.dt, links)
        except CosimError as error:
            yield error
