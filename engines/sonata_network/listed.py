"""Files of edges that projections of a point-neuron network name themselves, with ``rule: sonata``; no circuit is around them."""

from __future__ import annotations

from typing import Any

from cosim.sdk import CosimError
from engines.point_neurons.connections.lists import Edges, edges_of
from engines.point_neurons.params import Network, Projection
from engines.sonata_network.faults import Faults
from engines.sonata_network.files import dataset, open_file, populations_in
from engines.sonata_network.members import read_members


def edges_for(network: Network) -> dict[str, Edges]:
    """Synapses of all projections with rule ``sonata``, by their names, as ``connect`` takes them.

    Node numbers of the file are those of neurons in their populations. Weights are syn_weight x nsyns and delays in ms, where edges
    have them of their own; else the projection says them.

    Raises
    ------
    CosimError
        A file cannot be read, or has several populations of edges none of which joins those of the projection.
    """
    faults, found = Faults(), dict[str, Edges]()
    for name, projection in network.projections.items():
        if projection.rule == "sonata" and projection.file is not None:
            edges = faults.collect(f"params.projections.{name}.file", _read, projection)
            if edges is not None:
                found[name] = edges
    faults.raise_all()
    return found


def _read(projection: Projection) -> Edges:
    path = projection.file
    assert path is not None
    with open_file(path) as file:
        name, group = _population(populations_in(file, "edge", path), projection)
        members = read_members(name, path, group, "edge", {})
        source, target = (dataset(group, f"{end}_node_id", path) for end in ("source", "target"))
    weight = members.numbers("syn_weight") * members.numbers("nsyns", 1.0) if members.has("syn_weight") else None
    delay = members.numbers("delay") if members.has("delay") else None
    return edges_of(source, target, weight, delay)


def _population(populations: list[tuple[str, Any]], projection: Projection) -> tuple[str, Any]:
    """The only population of edges, or the one that joins the populations of the projection."""
    if len(populations) == 1:
        return populations[0]
    wanted = [projection.source, projection.target]
    for name, group in populations:
        ends = [group[f"{end}_node_id"].attrs.get("node_population", "") for end in ("source", "target")]
        if [end.decode() if isinstance(end, bytes) else end for end in ends] == wanted:
            return name, group
    names = ", ".join(name for name, _ in populations)
    raise CosimError(f"no population of edges leads from {wanted[0]} to {wanted[1]}", why=f"the file has {names or 'none'}")
