"""Ports of what is recorded: an output or a state of the models, of chosen neurons."""

from __future__ import annotations

from cosim.sdk import Port, Space
from engines.point_neurons.connections.projections import neurons_of
from engines.point_neurons.params import Network


def columns_of(network: Network) -> dict[str, list[tuple[str, int]]]:
    """Population and neuron of every channel, by port."""
    return {
        port: [
            (name, neuron)
            for name, neurons in selected.items()
            for neuron in (range(network.populations[name].size) if neurons == "all" else neurons)
        ]
        for port, selected in network.record.items()
    }


def recorded_ports(network: Network) -> list[Port]:
    """One for every name in ``record``, in order."""
    found = []
    for port, columns in columns_of(network).items():
        described = neurons_of(network)[columns[0][0]].description
        item = described.outputs.get(port)
        quantity = item.quantity if item is not None else ""
        unit = item.unit if item is not None else described.states[port].unit
        space = Space(tuple(f"{name}[{neuron}]" for name, neuron in columns))
        found.append(Port(port, "out", "samples", space, quantity=quantity, unit=unit, dt_ns=network.dt))
    return found
