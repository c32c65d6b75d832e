"""The same scenario, however it is run, carries the same bits: inline, ZeroMQ, MPI, with delays injected into every worker."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cosim
from cosim.scenario.planner import make_plan
from cosim.scenario.schema import Scenario
from cosim.sdk import ScenarioError
from tests.graphs import draw_scenario
from tests.puppets import PUPPET

seeds = st.integers(0, 2**32 - 1)


def live_scenario(first_seed: int, **options) -> dict:
    """The first drawn graph from ``first_seed`` on that the proof admits and that has a loop."""
    for seed in range(first_seed, first_seed + 1000):
        scenario = draw_scenario(seed, **options)
        report = cosim.check(scenario)
        if report.ok and report.plan.proof.in_loop and len(report.plan.engines) >= 3:
            return scenario
    raise AssertionError("no live graph among 1000")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=seeds)
def test_the_proof_and_a_real_run_agree(seed, run_hashes):
    """What the proof admits runs to its end; what it refuses would hang, which the scheduler shows without a process."""
    scenario = draw_scenario(seed)
    report = cosim.check(scenario)
    if report.ok:
        assert all(run_hashes(scenario).values())
        return
    assert all(getattr(fault, "deadlock", None) for fault in report.faults)
    assert hangs(scenario)


def hangs(scenario: dict) -> bool:
    """Whether the engines of a refused scenario really stop short, in one process and without any proof."""
    from cosim.runtime.scheduler import Scheduler

    plan = make_plan(Scenario.from_data(scenario), check_loops=False)
    windows = {n: e.window_ns for n, e in plan.engines.items()}
    flows = [link.flow for link in plan.links.values()]
    goal = 400 * max(windows.values())
    scheduler, clocks = Scheduler(windows, dict.fromkeys(windows, goal), flows, {}), dict.fromkeys(windows, 0)
    for f in flows:
        for stop in range(f.oldest_ns(0) + f.interval_ns, 1, f.interval_ns):
            scheduler.offered(f.name, stop)
    while (name := scheduler.next()) is not None:
        start, clocks[name] = clocks[name], clocks[name] + windows[name]
        for f in flows:
            if f.source == name:
                for frame in range(start // f.interval_ns + 1, clocks[name] // f.interval_ns + 1):
                    scheduler.offered(f.name, frame * f.interval_ns)
        scheduler.advanced(name)
    return scheduler.unfinished > 0


@pytest.mark.parametrize("first_seed", [0, 5000])
def test_inline_and_zeromq_carry_the_same_bits(first_seed, run_hashes):
    scenario = live_scenario(first_seed)
    inline = run_hashes(scenario)
    assert all(len(h) == 64 for h in inline.values())
    for processes in (1, 2, len(scenario["engines"])):
        assert run_hashes(scenario, "zeromq", processes) == inline, f"{processes} processes"
    assert run_hashes(scenario, "zeromq-tcp", 2) == inline


def test_random_delays_in_every_worker_change_no_bit(run_hashes):
    scenario = live_scenario(9000)
    assert run_hashes(scenario, "zeromq", 3, delay_ms=3.0) == run_hashes(scenario)


@pytest.mark.mpi
@pytest.mark.parametrize(("ranks", "delay_ms"), [(1, 0), (2, 0), (3, 2), (5, 0)])
def test_mpi_carries_the_same_bits_on_any_number_of_ranks(ranks, delay_ms, run_hashes, mpirun, tmp_path):
    scenario = live_scenario(0)
    file = tmp_path / "scenario.yaml"
    file.write_text(json.dumps(scenario))
    out = tmp_path / f"mpi{ranks}"
    answer = mpirun(ranks, "-m", "cosim.cli", "run", str(file), "--out", str(out), "--quiet", COSIM_TEST_DELAY_MS=str(delay_ms))
    assert answer.returncode == 0, answer.stderr
    assert cosim.open_run(out).hashes == run_hashes(scenario)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=seeds)
def test_drawn_graphs_carry_the_same_bits_over_zeromq(seed, run_hashes):
    scenario = draw_scenario(seed)
    try:
        make_plan(Scenario.from_data(scenario))
    except ScenarioError:
        return
    assert run_hashes(scenario, "zeromq", 2) == run_hashes(scenario)


@pytest.mark.mpi
def test_large_frames_travel_in_pieces(run_hashes, mpirun, tmp_path):
    """100 000 channels: 800 kB a frame, beyond what is sent in one piece."""
    scenario = {
        "cosim": 1,
        "about": {"name": "large"},
        "clock": {"stop": "5 ms"},
        "engines": {n: {"use": PUPPET, "window": "1 ms", "params": {"channels": 100_000}} for n in ("a", "b")},
        "links": {"ab": {"from": "a.y", "to": "b.x", "delay": "1 ms"}, "ba": {"from": "b.y", "to": "a.x", "delay": "1 ms"}},
        "record": {"streams": ["a.y", "b.y"]},
    }
    inline = run_hashes(scenario)
    assert run_hashes(scenario, "zeromq", 2) == inline
    file, out = tmp_path / "scenario.yaml", tmp_path / "mpi"
    file.write_text(json.dumps(scenario))
    answer = mpirun(2, "-m", "cosim.cli", "run", str(file), "--out", str(out), "--quiet")
    assert answer.returncode == 0, answer.stderr
    assert cosim.open_run(out).hashes == inline
    assert cosim.open_run(out).samples("b.y").values.shape == (5, 100_000)


@pytest.mark.mpi
@pytest.mark.parametrize("kind", ["samples", "spikes"])
def test_large_frames_that_wait_are_not_written_over(kind, run_hashes, mpirun, tmp_path):
    """Frames of 80 kB (or some 60 kB of spikes) wait 20 windows; what their target says depends on each value that it reads."""
    ends = {"from": "a.y", "to": "b.x"} if kind == "samples" else {"from": "a.spikes", "to": "b.events"}
    size = 10_000 if kind == "samples" else 12_000
    engines = {n: {"use": PUPPET, "window": w, "params": {"channels": size}} for n, w in (("a", "1 ms"), ("b", "10 ms"))}
    scenario = {
        "cosim": 1,
        "about": {"name": "waiting"},
        "clock": {"stop": "60 ms", "seed": 1},
        "engines": {**engines, "c": {"use": PUPPET, "window": "10 ms", "params": {"channels": size}}},
        "links": {"ab": {**ends, "delay": "20 ms"}, "bc": {"from": "b.y", "to": "c.x"}},
    }
    file, out = tmp_path / "scenario.yaml", tmp_path / "mpi"
    file.write_text(json.dumps(scenario))
    answer = mpirun(3, "-m", "cosim.cli", "run", str(file), "--out", str(out), "--quiet")
    assert answer.returncode == 0, answer.stderr
    inline = run_hashes(scenario)
    assert cosim.open_run(out).hashes == inline
    assert run_hashes(scenario, "zeromq", 3) == inline
