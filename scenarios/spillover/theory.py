"""What a block of tissue does to a vesicle of transmitter, and receptors under it. No engine is asked.

In tissue with the volume fraction α and the tortuosity λ the concentration in the fluid follows D* = D / λ² (Nicholson and Phillips
1981). Of N molecules at a point at time 0, taken up at the rate k,

    C(r, t) = N / (α N_A) (4 π D* t)^(-3/2) e^(-r² / 4 D* t - k t),

and all that passes by at r is ∫ C dt = N / (α N_A) e^(-r / Λ) / (4 π D* r) with Λ = sqrt(D* / k). Between absorbing walls each axis
has images of the source, of changing sign; between reflecting ones of the same sign.

References
----------
Nicholson and Phillips (1981), J Physiol 321, 225.
Jonas, Major and Sakmann (1993), J Physiol 472, 615.
Lester and Jahr (1992), J Neurosci 12, 635; rates of unbinding and closing: Destexhe, Mainen and Sejnowski (1998).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Place = Sequence[float]
Release = tuple[Place, float]
"""Where, in µm, and when, in ms."""
PER_UM3 = 602.214076
"""Molecules in a µm³ of 1 µM."""
MOLECULES, DIFFUSION, FRACTION, TORTUOSITY = 3000.0, 0.76, 0.2, 1.6
EFFECTIVE = DIFFUSION / TORTUOSITY**2
"""µm²/ms."""
SIZE = (5.0, 4.6, 3.8)
IMAGES = 6


def green(distance: float, times_ms: Floats, uptake: float = 0.0) -> Floats:
    """µM at a distance (µm) in tissue without end; times (n,) after the release, 0 before it."""
    t = np.maximum(np.asarray(times_ms, np.float64), 1e-12)
    spread = (4 * np.pi * EFFECTIVE * t) ** -1.5 * np.exp(-(distance**2) / (4 * EFFECTIVE * t) - uptake * t)
    found: Floats = np.where(np.asarray(times_ms) > 0, MOLECULES / FRACTION / PER_UM3 * spread, 0.0)
    return found


def passes_by(distance: float, uptake: float = 0.0) -> float:
    """µM ms at a distance in tissue without end, from one vesicle."""
    reach = np.sqrt(EFFECTIVE / uptake) if uptake else np.inf
    return float(MOLECULES / FRACTION / PER_UM3 * np.exp(-distance / reach) / (4 * np.pi * EFFECTIVE * distance))


@dataclass(frozen=True)
class Block:
    """A box around 0 with absorbing walls.

    Attributes
    ----------
    size
        µm, along each axis.
    uptake
        1/ms.
    """

    size: tuple[float, ...] = SIZE
    uptake: float = 0.0

    def concentration(self, place: Place, source: Place, times_ms: Floats) -> Floats:
        """(n,) µM at a place, of a vesicle at another at time 0."""
        t = np.asarray(times_ms, np.float64)
        later = t > 0
        found, t = np.zeros(len(t)), t[later]
        product = MOLECULES / FRACTION / PER_UM3 * np.exp(-self.uptake * t)
        for x, origin, size in zip(place, source, self.size, strict=True):
            product *= _between_walls(x + size / 2, origin + size / 2, size, t)
        found[later] = product
        return found

    def on_grid(self, place: Place, source: Place, times_ms: Floats, spacing: float) -> Floats:
        """(n,) µM as voxels of a width have it in steps without end: of each axis an exponential of its differences."""
        product = MOLECULES / FRACTION / PER_UM3 * np.exp(-self.uptake * np.asarray(times_ms, np.float64)) / spacing**3
        for x, origin, size in zip(place, source, self.size, strict=True):
            count = round(size / spacing)
            rates, modes = np.linalg.eigh(_differences(count) * EFFECTIVE / spacing**2)
            i, j = (int((value + size / 2) / spacing) for value in (x, origin))
            product = product * (np.exp(np.outer(times_ms, rates)) @ (modes[i] * modes[j]))
        found: Floats = product
        return found

    def train(self, place: Place, releases: Sequence[Release], times_ms: Floats) -> Floats:
        """(n,) µM at a place, of several vesicles."""
        parts = [self.concentration(place, source, times_ms - when) for source, when in releases]
        return np.sum(parts, axis=0) if parts else np.zeros(len(times_ms))


def _differences(count: int) -> Floats:
    """(count, count) of second order; a wall is half a voxel away."""
    found = np.diag(np.full(count, -2.0)) + np.diag(np.ones(count - 1), 1) + np.diag(np.ones(count - 1), -1)
    found[0, 0] = found[-1, -1] = -3.0
    return found


def _between_walls(x: float, origin: float, size: float, t: Floats) -> Floats:
    """(n,) 1/µm, in 0 < x < size, both ends absorbing."""
    turns = 2 * size * np.arange(-IMAGES, IMAGES + 1)[:, None]
    ahead, behind = (np.exp(-((x - s * origin - turns) ** 2) / (4 * EFFECTIVE * t)) for s in (1, -1))
    found: Floats = (ahead - behind).sum(axis=0) / np.sqrt(4 * np.pi * EFFECTIVE * t)
    return found


# -- receptors ---------------------------------------------------------------------------------------------------------------

Edge = tuple[str, str, float, float]


@dataclass(frozen=True)
class Scheme:
    """A receptor of one channel, begun in its first state.

    Attributes
    ----------
    binding
        (from, to, rate there /mM/ms, back /ms), in which glutamate binds.
    moving
        (from, to, there /ms, back /ms).
    """

    binding: tuple[Edge, ...]
    moving: tuple[Edge, ...]

    @property
    def states(self) -> list[str]:
        return list(dict.fromkeys(name for edge in (*self.binding, *self.moving) for name in edge[:2]))

    def matrices(self) -> tuple[Floats, Floats]:
        """(states, states): d/dt p = (still + C bound) p, C in µM, per ms."""
        names = self.states
        still, bound = np.zeros((2, len(names), len(names)))
        for edges, forward in ((self.binding, bound), (self.moving, still)):
            for start, stop, there, back in edges:
                i, j = names.index(start), names.index(stop)
                _flow(forward, i, j, there * (1e-3 if edges is self.binding else 1.0))
                _flow(still, j, i, back)
        return still, bound

    def open(self, concentrations: Floats, step_ms: float) -> Floats:
        """Part that is open, by the classical Runge-Kutta method.

        Parameters
        ----------
        concentrations
            (2 n + 1, places) µM, half a step apart.

        Returns
        -------
        NDArray
            (n, places) at the ends of steps.
        """
        still, bound = (matrix.T for matrix in self.matrices())
        now = np.zeros((concentrations.shape[1], len(still)))
        now[:, 0] = 1.0
        found, row = np.empty((len(concentrations) // 2, len(now))), self.states.index("O")
        for k in range(len(found)):
            first, middle, last = concentrations[2 * k : 2 * k + 3, :, None]
            a = now @ still + first * (now @ bound)
            b = (p := now + step_ms / 2 * a) @ still + middle * (p @ bound)
            c = (p := now + step_ms / 2 * b) @ still + middle * (p @ bound)
            d = (p := now + step_ms * c) @ still + last * (p @ bound)
            now = now + step_ms / 6 * (a + 2 * b + 2 * c + d)
            found[k] = now[:, row]
        return found


def _flow(matrix: Floats, source: int, target: int, rate: float) -> None:
    matrix[target, source] += rate
    matrix[source, source] -= rate


AMPA = Scheme(
    (("C0", "C1", 4.59, 4.26), ("C1", "C2", 28.4, 3.26), ("D1", "D2", 1.27, 0.0457)),
    (
        ("C2", "O", 4.24, 0.9),
        ("C1", "D1", 2.89, 0.0392),
        ("C2", "D2", 0.172, 0.000727),
        ("O", "D3", 0.0177, 0.004),
        ("D2", "D3", 0.0168, 0.1904),
    ),
)
NMDA = Scheme((("C0", "C1", 5.0, 0.0129), ("C1", "C2", 5.0, 0.0129)), (("C2", "D", 0.0084, 0.0068), ("C2", "O", 0.0465, 0.0738)))
