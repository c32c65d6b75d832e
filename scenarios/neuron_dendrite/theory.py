"""What the cell must do, from its description alone, and at what rate the network must fire.

The passive cable in compartments and branch points (which have no membrane), with C in nF, G in µS, V in mV, t in ms, I in nA:

    C dV/dt = -G V + G_leak E_leak + sum_k g_k (E_k - V_k) + I,     g_k' = -g_k / tau_k + w_k sum_spikes delta.

Three things are had from it, none of them with NEURON:

* the course of V for given spikes, by backward Euler, which is the scheme that NEURON has, too;
* the steady V for given rates, in which each g_k is its mean r_k w_k tau_k;
* for independent Poisson spikes, Campbell's theorem. The fluctuations of g_k have the spectrum S_k = r_k w_k² / (1/tau_k² + w²); a
  place x moves by Z_xk(w) (E_k - <V_k>) times them, Z = (i w C + G + <g>)^-1, and what the synapses do to its variance adds up. To
  the next order g_k goes with the V_k that it moves: <g_k V_k> = <g_k> <V_k> + cov, cov = (E_k - <V_k>) int Z_kk S_k dw/2pi, which
  the mean takes along.

The network's rate is the fixed point of Brunel (2000): each cell fires as one that white noise drives, whose mean and variance all
cells make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import rall_tree
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erfcx

Floats = NDArray[np.float64]


def attenuation(distance: Floats, reach: Floats) -> Floats:
    """V(X)/V(0) for a steady current into the soma: cosh(L - X) / cosh(L)."""
    return np.cosh(reach - distance) / np.cosh(reach)


@dataclass(frozen=True)
class Synapses:
    """(k,) compartment, weight in µS, time constant in ms and reversal potential in mV of each synapse."""

    row: NDArray[np.int64]
    weight: Floats
    tau: Floats
    reversal: Floats


@dataclass(frozen=True)
class Moments:
    """Of V in every compartment: mean and standard deviation (mV), and what they scatter by in a course of one second."""

    mean: Floats
    sd: Floats
    mean_error: Floats
    sd_error: Floats


class PassiveCell:
    """The cable; compartments come first, in the order of ``rall_tree.compartments``, then the branch points."""

    def __init__(self) -> None:
        found = rall_tree.compartments()
        self.count = len(found.labels)
        forks = [branch.name for branch in rall_tree.branches() if branch.ends < branch.reach - 1e-9]
        fork_row = {name: self.count + i for i, name in enumerate(forks)}
        size = self.count + len(forks)
        self.capacity, leak, axial = np.zeros(size), np.zeros(size), np.zeros((size, size))
        self._tree: list[tuple[int, int, float]] = []
        self.first_row = {branch.name: found.labels.index(f"{branch.name}.0") for branch in rall_tree.branches()}
        _membrane(self.capacity, leak, 0, np.pi * rall_tree.SOMA_UM**2)
        for branch in rall_tree.branches():
            piece, first = branch.length_um / branch.compartments, self.first_row[branch.name]
            half = 1e2 * np.pi * branch.diameter_um**2 / 4 / (rall_tree.AXIAL_OHM_CM * piece / 2)  # µS, through half a piece
            rows = range(first, first + branch.compartments)
            self._join(axial, 0 if branch.is_stem else fork_row[branch.parent], first, half)
            for row in rows:
                _membrane(self.capacity, leak, row, np.pi * branch.diameter_um * piece)
                if row > first:
                    self._join(axial, row - 1, row, half / 2)
            if branch.name in fork_row:
                self._join(axial, rows[-1], fork_row[branch.name], half)
        self.conductance = axial + np.diag(leak)
        self.rest_current = leak * rall_tree.REST_MV

    def _join(self, axial: Floats, parent: int, child: int, conductance: float) -> None:
        axial[[parent, child], [parent, child]] += conductance
        axial[[parent, child], [child, parent]] -= conductance
        self._tree.append((child, parent, conductance))

    def synapses(self, cell: Any, args: Any) -> Synapses:
        """Those of the module ``cell`` with its ``args``; the excitatory ones first."""
        exc, inh = cell.places(args)
        pieces = {branch.name: branch.compartments for branch in rall_tree.branches()}
        rows = [self.first_row[name] + min(int(x * pieces[name]), pieces[name] - 1) for name, x in (*exc, *inh)]
        counts = (len(exc), len(inh))
        columns = ((args.g_exc * 1e-3, args.g_inh * 1e-3), (args.tau_exc, args.tau_inh), (cell.E_EXC, cell.E_INH))
        return Synapses(np.array(rows), *(np.repeat(column, counts) for column in columns))

    def course(self, synapses: Synapses, counts: NDArray[np.int64], current_na: Floats, dt_ms: float) -> Floats:
        """V at the end of every step, (steps, compartments), from rest.

        ``counts`` (steps, k): spikes delivered at the end of each step, which act from the next one on. ``current_na`` (steps,)
        flows into the soma over each step.
        """
        v, g = np.full(len(self.capacity), rall_tree.REST_MV), np.zeros(len(synapses.row))
        out, keep, charge = np.empty((len(counts), self.count)), np.exp(-dt_ms / synapses.tau), self.capacity / dt_ms
        fixed = np.diag(self.conductance) + charge
        for step in range(len(counts)):
            opened = np.bincount(synapses.row, g, len(v))
            right = charge * v + self.rest_current + np.bincount(synapses.row, g * synapses.reversal, len(v))
            right[0] += current_na[step]
            v = self._solved((fixed + opened).tolist(), right.tolist())
            out[step] = v[: self.count]
            g = g * keep + counts[step] * synapses.weight
        return out

    def _solved(self, diagonal: list[float], right: list[float]) -> Floats:
        """Of the system with this diagonal: from the tips to the soma and back, which fills nothing in (Hines 1984)."""
        for child, parent, between in reversed(self._tree):
            part = between / diagonal[child]
            diagonal[parent] -= part * between
            right[parent] += part * right[child]
        right[0] /= diagonal[0]
        for child, parent, between in self._tree:
            right[child] = (right[child] + between * right[parent]) / diagonal[child]
        return np.array(right)

    def steady(self, synapses: Synapses, rates_hz: Floats, less: Floats | float = 0.0) -> Floats:
        """Mean V of every compartment and branch point where each conductance is its mean; ``less`` (k,) nA is cov(g, V)."""
        mean = rates_hz * 1e-3 * synapses.weight * synapses.tau
        size = len(self.capacity)
        current = self.rest_current + np.bincount(synapses.row, mean * synapses.reversal - less, size)
        return np.linalg.solve(self.conductance + np.diag(np.bincount(synapses.row, mean, size)), current)

    def poisson(self, synapses: Synapses, rates_hz: Floats, rows: list[int]) -> Moments:
        """Mean and standard deviation of V in the compartments ``rows``, for independent Poisson spikes.

        With the modes phi_m of the cable, which decay as e^(-lambda_m t), Z_xk = sum_m phi_xm phi_km / (i w + lambda_m), and the
        integrals over w are closed: 1/(lambda + 1/tau) for cov, and for two modes the sum of theirs over lambda_m + lambda_n.
        """
        k, rates, closing = synapses.row, rates_hz * 1e-3, 1 / synapses.tau
        lambdas, modes = self._modes(np.bincount(k, rates * synapses.weight * synapses.tau, len(self.capacity)))
        spread = rates * synapses.weight**2 * synapses.tau / 2  # (k,) µS², variance of each conductance
        closes = 1 / (lambdas[:, None] + closing)  # (modes, k)
        local = (modes[k] ** 2 * closes.T).sum(axis=1) * spread
        v = self.steady(synapses, rates_hz)
        for _ in range(3):
            drive = synapses.reversal - v[k]
            v = self.steady(synapses, rates_hz, drive * local)
        power = spread * drive**2
        through = modes[k].T * (closes * power)  # (modes, k)
        pairs = through @ modes[k]
        pairs = (pairs + pairs.T) / (lambdas[:, None] + lambdas)
        variance = np.einsum("xm,mn,xn->x", modes[rows], pairs, modes[rows])
        # by how much averages over T = 1 s of V and of its square scatter: S(0)/T, and int 2 S² df / T where V is Gaussian
        omega = np.concatenate(([0.0], 2 * np.pi * np.geomspace(1e-5, 50.0, 400)))
        z = np.einsum("xm,wm,km->wxk", modes[rows], 1 / (1j * omega[:, None] + lambdas), modes[k], optimize=True)
        noise = power * 2 * closing / (closing**2 + omega[:, None] ** 2)  # (frequencies, k)
        spectrum = (np.abs(z) ** 2 * noise[:, None, :]).sum(axis=2)  # (frequencies, rows), mV² ms
        square_error = np.sqrt(2 * np.trapezoid(spectrum**2, omega, axis=0) / np.pi / 1e3)
        return Moments(v[rows], np.sqrt(variance), np.sqrt(spectrum[0] / 1e3), square_error / (2 * np.sqrt(variance)))

    def _modes(self, opened: Floats) -> tuple[Floats, Floats]:
        """lambda (modes,) per ms and phi (compartments, modes): Z = phi (i w + lambda)^-1 phi^T; branch points have no charge."""
        full, n = self.conductance + np.diag(opened), self.count
        between = full[:n, n:]
        reduced = full[:n, :n] - between @ np.linalg.solve(full[n:, n:], between.T)
        root = np.sqrt(self.capacity[:n])
        lambdas, vectors = np.linalg.eigh(reduced / np.outer(root, root))
        return lambdas, vectors / root[:, None]


def _membrane(capacity: Floats, leak: Floats, row: int, area_um2: float) -> None:
    capacity[row] = rall_tree.MEMBRANE_UF_PER_CM2 * area_um2 * 1e-5
    leak[row] = area_um2 * 1e-2 / rall_tree.MEMBRANE_OHM_CM2


def network_hz(network: Any, args: Any, higher_mv: float = 0.0) -> float:
    """Mean rate of the module ``network`` with its ``args``, and a threshold that is ``higher_mv`` higher."""
    tau_s, outside = network.TAU_MS * 1e-3, network.outside_hz(args)
    heard, hushed = args.excitatory // 10, args.inhibitory // 10

    def surplus(rate: float) -> float:
        mean = tau_s * args.J * (outside + rate * (heard - args.g * hushed))
        spread = np.sqrt(tau_s * args.J**2 * (outside + rate * (heard + args.g**2 * hushed)))
        low, high = (network.RESET_MV - mean) / spread, (network.THRESHOLD_MV + higher_mv - mean) / spread
        passage_ms = network.TAU_MS * np.sqrt(np.pi) * quad(lambda u: erfcx(-u), low, high)[0]
        return float(1e3 / (network.REFRACTORY_MS + passage_ms) - rate)

    return float(brentq(surplus, 1e-3, 400.0))
