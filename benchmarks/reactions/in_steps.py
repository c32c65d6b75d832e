"""What STEPS gives: ``PYTHON in_steps.py COMMAND CASE …`` with a Python that has STEPS and NumPy prints a line of JSON.

``counts CASE RUNS SEED [MS]``: molecules at the end of each of many runs; ``race CASE MS SEED [PIECES]``: seconds and
events of one run.

A cube of the mesh is cut into six tetrahedra. The line between the barycentres of two of them does not stand at a right angle on
their face, so that molecules diffuse more slowly there than told: ``slowness`` is by how much, from STEPS' formula for rates.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from itertools import permutations
from typing import Any

import numpy as np

with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):  # STEPS 5.1 makes a folder .logs where it is imported
    import steps
    import steps.interface
    from steps.geom import Compartment, Geometry, Patch, TetMesh, TriList
    from steps.model import Diffusion, Model, ReactionManager, Species, SurfaceSystem, VolumeSystem
    from steps.rng import RNG
    from steps.sim import Simulation
    from steps.utils import SetVerbosity

    SetVerbosity(0)

HEIGHT_NM, EDGE_NM = 20.0, 20.0
"""Of the cleft, and of its cubes."""
BOX_NM, BOX_EDGE_NM, D_BOX = (1000.0, 100.0, 100.0), 100.0, 1e-10
RECEPTOR_STATES = ("C0", "C1", "C2", "O", "D1", "D2", "D3")


class Case:
    """A model in a solver: ``set_up`` begins anew, ``read`` is what is told."""

    solver_name, stop_ms = "Wmdirect", 1.0

    def __init__(self, seed: int) -> None:
        model, geometry = self.parts()
        self.simulation = Simulation(self.solver_name, model, geometry, RNG("mt19937", 512, seed), check=False)
        self.solver = self.simulation.solver

    def parts(self) -> tuple[Any, Any]:
        raise NotImplementedError

    def set_up(self) -> None:
        raise NotImplementedError

    def read(self) -> list[float]:
        raise NotImplementedError


class BirthDeath(Case):
    """Case 1 of the stochastic suite of SBML: 100 molecules, each makes another at 0.1 /s and perishes at 0.11 /s."""

    stop_ms = 50_000.0

    def parts(self) -> tuple[Any, Any]:
        model, r = Model(), ReactionManager()
        with model:
            X = Species.Create()
            inside = VolumeSystem.Create()
            with inside:
                X > r["begin"] > 2 * X  # noqa: B015
                r["begin"].K = 0.1
                X > r["end"] > None  # noqa: B015
                r["end"].K = 0.11
        geometry = Geometry()
        with geometry:
            well = Compartment.Create(inside, vol=1e-18)  # noqa: F841
        return model, geometry

    def set_up(self) -> None:
        self.solver.setCompSpecCount("well", "X", 100)

    def read(self) -> list[float]:
        return [self.solver.getCompSpecCount("well", "X")]


def jonas(diffusion: float | None) -> Any:
    """Glutamate, and receptors of seven states on a membrane (Jonas, Major and Sakmann 1993); 1/s and 1/(M s)."""
    model, r = Model(), ReactionManager()
    with model:
        Glu, C0, C1, C2, O, D1, D2, D3 = Species.Create()  # noqa: E741
        inside = VolumeSystem.Create()
        membrane = SurfaceSystem.Create()
        if diffusion:
            with inside:
                Diffusion(Glu, diffusion)
        with membrane:
            Glu.i + C0.s < r[1] > C1.s  # noqa: B015
            Glu.i + C1.s < r[2] > C2.s  # noqa: B015
            C2.s < r[3] > O.s  # noqa: B015
            C1.s < r[4] > D1.s  # noqa: B015
            C2.s < r[5] > D2.s  # noqa: B015
            O.s < r[6] > D3.s  # noqa: B015
            Glu.i + D1.s < r[7] > D2.s  # noqa: B015
            D2.s < r[8] > D3.s  # noqa: B015
            r[1].K, r[2].K, r[3].K, r[4].K = (4.59e6, 4.26e3), (28.4e6, 3.26e3), (4.24e3, 900.0), (2.89e3, 39.2)
            r[5].K, r[6].K, r[7].K, r[8].K = (172.0, 0.727), (17.7, 4.0), (1.27e6, 45.7), (16.8, 190.4)
    return model, inside, membrane


class WellMixed(Case):
    """The cleft without space.

    Attributes
    ----------
    side_nm, psd_nm
        Of the cleft, and of the square in its middle on which receptors are.
    """

    molecules, receptors, side_nm, psd_nm = 4000, 80, 400.0, 200.0

    def parts(self) -> tuple[Any, Any]:
        model, inside, membrane = jonas(None)
        geometry = Geometry()
        with geometry:
            cleft = Compartment.Create(inside, vol=self.molecules / 4000 * 3.2e-21)
            psd = Patch.Create(cleft, None, membrane, area=4e-14)  # noqa: F841
        return model, geometry

    def set_up(self) -> None:
        self.solver.setCompSpecCount("cleft", "Glu", self.molecules)
        self.solver.setPatchSpecCount("psd", "C0", self.receptors)

    def read(self) -> list[float]:
        bound = [self.solver.getPatchSpecCount("psd", state) for state in RECEPTOR_STATES]
        return [self.solver.getCompSpecCount("cleft", "Glu"), *bound]


class WellMixedMany(WellMixed):
    """A hundred times as much of everything."""

    molecules, receptors = 400_000, 8000


class Cleft(WellMixed):
    """Glutamate is released in one cube beside the cleft's middle and diffuses; 2,400 tetrahedra."""

    solver_name, stop_ms, diffusion, mended = "Tetexact", 0.1, 0.3e-9, False

    def parts(self) -> tuple[Any, Any]:
        vertices, tetrahedra = cubes((self.side_nm, self.side_nm, HEIGHT_NM), EDGE_NM, centred=True)
        model, inside, membrane = jonas(self.diffusion / (slowness(vertices, tetrahedra) if self.mended else 1.0))
        mesh = TetMesh.FromData(vertices.ravel().tolist(), tetrahedra.ravel().tolist())
        half = self.psd_nm / 2 * 1e-9
        with mesh:
            cleft = Compartment.Create(mesh.tets, inside)
            floor = [t for t in mesh.surface if abs(t.center.z) < 1e-12 and max(abs(t.center.x), abs(t.center.y)) < half]
            psd = Patch.Create(TriList(floor), cleft, None, membrane)  # noqa: F841
        self.release = [int(t.idx) for t in mesh.tets if 0 < t.center.x < EDGE_NM * 1e-9 and 0 < t.center.y < EDGE_NM * 1e-9]
        return model, mesh

    def set_up(self) -> None:
        for k, tetrahedron in enumerate(self.release):
            share = self.molecules * (k + 1) // len(self.release) - self.molecules * k // len(self.release)
            self.solver.setTetSpecCount(tetrahedron, "Glu", share)
        self.solver.setPatchSpecCount("psd", "C0", self.receptors)


