"""The Epileptors of this scenario on paper: what holds in closed form, and the equations for an independent solver.

Time is in units of T, 10 ms; tracts take no time. In two dimensions

    dx/dt = 1 - x^3 - 2 x^2 - z + 3.1
    dz/dt = (4 (x - x0) - z - G sum_j W_ij (x_j - x_i)) / tau0

At rest x is the lowest root of the first; the six-dimensional model, whose other fast variables follow x, has the same one. It ends
at the knee, x = -4/3. A region seizes when z has fallen to the knee.

References: Jirsa, Stacey, Quilichini, Ivanov and Bernard (2014), Brain 137, 2210; Proix, Bartolomei, Chauvel, Bernard and Jirsa
(2014), J Neurosci 34, 15009; Krupa and Szmolyan (2001), SIAM J Math Anal 33, 286, for the passage of a fold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq
from scipy.special import ai_zeros

from engines.connectome import ConnectomeParams, build_connectome
from scenarios.tvb_data import read_connectome

Floats = NDArray[np.float64]

UNIT_MS, TAU0, CURRENT = 10.0, 2857.0, 3.1
KNEE_X = -4.0 / 3.0
KNEE_Z = 1.0 + CURRENT - KNEE_X**3 - 2.0 * KNEE_X**2  # 2.914815
CRITICAL_X0 = KNEE_X - KNEE_Z / 4.0  # 4 (x - x0) = z at the knee: -2.0620
HIGHEST_X = 2.0 / 3.0  # of a seizure in two dimensions: -x^3 - 2 x^2 + 4.1 = z at the knee is (x + 4/3)^2 (x - 2/3) = 0
ONSET = -0.5
"""x, half way between rest and a seizure: what passes it seizes."""
MODELS = {"epileptor": 3, "epileptor_2d": 2}
"""States among which rest loses its stability: x, z and, in six dimensions, y."""
FOCUS, MADE_FOCUS = ("lAMYG", "lHC", "lPHC"), ("l09", "l17", "l27")


@dataclass(frozen=True, eq=False)
class Brain:
    """Regions, rows of ``weights`` (regions, regions) the receivers; states where the scenario puts them at time 0."""

    labels: tuple[str, ...]
    weights: Floats
    focus: tuple[str, ...] = FOCUS
    resting_x0: float = -2.15

    @property
    def is_focus(self) -> NDArray[np.bool_]:
        return np.isin(self.labels, self.focus)

    @property
    def heard(self) -> Floats:
        """(regions,) sum of the weights with which a region hears those where the seizure begins; 0 for these themselves."""
        return np.where(self.is_focus, 0.0, self.weights[:, self.is_focus].sum(axis=1))

    def least_coupling(self) -> float:
        """Below it nothing is recruited, whatever the seizure does.

        At the knee z of a resting region rises unless G sum_j W_ij (x_j - x_i) > 4 (x - x0) - z = 4 (critical x0 - x0). Of what it
        hears only the focus is above the knee, by HIGHEST_X - KNEE_X = 2 at most.
        """
        margin = 4.0 * (CRITICAL_X0 - self.resting_x0)
        return float(margin / ((HIGHEST_X - KNEE_X) * self.heard.max()))

    def critical_coupling(self, until: float, tolerance: float = 1e-3) -> float:
        """The coupling at which the first region is recruited before ``until``: by bisection, in two dimensions."""
        low, high = self.least_coupling(), 8.0 * self.least_coupling()
        while high - low > tolerance * low:
            middle = (low + high) / 2.0
            is_recruited = ~np.isnan(self.onsets(middle, until, reduced=True))[~self.is_focus]
            low, high = (low, middle) if is_recruited.any() else (middle, high)
        return (low + high) / 2.0

    def onsets(self, G: float, until: float, reduced: bool = False) -> Floats:
        """(regions,) times when x first passes ONSET, by scipy's DOP853; nan where it never does."""
        count = len(self.labels)
        x0 = np.where(self.is_focus, -1.6, self.resting_x0)
        x, z = np.where(self.is_focus, -1.55, -1.7), np.where(self.is_focus, 3.1, 2.93)
        slopes = reduced_slopes if reduced else slopes_in_six
        others = () if reduced else (np.full(count, -10.0), np.full(count, -1.0), np.zeros(count), np.full(count, -150.0))
        sums = self.weights.sum(axis=1)

        def flow(_: float, state: Floats) -> Floats:
            parts = state.reshape(-1, count)
            return slopes(parts, x0, G * (self.weights @ parts[0] - sums * parts[0])).ravel()

        start = np.concatenate([x, z, *others])
        course = solve_ivp(flow, (0.0, until), start, "DOP853", rtol=1e-5, atol=1e-8, max_step=1.0)
        return crossings(course.t, course.y[:count])


