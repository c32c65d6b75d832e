"""Edges of a circuit as projections of the network: those between two parts, onto one receptor, by one rule of plasticity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.point_neurons.connections.lists import Edges as Listed
from engines.point_neurons.connections.lists import edges_of
from engines.point_neurons.params import Network, Projection
from engines.sonata_network.circuit import Circuit
from engines.sonata_network.edges import Connections
from engines.sonata_network.faults import Faults
from engines.sonata_network.parts import Part, receptor_for


@dataclass(frozen=True)
class Bundle:
    """Synapses of one projection.

    Attributes
    ----------
    receptor
        None: the sign of the weights tells.
    rule
        Parameters of NEST's stdp_synapse; None: static.
    """

    edges: Listed
    receptor: str | None
    rule: dict[str, float] | None


def with_synapses(network: Network, circuit: Circuit) -> tuple[Network, dict[str, Listed]]:
    """The network with its projections, and the static synapses of each.

    Raises
    ------
    CosimError
        Files of edges do not fit those of nodes; a ScenarioError where there are several faults.
    """
    faults, sources = Faults(), {*network.populations, *network.inputs}
    projections: dict[str, Projection] = {}
    listed: dict[str, Listed] = {}
    for edges in circuit.edges:
        senders = [part for part in circuit.parts if part.population == edges.source and part.name in sources]
        receivers = [part for part in circuit.simulated if part.population == edges.target]
        if not senders:
            continue  # virtual nodes that nothing plays
        read = faults.collect(edges.path, edges.read, circuit.populations[edges.source], circuit.populations[edges.target])
        for source, target in product(senders, receivers) if read is not None else ():
            for bundle in faults.collect(edges.path, list, _bundles(read, source, target)) or ():  # type: ignore[arg-type]
                told = faults.collect(edges.path, _told, bundle, source, target, edges.path)
                if told is not None:
                    name = edges.name if edges.name not in projections else f"{edges.name} {len(projections)}"
                    projections[name] = told
                    listed |= {name: bundle.edges} if bundle.rule is None else {}
    faults.raise_all()
    return network.model_copy(update={"projections": projections}), listed


def _bundles(read: Connections, source: Part, target: Part) -> Iterator[Bundle]:
    """Synapses of two parts; plastic ones of one delay each, for the engine wants it so."""
    sources, targets = _places(source, read.source), _places(target, read.target)
    ours = (sources >= 0) & (targets >= 0)
    for number, plasticity in product(np.unique(read.receptor[ours]).tolist(), range(-1, len(read.rules))):
        named = receptor_for(target, number)
        alike = ours & (read.receptor == number) & (read.plasticity == plasticity)
        delays = [None] if plasticity < 0 else np.unique(read.delay_ms[alike]).tolist()
        for delay in delays:
            chosen = alike if delay is None else alike & (read.delay_ms == delay)
            for receptor, some, sign in _by_sign(target, named, read.weight, chosen):
                edges = edges_of(sources[some], targets[some], sign * read.weight[some], read.delay_ms[some])
                yield Bundle(edges, receptor, None if plasticity < 0 else read.rules[plasticity])


def _places(part: Part, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers that nodes of a population have in one of its parts, -1 where they are in another."""
    place = np.full(max(rows.max(initial=0), part.rows.max(initial=0)) + 1, -1, np.int64)
    place[part.rows] = np.arange(len(part.rows))
    return place[rows]


def _by_sign(
    target: Part, named: str | None, weight: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> list[tuple[str | None, NDArray[np.bool_], float]]:
    """Receptor, which synapses, and what their weights are multiplied by; weights of 0 are excitatory."""
    if target.template is None or not target.template.is_conductance:
        return [(named, chosen, 1.0)] if chosen.any() else []
    excitatory, inhibitory = target.template.receptors
    parts = [(excitatory, chosen & (weight >= 0.0), 1.0), (inhibitory, chosen & (weight < 0.0), -1.0)]
    return [part for part in parts if part[1].any()]


def _told(bundle: Bundle, source: Part, target: Part, path: Path) -> Projection:
    """Synapses as a projection: static ones of a file that is read here, plastic ones in a list."""
    given: dict[str, Any] = {"from": source.name, "to": target.name, "receptor": bundle.receptor}
    more = {"rule": "sonata", "file": path} if bundle.rule is None else _plastic(bundle.edges, bundle.rule, target)
    return Projection.model_validate(given | more)


def _plastic(edges: Listed, rule: dict[str, float], target: Part) -> dict[str, Any]:
    """NEST's stdp_synapse."""
    weight = np.broadcast_to(np.asarray(edges.weight, np.float64), len(edges))
    if weight.min() < 0.0 or weight.max() > rule["Wmax"]:
        why = f"weights of stdp_synapse move between 0 and Wmax, which is {rule['Wmax']:g}"
        raise CosimError(f"plastic edges onto {target.name} have weights from {weight.min():g} to {weight.max():g}", why=why)
    if isinstance(target.tau_minus, np.ndarray):
        raise CosimError(f"neurons of {target.name} differ in tau_minus", why="plastic edges lead to them")
    moving = {key: rule[key] for key in ("lambda", "alpha", "tau_plus", "mu_plus", "mu_minus")}
    stdp = {"rule": "stdp", "w_min": 0.0, "w_max": rule["Wmax"], "tau_minus": target.tau_minus, **moving}
    pairs = np.stack([edges.source, edges.target], axis=1).tolist()
    return {"rule": "list", "pairs": pairs, "weight": weight.tolist(), "delay": edges.delay_ms, "plasticity": stdp}
