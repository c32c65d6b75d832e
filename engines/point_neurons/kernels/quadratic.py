"""Kernels of y' = y² + d, d held: the flow is a Möbius map, and the time to a peak is known in closed form.

A membrane with V' = a V² + b V + c is that with y = a V + b/2 and d = a c - b²/4; y and sqrt(d) are in 1/s.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

from numba import njit

from engines.equations.maths import arctan, cos, log1p, sin, sqrt, tanh


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def quick_flow(y, d, span, peak):
    """y after ``span``, or NaN where it passes the peak or where the step is too long for the shortcut.

    y(h) = (y + d T)/(1 - y T), T = tan(sqrt(d) h)/sqrt(d) = h top/bottom with x = d h² of either sign: the sixth convergent of
    Lambert's continued fraction, whose error, x^6/1.4e9, is below a last bit for |x| <= 0.1.
    """
    x = d * span * span
    top = (10395.0 + x * (21.0 * x - 1260.0)) * span
    bottom = 10395.0 + x * (x * (210.0 - x) - 4725.0)
    above, below = y * bottom + d * top, bottom - y * top
    return above / below if (abs(x) <= 0.1) & (below > 0.0) & (above < peak * below) else math.nan


@njit(cache=True, nogil=True, error_model="numpy")
def time_to_peak(y, d, peak):
    """When y goes through ``peak``; differences of arcus functions by their addition theorems."""
    if d > 0.0:
        q = sqrt(d)
        return _angle(q * (peak - y), d + peak * y) / q
    q = sqrt(-d)
    if y <= q:
        return math.inf
    if q == 0.0:
        return (peak - y) / (peak * y)
    distance = q * (peak - y) / (peak * y - q * q)
    return 0.5 * (log1p(distance) - log1p(-distance)) / q if distance < 1.0 else math.inf


@njit(cache=True, nogil=True, error_model="numpy")
def _angle(up, right):
    """From the axis to the point (right, up), for one with up >= 0: from 0 to pi."""
    if right > 0.0:
        return arctan(up / right)
    return 0.5 * math.pi - arctan(right / up) if up > 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def flow(y, d, span):
    """y after ``span`` when it stays below the peak."""
    if d > 0.0:
        q = sqrt(d)
        c, s = cos(q * span), sin(q * span)
        return (y * c + q * s) / (c - y * s / q)
    if d < 0.0:
        q = sqrt(-d)
        t = tanh(q * span)
        return (y - q * t) / (1.0 - y * t / q)
    return y / (1.0 - y * span)
