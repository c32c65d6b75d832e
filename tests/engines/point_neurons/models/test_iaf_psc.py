"""iaf_psc_delta, iaf_psc_exp and iaf_psc_alpha: exact integration against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from tests.engines.point_neurons.models.lif import C_M, psp
from tests.engines.point_neurons.running import MS, Synapses, circuit, run

MODELS = ("iaf_psc_delta", "iaf_psc_exp", "iaf_psc_alpha")


def measured(model: str, weight: float, tau_m: float, tau_s: float, dt_ms: float, stop_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """Times (ms) after the arrival of a spike, and V - E_L at them; E_L is 0, so that small potentials keep their digits."""
    given = {"tau_m": tau_m, "E_L": 0.0, "V_th": 1e3} | (
        {} if model == "iaf_psc_delta" else {"tau_syn_ex": tau_s, "tau_syn_in": tau_s}
    )
    network = circuit(model, 1, given, trains=[[2.0 - dt_ms]], synapses=[Synapses("trains", [(0, 0)], weight, dt_ms)], dt_ms=dt_ms)
    v = run(2.0 + stop_ms, **network)["V"][:, 0]
    before = round(2.0 / dt_ms) - 1
    assert not v[:before].any()
    return np.arange(len(v) - before) * dt_ms, v[before:]


# -- f-I curves ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dt_ms", [0.1, 0.5])
def test_a_constant_current_gives_the_intervals_of_the_closed_form_to_a_step(model: str, dt_ms: float) -> None:
    """From reset to threshold, tau ln(u/(u - 15)) with u = I tau/C; the threshold is met on the grid, t_ref is on it."""
    currents = np.array([374.0, 376.0, 400.0, 500.0, 777.7, 1500.0, 4000.0, 20000.0])
    found = run(800, **circuit(model, len(currents), {"I_e": currents}, dt_ms=dt_ms))
    assert not len(found.times_ms(0))  # 14.96 mV in the end
    for k, current in list(enumerate(currents))[1:]:
        u = current * 10.0 / C_M
        free = dt_ms * math.ceil(10.0 * math.log(u / (u - 15.0)) / dt_ms)
        times = found.times_ms(k)
        assert times[0] == pytest.approx(free, abs=1e-9)
        assert np.diff(times) == pytest.approx(np.full(len(times) - 1, 2.0 + free), abs=1e-9)
        assert len(times) == 1 + math.floor((800 - free) / (2.0 + free) + 1e-9)


def test_the_rate_at_500_pa_is_that_of_the_formula() -> None:
    """1/(t_ref + tau ln(u/(u - 15))), less what the grid of 1 µs adds: up to a step of an interval."""
    rate = 1000 / (2 + 10 * math.log(20 / 5))
    assert rate == pytest.approx(63.0400, abs=5e-5)
    times = run(200, **circuit("iaf_psc_exp", 1, {"I_e": 500.0}, dt_ms=0.001)).times_ms()
    assert 1000 / np.diff(times).mean() == pytest.approx(rate, rel=0.001 * rate / 1000)
    assert 1000 / np.diff(times).mean() <= rate


def test_a_threshold_is_met_where_v_is_equal_to_it() -> None:
    """Kicks of 2^-12 V are added without rounding: four reach 2^-10 V, three do not."""
    kick = 1000 / 2**12  # mV
    network = circuit("iaf_psc_delta", 2, {"E_L": 0.0, "V_th": 4 * kick}, trains=[[1.0] * 4, [1.0] * 3], synapses=[])
    network["projections"] = {"p": {"from": "trains", "to": "neurons", "rule": "one_to_one", "weight": kick}}
    found = run(5, **network)
    assert found.times_ms(0) == pytest.approx([1.1])
    assert not len(found.times_ms(1))


# -- postsynaptic potentials ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "weight", "tau_s", "peak", "at", "places"),
    [("iaf_psc_exp", 87.8085, 0.5, 0.150000, 1.57670, 5), ("iaf_psc_alpha", 100.0, 2.0, 1.300066, 6.651, 3)],
)
def test_a_potential_peaks_when_and_where_the_closed_form_does(
    model: str, weight: float, tau_s: float, peak: float, at: float, places: int
) -> None:
    """Of Potjans and Diesmann's synapse, and of an alpha-shaped one of 100 pA."""
    exact = psp(model, weight, 10.0, tau_s)
    top = minimize_scalar(lambda t: -exact(t), bounds=(0.1, 20.0), options={"xatol": 1e-9})
    assert (round(-top.fun, 6), round(top.x, places)) == (peak, at)
    t, v = measured(model, weight, 10.0, tau_s, 0.01, 20.0)
    assert abs(t[v.argmax()] - top.x) <= 0.005 + 1e-6
    # between the peak and the nearest grid point, V'' of the peak over (h/2)²/2
    curvature = (exact(top.x + 1e-2) - 2 * exact(top.x) + exact(top.x - 1e-2)) / 1e-4
    assert v.max() == pytest.approx(-top.fun, abs=abs(curvature) * 0.005**2 / 2 * 1.01)


