"""The network against the connectome; the coupled worm against jNeuroML's; muscles and body against their equations."""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import Claim, load_beside
from cosim.results import Run
from cosim.sdk import Setup

Floats = NDArray[np.float64]
HERE = Path(__file__)
network, circuit, potential, pulls = (
    load_beside(HERE, file, name)
    for file, name in (("worm.py", "network"), ("theory.py", "circuit"), ("theory.py", "potential"), ("body.py", "pulls"))
)
DORSAL_MS, VENTRAL_MS = (1200.0, 1600.0), (2000.0, 2400.0)
"""The last 0.4 s of each drive: synapses and muscles have settled, 30 ms / C."""
MOTOR = {"DA": "MD", "DB": "MD", "AS": "MD", "VA": "MV", "VB": "MV", "DD": "MD", "VD": "MV"}


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    worm = circuit(network())
    yield from _counts(worm)
    yield from _sides(worm)
    coupled = run()
    yield from _alone(coupled)
    yield from _muscles(worm, coupled)
    yield from _body(coupled)
    yield from _antisymmetry(coupled)


def _counts(worm: Any) -> Iterator[Claim]:
    """The file against the connectome's own table, which the package cect has."""
    kinds = list(worm.cells.values())
    source = "White et al. 1986; the ventral cord's DA, DB, VA, VB, AS, DD, VD, and two pairs of command neurons"
    yield Claim("neurons", 69 + 4, kinds.count("generic_neuron_iaf_cell"), 0, source)
    yield Claim("muscles of the body wall", 95, kinds.count("generic_muscle_iaf_cell"), 0, "Altun and Hall, WormAtlas")
    spec = importlib.util.find_spec("cect")
    assert spec is not None
    assert spec.origin is not None
    table = json.loads((Path(spec.origin).parent / "cache" / "SpreadsheetDataReader.json").read_text())
    names, weights = table["nodes"], {kind: np.array(matrix) for kind, matrix in table["connections"].items()}
    neurons = [i for i, name in enumerate(names) if worm.cells.get(name) == "generic_neuron_iaf_cell"]
    for name, kinds_of, is_gap in (("chemical connections", ("exc", "inh"), False), ("gap junctions", ("elec",), True)):
        of_kind = sum(np.nan_to_num(m[np.ix_(neurons, neurons)]) for kind, m in weights.items() if ("GJ" in kind) == is_gap)
        found = worm.between_neurons(kinds_of)
        yield Claim(
            f"{name} between these neurons", int((of_kind > 0).sum()), len(found), 0, "the connectome's table, read without c302"
        )
        yield Claim("… their synapses", float(of_kind.sum()), sum(c.weight for c in found), 0, "the same table")


def _sides(worm: Any) -> Iterator[Claim]:
    for name, side in MOTOR.items():
        junctions = worm.neuromuscular(name)
        sign = "inh" if name in ("DD", "VD") else "exc"
        right = sum(c.target.startswith(side) and f"_{sign}_" in c.synapse for c in junctions)
        yield Claim(
            f"{name}: junctions on {'dorsal' if side == 'MD' else 'ventral'} muscles that {'calm' if sign == 'inh' else 'excite'}",
            expected=len(junctions),
            measured=right if junctions else math.nan,
            tolerance=0,
            source="all of them: White et al. 1986; GABA in the D classes, McIntire et al. 1993",
        )


ALONE = """
import contextlib, io, sys
import numpy as np
with contextlib.redirect_stdout(io.StringIO()):
    from neuron import h
    h.nrn_load_dll(sys.argv[1])
    from LEMS_worm_nrn import NeuronSimulation
    simulation = NeuronSimulation(tstop=1, dt=0.05, seed=1)
muscles, cells = sys.argv[2].split(), sys.argv[3].split()
clamps = []
for groups in (["PVCL", "PVCR"], [f"DB{i + 1}" for i in range(7)], [f"VB{i + 1}" for i in range(11)]):
    clamps.append([h.IClamp(getattr(h, name)[0](0.5)) for name in groups])
    for clamp in clamps[-1]:
        clamp.dur = 1e9
times, who, ears = h.Vector(), h.Vector(), []
for i, name in enumerate(cells):
    section = getattr(h, name)[0]
    ears.append(h.NetCon(section(0.5)._ref_v, None, sec=section))
    ears[-1].threshold = -30
    ears[-1].record(times, who, i)
h.finitialize(-65)
values = []
for k in range(2600 * 20):
    phase = k // 4000
    for stage, found in enumerate(clamps):
        for clamp in found:
            clamp.amp = 5.0 * 1e-3 if 4 * stage + 1 <= phase <= 4 * stage + 3 else 0.0
    h.fadvance()
    if k % 20 == 19:
        values.append([getattr(h, name)[0](0.5).v for name in muscles])
np.savez(sys.argv[4], values=values, times=times.to_python(), cells=who.to_python())
"""


