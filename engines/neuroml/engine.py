"""NeuroML: a network that jNeuroML turns into a NEURON model once, moved on in NEURON's fixed steps, window by window."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from cosim.sdk import CosimError, Duration, InputFile, Params, Port, Setup, Simulator, check_steps
from engines.neuroml.conversion import Exported, exported
from engines.neuroml.network import read
from engines.neuroml.params import CurrentInto, SamplesOf, SpikesInto, SpikesOf, said
from engines.neuroml.wiring import Asking, Wiring
from engines.neuron import Neuron
from engines.neuron.mechanisms import load_mechanisms, told

_DECLARED = re.compile(r"(?:objectvar|objref) (\w+(?:, \w+)*)")


class NeuroMLParams(Params):
    model: Annotated[InputFile, Field(description="a NeuroML or LEMS file that holds a network, or includes it")]
    network: Annotated[str, Field(description="its id, where there are several")] = ""
    dt: Annotated[Duration, Field(gt=0, description="NEURON's fixed step")] = 25_000
    inputs: dict[str, Annotated[SpikesInto | CurrentInto, Field(discriminator="kind")]] = {}
    outputs: dict[str, Annotated[SpikesOf | SamplesOf, Field(discriminator="kind")]] = {}

    # what a NEURON model has besides, as it has it when jNeuroML runs it
    celsius: ClassVar[float] = 6.3
    v_init: ClassVar[float] = -65.0
    threads: ClassVar[int] = 1
    mechanisms: ClassVar[None] = None


class NeuroML(Neuron):
    """A NeuroML network in NEURON; ``inputs`` and ``outputs`` say which of its cells are ports, its files are not touched.

    jNeuroML exports the network when it, or jNeuroML, has changed. From there on this is the engine of NEURON: a row that arrives
    is in force over the steps that end by its time; a spike that arrives is delivered at the end of the step in which it falls; a
    spike leaves with the end of the step in which its source crossed the threshold that NeuroML gives it.

    References
    ----------
    Gleeson et al. (2010), PLoS Comput Biol 6, e1000815. Cannon et al. (2014), Front Neuroinform 8, 79 (LEMS).
    """

    Params = NeuroMLParams  # type: ignore[assignment]
    simulator: ClassVar[Simulator] = Simulator(
        "NeuroML", "pyneuroml", "pyneuroml", "neuroml", alone="NEURON", can={"threads": "no", "MPI": "no", "save": "yes, as NEURON"}
    )
    _cells: ClassVar[dict[str, str]] = {}

    @classmethod
    def ports(cls, params: Any) -> list[Port]:
        network = read(params.model).network(params.network)
        return [port.port(name, network, params.dt) for name, port in said(params)]

    def __init__(self, params: NeuroMLParams, setup: Setup) -> None:
        check_steps(setup.window_ns, params.dt, f"NEURON, which runs {params.model.name}")
        if self.simulator.version is None:
            self.simulator.load()  # tells how to get it
        network = read(params.model).network(params.network)
        asking = Asking(network)
        for _, port in said(params):
            port.wire(asking, params.dt)
        self._exported = exported(network, asking.wanted, setup)
        self.open(params, setup)
        try:
            load_mechanisms(self._h, self._exported.folder, setup)
            self._build(self._exported, params.dt, setup.seed)
            wiring = Wiring(network, self.helper, self._exported)
            self.bind(params, setup, {name: port.wire(wiring, params.dt) for name, port in said(params)}, params.dt)
            self.start(params, setup)
        except BaseException:
            self.close()
            raise

    def _build(self, made: Exported, dt_ns: int, seed: int) -> None:
        """Run the script, which takes the seed; what it wants to record of its own is forgotten."""
        self._know_cells(made.folder)
        self._h.Random().Random123_globalindex(0)
        names: dict[str, Any] = {"__name__": "neuroml_model"}
        fault = told("the NEURON model that jNeuroML has made does not run")
        with fault, contextlib.redirect_stdout(io.StringIO()), contextlib.chdir(made.folder):
            exec(compile(made.script, str(made.folder / "model_nrn.py"), "exec"), names)
            self.helper.keep(names["NeuronSimulation"](tstop=1, dt=dt_ns / 1e6, seed=seed % 2**32))
        self._forget(r"v_time|\w+_cosim")

    def _know_cells(self, folder: Path) -> None:
        """A CosimError where this process knows other cells of the same name, which NEURON would take."""
        found = {file.name: file.read_text() for file in folder.glob("*.hoc")}
        if changed := [name for name, text in found.items() if self._cells.get(name, text) != text]:
            raise CosimError(
                f"this process has held another cell that was called {Path(changed[0]).stem!r}",
                why="NEURON keeps the first one",
                mend="rename the cell, or take a process of its own",
            )
        self._cells.update(found)

    def close(self) -> None:
        if Neuron._living is self:
            self.inputs, self.outputs = {}, {}
            self._forget(r"\w+")
        super().close()

    def _forget(self, names: str) -> None:
        """Let go of what the script has named so in hoc."""
        for declared in _DECLARED.findall(self._exported.script):
            for name in declared.split(", "):
                if re.fullmatch(names, name) and name != "nil" and hasattr(self._h, name):
                    self._h(f"objref {name}")
