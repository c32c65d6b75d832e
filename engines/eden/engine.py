"""EDEN: a NeuroML network, compiled and run by EDEN in a process of its own, window by window."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from cosim.sdk import CosimError, Duration, InputFile, ModelEngine, Params, Port, Setup, Simulator, Window, check_steps, format_ns
from engines.eden.ports import Clock, Wiring
from engines.eden.process import Process, find_program
from engines.neuroml.network import read
from engines.neuroml.params import CurrentInto, SamplesOf, SpikesInto, SpikesOf, said


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
        return [port.port(name, network, params.dt) for name, port in said(params)]

    def __init__(self, params: EdenParams, setup: Setup) -> None:
        program, dt_ns = find_program(self.simulator.load), params.dt
        check_steps(setup.window_ns, dt_ns, f"EDEN, which runs {params.model.name}")
        self._clock, self._process = Clock(dt_ns), Process()
        try:
            wiring = Wiring(read(params.model).network(params.network), self._process, self._clock, setup.seed)
            self.bind(params, setup, {name: port.wire(wiring, dt_ns) for name, port in said(params)}, dt_ns)
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
