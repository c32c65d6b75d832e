"""The same ring in NEURON and in Arbor, from the parameters of the scenario, by the simulators' own means.

python peers.py neuron 200 OUT.npz      times_ms and channels of all spikes, v (steps, 10) of the somata of the first ring
python peers.py arbor 200 OUT.npz       times_ms and channels
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosim
from engines.equations.quantities import number

HERE = Path(__file__).resolve().parent
KICK_MS = 1.0
"""When the spike of ``kick`` acts: 0.5 ms, and as much on the way."""
THEIR_NAMES = {"hh": "hh", "passive": "pas"}
"""Of mechanisms, in both."""


def network() -> Any:
    """The parameters of ``cells`` in scenario.yaml."""
    plan = cosim.check(HERE / "scenario.yaml").plan
    assert plan is not None
    return plan.engines["cells"].params


class Ring:
    """What both simulators are told, as plain numbers in ms, mV, µS, µm and ohm cm."""

    def __init__(self, params: Any) -> None:
        (population,), self.dt_ms = params.populations.values(), params.dt / 1e6
        self.cell, self.size, self.threshold = population.cell, population.size, population.threshold
        shape = self.cell.morphology.shape()
        self.sections, self.counts = shape.morphology.sections, shape.counts.tolist()
        self.resistivity, self.capacitance = float(self.cell.resistivity), float(self.cell.capacitance)
        touch = population.synapses["touch"]
        self.tau, self.reversal = number(touch.parameters["tau"], "ms"), number(touch.parameters["E"], "mV")
        self.section, self.at = int(touch.at.section), float(touch.at.at)
        ring, kick = params.projections["ring"], params.projections["kick"]
        self.weight, self.kick, self.delay_ms = number(ring.weight, "uS"), number(kick.weight, "uS"), ring.delay / 1e6
        self.pairs, self.first = ring.pairs, [cell for _, cell in kick.pairs]

    def membrane(self, label: str) -> dict[str, dict[str, float]]:
        """Mechanisms of sections with a label, and what they are given."""
        units, found = {"g": "S/cm**2", "E": "mV"}, {}
        for item in self.cell.membrane:
            if item.region in ("all", label, f"{label}s"):
                found[item.title] = {name: number(value, units[name]) for name, value in item.parameters.items()}
        return found


# -- NEURON ----------------------------------------------------------------------------------------------------------------


def in_neuron(
    ring: Ring, stop_ms: float, threads: int = 1, tables: bool = False, core: bool = False, watched: int = 0
) -> dict[str, Any]:
    """Spikes, V of the first ``watched`` somata after every step, and the seconds that it took.

    Parameters
    ----------
    tables
        Whether rates of gates are looked up, as NEURON does where nothing is said, or computed.
    core
        CoreNEURON.
    """
    from neuron import h

    parallel = h.ParallelContext()
    cells = [_cell_in_neuron(h, ring) for _ in range(ring.size)]
    synapses, kept, times, channels = [], [], h.Vector(), h.Vector()
    for sections in cells:
        synapses.append(h.ExpSyn(sections[ring.section](ring.at)))
        synapses[-1].tau, synapses[-1].e = ring.tau, ring.reversal
    for number_, sections in enumerate(cells):
        parallel.set_gid2node(number_, 0)
        axon = h.NetCon(sections[0](0.5)._ref_v, None, sec=sections[0])
        axon.threshold = ring.threshold
        parallel.cell(number_, axon)
        kept.append(axon)
    for source, target in ring.pairs:
        kept.append(parallel.gid_connect(source, synapses[target]))
        kept[-1].weight[0], kept[-1].delay = ring.weight, ring.delay_ms
    for cell in ring.first:
        beginning = h.NetStim()
        beginning.number, beginning.start = 1, KICK_MS - 2 * ring.dt_ms
        kept += [beginning, h.NetCon(beginning, synapses[cell])]
        kept[-1].weight[0], kept[-1].delay = ring.kick, 2 * ring.dt_ms
    parallel.spike_record(-1, times, channels)
    traces = [h.Vector().record(sections[0](0.5)._ref_v) for sections in cells[:watched]]
    h.dt, h.celsius, h.usetable_hh = ring.dt_ms, ring.cell.temperature, int(tables)
    parallel.nthread(threads)
    if core:
        from neuron import coreneuron

        h.CVode().cache_efficient(True)
        coreneuron.enable, coreneuron.verbose = True, 0
    parallel.set_maxstep(10)  # NEURON 9.0: psolve refuses to run without, and it must stand before finitialize
    h.finitialize(ring.cell.potential)
    began = time.perf_counter()
    parallel.psolve(stop_ms)
    run_s = time.perf_counter() - began
    found = {"times_ms": np.array(times), "channels": np.array(channels).astype(int), "run_s": run_s}
    found["compartments"] = sum(section.nseg for sections in cells for section in sections)
    return found | {"v": np.array([np.array(trace)[1:] for trace in traces]).T}


def _cell_in_neuron(h: Any, ring: Ring) -> list[Any]:
    found: list[Any] = []
    for number_, (given, count) in enumerate(zip(ring.sections, ring.counts, strict=True)):
        section = h.Section(name=given.name or f"section{number_}")
        section.L, section.diam, section.nseg = given.length, float(given.diameters[0]), count
        section.Ra, section.cm = ring.resistivity, ring.capacitance
        if given.parent >= 0:
            section.connect(found[given.parent](given.parent_at))
        for mechanism, values in ring.membrane(given.label).items():
            name = THEIR_NAMES[mechanism]
            section.insert(name)
            for key, value in values.items():
                setattr(section, f"{key.lower()}_{name}", value)
        found.append(section)
    return found


# -- Arbor -----------------------------------------------------------------------------------------------------------------


def in_arbor(ring: Ring, stop_ms: float, threads: int = 1, group: int = 10) -> dict[str, Any]:
    """Spikes, and the seconds that it took with ``group`` cells in each of Arbor's."""
    import arbor
    from arbor import units

    recipe = _recipe(ring)
    context = arbor.context(threads=threads)
    hint = arbor.partition_hint(cpu_group_size=group)
    domains = arbor.partition_load_balance(recipe, context, {arbor.cell_kind.cable: hint})
    simulation = arbor.simulation(recipe, context, domains)
    simulation.record(arbor.spike_recording.local)
    began = time.perf_counter()
    simulation.run(stop_ms * units.ms, ring.dt_ms * units.ms)
    run_s = time.perf_counter() - began
    spikes = simulation.spikes()
    compartments = ring.size * arbor.cv_data(recipe.cell_description(0)).num_cv
    return {
        "times_ms": spikes["time"],
        "channels": spikes["source"]["gid"].astype(int),
        "run_s": run_s,
        "compartments": compartments,
    }


