"""A network of neurons spread over MPI ranks: the same hashes, spikes and samples for any number of ranks and threads."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cosim
from cosim.compare import differences

FAST = {"tau_syn_ex": "0.5 ms", "tau_syn_in": "0.5 ms"}


def scenario(ranks: int = 1, threads: int = 1) -> dict:
    cells = {
        "model": "iaf_psc_exp",
        "parameters": {**FAST, "V_th": {"normal": ["-55 mV", "0.5 mV"]}},
        "poisson": {"outside": {"rate": "12 kHz", "weight": "90 pA"}},
        "initial": {"V": {"uniform": ["-70 mV", "-55 mV"]}},
    }
    spread = {"weight": {"normal": ["80 pA", "8 pA"], "low": "0 pA"}, "delay": {"uniform": ["0.5 ms", "3 ms"]}}
    network = {
        "threads": threads,
        "populations": {
            "e": {**cells, "size": 203},
            "i": {**cells, "size": 51},
            "q": {"model": "qif", "size": 30, "parameters": {"eta": {"lorentzian": [2, 1]}}},
            "g": {"model": "spike_generator", "size": 2, "times": [["3 ms", "9 ms"], ["4.05 ms"]]},
        },
        "projections": {
            "ee": {"from": "e", "to": "e", "rule": "fixed_indegree", "indegree": 20, **spread},
            "ei": {"from": "e", "to": "i", "rule": "bernoulli", "probability": 0.2, "weight": "70 pA", "delay": "1.5 ms"},
            "ie": {"from": "i", "to": "e", "rule": "all_to_all", "weight": "-40 pA", "delay": "0.8 ms"},
            "qi": {"from": "q", "to": "i", "rule": "fixed_total_number", "number": 400, "weight": "30 pA"},
            "gq": {"from": "g", "to": "q", "weight": 0.5},
            "xq": {"from": "x", "to": "q", "weight": 0.1, "delay": "2 ms"},
        },
        "inputs": {
            "x": {"kind": "spikes", "size": 40},
            "drive": {"kind": "rate", "to": "i", "weight": "60 pA"},
            "push": {"kind": "drive", "to": "e", "each": True},
        },
        "record": {"V": {"e": [0, 7, 202], "i": [5]}},
    }
    outside = {"populations": {"o": {**cells, "size": 40}}, "inputs": {"x": {"kind": "drive", "to": "o"}}}
    tape = {"values": [[k % 7 * 10.0] * 203 for k in range(20)], "dt": "1 ms", "quantity": "current", "unit": "pA"}
    return {
        "cosim": 1,
        "about": {"name": "spread"},
        "clock": {"stop": "40 ms", "seed": 4},
        "engines": {
            "wide": {"use": "point_neurons", "window": "1 ms", "ranks": ranks, "params": network},
            "one": {"use": "point_neurons", "window": "2 ms", "params": outside},
            "tape": {"use": "player", "window": "1 ms", "params": tape},
        },
        "links": {
            "in": {"from": "one.spikes", "to": "wide.x", "delay": "2 ms"},
            "rates": {"from": "one.rate", "to": "wide.drive", "delay": "2 ms", "via": [{"scale": {"factor": 10}}]},
            "out": {
                "from": "wide.V[0:1]",
                "to": "one.x",
                "delay": "2 ms",
                "via": [{"scale": {"factor": 1, "unit": "pA", "quantity": "current"}}],
            },
            "tape": {"from": "tape.out", "to": "wide.push"},
        },
        "record": {"streams": ["wide.spikes", "wide.V", "wide.rate", "one.spikes"]},
    }


@pytest.fixture(scope="module")
def inline(tmp_path_factory):
    run = cosim.run(scenario(), out=tmp_path_factory.mktemp("spread") / "inline", transport="inline")
    spikes = run.spikes("wide.spikes")
    assert all(np.isin(spikes.channels, range(a, b)).sum() >= 3 for a, b in ((0, 203), (203, 254), (254, 284), (284, 286)))
    return run


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(threads, inline, tmp_path):
    run = cosim.run(scenario(threads=threads), out=tmp_path, transport="inline")
    assert run.hashes == inline.hashes
    assert differences(run, inline) == []


@pytest.mark.mpi
@pytest.mark.parametrize(("ranks", "threads", "of"), [(2, 1, 2), (2, 2, 3), (4, 1, 4), (3, 1, 5)])
def test_ranks_change_nothing(ranks, threads, of, inline, mpirun, tmp_path):
    file = tmp_path / "scenario.yaml"
    file.write_text(json.dumps(scenario(ranks, threads)))
    answer = mpirun(of, "-m", "cosim.cli", "run", str(file), "--out", str(tmp_path / "run"), "--quiet")
    assert answer.returncode == 0, answer.stderr
    run = cosim.open_run(tmp_path / "run")
    assert run.hashes == inline.hashes
    assert differences(run, inline) == []
