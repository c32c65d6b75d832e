"""What the types of the parameters cannot say: names that must exist, pairs that must fit. All faults are told at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cosim.sdk import CosimError, format_ns, nearest_multiples
from cosim.sdk.errors import raise_all
from engines.point_neurons.params import CurrentInput, Lif, Network, Projection, Qif, RateInput, SpikesInput

OUTPUTS = ("spikes", "rate", "potential")
_RULE_NEEDS = {"fixed_indegree": "indegree", "bernoulli": "probability"}


def check(params: Network) -> None:
    """Raise a CosimError, or a ScenarioError for several, when the network cannot be built."""
    raise_all([*_populations(params), *_projections(params), *_inputs(params), *_recorded(params)])


def partners(params: Network) -> dict[str, int]:
    """All that a projection may come from, with its size: populations, then spike inputs."""
    sizes = {name: population.size for name, population in params.populations.items()}
    return sizes | {name: port.size for name, port in params.inputs.items() if isinstance(port, SpikesInput)}


def _populations(params: Network) -> Iterator[CosimError]:
    for name, population in params.populations.items():
        where = f"params.populations.{name}"
        if isinstance(population, Lif):
            if population.t_ref % params.dt:
                yield _off_grid(population.t_ref, params.dt, f"{where}.t_ref")
            if population.V_reset >= population.V_th:
                why = f"V_reset is {population.V_reset} mV, V_th {population.V_th} mV"
                yield CosimError("a neuron that is reset above its threshold never stops firing", where=where, why=why)


def _projections(params: Network) -> Iterator[CosimError]:
    sizes = partners(params)
    for name, projection in params.projections.items():
        where = f"params.projections.{name}"
        if projection.source not in sizes:
            yield _unknown(projection.source, sizes, f"{where}.from")
        elif projection.target not in params.populations:
            yield _unknown(projection.target, params.populations, f"{where}.to")
        else:
            yield from _rule(projection, sizes, where)
            yield from _strength(projection, params.populations[projection.target], where)
            yield from _delay(projection, params, where)


def _rule(projection: Projection, sizes: dict[str, int], where: str) -> Iterator[CosimError]:
    sources, targets = sizes[projection.source], sizes[projection.target]
    for rule, key in _RULE_NEEDS.items():
        given = getattr(projection, key) is not None
        if given != (projection.rule == rule):
            what = f"{key} says nothing to the rule {projection.rule}" if given else f"the rule {rule} needs {key}"
            yield CosimError(what, where=where, mend=f"leave {key} out, or choose rule: {rule}" if given else f"give {key}")
    if projection.rule == "one_to_one" and sources != targets:
        yield CosimError("one_to_one joins populations of one size", where=where, why=f"{sources} neurons to {targets}")
    alone = sources == 1 or projection.rule == "one_to_one"
    if not projection.autapses and projection.source == projection.target and alone:
        yield CosimError("without autapses nothing is left to connect", where=where, mend="autapses: true")


def _strength(projection: Projection, target: Lif | Qif, where: str) -> Iterator[CosimError]:
    wanted, other = ("weight", "J") if isinstance(target, Lif) else ("J", "weight")
    if getattr(projection, wanted) is None or getattr(projection, other) is not None:
        mend = f"give {wanted}, and not {other}"
        yield CosimError(f"a projection onto {target.model} neurons has a {wanted}", where=where, mend=mend)
    if isinstance(target, Qif) and projection.rule == "all_to_all" and not projection.autapses:
        why = "all_to_all onto qif goes through the mean rate, which the neuron itself is a part of"
        yield CosimError("autapses cannot be left out of a mean rate", where=where, why=why, mend="autapses: true, or another rule")


def _delay(projection: Projection, params: Network, where: str) -> Iterator[CosimError]:
    if projection.delay is None:
        return
    if projection.delay % params.dt:
        yield _off_grid(projection.delay, params.dt, f"{where}.delay")
    elif projection.delay < params.dt and projection.source in params.populations:
        yield CosimError(
            "a delay within the engine is at least one step", where=f"{where}.delay", mend=f"{format_ns(params.dt)} or more"
        )


def _inputs(params: Network) -> Iterator[CosimError]:
    for name, port in params.inputs.items():
        where = f"params.inputs.{name}"
        if name in OUTPUTS or name in params.populations:
            what = f"the name {name!r} is taken by {'an output' if name in OUTPUTS else 'a population'}"
            yield CosimError(what, where=where, mend="choose another")
        if not isinstance(port, (RateInput, CurrentInput)):
            continue
        if port.target not in params.populations:
            yield _unknown(port.target, params.populations, f"{where}.to")
        elif isinstance(port, RateInput):
            lif = isinstance(params.populations[port.target], Lif)
            if lif and (port.weight is None or port.J is not None):
                yield CosimError(
                    "a rate onto lif neurons becomes Poisson spikes", where=where, mend="give the weight of a spike, and not J"
                )
            if not lif and port.weight is not None:
                yield CosimError("a rate onto qif neurons has no weight", where=where, mend="give J, or leave both out")


def _recorded(params: Network) -> Iterator[CosimError]:
    models = set()
    for name, neurons in params.record_potential.items():
        where = f"params.record_potential.{name}"
        if name not in params.populations:
            yield _unknown(name, params.populations, where)
            continue
        models.add(params.populations[name].model)
        size = params.populations[name].size
        if neurons and max(neurons) >= size:
            yield CosimError(f"{name} has no neuron {max(neurons)}", where=where, why=f"it has {size}, counted from 0")
    if len(models) > 1:
        why = "those of lif are in mV, those of qif have no unit"
        yield CosimError("one port cannot give potentials of both models", where="params.record_potential", why=why)


def _unknown(name: str, known: Iterable[str], where: str) -> CosimError:
    return CosimError(f"there is no {name!r}", where=where, mend=f"one of {', '.join(known)}")


def _off_grid(value_ns: int, dt_ns: int, where: str) -> CosimError:
    what = f"{format_ns(value_ns)} is not a whole number of {format_ns(dt_ns)} steps"
    return CosimError(what, where=where, mend=f"nearest: {nearest_multiples(value_ns, dt_ns)}")
