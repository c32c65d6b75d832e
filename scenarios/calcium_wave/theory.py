"""Waves along a dendrite by other means than the engine's: closed forms, and SciPy on the equations as the papers print them.

A front of du/dt = D u'' + k u (1 - u) (u - a) runs at sqrt(D k / 2) (1 - 2 a) into u = 0. Where the cross-section of what lies
ahead is R times that behind, it can stand still there: in both parts D u'² / 2 is an integral of the rate, and D u' times the
cross-section is the same on both sides, so that

    R² = 1 - F(1) / F(u),   F(u) = ∫ k v (1 - v) (v - a) dv from 0 to u

has a solution u, the value at the step, where R is at least that of u = a, F being least there:

    R_stop = sqrt(1 + (1 - 2 a) / (a³ (2 - a))).

Below it every front passes, above it none does.

A buffer that binds and lets go fast, with the same capacity κ = [bound] / [free] everywhere, makes calcium spread with
(D + κ D_B) / (1 + κ) (Wagner and Keizer 1994).

References
----------
Li and Rinzel (1994), J Theor Biol 166, 461.
Wagner and Keizer (1994), Biophys J 67, 447.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.sparse import bmat, csr_array, identity

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
FARADAY_PER_UM3 = 1.602176634e-19 * 602.214076
"""C per elementary charge in each of the molecules that are 1 µM in 1 µm³."""


# -- fronts -----------------------------------------------------------------------------------------------------------------


def front_speed(diffusion: float, rate: float, threshold: float) -> float:
    """Of the cubic front, in the unit of length of the diffusion coefficient per unit of time."""
    return float(np.sqrt(diffusion * rate / 2) * (1 - 2 * threshold))


def stopping_ratio(threshold: float) -> float:
    """Cross-section ahead over that behind at which the cubic front stops."""
    a = threshold
    return float(np.sqrt(1 + (1 - 2 * a) / (a**3 * (2 - a))))


def standing(threshold: float, ratio: float) -> float:
    """Value at the step of cross-section of the front that stands there, of the two the lower one, which is stable."""
    a = threshold

    def integral(u: float) -> float:
        return -(u**4) / 4 + (1 + a) * u**3 / 3 - a * u**2 / 2

    return float(brentq(lambda u: integral(u) - integral(1.0) / (1 - ratio**2), 0.0, a, xtol=1e-14))


def buffered(diffusion: float, of_buffer: float, capacity: float) -> float:
    """Diffusion coefficient of what is free, with a fast buffer."""
    return (diffusion + capacity * of_buffer) / (1 + capacity)


# -- Li and Rinzel ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Store:
    """The model, in µM and s; amounts in the store are per volume of the cytosol."""

    ip3: float
    c_1: float = 0.185
    v_1: float = 6.0
    v_2: float = 0.11
    v_3: float = 0.9
    k_3: float = 0.1
    d_1: float = 0.13
    d_2: float = 1.049
    d_3: float = 0.9434
    d_5: float = 0.08234
    a_2: float = 0.2
    all: float = 2.0

    def flux(self, calcium: Floats, stored: Floats, h: Floats) -> Floats:
        """(n,) µM/s out of the store."""
        gate = self.ip3 / (self.ip3 + self.d_1) * calcium / (calcium + self.d_5) * h
        through = (self.v_1 * gate**3 + self.v_2) * (stored - self.c_1 * calcium)
        found: Floats = through - self.v_3 * calcium**2 / (self.k_3**2 + calcium**2)
        return found

    def opening(self, calcium: Floats, h: Floats) -> Floats:
        """(n,) 1/s, what h gains."""
        q = self.d_2 * (self.ip3 + self.d_1) / (self.ip3 + self.d_3)
        found: Floats = self.a_2 * (q * (1 - h) - calcium * h)
        return found

    def rest(self) -> tuple[float, float, float]:
        """Calcium, calcium in the store and h where nothing changes; the lowest calcium of it."""
        q = self.d_2 * (self.ip3 + self.d_1) / (self.ip3 + self.d_3)

        def gain(calcium: float) -> float:
            of = [np.array([value]) for value in (calcium, self.all - calcium, q / (q + calcium))]
            return float(self.flux(*of)[0])

        grid = np.geomspace(1e-4, 1.0, 400)
        change = np.flatnonzero(np.diff(np.sign([gain(value) for value in grid])))[0]
        calcium = float(brentq(gain, grid[change], grid[change + 1], xtol=1e-15))
        return calcium, self.all - calcium, q / (q + calcium)

    def cycle(self, until_s: float = 400.0) -> tuple[float, float, float]:
        """Period (s; NaN where it does not oscillate), lowest and highest calcium, well mixed, once it has settled."""
        _, _, h = self.rest()

        def slopes(_: float, y: Floats) -> Floats:
            calcium, gate = y[:1], y[1:]
            return np.concatenate([self.flux(calcium, self.all - calcium, gate), self.opening(calcium, gate)])

        def up(_: float, y: Floats) -> float:
            return float(y[0] - 0.2)

        up.direction = 1.0  # type: ignore[attr-defined]
        found = solve_ivp(slopes, (0, until_s), [0.3, h], method="LSODA", rtol=1e-10, atol=1e-12, max_step=0.05, events=up)
        late = found.y[0, found.t > until_s / 2]
        times = found.t_events[0][found.t_events[0] > until_s / 2]
        return float(np.diff(times).mean()) if len(times) > 2 else np.nan, float(late.min()), float(late.max())


# -- a tree, by the method of lines -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Branch:
    """A tapering piece of cable: length and diameters at both ends in µm, and the branch at whose end it begins."""

    length: float
    diameters: tuple[float, float]
    parent: str | None = None


class Tree:
    """Branches cut into equal pieces of some length; a meeting point has no volume, what comes in goes out.

    Attributes
    ----------
    volumes
        (n,) µm³.
    links
        (n, n) µm³/s per µm²/s of diffusion coefficient: rows sum to 0.
    branch, at
        (n,) names; µm from the start of the branch to the middle of the piece.
    """

    def __init__(self, branches: Mapping[str, Branch], piece: float) -> None:
        self.branches, parts = branches, [self._cut(name, branch, piece) for name, branch in branches.items()]
        self.branch = np.concatenate([np.full(len(part[0]), name) for part, name in zip(parts, branches, strict=True)])
        self.at, self.volumes = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        first = np.concatenate([[0], np.cumsum([len(part[0]) for part in parts])[:-1]])
        ends = {name: (begin, len(part[0]), part[2]) for name, begin, part in zip(branches, first, parts, strict=True)}
        rows: list[tuple[int, int, float]] = []
        for begin, count, halves in ends.values():
            rows += [(begin + k, begin + k + 1, 1 / (halves[k, 1] + halves[k + 1, 0])) for k in range(count - 1)]
        for name, (begin, count, halves) in ends.items():
            meeting = [(begin + count - 1, 1 / halves[-1, 1])]
            meeting += [(ends[child][0], 1 / ends[child][2][0, 0]) for child, branch in branches.items() if branch.parent == name]
            whole = sum(open_ for _, open_ in meeting)
            rows += [(i, j, a * b / whole) for k, (i, a) in enumerate(meeting) for j, b in meeting[k + 1 :]]
        i, j, value = (np.array(column) for column in zip(*rows, strict=True))
        count = len(self.volumes)
        links = csr_array((np.concatenate([value, value]), (np.concatenate([i, j]), np.concatenate([j, i]))), (count, count))
        self.links = csr_array(links - csr_array((links.sum(axis=1), (np.arange(count), np.arange(count))), (count, count)))

    @staticmethod
    def _cut(name: str, branch: Branch, piece: float) -> tuple[Floats, Floats, Floats]:
        """Middles and volumes (n,), and resistances from the middle to both ends (n, 2), 1/µm, of frusta."""
        count = round(branch.length / piece)
        edges = np.linspace(0.0, branch.length, 2 * count + 1)
        wide = np.interp(edges, [0, branch.length], branch.diameters)
        a, b, long = wide[:-1], wide[1:], np.diff(edges)
        volume = np.pi / 12 * long * (a * a + a * b + b * b)
        return edges[1::2], volume.reshape(-1, 2).sum(axis=1), (4 * long / (np.pi * a * b)).reshape(-1, 2)


@dataclass(frozen=True)
class Dye:
    """A mobile buffer, µM and s."""

    total: float
    k_on: float
    k_off: float
    diffusion: float

    def bound(self, calcium: float) -> float:
        """µM in equilibrium."""
        return self.total * calcium / (calcium + self.k_off / self.k_on)


@dataclass(frozen=True)
class Pulse:
    """What comes in from outside for a while: (n,) µM/s."""

    start_s: float
    stop_s: float
    rates: Floats


def wave(tree: Tree, store: Store, diffusion: float, dye: Dye, pulse: Pulse, times_s: Floats, rtol: float = 1e-6) -> Floats:
    """Calcium (times, n) in µM from rest on, of a diffusion coefficient in µm²/s; the last of the times is the end."""
    n = len(tree.volumes)
    spread = csr_array(tree.links / tree.volumes[:, None])
    calcium, stored, h = store.rest()
    start = np.repeat([calcium, stored, h, dye.total - dye.bound(calcium), dye.bound(calcium)], n)

    def slopes(entry: Floats, y: Floats) -> Floats:
        c, s, g, free, bound = y.reshape(5, n)
        out, binding = store.flux(c, s, g), dye.k_on * c * free - dye.k_off * bound
        of_calcium = diffusion * (spread @ c) + out - binding + entry
        of_dye = dye.diffusion * (spread @ free) - binding, dye.diffusion * (spread @ bound) + binding
        return np.concatenate([of_calcium, -out, store.opening(c, g), *of_dye])

    own, one = abs(spread) + identity(n), identity(n)
    rows = [own, one, one, one, one], [one, one, one, None, None], [one, None, one, None, None]
    pattern = bmat([*rows, [one, None, None, own, one], [one, None, None, one, own]])
    found, silence = np.empty((len(times_s), n)), np.zeros(n)
    end = float(times_s[-1])
    edges = [0.0, min(pulse.start_s, end), min(pulse.stop_s, end), end]
    for begin, stop, entry in zip(edges[:-1], edges[1:], (silence, pulse.rates, silence), strict=True):
        if begin == stop:
            continue
        chosen = (times_s > begin) & (times_s <= stop)
        solved = solve_ivp(
            lambda _, y, entry=entry: slopes(entry, y),
            (begin, stop),
            start,
            method="BDF",
            t_eval=np.unique(np.append(times_s[chosen], stop)),
            rtol=rtol,
            atol=1e-9,
            jac_sparsity=pattern,
        )
        found[chosen], start = solved.y[:n, : chosen.sum()].T, solved.y[:, -1]
    return found
