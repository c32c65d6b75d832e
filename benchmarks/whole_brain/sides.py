"""What is run, and on which side: a case is a model with its numbers, a side a simulator that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.connectome import Connectome, ConnectomeParams, build_connectome

Floats = NDArray[np.float64]
DT_MS = 0.1
SPEED = 4.0
"""mm/ms; a power of two, so that length = delay * speed is exact."""


@dataclass(frozen=True, eq=False)
class Case:
    """One brain.

    Attributes
    ----------
    parameters, initial
        Of our model file, in its units; initial states are (regions,), constant before time 0.
    scales
        Factor of each state that makes it the others' number: they count rates in 1/ms.
    given
        Further parameters of our engine.
    """

    model: str
    connectome: Mapping[str, Any]
    strength: float
    parameters: Mapping[str, float]
    initial: Mapping[str, Floats]
    scales: tuple[float, ...]
    steps: int
    integrator: str = "heun"
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def connections(self) -> Connectome:
        return build_connectome(ConnectomeParams(**self.connectome))

    @property
    def states(self) -> Floats:
        """(states, regions) at time 0, in the others' numbers."""
        return np.array([scale * values for scale, values in zip(self.scales, self.initial.values(), strict=True)])


class Side(Protocol):
    """A simulator with a case.

    Attributes
    ----------
    version
        Name and number.
    every
        It tells every so many-th step.
    tolerance
        By how much, as a share of the largest value, its states may differ from ours, for a reason that it gives.
    """

    version: str
    every: int
    tolerance: float

    def run(self) -> tuple[float, Floats]:
        """Seconds, and (steps, states, regions) from time 0 on: the same in every call."""


def case_of(name: str, quick: bool) -> Case:
    """The case of a name of ``RACES``."""
    steps = 2000 if quick else 10_000
    tvb76 = {"tvb": "connectivity_76", "speed": SPEED, "zero_diagonal": False}
    match name:
        case "mpr_76":
            return _montbrio(tvb76, 76, 0.002, steps)
        case "mpr_998":
            drawn = {"generate": {"regions": 998, "seed": 1, "density": 35_730 / (998 * 997)}, "speed": SPEED}
            return _montbrio(drawn, 998, 0.3, steps // 10)
        case "mpr_76_no_delays":
            # noise too weak to change a result, so that results can be compared; numbers are drawn on both sides
            given = {"parameters": {"sigma_r": 1e-30, "sigma_v": 1e-30}}
            weights = {"tvb": "connectivity_76", "zero_diagonal": False, "speed": 1e9}
            return _montbrio(weights, 76, 0.002, steps, short_delays="round", **given)
        case "mpr_76_by_8":
            return _montbrio(tvb76, 76, 0.002, steps, replicas=8, sweep={"G": [0.002 * (1 + k / 8) for k in range(8)]})
        case "oscillator_76":
            rng = np.random.default_rng(2)
            initial = {"V": rng.uniform(-1.0, 1.0, 76), "W": rng.uniform(-1.0, 1.0, 76)}
            return Case("generic_2d_oscillator", tvb76, 0.005, {"a": 1.0}, initial, (1.0, 1.0), steps)
    rng, scaled = np.random.default_rng(3), {"tvb": "connectivity_76", "speed": SPEED, "normalise": "max"}
    if name == "hopf_76":
        initial = {"x": rng.uniform(-0.5, 0.5, 76), "y": rng.uniform(-0.5, 0.5, 76)}
        parameters = {"T": 1e-3, "a": 0.25, "f": 1e3 * 0.2 / (2 * np.pi)}
        given = {"couplings": {"network_x": {}}}
        return Case("stuart_landau", scaled, 0.02, parameters, initial, (1.0, 1.0), steps, "euler", given)
    assert name == "wilson_cowan_76", name
    initial = {"E": rng.uniform(0.0, 0.5, 76), "I": rng.uniform(0.0, 0.5, 76)}
    parameters = {"tau_E": 2.5, "tau_I": 3.75, "a_E": 1.5, "a_I": 1.5, "theta_E": 3.0, "theta_I": 3.0, "P": 0.7, "shift": 0.0}
    return Case("wilson_cowan", scaled, 0.1, parameters, initial, (1.0, 1.0), steps, "euler")


def _montbrio(connectome: Mapping[str, Any], regions: int, strength: float, steps: int, **given: Any) -> Case:
    """Regions that start on both sides of the middle fixed point, so that some rest and some ring."""
    rng = np.random.default_rng(1)
    initial = {"r": rng.uniform(0.0, 150.0, regions), "v": rng.uniform(-2.0, 1.5, regions)}
    parameters = {"tau": 10.0, "eta": -4.6, "J": 14.5, "delta": 0.7, **given.pop("parameters", {})}
    return Case("montbrio_pazo_roxin", connectome, strength, parameters, initial, (1e-3, 1.0), steps, given=given)
