"""Arbor: ten Hodgkin-Huxley cells without connections; a spike comes in every window, spikes go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators.common import CELLS, MS, SEED, Course, spike_of, spikes_told, timed
from cosim.sdk import Port, Space
from engines.arbor import Arbor

ENGINE, NAME = Arbor, "Arbor, 10 cells"
DT_NS, WEIGHT = 31_250, 0.02
"""A step whose multiples are exact in binary: Arbor's bits then do not depend on where a run is cut."""


def params(folder: Path) -> dict[str, Any]:
    return {"model": f"{__name__}:build", "dt": f"{DT_NS} ns"}


def ports(args: Any) -> list[Port]:
    cells = Space.numbered(CELLS)
    return [Port("kicks", "in", "spikes", cells), Port("spikes", "out", "spikes", cells)]


def make_recipe() -> Any:
    """The cells; ``events`` are by cell what ``event_generators`` gives."""
    import arbor
    from arbor import units

    class Recipe(arbor.recipe):
        def __init__(self) -> None:
            arbor.recipe.__init__(self)
            self.events: dict[int, list[Any]] = {}
            self.properties = arbor.neuron_cable_properties()

        def num_cells(self):
            return CELLS

        def cell_kind(self, gid):
            return arbor.cell_kind.cable

        def cell_description(self, gid):
            tree = arbor.segment_tree()
            tree.append(arbor.mnpos, arbor.mpoint(-10, 0, 0, 10), arbor.mpoint(10, 0, 0, 10), tag=1)
            decor = (
                arbor.decor()
                .paint("(all)", arbor.density("hh"))
                .place("(location 0 0.5)", arbor.synapse("expsyn", {"tau": 2.0, "e": 0.0}), "synapse")
                .place("(location 0 0.5)", arbor.threshold_detector(-10 * units.mV), "spike")
            )
            return arbor.cable_cell(tree, decor)

        def event_generators(self, gid):
            return self.events.get(gid, [])

        def global_properties(self, kind):
            return self.properties

    return Recipe()


def build(args, seed, sim):
    sim.recipe(make_recipe())
    return {"kicks": sim.spikes_in([(gid, "synapse", WEIGHT) for gid in range(CELLS)]), "spikes": sim.spikes_out(range(CELLS))}


def bare(windows: int) -> Course:
    """``update`` with the window's events, ``run``, ``spikes``: right only where the recipe has no connections."""
    import arbor
    from arbor import units

    recipe = make_recipe()
    simulation = arbor.simulation(recipe, arbor.context(threads=1), seed=SEED)
    simulation.record(arbor.spike_recording.local)
    dt = DT_NS / MS * units.ms

    def step(window: int) -> Any:
        time_ns, channel = spike_of(window)
        schedule = arbor.explicit_schedule([time_ns / MS * units.ms])
        recipe.events = {channel: [arbor.event_generator("synapse", WEIGHT, schedule)]}
        simulation.update(recipe)
        simulation.run((window + 1.0) * units.ms, dt)
        told = simulation.spikes()
        simulation.clear_samplers()
        return told

    stamps_ns, told = timed(step, windows)
    spikes = np.concatenate(told)
    return Course(stamps_ns, spikes_told(windows, np.rint(spikes["time"] * MS), spikes["source"]["gid"]))
