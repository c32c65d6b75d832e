"""Networks that learn: nothing depends on windows, threads, ranks, saved states, or on engines that they are cut into."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cosim
from cosim.compare import differences
from tests.engines.point_neurons.running import MS, changes, run

RULES = {
    "stdp": {"rule": "stdp", "w_max": "120 pA", "lambda": 0.05, "mu_minus": 0.4},
    "stdp_triplet": {"rule": "stdp_triplet", "w_max": "120 pA"},
    "tsodyks_markram": {"rule": "tsodyks_markram", "U": 0.3, "tau_rec": "100 ms", "tau_facil": "50 ms"},
    "stdp_reward": {
        "rule": "stdp_reward",
        "w_max": "120 pA",
        "modulator": "reward",
        "A_plus": 0.2,
        "A_minus": 0.1,
        "baseline": -2.0,
    },
    "calcium": {"rule": "calcium", "w_max": "120 pA", "tau": "1 s"},
}
CELLS = {
    "model": "iaf_psc_exp",
    "parameters": {"tau_syn_ex": "0.5 ms", "tau_syn_in": "2 ms"},
    "poisson": {"outside": {"rate": "12 kHz", "weight": "90 pA"}},
    "initial": {"V": {"uniform": ["-70 mV", "-55 mV"]}},
}
SPREAD = {"weight": {"normal": ["60 pA", "10 pA"], "low": "0 pA", "high": "120 pA"}, "delay": "1.5 ms"}


def network(*rules, every="5 ms", **more):
    """Recurrent excitation that learns by each of some rules, and spikes from elsewhere that do."""
    learns = {
        f"ee_{rule}": {"from": "e", "to": "e", "rule": "fixed_indegree", "indegree": 15, **SPREAD, "plasticity": RULES[rule]}
        for rule in rules
    }
    from_elsewhere = {
        f"xi_{rule}": {"from": "x", "to": "i", "rule": "bernoulli", "probability": 0.5, **SPREAD, "plasticity": RULES[rule]}
        for rule in rules
    }
    return {
        "populations": {"e": {**CELLS, "size": 90}, "i": {**CELLS, "size": 25}},
        "projections": {
            **learns, **from_elsewhere,
            "ei": {"from": "e", "to": "i", "rule": "fixed_outdegree", "outdegree": 5, **SPREAD},
            "ie": {"from": "i", "to": "e", "rule": "all_to_all", "weight": "-40 pA", "delay": "0.8 ms"},
        },
        "inputs": {"x": {"kind": "spikes", "size": 12}, "reward": {"kind": "modulator"}},
        "weights": {
            **{rule: {"projection": f"ee_{rule}", "synapses": "all", "every": every} for rule in rules},
            **{f"x_{rule}": {"projection": f"xi_{rule}", "every": every} for rule in rules},
        },
    } | more  # fmt: skip


def played(stop_ms):
    rng = np.random.default_rng(8)
    count = round(12 * 0.03 * stop_ms)
    times = np.sort(np.ceil(rng.uniform(0.0, stop_ms, count) * 10.0) / 10.0)
    return {"x": (times.round(1), rng.integers(0, 12, count)), "reward": rng.normal(0.0, 1.0, round(stop_ms))}


@pytest.mark.parametrize("rule", RULES)
def test_one_long_window_equals_many_short_ones_on_any_threads(rule):
    given = network(rule)
    assert changes(150.0, 5.0, played(150.0), delays_ms={"x": 0.5}, **given) == []


def test_rules_change_weights_and_weights_spikes():
    """But for Tsodyks-Markram, which leaves weights as they are and takes of them what has tired."""
    for rule in RULES:
        given = network(rule)
        found = run(300.0, played(300.0), **given)
        still = network(rule, weights={})
        for projection in still["projections"].values():
            projection.pop("plasticity", None)
        assert "spikes" in run(300.0, played(300.0), **still).differs(found)
        course = found[rule]
        moved = np.abs(course[-1] - course[0]) > 0.0
        assert moved.mean() > 0.3 if rule != "tsodyks_markram" else not moved.any()
        assert 0.0 <= course.min() < course.max() <= 120.0


@pytest.mark.parametrize("rule", RULES)
def test_a_projection_that_is_cut_learns_the_same(rule):
    """Sources in one engine, synapses in another, 1 of 1.5 ms on the link; the last millisecond is silent, so that all is known."""
    stop_ms, link_ms = 200.0, 1.0
    spikes, rows = played(180.0)["x"], played(stop_ms)["reward"]
    onto = {"to": "post", "rule": "fixed_indegree", "indegree": 8, **SPREAD, "plasticity": RULES[rule]}
    post = {**CELLS, "size": 20}
    common = {"weights": {"w": {"projection": "learns", "synapses": "all"}}, "seed": 5}
    reward = {"reward": {"kind": "modulator"}}
    trains = [sorted({float(t) for t, c in zip(*spikes, strict=True) if c == n}) for n in range(12)]
    whole = run(
        stop_ms, {"reward": rows}, populations={"pre": {"model": "spike_generator", "size": 12, "times": trains}, "post": post},
        projections={"learns": {"from": "pre", **onto}}, inputs=reward, **common,
    )  # fmt: skip
    times = np.array([t for train in trains for t in train]) + link_ms
    channels = np.array([n for n, train in enumerate(trains) for _ in train])
    part = run(
        stop_ms, {"reward": rows, "pre": (times.round(1), channels)}, delays_ms={"pre": link_ms}, populations={"post": post},
        projections={"learns": {"from": "pre", **onto}}, inputs={"pre": {"kind": "spikes", "size": 12}, **reward}, **common,
    )  # fmt: skip
    mine = whole.spikes.channels >= 12
    assert np.array_equal(whole.spikes.times_ns[mine], part.spikes.times_ns)
    assert np.array_equal(whole.spikes.channels[mine] - 12, part.spikes.channels)
    later = run(
        stop_ms + link_ms, {"reward": np.concatenate([rows, [0.0]]), "pre": (times.round(1), channels)}, delays_ms={"pre": link_ms},
        populations={"post": post}, projections={"learns": {"from": "pre", **onto}},
        inputs={"pre": {"kind": "spikes", "size": 12}, **reward}, **common,
    )  # fmt: skip
    assert np.array_equal(whole["w"], later["w"])  # synapses of spikes that come over a link are as late as it


@pytest.mark.mpi
@pytest.mark.parametrize(("ranks", "threads", "of"), [(2, 1, 2), (3, 2, 3)])
def test_ranks_change_nothing(ranks, threads, of, mpirun, tmp_path):
    def scenario(ranks=1, threads=1):
        params = network(*RULES, every="1 ms", threads=threads)
        outside = {"populations": {"o": {**CELLS, "size": 12}}}
        tape = {"values": [[np.sin(float(k))] for k in range(30)], "dt": "1 ms"}
        return {
            "cosim": 1,
            "about": {"name": "learning"},
            "clock": {"stop": "60 ms", "seed": 4},
            "engines": {
                "wide": {"use": "point_neurons", "window": "1 ms", "ranks": ranks, "params": params},
                "one": {"use": "point_neurons", "window": "1 ms", "params": outside},
                "tape": {"use": "player", "window": "1 ms", "params": tape},
            },
            "links": {
                "in": {"from": "one.spikes", "to": "wide.x", "delay": "1 ms"},
                "reward": {"from": "tape.out", "to": "wide.reward"},
            },
            "record": {"streams": ["wide.spikes", *(f"wide.{name}" for name in params["weights"])]},
        }  # fmt: skip

    file = tmp_path / "scenario.yaml"
    file.write_text(json.dumps(scenario(ranks, threads)))
    answer = mpirun(of, "-m", "cosim.cli", "run", str(file), "--out", str(tmp_path / "run"), "--quiet")
    assert answer.returncode == 0, answer.stderr
    spread, inline = cosim.open_run(tmp_path / "run"), cosim.run(scenario(), out=tmp_path / "inline", transport="inline")
    assert spread.hashes == inline.hashes
    assert differences(spread, inline) == []
    assert len(inline.spikes("wide.spikes").channels) > 50


def test_recorded_rows_stand_at_their_times():
    """Every 5 ms: what a window of 5 ms ends with."""
    given = network("stdp")
    given["weights"] = {"rows": {"projection": "ee_stdp", "every": 5 * MS}, "ends": {"projection": "ee_stdp"}}
    found = run(60.0, played(60.0), window_ms=5.0, **given)
    assert np.array_equal(found["rows"], found["ends"])
    assert len(np.unique(found["rows"])) > 6
