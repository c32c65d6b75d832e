"""How long a cell takes to answer a spike, and how long one runs round the ring, without any simulator and without steps.

The cell is a tree of compartments whose nodes are their middles, with C in nF, conductances in µS, V in mV, t in ms:

    C dV/dt = -G V + G_leak E_leak - I_HH(V, m, h, n) + g (E - V),   dg/dt = -g / tau,   dx/dt = alpha (1 - x) - beta x.

Where branches meet there is no membrane, and what flows in flows out: such nodes are eliminated. What is left is an ordinary
differential equation of 155 numbers, which SciPy solves to any accuracy. From the jump of g to the time at which the soma comes up
through the threshold is the latency L. A ring of N cells with delays D has the period N (D + L), if it is so long that cells are at
rest again.

References
----------
Hodgkin and Huxley (1952), J Physiol 117, 500; 60 mV below the potentials of the paper, as NEURON has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.special import exprel

Floats = NDArray[np.float64]
G_NA, G_K, G_LEAK = 0.12, 0.036, 0.0003
"""S/cm²."""
E_NA, E_K, E_LEAK = 50.0, -77.0, -54.3
"""mV."""


class Cell:
    """Compartments of a soma with Hodgkin-Huxley channels, the first of all sections, and of passive branches.

    Parameters
    ----------
    sections, counts
        As of a ``Morphology``, and how many compartments each is cut into.
    resistivity, capacitance
        ohm cm, µF/cm².
    leak, rest
        Of the branches: S/cm², mV.
    """

    def __init__(
        self, sections: Sequence[Any], counts: Sequence[int], resistivity: float, capacitance: float, leak: float, rest: float
    ) -> None:
        first = np.concatenate([[0], np.cumsum(counts)])
        size, junctions = int(first[-1]), dict[int, int]()
        pairs: list[tuple[int, int, float]] = []
        self.area = np.empty(size)
        for k, section in enumerate(sections):
            length, diameter = section.length / counts[k], float(section.diameters[0])
            nodes = np.arange(first[k], first[k + 1])
            self.area[nodes] = np.pi * diameter * length * 1e-8  # cm²
            half = 1e2 * np.pi * diameter**2 / 4 / (resistivity * length / 2)  # µS, through half a compartment
            pairs += [(int(i), int(i) + 1, half / 2) for i in nodes[:-1]]
            end = junctions.setdefault(k, size + len(junctions))  # the far end of a section is a node of its own
            pairs.append((int(nodes[-1]), end, half))
            if section.parent >= 0:
                assert section.parent_at == 1.0
                pairs.append((junctions[section.parent], int(nodes[0]), half))
        whole = np.zeros((size + len(junctions),) * 2)
        for a, b, g in pairs:
            whole[[a, b], [a, b]] += g
            whole[[a, b], [b, a]] -= g
        within, across, outer = whole[:size, :size], whole[:size, size:], whole[size:, size:]
        self.axial = within - across @ np.linalg.solve(outer, across.T)
        self.leak, self.rest = leak * self.area * 1e6, rest  # µS
        self.leak[0] = 0.0
        self.capacity = capacitance * self.area * 1e3  # nF
        self.first = first

    def latency_ms(
        self, place: int, weight: float, tau: float, reversal: float, threshold: float, at_rest_ms: float = 0.0
    ) -> float:
        """From a jump of ``weight`` µS in a compartment to the spike, ``at_rest_ms`` after all V and gates were those of -65 mV."""
        size, state = len(self.area), np.concatenate([np.full(len(self.area), -65.0), _gates(-65.0)[0], [0.0]])
        jacobian = np.diag(np.full(size + 4, True))
        jacobian |= np.pad(np.abs(self.axial) > 0, (0, 4))
        jacobian[0, size : size + 3] = jacobian[size : size + 3, 0] = jacobian[place, -1] = True

        def slope(_: float, y: Floats) -> Floats:
            v, gates, g = y[:size], y[size : size + 3], y[-1]
            current = -self.axial @ v - self.leak * (v - self.rest)
            current[0] -= self.area[0] * 1e6 * _ionic(v[0], gates)
            current[place] += g * (reversal - v[place])
            steady, rate = _gates(v[0])
            return np.concatenate([current / self.capacity, rate * (steady - gates), [-g / tau]])

        def crosses(_: float, y: Floats) -> float:
            return float(y[0] - threshold)

        crosses.terminal, crosses.direction = True, 1.0  # type: ignore[attr-defined]
        if at_rest_ms:
            state = solve_ivp(slope, (0.0, at_rest_ms), state, "Radau", rtol=1e-8, atol=1e-9, jac_sparsity=jacobian).y[:, -1]
        state[-1] = weight
        found = solve_ivp(slope, (0.0, 50.0), state, "Radau", rtol=1e-8, atol=1e-9, events=crosses, jac_sparsity=jacobian)
        return float(found.t_events[0][0])


def _gates(v: float) -> tuple[Floats, Floats]:
    """Steady values and rates (1/ms) of m, h, n at 6.3 °C."""
    alpha = np.array([1 / exprel(-(v + 40) / 10), 0.07 * np.exp(-(v + 65) / 20), 0.1 / exprel(-(v + 55) / 10)])
    beta = np.array([4 * np.exp(-(v + 65) / 18), 1 / (np.exp(-(v + 35) / 10) + 1), 0.125 * np.exp(-(v + 65) / 80)])
    return alpha / (alpha + beta), alpha + beta


def _ionic(v: float, gates: Floats) -> float:
    """mA/cm², outwards."""
    m, h, n = gates
    return float(G_NA * m**3 * h * (v - E_NA) + G_K * n**4 * (v - E_K) + G_LEAK * (v - E_LEAK))
