"""Ports of a circuit: its nodes as channels, and where they are among the neurons of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Port, Space
from engines.point_neurons.params import Network
from engines.point_neurons.recorded import columns_of, recorded_ports
from engines.sonata_network.circuit import Circuit
from engines.sonata_network.network import chosen, variable_of
from engines.sonata_network.params import SonataParams
from engines.sonata_network.reports import Report

Rows = Mapping[str, NDArray[np.int64]]


def ports_of(circuit: Circuit, network: Network, params: SonataParams) -> list[Port]:
    """Spikes and rates, reports, linked populations, currents.

    Raises
    ------
    CosimError
        Two have the same name.
    """
    found = [*_outputs(circuit), *(_report_port(circuit, network, report) for report in circuit.reports)]
    everyone = {name: np.arange(len(circuit.populations[name])) for name in params.linked}
    found += [Port(name, "in", "spikes", space_of(circuit, {name: rows})) for name, rows in everyone.items()]
    for name, item in params.currents.items():
        space = space_of(circuit, circuit.currents[name]) if item.each else Space((name,))
        found.append(Port(name, "in", "samples", space, quantity="current", unit="pA", dt_ns=circuit.dt_ns))
    names = [port.name for port in found]
    if doubles := [name for name in names if names.count(name) > 1]:
        why = "spikes, rate, reports, linked populations and currents are ports"
        raise CosimError(f"two ports are called {doubles[0]!r}", why=why, mend="rename one, or record nothing: reports: false")
    return found


def _outputs(circuit: Circuit) -> list[Port]:
    rows = simulated(circuit)
    groups = circuit.groups or {name: {name: some} for name, some in rows.items()}
    space = replace(space_of(circuit, rows), groups={name: _channels_of(rows, some) for name, some in groups.items()})
    names = Space(tuple(rows))
    rate = Port("rate", "out", "samples", names, quantity="firing_rate", unit="Hz", of="mean", dt_ns=circuit.dt_ns)
    return [Port("spikes", "out", "spikes", space), rate]


def simulated(circuit: Circuit) -> dict[str, NDArray[np.int64]]:
    """Rows of nodes that are simulated, of populations that have any."""
    rows = {name: np.flatnonzero(~nodes.is_virtual) for name, nodes in circuit.populations.items()}
    return {name: some for name, some in rows.items() if len(some)}


def space_of(circuit: Circuit, rows: Rows) -> Space:
    """Nodes as channels, with their positions where all have one."""
    labels = tuple(f"{name}[{number}]" for name, some in rows.items() for number in circuit.populations[name].ids[some].tolist())
    positions = {name: circuit.populations[name].positions() for name in rows}
    known = [place[rows[name]] for name, place in positions.items() if place is not None]
    return Space(labels, positions=np.concatenate(known) if known and len(known) == len(rows) else None)


def _channels_of(everywhere: Rows, rows: Rows) -> tuple[int, ...]:
    """Some nodes among all that are channels."""
    first, found = 0, list[int]()
    for name, all_rows in everywhere.items():
        if name in rows:
            found += (first + np.searchsorted(all_rows, rows[name])).tolist()
        first += len(all_rows)
    return tuple(found)


def _report_port(circuit: Circuit, network: Network, report: Report) -> Port:
    variable, _ = columns_for(circuit, network, report)
    port = next(port for port in recorded_ports(network) if port.name == variable)
    quantity = port.quantity or ("membrane_potential" if report.variable == "V_m" else "")
    space = space_of(circuit, report.rows)
    return port.but(name=report.name, space=space, quantity=quantity, dt_ns=circuit.dt_ns * report.stride)


def columns_for(circuit: Circuit, network: Network, report: Report) -> tuple[str, NDArray[np.int64]]:
    """The port of the network that a report reads, and its columns, a node each."""
    first = dict(zip(report.rows, np.cumsum([0, *map(len, report.rows.values())]).tolist(), strict=False))
    columns, variables = np.zeros(sum(map(len, report.rows.values())), np.int64), dict[str, str]()
    for part, neurons, places in chosen(circuit, report.rows):
        variables[part.name] = variable = variable_of(part, report.variable)
        place = {key: k for k, key in enumerate(columns_of(network)[variable])}
        columns[first[part.population] + places] = [place[part.name, neuron] for neuron in neurons.tolist()]
    if len(set(variables.values())) > 1:
        told = ", ".join(f"{variable} of {name}" for name, variable in variables.items())
        raise CosimError(f"report {report.name} is of several variables", why=told, mend="one report a model")
    return next(iter(variables.values())), columns


# -- neurons of the network as nodes -----------------------------------------------------------------------------------------------


def channels_for(circuit: Circuit, network: Network) -> NDArray[np.int32]:
    """(neurons,) the channel of each neuron of the network, -1 of a virtual node."""
    rows = simulated(circuit)
    first = dict(zip(rows, np.cumsum([0, *map(len, rows.values())]).tolist(), strict=False))
    parts, found = {part.name: part for part in circuit.parts}, [np.empty(0, np.int64)]
    for name, population in network.populations.items():
        part = parts[name]
        if part.is_virtual:
            found.append(np.full(population.size, -1))
        else:
            found.append(first[part.population] + np.searchsorted(rows[part.population], part.rows))
    return np.concatenate(found).astype(np.int32)


def shares_for(circuit: Circuit, network: Network) -> NDArray[np.float64]:
    """(populations of the network, simulated populations of the circuit): what a part's rate counts in its population's."""
    rows = simulated(circuit)
    found = np.zeros((len(network.populations), len(rows)))
    places = {name: k for k, name in enumerate(network.populations)}
    for part in circuit.simulated:
        found[places[part.name], list(rows).index(part.population)] = len(part.rows) / len(rows[part.population])
    return found
