"""What the four scales must do, without any engine: diffusion in a flat cleft, receptors, a cable in a field.

Transmitter spreads in a cleft of height h as on a plane, until it feels the rim:

    c(r, t) = n / (4 pi D h t) e^(-r² / 4 D t).

Behind the rim is nothing and the rim lets pass P c; with uptake k what is left falls, after some R²/D, as e^(-t/tau),

    1/tau = D a² / R² + k,   a J1(a) = (P R / D) J0(a),   a the least.

A sealed cable obeys tau_m dv/dt = lambda² (v + phi)'' - v, nothing flowing through its ends. For a field E that is there for ever

    v(x) = E lambda sinh(x / lambda) / cosh(L / 2 lambda), at the ends E lambda tanh(L / 2 lambda),

and for any potential phi outside, with its cosines phi_n over the cable and q_n = n pi lambda / L,

    tau_m dv_n/dt = -(1 + q_n²) v_n - q_n² phi_n.

References
----------
Barbour and Häusser (1997), Trends Neurosci 20, 377. Carslaw and Jaeger (1959), Conduction of Heat in Solids, chapter 7. Jonas,
Major and Sakmann (1993), J Physiol 472, 615. Lester and Jahr (1992), J Neurosci 12, 635. Tranchina and Nicholson (1986), Biophys J
50, 1139.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import j0, j1, jn_zeros

Floats = NDArray[np.float64]
MOLECULES_PER_MM_UM3 = 602214.076
"""1 mM in 1 µm³."""

# -- the cleft -----------------------------------------------------------------------------------------------------------------


def spread_mm(r_um: Floats, t_ms: float, molecules: float, diffusion: float, height_um: float) -> Floats:
    """(n,) mM at distances r from where molecules appeared t ago; diffusion in µm²/ms."""
    per_um3 = molecules / (4 * np.pi * diffusion * height_um * t_ms) * np.exp(-(r_um**2) / (4 * diffusion * t_ms))
    found: Floats = per_um3 / MOLECULES_PER_MM_UM3
    return found


def clearance_ms(diffusion: float, radius_um: float, permeability: float, uptake: float) -> float:
    """Time constant of the slowest course of what is in a disc; an infinite permeability: the rim absorbs."""
    ratio, highest = permeability * radius_um / diffusion, jn_zeros(0, 1)[0]
    a = highest if np.isinf(ratio) else brentq(lambda a: a * j1(a) - ratio * j0(a), 1e-9, highest, xtol=1e-14)
    return float(1.0 / (diffusion * (a / radius_um) ** 2 + uptake))


# -- receptors -----------------------------------------------------------------------------------------------------------------

AMPA = {  # rates from state to state, 1/ms, and how many mM they are multiplied by
    ("C0", "C1"): (4.59, 1), ("C1", "C0"): (4.26, 0), ("C1", "C2"): (28.4, 1), ("C2", "C1"): (3.26, 0),
    ("C2", "O"): (4.24, 0), ("O", "C2"): (0.9, 0), ("C1", "D1"): (2.89, 0), ("D1", "C1"): (0.0392, 0),
    ("C2", "D2"): (0.172, 0), ("D2", "C2"): (0.000727, 0), ("O", "D3"): (0.0177, 0), ("D3", "O"): (0.004, 0),
    ("D1", "D2"): (1.27, 1), ("D2", "D1"): (0.0457, 0), ("D2", "D3"): (0.0168, 0), ("D3", "D2"): (0.1904, 0),
}  # fmt: skip
"""Jonas et al. (1993)."""
NMDA = {
    ("C0", "C1"): (5.0, 1), ("C1", "C0"): (0.0129, 0), ("C1", "C2"): (5.0, 1), ("C2", "C1"): (0.0129, 0),
    ("C2", "D"): (0.0084, 0), ("D", "C2"): (0.0068, 0), ("C2", "O"): (0.0465, 0), ("O", "C2"): (0.0738, 0),
}  # fmt: skip
"""Lester and Jahr (1992)."""
Scheme = dict[tuple[str, str], tuple[float, int]]


class Receptor:
    """The probabilities of the states of one receptor: dy/dt = (A + c B) y, all in C0 at first."""

    def __init__(self, scheme: Scheme) -> None:
        self.states = sorted({state for pair in scheme for state in pair})
        self.alone, self.bound = np.zeros((2, len(self.states), len(self.states)))
        for (start, stop), (rate, order) in scheme.items():
            matrix = (self.alone, self.bound)[order]
            matrix[self.states.index(stop), self.states.index(start)] += rate
            matrix[self.states.index(start), self.states.index(start)] -= rate
        self.start = np.array([state == "C0" for state in self.states], float)
        self.is_open = self.states.index("O")

    def open_under(self, concentration: Floats, dt_ms: float) -> Floats:
        """(rows, places) open at the end of each row, of concentrations (rows, places) in mM held over a row: exact for these."""
        matrices = exponential(dt_ms * (self.alone + concentration[:, :, None, None] * self.bound))
        y, found = np.tile(self.start, (concentration.shape[1], 1)), np.empty(concentration.shape)
        for row, moved in enumerate(matrices):
            y = np.einsum("pij,pj->pi", moved, y)
            found[row] = y[:, self.is_open]
        return found


def exponential(matrices: Floats) -> Floats:
    """(…, n, n) e^M, all at once: Taylor's series of M / 2^s, its sums of columns below 1/2 in size, squared s times."""
    largest = float(np.abs(matrices).sum(axis=-2).max())
    halved = max(0, int(np.ceil(np.log2(max(largest, 1e-300)))) + 1)
    found = term = np.broadcast_to(np.eye(matrices.shape[-1]), matrices.shape)
    for order in range(1, 13):
        term = term @ matrices / (order * 2**halved)
        found = found + term
    for _ in range(halved):
        found = found @ found
    return found