def _alone(coupled: Run) -> Iterator[Claim]:
    """c302's own LEMS file through jNeuroML, and what it makes run in a process without cosim."""
    from engines.neuroml.conversion import find_jar, find_java
    from engines.neuron import Neuron
    from engines.neuron.engine import import_quietly
    from engines.neuron.mechanisms import compiled, key_of

    muscles, spikes = coupled.samples("worm.muscles"), coupled.spikes("worm.spikes")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for file in network().parent.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        java = [find_java(), "-jar", str(find_jar()), "LEMS_worm.xml", "-neuron", "-nogui"]
        subprocess.run(java, cwd=folder, check=True, capture_output=True)
        key = key_of(import_quietly(Neuron.simulator).h, folder)
        library = compiled(folder, key, Setup("alone", 1, 0, log=logging.getLogger(__name__)))
        names = (" ".join(muscles.labels), " ".join(spikes.labels))
        subprocess.run([sys.executable, "-c", ALONE, library, *names, "alone.npz"], cwd=folder, check=True, capture_output=True)
        alone = np.load(folder / "alone.npz")
        values, times_ms, cells = alone["values"], alone["times"], alone["cells"].astype(np.int64)
    yield Claim(
        "potentials of 95 muscles, coupled less alone: largest difference",
        expected=0.0,
        measured=float(np.abs(muscles.values - values).max()),
        tolerance=0.0,
        source="jNeuroML's NEURON model of c302's own LEMS file, stepped alone with the same currents",
        unit="mV",
    )
    steps = np.rint(times_ms / 0.05).astype(np.int64)  # NEURON stamps a crossing with the t of its step and 1e-10 ms
    ours = np.lexsort((spikes.channels, spikes.times_ms))
    order = np.lexsort((cells, steps))
    same = len(ours) == len(order) and np.array_equal(np.rint(spikes.times_ms[ours] / 0.05).astype(np.int64), steps[order])
    same = same and np.array_equal(spikes.channels[ours], cells[order])
    yield Claim("spikes of 73 neurons in the same steps", len(order), len(ours) if same else math.nan, 0, "the same run")


def _muscles(worm: Any, coupled: Run) -> Iterator[Claim]:
    """The mean potential of every muscle, from the spikes of its neurons."""
    muscles, spikes = coupled.samples("worm.muscles"), coupled.spikes("worm.spikes")
    for name, span in (("DB", DORSAL_MS), ("VB", VENTRAL_MS)):
        rows = (muscles.times_ms > span[0]) & (muscles.times_ms <= span[1])
        measured = muscles.values[rows].mean(axis=0)
        expected = []
        for label in muscles.labels:
            junctions = [c for c in worm.neuromuscular(*MOTOR) if c.target == label]
            course = potential(junctions, spikes, span[1])
            expected.append(course[round(span[0] / 0.1) :].mean())
        off, moved = np.abs(measured - expected), np.abs(np.array(expected) + 50)
        yield Claim(
            f"mean potential of 95 muscles while {name} is driven: largest error",
            expected=0.0,
            measured=float(off.max()),
            tolerance=float(2 * (0.05 / 3) ** 2 * moved.max()),
            source="the muscle's equation with recorded spikes; Euler keeps the area of a conductance, to (dt/rise)^2",
            unit="mV",
        )


def _body(coupled: Run) -> Iterator[Claim]:
    """Two filters of 50 ms in a row: a unit step bends as 1 - (1 + t/tau) e^(-t/tau), so the answer is the sum over all steps."""
    muscles, curvature = coupled.samples("worm.muscles"), coupled.samples("body.curvature")
    pull = muscles.values @ pulls(muscles.labels) / 4.0
    steps = np.diff(pull, axis=0, prepend=0.0)
    n, keep = np.arange(1, len(pull) + 1), math.exp(-1 / 50)
    unit = 1 - keep**n - n * (1 - keep) * keep**n  # exact for rows that are held over 1 ms
    expected = np.array([unit[: k + 1][::-1] @ steps[: k + 1] for k in range(len(pull))])
    yield Claim(
        "curvature of 24 segments, every ms: largest distance to the closed form",
        expected=0.0,
        measured=float(np.abs(curvature.values - expected).max()),
        tolerance=1e-13 * float(np.abs(expected).max()) * len(pull),  # rounding of so many sums
        source="superposed answers of two first-order elements, 1 - a^n - n (1 - a) a^n with a = e^(-dt/tau)",
        unit="1/mm",
    )


def _antisymmetry(coupled: Run) -> Iterator[Claim]:
    """Either side, driven, pulls; the other is let go, by way of the D classes."""
    muscles, curvature = coupled.samples("worm.muscles"), coupled.samples("body.curvature")
    for name, span, driven in (("DB", DORSAL_MS, "D"), ("VB", VENTRAL_MS, "V")):
        rows = (muscles.times_ms > span[0]) & (muscles.times_ms <= span[1])
        moved = muscles.values[rows].mean(axis=0) + 50
        on = np.array([label[1] == driven for label in muscles.labels])
        yield Claim(f"{name} driven: muscles of its side that are calmed", 0, int((moved[on] < -1e-3).sum()), 0, "connectome")
        yield Claim("… muscles of the other side that are excited", 0, int((moved[~on] > 1e-3).sum()), 0, "connectome")
        bent = curvature.values[rows].mean(axis=0) * (1 if driven == "D" else -1)
        yield Claim("… segments that bend to the other side", 0, int((bent < -0.01).sum()), 0, "the two above")
