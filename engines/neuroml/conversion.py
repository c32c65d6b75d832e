"""A NeuroML network as a NEURON model: written in one LEMS file, exported once by jNeuroML, kept."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from cosim.sdk import CosimError, Setup, made_once
from engines.neuroml.network import Network

NEURON_UNITS = {
    "voltage": "mV", "current": "nA", "conductance": "uS", "capacitance": "nF", "time": "ms", "per_time": "1/ms",
    "concentration": "mM", "currentDensity": "mA/cm**2", "conductanceDensity": "S/cm**2", "charge": "pC",
}  # fmt: skip
"""What jNeuroML writes quantities of a dimension in; anything else is handed on as it is."""

_CORE = ("NeuroML2CoreTypes.xml", "PyNN.xml", "Simulation.xml")
_MARK = "cosim_needs"
_VALUE = re.compile(r"v_p(\d+)_cosim\.record\(&(\S+)\)")
_DIMENSION = re.compile(r"py_v_p(\d+)_cosim = .*variable has dim: (\w+)")
_EVENT = re.compile(r"h\(' (?:(\S+) { )?netConnSpike_cosim = new NetCon\((\S+), nil(?:, (\S+), 0, 1)?\)")
_DECLARED_AGAIN = re.compile(r"^\w+\*? nrn_random_(?:pick|arg)\(.*\);$", re.MULTILINE)
"""jNeuroML 0.14 declares in C what NEURON 9 has in C++."""
_FAULT = re.compile(r"ERROR|Exception|Error:")


class Value(NamedTuple):
    """Where NEURON has a quantity: ``a_cells[3].soma.v(0.5)``, or ``m_iaf_cells[3].iMemb``, and its unit there."""

    place: str
    unit: str


class Source(NamedTuple):
    """What fires in NEURON: a section whose voltage crosses a threshold in mV, or a mechanism that sends events (None)."""

    place: str
    threshold: float | None


class Wanted:
    """What of a network's model has to be found again in NEURON.

    Attributes
    ----------
    quantities, sources
        LEMS paths: ``cells/3/squid/v``, and ``cells/3/squid``.
    synapses
        Their ids: with and without connections of the model, NEURON needs their mechanisms.
    """

    def __init__(self) -> None:
        self.quantities, self.sources, self.synapses = dict[str, None](), dict[str, None](), dict[str, None]()


class Exported:
    """What jNeuroML has made.

    Attributes
    ----------
    folder
        With mechanisms and cells.
    script
        That builds the network: ``NeuronSimulation`` in Python.
    values, sources
        What was wanted, by path.
    """

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self.folder = folder
        text = (folder / "model_nrn.py").read_text()
        self.script = "\n".join(line for line in text.splitlines() if _MARK not in line)
        places, dimensions = dict(_VALUE.findall(text)), dict(_DIMENSION.findall(text))
        self.values = {
            path: Value(places[str(i)], NEURON_UNITS.get(dimensions[str(i)], "1")) for i, path in enumerate(wanted.quantities)
        }
        events = [Source(section or point, float(crossed) if crossed else None) for section, point, crossed in _EVENT.findall(text)]
        self.sources = dict(zip(wanted.sources, events, strict=True))


def exported(network: Network, wanted: Wanted, setup: Setup) -> Exported:
    """The network in NEURON's languages, from the cache where model and jNeuroML are what they were."""
    jar, text = find_jar(), written(network, wanted)
    key = hashlib.sha256(f"{jar.name}\n".encode() + text).hexdigest()[:24]

    def export_into(made: Path) -> None:
        setup.log.info("jNeuroML turns %s into a NEURON model", network.model.path.name)
        (made / "model.xml").write_bytes(text)
        command = [find_java(), "-Djava.awt.headless=true", "-jar", str(jar), "model.xml", "-neuron", "-nogui"]
        run = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False)
        if run.returncode or not (made / "model_nrn.py").is_file():
            raise failure(network, wanted, f"{run.stderr}\n{run.stdout}")
        for file in made.glob("*.mod"):
            file.write_text(_DECLARED_AGAIN.sub("", file.read_text()))

    return Exported(made_once("neuroml", key, export_into), wanted)


def written(network: Network, wanted: Wanted) -> bytes:
    """The whole model in one file, with a simulation that records all that is wanted."""
    root = Element("Lems")
    SubElement(root, "Target", component="cosim")
    for core in _CORE:
        SubElement(root, "Include", file=core)
    element = copy.copy(network.element)
    some = next(iter(network.populations), "")
    for i, synapse in enumerate(wanted.synapses):  # projections without connections: jNeuroML then writes their mechanisms
        ends = {"presynapticPopulation": some, "postsynapticPopulation": some}
        SubElement(element, "projection", id=f"{_MARK}_{i}", synapse=synapse, **ends)
    root.extend(element if e is network.element else e for e in network.model.elements)
    simulation = SubElement(root, "Simulation", id="cosim", length="1ms", step="0.025ms", target=network.id)
    columns = SubElement(simulation, "OutputFile", id="cosim", fileName="cosim.dat")
    for i, path in enumerate(wanted.quantities):
        SubElement(columns, "OutputColumn", id=f"p{i}", quantity=path)
    events = SubElement(simulation, "EventOutputFile", id="cosim", fileName="cosim.spikes", format="TIME_ID")
    for i, path in enumerate(wanted.sources):
        SubElement(events, "EventSelection", id=str(i), select=path, eventPort="spike")
    return ElementTree.tostring(root, "utf-8")


def failure(network: Network, wanted: Wanted, said: str) -> CosimError:
    """What jNeuroML says about its failure, without the hundred lines around it."""
    what = f"jNeuroML cannot turn {network.model.path.name} into a NEURON model"
    if "LEMSQuantityPath" in said:  # jNeuroML 0.14 then dies of a null pointer, without saying of which path
        odd = [path for path in wanted.quantities if not path.endswith("/v")] or list(wanted.quantities)
        why = f"it does not know one of these paths: {', '.join(_few(odd))}"
        return CosimError(what, why=why, mend="path: v; 2/v of segment 2; or what its documentation has for an OutputColumn")
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith(("\tat ", "(INFO)"))]
    return CosimError(what, why="\n".join(_few([line for line in lines if _FAULT.search(line)] or lines)))


def _few(lines: Iterable[str]) -> list[str]:
    return list(lines)[:5]


def find_java() -> str:
    """The Java that runs jNeuroML."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    found = found or shutil.which("java")
    if found is None:
        raise CosimError(
            "there is no Java, which jNeuroML needs to turn NeuroML into a NEURON model",
            mend="apt install default-jre-headless; or conda install openjdk; or set JAVA_HOME",
        )
    return found


def find_jar() -> Path:
    """jNeuroML, as the package pyneuroml brings it; the package is not imported."""
    spec = importlib.util.find_spec("pyneuroml")
    folders = spec.submodule_search_locations if spec is not None else None
    jars = [jar for folder in folders or () for jar in Path(folder).glob("lib/jNeuroML-*.jar")]
    if not jars:
        raise CosimError("pyneuroml is installed without jNeuroML", why=f"no lib/jNeuroML-*.jar in {folders}")
    return max(jars)