def well_mixed(molecules: float, volume_um3: float, loss: float, counts: dict[str, float], times_ms: Floats) -> dict[str, Floats]:
    """Open fractions of ``ampa`` and ``nmda``, and free transmitter in mM, all in one volume: Radau's method of order 5.

    What receptors bind is missing in the volume: of each receptor a step C0 > C1, C1 > C2 or D1 > D2 takes one molecule.
    """
    receptors = {"ampa": Receptor(AMPA), "nmda": Receptor(NMDA)}
    parts, at = {}, 1
    for name, receptor in receptors.items():
        parts[name] = slice(at, at + len(receptor.states))
        at += len(receptor.states)
    bound = {name: np.array([_bound(state) for state in receptor.states]) for name, receptor in receptors.items()}

    def slope(_: float, y: Floats) -> Floats:
        c, out = y[0], np.empty(len(y))
        taken = 0.0
        for name, receptor in receptors.items():
            out[parts[name]] = (receptor.alone + c * receptor.bound) @ y[parts[name]]
            taken += counts[name] * float(bound[name] @ out[parts[name]])
        out[0] = -loss * c - taken / (volume_um3 * MOLECULES_PER_MM_UM3)
        return out

    start = np.concatenate(
        [[molecules / (volume_um3 * MOLECULES_PER_MM_UM3)], *(receptor.start for receptor in receptors.values())]
    )
    span = (0.0, float(times_ms[-1]))
    y = solve_ivp(slope, span, start, "Radau", t_eval=times_ms, rtol=1e-9, atol=1e-12).y
    return {"free": y[0], **{name: y[parts[name]][receptor.is_open] for name, receptor in receptors.items()}}


def _bound(state: str) -> int:
    """Molecules of transmitter that a state of either scheme has bound."""
    return {"C0": 0, "C1": 1, "D1": 1}.get(state, 2)


# -- a cable in a field --------------------------------------------------------------------------------------------------------


def length_constant_um(diameter_um: float, resistivity: float, leak: float) -> float:
    """sqrt(d / (4 R_a g)), resistivity in ohm cm, leak in S/cm²."""
    return float(1e4 * np.sqrt(diameter_um * 1e-4 / (4 * resistivity * leak)))


def polarised_ends(field: float, length: float, constant: float) -> float:
    """Of a sealed cable along a field that is the same everywhere: E lambda tanh(L / 2 lambda)."""
    return float(field * constant * np.tanh(length / (2 * constant)))


def polarised(outside: Floats, dt_ms: float, length_um: float, constant_um: float, tau_ms: float) -> Floats:
    """(rows, pieces) of a sealed cable of equal pieces, of potentials outside (rows, pieces) that hold over their rows.

    Each cosine along the cable by itself, exact for what holds over a row; from rest.
    """
    count = outside.shape[1]
    waves = (np.arange(count) * np.pi * constant_um / length_um) ** 2
    phi = dct(outside, axis=1, norm="ortho")
    keep = np.exp(-(1 + waves) * dt_ms / tau_ms)
    v, found = np.zeros(count), np.empty(outside.shape)
    for row, now in enumerate(phi):
        v = keep * v - (1 - keep) * waves / (1 + waves) * now
        found[row] = v
    back: Floats = idct(found, axis=1, norm="ortho")
    return back
