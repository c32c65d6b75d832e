"""Conductances after spikes: closed forms, peaks, NEURON's own synapses, and the same bits in windows of any length."""

from __future__ import annotations

import numpy as np
import pytest
from synapse_runs import CLAMPED, at_ends, neuron_cell, neuron_run, run

TIMES, WEIGHT = [5.0, 5.0, 7.3, 30.0], 0.0007  # ms, two at once; uS
ROUNDING = 1e-13
"""Of 2000 steps, each of which multiplies by a factor of 1e-16 relative error; of WEIGHT."""


def summed(shape, until_ms, times=TIMES, dt_ms=0.025):
    """Of all spikes, at the ends of steps; ``shape`` is of the time since one."""
    since = at_ends(until_ms, dt_ms)[:, None] - np.array(times)
    return WEIGHT * np.where(since > 1e-9, shape(np.maximum(since, 0.0)), 0.0).sum(axis=1)


def two_exponentials(rise, decay):
    peak_time = rise * decay / (decay - rise) * np.log(decay / rise)
    peak = np.exp(-peak_time / decay) - np.exp(-peak_time / rise)
    return lambda t: (np.exp(-t / decay) - np.exp(-t / rise)) / peak


@pytest.mark.parametrize("dt_ms", [0.025, 0.1])
def test_a_conductance_decays_exactly_whatever_the_step(dt_ms):
    given = {"exponential_synapse": {"parameters": {"tau": 3.0}, "spikes": [(TIMES, WEIGHT)]}}
    found = run(50, given, dt_ms=dt_ms)["exponential_synapse.g"]
    assert np.abs(found - summed(lambda t: np.exp(-t / 3.0), 50, dt_ms=dt_ms)).max() < ROUNDING * WEIGHT * 4


@pytest.mark.parametrize(
    ("mechanism", "rise", "decay"),
    [("double_exponential_synapse", 0.5, 2.0), ("ampa", 0.2, 1.7), ("nmda", 0.29, 43.0), ("gaba_a", 0.2, 8.0)],
)
def test_two_exponentials_are_those_of_the_closed_form(mechanism, rise, decay):
    """The defaults: of AMPA, NMDA and GABA_A those of Markram et al. (2015)."""
    found = run(50, {mechanism: {"spikes": [(TIMES, WEIGHT)]}})
    g = found[f"{mechanism}.falling"] - found[f"{mechanism}.rising"]
    assert np.abs(g - summed(two_exponentials(rise, decay), 50)).max() < 10 * ROUNDING * WEIGHT  # both are larger than g


def test_the_weight_is_the_largest_conductance():
    """The peak lies between two ends of steps; near it g falls off with the square of the distance: (dt / tau)^2 / 8 = 2e-5."""
    given = {name: {"spikes": [([5.0], WEIGHT)]} for name in ("double_exponential_synapse", "alpha_synapse", "gaba_a")}
    found = run(20, given)
    for name in given:
        peak = (found[f"{name}.falling"] - found[f"{name}.rising"]).max()
        assert peak == pytest.approx(WEIGHT, rel=5e-3)
        assert peak <= WEIGHT * (1 + 1e-9)


def test_an_alpha_function_is_one_to_a_billionth_of_its_peak():
    """sinh(e x) / (e x) - 1 = (e x)^2 / 6 of two rates 1 ± e with e = 1e-5, and 1e-16 / 1e-5 of rounding a step."""
    found = run(50, {"alpha_synapse": {"parameters": {"tau": 3.0}, "spikes": [(TIMES, WEIGHT)]}})
    g = found["alpha_synapse.falling"] - found["alpha_synapse.rising"]
    assert np.abs(g - summed(lambda t: t / 3.0 * np.exp(1 - t / 3.0), 50)).max() < 4e-9 * WEIGHT


