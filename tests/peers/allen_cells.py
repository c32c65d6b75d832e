"""The fitted cells that come with bmtk: what a file says of one, for this engine; and, as a program of its own, in NEURON.

    cell = fitted("472363762", "Scnn1a_473845048")     # the mapping that ``cell`` of a population takes
    found = in_neuron([job, …])                        # voltages of each, in a process of its own: NEURON keeps sections together
    beyond(ours, theirs, …)                            # by how much two courses differ more than they may

bmtk's rules for perisomatic cells: the axon becomes two cylinders of 30 µm and 1 µm on the middle of the soma, a section has one
compartment and two more for each whole 40 µm, the leak is everywhere and channels are where the file says.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

SECTIONS = {"soma": "soma", "axon": "axon", "dend": "basal", "apic": "apical"}
CHANNELS = {
    "Ca_HVA": "ca_hva", "Ca_LVA": "ca_lva", "Ih": "hcn", "Im": "k_m", "Im_v2": "k_m_vervaeke", "K_P": "k_persistent",
    "K_T": "k_transient", "Kd": "k_d", "Kv2like": "k_v2", "Kv3_1": "k_v3", "NaTs": "na_transient", "NaV": "na_carter",
    "Nap": "na_persistent", "SK": "k_sk", "CaDynamics": "ca_pool",
}  # fmt: skip
"""bmtk's mechanisms and this engine's."""
PARAMETERS = {"gbar": ("g", "S/cm**2"), "gamma": ("share", ""), "decay": ("tau", "ms")}
CELLS = {
    "472363762": "Scnn1a_473845048",
    "473863510": "Rorb_325404214",
    "473863035": "Nr5a1_471087815",
    "472912177": "Pvalb_470522102",
    "473862421": "Pvalb_469628681",
}
"""Fits of which the package has the tree."""


def folder() -> Path | None:
    """Where bmtk keeps them; it is not imported."""
    found = importlib.util.find_spec("bmtk")
    return None if found is None or found.origin is None else Path(found.origin).parent / "utils" / "scripts" / "bionet"


def fit(name: str) -> dict[str, Any]:
    at = folder()
    assert at is not None
    return json.loads((at / "biophysical_neuron_models" / f"{name}_fit.json").read_text(encoding="utf-8"))


def passive_of(read: dict[str, Any], section: str) -> dict[str, float]:
    """cm (uF/cm²), Ra (ohm cm), g_pas (S/cm²) and e_pas (mV) of a kind of section, from wherever the file has them."""
    passive = read["passive"][0]
    found = {"Ra": passive.get("ra"), "e_pas": passive.get("e_pas")}
    found["cm"] = {item["section"]: item["cm"] for item in passive.get("cm", ())}.get(section)
    found |= {item["name"]: item["value"] for item in read["genome"] if item["section"] == section and not item["mechanism"]}
    return {name: float(value) for name, value in found.items() if value is not None}


def channels_of(read: dict[str, Any]) -> dict[tuple[str, str], dict[str, float]]:
    """Parameters, as bmtk calls them, of each (kind of section, mechanism)."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for item in read["genome"]:
        if item["mechanism"]:
            name = item["name"].removesuffix(f"_{item['mechanism']}")
            found.setdefault((item["section"], item["mechanism"]), {})[name] = float(item["value"])
    return found


def fitted(name: str, tree: str) -> dict[str, Any]:
    """The cell of a fit, as a scenario writes it."""
    read = fit(name)
    conditions = read["conditions"][0]
    kinds = [kind for kind in SECTIONS if "g_pas" in passive_of(read, kind)]
    passive = {kind: passive_of(read, kind) for kind in kinds}
    leak = [
        {"mechanism": "passive", "in": {"label": SECTIONS[kind]}, "parameters": {"g": f"{g!r} S/cm**2", "E": f"{e!r} mV"}}
        for kind, g, e in ((kind, own["g_pas"], own["e_pas"]) for kind, own in passive.items())
    ]
    active = [
        {"mechanism": CHANNELS[mechanism], "in": {"label": SECTIONS[kind]}, "parameters": _renamed(own)}
        for (kind, mechanism), own in channels_of(read).items()
    ]
    (reversal,) = {(item["ena"], item["ek"]) for item in conditions["erev"]}
    return {
        "morphology": {"package": "bmtk", "file": f"utils/scripts/bionet/morphologies/{tree}_m.swc", "axon": "stub"},
        "compartments": {"two_per": "40 um"},
        "resistivity": {SECTIONS[kind]: f"{own['Ra']!r} ohm*cm" for kind, own in passive.items()},
        "capacitance": {SECTIONS[kind]: f"{own['cm']!r} uF/cm**2" for kind, own in passive.items()},
        "membrane": [*leak, *active],
        "ions": {"na": {"reversal": f"{reversal[0]!r} mV"}, "k": {"reversal": f"{reversal[1]!r} mV"}},
        "potential": f"{conditions['v_init']!r} mV",
        "temperature": conditions["celsius"],
    }