def test_an_alpha_shaped_potential_after_5_ms() -> None:
    t, v = measured("iaf_psc_alpha", 100.0, 10.0, 2.0, 0.1, 10.0)
    assert v[50] == pytest.approx(1.224163, abs=5e-7)
    assert t[50] == pytest.approx(5.0)


@pytest.mark.parametrize("model", MODELS[1:])
@pytest.mark.parametrize("tau_s", [0.05, 0.5, 2.0, 9.5, 10.0, 10.5, 40.0])
@pytest.mark.parametrize("dt_ms", [0.1, 1.0])
def test_a_potential_has_the_course_of_the_closed_form(model: str, tau_s: float, dt_ms: float) -> None:
    """At all steps, whatever the step; 1e-12: some 500 roundings, and the weight, which is kept to 2^-41."""
    exact = psp(model, 100.0, 10.0, tau_s)
    t, v = measured(model, 100.0, 10.0, tau_s, dt_ms, 50.0)
    loss = 1e-16 / min(1.0, abs(1 / tau_s - 0.1) * 10.0 or 1.0) ** 2  # the closed form's own, near its singular point
    assert v == pytest.approx(exact(t), abs=(1e-12 + loss) * v.max())


@pytest.mark.parametrize("model", MODELS[1:])
def test_equal_time_constants_are_the_limit_of_unequal_ones(model: str) -> None:
    """A relative change of 1e-9 changes potentials by about as much, and so on down to none."""
    exact = psp(model, 100.0, 10.0, 10.0)
    for change in (1e-3, 1e-6, 1e-9, 1e-12, 0.0):
        t, v = measured(model, 100.0, 10.0, 10.0 * (1 + change), 0.1, 50.0)
        assert v == pytest.approx(exact(t), abs=(3 * change + 1e-12) * v.max())  # t/tau is 5 at most


def test_a_delta_synapse_moves_v_by_its_weight() -> None:
    t, v = measured("iaf_psc_delta", 0.1, 10.0, 0.0, 0.1, 50.0)
    assert v == pytest.approx(0.1 * np.exp(-t / 10.0), abs=1e-13)


@pytest.mark.parametrize(("model", "charge"), [("iaf_psc_exp", 2.0), ("iaf_psc_alpha", 2.0 * math.e)])
def test_the_charge_of_a_synapse_is_that_of_its_course(model: str, charge: float) -> None:
    """w tau, w tau e: without a leak to speak of, V ends at the charge over C."""
    _, v = measured(model, 100.0, 1e9, 2.0, 0.1, 100.0)
    assert v[-1] == pytest.approx(100.0 * charge / C_M, rel=2e-7)  # of the leak, 100 ms / 1e9 ms