def reduced_slopes(state: Floats, x0: Floats, network: Floats) -> Floats:
    """(2, regions) in two dimensions."""
    x, z = state
    return np.stack([1.0 + CURRENT - x**3 - 2.0 * x**2 - z, (4.0 * (x - x0) - z - network) / TAU0])


def slopes_in_six(state: Floats, x0: Floats, network: Floats) -> Floats:
    """(6, regions), in the order x, z, y, x2, y2, g: Jirsa et al. (2014) with the coupling of Proix et al. (2014)."""
    x, z, y, x2, y2, g = state
    f1 = np.where(x < 0, x**3 - 3.0 * x**2, (x2 - 0.6 * (z - 4.0) ** 2) * x)
    return np.stack(
        [
            y - f1 - z + CURRENT,
            (4.0 * (x - x0) - z - network) / TAU0,
            1.0 - 5.0 * x**2 - y,
            -y2 + x2 - x2**3 + 0.45 + 0.002 * g - 0.3 * (z - 3.5),
            (6.0 * np.maximum(x2 + 0.25, 0.0) - y2) / 10.0,
            x - 0.01 * g,
        ]
    )


def crossings(times: Floats, courses: Floats) -> Floats:
    """(regions,) when each row of ``courses`` (regions, times) first passes ONSET, between two times on a straight line; or nan."""
    found = np.full(len(courses), np.nan)
    for i, course in enumerate(courses):
        above = np.flatnonzero(course > ONSET)
        if len(above) and above[0] > 0:
            pair = slice(above[0] - 1, above[0] + 1)
            found[i] = np.interp(ONSET, course[pair], times[pair])
    return found


def hopf_x0(model: str) -> float:
    """Where rest loses its stability to an oscillation: past the knee, by the more the faster z is.

    Between the knee and there rest is stable, but z that falls does not stop in time.
    """

    def growth(x: float) -> float:
        if MODELS[model] == 2:
            jacobian = [[-3.0 * x**2 - 4.0 * x, -1.0], [4.0 / TAU0, -1.0 / TAU0]]
        else:
            jacobian = [[-3.0 * x**2 + 6.0 * x, -1.0, 1.0], [4.0 / TAU0, -1.0 / TAU0, 0.0], [-10.0 * x, 0.0, -1.0]]
        return float(np.linalg.eigvals(jacobian).real.max())

    x = brentq(growth, KNEE_X - 0.02, KNEE_X + 0.02)
    return float(x - (1.0 + CURRENT - x**3 - 2.0 * x**2) / 4.0)


def onset_alone(x0: float, x: float) -> float:
    """When a region alone seizes that begins at rest at x: down its slow branch to the knee, and past it.

    t = tau0 int_x^knee (-4 x - 3 x^2) / (4 (x - x0) - z(x)) dx + 2.338 (2 e)^(-1/3),   e = -dz/dt at the knee

    The second part is the delay of a fold, dx/dt = 2 (x - knee)^2 + e t, with the first zero of the Airy function.
    """

    def duration(x: float) -> float:
        return (-4.0 * x - 3.0 * x**2) / (4.0 * (x - x0) - (1.0 + CURRENT - x**3 - 2.0 * x**2))

    falling = 4.0 * (x0 - CRITICAL_X0) / TAU0
    return float(TAU0 * quad(duration, x, KNEE_X)[0] - ai_zeros(1)[0][0] * (2.0 * falling) ** (-1.0 / 3.0))


@lru_cache(maxsize=1)
def brain() -> Brain:
    """TVB's default connectome, read anew, its rows scaled to a sum of 1."""
    weights, _, labels = read_connectome("connectivity_76")
    sums = weights.sum(axis=1, keepdims=True)
    return Brain(labels, np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0))


@lru_cache(maxsize=1)
def made_brain() -> Brain:
    """The connectome of generated.yaml."""
    made = build_connectome(ConnectomeParams(generate={"regions": 60, "density": 0.15, "seed": 5}, normalise="row_sum"))
    return Brain(made.space.labels, made.dense(), focus=MADE_FOCUS)
