"""STEPS: stochastic reaction and diffusion, well mixed or on a mesh, stepped window by window."""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import Duration, ModelEngine, ModelParams, Setup, Simulator, StepInput, Window
from engines.steps.bindings import EventsOut, ExtentOut, FluxIn, ReleaseIn
from engines.steps.helper import StepsHelper


class StepsParams(ModelParams):
    step: Annotated[Duration, Field(gt=0, description="inputs act and outputs are read at its ends")] = 100_000


class Steps(ModelEngine):
    """A STEPS simulation: molecules that react and diffuse, each event drawn; ``build(args, seed, sim)`` makes it with ``sim``.

    The simulation is stopped at the end of every ``step``, whatever the window: STEPS draws the next event anew where it was
    stopped, so that only runs with the same stops are the same. A row that arrives is set at the start of the step that ends at its
    time. The molecules of a spike are there at the end of the step in which it falls. A row that leaves is read then, after them.

    ``sim`` makes the simulation, ``sim.simulation(solver, model, geometry)``, and the ports: ``count_in``, ``concentration_in``,
    ``constant_in``, ``flux_in``, ``release_in``, ``samples_in``, ``count_out``, ``concentration_out``, ``extent_out``,
    ``flux_out``, ``events_out`` and ``samples_out``.

    References
    ----------
    Hepburn et al. (2012), BMC Systems Biology 6, 36. Chen et al. (2022), Front Neuroinform 16, 883742.
    """

    Params = StepsParams
    simulator: ClassVar[Simulator] = Simulator(
        "STEPS",
        "steps",
        "steps",
        "steps",
        can={"threads": "no", "MPI": "no (serial solvers)", "save": "yes"},
        how="it is compiled from source, docs/simulators/steps.md says how",
    )

    @classmethod
    def step_ns(cls, params: StepsParams) -> int:
        return params.step

    def __init__(self, params: StepsParams, setup: Setup) -> None:
        # STEPS 5.1 makes a folder .logs wherever it is imported
        with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
            self.simulator.load()
            importlib.import_module("steps.interface")  # and steps.model and the others are those of its present interface
        importlib.import_module("steps.utils").SetVerbosity(0)
        helper = StepsHelper(setup)
        self.build_model(params, setup, helper, params.step)
        self._simulation, self._dt_ns = helper.made, params.step
        bound = [*self.inputs.values(), *self.outputs.values()]
        self._before = [binding.act for binding in bound if isinstance(binding, StepInput)]
        self._after = [binding.act for binding in bound if isinstance(binding, ReleaseIn)]
        self._samples = [output.sample for output in self.outputs.values()]

    def step(self, window: Window) -> None:
        start_ns, dt_ns, run = window.start_ns, self._dt_ns, self._simulation.run
        for k in range(window.steps(dt_ns)):
            for act in self._before:
                act(k)
            run((start_ns + (k + 1) * dt_ns) / 1e9)
            for act in self._after:
                act(k)
            for sample in self._samples:
                sample()

    def save(self) -> dict[str, NDArray[Any]]:
        """STEPS' own checkpoint, which holds its random state, and the molecules that fluxes still owe."""
        with self._file() as path:
            self._simulation.checkpoint(str(path))
            saved = np.frombuffer(path.read_bytes(), np.uint8)
        return {"steps": saved, **{f"owed_{name}": b.owed.copy() for name, b in self.inputs.items() if isinstance(b, FluxIn)}}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        with self._file() as path:
            path.write_bytes(state["steps"].tobytes())
            self._simulation.restore(str(path))
        for name, binding in self.inputs.items():
            if isinstance(binding, FluxIn):
                binding.owed = np.array(state[f"owed_{name}"])
        for output in self.outputs.values():
            if isinstance(output, ExtentOut | EventsOut):
                output.start()

    @contextlib.contextmanager
    def _file(self) -> Iterator[Path]:
        """Where STEPS may checkpoint to; what it tells of that goes past sys.stdout and is not heard."""
        kept = os.dup(1)
        with tempfile.NamedTemporaryFile() as file, Path(os.devnull).open("wb") as nowhere:
            try:
                os.dup2(nowhere.fileno(), 1)
                yield Path(file.name)
            finally:
                os.dup2(kept, 1)
                os.close(kept)
