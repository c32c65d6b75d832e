"""What is wrong with the projections of a network, as far as parameters and files tell; all faults at once, nothing compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, did_you_mean, format_ns, nearest_multiples
from cosim.sdk.errors import ScenarioError
from engines.point_neurons.connections.lists import Edges, edge_faults
from engines.point_neurons.connections.positions import dimensions_of
from engines.point_neurons.connections.projections import MOST_STEPS, delay_of, groups_of, listed_in, neurons_of, weights_of
from engines.point_neurons.distributions import Numbers
from engines.point_neurons.params import Generator, Network, Population, Projection

_NEEDS: Mapping[str, tuple[str, ...]] = {
    "all_to_all": (),
    "one_to_one": (),
    "fixed_indegree": ("indegree",),
    "fixed_outdegree": ("outdegree",),
    "fixed_total_number": ("number",),
    "bernoulli": ("probability",),
    "distance": ("probability", "profile", "length"),
    "list": (),
    "sonata": ("file",),
}
_TAKES: Mapping[str, tuple[str, ...]] = {**_NEEDS, "distance": (*_NEEDS["distance"], "period"), "list": ("pairs", "file")}
_KEYS = ("indegree", "outdegree", "number", "probability", "profile", "length", "period", "pairs", "file")
_LISTED = ("list", "sonata")
_Found = TypeVar("_Found")


def check_projections(network: Network, edges: Mapping[str, Edges] | None = None) -> list[CosimError]:
    """All faults of the projections, each at its key.

    Parameters
    ----------
    edges
        Synapses of projections whose rule is ``sonata``, by their names; those of others are not looked at.
    """
    faults = []
    for name in network.projections:
        check = _Check(network, name, edges or {})
        check.everything()
        faults += check.faults
    return faults


class _Check:
    """Collects the faults of one projection."""

    def __init__(self, network: Network, name: str, edges: Mapping[str, Edges]) -> None:
        self.faults: list[CosimError] = []
        self._network, self._name, self._edges = network, name, edges
        self._projection = network.projections[name]
        self._sizes = groups_of(network)

    def everything(self) -> None:
        projection, name = self._projection, self._name
        self._collect("", _keys(projection))
        are_known = self._ends() and not self.faults
        self._collect("delay", self._delay())
        if not are_known:
            return  # the rest rests on them
        sources, targets = self._sizes[projection.source], self._sizes[projection.target]
        self._collect("", _sizes(projection, sources, targets))
        self._collect("", self._distance())
        if projection.rule == "sonata" and name not in self._edges:
            return
        file, before = "pairs" if projection.file is None else "file", len(self.faults)
        listed = self._get(file, lambda: listed_in(projection, self._edges.get(name)))
        if listed is not None:
            self._collect(file, edge_faults(listed, sources, targets))
            self._collect(file, _said_twice(projection, listed))
            if listed.delay_ms is not None:
                self._collect(file, self._delay(listed))
        if len(self.faults) == before:
            is_listed = listed is not None and listed.weight is not None and not isinstance(projection.weight, list)
            key = file if is_listed else "weight" if projection.total_weight is None else "total_weight"
            self._get(key, lambda: weights_of(self._network, projection, listed))

    # -- inside ----------------------------------------------------------------------------------------------------

    def _collect(self, key: str, faults: Iterable[CosimError]) -> None:
        where = f"params.projections.{self._name}"
        self.faults += [fault.located(f"{where}.{key}" if key else where) for fault in faults]

    def _get(self, key: str, find: Callable[[], _Found]) -> _Found | None:
        """What is found, or None where that is a fault."""
        try:
            return find()
        except CosimError as error:
            self._collect(key, error.faults if isinstance(error, ScenarioError) else [error])
            return None

    def _ends(self) -> bool:
        network, projection = self._network, self._projection
        before, known = len(self.faults), neurons_of(network)
        if projection.source not in self._sizes:
            is_input = projection.source in network.inputs
            why = f"it is an input of kind {network.inputs[projection.source].kind}" if is_input else ""
            mend = "kind: spikes" if is_input else did_you_mean(projection.source, self._sizes)
            self._collect("from", [CosimError(f"there is no {projection.source!r} to come from", why=why, mend=mend)])
        if projection.target not in known:
            is_generator = isinstance(network.populations.get(projection.target), Generator)
            why = "a spike_generator listens to nothing" if is_generator else ""
            why = "it is an input" if projection.target in network.inputs else why
            mend = did_you_mean(projection.target, known)
            self._collect("to", [CosimError(f"there is no {projection.target!r} to go to", why=why, mend=mend)])
        return len(self.faults) == before

    def _delay(self, listed: Edges | None = None) -> Iterator[CosimError]:
        """Of one delay or a distribution, in the projection or in its list."""
        projection, dt = self._projection, self._network.dt
        try:
            delay = delay_of(projection, listed)
        except CosimError as error:
            yield error
            return
        within = projection.source in self._network.populations
        if isinstance(delay, int):
            yield from _one_delay(delay, dt, within)
        elif listed is not None and listed.delay_ms is not None:
            yield from _listed_delays(np.atleast_1d(listed.delay_ms), listed.rows, dt, within)
        elif isinstance(delay, Numbers):
            yield from _drawn_delays(delay, dt)

    def _distance(self) -> Iterator[CosimError]:
        projection = self._projection
        if projection.rule != "distance":
            return
        dimensions = {}
        for name in dict.fromkeys((projection.source, projection.target)):
            population = self._network.populations.get(name)
            if not isinstance(population, Population):
                yield CosimError(f"{name} has no positions", why="only populations of neurons have", mend="choose another rule")
                return
            try:
                dimensions[name] = dimensions_of(population)
            except CosimError:
                return  # told of the population
            if dimensions[name] is None:
                mend = f"give populations.{name} positions: a file, or extent: sides of a box"
                yield CosimError(f"{name} has no positions", mend=mend)
        known = {name: count for name, count in dimensions.items() if count is not None}
        if len(set(known.values())) > 1:
            yield CosimError(
                "distance needs positions of as many dimensions", why=", ".join(f"{n} has {d}" for n, d in known.items())
            )
        elif projection.period is not None and known and len(projection.period) not in known.values():
            why = f"positions have {next(iter(known.values()))} dimensions"
            yield CosimError(f"period has {len(projection.period)} sides", why=why, mend="give one for each dimension")


# -- rules ---------------------------------------------------------------------------------------------------------------------


def _keys(projection: Projection) -> Iterator[CosimError]:
    """Keys that the rule needs, or does not take."""
    rule = projection.rule
    for key in _KEYS:
        if getattr(projection, key) is None and key in _NEEDS[rule]:
            yield CosimError(f"the rule {rule} needs {key}", mend=f"give {key}")
        elif getattr(projection, key) is not None and key not in _TAKES[rule]:
            others = [other for other, keys in _TAKES.items() if key in keys]
            yield CosimError(f"{key} says nothing to the rule {rule}", mend=f"leave {key} out, or rule: {' or '.join(others)}")
    if rule == "list" and (projection.pairs is None) == (projection.file is None):
        yield CosimError("the rule list needs either pairs or file", mend="give one of them")
    if rule in _LISTED and not (projection.autapses and projection.multapses):
        key = "multapses" if projection.autapses else "autapses"
        yield CosimError(
            f"{key} says nothing to the rule {rule}", why="the list says which synapses there are", mend=f"leave {key} out"
        )
    yield from _one_weight(projection)


def _one_weight(projection: Projection) -> Iterator[CosimError]:
    given = [key for key in ("weight", "total_weight") if getattr(projection, key) is not None]
    if len(given) == 2:
        yield CosimError("weight and total_weight both say how strong synapses are", mend="leave one of them out")
    elif not given and projection.rule not in _LISTED:
        yield CosimError("nothing says how strong its synapses are", mend="give weight, or total_weight of all partners together")
    if projection.rule == "distance" and "total_weight" in given:
        why = "how many partners a neuron has depends on where they are"
        yield CosimError("total_weight cannot be shared out by the rule distance", why=why, mend="give weight")
    if isinstance(projection.weight, list) and projection.pairs is None:
        yield CosimError("a list of weights goes with pairs alone", mend="give one weight for all, or a distribution")


def _said_twice(projection: Projection, listed: Edges) -> Iterator[CosimError]:
    """Weights and delays that the list has and the projection gives too; and weights that neither has."""
    weights = [key for key in ("weight", "total_weight") if getattr(projection, key) is not None]
    if listed.weight is not None and weights and not isinstance(projection.weight, list):
        yield CosimError(f"its list has weights, and {weights[0]} says them too", mend=f"leave {weights[0]} out")
    if listed.weight is None and not weights:
        yield CosimError("nothing says how strong its synapses are", mend="give weight, or a column of weights")
    if listed.delay_ms is not None and projection.delay is not None:
        yield CosimError("its list has delays, and delay says them too", mend="leave delay out")


def _sizes(projection: Projection, sources: int, targets: int) -> Iterator[CosimError]:
    """Numbers that the populations cannot have."""
    is_recurrent = projection.source == projection.target
    alone = is_recurrent and not projection.autapses
    left, rule = sources - alone, projection.rule
    why = f"{projection.source} has {sources} neurons, {projection.target} {targets}"
    if rule == "one_to_one" and sources != targets:
        yield CosimError("one_to_one joins populations of one size", why=why)
    if alone and (sources == 1 or rule == "one_to_one"):
        yield CosimError("without autapses nothing is left to connect", why=why, mend="autapses: true")
        return
    most = {"indegree": left, "outdegree": targets - alone, "number": left * targets}
    for key in _NEEDS[rule]:
        given = getattr(projection, key)
        if key in most and not projection.multapses and given > most[key]:
            kinds = {"indegree": "partners for each neuron", "outdegree": "targets of each neuron", "number": "pairs"}
            own = ", and autapses are left out" if alone else ""
            what = f"{key} is {given}, and without multapses there are {most[key]} {kinds[key]}"
            yield CosimError(what, why=why + own, mend=f"{key}: {most[key]} or less, or multapses: true")


# -- delays --------------------------------------------------------------------------------------------------------------------


def _one_delay(delay_ns: int, dt: int, within: bool) -> Iterator[CosimError]:
    if within and delay_ns < dt:
        why, mend = f"the delay is {format_ns(delay_ns)}, a step {format_ns(dt)}", f"{format_ns(dt)} or more, or a shorter dt"
        yield CosimError("a delay within the engine is at least one step", why=why, mend=mend)
    elif delay_ns < 0:
        yield CosimError(f"a delay of {format_ns(delay_ns)} is before the spike", mend="0 ms or more")
    elif delay_ns % dt:
        what = f"{format_ns(delay_ns)} is not a whole number of {format_ns(dt)} steps"
        yield CosimError(what, mend=f"nearest: {nearest_multiples(delay_ns, dt)}")
    elif delay_ns > MOST_STEPS * dt:
        yield CosimError(f"{format_ns(delay_ns)} are {delay_ns // dt} steps", why=f"delays reach up to {MOST_STEPS}")


def _drawn_delays(delay: Numbers, dt: int) -> Iterator[CosimError]:
    dt_ms = dt * 1e-6
    least, largest = delay.bounds
    if largest < dt_ms / 2:
        yield CosimError("all that is drawn is below one step", why=f"delays reach from {least:g} to {largest:g} ms")
    if largest > MOST_STEPS * dt_ms:
        why = f"drawn ones reach {largest:.6g} ms; {MOST_STEPS} steps are {MOST_STEPS * dt_ms:g} ms"
        yield CosimError("drawn delays may be too long", why=why, mend="add high: …, or a longer dt")


def _listed_delays(delay_ms: NDArray[np.float64], rows: int, dt: int, within: bool) -> Iterator[CosimError]:
    dt_ms = dt * 1e-6
    beyond = np.flatnonzero((delay_ms < within * dt_ms / 2) | (delay_ms > MOST_STEPS * dt_ms))
    if len(beyond):
        why = f"delays are rounded to steps of {dt_ms:g} ms, from {int(within)} to {MOST_STEPS} of them"
        yield CosimError(f"row {rows + beyond[0]}: a delay of {delay_ms[beyond[0]]:g} ms", why=why)
