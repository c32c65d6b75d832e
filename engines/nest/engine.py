"""The engine: a network built with PyNEST, simulated window by window."""

from __future__ import annotations

import math
import weakref
from typing import Annotated, Any, ClassVar

from pydantic import Field

from cosim.sdk import CosimError, Duration, ModelEngine, ModelParams, Setup, Simulator, Window, format_ns
from cosim.sdk.time import NS_PER_MS
from engines.nest.bindings import SamplesOut
from engines.nest.helper import NestHelper
from engines.nest.kernel import (
    QuietSimulator,
    check_attributes,
    install,
    join_ranks,
    marks_of_a_launcher_hidden,
    reset,
    what_it_can,
)


class NestParams(ModelParams):
    dt: Annotated[Duration, Field(gt=0, multiple_of=1000, description="NEST's resolution, in whole µs")] = 100_000
    threads: Annotated[int, Field(ge=1, description="random numbers and connections depend on it")] = 1
    modules: Annotated[list[str], Field(description="extension modules, such as NESTML makes: path or name")] = []


class Nest(ModelEngine):
    """A NEST network; ``build(args, seed, sim)`` is called with the kernel reset, seeded and at its resolution.

    A spike that arrives at t is one of a generator at t, or at the end of the step in which t falls; weight and delay of the
    connection from there are the model's own. A row that arrives is in force in the generator over the steps that end in
    (start, stop] of the row. A spike that leaves has NEST's time; a row that leaves is the state at its time.

    Random numbers that NEST draws (also for ``rate_in``) are drawn in slices of the smallest delay of the network, for one
    generator after the other: they are the same for all windows that are a multiple of it, and for one number of threads.

    With ``ranks`` NEST runs on the engine's MPI ranks where its build has MPI; they must be all ranks of the job.

    References
    ----------
    Gewaltig and Diesmann (2007), Scholarpedia 2(4), 1430.
    """

    Params = NestParams
    determinism = "layout"
    simulator: ClassVar[Simulator] = QuietSimulator(
        "NEST",
        "nest",
        "nest-simulator",
        "nest",
        alone="NEST",
        can={"threads": "yes", "MPI": "with an own build", "save": "no: NEST cannot"},
        probe=what_it_can,
    )
    _living: ClassVar[weakref.WeakSet[Nest]] = weakref.WeakSet()
    """The engine whose model the kernel holds, until it is closed or forgotten."""

    def __init__(self, params: NestParams, setup: Setup) -> None:
        if Nest._living:
            mend = "--transport zeromq: a process for each"
            raise CosimError("a second NEST model in one process", why="NEST has one kernel a process", mend=mend)
        nest: Any = self.simulator.load()
        self._nest = nest
        join_ranks(nest, setup.comm)
        kept = {"resolution": params.dt / NS_PER_MS, "local_num_threads": params.threads, "overwrite_files": True}
        reset(nest, {**kept, "print_time": False, "rng_seed": 1 + setup.seed % (2**32 - 1)})
        for module in params.modules:
            install(nest, module, setup.folder)
        helper = NestHelper(nest, params.dt, setup.comm)
        self.build_model(params, setup, helper, params.dt)
        check_attributes(nest, {**kept, "biological_time": 0.0}, str(params.model))
        helper.connect_recorders()
        self._sampled = [output for output in self.outputs.values() if isinstance(output, SamplesOut)]
        setup.log.info("%d nodes, %d connections", nest.network_size, nest.num_connections)
        if setup.window_ns % (smallest_ns := round(nest.min_delay * NS_PER_MS)):
            told = "random numbers of NEST are those of this window: %s is not a whole number of the smallest delay, %s"
            setup.log.info(told, format_ns(setup.window_ns), format_ns(smallest_ns))
        Nest._living.add(self)

    def step(self, window: Window) -> None:
        """Simulate, cut where a row is to be read: a multimeter would give the last rows one smallest delay late.

        ``Simulate`` and not ``Run``: recorders can be emptied after it. NEST is not asked for the time: reading any attribute of
        the kernel takes longer the longer the run.
        """
        stride_ns = math.gcd(window.length_ns, *(output.dt_ns for output in self._sampled))
        for stop_ns in range(window.start_ns + stride_ns, window.stop_ns + 1, stride_ns):
            self._nest.Simulate(stride_ns / NS_PER_MS)
            for output in self._sampled:
                if stop_ns % output.dt_ns == 0:
                    output.sample()

    def close(self) -> None:
        if self in Nest._living:
            Nest._living.remove(self)
            with marks_of_a_launcher_hidden():
                self._nest.ResetKernel()
