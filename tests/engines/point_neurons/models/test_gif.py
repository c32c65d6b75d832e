"""Generalised integrate-and-fire neurons: states in closed form, hazards as chances, statistics as renewal theory has them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest

from tests.engines.point_neurons.running import Run, changes, run

STILL = {"E_L": -55.0, "V_reset": -55.0, "V_T_star": -53.0, "Delta_V": 2.0, "lambda_0": 60.0, "t_ref": 3.0}
"""V stays where it is reset to, so the hazard is 60/e Hz whenever a neuron is not refractory."""
RISING = {"I_e": 140.0, "lambda_0": 10.0, "V_T_star": -45.0, "Delta_V": 2.0}
"""V rises to and beyond the threshold."""
ADAPTING = {
    **{f"tau_stc{j}": tau for j, tau in ((1, 25.0), (2, 7.0), (3, 150.0))},
    **{f"q_stc{j}": charge for j, charge in ((1, 30.0), (2, -12.0), (3, 5.0))},
    **{f"tau_sfa{j}": tau for j, tau in ((1, 10.0), (2, 60.0), (3, 300.0))},
    **{f"q_sfa{j}": movement for j, movement in ((1, 4.0), (2, 1.5), (3, -0.3))},
    **RISING,
}
DT_MS = 0.1


def neurons(stop_ms: float, size: int, recorded: int = 1, **parameters: float) -> Run:
    chosen = {"g": list(range(recorded))}
    return run(
        stop_ms,
        populations={"g": {"model": "gif_psc_exp", "size": size, "parameters": parameters}},
        record={"potential": chosen, "threshold": chosen},
    )


def trains(found: Run, size: int) -> list[NDArray[np.int64]]:
    """Steps at whose ends each neuron spiked."""
    return [np.rint(found.times_ms(channel) / DT_MS).astype(np.int64) for channel in range(size)]


def test_a_constant_hazard_gives_dead_time_and_exponential_intervals() -> None:
    """Beyond the dead time of 30 steps an interval has k steps with chance p (1 - p)^(k - 1), p = 1 - exp(-hazard dt)."""
    size, hazard = 400, 60.0 / math.e
    found = trains(neurons(4000, size, **STILL), size)
    beyond = np.concatenate([np.diff(train) for train in found]) - 30
    p = -math.expm1(-hazard * DT_MS / 1000)
    assert beyond.min() == 1
    count = len(beyond)
    # intervals that are cut off by the end are missing, long ones more than short ones: the first of each neuron that are sure to
    # be whole within 4 s have none of that
    first = np.array([np.diff(train)[:20] for train in found if len(train) > 20]) - 30
    assert first.shape == (size, 20)
    assert first.mean() == pytest.approx(1 / p, rel=5 / math.sqrt(first.size))
    assert first.std() == pytest.approx(math.sqrt(1 - p) / p, rel=5 / math.sqrt(first.size / 2))  # kurtosis 9: sd of sd is sqrt(2)
    rng = np.random.default_rng(1)
    assert kstest((first.ravel() - rng.uniform(size=first.size)) * -math.log1p(-p), "expon").pvalue > 1e-3
    successive = first - first.mean()
    assert abs((successive[:, 1:] * successive[:, :-1]).mean()) < 5 * first.var() / math.sqrt(size * 19)
    rate = count / (size * 4.0)
    assert rate == pytest.approx(1000 / (3.0 + DT_MS / p), rel=0.05)


def test_neurons_spike_independently_of_one_another() -> None:
    size = 200
    found = trains(neurons(2000, size, **STILL), size)
    counts = np.array([np.bincount((train - 1) // 100, minlength=200) for train in found], np.float64)  # of 10 ms
    z = (counts - counts.mean()) / counts.std()
    pairs = (z @ z.T / z.shape[1])[np.triu_indices(size, 1)]
    assert abs(pairs.mean()) < 5 / math.sqrt(len(pairs) * z.shape[1])
    assert np.mean(pairs**2) == pytest.approx(1 / z.shape[1], rel=5 * math.sqrt(2 / len(pairs)) + 0.05)


def test_escape_over_a_rising_potential_is_a_renewal_process() -> None:
    """V rises from V_reset to E_L + I/g_L; mean and spread of intervals are sums over the survival function on the grid."""
    size = 300
    found = trains(neurons(1500, size, **RISING), size)
    k = np.arange(1, 5000)
    v = -35.0 + (-55.0 + 35.0) * np.exp(-k * DT_MS / 20.0)
    hazard = 10.0 * np.exp((v + 45.0) / 2.0)
    survival = np.concatenate([[1.0], np.exp(-np.cumsum(hazard) * DT_MS / 1000)])
    chance = -np.diff(survival)
    mean = (chance * k).sum()
    spread = math.sqrt((chance * (k - mean) ** 2).sum())
    beyond = np.array([np.diff(train)[:20] for train in found if len(train) > 20]) - 40
    assert beyond.shape == (size, 20)
    n = beyond.size
    fourth = (chance * (k - mean) ** 4).sum() / spread**4
    assert beyond.mean() == pytest.approx(mean, abs=5 * spread / math.sqrt(n))
    assert beyond.std() == pytest.approx(spread, rel=5 * math.sqrt((fourth - 1) / 4 / n))
    assert spread / (mean + 40) < 0.6  # more regular than a Poisson process: the test above is of something else


def course(train: NDArray[np.int64], steps: int, g: dict[str, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(steps,) V and threshold of a neuron that spikes at the ends of some steps, in closed form from spike to spike."""
    t = np.arange(1, steps + 1) * DT_MS
    threshold = np.full(steps, g["V_T_star"])
    v = np.empty(steps)
    free = g["E_L"] + g["I_e"] / g["g_L"]
    tau = g["C_m"] / g["g_L"]
    spikes = train * DT_MS
    for j in (1, 2, 3):
        for spike in spikes:
            threshold += g[f"q_sfa{j}"] * np.exp(-(t - spike) / g[f"tau_sfa{j}"]) * (t > spike - 1e-9)
    begins = [(0.0, g["E_L"]), *((spike + g["t_ref"], g["V_reset"]) for spike in spikes)]
    ends = [*spikes, t[-1] + DT_MS]
    for (begin, start), end in zip(begins, ends, strict=True):
        since = t - begin
        inside = (since > 1e-9) & (t < end - 1e-9)
        moved = free + (start - free) * np.exp(-since / tau)
        for j in (1, 2, 3):
            slow = g[f"tau_stc{j}"]
            current = g[f"q_stc{j}"] * sum(math.exp(-(begin - spike) / slow) for spike in spikes if spike < begin)
            moved -= current / g["C_m"] * (np.exp(-since / slow) - np.exp(-since / tau)) / (1 / tau - 1 / slow)
        v[inside] = moved[inside]
        v[(t > end - 1e-9) & (t < end + g["t_ref"] + 1e-9)] = g["V_reset"]
    return v, threshold


