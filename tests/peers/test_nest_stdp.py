"""Plastic synapses in NEST and here: the same spikes on both sides, the weight at every spike of the source.

In NEST relays stand on both sides; they take no heed of what comes over the plastic synapses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from nest_reference import fresh_nest
from numpy.typing import NDArray

from tests.engines.point_neurons.plasticity.pairs import DELAY_MS, W_MAX, Train, network, trains
from tests.engines.point_neurons.running import MS, run

pytest.importorskip("nest", reason="NEST is not installed (extra: nest)")

STOP_MS = 500.0
# with a spike of each source before any of a target: NEST's nearest-neighbour rule takes time 0 for a spike of the source
PRE = [[1.0, *(t for t in train if t > 1.0)] for train in trains(5, 30.0, STOP_MS, seed=21)]
POST = trains(4, 30.0, STOP_MS, seed=22)
Weights = dict[tuple[int, int], NDArray[np.float64]]


def in_nest(
    synapse: str, parameters: Mapping[str, Any], of_target: Mapping[str, Any], of_model: Mapping[str, Any] | None = None,
    rewards_ms: Train = (),
) -> Weights:  # fmt: skip
    """For each source and target, the weight at every spike of the source; ``rewards_ms``: when dopamine comes."""
    nest = fresh_nest(0.1)
    recorder = nest.Create("weight_recorder")
    common = {"weight_recorder": recorder} | dict(of_model or {})
    if of_model is not None:
        common["volume_transmitter"] = transmitter = nest.Create("volume_transmitter")
        reward = nest.Create("parrot_neuron")
        generator = nest.Create("spike_generator", params={"spike_times": [round(t - 0.2, 1) for t in rewards_ms]})
        nest.Connect(generator, reward, syn_spec={"delay": 0.1})
        nest.Connect(reward, transmitter, syn_spec={"delay": 0.1})
    pre, post = nest.Create("parrot_neuron", len(PRE)), nest.Create("parrot_neuron", len(POST), params=dict(of_target))
    for neurons, spikes in ((pre, PRE), (post, POST)):
        for neuron, train in zip(neurons, spikes, strict=True):
            generator = nest.Create("spike_generator", params={"spike_times": [round(t - 0.1, 1) for t in train]})
            nest.Connect(generator, neuron, syn_spec={"delay": 0.1})
    nest.CopyModel(synapse, "learning", common)
    nest.Connect(pre, post, "all_to_all", {"synapse_model": "learning", "delay": DELAY_MS, "receptor_type": 1, **parameters})
    nest.Simulate(STOP_MS)
    events = recorder.get("events")
    found = Weights()
    for s, source in enumerate(pre.tolist()):
        for t, target in enumerate(post.tolist()):
            is_meant = (events["senders"] == source) & (events["targets"] == target)
            found[s, t] = events["weights"][is_meant][np.argsort(events["times"][is_meant], kind="stable")]
    return found


def here(plasticity: Mapping[str, Any], played: Mapping[str, Any] | None = None, **more: Any) -> Weights:
    weights = {"w": {"projection": "learns", "synapses": "all", "every": MS // 10}}
    course = run(STOP_MS, played, **network(PRE, POST, plasticity, weights=weights, **more))["w"]
    course = course.reshape(-1, len(POST), len(PRE))
    return {
        (s, t): np.array([course[round(10 * time) - 1, t, s] for time in train if time < STOP_MS])
        for s, train in enumerate(PRE)
        for t in range(len(POST))
    }


def largest_difference(theirs: Weights, ours: Weights) -> float:
    """Of the largest weight."""
    assert all(len(theirs[pair]) >= len(ours[pair]) > 5 for pair in ours)
    moved = max(float(np.ptp(course)) for course in ours.values())
    assert moved > 0.01 * W_MAX
    return max(float(np.abs(theirs[pair][: len(ours[pair])] - ours[pair]).max()) for pair in ours) / W_MAX


@pytest.mark.parametrize(("synapse", "pairing"), [("stdp_synapse", "all"), ("stdp_nn_symm_synapse", "nearest")])
@pytest.mark.parametrize(("mu_plus", "mu_minus"), [(0.0, 0.0), (1.0, 1.0), (0.4, 0.4)])
def test_pair_stdp_agrees_with_nest(synapse, pairing, mu_plus, mu_minus):
    common = {"lambda": 0.05, "alpha": 1.05, "mu_plus": mu_plus, "mu_minus": mu_minus, "tau_plus": 15.0}
    theirs = in_nest(synapse, common | {"Wmax": W_MAX, "weight": W_MAX / 2}, {"tau_minus": 30.0})
    ours = here(common | {"rule": "stdp", "pairing": pairing, "tau_minus": 30.0})
    assert largest_difference(theirs, ours) < 1e-12


def test_triplet_stdp_agrees_with_nest():
    amplitudes = {"Aplus": 5e-3, "Aplus_triplet": 6.2e-3, "Aminus": 7e-3, "Aminus_triplet": 2.3e-3}
    taus = {"tau_plus": 16.8, "tau_plus_triplet": 101.0}
    scaled = {name: value * W_MAX for name, value in amplitudes.items()}
    of_target = {"tau_minus": 33.7, "tau_minus_triplet": 125.0}
    theirs = in_nest("stdp_triplet_synapse", {**taus, **scaled, "Wmax": W_MAX, "weight": W_MAX / 2}, of_target)
    names = {"Aplus": "A2_plus", "Aplus_triplet": "A3_plus", "Aminus": "A2_minus", "Aminus_triplet": "A3_minus"}
    ours = here(
        {names[name]: value for name, value in amplitudes.items()}
        | {"rule": "stdp_triplet", "tau_plus": 16.8, "tau_minus": 33.7, "tau_x": 101.0, "tau_y": 125.0}
    )
    assert largest_difference(theirs, ours) < 1e-12


@pytest.mark.parametrize(("use", "tau_rec", "tau_facil"), [(0.5, 800.0, 0.0), (0.15, 130.0, 530.0)])
def test_tsodyks_markram_agrees_with_nest(use, tau_rec, tau_facil):
    """What arrives: steps of the potential of an integrator that hardly leaks, in mV."""
    given = {"U": use, "u": use, "x": 1.0, "tau_rec": tau_rec, "tau_fac": tau_facil, "weight": 1.0}
    theirs = in_nest("tsodyks2_synapse", given, {})
    found = run(
        STOP_MS + 5.0,
        populations={
            "pre": {"model": "spike_generator", "size": len(PRE), "times": PRE},
            "post": {
                "model": "iaf_psc_delta", "size": len(PRE), "parameters": {"tau_m": 1e13, "V_th": 1e3, "E_L": 0.0, "V_reset": 0.0}
            },
        },
        projections={
            "s": {
                "from": "pre", "to": "post", "rule": "one_to_one", "weight": 1.0, "delay": DELAY_MS,
                "plasticity": {"rule": "tsodyks_markram", "U": use, "tau_rec": tau_rec, "tau_facil": tau_facil},
            }
        },
        record={"V": {"post": "all"}},
    )  # fmt: skip
    arrived = np.diff(found["V"], axis=0)
    for s, train in enumerate(PRE):
        ours = arrived[[round(10 * (time + DELAY_MS)) - 2 for time in train], s]
        assert np.abs(ours[: len(theirs[s, 0])] - theirs[s, 0]).max() < 2e-12  # weights are whole quanta of 2^-40 here


def test_reward_modulated_stdp_agrees_with_nest():
    """stdp_dopamine_synapse: n jumps by 1 / tau_n at a spike of dopamine and decays, dw/dt = c (n - b), per ms.

    Here m holds over a step: what c (n - b) comes to over the step is made the same by m = n times a constant.
    """
    tau_c, tau_n, baseline, rewards = 80.0, 30.0, 2e-3, [round(40.3 + 37.1 * k, 1) for k in range(12)]
    of_model = {"tau_c": tau_c, "tau_n": tau_n, "b": baseline, "tau_plus": 15.0, "A_plus": 0.3 * W_MAX, "A_minus": 0.2 * W_MAX}
    of_model |= {"Wmin": 0.0, "Wmax": W_MAX}
    theirs = in_nest("stdp_dopamine_synapse", {"weight": W_MAX / 2}, {"tau_minus": 30.0}, of_model, rewards)
    steps = np.arange(round(10 * STOP_MS)) * 0.1
    n = np.zeros(len(steps))
    for time in rewards:
        n += np.where(steps > time - 1e-6, np.exp(-(steps - time) / tau_n) / tau_n, 0.0)
    both = 1.0 / (1.0 / tau_c + 1.0 / tau_n)
    held = n * (both * np.expm1(-0.1 / both)) / (tau_c * np.expm1(-0.1 / tau_c))
    rule = {"rule": "stdp_reward", "modulator": "m", "tau_eligibility": tau_c, "baseline": 1e3 * baseline}
    rule |= {"tau_plus": 15.0, "tau_minus": 30.0, "A_plus": 0.3, "A_minus": 0.2}
    ours = here(rule, {"m": 1e3 * held}, inputs={"m": {"kind": "modulator"}})
    assert largest_difference(theirs, ours) < 1e-12
