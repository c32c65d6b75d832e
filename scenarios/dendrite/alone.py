"""The cell in NEURON, with bmtk's mechanisms and the numbers of bmtk's own file, driven by the spikes that a run has recorded.

    python alone.py RUN OUT.npz      v (steps,) mV of the soma

Synapses sit where the run's do; all else is NEURON's own: it reads the traced cell, cuts it, and finds areas and resistances.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import cosim
from cosim.results import Run
from engines.compartmental_neurons.anatomy import anatomy_of
from engines.compartmental_neurons.morphology.sites import compartments_of
from engines.equations.quantities import number
from engines.neuron.mechanisms import load_mechanisms

HERE = Path(__file__).resolve().parent
FIT, TREE = "472363762_fit.json", "Scnn1a_473845048_m.swc"
STEP_UM, STUB_UM, STUB_DIAMETER_UM = 40, 30, 1
"""bmtk's rules: a section has one compartment and two more for each whole 40 µm, the axon becomes two pieces of 30 µm."""


def bmtk() -> Path | None:
    """Where the package keeps its cells; it is not imported."""
    found = importlib.util.find_spec("bmtk")
    return None if found is None or found.origin is None else Path(found.origin).parent / "utils" / "scripts" / "bionet"


def sections(h: Any, folder: Path) -> dict[str, list[Any]]:
    """The traced cell by kind of section: soma, dend, apic, and axon, which is replaced."""
    reader = h.Import3d_SWC_read()
    reader.quiet = 1
    reader.input(str(folder / "morphologies" / TREE))
    h.Import3d_GUI(reader, 0).instantiate(None)
    kinds: dict[str, list[Any]] = {}
    for section in h.allsec():
        kinds.setdefault(section.name().partition("[")[0], []).append(section)
    for section in kinds["axon"]:
        h.delete_section(sec=section)
    kinds["axon"] = [h.Section(name=f"stub{number}") for number in range(2)]
    for section in kinds["axon"]:
        section.L, section.diam = STUB_UM, STUB_DIAMETER_UM
    kinds["axon"][0].connect(kinds["soma"][0](0.5), 0)
    kinds["axon"][1].connect(kinds["axon"][0](1), 0)
    return kinds


def membrane(h: Any, kinds: dict[str, list[Any]], fit: dict[str, Any]) -> None:
    """Leak everywhere, and what the fit says of each kind of section."""
    passive, conditions = fit["passive"][0], fit["conditions"][0]
    capacitance = {item["section"]: item["cm"] for item in passive["cm"]}
    for kind, parts in kinds.items():
        for section in parts:
            section.nseg = 1 + 2 * int(section.L / STEP_UM)
            section.Ra, section.cm = passive["ra"], capacitance[kind]
            section.insert("pas")
            section.e_pas = passive["e_pas"]
    for item in fit["genome"]:
        for section in kinds[item["section"]]:
            if item["mechanism"]:
                section.insert(item["mechanism"])
            setattr(section, item["name"], item["value"])
    for item in conditions["erev"]:
        for section in kinds[item["section"]]:
            section.ena, section.ek = item["ena"], item["ek"]
    h.celsius = conditions["celsius"]


def synapses(h: Any, kinds: dict[str, list[Any]], params: Any) -> Iterator[tuple[str, Any]]:
    """A NetCon for each neuron of each input, in order, and the input's name."""
    population = params.populations["cell"]
    anatomy = anatomy_of(population.cell)
    for projection in params.projections.values():
        group = population.synapses[projection.synapses]
        weight = number(projection.weight, "uS")
        for node in compartments_of(group.at, anatomy.regions, params.seed, 0, f"cell.{projection.synapses}"):
            section = anatomy.regions.morphology.sections[anatomy.compartments.section[node]]
            kind, _, rest = section.name.partition("[")
            place = kinds[kind][int(rest[:-1])](float(anatomy.compartments.at[node]))
            made = synapse(h, group.mechanism.stem, place)
            connection = h.NetCon(None, made)
            connection.weight[0] = weight
            yield projection.source, (made, connection)


def synapse(h: Any, mechanism: str, place: Any) -> Any:
    if mechanism == "ampa_nmda":
        return h.AmpaNmda(place)
    assert mechanism == "gaba_a", mechanism
    made = h.Exp2Syn(place)
    made.tau1, made.tau2, made.e = 0.2, 8.0, -80.0
    return made


def main(folder: Path, out: Path) -> None:
    from neuron import h

    run, plan = Run(folder), cosim.check(folder / "scenario.yaml").plan
    at = bmtk()
    assert plan is not None
    assert at is not None
    params = plan.engines["cell"].params
    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    for mechanisms in (at / "mechanisms" / "modfiles", HERE / "mechanisms"):
        load_mechanisms(h, mechanisms, SimpleNamespace(log=logging.getLogger("dendrite")))
    fit = json.loads((at / "biophysical_neuron_models" / FIT).read_text(encoding="utf-8"))
    kinds = sections(h, at)
    membrane(h, kinds, fit)
    heard: dict[str, list[Any]] = {}
    for name, made in synapses(h, kinds, params):
        heard.setdefault(name, []).append(made)
    seen = h.Vector().record(kinds["soma"][0](0.5)._ref_v)
    h.dt, h.secondorder = params.dt / 1e6, 0
    h.finitialize(fit["conditions"][0]["v_init"])
    spikes = run.spikes("network.spikes")
    for projection in params.projections.values():
        first = int(spikes.groups[projection.source].min())
        chosen = np.isin(spikes.channels, spikes.groups[projection.source])
        for time, channel in zip(spikes.times_ms[chosen], spikes.channels[chosen] - first, strict=True):
            heard[projection.source][channel][1].event(time + projection.delay / 1e6)
    for _ in range(plan.stop_ns // params.dt):
        h.fadvance()
    np.savez(out, v=np.array(seen)[1:])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
