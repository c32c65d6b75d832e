"""The equations of the shipped models, written again from the papers: numbers of the papers, no numbers of the files.

Each takes symbols in the units of the model's file and gives their slopes per second (per millisecond where it ends in ``_ms``).
``per`` is molecules in one unit of a concentration, by species.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

FARADAY, GAS = 96485.33212, 8.31446261815324


def birth_death(x, per, u):
    return {"X": 0.1 * x.X - 0.11 * x.X}


def immigration_death(x, per, u):
    return {"X": 1 - 0.1 * x.X}


def dimerisation(x, per, u):
    pairs = 0.001 / 2 * x.A**2 - 0.01 * x.AA
    return {"A": -2 * pairs, "AA": pairs}


def michaelis_menten(x, per, u):
    rate = 10 * x.E * x.S / (2 + x.S)
    return {"S": -rate, "P": rate, "E": 0}


def enzyme(x, per, u):
    bind, turn = 10 * x.E * x.S - 10 * x.ES, 10 * x.ES
    return {"S": -bind, "P": turn, "E": turn - bind, "ES": bind - turn}


def _two_state(x, per, alpha, beta, transmitter):
    opening = alpha * getattr(x, transmitter) * x.C - beta * x.O
    return {"C": -opening, "O": opening, transmitter: -opening / per[transmitter]}


def ampa_two_state_ms(x, per, u):
    """Destexhe, Mainen and Sejnowski 1994."""
    return _two_state(x, per, 1.1, 0.19, "glutamate")


def nmda_two_state_ms(x, per, u):
    return _two_state(x, per, 0.072, 0.0066, "glutamate")


def gaba_a_two_state_ms(x, per, u):
    return _two_state(x, per, 5.0, 0.18, "gaba")


def _scheme(x, per, transmitter, steps):
    """Slopes of a scheme of steps: from, to, whether transmitter binds, rate there, rate back."""
    found = dict.fromkeys({name for step in steps for name in step[:2]} | {transmitter}, 0.0)
    for a, b, binds, there, back in steps:
        flow = there * getattr(x, a) * (getattr(x, transmitter) if binds else 1.0) - back * getattr(x, b)
        found[a] -= flow
        found[b] += flow
        found[transmitter] -= flow / per[transmitter] if binds else 0.0
    return found


JONAS = [
    ("C0", "C1", True, 4.59, 4.26), ("C1", "C2", True, 28.4, 3.26), ("C2", "O", False, 4.24, 0.9),
    ("C1", "D1", False, 2.89, 0.0392), ("C2", "D2", False, 0.172, 0.000727), ("O", "D3", False, 0.0177, 0.004),
    ("D1", "D2", True, 1.27, 0.0457), ("D2", "D3", False, 0.0168, 0.1904),
]  # fmt: skip
PATNEAU_MAYER = [
    ("C0", "C1", True, 13, 0.0059), ("C1", "C2", True, 13, 86), ("C1", "D1", False, 0.9, 0.064),
    ("C2", "D2", False, 0.9, 0.064), ("C2", "O", False, 2.7, 0.2),
]  # fmt: skip
LESTER_JAHR = [
    ("C0", "C1", True, 5, 0.0129), ("C1", "C2", True, 5, 0.0129), ("C2", "D", False, 0.0084, 0.0068),
    ("C2", "O", False, 0.0465, 0.0738),
]  # fmt: skip
JONES_WESTBROOK = [
    ("C0", "C1", True, 12, 1), ("C1", "C2", True, 6, 2), ("C1", "O1", False, 0.15, 1.5), ("C1", "D1", False, 0.045, 0.014),
    ("C2", "O2", False, 3, 0.4), ("C2", "D2", False, 12, 0.07),
]  # fmt: skip


def ampa_jonas_ms(x, per, u):
    return _scheme(x, per, "glutamate", JONAS)


def ampa_patneau_mayer_ms(x, per, u):
    return _scheme(x, per, "glutamate", PATNEAU_MAYER)


def nmda_lester_jahr_ms(x, per, u):
    return _scheme(x, per, "glutamate", LESTER_JAHR)


def gaba_a_ms(x, per, u):
    return _scheme(x, per, "gaba", JONES_WESTBROOK)


def gaba_b_ms(x, per, u):
    """Destexhe et al. 1996."""
    bind = 0.52 * x.gaba * x.R - 0.0013 * x.RB
    return {"gaba": -bind / per["gaba"], "R": -bind, "RB": bind, "G": 0.098 * x.RB / (x.R + x.RB) - 0.033 * x.G}


def glutamate_clearance_ms(x, per, u):
    bind, across, back = 36 * x.glutamate * x.T - 0.36 * x.GT, 0.36 * x.GT, 0.0514 * x.TI
    return {"glutamate": -bind / per["glutamate"], "T": back - bind, "GT": bind - across, "TI": across - back, "inside": across}


def vesicle_pools(x, per, u):
    used = x.u + 0.5 * (1 - x.u)
    release, refill = used * u["rate"] * x.docked, x.empty / 0.8 * x.reserve / (x.reserve + x.fused)
    return {
        "docked": refill - release, "empty": release - refill, "reserve": x.fused / 20 - refill, "fused": release - x.fused / 20,
        "u": 0.5 * (1 - x.u) * u["rate"] - x.u / 0.01,
    }  # fmt: skip


def vesicle_fusion(x, per, u):
    """Schneggenburger and Neher 2000."""
    bound = [x.V0, x.V1, x.V2, x.V3, x.V4, x.V5]
    flows = [(5 - k) * 90 * x.Ca * bound[k] - (k + 1) * 9500 * 0.25**k * bound[k + 1] for k in range(5)]
    fusion, refill = 6000 * x.V5, x.empty / 5
    found = {f"V{k}": (flows[k - 1] if k else refill) - (flows[k] if k < 5 else fusion) for k in range(6)}
    return {**found, "empty": fusion - refill, "fused": fusion, "Ca": (5 * fusion - sum(flows)) / per["Ca"]}


def vgcc_ms(x, per, u):
    """Borst and Sakmann 1998; Goldman, Hodgkin and Katz in moles per area, with Faraday's constant."""
    alpha, beta = 1.78 * np.exp(u["V"] / 23.3), 0.14 * np.exp(-u["V"] / 15)
    first, second = 2 * alpha * x.C0 - beta * x.C1, alpha * x.C1 - 2 * beta * x.O
    v = 2 * FARADAY * u["V"] * 1e-3 / (GAS * 310)
    moles = 0.2e-18 * 2.0 * v / (np.exp(v) - 1)  # per second: m³/s, mol/m³
    return {"C0": -first, "C1": first - second, "O": second, "Ca": moles * 6.02214076e23 * 1e-3 * x.O / per["Ca"]}