def _recipe(ring: Ring) -> Any:
    import arbor
    from arbor import units

    class Recipe(arbor.recipe):
        def __init__(self) -> None:
            arbor.recipe.__init__(self)
            self.properties = arbor.neuron_cable_properties()
            self.cell = _cell_in_arbor(ring)
            self.sources = {target: source for source, target in ring.pairs}

        def num_cells(self) -> int:
            return int(ring.size)

        def cell_kind(self, gid: int) -> Any:
            return arbor.cell_kind.cable

        def cell_description(self, gid: int) -> Any:
            return self.cell

        def connections_on(self, gid: int) -> list[Any]:
            return [arbor.connection((self.sources[gid], "axon"), "touch", ring.weight, ring.delay_ms * units.ms)]

        def event_generators(self, gid: int) -> list[Any]:
            at = arbor.explicit_schedule([KICK_MS * units.ms])
            return [arbor.event_generator("touch", ring.kick, at)] if gid in ring.first else []

        def global_properties(self, kind: Any) -> Any:
            return self.properties

    return Recipe()


def _cell_in_arbor(ring: Ring) -> Any:
    """Every section is a branch of Arbor's; labels are numbered as tags."""
    import arbor
    from arbor import units

    tree, last, labels = arbor.segment_tree(), list[Any](), list(dict.fromkeys(section.label for section in ring.sections))
    for section in ring.sections:
        parent = arbor.mnpos if section.parent < 0 else last[section.parent]
        ends = [arbor.mpoint(*section.points[end].tolist(), float(section.diameters[end]) / 2) for end in (0, -1)]
        last.append(tree.append(parent, *ends, tag=labels.index(section.label) + 1))
    decor = arbor.decor().set_property(
        Vm=ring.cell.potential * units.mV,
        cm=ring.capacitance * 0.01 * units.F / units.m2,
        rL=ring.resistivity * units.Ohm * units.cm,
        tempK=(ring.cell.temperature + 273.15) * units.Kelvin,
    )
    counts = []
    for tag, label in enumerate(labels, start=1):
        for mechanism, values in ring.membrane(label).items():
            values = dict(values)
            title = THEIR_NAMES[mechanism] + (f"/e={values.pop('E')}" if "E" in values else "")
            decor = decor.paint(f"(tag {tag})", arbor.density(title, values))
        count = next(count for section, count in zip(ring.sections, ring.counts, strict=True) if section.label == label)
        counts.append(f"(fixed-per-branch {count} (tag {tag}))")
    synapse = arbor.synapse("expsyn", {"tau": ring.tau, "e": ring.reversal})
    decor = decor.place(f"(on-components {ring.at} (segment {ring.section}))", synapse, "touch")
    decor = decor.place("(location 0 0.5)", arbor.threshold_detector(ring.threshold * units.mV), "axon")
    policy = counts[0]
    for more in counts[1:]:
        policy = f"(join {policy} {more})"
    return arbor.cable_cell(tree, decor, arbor.label_dict(), arbor.cv_policy(policy))


def spikes_of(found: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Times in ms and channels, ordered by cell and time."""
    order = np.lexsort((found["times_ms"], found["channels"]))
    return found["times_ms"][order], found["channels"][order]


if __name__ == "__main__":
    which, stop, out = sys.argv[1:]
    ring = Ring(network())
    np.savez(out, **(in_neuron(ring, float(stop), watched=10) if which == "neuron" else in_arbor(ring, float(stop))))