class SmallCleft(Cleft):
    """A quarter of it, and slower diffusion, as it was meant."""

    molecules, receptors, side_nm, psd_nm = 800, 40, 200.0, 120.0
    diffusion, mended = 0.04e-9, True


class Box(Case):
    """300 molecules in the first of ten cubes in a row diffuse; where they are after 1.5 ms, two cubes at a time."""

    solver_name, stop_ms, molecules = "Tetexact", 1.5, 300

    def parts(self) -> tuple[Any, Any]:
        vertices, tetrahedra = cubes(BOX_NM, BOX_EDGE_NM)
        model = Model()
        with model:
            X = Species.Create()
            inside = VolumeSystem.Create()
            with inside:
                Diffusion(X, D_BOX / slowness(vertices, tetrahedra))
        mesh = TetMesh.FromData(vertices.ravel().tolist(), tetrahedra.ravel().tolist())
        with mesh:
            box = Compartment.Create(mesh.tets, inside)  # noqa: F841
        x = np.array([t.center.x for t in mesh.tets])
        self.first = np.flatnonzero(x < BOX_EDGE_NM * 1e-9)
        self.fifth = (x / (BOX_NM[0] * 1e-9) * 5).astype(int)
        return model, mesh

    def set_up(self) -> None:
        for tetrahedron in self.first.tolist():
            self.solver.setTetSpecCount(tetrahedron, "X", self.molecules // len(self.first))

    def read(self) -> list[float]:
        counts = np.zeros(len(self.fifth))
        self.solver.getBatchTetSpecCountsNP(np.arange(len(counts), dtype=np.uint32), "X", counts)
        told: list[float] = np.bincount(self.fifth, counts).tolist()
        return told


CASES = {
    "birth_death": BirthDeath, "well_mixed": WellMixed, "well_mixed_many": WellMixedMany, "cleft": Cleft, "small_cleft": SmallCleft,
    "box": Box,
}  # fmt: skip


def cubes(size_nm: tuple[float, float, float], edge_nm: float, centred: bool = False) -> tuple[Any, Any]:
    """(vertices, 3) m and (tetrahedra, 4): a box of cubes, each cut along its diagonal into six (Kuhn 1960)."""
    counts = [round(side / edge_nm) for side in size_nm]
    corners = np.stack(np.meshgrid(*(np.arange(n + 1) for n in counts), indexing="ij"), axis=-1).reshape(-1, 3)
    strides = np.array([(counts[1] + 1) * (counts[2] + 1), counts[2] + 1, 1])
    found = []
    for cell in np.ndindex(*counts):
        for order in permutations(range(3)):
            steps_up = np.cumsum([[0, 0, 0], *np.eye(3, dtype=int)[list(order)]], axis=0)
            found.append((np.array(cell) + steps_up) @ strides)
    shift = np.array([size_nm[0] / 2, size_nm[1] / 2, 0.0]) if centred else 0.0
    return (corners * edge_nm - shift) * 1e-9, np.array(found)


def slowness(vertices: Any, tetrahedra: Any) -> float:
    """Decay of the slowest mode of a mesh over that of its box: D area / (volume distance between barycentres), as STEPS has it."""
    points = vertices[tetrahedra]
    edges = points[:, 1:] - points[:, :1]
    volumes, centres = np.abs(np.linalg.det(edges)) / 6, points.mean(axis=1)
    matrix, seen = np.zeros((len(tetrahedra), len(tetrahedra))), dict[tuple[int, ...], int]()
    for number, corners in enumerate(tetrahedra.tolist()):
        for left_out in range(4):
            face = tuple(sorted(corners[:left_out] + corners[left_out + 1 :]))
            other = seen.setdefault(face, number)
            if other != number:
                a, b, c = vertices[list(face)]
                area = np.linalg.norm(np.cross(b - a, c - a)) / 2
                rate = area / np.linalg.norm(centres[number] - centres[other])
                matrix[number, other] = matrix[other, number] = rate
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    scale = np.sqrt(volumes)
    slowest = np.linalg.eigvalsh(matrix / scale / scale[:, None])[-2]
    return float(-slowest * (np.ptp(vertices, axis=0).max() / np.pi) ** 2)


def counts(name: str, runs: str, seed: str, stop_ms: str = "") -> dict[str, Any]:
    """What is there at the end of each of many runs."""
    case, told = CASES[name](int(seed)), []
    for _ in range(int(runs)):
        case.simulation.newRun()
        case.set_up()
        case.simulation.run((float(stop_ms) if stop_ms else case.stop_ms) / 1e3)
        told.append(case.read())
    return {"version": f"STEPS {steps.__version__}", "counts": told}


def race(name: str, stop_ms: str, seed: str, pieces: str = "1") -> dict[str, Any]:
    """Seconds and events of one run, cut into pieces, after a tenth of it that does not count."""
    case = CASES[name](int(seed))
    for part in (0.1, 1.0):
        case.simulation.newRun()
        case.set_up()
        before, began, began_cpu = case.solver.getNSteps(), time.perf_counter(), time.process_time()
        for k in range(int(pieces)):
            case.solver.run(part * float(stop_ms) / 1e3 * (k + 1) / int(pieces))
        run_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    events = int(case.solver.getNSteps() - before)
    voxels = len(case.simulation.geom.tets) if case.solver_name == "Tetexact" else 1
    name = f"STEPS {steps.__version__} {case.solver_name}"
    return {"version": name, "run_s": run_s, "cpu_s": cpu_s, "events": events, "voxels": voxels, "told": case.read()}


if __name__ == "__main__":
    command = counts if sys.argv[1] == "counts" else race
    print(f"\n{json.dumps(command(*sys.argv[2:]))}", flush=True)