def calcium_buffers(x, per, u):
    fast, slow = 247 * x.Ca * x.F - 524 * x.CaF, 24.7 * x.Ca * x.S - 52.4 * x.CaS
    return {"Ca": -fast - slow, "F": -fast, "CaF": fast, "S": -slow, "CaS": slow}


def calcium_indicator(x, per, u):
    bind = 430 * x.Ca * x.dye - 140 * x.CaDye
    return {"Ca": -bind, "dye": -bind, "CaDye": bind}


def calbindin(x, per, u):
    fast, slow = 43.5 * x.Ca * x.fast - 35.8 * x.CaFast, 5.5 * x.Ca * x.slow - 2.6 * x.CaSlow
    return {"Ca": -fast - slow, "fast": -fast, "CaFast": fast, "slow": -slow, "CaSlow": slow}


def parvalbumin(x, per, u):
    calcium, magnesium = 107 * x.Ca * x.PV - 0.95 * x.CaPV, 0.8 * x.Mg * x.PV - 25 * x.MgPV
    return {"Ca": -calcium, "Mg": -magnesium, "PV": -calcium - magnesium, "CaPV": calcium, "MgPV": magnesium}


def calcium_pump(x, per, u):
    """Out of the voxel, per pump; what leaks in is what goes out at 0.1 uM."""
    pmca = 12 * (x.Ca / (0.18 + x.Ca) - 0.1 / 0.28) * x.PMCA * per["PMCA"]
    ncx = 600 * (x.Ca / (3 + x.Ca) - 0.1 / 3.1) * x.NCX * per["NCX"]
    return {"Ca": -(pmca + ncx) / per["Ca"], "PMCA": 0, "NCX": 0}


def serca(x, per, u):
    flux = 0.9 * x.Ca**2 / (0.01 + x.Ca**2) - 0.185 * 0.11 * (x.store / 0.185 - x.Ca)
    return {"Ca": -flux, "store": flux}


