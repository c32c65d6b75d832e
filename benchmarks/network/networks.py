"""The networks that are raced."""

from __future__ import annotations

from typing import Any

from engines.point_neurons import Network

BRUNEL = {"tau_m": 20.0, "E_L": 0.0, "V_th": 20.0, "V_reset": 0.0, "t_ref": 2.0}


def network_of(case: str, threads: int = 1) -> Network:
    """A network by its name."""
    return brunel(threads=threads) if case == "brunel" else microcircuit(threads)


def brunel(size: int = 12_500, threads: int = 1, partners: int = 1250, own: bool = False) -> Network:
    """Brunel (2000), asynchronous and irregular (g = 5, eta = 2): four excitatory partners to one inhibitory, delays of 1.5 ms.

    Parameters
    ----------
    partners
        Of every neuron; the weight is 0.1 mV for 1250 of them.
    own
        Whether every excitatory synapse has a weight and a delay of its own, all alike on average.
    """
    sizes, indegree = {"e": size * 4 // 5, "i": size // 5}, {"e": partners * 4 // 5, "i": partners // 5}
    weight = 125.0 / partners
    outside_hz = 2.0 * 20.0 / (weight * 20.0) * 1000.0  # eta times what brings the mean to the threshold of 20 mV in 20 ms
    cells = {"model": "iaf_psc_delta", "parameters": BRUNEL, "poisson": {"outside": {"rate": outside_hz, "weight": weight}}}
    projections: dict[str, Any] = {}
    for source, strength in (("e", weight), ("i", -5.0 * weight)):
        for target in sizes:
            is_own = own and source == "e"
            projections[source + target] = {
                "from": source, "to": target, "rule": "fixed_indegree", "indegree": indegree[source],
                "weight": {"normal": [strength, 0.1 * strength], "low": 0.0} if is_own else strength,
                "delay": {"normal": [1.5, 0.3], "low": 0.5, "high": 3.0} if is_own else 1.5,
            }  # fmt: skip
    return Network(
        threads=threads, populations={name: {**cells, "size": count} for name, count in sizes.items()}, projections=projections
    )


def microcircuit(threads: int = 1) -> Network:
    """Potjans and Diesmann (2014), a tenth of its neurons with a tenth of their partners."""
    from scenarios.microcircuit.microcircuit import Scale, network

    return network(Scale(threads=threads))
