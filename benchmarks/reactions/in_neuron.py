"""What NEURON's rxd gives: ``python -m benchmarks.reactions.in_neuron COMMAND CASE …``; a process each, since rxd is one for all.

``told CASE MS [PIECES]``: concentrations (mM) of each species at its nodes, by CVODE to 1e-10, which is exact in time beside the
tolerances of what is compared; ``race CASE STEPS``: seconds of that many fixed steps, after as many that do not count.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any

os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui")

from neuron import h, rxd

from benchmarks.reactions.cases import BLOCK, CABLE, FRACTION, JONAS, RECEPTORS_MM, STATES, TREE, start_in_tree

DT_MS = 1e-3
D_CABLE, BINDING, UNBINDING, BUFFER = 0.2, 2.0, 0.5, 0.5
"""um²/ms; 1/(mM ms), 1/ms and mM of a buffer that does not move."""
D_BLOCK, TORTUOSITY, CABLE_PIECES = 0.76, 1.6, 20


class Case:
    """Keeps alive what NEURON would forget. ``species`` are those that are told, in order."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.species: list[Any] = []

    def cable(self, buffered: bool = False) -> None:
        """A cylinder with 1 mM in its first voxel."""
        piece = h.Section(name="cable")
        piece.L, piece.diam, piece.nseg = CABLE["length"], CABLE["diameter"], CABLE_PIECES
        self._diffusing([piece], lambda node: 1.0 if node.x * CABLE_PIECES < 1 else 0.0)
        if buffered:
            self._buffered()

    def cable_buffered(self) -> None:
        self.cable(buffered=True)

    def tree(self, pieces: int = 1) -> None:
        """Three sections, two of which taper; along the trunk the concentration falls from 1 mM."""
        sections: dict[str, Any] = {}
        for name, given in TREE.items():
            piece, diameters = h.Section(name=name), given["diameter"]
            sections[name] = piece
            first, last = (diameters, diameters) if isinstance(diameters, float) else diameters
            piece.pt3dadd(0, 0, 0, first)
            piece.pt3dadd(given["length"], 0, 0, last)
            piece.nseg = round(given["length"]) * pieces
            if "parent" in given:
                piece.connect(sections[given["parent"]](1))
        trunk = sections["trunk"]

        def start(node: Any) -> float:
            return start_in_tree(node.x * TREE["trunk"]["length"]) if node.sec == trunk else 0.0

        self._diffusing(list(sections.values()), start)
        self._buffered()

    def block(self, receptors: bool = False) -> None:
        """Extracellular space with 1 mM in its middle."""
        self.kept.append(h.Section(name="none"))
        self.region = rxd.Extracellular(0, 0, 0, *BLOCK, dx=1.0, volume_fraction=FRACTION, tortuosity=TORTUOSITY)
        free = rxd.Species(self.region, name="free", d=D_BLOCK, initial=lambda node: float(in_middle(node.x3d, node.y3d, node.z3d)))
        self.species = [free]
        if receptors:
            self._receptors(free)

    def block_receptors(self) -> None:
        self.block(receptors=True)

    def receptors(self) -> None:
        """A single voxel, from 1 mM."""
        piece = h.Section(name="one")
        self._diffusing([piece], lambda node: 1.0)
        self._receptors(self.species[0])

    def _diffusing(self, sections: list[Any], initial: Any) -> None:
        self.kept.extend(sections)
        self.region = rxd.Region(sections, name="inside", nrn_region="i")
        self.species = [rxd.Species(self.region, name="free", d=D_CABLE, initial=initial)]

    def _buffered(self) -> None:
        free = self.species[0]
        unbound = rxd.Species(self.region, name="unbound", d=0, initial=BUFFER)
        bound = rxd.Species(self.region, name="bound", d=0, initial=0)
        self.kept.append(rxd.Reaction(free + unbound, bound, BINDING, UNBINDING))
        self.species += [unbound, bound]

    def _receptors(self, free: Any) -> None:
        states = {name: rxd.Species(self.region, name=name, d=0, initial=RECEPTORS_MM * (name == "C0")) for name in STATES}
        for number, (one, other, forward, back) in enumerate(JONAS):
            left = free + states[one] if number < 3 else states[one]
            self.kept.append(rxd.Reaction(left, states[other], forward, back))
        self.species += states.values()

    def told(self) -> list[list[float]]:
        return [list(species.nodes.concentration) for species in self.species]

    def places(self) -> list[Any]:
        """Where the nodes are: x, y, z, or a section and the place on it."""
        nodes = self.species[0].nodes
        if hasattr(nodes[0], "x3d") and not hasattr(nodes[0], "sec"):
            return [(node.x3d, node.y3d, node.z3d) for node in nodes]
        return [(node.sec.name(), node.x) for node in nodes]


def in_middle(x: float, y: float, z: float) -> bool:
    return 3 < x < 5 and 4 < y < 6 and 4 < z < 7


def told(name: str, stop_ms: str, *pieces: str) -> dict[str, Any]:
    case = Case()
    getattr(case, name)(*map(int, pieces))
    solver = h.CVode()
    solver.active(1)
    solver.atol(1e-10)
    h.finitialize(-65)
    solver.solve(float(stop_ms))
    volumes = [node.volume for node in case.species[0].nodes]
    return {"version": f"NEURON {version('neuron')} rxd", "places": case.places(), "volumes": volumes, "told": case.told()}


def race(name: str, steps: str) -> dict[str, Any]:
    """Fixed steps; concentrations at their end."""
    case, pace = Case(), h.ParallelContext()
    getattr(case, name)()
    h.dt = DT_MS
    pace.set_maxstep(10)
    for _ in range(2):
        h.finitialize(-65)
        began, began_cpu = time.perf_counter(), time.process_time()
        pace.psolve(int(steps) * DT_MS)
        run_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    found = {"version": f"NEURON {version('neuron')} rxd", "run_s": run_s, "cpu_s": cpu_s, "steps": int(steps)}
    return found | {"voxels": len(case.species[0].nodes), "told": case.told()}


if __name__ == "__main__":
    command = told if sys.argv[1] == "told" else race
    print(f"\n{json.dumps(command(*sys.argv[2:]))}", flush=True)