def _renamed(own: dict[str, float]) -> dict[str, Any]:
    named = {PARAMETERS[name]: value for name, value in own.items()}
    return {key: f"{value!r} {unit}".strip() for (key, unit), value in named.items()}


def in_neuron(jobs: list[dict[str, Any]]) -> list[dict[str, np.ndarray]]:
    """What NEURON makes of jobs: ``{fit, tree, current_na, start_ms, stop_ms, dt_ms, steps, places}``.

    Each place is [kind of section, its number among them, where on it]; each answer has ``v`` (places, steps) in mV and ``areas``
    (kinds,) in um².
    """
    with tempfile.TemporaryDirectory() as at:
        given, found = Path(at, "jobs.json"), Path(at, "found.npz")
        given.write_text(json.dumps(jobs), encoding="utf-8")
        ran = subprocess.run(
            [sys.executable, __file__, str(given), str(found)], capture_output=True, text=True, timeout=280, check=False
        )
        assert ran.returncode == 0, ran.stderr
        with np.load(found) as arrays:
            return [{key: arrays[f"{key}{number}"] for key in ("v", "areas")} for number in range(len(jobs))]


def spikes(v: np.ndarray) -> int:
    """How often a course (steps,) comes up through -20 mV."""
    return int(np.sum((v[1:] >= -20) & (v[:-1] < -20)))


def beyond(ours: np.ndarray, theirs: np.ndarray, dt_ms: float, shift_ms: float, shift_mv: float) -> float:
    """By how many mV two courses (places, steps) differ more than a shift of time and one of potential can make them."""
    steepness = np.abs(np.gradient(theirs, dt_ms, axis=1))
    around = np.max([np.roll(steepness, by, axis=1) for by in (-1, 0, 1)], axis=0)
    return float(np.max(np.abs(ours - theirs) - around * shift_ms - shift_mv))


# -- in NEURON's process -------------------------------------------------------------------------------------------------


def _made(h: Any, tree: str) -> tuple[Any, dict[str, list[Any]]]:
    """The sections of a tree by kind, the axon replaced."""
    reader = h.Import3d_SWC_read()
    reader.quiet = 1
    reader.input(str(folder() / "morphologies" / f"{tree}_m.swc"))
    h.Import3d_GUI(reader, 0).instantiate(None)
    kinds: dict[str, list[Any]] = {}
    for section in h.allsec():
        kinds.setdefault(section.name().partition("[")[0], []).append(section)
    soma = kinds["soma"][0]
    for section in kinds.pop("axon"):
        h.delete_section(sec=section)
    stub = [h.Section(name=f"stub{number}") for number in range(2)]
    for section in stub:
        section.L, section.diam = 30, 1
    stub[0].connect(soma(0.5), 0)
    stub[1].connect(stub[0](1), 0)
    return soma, {**kinds, "axon": stub}


def _measure(h: Any, job: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    read = fit(job["fit"])
    soma, kinds = _made(h, job["tree"])
    for kind, sections in kinds.items():
        passive = passive_of(read, kind)
        for section in sections:
            section.nseg = 1 + 2 * int(section.L / 40)
            section.insert("pas")
            for name, value in passive.items():
                setattr(section, name, value)
    for (kind, mechanism), own in channels_of(read).items():
        for section in kinds.get(kind, ()):
            section.insert(mechanism)
            for name, value in own.items():
                setattr(section, f"{name}_{mechanism}", value)
    conditions = read["conditions"][0]
    for item in conditions["erev"]:
        for section in kinds.get(item["section"], ()):
            for ion in ("na", "k"):
                if h.ismembrane(f"{ion}_ion", sec=section):
                    setattr(section, f"e{ion}", item[f"e{ion}"])
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = job["start_ms"], job["stop_ms"] - job["start_ms"], job["current_na"]
    seen = [h.Vector().record(kinds[kind][number](at)._ref_v) for kind, number, at in job["places"]]
    h.celsius, h.dt, h.secondorder = conditions["celsius"], job["dt_ms"], 0
    h.finitialize(conditions["v_init"])
    for _ in range(job["steps"]):
        h.fadvance()
    voltages = np.array([np.array(vector)[1:] for vector in seen])
    areas = np.array([sum(segment.area() for section in kinds.get(kind, ()) for segment in section) for kind in SECTIONS])
    for section in h.allsec():
        h.delete_section(sec=section)
    return voltages, areas


def _main(given: str, found: str) -> None:
    import logging

    from neuron import h

    from engines.neuron.mechanisms import load_mechanisms

    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    load_mechanisms(h, folder() / "mechanisms" / "modfiles", SimpleNamespace(log=logging.getLogger("allen")))
    results = [_measure(h, job) for job in json.loads(Path(given).read_text(encoding="utf-8"))]
    np.savez(
        found, **{f"{key}{n}": part for n, result in enumerate(results) for key, part in zip(("v", "areas"), result, strict=True)}
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