def li_rinzel(x, per, u):
    """Li and Rinzel 1994, equations 6 to 9."""
    m, n, q = x.IP3 / (x.IP3 + 0.13), x.Ca / (x.Ca + 0.08234), 1.049 * (x.IP3 + 0.13) / (x.IP3 + 0.9434)
    channel = 0.185 * 6 * (m * n * x.h) ** 3 * (x.store / 0.185 - x.Ca)
    leak = 0.185 * 0.11 * (x.store / 0.185 - x.Ca)
    flux = channel + leak - 0.9 * x.Ca**2 / (0.01 + x.Ca**2)
    relaxed, time = q / (q + x.Ca), 1 / (0.2 * (q + x.Ca))
    return {"Ca": flux, "store": -flux, "IP3": 0, "h": (relaxed - x.h) / time}


def de_young_keizer(x, per, u):
    """De Young and Keizer 1992: the cube of subunit states, edge by edge."""
    s = {(i, j, k): getattr(x, f"S{i}{j}{k}") for i in (0, 1) for j in (0, 1) for k in (0, 1)}
    ds = dict.fromkeys(s, 0.0)
    a, d = (400, 0.2, 400, 0.2, 20), (0.13, 1.049, 0.9434, 0.1445, 0.08234)

    def edge(low, high, number, ligand):
        flow = a[number - 1] * (ligand * s[low] - d[number - 1] * s[high])
        ds[low] -= flow
        ds[high] += flow

    for p in (0, 1):
        for q in (0, 1):
            edge((0, p, q), (1, p, q), 3 if q else 1, x.IP3)
            edge((p, q, 0), (p, q, 1), 2 if p else 4, x.Ca)
            edge((p, 0, q), (p, 1, q), 5, x.Ca)
    part = s[1, 1, 0] / sum(s.values())
    flux = 0.185 * (6 * part**3 + 0.11) * (x.store / 0.185 - x.Ca) - 0.9 * x.Ca**2 / (0.01 + x.Ca**2)
    return {"Ca": flux, "store": -flux, "IP3": 0, **{f"S{i}{j}{k}": slope for (i, j, k), slope in ds.items()}}


def camkii_switch(x, per, u):
    """Zhabotinsky 2000, numbers of Gabbiani and Cox 2010."""
    p = [getattr(x, f"P{i}") for i in range(11)]
    calmodulin, calcineurin = (x.Ca / 4) ** 4 / (1 + (x.Ca / 4) ** 4), (x.Ca / 0.7) ** 3 / (1 + (x.Ca / 0.7) ** 3)
    weights = [1, 16 / 9, 7 / 3, 284 / 105, 25 / 9, 284 / 105, 7 / 3, 16 / 9, 1]
    on = [10 * 0.5 * calmodulin**2 * p[0], *(0.5 * calmodulin * w * p[i] for i, w in enumerate(weights, 1))]
    each = 2 * x.PP1 / (0.4 + sum(i * p[i] for i in range(11)))
    net = [on[i] - (i + 1) * each * p[i + 1] for i in range(10)]
    found = {f"P{i}": (net[i - 1] if i else 0) - (net[i] if i < 10 else 0) for i in range(11)}
    inhibit = x.I1 * x.PP1 - 0.001 * x.I1PP1
    return {**found, "Ca": 0, "PP1": -inhibit, "I1PP1": inhibit, "I1": 0.1 - calcineurin * x.I1 - inhibit}


def calcium_plasticity(x, per, u):
    """Graupner and Brunel 2012, equation 1."""
    potentiation, depression = 321.808 * (x.Ca > 1.3) * (1 - x.rho), 200 * (x.Ca > 1) * x.rho
    return {"Ca": 0, "rho": (-x.rho * (1 - x.rho) * (0.5 - x.rho) + potentiation - depression) / 150}


def calcium_plasticity_omega(x, per, u):
    """Shouval, Bear and Cooper 2002."""

    def sigmoid(z):
        return np.exp(80 * z) / (1 + np.exp(80 * z))

    omega = 0.25 + sigmoid(x.Ca - 0.55) - 0.25 * sigmoid(x.Ca - 0.35)
    return {"Ca": 0, "W": (omega - x.W) / (0.1 / (1e-5 + x.Ca**3) + 1)}


def slopes(model, names, values, per, inputs):
    """(names,) slopes per second of a model."""
    scale = 1e3 if f"{model}_ms" in globals() else 1.0
    found = globals().get(f"{model}_ms") or globals()[model]
    answer = found(SimpleNamespace(**dict(zip(names, values, strict=True))), dict(zip(names, per, strict=True)), inputs)
    return scale * np.array([answer[name] for name in names])
