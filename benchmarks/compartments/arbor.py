"""Rallpack's cables in Arbor."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.compartments import cells


def cable(name: str) -> dict[str, Any]:
    """V in the first and the last compartment after every step, and spikes of the last."""
    import arbor
    from arbor import units

    hh, half = cells.CABLE_HH, 0.5 / cells.PIECES
    tree = arbor.segment_tree()
    ends = [arbor.mpoint(x, 0, 0, cells.DIAMETER_UM / 2) for x in (0.0, cells.LENGTH_UM)]
    tree.append(arbor.mnpos, *ends, tag=1)
    if name == "rallpack1":
        membrane = arbor.density(f"pas/e={hh['E_leak']}", {"g": hh["g_leak"]})
    else:
        membrane = arbor.density("hh", {"gnabar": hh["g_na"], "gkbar": hh["g_k"], "gl": hh["g_leak"], "el": hh["E_leak"]})
    decor = (
        arbor.decor()
        .set_property(
            Vm=-65 * units.mV, cm=0.01 * units.F / units.m2, rL=100 * units.Ohm * units.cm, tempK=(6.3 + 273.15) * units.Kelvin
        )
        .paint("(all)", membrane)
        .place(f"(location 0 {half})", arbor.i_clamp(cells.INJECTED_NA * units.nA))
        .place(f"(location 0 {1 - half})", arbor.threshold_detector(-20 * units.mV), "axon")
    )
    cell = arbor.cable_cell(tree, decor, arbor.label_dict(), arbor.cv_policy_fixed_per_branch(cells.PIECES))
    every = arbor.regular_schedule(0.05 * units.ms)

    class Recipe(arbor.recipe):
        def __init__(self) -> None:
            arbor.recipe.__init__(self)
            self.properties = arbor.neuron_cable_properties()

        def num_cells(self) -> int:
            return 1

        def cell_kind(self, gid: int) -> Any:
            return arbor.cell_kind.cable

        def cell_description(self, gid: int) -> Any:
            return cell

        def probes(self, gid: int) -> list[Any]:
            return [arbor.cable_probe_membrane_voltage(f"(location 0 {x})", f"at {x}") for x in (half, 1 - half)]

        def global_properties(self, kind: Any) -> Any:
            return self.properties

    simulation = arbor.simulation(Recipe(), arbor.context(threads=1))
    simulation.record(arbor.spike_recording.local)
    handles = [simulation.sample((0, f"at {x}"), every) for x in (half, 1 - half)]
    began = time.perf_counter()
    simulation.run(250 * units.ms, 0.05 * units.ms)
    run_s = time.perf_counter() - began
    spikes = simulation.spikes()
    v = np.array([simulation.samples(handle)[0][0][1:, 1] for handle in handles]).T
    return {"run_s": run_s, "times_ms": spikes["time"], "channels": spikes["source"]["gid"].astype(int), "v": v}
