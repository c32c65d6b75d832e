"""The scheduler alone: numbers in, engines out. The expected execution graph stands in each test."""

from __future__ import annotations

from cosim.runtime.scheduler import Scheduler
from cosim.scenario.proof import Flow, prove


def run_puppets(windows, flows, until, buffers=None):
    """Run all engines in one scheduler and say what was caused by what: ``b(0,1] <- a(0,1]``."""
    goals = dict.fromkeys(windows, until)
    scheduler = Scheduler(windows, goals, flows, buffers or {})
    order, clocks = [], dict.fromkeys(windows, 0)
    for f in flows:
        for stop in range(f.oldest_ns(0) + f.interval_ns, 1, f.interval_ns):
            scheduler.offered(f.name, stop)
    while (name := scheduler.next()) is not None:
        start, stop = clocks[name], clocks[name] + windows[name]
        order.append(f"{name}({start},{stop}]")
        clocks[name] = stop
        for f in flows:
            if f.source == name:
                for frame in range(start // f.interval_ns + 1, stop // f.interval_ns + 1):
                    scheduler.offered(f.name, frame * f.interval_ns)
        scheduler.advanced(name)
    return order, scheduler


def test_a_chain_runs_in_the_order_of_its_links():
    """a -> b, windows 1"""
    order, _ = run_puppets({"a": 1, "b": 1}, [Flow("ab", "a", "b", 1, 0)], 2)
    assert order == ["a(0,1]", "a(1,2]", "b(0,1]", "b(1,2]"] or order == ["a(0,1]", "b(0,1]", "a(1,2]", "b(1,2]"]


def test_a_delay_of_one_window_lets_both_run_at_once():
    """a <-> b, windows 1, delays 1: both may run (0,1] before either has said anything."""
    flows = [Flow("ab", "a", "b", 1, 1), Flow("ba", "b", "a", 1, 1)]
    order, _ = run_puppets({"a": 1, "b": 1}, flows, 2)
    assert sorted(order[:2]) == ["a(0,1]", "b(0,1]"]
    assert sorted(order[2:]) == ["a(1,2]", "b(1,2]"]


def test_a_loop_with_one_delay_takes_turns():
    """a -> b at once, b -> a after 1."""
    flows = [Flow("ab", "a", "b", 1, 0), Flow("ba", "b", "a", 1, 1)]
    order, _ = run_puppets({"a": 1, "b": 1}, flows, 2)
    assert order == ["a(0,1]", "b(0,1]", "a(1,2]", "b(1,2]"]


def test_unequal_windows_wait_for_whole_frames():
    """a: windows of 3, b: windows of 2; b(0,2] needs a's frame up to 3."""
    order, _ = run_puppets({"a": 3, "b": 2}, [Flow("ab", "a", "b", 3, 0)], 6)
    assert order.index("a(0,3]") < order.index("b(0,2]")
    assert order.index("a(3,6]") < order.index("b(2,4]")


def test_the_engine_furthest_behind_goes_first():
    order, _ = run_puppets({"a": 1, "b": 4}, [], 4)
    assert order == ["a(0,1]", "b(0,4]", "a(1,2]", "a(2,3]", "a(3,4]"]


def test_a_hold_link_reads_what_is_known_at_the_start():
    """b(1,2] holds a's value of time 1, so a need not have run (1,2]."""
    flows = [Flow("ab", "a", "b", 1, 0, hold=True), Flow("ba", "b", "a", 1, 0)]
    order, _ = run_puppets({"a": 1, "b": 1}, flows, 2)
    assert order == ["b(0,1]", "a(0,1]", "b(1,2]", "a(1,2]"]


def test_credit_holds_a_source_back():
    """a -> b with room for 2 beyond what is needed; b never runs here, so a stops."""
    flow = Flow("ab", "a", "b", 1, 0)
    scheduler = Scheduler({"a": 1}, {"a": 100, "b": 100}, [flow], {"ab": 5})
    ran = 0
    while (name := scheduler.next()) is not None:
        scheduler.advanced(name)
        ran += 1
    assert ran == 5
    assert scheduler.waits()[0].flow.name == "ab"
    scheduler.granted("ab", 3)
    while (name := scheduler.next()) is not None:
        scheduler.advanced(name)
        ran += 1
    assert ran == 8


def test_waits_say_have_and_need():
    """b has heard nothing: it has 0, needs 2."""
    scheduler = Scheduler({"b": 2}, {"a": 4, "b": 4}, [Flow("ab", "a", "b", 2, 0)], {})
    assert scheduler.next() is None
    (wait,) = scheduler.waits()
    assert (wait.engine, wait.has_ns, wait.needs_ns) == ("b", 0, 2)
    assert "b waits for a (link ab)" in str(wait)


def test_nothing_newer_is_waited_for_and_every_frame_is_expected():
    """a runs to 4, b only to 2: b is done, but takes the rest of a's frames, so that hashes don't depend on who ends first."""
    scheduler = Scheduler({"b": 2}, {"a": 4, "b": 2}, [Flow("ab", "a", "b", 2, 0)], {})
    scheduler.offered("ab", 2)
    assert scheduler.next() == "b"
    scheduler.advanced("b")
    assert scheduler.unfinished == 0
    assert scheduler.expected == 1
    scheduler.offered("ab", 4)
    assert scheduler.expected == 0


def test_live_graphs_reach_their_goals():
    flows = [Flow("ab", "a", "b", 2, 3), Flow("bc", "b", "c", 3, 0), Flow("ca", "c", "a", 6, 2), Flow("cc", "c", "c", 1, 6)]
    windows = {"a": 2, "b": 3, "c": 6}
    verdict = prove(windows, flows)
    if verdict.is_live:
        _, scheduler = run_puppets(windows, flows, 60)
        assert scheduler.unfinished == 0
