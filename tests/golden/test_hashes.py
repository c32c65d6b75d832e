"""Link hashes of every scenario that comes with cosim: equal inline, over ZeroMQ and under MPI, with and without injected delays.

Hashes are compared between runs of one machine: compilers and maths libraries of another may round differently.
"""

from __future__ import annotations

import json

import pytest

import cosim
from cosim.api import installed_scenarios
from cosim.compare import differences
from tests.conftest import skip_unless_it_runs

TWO = {"engines.sweep.params.replicas": 2, "engines.sweep.params.sweep": {"G": [0.5, 1.2]}}
TWO_STRENGTHS = {"engines.sweep.params.replicas": 2, "engines.sweep.params.sweep": {"G": [0.3, 0.5]}}
FEW = {
    **{f"engines.network.params.populations.{name}.size": size for name, size in (("E", 400), ("I", 100))},
    **{f"engines.network.params.projections.{name}.indegree": 40 if name[0] == "E" else 10 for name in ("EE", "EI", "IE", "II")},
}
SHORT = {
    "arbor_in_brain": {"clock.stop": "60 ms", "engines.column.params.args.size": 20},
    "brunel": {"clock.stop": "200 ms", **FEW},
    "brunel/si_fast": {"clock.stop": "200 ms", **FEW},
    "brunel/si_slow": {"clock.stop": "200 ms", **FEW},
    "brunel/sr": {"clock.stop": "200 ms", **FEW},
    "calcium_wave": {"clock.stop": "1.2 s"},  # the stimulus comes at 0.5 s
    "calcium_wave/front": {"clock.stop": "2 s"},
    "column_in_brain": {"clock.stop": "60 ms", "engines.column.params.neurons": 0.02},
    "delayed_loop": {"clock.stop": "400 ms"},
    "dendrite": {"clock.stop": "80 ms"},  # the first volley comes at 68 ms
    "lsnn_digits": {"clock.stop": "1.44 s"},
    "lsnn_digits/plain": {"clock.stop": "1.44 s"},
    "microcircuit": {"clock.stop": "200 ms", "engines.circuit.params.neurons": 0.02},
    "microcircuit/thalamus": {"clock.stop": "600 ms", "engines.circuit.params.neurons": 0.02},
    "nengo_robot": {"clock.stop": "60 ms", "engines.brain.params.args.neurons": 100},
    "neuroml_worm": {"clock.stop": "300 ms"},  # silent up to 200 ms
    "neuron_dendrite": {"clock.stop": "60 ms", "engines.network.params.args.start": "0 ms"},
    "nest_in_tvb": {"clock.stop": "60 ms", "engines.column.params.args.size": 250},
    "one_synapse_four_scales": {"clock.stop": "4 ms"},  # the first vesicle opens at 2 ms
    "one_synapse_four_scales/reconstructed": {"clock.stop": "4 ms"},
    "one_synapse_four_scales/stochastic": {
        "clock.stop": "3 ms",
        "engines.cleft.params.replicas": 2,
        "engines.dendrite.params.populations.cell.size": 2,
    },
    "own_model": {"clock.stop": "200 ms"},
    "population_swap": {"clock.stop": "60 ms", "engines.column.params.populations.rV2.size": 500},
    "population_swap/brian2": {"clock.stop": "60 ms", "engines.column.params.args.size": 200},
    "population_swap/nest": {"clock.stop": "60 ms", "engines.column.params.args.size": 200},
    "population_swap/tvb": {"clock.stop": "60 ms", "engines.column.params.populations.rV2.size": 500},
    "population_swap_pair": {"clock.stop": "60 ms", "engines.column.params.populations.b.size": 500},
    "resting_state": {"clock.stop": "20 s", **TWO},
    "resting_state/hcp": {"clock.stop": "20 s", **TWO},
    "ring": {"clock.stop": "30 ms"},
    "seizure_from_ions": {"clock.stop": "300 ms", **TWO_STRENGTHS},  # the ill cells begin at 80 ms
    "seizure_from_ions/healthy": {"clock.stop": "300 ms", **TWO_STRENGTHS},
    "seizure_spread": {"clock.stop": "400 ms"},
    "seizure_spread/generated": {"clock.stop": "400 ms"},
    "spillover": {"clock.stop": "3 ms"},  # the first spikes come at 1 ms
    "spillover/partner": {"clock.stop": "3 ms"},
    "working_memory": {"clock.stop": "700 ms"},
    "working_memory/no_facilitation": {"clock.stop": "700 ms"},
    "working_memory/persistent": {"clock.stop": "700 ms"},
}
"""Fewer neurons and less time: the same links, windows and translators."""


@pytest.fixture(scope="module")
def inline(tmp_path_factory):
    """Each scenario, run in one process."""
    known = {}

    def run(name):
        skip_unless_it_runs(name)
        if name not in known:
            out = tmp_path_factory.mktemp(name.replace("/", "_")) / "inline"
            known[name] = cosim.run(name, settings=SHORT[name], out=out, transport="inline")
        return known[name]

    return run


def test_every_scenario_is_held_to_it():
    assert set(SHORT) == set(installed_scenarios())


@pytest.mark.parametrize("name", sorted(SHORT))
@pytest.mark.parametrize(("processes", "delay_ms"), [(1, 0), (2, 0), (9, 2)])
def test_over_zeromq(name, processes, delay_ms, inline, tmp_path, monkeypatch):
    """9 processes are more than engines: then there is one for each."""
    expected = inline(name)
    if delay_ms:
        monkeypatch.setenv("COSIM_TEST_DELAY_MS", str(delay_ms))
    run = cosim.run(name, settings=SHORT[name], out=tmp_path, transport="zeromq", processes=processes)
    assert run.hashes == expected.hashes
    assert differences(run, expected) == []
    assert len(set(run.overview["homes"].values())) == min(processes, len(run.overview["homes"]))


@pytest.mark.mpi
@pytest.mark.parametrize("name", sorted(SHORT))
@pytest.mark.parametrize(("ranks", "delay_ms"), [(1, 0), (2, 2), (3, 0), (5, 0)])
def test_under_mpi(name, ranks, delay_ms, inline, mpirun, tmp_path):
    expected = inline(name)
    settings = [part for key, value in SHORT[name].items() for part in ("--set", f"{key}={json.dumps(value)}")]
    command = ["-m", "cosim.cli", "run", name, "--out", str(tmp_path / "run"), "--quiet", *settings]
    answer = mpirun(ranks, *command, COSIM_TEST_DELAY_MS=str(delay_ms))
    assert answer.returncode == 0, answer.stderr
    run = cosim.open_run(tmp_path / "run")
    assert run.hashes == expected.hashes
    assert differences(run, expected) == []
