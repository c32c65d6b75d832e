"""Tsodyks-Markram synapses: published sequences, the definition spike by spike, what arrives at the target."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.engines.point_neurons.running import MS, changes, run

DT_MS = 0.1


def definition(times, use, tau_rec, tau_facil):
    """u x at every spike, from the differential equations, by their solution between spikes."""
    u, x, last, found = 0.0, 1.0, None, []
    for time in times:
        if last is not None:
            u *= math.exp(-(time - last) / tau_facil) if tau_facil else 0.0
            x = 1.0 - (1.0 - x) * math.exp(-(time - last) / tau_rec)
        u += use * (1.0 - u)
        found.append(u * x)
        x -= u * x
        last = time
    return np.array(found)


def arriving(times, plasticity, weight=1.0, **more):
    """Steps of the potential of an almost perfect integrator at what each spike brings, in mV."""
    found = run(
        math.ceil(times[-1] + 5.0),
        populations={
            "pre": {"model": "spike_generator", "size": 1, "times": [times]},
            "post": {"model": "iaf_psc_delta", "size": 1, "parameters": {"tau_m": 1e13, "V_th": 1e3, "E_L": 0.0, "V_reset": 0.0}},
        },
        projections={
            "s": {
                "from": "pre", "to": "post", "rule": "one_to_one", "weight": weight, "delay": 2.0,
                "plasticity": {"rule": "tsodyks_markram"} | plasticity,
            }
        },
        record={"potential": {"post": [0]}},
        **more,
    )  # fmt: skip
    potential = np.concatenate([[0.0], found["potential"][:, 0]])
    at = [round((time + 2.0) / DT_MS) for time in times]
    return potential[at] - potential[[step - 1 for step in at]]


def test_a_train_of_20_hz_wears_synapses_out_as_published():
    """U 0.5, tau_rec 800 ms: .5, .26515, .15483, ... .057126 (Tsodyks and Markram 1997, in closed form at the end)."""
    found = arriving([10.0 + 50.0 * k for k in range(40)], {"U": 0.5, "tau_rec": 800.0})
    assert found[:3] == pytest.approx([0.5, 0.26515, 0.15483], abs=6e-6)
    q = math.exp(-50.0 / 800.0)
    assert found[-1] == pytest.approx(0.5 * (1 - q) / (1 - 0.5 * q), abs=2e-6)
    assert found[-1] == pytest.approx(0.057126, abs=2e-6)


@pytest.mark.parametrize(("use", "tau_rec", "tau_facil"), [(0.5, 800.0, 0.0), (0.15, 130.0, 530.0), (1.0, 100.0, 50.0)])
def test_random_trains_follow_the_definition(use, tau_rec, tau_facil):
    """To the quantum of what is delivered, 2^-40 of the weight, and to what a potential of some mV is rounded to."""
    times = np.cumsum(np.round(np.random.default_rng(3).exponential(40.0, 60) + 0.1, 1)).round(1).tolist()
    found = arriving(times, {"U": use, "tau_rec": tau_rec, "tau_facil": tau_facil})
    assert found == pytest.approx(definition(times, use, tau_rec, tau_facil), abs=2e-12)


def test_drawn_weights_of_both_signs_are_scaled_alike():
    times, given = [10.0, 30.0, 50.0], {"U": 0.3, "tau_rec": 200.0, "tau_facil": 100.0}
    network = {
        "populations": {
            "pre": {"model": "spike_generator", "size": 1, "times": [times]},
            "post": {"model": "iaf_psc_delta", "size": 50, "parameters": {"tau_m": 1e13, "V_th": 1e3, "E_L": 0.0, "V_reset": 0.0}},
        },
        "projections": {
            "s": {
                "from": "pre", "to": "post", "weight": {"normal": ["0.0 mV", "1.0 mV"]}, "delay": 2.0,
                "plasticity": {"rule": "tsodyks_markram"} | given,
            }
        },
        "record": {"V": {"post": "all"}},
        "weights": {"w": {"projection": "s", "synapses": "all"}},
    }  # fmt: skip
    found = run(60, **network)
    weights, course = found["w"][-1], np.concatenate([np.zeros((1, 50)), found["V"]])
    steps = np.array([course[round((time + 2.0) / DT_MS)] - course[round((time + 2.0) / DT_MS) - 1] for time in times])
    assert weights.min() < -1.0 < 1.0 < weights.max()
    assert steps == pytest.approx(np.outer(definition(times, 0.3, 200.0, 100.0), weights), abs=1e-9)


def test_what_synapses_have_left_is_recorded():
    """x recovers to 1; u is what a spike would release: U, more after spikes."""
    network = {
        "populations": {
            "pre": {"model": "spike_generator", "size": 2, "times": [[10.0, 20.0], []]},
            "post": {"model": "parrot", "size": 1},
        },
        "projections": {
            "s": {
                "from": "pre", "to": "post", "weight": 1e-3,
                "plasticity": {"rule": "tsodyks_markram", "U": 0.2, "tau_rec": 200.0, "tau_facil": 1500.0},
            }
        },
        "weights": {name: {"projection": "s", "of": name, "every": MS} for name in ("u", "x")},
    }  # fmt: skip
    found = run(100, **network)
    u, x = found["u"], found["x"]
    assert (u[:, 1] == 0.2).all()
    assert (x[:, 1] == 1.0).all()
    u1 = 0.2 + 0.8 * 0.2 * math.exp(-10.0 / 1500.0)  # at the second spike
    x1 = 1.0 - 0.2 * math.exp(-10.0 / 200.0)
    assert u[[8, 9, 19], 0] == pytest.approx([0.2, 0.2 + 0.8 * 0.2, 0.2 + 0.8 * u1], abs=1e-14)
    assert x[[8, 9, 19], 0] == pytest.approx([1.0, 0.8, x1 - u1 * x1], abs=1e-14)
    assert u[99, 0] == pytest.approx(0.2 + 0.8 * u1 * math.exp(-80.0 / 1500.0), abs=1e-14)
    assert changes(100, 1.0, **network) == []


def test_synapses_of_one_weight_take_4_bytes():
    network = {
        "populations": {"pre": {"model": "parrot", "size": 50}, "post": {"model": "parrot", "size": 70}},
        "projections": {"s": {"from": "pre", "to": "post", "weight": 0.1, "plasticity": {"rule": "tsodyks_markram"}}},
    }
    learning = run(1, **network).engine._learning
    assert (learning.synapses, learning.synapse_bytes) == (3500, 4 * 3500)
