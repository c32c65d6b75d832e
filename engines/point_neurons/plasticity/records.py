"""Ports of what is recorded of plastic projections."""

from __future__ import annotations

from cosim.sdk import Port, Space
from engines.point_neurons.connections.projections import partners_of, plans_for
from engines.point_neurons.params import Network
from engines.point_neurons.plasticity.params import WeightRecord


def count_of(network: Network, name: str) -> int | None:
    """Synapses of a projection, where its parameters say how many."""
    projection = network.projections[name]
    if projection.rule in ("bernoulli", "distance", "sonata"):
        return None
    plans = plans_for(network, name, {})
    return sum(round((partners_of(projection, plan.sources, plan.targets, plan.edges) or 0) * plan.targets) for plan in plans)


def weight_ports(network: Network) -> list[Port]:
    """One for every name in ``weights``, in order."""
    return [_port(network, name, record) for name, record in network.weights.items()]


def _port(network: Network, name: str, record: WeightRecord) -> Port:
    projection = network.projections[record.projection]
    assert projection.plasticity is not None
    if record.of in projection.plasticity.described().shown:
        size = plans_for(network, record.projection, {})[0].sources
        sources = range(size) if record.sources == "all" else record.sources
        space = Space(tuple(f"{projection.source}[{source}]" for source in sources))
    elif record.synapses == "mean":
        space = Space((record.projection,))
    elif record.synapses == "all":
        space = Space.numbered(count_of(network, record.projection) or 0)
    else:
        space = Space(tuple(f"{source}>{target}" for source, target in record.synapses))
    unit = plans_for(network, record.projection, {})[0].unit if record.of == "weight" else "1"
    return Port(name, "out", "samples", space, unit=unit, dt_ns=record.every)
