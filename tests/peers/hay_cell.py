"""The layer 5 pyramidal cell of Hay et al. (2011), here and, as a program of its own, in NEURON.

Its membrane is the paper's: of the fit to both step currents and back-propagation-activated calcium spikes, as published in
ModelDB 139653. The tree is a relative's, C060114A7, which comes with bluepyopt and is as long. Most channels are those of bmtk's
files; the four that are not are below, from their equations.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.peers.allen_cells import folder

TREE = Path("tests/test_ephys/testdata/acc/l5pc/C060114A7.asc")
LONGEST_UM = 1209.913511674222
"""From the middle of the soma to the centre of the last compartment of the apical dendrite; Ih grows with the part of it."""
HOT_UM = (685.0, 885.0)
STEP_UM, CELSIUS, START_MV, E_NA, E_K, E_PAS, RESISTIVITY = 40.0, 34.0, -80.0, 50.0, -85.0, -90.0, 100.0
LEAK = {"soma": 3.38e-5, "axon": 3.25e-5, "dend": 4.67e-5, "apic": 5.89e-5}
CAPACITANCE = {"soma": 1.0, "axon": 1.0, "dend": 2.0, "apic": 2.0}
LABELS = {"soma": "soma", "axon": "axon", "dend": "basal", "apic": "apical"}
SOMA = {
    "Ca_LVA": 0.00343, "Ca_HVA": 0.000992, "Kv3_1": 0.693, "SK": 0.0441, "HayTransientK": 0.0812, "HayPersistentK": 0.00223,
    "HayPersistentNa": 0.00172, "HayTransientNa": 2.04, "Ih": 0.0002,
}  # fmt: skip
APICAL = {"SK": 0.0012, "Kv3_1": 0.000261, "HayTransientNa": 0.0213, "Im": 6.75e-5}
HOT = {"Ca_LVA": (0.0187, 0.01), "Ca_HVA": (0.000555, 0.1)}
"""In the zone, and which part of it elsewhere in the apical dendrite."""
POOLS = {"soma": (0.000501, 460.0), "apic": (0.000509, 122.0)}
OURS: dict[str, tuple[str, dict[str, Any]]] = {
    "Ca_LVA": ("ca_lva", {}),
    "Ca_HVA": ("ca_hva", {}),
    "Kv3_1": ("k_v3", {}),
    "SK": ("k_sk", {}),
    "Ih": ("hcn", {}),
    "Im": ("k_m", {}),
    "HayTransientK": ("k_transient", {"V_m": "0 mV", "k_m": "19 mV", "shift": "-10 mV"}),
    "HayPersistentK": ("k_persistent", {"V_m": "-1 mV", "k_m": "12 mV", "shift": "-10 mV"}),
    "HayPersistentNa": ("na_persistent_gated", {}),
    "HayTransientNa": ("na_transient", {"V_m": "-38 mV", "V_h": "-66 mV", "T": 21}),
}


def tree() -> Path | None:
    """Where bluepyopt has it; the package is not imported."""
    found = importlib.util.find_spec("bluepyopt")
    path = None if found is None or found.origin is None else Path(found.origin).parent / TREE
    return path if path is not None and path.is_file() else None


def ih_along(distance: Any, exp: Any = np.exp) -> Any:
    """S/cm² of Ih as far along the apical dendrite, µm."""
    return 0.0002 * (-0.8696 + 2.087 * exp(3.6161 * distance / LONGEST_UM))


def cell() -> dict[str, Any]:
    """As a scenario writes it."""
    leak = [
        {"mechanism": "passive", "in": LABELS[kind], "parameters": {"g": f"{g!r} S/cm**2", "E": f"{E_PAS} mV"}}
        for kind, g in LEAK.items()
    ]
    hot = {"in": "apical", "from": f"{HOT_UM[0]} um", "to": f"{HOT_UM[1]} um"}
    along = f"0.0002 * (-0.8696 + 2.087 * exp(3.6161 * distance / {LONGEST_UM!r}))"
    return {
        "morphology": {"package": "bluepyopt", "file": str(TREE), "axon": "stub"},
        "compartments": {"two_per": f"{STEP_UM} um"},
        "resistivity": f"{RESISTIVITY} ohm*cm",
        "capacitance": {LABELS[kind]: f"{value} uF/cm**2" for kind, value in CAPACITANCE.items()},
        "membrane": [
            *leak,
            *(_channel(name, "soma", g) for name, g in SOMA.items()),
            *(_channel(name, "apical", g) for name, g in APICAL.items()),
            *(_channel(name, "apical", g * part) for name, (g, part) in HOT.items()),
            *(_channel(name, hot, g) for name, (g, _) in HOT.items()),
            {"mechanism": "hcn", "in": "basal", "parameters": {"g": "0.0002 S/cm**2"}},
            {"mechanism": "hcn", "in": "apical", "parameters": {"g": {"along": along}}},
            *(
                {"mechanism": "ca_pool", "in": LABELS[kind], "parameters": {"share": share, "tau": f"{tau} ms"}}
                for kind, (share, tau) in POOLS.items()
            ),
        ],
        "ions": {"na": {"reversal": f"{E_NA} mV"}, "k": {"reversal": f"{E_K} mV"}},
        "potential": f"{START_MV} mV",
        "temperature": CELSIUS,
    }


def _channel(name: str, region: Any, conductance: float) -> dict[str, Any]:
    mechanism, more = OURS[name]
    return {"mechanism": mechanism, "in": region, "parameters": {"g": f"{conductance!r} S/cm**2", **more}}


def in_neuron(dt_ms: float, currents: list[dict[str, Any]], places: list[tuple[str, float]]) -> list[NDArray[np.float64]]:
    """(places, steps) mV under each of ``currents``: nA of every step by ``section:at``; places are sections and where on them."""
    with tempfile.TemporaryDirectory() as at:
        given, found = Path(at, "given.json"), Path(at, "found.npz")
        given.write_text(json.dumps({"dt_ms": dt_ms, "currents": currents, "places": places}), encoding="utf-8")
        ran = subprocess.run(
            [sys.executable, "-m", "tests.peers.hay_cell", str(given), str(found)],
            capture_output=True, text=True, timeout=280, check=False, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        with np.load(found) as arrays:
            return [arrays[f"v{number}"] for number in range(len(currents))]


# -- in NEURON's process -------------------------------------------------------------------------------------------------

CHANNEL = """
NEURON {{
    SUFFIX {name}
    USEION {ion} READ e{ion} WRITE i{ion}
    RANGE gbar
}}
UNITS {{
    (mV) = (millivolt)
    (mA) = (milliamp)
    (S) = (siemens)
}}
PARAMETER {{ gbar = 0 (S/cm2) }}
ASSIGNED {{
    v (mV)
    celsius (degC)
    e{ion} (mV)
    i{ion} (mA/cm2)
    m_inf
    m_tau (ms)
    h_inf
    h_tau (ms)
}}
STATE {{ m h }}
BREAKPOINT {{
    SOLVE gates METHOD cnexp
    i{ion} = gbar * m^{power} * h * (v - e{ion})
}}
INITIAL {{
    curves(v)
    m = m_inf
    h = h_inf
}}
DERIVATIVE gates {{
    curves(v)
    m' = (m_inf - m) / m_tau
    h' = (h_inf - h) / h_tau
}}
FUNCTION linear(x, k) {{
    if (fabs(x / k) < 1e-6) {{
        linear = k * (1 + x / k / 2)
    }} else {{
        linear = x / (1 - exp(-x / k))
    }}
}}
UNITSOFF
PROCEDURE curves(v) {{
    LOCAL q, up, down, u
    q = 2.3^((celsius - 21) / 10)
    {curves}
}}
UNITSON
"""
CHANNELS = {
    "HayTransientNa": ("na", 3, """
    up = 0.182 * linear(v + 38, 6)
    down = 0.124 * linear(-(v + 38), 6)
    m_inf = up / (up + down)
    m_tau = 1 / (up + down) / q
    up = 0.015 * linear(-(v + 66), 6)
    down = 0.015 * linear(v + 66, 6)
    h_inf = up / (up + down)
    h_tau = 1 / (up + down) / q"""),
    "HayPersistentNa": ("na", 3, """
    up = 0.182 * linear(v + 38, 6)
    down = 0.124 * linear(-(v + 38), 6)
    m_inf = 1 / (1 + exp(-(v + 52.6) / 4.6))
    m_tau = 6 / (up + down) / q
    up = 2.88e-6 * linear(-(v + 17), 4.63)
    down = 6.94e-6 * linear(v + 64.4, 2.63)
    h_inf = 1 / (1 + exp((v + 48.8) / 10))
    h_tau = 1 / (up + down) / q"""),
    "HayTransientK": ("k", 4, """
    u = v + 10
    m_inf = 1 / (1 + exp(-u / 19))
    m_tau = (0.34 + 0.92 * exp(-((u + 71) / 59)^2)) / q
    h_inf = 1 / (1 + exp((u + 66) / 10))
    h_tau = (8 + 49 * exp(-((u + 73) / 23)^2)) / q"""),
    "HayPersistentK": ("k", 2, """
    u = v + 10
    m_inf = 1 / (1 + exp(-(u + 1) / 12))
    if (u < -50) {
        m_tau = (1.25 + 175.03 * exp(0.026 * u)) / q
    } else {
        m_tau = (1.25 + 13 * exp(-0.026 * u)) / q
    }
    h_inf = 1 / (1 + exp((u + 54) / 11))
    h_tau = (360 + (1010 + 24 * (u + 55)) * exp(-((u + 75) / 48)^2)) / q"""),
}  # fmt: skip
"""Ion, power of m, curves in mV and ms: Colbert and Pan (2002); Magistretti and Alonso (1999); Korngreen and Sakmann (2000)."""


def _made(h: Any) -> dict[str, list[Any]]:
    """The tree by kind of section, the axon replaced, cut and with a membrane."""
    reader = h.Import3d_Neurolucida3()
    reader.quiet = 1
    reader.input(str(tree()))
    h.Import3d_GUI(reader, 0).instantiate(None)
    kinds: dict[str, list[Any]] = {}
    for section in h.allsec():
        kinds.setdefault(section.name().partition("[")[0], []).append(section)
    for section in kinds["axon"]:
        h.delete_section(sec=section)
    kinds["axon"] = [h.Section(name=f"stub{number}") for number in range(2)]
    for section in kinds["axon"]:
        section.L, section.diam = 30, 1
    kinds["axon"][0].connect(kinds["soma"][0](0.5), 0)
    kinds["axon"][1].connect(kinds["axon"][0](1), 0)
    for kind, sections in kinds.items():
        for section in sections:
            section.nseg = 1 + 2 * int(section.L / STEP_UM)
            section.Ra, section.cm = RESISTIVITY, CAPACITANCE[kind]
            section.insert("pas")
            section.g_pas, section.e_pas = LEAK[kind], E_PAS
    return kinds


def _membrane(h: Any, kinds: dict[str, list[Any]]) -> None:
    soma = kinds["soma"][0]
    for kind, channels in (("soma", SOMA), ("apic", APICAL), ("dend", {"Ih": 0.0002})):
        for section in kinds[kind]:
            for name, conductance in channels.items():
                section.insert(name)
                setattr(section, f"gbar_{name}", conductance)
    for section in kinds["apic"]:
        for name in ("Ih", *HOT):
            section.insert(name)
        for segment in section:
            distance = h.distance(soma(0.5), segment)
            segment.Ih.gbar = ih_along(distance)
            for name, (conductance, part) in HOT.items():
                getattr(segment, name).gbar = conductance * (1.0 if HOT_UM[0] <= distance < HOT_UM[1] else part)
    for kind, (share, tau) in POOLS.items():
        for section in kinds[kind]:
            section.insert("CaDynamics")
            section.gamma_CaDynamics, section.decay_CaDynamics = share, tau
    for section in h.allsec():
        for ion, value in (("na", E_NA), ("k", E_K)):
            if h.ismembrane(f"{ion}_ion", sec=section):
                setattr(section, f"e{ion}", value)


def _main(given: str, found: str) -> None:
    from neuron import h

    from engines.neuron.mechanisms import load_mechanisms

    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    setup, at = SimpleNamespace(log=logging.getLogger("hay")), folder()
    assert at is not None
    load_mechanisms(h, at / "mechanisms" / "modfiles", setup)
    with tempfile.TemporaryDirectory() as own:
        for name, (ion, power, curves) in CHANNELS.items():
            Path(own, f"{name}.mod").write_text(
                CHANNEL.format(name=name, ion=ion, power=power, curves=curves.strip()), encoding="utf-8"
            )
        load_mechanisms(h, Path(own), setup)
    kinds, job = _made(h), json.loads(Path(given).read_text(encoding="utf-8"))
    _membrane(h, kinds)
    seen = [h.Vector().record(_place(kinds, name, where)._ref_v) for name, where in job["places"]]
    h.celsius, h.dt, h.secondorder = CELSIUS, job["dt_ms"], 0
    courses = {}
    for number, currents in enumerate(job["currents"]):
        kept = []
        for place, values in currents.items():
            name, _, where = place.partition(":")
            clamp, played = h.IClamp(_place(kinds, name, float(where))), h.Vector(values)
            clamp.delay, clamp.dur = 0, 1e9
            played.play(clamp._ref_amp, job["dt_ms"])
            kept += [clamp, played]
        steps = len(next(iter(currents.values())))
        h.finitialize(START_MV)
        for _ in range(steps):
            h.fadvance()
        courses[f"v{number}"] = np.array([np.array(vector)[1 : steps + 1] for vector in seen])
        del kept
    np.savez(found, **courses)


def _place(kinds: dict[str, list[Any]], name: str, at: float) -> Any:
    kind, _, rest = name.partition("[")
    return kinds[kind][int(rest.rstrip("]") or 0)](at)


if __name__ == "__main__":
    _main(*sys.argv[1:])
