"""Trees as NEURON makes and measures them, in a process of its own: NEURON keeps all sections of a process together."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from engines.compartmental_neurons.morphology.tree import Morphology, Section

LEAK_S_M2, RESISTIVITY_OHM_M = 1.0, 1.5


def measured(*jobs):
    """What NEURON makes of each job: ``{"swc": file}``, ``{"asc": file}``, or ``{"sections": […]}``; all in one process.

    Each gives ``sections`` (name, length, parent, at, count, areas, resistances, distances, points, arc, in_lambdas) and, with
    ``site: [section, compartment]``, ``transfer``: ohm from there to every compartment of every section.
    """
    pytest.importorskip("neuron", reason="NEURON is not installed (extra: neuron)")
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "jobs.json"), Path(folder, "found.json")
        given.write_text(json.dumps(jobs), encoding="utf-8")
        command = [sys.executable, __file__, str(given), str(found)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stderr
        return json.loads(found.read_text(encoding="utf-8"))


def as_job(morphology, counts, site=None):
    sections = [
        {"points": s.points.tolist(), "diameters": s.diameters.tolist(), "parent": s.parent, "at": s.parent_at}
        for s in morphology.sections
    ]
    return {"sections": sections, "counts": [int(count) for count in counts], "site": site}


def rebuilt(found, labels=None):
    """The same tree of NEURON's own points and arcs, which it keeps in single precision."""
    names = [section["name"] for section in found["sections"]]
    sections = []
    for section in found["sections"]:
        points = np.array(section["points"])
        parent = names.index(section["parent"]) if section["parent"] else -1
        made = Section(points[:, :3], points[:, 3], parent, section["at"], "dendrite", section["name"])
        vars(made)["arc"] = np.array(section["arc"])
        sections.append(made)
    return Morphology(tuple(sections))


def steady_state(compartments):
    """(n, n) ohm: voltage at every node for a current into every other, the membrane a leak of LEAK_S_M2."""
    matrix = np.diag(compartments.area * LEAK_S_M2)
    for node, parent in enumerate(compartments.parent):
        if parent >= 0:
            conductance = compartments.conductance[node]
            matrix[[node, parent], [node, parent]] += conductance
            matrix[[node, parent], [parent, node]] -= conductance
    return np.linalg.inv(matrix)


# -- in NEURON's process ---------------------------------------------------------------------------------------------------------


def _made(h, job):
    if "sections" in job:
        sections = []
        for number, given in enumerate(job["sections"]):
            section = h.Section(name=f"s{number}")
            for point, diameter in zip(given["points"], given["diameters"], strict=True):
                section.pt3dadd(*point, diameter)
            if given["parent"] >= 0:
                section.connect(sections[given["parent"]](given["at"]), 0)
            sections.append(section)
        return sections
    reader = h.Import3d_SWC_read() if "swc" in job else h.Import3d_Neurolucida3()
    reader.quiet = 1
    reader.input(job.get("swc") or job["asc"])
    h.Import3d_GUI(reader, 0).instantiate(None)
    return list(h.allsec())


def _named(section):
    """NEURON calls soma[0] soma, but the second soma[1]."""
    name = section.name()
    return f"{name}[0]" if name in ("soma", "axon", "dend", "apic") else name


def _told(h, section, root):
    above = section.parentseg()
    places = [(i + 0.5) / section.nseg for i in range(section.nseg)]
    return {
        "name": _named(section),
        "length": section.L,
        "parent": _named(above.sec) if above is not None else None,
        "at": above.x if above is not None else 0.0,
        "count": section.nseg,
        "areas": [section(x).area() for x in places],
        "resistances": [section(x).ri() for x in places],
        "distances": [h.distance(root(0.5), section(x)) for x in places],
        "points": [
            [section.x3d(i), section.y3d(i), section.z3d(i), section.diam3d(i)] for i in range(section.n3d())
        ],
        "arc": [section.arc3d(i) for i in range(section.n3d())],
        "in_lambdas": section.L / h.lambda_f(100, sec=section),
    }  # fmt: skip


def _measure(h, job):
    sections = _made(h, job)
    for section in sections:
        section.Ra, section.cm = RESISTIVITY_OHM_M * 100, 1.0
        section.insert("pas")
        section.g_pas = LEAK_S_M2 / 1e4
    for number, section in enumerate(sections):
        d_lambda = section.L / h.lambda_f(100, sec=section)
        section.nseg = job["counts"][number] if "counts" in job else int((d_lambda / 0.1 + 0.9) / 2) * 2 + 1
    h.finitialize(-65)
    found = {"sections": [_told(h, section, sections[0]) for section in sections]}
    if job.get("site"):
        at, count = job["site"][1], sections[job["site"][0]].nseg
        impedance = h.Impedance()
        impedance.loc((at + 0.5) / count, sec=sections[job["site"][0]])
        impedance.compute(0, 0)
        found["transfer"] = [
            [impedance.transfer((i + 0.5) / s.nseg, sec=s) * 1e6 for i in range(s.nseg)] for s in sections
        ]  # fmt: skip
    for section in sections:
        h.delete_section(sec=section)
    return found


def _main(given, found):
    from neuron import h

    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    jobs = json.loads(Path(given).read_text(encoding="utf-8"))
    Path(found).write_text(json.dumps([_measure(h, job) for job in jobs]), encoding="utf-8")


if __name__ == "__main__":
    _main(*sys.argv[1:])
