"""EDEN: a NeuroML network, compiled and run by EDEN in a process of its own, window by window."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from cosim.sdk import CosimError, Duration, InputFile, ModelEngine, Params, Port, Setup, Simulator, Window, format_ns
from cosim.sdk.model import Binding, check_steps
from engines.eden_toolchain.neuroml import Network, read, space_of
from engines.eden_toolchain.ports import Clock, Wiring
from engines.eden_toolchain.process import Process, find_program

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

    def wire(self, wiring: Wiring, dt_ns: int) -> Binding:
        return wiring.spikes_in(wiring.network.cells(self.to), self.synapse, self.weight, self.segment)


class CurrentInto(Params):
    """A current from outside: a channel a cell; unit "1" for cells without dimensions."""

    kind: Literal["current"]
    to: Cells
    unit: Literal["pA", "nA", "uA", "A", "1"] = "nA"
    segment: Annotated[int, Field(ge=0, description="of a cell with a morphology")] = 0

    def port(self, name: str, network: Network, dt_ns: int) -> Port:
        return Port(name, "in", "samples", space_of(network.cells(self.to)), quantity="current", unit=self.unit)

    def wire(self, wiring: Wiring, dt_ns: int) -> Binding:
        return wiring.current_in(wiring.network.cells(self.to), self.unit, self.segment)


class SpikesOf(Params):
    """The spikes of cells: a channel each."""

    kind: Literal["spikes"]
    of: Cells = "*"

    def port(self, name: str, network: Network, dt_ns: int) -> Port:
        return Port(name, "out", "spikes", space_of(network.cells(self.of)))

    def wire(self, wiring: Wiring, dt_ns: int) -> Binding:
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
        check_steps(self.dt or dt_ns, dt_ns, f"EDEN, for the rows of {name!r}")
        space = space_of(network.cells(self.of))
        quantity = self.quantity or ("membrane_potential" if self.path.rpartition("/")[2] == "v" else "")
        return Port(name, "out", "samples", space, quantity=quantity, unit=self.unit, dt_ns=self.dt or dt_ns)

    def wire(self, wiring: Wiring, dt_ns: int) -> Binding:
        return wiring.samples_out(wiring.network.cells(self.of), self.path, self.unit, self.dt or dt_ns)


class EdenParams(Params):
    model: Annotated[InputFile, Field(description="a NeuroML or LEMS file that holds a network, or includes it")]
    network: Annotated[str, Field(description="its id, where there are several")] = ""
    dt: Annotated[Duration, Field(ge=100, description="EDEN's step")] = 25_000
    threads: Annotated[int, Field(ge=1)] = 1
    inputs: dict[str, Annotated[SpikesInto | CurrentInto, Field(discriminator="kind")]] = {}
    outputs: dict[str, Annotated[SpikesOf | SamplesOf, Field(discriminator="kind")]] = {}


class Eden(ModelEngine):
    """A NeuroML network in EDEN; ``inputs`` and ``outputs`` say which of its cells are ports, its files are not touched.

    A row of current that arrives is in force over the steps that it covers. A spike that arrives acts on its synapse at the end of
    the step in which it falls; a second one of its channel in that step acts one step later. A row that leaves is the state at
    its time, in the 8 digits that EDEN writes. EDEN computes in floats, and gcc compiles for this processor: the same bits come
    again on the same machine, with any number of threads.

    References
    ----------
    Panagiotou et al. (2022), Front Neuroinform 16, 724336.
    """

    Params = EdenParams  # type: ignore[assignment]
    simulator: ClassVar[Simulator] = Simulator(
        "EDEN", "eden_simulator", "eden-simulator", "eden", can={"threads": "yes", "MPI": "no", "save": "no"}
    )

    @classmethod
    def ports(cls, params: Any) -> list[Port]:
        network = read(params.model).network(params.network)
        return [said.port(name, network, params.dt) for name, said in _said(params)]

    def __init__(self, params: EdenParams, setup: Setup) -> None:
        program, dt_ns = find_program(self.simulator.load), params.dt
        check_steps(setup.window_ns, dt_ns, f"EDEN, which runs {params.model.name}")
        self._clock, self._process = Clock(dt_ns), Process()
        try:
            wiring = Wiring(read(params.model).network(params.network), self._process, self._clock, setup.seed)
            self.bind(params, setup, {name: said.wire(wiring, dt_ns) for name, said in _said(params)}, dt_ns)
            self._readers = wiring.readers
            self._process.start(program, wiring.model(setup.window_ns), params.threads)
        except BaseException:
            self.close()
            raise
        cells = wiring.network.populations.values()
        setup.log.info("%d cells in %d populations, compiled by gcc", sum(map(len, cells)), len(cells))

    def step(self, window: Window) -> None:
        if window.stop_ns > self._clock.limit_ns:
            raise CosimError(
                f"EDEN with steps of {format_ns(self._clock.dt_ns)} cannot run beyond {format_ns(self._clock.limit_ns)}",
                why="EDEN 0.2.3 keeps times of synapses as 32-bit floats of ms, and writes times with 8 digits",
                mend="a larger dt, or a shorter run",
            )
        self._process.exchange([(reader.end, reader.frames(window)) for reader in self._readers])

    def close(self) -> None:
        self._process.close()


def _said(params: EdenParams) -> list[tuple[str, Any]]:
    return [*params.inputs.items(), *params.outputs.items()]