def test_currents_have_the_course_of_the_closed_form() -> None:
    synapses = [Synapses("trains", [(0, 0)], 100.0), Synapses("trains", [(0, 0)], -30.0)]
    t = 0.1 * np.arange(100)
    found = run(11, **circuit("iaf_psc_exp", 1, {"tau_syn_in": 5.0}, trains=[[0.9]], synapses=synapses))
    assert found["i_ex"][9:109, 0] == pytest.approx(100.0 * np.exp(-t / 2.0), abs=1e-10)
    assert found["i_in"][9:109, 0] == pytest.approx(-30.0 * np.exp(-t / 5.0), abs=3e-11)
    found = run(11, **circuit("iaf_psc_alpha", 1, {"tau_syn_in": 5.0}, trains=[[0.9]], synapses=synapses))
    assert found["i_ex"][9:109, 0] == pytest.approx(100.0 * t / 2.0 * np.exp(1 - t / 2.0), abs=1e-10)
    assert found["i_in"][9:109, 0] == pytest.approx(-30.0 * t / 5.0 * np.exp(1 - t / 5.0), abs=3e-11)
    assert found["i_ex"].max() == pytest.approx(100.0, abs=1e-10)  # at 2 ms


def test_many_spikes_add_up_to_the_sum_of_their_potentials() -> None:
    """400 spikes of four trains, of two signs, on a subthreshold neuron: the equations are linear."""
    rng = np.random.default_rng(3)
    trains = [np.round(np.sort(rng.uniform(0.1, 190.0, 100)), 1) for _ in range(4)]
    weights, delays = [60.0, 45.0, -70.0, -15.0], [0.1, 1.5, 0.4, 5.0]
    synapses = [Synapses("trains", [(k, 0)], weights[k], delays[k]) for k in range(4)]
    t = 0.1 * np.arange(1, 2001)
    for model in MODELS[1:]:
        given = {"E_L": 0.0, "V_th": 1e3, "tau_syn_ex": 0.7, "tau_syn_in": 3.0}
        v = run(200, **circuit(model, 1, given, trains=[list(train) for train in trains], synapses=synapses))["V"][:, 0]
        exact = np.zeros(2000)
        for train, weight, delay in zip(trains, weights, delays, strict=True):
            course = psp(model, weight, 10.0, 0.7 if weight > 0 else 3.0)
            for time in train:
                since = np.maximum(np.round(t - time - delay, 6), 0.0)
                exact += course(since)
        assert v == pytest.approx(exact, abs=1e-11 * np.abs(exact).max())


# -- spikes by spikes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS[1:])
def test_a_synapse_makes_a_neuron_fire_at_the_first_step_past_the_crossing(model: str) -> None:
    weight = 5000.0
    exact = psp(model, weight, 10.0, 2.0)
    crossing = brentq(lambda t: exact(t) - 15.0, 0.0, 3.0)
    synapses = [Synapses("trains", [(0, 0)], weight)]
    for dt_ms in (0.1, 0.05):
        times = run(20, **circuit(model, 1, trains=[[0.9]], synapses=synapses, dt_ms=dt_ms)).times_ms(0)
        assert times[0] == pytest.approx(1.0 + dt_ms * math.ceil(crossing / dt_ms), abs=1e-9)


def test_a_refractory_delta_neuron_hears_nothing_until_its_time_is_over() -> None:
    """Kicks of 20 mV at every step: one spike, and silence for 20 steps of which the kicks are lost, again and again."""
    train = np.round(np.arange(1, 200) * 0.1, 1)
    synapses = [Synapses("trains", [(0, 0)], 20.0)]
    times = run(20, **circuit("iaf_psc_delta", 1, trains=[list(train)], synapses=synapses)).times_ms(0)
    assert times == pytest.approx(0.2 + 2.1 * np.arange(len(times)))
    assert len(times) == 10


def test_times_are_whole_steps() -> None:
    found = run(100, **circuit("iaf_psc_exp", 3, {"I_e": [500.0, 700.0, 900.0]}))
    assert len(found.spikes.times_ns) > 10
    assert not np.any(found.spikes.times_ns % (MS // 10))
