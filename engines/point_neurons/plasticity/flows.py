"""Kernels that lines of rules call."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engines.equations.maths import exp, log, power
from engines.point_neurons.plasticity.card import FADING_STEPS

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_LINEAR, _CUBIC = (0.1, 0.01)  # of the time constants of the two parts, a Runge-Kutta step


@_kernel
def faded(table, steps, decay):
    """exp(-steps decay), looked up where it can be: that takes half as long.

    Parameters
    ----------
    table
        As ``fading`` gives it.
    """
    if steps < FADING_STEPS * FADING_STEPS:
        whole = int(steps)
        return table[whole & (FADING_STEPS - 1)] * table[FADING_STEPS + whole // FADING_STEPS]
    return exp(-steps * decay)


def fading(decay: float) -> NDArray[np.float64]:
    """(2 * 256,) what is left after 0 to 255 steps, and after as many times 256."""
    steps = np.arange(FADING_STEPS)
    found: NDArray[np.float64] = np.exp(np.concatenate([-decay * steps, -decay * FADING_STEPS * steps]))
    return found


@_kernel
def dependence(base, exponent):
    """base^exponent, quickly where that is 1 or the base."""
    if exponent == 0.0:
        return 1.0
    return base if exponent == 1.0 else power(base, exponent)


@_kernel
def _pull(w, middle, well):
    return well * w * (1.0 - w) * (w - middle)


@_kernel
def _piece(w, elapsed, up, down, middle, well):
    """dw/dt = well w (1 - w) (w - middle) + up (1 - w) - down w, all rates constant.

    The linear part is exact; the other goes by Runge-Kutta steps of fourth order in the frame that moves with it (Lawson 1967).
    """
    rate = up + down
    goal = up / rate if rate > 0.0 else 0.0
    if well == 0.0:
        return goal + (w - goal) * exp(-rate * elapsed)
    steps = 1 + int(max(rate / _LINEAR, well / _CUBIC) * elapsed)
    h = elapsed / steps
    half = exp(-0.5 * rate * h)
    whole, y = half * half, w - goal
    for _ in range(steps):
        k1 = _pull(goal + y, middle, well)
        k2 = _pull(goal + half * (y + 0.5 * h * k1), middle, well)
        k3 = _pull(goal + half * y + 0.5 * h * k2, middle, well)
        k4 = _pull(goal + whole * y + half * h * k3, middle, well)
        y = whole * y + h * (whole * k1 + 2.0 * half * (k2 + k3) + k4) / 6.0
    return goal + y


@_kernel
def calcium_flow(w, calcium, elapsed, tau, depression, potentiation, down, up, middle, well):
    """An efficacy after ``elapsed``, while calcium decays with ``tau`` from its value at the start.

    Parameters
    ----------
    depression, potentiation
        Thresholds: ``down`` and ``up`` act while calcium is above.
    """
    for_down = min(elapsed, tau * log(calcium / depression)) if calcium > depression else 0.0
    for_up = min(elapsed, tau * log(calcium / potentiation)) if calcium > potentiation else 0.0
    first = min(for_down, for_up)
    if first > 0.0:
        w = _piece(w, first, up, down, middle, well)
    if for_down > first:
        w = _piece(w, for_down - first, 0.0, down, middle, well)
    elif for_up > first:
        w = _piece(w, for_up - first, up, 0.0, middle, well)
    rest = elapsed - max(for_down, for_up)
    if rest > 0.0 and well != 0.0:
        w = _piece(w, rest, 0.0, 0.0, middle, well)
    return w
