"""The cell in NEURON, its synapse given the conductances that a run has recorded; the block by magnesium is NEURON's own.

    python alone.py RUN OUT.npz      v (steps,) mV of the head of the spine

The run's NMDA receptors have no magnesium, so that what it recorded is their conductance without block.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import cosim
from cosim.results import Run
from engines.compartmental_neurons.anatomy import anatomy_of
from engines.equations.quantities import number
from engines.neuron.mechanisms import load_mechanisms

HERE = Path(__file__).resolve().parent


def sections(h: Any, cell: Any) -> dict[str, Any]:
    """The cell's branches by name, cut as in the run."""
    anatomy = anatomy_of(cell)
    (leak,) = cell.membrane
    made: list[Any] = []
    for given, count in zip(anatomy.regions.morphology.sections, anatomy.regions.counts, strict=True):
        section = h.Section(name=given.name)
        for place, diameter in zip(given.points, given.diameters, strict=True):
            section.pt3dadd(*place.tolist(), float(diameter))
        section.nseg, section.Ra, section.cm = int(count), cell.resistivity, cell.capacitance
        section.insert("pas")
        section.g_pas, section.e_pas = (number(leak.parameters[key], unit) for key, unit in (("g", "S/cm**2"), ("E", "mV")))
        if given.parent >= 0:
            section.connect(made[given.parent](given.parent_at), 0)
        made.append(section)
    return {section.name(): section for section in made}


def main(folder: Path, out: Path) -> None:
    from neuron import h

    run, plan = Run(folder), cosim.check(folder / "scenario.yaml").plan
    assert plan is not None
    params = plan.engines["dendrite"].params
    load_mechanisms(h, HERE / "mechanisms", SimpleNamespace(log=logging.getLogger("one_synapse_four_scales")))
    cell = params.populations["cell"].cell
    parts = sections(h, cell)
    synapse = h.ToldSynapse(parts["head"](0.5))
    seen = h.Vector().record(parts["head"](0.5)._ref_v)
    h.dt, h.secondorder = params.dt / 1e6, 0
    h.finitialize(cell.potential)
    told = [run.samples(name).values[:, 0] * 1e-6 for name in ("cleft.ampa", "cleft.nmda")]  # pS to uS
    for synapse.g_a, synapse.g_n in zip(*told, strict=True):
        h.fadvance()
    np.savez(out, v=np.array(seen)[1:])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
