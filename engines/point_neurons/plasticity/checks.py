"""What is wrong with plastic projections and their records, as far as parameters and files tell; nothing is compiled."""

from __future__ import annotations

from collections.abc import Iterator

from cosim.sdk import CosimError, did_you_mean, format_ns, nearest_multiples
from engines.point_neurons.connections.projections import Plan, bounds_of, plans_for
from engines.point_neurons.params import Distribution, Network, Projection
from engines.point_neurons.plasticity.lines import line_faults
from engines.point_neurons.plasticity.params import WeightRecord
from engines.point_neurons.plasticity.records import count_of
from engines.point_neurons.plasticity.rule import PlasticityRule


def check_plasticity(network: Network, taken: tuple[str, ...]) -> list[CosimError]:
    """All faults of projections that have none as connections; ``taken`` are names of other ports."""
    faults = []
    for name, projection in network.projections.items():
        if projection.plasticity is not None:
            where = f"params.projections.{name}"
            faults += [fault.located(f"{where}.plasticity") for fault in _rule(network, name, projection, projection.plasticity)]
    for name, record in network.weights.items():
        where = f"params.weights.{name}"
        if name in taken:
            faults.append(CosimError(f"the name {name!r} is taken by another port", where=where, mend="choose another"))
        faults += [fault.located(where) for fault in _record(network, record)]
    return faults


def _rule(network: Network, name: str, projection: Projection, plasticity: PlasticityRule) -> Iterator[CosimError]:
    described = plasticity.described()
    yield from line_faults(described)
    if projection.rule == "sonata":
        yield CosimError("synapses of SONATA files do not learn", mend="rule: list, with a file of sources and targets")
        return
    plans = plans_for(network, name, {})
    if isinstance(projection.delay, Distribution) or any(plan.has_own_delays for plan in plans):
        why = "spikes of the target reach its synapses one delay later, and are remembered once for all"
        yield CosimError("a plastic projection has one delay", why=why, mend="give one, or make a projection of each delay")
    for plan in plans:
        yield from _bounds(plan, plasticity)
    modulated = described.modulated
    if modulated is not None:
        modulators = [port for port, item in network.inputs.items() if item.kind == "modulator"]
        if modulated.source not in modulators:
            mend = did_you_mean(modulated.source, modulators) or f"inputs: {{{modulated.source}: {{kind: modulator}}}}"
            yield CosimError(f"there is no modulator {modulated.source!r}", mend=mend)


def _bounds(plan: Plan, plasticity: PlasticityRule) -> Iterator[CosimError]:
    """Bounds that are none, or that weights begin beyond."""
    try:
        bounds = plasticity.bounds(plan.unit)
    except CosimError as error:
        yield error
        return
    if bounds is None:
        return
    (least, largest), unit = (bounds_of(plan.weight), "" if plan.unit == "1" else f" {plan.unit}")
    if least < min(bounds) or largest > max(bounds):
        what = f"weights begin at {least:g}{unit}" if least == largest else f"weights begin from {least:.6g} to {largest:.6g}{unit}"
        mend = "move w_min or w_max, or the weight" if least == largest else "move w_min or w_max, or give low and high"
        yield CosimError(what, why=f"they move between w_min = {bounds[0]:g}{unit} and w_max = {bounds[1]:g}{unit}", mend=mend)


def _record(network: Network, record: WeightRecord) -> Iterator[CosimError]:
    plastic = [name for name, projection in network.projections.items() if projection.plasticity is not None]
    if record.projection not in plastic:
        is_static = record.projection in network.projections
        what = f"{record.projection} is not plastic" if is_static else f"there is no projection {record.projection!r}"
        yield CosimError(what, mend=did_you_mean(record.projection, plastic) or "give a projection plasticity")
        return
    projection, every = network.projections[record.projection], record.every
    assert projection.plasticity is not None
    if projection.rule == "sonata":
        return  # told of the projection
    rule, plans = projection.plasticity.described(), plans_for(network, record.projection, {})
    known = ["weight", *rule.states, *rule.shown]
    if record.of not in known:
        yield CosimError(f"its rule has no {record.of!r}", mend=did_you_mean(record.of, known))
    if len(plans) > 1:
        yield CosimError("its list has weights of both signs", mend="make a projection of each sign to record from")
    if record.synapses == "all" and record.of not in rule.shown and not count_of(network, record.projection):
        why = (
            f"{projection.rule} leaves to chance how many there are"
            if count_of(network, record.projection) is None
            else "there are none"
        )
        yield CosimError("not all synapses can have a channel", why=why, mend="synapses: mean, or pairs of [source, target]")
    if every is not None and every % network.dt:
        what = f"{format_ns(every)} is not a whole number of {format_ns(network.dt)} steps"
        yield CosimError(what, mend=f"nearest: {nearest_multiples(every, network.dt)}")
    yield from _chosen(record, plans[0])


def _chosen(record: WeightRecord, plan: Plan) -> Iterator[CosimError]:
    """Neurons that are not there."""
    pairs = record.synapses if isinstance(record.synapses, list) else []
    sources = record.sources if isinstance(record.sources, list) else []
    if [] in (record.synapses, record.sources):
        yield CosimError("nothing is chosen", mend="name some, or leave it out")
    if len({*pairs}) < len(pairs):
        yield CosimError("a pair is named twice", mend="name each once")
    named = {
        plan.projection.source: (plan.sources, [*sources, *(source for source, _ in pairs)]),
        plan.projection.target: (plan.targets, [target for _, target in pairs]),
    }
    if plan.is_recurrent:
        named = {plan.projection.source: (plan.sources, [*sources, *(end for pair in pairs for end in pair)])}
    for population, (size, neurons) in named.items():
        if beyond := [neuron for neuron in neurons if not 0 <= neuron < size]:
            yield CosimError(f"{population} has no neuron {beyond[0]}", why=f"it has {size}, counted from 0")