def test_potential_and_threshold_have_the_courses_of_the_closed_form() -> None:
    """Sums of exponentials over all spikes before, a few hundred; rounding of 16 digits of some 100 mV."""
    found = neurons(1500, 5, recorded=5, **ADAPTING)
    given = {"C_m": 80.0, "g_L": 4.0, "E_L": -70.0, "V_reset": -55.0, "t_ref": 4.0} | ADAPTING
    for channel, train in enumerate(trains(found, 5)):
        assert len(train) > 10
        v, threshold = course(train, 15_000, given)
        assert found["potential"][:, channel] == pytest.approx(v, abs=1e-9)
        assert found["threshold"][:, channel] == pytest.approx(threshold, abs=1e-9)


def test_spikes_have_the_chances_that_the_recorded_hazards_say() -> None:
    """The sum of hazard times dt from spike to spike is exponential with mean 1 (Brown et al. 2002). In the last step, where V has
    been reset already, the hazard is taken as in the one before, and the spike at a random time of it: 5 % of 1 % of the sum."""
    size = 60
    found = neurons(4000, size, recorded=size, **ADAPTING)
    hazard = 10.0 * np.exp((found["potential"] - found["threshold"]) / 2.0) * DT_MS / 1000  # (steps, neurons)
    rng, sums = np.random.default_rng(2), []
    for channel, train in enumerate(trains(found, size)):
        for a, b in pairwise(train):
            inner = hazard[a + 40 : b - 1, channel]  # row k is the step that ends at k + 1
            last = hazard[max(b - 2, a + 40), channel]
            sums.append(inner.sum() - math.log1p(rng.uniform() * math.expm1(-last)))
    assert len(sums) > 3000
    assert kstest(sums, "expon").pvalue > 1e-3


NETWORK: dict[str, Any] = {
    "populations": {
        "g": {
            "model": "gif_psc_exp",
            "size": 70,
            "parameters": {**ADAPTING, "V_T_star": {"normal": [-45.0, 2.0]}},
            "poisson": {"x": {"rate": 2000.0, "weight": 3.0}},
        },
    },
    "projections": {
        "ex": {"from": "g", "to": "g", "rule": "fixed_indegree", "indegree": 8, "weight": 20.0, "delay": 1.5},
        "in": {"from": "g", "to": "g", "rule": "fixed_indegree", "indegree": 3, "weight": -40.0, "delay": 0.8},
    },
    "record": {"potential": {"g": [0, 1, 69]}, "threshold": {"g": [5]}},
}


def test_windows_threads_and_a_saved_state_change_no_bit() -> None:
    assert len(run(200, **NETWORK).times_ms()) > 100
    assert changes(200, 0.5, **NETWORK) == []
