"""Hodgkin and Huxley's squid axon: rest, spikes under a current, and the speed at which they travel.

Where spikes of one patch are counted, the reference is the four equations solved by LSODA to 1e-9 in the same test. References:
Hodgkin and Huxley (1952), J Physiol 117, 500; Huxley (1959), Annals of the New York Academy of Sciences 81, 221 (temperature).
"""

from __future__ import annotations

from math import exp, expm1

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tests.engines.compartmental_neurons.theory.cell_runs import HH, cable, ns, one, patch, patch_cm2, run

DRIVE = {"i": {"kind": "drive", "to": "a"}}
GATES = {gate: {"of": "a", "value": f"hh.{gate}"} for gate in "mhn"}


def rates(V):
    """1/ms of the paper at 6.3 °C, with rest at -65 mV: alpha and beta of m, h and n."""
    m, n = -(V + 40) / 10, -(V + 55) / 10
    return (
        m / expm1(m), 4 * exp(-(V + 65) / 18),
        0.07 * exp(-(V + 65) / 20), 1 / (1 + exp(-(V + 35) / 10)),
        0.1 * n / expm1(n), 0.125 * exp(-(V + 65) / 80),
    )  # fmt: skip


def change(_, state, current):
    """Per ms, for a current in uA/cm²."""
    V, m, h, n = state
    am, bm, ah, bh, an, bn = rates(V)
    inward = current - 120 * m**3 * h * (V - 50) - 36 * n**4 * (V + 77) - 0.3 * (V + 54.3)
    return [inward, am * (1 - m) - bm * m, ah * (1 - h) - bh * h, an * (1 - n) - bn * n]


def reference_ms(current, until_ms, threshold=0.0):
    """Times at which V comes up through a threshold, from -65 mV and gates at rest for it."""
    am, bm, ah, bh, an, bn = rates(-65.0)
    start = [-65.0, am / (am + bm), ah / (ah + bh), an / (an + bn)]

    def crossed(_, state, __):
        return state[0] - threshold

    crossed.direction = 1.0
    solved = solve_ivp(change, (0, until_ms), start, "LSODA", args=(current,), events=crossed, rtol=1e-9, atol=1e-11)
    return solved.t_events[0]


def spikes_ms(current, until_ms, dt_ms=0.01, solver="crank_nicolson", threshold=0.0):
    """The same, in the engine."""
    params = one(patch(), dt=ns(dt_ms), solver=solver, population={"threshold": threshold}, inputs=DRIVE)
    return run(params, until_ms, played={"i": [current * patch_cm2() * 1e3]}).times_ms()


# -- a patch -------------------------------------------------------------------------------------------------------------------


def test_rest_is_where_all_currents_cancel():
    found = run(one(patch(), record={"v": {"of": "a"}, **GATES}), 300)
    V, gates = found["v"][-1, 0], [found[gate][-1, 0] for gate in "mhn"]
    assert pytest.approx(-64.974, abs=5e-4) == V
    assert gates == pytest.approx([0.053095, 0.595213, 0.318075], abs=5e-7)
    assert np.abs(change(0, [V, *gates], 0.0)).max() < 1e-9


def test_ten_microamperes_make_it_spike_every_14_6221_ms():
    """Errors of order dt^2: 1e-4 ms with steps of 0.005 ms. The first spike, through 0 mV from -65 mV, comes at 1.8980 ms."""
    found, exact = spikes_ms(10.0, 150, dt_ms=0.005), reference_ms(10.0, 150)
    assert len(found) == len(exact) == 11
    assert exact[0] == pytest.approx(1.8980, abs=5e-5)
    assert np.diff(exact)[-1] == pytest.approx(14.6221, abs=5e-5)
    assert np.diff(found)[-1] == pytest.approx(14.6221, abs=2e-4)
    assert found[0] == pytest.approx(1.8980, abs=2e-4)
    assert found == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize(("current", "rate_hz"), [(7.0, 58.460), (15.0, 78.695), (20.0, 86.507), (50.0, 117.057)])
