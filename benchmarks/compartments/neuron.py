"""Rallpack's cables and the reconstructed cell in NEURON."""

from __future__ import annotations

import json
import logging
import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.compartments import cells


def cable(name: str) -> dict[str, Any]:
    """V in the first and the last compartment after every step, and spikes of the last."""
    from neuron import h

    section = h.Section(name="cable")
    section.L, section.diam, section.nseg, section.Ra, section.cm = cells.LENGTH_UM, cells.DIAMETER_UM, cells.PIECES, 100, 1
    hh = cells.CABLE_HH
    if name == "rallpack1":
        section.insert("pas")
        section.g_pas, section.e_pas = hh["g_leak"], hh["E_leak"]
    else:
        section.insert("hh")
        section.gnabar_hh, section.gkbar_hh, section.gl_hh, section.el_hh = hh["g_na"], hh["g_k"], hh["g_leak"], hh["E_leak"]
        section.ena, section.ek = 50, -77
    half = 0.5 / cells.PIECES
    clamp = h.IClamp(section(half))
    clamp.delay, clamp.dur, clamp.amp = 0, 1e9, cells.INJECTED_NA
    return _run(h, [section(half), section(1 - half)], section(1 - half), 250.0, 0.05, 6.3, -65.0)


def allen() -> dict[str, Any]:
    """The cell as bmtk builds it, and a synapse with a train of its own at each of our sites."""
    from neuron import h

    from engines.compartmental_neurons.anatomy import anatomy_of
    from engines.compartmental_neurons.morphology.sites import compartments_of
    from engines.neuron.mechanisms import load_mechanisms
    from scenarios.dendrite import alone

    case, at = cells.case_of("allen"), alone.bmtk()
    assert at is not None
    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    load_mechanisms(h, at / "mechanisms" / "modfiles", SimpleNamespace(log=logging.getLogger("benchmarks")))
    fit = json.loads((at / "biophysical_neuron_models" / alone.FIT).read_text(encoding="utf-8"))
    kinds = alone.sections(h, at)
    alone.membrane(h, kinds, fit)
    population = case.params.populations["cell"]
    anatomy, group = anatomy_of(population.cell), population.synapses["afferents"]
    kept = []
    for node in compartments_of(group.at, anatomy.regions, case.params.seed or 0, 0, "cell.afferents"):
        section = anatomy.regions.morphology.sections[anatomy.compartments.section[node]]
        kind, _, rest = section.name.partition("[")
        synapse = h.Exp2Syn(kinds[kind][int(rest[:-1])](float(anatomy.compartments.at[node])))
        synapse.tau1, synapse.tau2, synapse.e = cells.TAU_RISE_MS, cells.TAU_DECAY_MS, 0
        kept.append((synapse, h.NetCon(None, synapse)))
        kept[-1][1].weight[0] = cells.WEIGHT_US
    times, channels = case.heard["afferents"]

    def begin() -> None:
        for time_ns, channel in zip(times.tolist(), channels.tolist(), strict=True):
            kept[channel][1].event(time_ns / 1e6 + 1.0)

    soma = kinds["soma"][0](0.5)
    return _run(h, [soma], soma, float(case.milliseconds), 0.025, h.celsius, fit["conditions"][0]["v_init"], begin)


def _run(
    h: Any, seen: list[Any], detector: Any, stop_ms: float, dt_ms: float, celsius: float, start_mv: float, begin: Any = None
) -> dict[str, Any]:
    parallel, times = h.ParallelContext(), h.Vector()
    axon = h.NetCon(detector._ref_v, None, sec=detector.sec)
    axon.threshold = -20
    axon.record(times)
    traces = [h.Vector().record(segment._ref_v) for segment in seen]
    h.dt, h.celsius, h.usetable_hh, h.secondorder = dt_ms, celsius, 0, 0
    parallel.set_maxstep(10)
    h.finitialize(start_mv)
    if begin is not None:
        begin()
    began = time.perf_counter()
    parallel.psolve(stop_ms)
    run_s = time.perf_counter() - began
    v = np.array([np.array(trace)[1:] for trace in traces]).T
    return {"run_s": run_s, "times_ms": np.array(times), "channels": np.zeros(len(times), np.int64), "v": v}
