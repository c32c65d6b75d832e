"""Kernels that lines of rules call."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit

from engines.equations.maths import exp, log, power

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_LONGEST = 0.01  # of the fastest time constant, a Runge-Kutta step


@_kernel
def dependence(base, exponent):
    """base^exponent, quickly where that is 1 or the base."""
    if exponent == 0.0:
        return 1.0
    return base if exponent == 1.0 else power(base, exponent)


@_kernel
def _drift(w, up, down, middle, well):
    return well * w * (1.0 - w) * (w - middle) + up * (1.0 - w) - down * w


@_kernel
def _piece(w, elapsed, up, down, middle, well):
    """dw/dt = well w (1 - w) (w - middle) + up (1 - w) - down w, all rates constant."""
    rate = up + down
    if well == 0.0:
        if rate == 0.0:
            return w
        goal = up / rate
        return goal + (w - goal) * exp(-rate * elapsed)
    steps = 1 + int((rate + well) * elapsed / _LONGEST)
    h = elapsed / steps
    for _ in range(steps):
        k1 = _drift(w, up, down, middle, well)
        k2 = _drift(w + 0.5 * h * k1, up, down, middle, well)
        k3 = _drift(w + 0.5 * h * k2, up, down, middle, well)
        k4 = _drift(w + h * k3, up, down, middle, well)
        w += h * (k1 + 2.0 * (k2 + k3) + k4) / 6.0
    return w


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
