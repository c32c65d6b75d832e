"""Depression and facilitation: the sequences of Maass and Markram (2002), closed forms, one state a connection."""

from __future__ import annotations

import numpy as np
import pytest
from synapse_runs import at_ends, run

TIMES = [5.0, 5.0, 12.5, 20.0, 21.0, 60.0, 140.0]
"""ms; two at once, dense and sparse ones."""
KINDS = {
    "depressing": {"U": 0.5, "tau_recovery": 400.0, "tau_facilitation": 20.0},
    "facilitating": {"U": 0.05, "tau_recovery": 60.0, "tau_facilitation": 700.0},
    "without facilitation": {"U": 0.4, "tau_recovery": 100.0, "tau_facilitation": 1e-3},
}


def releases(times, u0, recovery, facilitation):
    """u_k R_k of every spike: u = U + u (1 - U) e^(-Δ/F), R = 1 + (R - u R - 1) e^(-Δ/D)."""
    u, resources, found = u0, 1.0, []
    for k, time in enumerate(times):
        if k:
            gap = time - times[k - 1]
            resources = 1.0 + (resources - u * resources - 1.0) * np.exp(-gap / recovery)
            u = u0 + u * (1.0 - u0) * np.exp(-gap / facilitation)
        found.append(u * resources)
    return np.array(found)


def given(kind, weight=0.001):
    parameters = KINDS[kind] | {"tau": 3.0}
    return {"tsodyks_markram_synapse": {"parameters": parameters, "spikes": [(TIMES, weight)]}}


@pytest.mark.parametrize("kind", KINDS)
def test_conductances_are_those_of_the_sequence(kind):
    """To 1e-12: every state decays by an exponential that is exact, and 6000 steps round."""
    found = run(150, given(kind))["tsodyks_markram_synapse.g"]
    each = releases(TIMES, KINDS[kind]["U"], KINDS[kind]["tau_recovery"], KINDS[kind]["tau_facilitation"])
    since = at_ends(150)[:, None] - np.array(TIMES)
    exact = 0.001 * (np.where(since > 1e-9, np.exp(-np.maximum(since, 0.0) / 3.0), 0.0) * each).sum(axis=1)
    assert np.abs(found - exact).max() < 1e-12 * exact.max()


@pytest.mark.parametrize("kind", ["depressing", "facilitating"])
def test_long_trains_come_to_rest_where_the_recursion_does(kind):
    """Fixed points of u and R at 20 Hz: u = U / (1 - (1 - U) f), R = (1 - d) / (1 - (1 - u) d)."""
    times = np.arange(200) * 50.0 + 1.0
    p = KINDS[kind]
    d, f = np.exp(-50.0 / p["tau_recovery"]), np.exp(-50.0 / p["tau_facilitation"])
    u = p["U"] / (1 - (1 - p["U"]) * f)
    rest = (1 - d) / (1 - (1 - u) * d)
    synapse = {"tsodyks_markram_synapse": {"parameters": p, "spikes": [(list(times), 0.001)]}}
    found = run(9951, synapse, dt_ms=0.5)
    assert found["tsodyks_markram_synapse.x"][-1] == pytest.approx(rest, rel=1e-6)
    assert found["tsodyks_markram_synapse.u"][-1] == pytest.approx(u, rel=1e-6)


def test_one_kind_gets_weaker_and_the_other_stronger():
    train = [5.0, 25.0, 45.0, 65.0, 85.0]
    peaks = {}
    for kind in ("depressing", "facilitating"):
        synapse = {"tsodyks_markram_synapse": {"parameters": KINDS[kind], "spikes": [(train, 0.001)]}}
        g = run(100, synapse)["tsodyks_markram_synapse.g"]
        peaks[kind] = [g[round(time / 0.025) : round(time / 0.025) + 10].max() for time in train]
    assert all(np.diff(peaks["depressing"]) < 0)
    assert all(np.diff(peaks["facilitating"]) > 0)


def test_connections_do_not_share_resources():
    """Two trains in turn through synapses of their own: each is as if it were alone, and V feels both."""
    alone = run(100, {"tsodyks_markram_synapse": {"parameters": KINDS["depressing"], "spikes": [([10.0, 30.0], 0.002)]}})
    both = run(100, {"tsodyks_markram_synapse": {"parameters": KINDS["depressing"], "spikes": [([10.0, 30.0], 0.002)] * 2}})
    double = run(100, {"tsodyks_markram_synapse": {"parameters": KINDS["depressing"], "spikes": [([10.0, 30.0], 0.004)]}})
    assert np.ptp(alone["V"]) < np.ptp(both["V"])
    assert both["V"] == pytest.approx(double["V"], abs=1e-9)


def test_both_receptors_of_one_synapse_tire_alike():
    """The conductances of AMPA and NMDA after plasticity are those of ampa_nmda whose weights are what was released."""
    p = KINDS["depressing"]
    found = run(60, {"tsodyks_markram_ampa_nmda": {"parameters": p | {"ratio": 0.5}, "spikes": [([5.0, 25.0], 0.001)]}})
    each = releases([5.0, 25.0], p["U"], p["tau_recovery"], p["tau_facilitation"]) * 0.001
    plain = run(60, {"ampa_nmda": {"parameters": {"ratio": 0.5}, "spikes": [([5.0], each[0]), ([25.0], each[1])]}})
    for state in ("falling_ampa", "rising_ampa", "falling_nmda", "rising_nmda"):
        assert found[f"tsodyks_markram_ampa_nmda.{state}"] == pytest.approx(plain[f"ampa_nmda.{state}"], rel=1e-11, abs=1e-20), (
            state
        )
    assert found["V"] == pytest.approx(plain["V"], abs=1e-9)