@pytest.mark.parametrize(("rise", "decay"), [(2.0, 2.0), (2.0, 0.5)])
def test_equal_and_exchanged_time_constants_have_a_sound_shape(rise, decay):
    """Equal ones are set apart by 1e-4, so that the shape is an alpha function to about that; exchanged ones are the same shape."""
    given = {"double_exponential_synapse": {"parameters": {"tau_rise": rise, "tau_decay": decay}, "spikes": [(TIMES, WEIGHT)]}}
    found = run(50, given)
    g = found["double_exponential_synapse.falling"] - found["double_exponential_synapse.rising"]
    shape = (lambda t: t / 2.0 * np.exp(1 - t / 2.0)) if rise == decay else two_exponentials(0.5, 2.0)
    assert g == pytest.approx(summed(shape, 50), abs=2e-4 * WEIGHT)


def test_spikes_of_many_connections_onto_one_place_add_up():
    one = run(20, {"ampa": {"spikes": [([5.0, 6.0], 3 * WEIGHT)]}})
    many = run(20, {"ampa": {"spikes": [([5.0, 6.0], WEIGHT)] * 3}})
    assert many["V"] == pytest.approx(one["V"], abs=1e-9)


def test_a_spike_acts_at_the_start_of_the_nearest_step():
    """5.012 ms is nearer to 5.0, 5.013 to 5.025 ms."""
    early, late, on_grid = (
        run(6, {"exponential_synapse": {"spikes": [([time], WEIGHT)]}})["exponential_synapse.g"] for time in (5.012, 5.013, 5.0)
    )
    assert early.tolist() == on_grid.tolist()
    assert late[1:].tolist() == on_grid[:-1].tolist()


def test_windows_of_any_length_give_the_same_bits():
    given = {
        "ampa": {"spikes": [(TIMES, WEIGHT)]},
        "nmda": {"spikes": [(TIMES, WEIGHT)]},
        "gaba_b": {"spikes": [(TIMES, 0.01)]},
        "tsodyks_markram_synapse": {"spikes": [(TIMES, WEIGHT)]},
    }
    whole, parts = run(50, given), run(50, given, window_ms=0.1)
    for name in whole:
        assert whole[name].tobytes() == parts[name].tobytes(), name


# -- against NEURON ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt_ms", [0.025, 0.1])
def test_potentials_under_synapses_are_those_of_neuron(dt_ms):
    """ExpSyn and Exp2Syn on a passive cell; the same order within a step, so only the rounding of 2000 steps is left."""
    h = pytest.importorskip("neuron").h
    section = neuron_cell(h)
    first, second = h.ExpSyn(section(0.5)), h.Exp2Syn(section(0.5))
    first.tau, first.e = 3.0, -10.0
    second.tau1, second.tau2, second.e = 1.5, 9.0, -80.0
    connections = []
    for synapse, weight in ((first, 0.004), (second, 0.006)):
        connections.append(h.NetCon(None, synapse))
        connections[-1].weight[0] = weight
    times = [5.0, 5.2, 7.3, 30.0]
    events = [(connections[0], time) for time in times] + [(connections[1], time + 2.0) for time in times]
    (theirs,) = neuron_run(h, 50, [section(0.5)._ref_v], dt_ms=dt_ms, events=events)
    given = {
        "exponential_synapse": {"parameters": {"tau": 3.0, "E": -10.0}, "spikes": [(times, 0.004)]},
        "double_exponential_synapse": {
            "parameters": {"tau_rise": 1.5, "tau_decay": 9.0, "E": -80.0}, "spikes": [([t + 2.0 for t in times], 0.006)],
        },
    }  # fmt: skip
    ours = run(50, given, dt_ms=dt_ms)["V"]
    assert np.ptp(theirs) > 10.0
    assert np.abs(ours - theirs).max() < 1e-9


def test_a_clamped_membrane_feels_the_current_of_the_conductance():
    """Of a capacitance beyond all currents V moves by -∫ g (V - E) dt / C."""
    given = {"exponential_synapse": {"parameters": {"tau": 3.0, "E": 0.0}, "spikes": [([5.0], 1.0)]}}
    found = run(50, given, capacitance=CLAMPED, membrane=[])["V"]
    charge = 65.0 * 1.0 * 0.025 / -np.expm1(-0.025 / 3.0)  # nC: the sum of what the conductance is at the start of every step
    farad = CLAMPED * np.pi * 20.0 * 20.0 * 1e-8 * 1e3  # nC/mV
    assert (found[-1] + 65.0) * farad == pytest.approx(charge, rel=1e-3)
