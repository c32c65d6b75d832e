"""Kernels at their limits: many spikes a step, overflow, lanes of no neuron, and what is kept of them on disk."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from running import run

import cosim
from cosim.sdk import CosimError
from engines.equations import stamps
from engines.point_neurons.kernels import delivery, steps

SOURCE = {"model": "poisson_generator", "size": 1}
CURRENT = {"c": {"kind": "drive", "to": "n"}}
UNSTABLE = """
title: Grows from any start above 0
states: {x: {about: state}}
parameters: {tau: {unit: ms, default: 10, positive: true, about: time constant}}
receptors: {s: {weight: "1", adds: {x: weight}}}
derivatives: {x: x ** 2 / tau}
scheme: rk4
spike: {when: x >= 1e9, reset: {x: x}}
"""


@pytest.mark.parametrize(
    ("model", "parameters", "interval_ms"),
    [
        ("iaf_psc_delta", {"V_reset": -54.0}, 2.1),
        ("iaf_cond_exp", {"V_reset": -55.0}, 2.1),
        ("aeif_cond_exp", {"V_reset": 1.0, "t_ref": 5.0, "I_e": 1000.0}, 5.1),
    ],
)
def test_a_neuron_reset_to_above_its_threshold_is_still_refractory(model, parameters, interval_ms):
    found = run(20, populations={"n": {"model": model, "size": 1, "parameters": {"I_e": 500.0, **parameters}}})
    assert np.diff(found.times_ms()) == pytest.approx(interval_ms)


# -- many spikes a step ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1e5, 5e6, 1e7])
def test_a_source_may_spike_a_thousand_times_a_step(rate):
    given = {"populations": {"g": {**SOURCE, "parameters": {"rate": rate}}}}
    whole = run(20, **given)
    assert abs(len(whole.times_ms()) - rate * 0.02) < 5.0 * math.sqrt(rate * 0.02)  # of a Poisson number
    assert whole["rate"].mean() * 0.02 == pytest.approx(len(whole.times_ms()))
    assert whole.differs(run(20, window_ms=1, **given)) == []


def test_the_number_of_spikes_in_a_step_is_of_a_poisson_distribution():
    counts = run(400, populations={"g": {**SOURCE, "size": 5, "parameters": {"rate": 4e5}}})["rate"] * 5e-4
    assert counts.mean() / 5 == pytest.approx(40.0, abs=5.0 * math.sqrt(40.0 / 20_000))
    assert counts.var() == pytest.approx(200.0, rel=5.0 * math.sqrt(2.0 / 4000))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_few_relays_may_repeat_more_than_all_have_room_for(threads):
    trains = {"model": "spike_generator", "size": 200, "times": [[1.0]] * 200}
    pairs = [[i, j] for i in range(200) for j in (0, 1)]
    onto_itself = {"from": "p", "to": "q", "rule": "all_to_all", "weight": 1.0, "delay": 0.1}
    found = run(
        5, threads=threads, populations={"g": trains, "p": {"model": "parrot", "size": 128}, "q": {"model": "parrot", "size": 1}},
        projections={"x": {"from": "g", "to": "p", "weight": 1, "rule": "list", "pairs": pairs}, "y": onto_itself},
    )  # fmt: skip
    assert [len(found.times_ms(channel)) for channel in (200, 201, 202, 328)] == [200, 200, 0, 400]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("window_ms", [1, 10])
def test_more_than_a_million_spikes_of_a_neuron_in_a_step_are_refused(threads, window_ms):
    populations = {"n": {"model": "parrot", "size": 9}, "g": {**SOURCE, "size": 3, "parameters": {"rate": 2e10}}}
    with pytest.raises(CosimError, match="g: too many spikes") as caught:
        run(10, window_ms=window_ms, threads=threads, populations=populations)
    assert "1048576 times within 100 us" in caught.value.why


@pytest.mark.mpi
def test_ranks_exchange_how_often_a_source_spikes_in_a_step(mpirun, tmp_path):
    populations = {"g": {**SOURCE, "size": 5, "parameters": {"rate": "40 kHz"}}, "p": {"model": "parrot", "size": 3}}
    onto = {"from": "g", "to": "p", "rule": "all_to_all", "weight": 1.0, "delay": "0.3 ms"}

    def scenario(ranks=1, threads=1):
        params = {"populations": populations, "projections": {"x": onto}, "threads": threads}
        return {
            "cosim": 1,
            "about": {"name": "many"},
            "clock": {"stop": "10 ms", "seed": 4},
            "engines": {"net": {"use": "point_neurons", "window": "1 ms", "ranks": ranks, "params": params}},
            "record": {"streams": ["net.spikes", "net.rate"]},
        }

    file = tmp_path / "scenario.yaml"
    file.write_text(json.dumps(scenario(2, 2)))
    answer = mpirun(2, "-m", "cosim.cli", "run", str(file), "--out", str(tmp_path / "run"), "--quiet")
    assert answer.returncode == 0, answer.stderr
    inline = cosim.run(scenario(), out=tmp_path / "inline", transport="inline")
    assert cosim.open_run(tmp_path / "run").hashes == inline.hashes


# -- states that are not finite --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop_ms", [0.1, 1, 13])
def test_a_window_that_ends_with_a_state_that_is_not_finite_is_refused(stop_ms):
    with pytest.raises(CosimError, match="n diverged: neuron 0") as caught:
        run(stop_ms, {"c": [np.nan]}, populations={"n": {"model": "iaf_cond_exp", "size": 1}}, inputs=CURRENT)
    assert "state V is nan" in caught.value.why


@pytest.mark.parametrize("current", [1e305, np.inf, -np.inf, np.nan])
def test_a_quadratic_neuron_that_overflows_has_diverged(current):
    with pytest.raises(CosimError, match="n diverged: neuron 0"):
        run(1, {"c": [current]}, populations={"n": {"model": "qif", "size": 1}}, inputs=CURRENT)


@pytest.mark.parametrize(("size", "threads"), [(64, 1), (2, 1), (3, 2), (4, 2)])
def test_lanes_of_no_neuron_cannot_fail_a_run(size, threads, tmp_path):
    (tmp_path / "unstable.yaml").write_text(UNSTABLE)
    rows = {"model": str(tmp_path / "unstable.yaml"), "size": size, "poisson": {"b": {"rate": 500.0, "weight": 1.0}}}
    trains = {"model": "spike_generator", "size": 1, "times": [[t / 10 for t in range(1, 1000)]]}
    hold = {"from": "g", "to": "u", "rule": "fixed_indegree", "indegree": 1, "weight": -3.0, "delay": 0.1}
    found = run(
        100, threads=threads, populations={"u": {**rows, "initial": {"x": 0.0}}, "g": trains}, projections={"i": hold},
        record={"x": {"u": "all"}},
    )  # fmt: skip
    assert np.all(found["x"][-1] < 0.0)


@pytest.mark.mpi
def test_a_divergence_on_one_rank_ends_them_all(mpirun, tmp_path):
    drive = {"kind": "drive", "to": "n", "each": True}
    scenario = {
        "cosim": 1,
        "about": {"name": "diverges"},
        "clock": {"stop": "20 ms", "seed": 4},
        "engines": {
            "wide": {
                "use": "point_neurons", "window": "1 ms", "ranks": 2,
                "params": {"populations": {"n": {"model": "qif", "size": 2}}, "inputs": {"c": drive}},
            },
            "tape": {
                "use": "player", "window": "1 ms",
                "params": {"values": [[0.0, 0.0]] * 10 + [[0.0, 1e305]] * 10, "dt": "1 ms"},
            },
        },
        "links": {"in": {"from": "tape.out", "to": "wide.c"}},
    }  # fmt: skip
    file = tmp_path / "scenario.yaml"
    file.write_text(json.dumps(scenario))
    answer = mpirun(2, "-m", "cosim.cli", "run", str(file), "--out", str(tmp_path / "run"), "--quiet", timeout=60)
    assert answer.returncode != 0
    assert "n diverged: neuron 1" in answer.stderr


# -- networks and models ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_a_network_may_be_of_spike_generators_alone(threads):
    trains = {"model": "spike_generator", "size": 1, "times": [[1.0, 2.0]]}
    assert run(5, window_ms=1, threads=threads, populations={"g": trains}).times_ms().tolist() == [1.0, 2.0]


def test_a_linear_model_has_no_quadratic_integration():
    with pytest.raises(CosimError, match="'V' cannot be integrated quadratically") as caught:
        run(1, populations={"n": {"model": "iaf_psc_exp", "size": 1, "integrator": "quadratic"}})
    assert "no square" in caught.value.why


# -- on disk ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed", ["engines.point_neurons.kernels.background", "engines.point_neurons.plasticity.calls", "engines.equations.maths"]
)
def test_kernels_are_compiled_anew_when_a_file_that_they_rest_on_has_changed(changed, monkeypatch):
    run(1, populations={"g": SOURCE})  # compiled now, if not before
    assert stamps.is_kept(steps.run)
    unchanged = stamps.modules_behind

    def edited(*codes):
        return {name: code + "# edited" * (name == changed) for name, code in unchanged(*codes).items()}

    monkeypatch.setattr(stamps, "modules_behind", edited)
    stamps.stamp(steps)
    is_run_kept, is_bring_kept = stamps.is_kept(steps.run), stamps.is_kept(delivery.bring)
    monkeypatch.undo()
    stamps.stamp(steps)
    assert not is_run_kept
    assert is_bring_kept == (changed == "engines.point_neurons.kernels.background")  # which brings nothing
    assert stamps.is_kept(steps.run)