def test_the_rate_over_the_current_is_that_of_the_equations(current, rate_hz):
    """Crank-Nicolson, 0.01 ms: intervals of 8.5 ms and more, right to 1e-3 ms."""
    found, exact = spikes_ms(current, 150), reference_ms(current, 150)
    assert len(found) == len(exact)
    assert 1e3 / np.diff(exact)[-1] == pytest.approx(rate_hz, abs=2e-3)
    assert 1e3 / np.diff(found)[-1] == pytest.approx(rate_hz, rel=1e-4)


def test_it_spikes_on_and_on_from_between_6_22_and_6_24_microamperes():
    """Below, some spikes at the onset and then rest; the two branches meet in a saddle-node of cycles (Rinzel 1978)."""
    for current, on in ((6.0, False), (6.22, False), (6.24, True)):
        found, exact = spikes_ms(current, 500), reference_ms(current, 500)
        assert len(found) == len(exact)
        assert (found[-1] > 450) == on


def test_a_hundred_microamperes_make_one_spike_and_a_block():
    """Through 0 mV once; the ripples that follow die out below it."""
    found, exact = spikes_ms(100.0, 100), reference_ms(100.0, 100)
    assert len(found) == len(exact) == 1
    assert found == pytest.approx(exact, abs=2e-4)
    assert len(spikes_ms(100.0, 100, threshold=-20.0)) == len(reference_ms(100.0, 100, threshold=-20.0)) > 1


@pytest.mark.parametrize(("solver", "order"), [("backward_euler", 1), ("crank_nicolson", 2)])
def test_the_interval_is_right_to_the_order_of_the_solver(solver, order):
    exact = np.diff(reference_ms(10.0, 100))[-1]
    errors = [abs(np.diff(spikes_ms(10.0, 100, dt_ms, solver))[-1] - exact) for dt_ms in (0.1, 0.05, 0.025)]
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx([order, order], abs=0.25)


# -- the axon ------------------------------------------------------------------------------------------------------------------


def speed(celsius, count=200, dt_ms=0.005):
    """m/s of a spike on 60 mm of the giant axon, from 24 to 42 mm; nan where none comes so far. Kicked at one end."""
    axon = cable(60e3, 476.0, count, [HH], resistivity=35.4, temperature=celsius)
    kick = {"pulses": {"kick": {"current": 2e4, "start": 0, "stop": ns(0.3), "at": {"section": 0, "at": 0.0}}}}
    near, far = ({"of": "a", "at": {"section": 0, "at": place}} for place in (0.4025, 0.7025))
    found = run(one(axon, dt=ns(dt_ms), solver="crank_nicolson", population=kick, record={"near": near, "far": far}), 8)
    return 60e-3 * 0.3 / (came_up(found, "far") - came_up(found, "near")) * 1e3


def came_up(found, port, threshold=-40.0):
    v = found[port][:, 0]
    if v.max() < threshold:
        return np.nan
    after = int(np.argmax(v >= threshold))
    return found.ends_ms[after] - found.dt_ms * (v[after] - threshold) / (v[after] - v[after - 1])


def test_a_spike_travels_at_18_8_metres_a_second():
    """Hodgkin and Huxley's 18.8 m/s, found by hand; the equations, with steps ever finer, give 18.74."""
    speeds = [speed(18.5, count, dt_ms) for count, dt_ms in ((100, 0.01), (200, 0.005), (400, 0.0025))]
    assert np.divide(*np.diff(speeds)) == pytest.approx(4.0, rel=0.15)  # order 2 in dx and dt at once
    finest = speeds[-1] + np.diff(speeds)[-1] / 3
    assert finest == pytest.approx(18.8, rel=5e-3)
    assert finest == pytest.approx(18.737, abs=0.005)


def test_warmth_makes_spikes_faster_until_it_blocks_them():
    """Only gates are faster when it is warm; above 33 °C potassium comes too soon for a spike to go on."""
    speeds = [speed(celsius) for celsius in (6.3, 12.0, 18.5, 25.0, 31.0)]
    assert speeds[0] == pytest.approx(12.32, abs=0.05)
    assert (np.diff(speeds) > 1.0).all()
    assert np.isnan(speed(36.0))
