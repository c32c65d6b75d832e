"""The timed game on graphs whose answer is known: what delays buy."""

from __future__ import annotations

import pytest

import cosim
from cosim.scenario.forecast import forecast
from tests.ported import ported, samples

PORTS = [samples("x", "in"), samples("y", "out")]


def of(windows, links, stop="20 ms", costs=None, measured=None):
    engines = {name: (window, PORTS) for name, window in windows.items()}
    made = {
        f"{s}{t}": {"from": f"{s}.y", "to": f"{t}.x", "delay": delay, **more}
        for s, t, delay, *rest in links
        for more in [dict(*rest)]
    }
    scenario = ported(engines, made, stop)
    for name, cost in (costs or {}).items():
        scenario["engines"][name]["cost"] = cost
    report = cosim.check(scenario)
    assert report.ok, report.faults
    return forecast(report.plan, measured)


MS = dict.fromkeys("ab", "1 ms")


def test_a_loop_with_just_enough_delay_makes_engines_take_turns():
    found = of(MS, [("a", "b", "0 ms"), ("b", "a", "1 ms")])
    assert found.speed_up == pytest.approx(1.0, rel=1e-12)  # sums of equal costs in another order
    assert set(found.critical) == {"a", "b", "ab", "ba"}


def test_delays_of_a_window_let_both_compute_at_once():
    found = of(MS, [("a", "b", "1 ms"), ("b", "a", "1 ms")])
    assert found.speed_up == pytest.approx(2.0, rel=1e-12)


def test_engines_without_links_run_side_by_side():
    windows = dict.fromkeys("abcd", "1 ms")
    assert of(windows, []).speed_up == pytest.approx(4.0, rel=1e-12)


def test_a_chain_is_as_fast_as_its_slowest_engine_after_it_has_filled():
    """20 windows of a and b, b one behind: 21 units against 40."""
    found = of(MS, [("a", "b", "0 ms")])
    assert found.one_process == pytest.approx(40e-3, rel=1e-12)
    assert found.one_each == pytest.approx(21e-3, rel=1e-12)


def test_a_held_link_waits_for_less():
    """b(k) reads what a said before the window: both at once, once a has begun."""
    found = of(MS, [("a", "b", "0 ms", {"time": "hold"}), ("b", "a", "1 ms")])
    assert found.speed_up == pytest.approx(2.0, rel=1e-12)


def test_the_bottleneck_is_the_engine_that_computes_longest():
    found = of(MS, [("a", "b", "2 ms"), ("b", "a", "2 ms")], costs={"b": 3})
    assert found.bottleneck == "b"
    assert found.one_each == pytest.approx(60e-3, rel=1e-12)
    assert found.speed_up == pytest.approx(4 / 3, rel=1e-12)


def test_measured_costs_decide_where_they_are_given():
    found = of(MS, [("a", "b", "2 ms"), ("b", "a", "2 ms")], measured={"a": 0.5, "b": 0.1})
    assert (found.unit, found.bottleneck) == ("s", "a")
    assert found.one_process == pytest.approx(20 * 0.6, rel=1e-12)
    assert found.one_each == pytest.approx(20 * 0.5, rel=1e-12)


def test_of_two_loops_the_one_that_holds_the_run_up_is_named():
    """c and d take turns and are dearer than a and b, which do not."""
    windows = dict.fromkeys("abcd", "1 ms")
    links = [("a", "b", "1 ms"), ("b", "a", "1 ms"), ("c", "d", "0 ms"), ("d", "c", "1 ms")]
    found = of(windows, links, costs={"c": 2, "d": 2})
    assert set(found.critical) == {"c", "d", "cd", "dc"}
    assert found.one_each == pytest.approx(80e-3, rel=1e-12)


@pytest.mark.parametrize(("source", "target"), [("a", "z"), ("z", "a")])
def test_windows_that_do_not_divide_the_stop_are_played_to_the_end(source, target):
    """The source's windows of 3 ms pass the stop at 10 ms: its four windows, then the target's last: whatever their names."""
    found = of({source: "3 ms", target: "1 ms"}, [(source, target, "0 ms")], stop="10 ms")
    assert found.windows == {source: 4, target: 10}
    # the target's window (9, 10] needs source time 12, which is there after 4 windows of cost 3; then it runs for 1
    assert found.one_each == pytest.approx(13e-3, rel=1e-12)


def test_a_long_run_is_played_in_part_and_scaled():
    """10^6 windows: the ratio stays, within the one window that fills the chain."""
    found = of(MS, [("a", "b", "1 ms"), ("b", "a", "1 ms")], stop="500 s")
    assert found.windows == {"a": 500_000, "b": 500_000}
    assert found.speed_up == pytest.approx(2.0, rel=1e-3)


def test_what_check_prints_of_it():
    facts = of(MS, [("a", "b", "1 ms"), ("b", "a", "1 ms")]).as_dict()
    assert set(facts) == {"unit", "one_process", "one_each", "speed_up", "bottleneck", "critical", "windows"}
