"""The brain of this scenario on paper: 75 mean fields whose rates are solved for, and rV2, whose rate is told.

Connectome and equations are those of population_swap: tau r_i = population_rate(I_i), see ``scenarios/mean_field.py``. Where rV2
fires at r, the others stand at their fixed point with r held, and rV2 hears inflow(r) = G sum_j W_j r_j. Cells that answer with the
rate f(inflow) therefore stand, together with the brain, at r = f(inflow(r)).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside
from scenarios.mean_field import population_rate

SWAP = Path(__file__).parents[1] / "population_swap" / "scenario.yaml"
brain, stimulus = (load_beside(SWAP, "theory.py", name) for name in ("brain", "stimulus"))

Floats = NDArray[np.float64]
POOLED = 5
"""Fibres for which a synapse of the column stands."""


def rates_hz(column_hz: Floats | float, current: Floats | float = 0.0) -> Floats:
    """(regions,) the fixed point of the other 75 with rV2 held at its rate: one for all, or (regions,) as each hears it."""
    from scipy.optimize import root

    whole, _ = brain()
    column = whole.swapped
    heard = np.broadcast_to(np.asarray(column_hz, np.float64), len(whole.weights))

    def residual(rates: Floats) -> Floats:
        drive = whole.drive(rates, current) + whole.G * whole.tau_s * whole.weights[:, column] * (heard - rates[column])
        found = population_rate(drive, whole.delta) / whole.tau_s
        found[column] = heard[column]
        return np.asarray(found - rates)

    found = root(residual, np.full(len(whole.weights), whole.guess_hz), tol=1e-13)
    assert np.abs(residual(found.x)).max() < 1e-9, "no fixed point was found"
    return np.asarray(found.x)


def inflow_hz(column_hz: float, current: Floats | float = 0.0) -> float:
    """What rV2 hears from the others."""
    whole, _ = brain()
    return float(whole.G * whole.weights[whole.swapped] @ rates_hz(column_hz, current))


def fibre_hz(inflow: float) -> float:
    """Rate of the Poisson train at a synapse: ``POOLED`` fibres, each from a region that is taken with probability W_j."""
    whole, _ = brain()
    return float(POOLED * inflow / (whole.G * whole.weights[whole.swapped].sum()))


def working_point(answer: Callable[[float], float], current: Floats | float = 0.0) -> tuple[float, float]:
    """(rate, inflow) in Hz where the cells' answer meets the brain: r = answer(inflow(r))."""
    from scipy.optimize import brentq

    rate = float(brentq(lambda rate: answer(inflow_hz(rate, current)) - rate, 5.0, 60.0, xtol=1e-9))
    return rate, inflow_hz(rate, current)


def first_heard_ms(spoken_ms: float, delays_ms: Floats, dt_ms: float) -> tuple[Floats, float]:
    """When each region's rate can first differ, (regions,), and when rV2 can first hear of it, if rV2's differs at ``spoken_ms``.

    A step that begins at s hears r_j(s - tract) and ends at s + dt: every tract on the way costs its delay and a step.
    """
    whole, _ = brain()
    joined = whole.weights != 0
    at = np.full(len(whole.weights), np.inf)
    at[whole.swapped] = spoken_ms
    others = np.arange(len(at)) != whole.swapped
    for _ in at:  # Bellman and Ford
        through = np.where(joined, at[None, :] + delays_ms + dt_ms, np.inf).min(axis=1)
        at[others] = np.minimum(at, through)[others]
    return at, float(np.where(joined, at[None, :] + delays_ms + dt_ms, np.inf)[whole.swapped, others].min())
