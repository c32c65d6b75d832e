"""Which cells of a NeuroML network are ports: the parameters that engines of NeuroML share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cosim.sdk import Duration, Params, Port, check_steps
from cosim.sdk.model import Binding
from engines.neuroml.network import Network, space_of

Cells = Annotated[str | list[str], Field(description="a population, a glob, p[3], p[0:10], or a list of these")]


class SpikesInto(Params):
    """Spikes from outside: a channel a cell, each through a synapse of its own."""

    kind: Literal["spikes"]
    to: Cells
    synapse: Annotated[str, Field(description="the id of a synapse of the model")]
    weight: float = 1.0
    segment: Annotated[int, Field(ge=0, description="of a cell with a morphology")] = 0

    def port(self, name: str, network: Network, dt_ns: int) -> Port:
        network.synapse(self.synapse)
        return Port(name, "in", "spikes", space_of(network.cells(self.to)))

    def wire(self, wiring: Any, dt_ns: int) -> Binding:
        return wiring.spikes_in(wiring.network.cells(self.to), self.synapse, self.weight, self.segment)


class CurrentInto(Params):
    """A current from outside: a channel a cell; unit "1" for cells without dimensions."""

    kind: Literal["current"]
    to: Cells
    unit: Literal["pA", "nA", "uA", "A", "1"] = "nA"
    segment: Annotated[int, Field(ge=0, description="of a cell with a morphology")] = 0

    def port(self, name: str, network: Network, dt_ns: int) -> Port:
        return Port(name, "in", "samples", space_of(network.cells(self.to)), quantity="current", unit=self.unit)

    def wire(self, wiring: Any, dt_ns: int) -> Binding:
        return wiring.current_in(wiring.network.cells(self.to), self.unit, self.segment)


class SpikesOf(Params):
    """The spikes of cells: a channel each."""

    kind: Literal["spikes"]
    of: Cells = "*"

    def port(self, name: str, network: Network, dt_ns: int) -> Port:
        return Port(name, "out", "spikes", space_of(network.cells(self.of)))

    def wire(self, wiring: Any, dt_ns: int) -> Binding:
        return wiring.spikes_out(wiring.network.cells(self.of))


class SamplesOf(Params):
    """One state variable of cells: a channel each."""

    kind: Literal["samples"]
    of: Cells = "*"
    path: Annotated[str, Field(description="behind the cell: v, 2/v (of segment 2), caConc, a variable of the cell's type")] = "v"
    quantity: Annotated[str, Field(description="what it is; membrane_potential where the path leads to v")] = ""
    unit: Annotated[str, Field(description="one that NeuroML knows, or 1")] = "mV"
    dt: Annotated[Duration | None, Field(gt=0, description="the step of the rows; the engine's own unless given")] = None

    def port(self, name: str, network: Network, dt_ns: int) -> Port:
        check_steps(self.dt or dt_ns, dt_ns, f"the engine, for the rows of {name!r}")
        space = space_of(network.cells(self.of))
        quantity = self.quantity or ("membrane_potential" if self.path.rpartition("/")[2] == "v" else "")
        return Port(name, "out", "samples", space, quantity=quantity, unit=self.unit, dt_ns=self.dt or dt_ns)

    def wire(self, wiring: Any, dt_ns: int) -> Binding:
        return wiring.samples_out(wiring.network.cells(self.of), self.path, self.unit, self.dt or dt_ns)


def said(params: Any) -> list[tuple[str, Any]]:
    """The ports of an engine, by name."""
    return [*params.inputs.items(), *params.outputs.items()]
