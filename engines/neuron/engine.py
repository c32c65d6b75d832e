"""NEURON: cells with their branches, moved on in fixed steps, window by window.

NEURON adds up its time step by step, so that its own t drifts off the grid of whole steps. Nothing here is counted by that t: a
window is a number of steps, and the t at which NEURON stands after each of them is added up as NEURON does.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import CosimError, Duration, InputFile, ModelEngine, ModelParams, Payload, Setup, Simulator, Unit, Window, format_ns
from engines.neuron.bindings import Clock
from engines.neuron.contents import random_streams
from engines.neuron.helper import NeuronHelper
from engines.neuron.mechanisms import load_mechanisms, told
from engines.neuron.memory import Memory


class NeuronParams(ModelParams):
    dt: Annotated[Duration, Field(gt=0, description="NEURON's fixed step")] = 25_000
    celsius: Annotated[float, Field(description="temperature in °C; build() may set h.celsius instead")] = 6.3
    v_init: Annotated[float, Unit("mV"), Field(description="membrane potential at the start")] = -65.0
    threads: Annotated[int, Field(ge=1, description="threads over which NEURON spreads the cells")] = 1
    mechanisms: Annotated[InputFile | None, Field(description="folder of NMODL files, compiled when they have changed")] = None


class Neuron(ModelEngine):
    """A NEURON model, in Python or hoc; ``build(args, seed, sim)`` makes its cells and says what its ports are.

    NEURON's fixed step method only (CVode stays off). A row that arrives is in force over the steps that end by its time. A spike
    that arrives is delivered at the end of the step in which it falls and acts in the next one. A spike leaves with the end of the
    step in which its source crossed the threshold, which is the time that NEURON gives.

    ``sim`` offers ``spikes_in``, ``current_in``, ``extracellular_in``, ``samples_in``, ``spikes_out``, ``voltage_out``,
    ``membrane_current_out`` and ``samples_out``, besides ``h``, ``load_hoc(path)`` and ``keep(cells)``.

    References
    ----------
    Carnevale and Hines (2006), The NEURON Book. Hines and Carnevale (2000), Neural Comput 12, 995 (NMODL).
    """

    Params = NeuronParams
    simulator: ClassVar[Simulator] = Simulator(
        "NEURON", "neuron", "neuron", "neuron", alone="NEURON",
        can={"threads": "yes", "MPI": "no", "save": "yes, but for what mechanisms hide"},
    )  # fmt: skip
    _living: ClassVar[Neuron | None] = None
    _models: ClassVar[int] = 0

    def __init__(self, params: NeuronParams, setup: Setup) -> None:
        file = getattr(params.model.module, "__file__", None)
        self.open(params, setup, *([Path(file).parent] if file else ()))
        try:
            with told(f"NEURON has faults to tell of {params.model}"):
                self.build_model(params, setup, self.helper, params.dt)
            self.start(params, setup)
        except BaseException:
            self.close()
            raise

    # -- the parts that an engine of generated NEURON code is made of, too ------------------------------------------------

    def open(self, params: Any, setup: Setup, *folders: Path) -> None:
        """NEURON with its globals as a new process has them, its mechanisms and a helper; nothing is built yet.

        ``folders`` are looked through for hoc files, before the scenario's.
        """
        self.inputs, self.outputs, self._name = {}, {}, setup.name
        if Neuron._living is not None:
            raise CosimError(
                f"this process holds a NEURON model already, of engine {Neuron._living._name!r}",
                why="NEURON has one set of sections, one time and one temperature a process",
                mend="run with as many processes as NEURON engines: --processes; or close the first one",
            )
        neuron = import_quietly(Neuron.simulator)
        self._h, self._pc, self._dt_ns = neuron.h, neuron.h.ParallelContext(), params.dt
        Neuron._living, Neuron._models = self, Neuron._models + 1
        h = self._h
        h.CVode().active(0)
        h.CVode().use_mxb(0)  # NEURON 9.0 stays with the matrix of a model that had extracellular: other bits, one thread, crashes
        h.dt, h.celsius, h.secondorder = params.dt / 1e6, params.celsius, 0
        h.Random().Random123_globalindex(setup.seed % 2**32)
        h.mcell_ran4_init(setup.seed % 2**32)
        probe = h.NetStim()
        self._numbered = int(probe.ranvar.get_ids()[2])
        try:
            if params.mechanisms is not None:
                load_mechanisms(h, params.mechanisms, setup)
        except BaseException:
            self.close()
            raise
        self.helper = NeuronHelper(h, Clock(params.dt / 1e6), (*folders, setup.folder))

    def bind(self, params: Any, setup: Setup, returned: Any, dt_ns: int) -> None:
        self.helper.hold_all_there(str(params.model))
        super().bind(params, setup, returned, dt_ns)

    def start(self, params: Any, setup: Setup) -> None:
        """Bring the model that ``bind`` has joined to time 0."""
        h, pc = self._h, self._pc
        if h.CVode().active():
            raise CosimError(f"{params.model} turns CVode on", why="windows are whole numbers of fixed steps", mend="leave it off")
        if abs(h.dt - params.dt / 1e6) > 1e-9:
            found = f"{h.dt:g} ms"
            raise CosimError(
                f"{params.model} sets h.dt to {found}, and the engine's dt is {format_ns(params.dt)}",
                mend=f"leave it out of the model; in the scenario: dt: {found}",
            )
        self._renumber_random()
        pc.nthread(params.threads)
        pc.set_maxstep(10)  # NEURON 9.0: psolve refuses to run without, and it must stand before finitialize
        h.finitialize(params.v_init)
        self._visits = [(output.visits, output.visit) for output in self.outputs.values()]
        self._plans: dict[int, list[tuple[int, list[Callable[[], None]]]]] = {}
        self._memory: Memory | None = None
        self._t, self._fadvance, self._psolve = h._ref_t, h.fadvance, pc.psolve
        sections = list(h.allsec())
        compartments = sum(section.nseg for section in sections)
        setup.log.info("%d sections, %d compartments, %d connections", len(sections), compartments, h.List("NetCon").count())

    def close(self) -> None:
        """Take the model out of NEURON, which keeps it as long as anything refers to it."""
        if Neuron._living is not self:
            return
        h, self.helper, self.inputs, self.outputs, self._memory, self._visits, self._plans = self._h, None, {}, {}, None, [], {}
        gc.collect()
        self._pc.nthread(1)
        for section in list(h.allsec()):
            h.delete_section(sec=section)
        self._pc.gid_clear()
        h.CVode().use_fast_imem(0)
        Neuron._living = None

    def _renumber_random(self) -> None:
        """Random streams that depend on this model and its seed only, whatever the process has held before.

        NEURON 9.0 counts the streams that nobody named through the whole process: here they are counted from this model on. It also
        goes on with up to four numbers of the old stream when one is named; to set its place makes it forget them.
        """
        for stream in random_streams(self._h):
            ids, place = stream.get_ids().to_python(), stream.get_seq()
            if ids[:2] == [1, 0] and ids[2] > self._numbered > 1:
                stream.set_ids(1, 0, ids[2] - self._numbered + 1)
            stream.set_seq(place)

    # -- windows ---------------------------------------------------------------------------------------------------------

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> dict[str, Payload]:
        self.helper.clock.stand(self._t[0], window.steps(self._dt_ns))
        return super().advance(window, inputs)

    def step(self, window: Window) -> None:
        steps, done = window.steps(self._dt_ns), 0
        for step, visits in self._plan(steps):
            self._go(done, step)
            for visit in visits:
                visit()
            done = step
        self._go(done, steps)

    def _go(self, done: int, step: int) -> None:
        """From the end of step ``done`` of the window to the end of ``step``."""
        if step - done == 1:
            self._fadvance()
        elif step > done:
            clock = self.helper.clock
            self._psolve(clock.start + (step + 0.5) * clock.dt)  # in the middle of a step, whatever t has drifted

    def _plan(self, steps: int) -> list[tuple[int, list[Callable[[], None]]]]:
        """At the ends of which steps to stop, and whom to visit there: outputs look first, then inputs change."""
        changing = [found for found in self.inputs.values() if found.changes]
        if not changing and steps in self._plans:
            return self._plans[steps]
        plan: dict[int, list[Callable[[], None]]] = {}
        visiting = [(visits(steps), visit) for visits, visit in self._visits] + [
            (found.changes, found.change) for found in changing
        ]
        for ends, visit in visiting:
            for end in ends:
                plan.setdefault(end, []).append(visit)
        found = sorted(plan.items())
        if not changing:
            self._plans[steps] = found
        for done in changing:
            done.changes = ()
        return found

    # -- save and load ---------------------------------------------------------------------------------------------------

    def save(self) -> dict[str, NDArray[Any]]:
        """NEURON's SaveState, what it leaves out, and the random streams."""
        return self._remembered().save()

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        if self._t[0] == 0:
            self._fadvance()  # arms WATCH statements, which NEURON's SaveState leaves as they are
        self._remembered().load(state, first_model=Neuron._models == 1)

    def _remembered(self) -> Memory:
        self._memory = self._memory or Memory(self._h)
        return self._memory


def import_quietly(simulator: Simulator) -> Any:
    """NEURON without windows, and without the mechanisms that happen to lie in the current folder (NEURON loads ./x86_64)."""
    if "neuron" in sys.modules:
        return simulator.load()
    os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui")
    with tempfile.TemporaryDirectory() as empty, contextlib.chdir(empty):
        return simulator.load()
