"""From a scenario to a plan: channels, units, grids, delays, first values, and how far each engine runs."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import cosim
from cosim.scenario.plan import derived_seed
from cosim.sdk import HELD, NOT_FED
from tests.ported import ported, samples, spikes

MS = 1_000_000


def plan_of(scenario):
    report = cosim.check(scenario)
    assert report.ok, [str(fault) for fault in report.faults]
    return report.plan


def fault_of(scenario):
    (fault,) = cosim.check(scenario).faults
    return fault


def heard(scenario, tmp_path, at="b.x"):
    """What arrives at a port, run in one process: samples as (steps, channels), spikes as (time, channel) pairs."""
    engine = plan_of(scenario).engines[at.partition(".")[0]].cls
    cosim.run(scenario, out=tmp_path / f"run{len(list(tmp_path.iterdir()))}", transport="inline")
    parts = engine.heard[at]
    if hasattr(parts[0], "values"):
        return np.concatenate([part.values for part in parts])
    return [(int(t), int(c)) for part in parts for t, c in zip(part.times_ns, part.channels, strict=True)]


def two(source, target, link, **more):
    return ported({"a": [source], "b": [target]}, {"l": {"from": "a.y", "to": "b.x", **link}}, **more)


# -- channels ----------------------------------------------------------------------------------------------------------


def test_equal_counts_map_one_to_one(tmp_path):
    scenario = two(samples("y", "out", 2), samples("x", "in", 2), {})
    assert plan_of(scenario).links["l"].channels.operation == "one_to_one"
    assert heard(scenario, tmp_path).tolist() == [[k, 1000 + k] for k in (1, 2, 3, 4)]


def test_one_channel_is_broadcast_to_many(tmp_path):
    scenario = two(samples("y", "out"), samples("x", "in", 3), {})
    assert heard(scenario, tmp_path).tolist() == [[k] * 3 for k in (1, 2, 3, 4)]


def test_a_broadcast_spike_reaches_every_channel_in_order(tmp_path):
    scenario = two(spikes("y", "out"), spikes("x", "in", 3), {}, stop="1 ms")
    assert heard(scenario, tmp_path) == [(1, 0), (1, 1), (1, 2), (MS, 0), (MS, 1), (MS, 2)]


def test_two_spikes_at_one_time_are_broadcast_in_the_order_of_the_contract():
    """Channels of equal times stay sorted: 0, 0, 1, 1."""
    from cosim.scenario.channels import ChannelMap
    from cosim.sdk import Spikes, Window

    out = ChannelMap("broadcast", 1.0, None, 2).combine(Spikes(Window(0, 9), np.array([5, 5]), np.zeros(2, np.int32)))
    assert out.times_ns.tolist() == [5] * 4
    assert out.channels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("operation", "expected"), [("sum", [3003, 3006]), ("mean", [1001, 1002])])
def test_many_channels_are_summed_or_averaged_into_one(operation, expected, tmp_path):
    scenario = two(samples("y", "out", 3), samples("x", "in"), {"map": operation}, stop="2 ms")
    assert plan_of(scenario).links["l"].map_at_source  # where the data get smaller
    assert heard(scenario, tmp_path)[:, 0].tolist() == expected


def test_spikes_of_many_channels_are_united_into_one(tmp_path):
    scenario = two(spikes("y", "out", 2), spikes("x", "in"), {"map": "sum"}, stop="1 ms")
    assert heard(scenario, tmp_path) == [(1, 0), (2, 0), (MS, 0), (MS, 0)]


def test_weights_come_from_a_table_and_units_are_converted_after(tmp_path):
    """Weights by label or number, into the channels that are selected; mV become V."""
    (tmp_path / "w.csv").write_text("target,source,weight\nright,0,2\nright,b,0.5\nleft,1,1\n")
    scenario = two(
        samples("y", "out", ["a", "b"], unit="mV"),
        samples("x", "in", ["left", "middle", "right"], unit="V"),
        {"to": "b.x[right,left]", "map": {"weights": "w.csv"}},
        stop="1 ms",
    )
    scenario["folder"] = str(tmp_path)
    assert heard(scenario, tmp_path)[0] == pytest.approx([1.001, 0, 0.5025], rel=1e-15)  # one rounding each


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("target,source\n0,0\n", "no columns target, source, weight"),
        ("target,source,weight\n0,0,1\n0,nobody,1\n", "w.csv:3 cannot be used"),
        ("target,source,weight\n0,0,heavy\n", "w.csv:2 cannot be used"),
        ("target,source,weight\n0,0,inf\n", "not finite"),
    ],
)
def test_a_table_of_weights_that_cannot_be_used_is_told(text, what, tmp_path):
    (tmp_path / "w.csv").write_text(text)
    scenario = two(samples("y", "out", 2), samples("x", "in", 3), {"map": {"weights": "w.csv"}})
    assert what in fault_of({**scenario, "folder": str(tmp_path)}).what


def test_weights_that_are_not_there_and_weighted_spikes_are_refused(tmp_path):
    scenario = two(samples("y", "out", 2), samples("x", "in", 3), {"map": {"weights": "w.csv"}})
    assert "does not exist" in fault_of(scenario).what
    scenario = two(spikes("y", "out", 2), spikes("x", "in", 3), {"map": {"weights": "w.csv"}})
    assert "spikes cannot be weighted" in fault_of(scenario).what


@pytest.mark.parametrize(
    ("counts", "operation", "what"),
    [
        ((2, 3), None, "2 channels don't map to 3 by themselves"),
        ((2, 3), "one_to_one", "needs equal counts"),
        ((2, 2), "broadcast", "needs one source channel"),
        ((2, 2), "sum", "needs one target channel"),
        ((3, 2), "mean", "needs one target channel, and samples"),
    ],
)
def test_counts_that_do_not_fit_are_refused(counts, operation, what):
    link = {} if operation is None else {"map": operation}
    assert what in fault_of(two(samples("y", "out", counts[0]), samples("x", "in", counts[1]), link)).what


def test_selected_channels_go_where_the_link_says_and_the_rest_is_zero(tmp_path):
    """c, a -> right, left, in the order of the selectors."""
    scenario = two(
        samples("y", "out", ["a", "b", "c"]),
        samples("x", "in", ["left", "middle", "right"]),
        {"from": "a.y[c,a]", "to": "b.x[right,left]", "delay": "2 ms"},
        stop="3 ms",
    )
    engine = plan_of(scenario).engines["b"]
    assert engine.delays_ns["x"].tolist() == [2 * MS, NOT_FED, 2 * MS]
    assert heard(scenario, tmp_path).tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 2001]]


@pytest.mark.parametrize("end", ["from", "to"])
@pytest.mark.parametrize(
    ("selector", "what"), [("0,0", "selects channel '0' twice"), ("both,1", "channel '1' twice"), (",", "nothing")]
)
def test_a_channel_selected_twice_or_nothing_selected_is_refused(end, selector, what):
    """Spikes of a channel could not go to two rows at once, and of two values for one row the last would win in silence."""
    both = {"groups": {"both": [0, 1]}}
    port = {"from": "a.y", "to": "b.x"}[end]
    scenario = two(samples("y", "out", 3, **both), samples("x", "in", 3, **both), {end: f"{port}[{selector}]"})
    assert what in fault_of(scenario).what


# -- several links into one port ---------------------------------------------------------------------------------------


def test_links_into_one_port_are_summed_in_the_order_of_their_names(tmp_path):
    """0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 differ in the last bit: the names decide, not the file."""
    factors = {"z": 0.1, "m": 0.2, "c": 0.3}
    links = {n: {"from": "a.y", "to": "b.x", "via": [{"scale": {"factor": 0.0, "offset": f}}]} for n, f in factors.items()}
    scenario = ported({"a": [samples("y", "out")], "b": [samples("x", "in")]}, links, stop="1 ms")
    assert heard(scenario, tmp_path)[0, 0] == (0.3 + 0.2) + 0.1 != (0.1 + 0.2) + 0.3


def test_spikes_of_several_links_are_united_and_sorted(tmp_path):
    links = {"late": {"from": "a.y", "to": "b.x[0]", "delay": "1 ms"}, "now": {"from": "a.y", "to": "b.x[1]"}}
    scenario = ported({"a": [spikes("y", "out")], "b": [spikes("x", "in", 2)]}, links, stop="2 ms")
    expected = [(1, 1), (MS, 1), (MS + 1, 0), (MS + 1, 1), (2 * MS, 0), (2 * MS, 1)]
    assert heard(scenario, tmp_path) == expected


def test_links_of_unequal_grids_meet_on_the_finest(tmp_path):
    """Rows of 2 ms and of 1 ms: 2 ms rows are in force over the step that they end."""
    engines = {
        "a": ("2 ms", [samples("y", "out")]),
        "c": ("2 ms", [samples("y", "out", dt_ns=MS)]),
        "b": ("2 ms", [samples("x", "in")]),
    }
    links = {"slow": {"from": "a.y", "to": "b.x"}, "fast": {"from": "c.y", "to": "b.x"}}
    scenario = ported(engines, links)
    assert plan_of(scenario).engines["b"].arriving["x"].dt_ns == MS
    assert heard(scenario, tmp_path)[:, 0].tolist() == [2 + 1, 2 + 2, 4 + 3, 4 + 4]


# -- units -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "taken", "times"), [("Hz", "1/ms", 1e-3), ("1/ms", "Hz", 1e3), ("mV", "V", 1e-3), ("V", "mV", 1e3)]
)
def test_a_scale_that_differs_is_converted(given, taken, times, tmp_path):
    scenario = two(samples("y", "out", unit=given), samples("x", "in", unit=taken), {}, stop="2 ms")
    assert plan_of(scenario).links["l"].channels.scale == times
    assert heard(scenario, tmp_path)[:, 0].tolist() == [times, 2 * times]


def test_a_dimension_or_a_quantity_that_differs_is_refused_with_a_way_out():
    fault = fault_of(two(samples("y", "out", unit="Hz"), samples("x", "in", unit="mV"), {}))
    assert "in Hz, x takes mV" in fault.what
    assert "scale" in fault.mend
    fault = fault_of(two(samples("y", "out", quantity="current"), samples("x", "in", quantity="conductance"), {}))
    assert "is current, x takes conductance" in fault.what
    assert "quantity: conductance" in fault.mend
    renamed = {"via": {"scale": {"quantity": "conductance"}}}
    assert plan_of(two(samples("y", "out", quantity="current"), samples("x", "in", quantity="conductance"), renamed)).links


# -- time --------------------------------------------------------------------------------------------------------------


def test_the_lead_of_a_port_adds_to_the_delay(tmp_path):
    scenario = two(samples("y", "out", lead_ns=2 * MS), samples("x", "in"), {"delay": "1 ms"}, stop="5 ms")
    plan = plan_of(scenario)
    assert plan.links["l"].delay_ns == 3 * MS
    assert plan.engines["b"].delays_ns["x"].tolist() == [3 * MS]
    assert heard(scenario, tmp_path)[:, 0].tolist() == [0, 0, 0, 1, 2]


def test_a_delay_off_the_grid_refines_it(tmp_path):
    """Rows of 1 ms, 1.5 ms later: steps of 0.5 ms, the row in force over each."""
    scenario = two(samples("y", "out"), samples("x", "in"), {"delay": "1.5 ms"}, stop="3 ms")
    assert plan_of(scenario).engines["b"].arriving["x"].dt_ns == MS // 2
    assert heard(scenario, tmp_path)[:, 0].tolist() == [0, 0, 0, 1, 1, 2]


def test_a_port_that_asks_for_a_step_gets_it_by_resampling(tmp_path):
    scenario = two(samples("y", "out", dt_ns=MS // 2), samples("x", "in", dt_ns=MS), {}, stop="2 ms")
    plan = plan_of(scenario)
    assert [stage.name for stage in plan.links["l"].stages] == ["resample"]
    assert plan.engines["b"].arriving["x"].dt_ns == MS
    assert heard(scenario, tmp_path)[:, 0].tolist() == [0.75, 1.75]  # means of 0.5 and 1, 1.5 and 2


def test_a_port_that_asks_for_what_arrives_needs_no_resampling():
    assert plan_of(two(samples("y", "out", dt_ns=MS), samples("x", "in", dt_ns=MS), {})).links["l"].stages == ()


def test_a_held_link_gives_one_value_over_a_window(tmp_path):
    """Windows of 1 ms hold the last row of frames of 2 ms that were whole at the window's start."""
    engines = {"a": ("2 ms", [samples("y", "out", dt_ns=MS)]), "b": [samples("x", "in", dt_ns=MS // 2)]}
    link = {"from": "a.y", "to": "b.x", "time": "hold", "initial": -1}
    scenario = ported(engines, {"l": link}, stop="5 ms")
    plan = plan_of(scenario)
    assert plan.engines["b"].delays_ns["x"].tolist() == [HELD]
    assert heard(scenario, tmp_path)[:, 0].tolist() == [-1] * 4 + [2] * 4 + [4] * 2


@pytest.mark.parametrize("interval", ["2 ms", "3 ms"])
def test_frames_of_several_windows_carry_the_same(interval, tmp_path):
    plain = two(samples("y", "out"), samples("x", "in"), {"delay": "3 ms"}, stop="6 ms")
    framed = two(samples("y", "out"), samples("x", "in"), {"delay": "3 ms", "interval": interval}, stop="6 ms")
    assert plan_of(framed).links["l"].interval_ns == int(interval[0]) * MS
    assert heard(framed, tmp_path).tolist() == heard(plain, tmp_path).tolist() == [[0], [0], [0], [1], [2], [3]]


def test_frames_shorter_than_a_window_carry_the_same(tmp_path):
    link = {"interval": "0.5 ms"}
    source = samples("y", "out", dt_ns=MS // 2)
    assert heard(two(source, samples("x", "in"), link, stop="2 ms"), tmp_path)[:, 0].tolist() == [0.5, 1, 1.5, 2]


# -- the first value ---------------------------------------------------------------------------------------------------


def test_before_the_first_data_holds_the_initial_value(tmp_path):
    link = {"delay": "2 ms", "initial": "3 Hz"}
    scenario = two(samples("y", "out", 2, unit="Hz"), samples("x", "in", 2, unit="1/ms"), link, stop="3 ms")
    assert heard(scenario, tmp_path)[0].tolist() == [3e-3, 3e-3]
    scenario["links"]["l"]["initial"] = ["3 Hz", "2000 1/min"]
    assert heard(scenario, tmp_path)[1].tolist() == pytest.approx([3e-3, 2 / 60], rel=1e-15)  # one rounding each


def test_the_initial_value_goes_through_the_chain(tmp_path):
    link = {"delay": "1 ms", "initial": 5, "via": {"scale": {"factor": 10, "offset": 1}}}
    assert heard(two(samples("y", "out"), samples("x", "in"), link, stop="2 ms"), tmp_path)[:, 0].tolist() == [51, 11]


def test_of_a_source_of_spikes_the_initial_value_is_that_of_the_chains_end(tmp_path):
    """Before time 0 there are no spikes, but there may have been a rate."""
    link = {"delay": "1 ms", "initial": "7 Hz", "via": "spikes_to_rate"}
    scenario = two(spikes("y", "out", 2), samples("x", "in", 2, unit="Hz"), link, stop="2 ms")
    assert heard(scenario, tmp_path).tolist() == [[7, 7], [2000, 2000]]


@pytest.mark.parametrize(("operation", "expected"), [("sum", [14, 4000]), ("mean", [7, 2000])])
def test_the_initial_value_of_the_chains_end_is_mapped_like_what_follows(operation, expected, tmp_path):
    link = {"delay": "1 ms", "initial": "7 Hz", "via": {"spikes_to_rate": {"pool": "channel"}}, "map": operation}
    scenario = two(spikes("y", "out", 2), samples("x", "in", 1, unit="Hz"), link, stop="2 ms")
    assert plan_of(scenario).links["l"].map_at_source
    assert heard(scenario, tmp_path)[:, 0].tolist() == expected


@pytest.mark.parametrize(
    ("initial", "what"),
    [([1, 2, 3], "3 initial values for 2 channels"), (3, "has no unit"), ("3 mV", "cannot be converted"), ("x", "not a quantity")],
)
def test_an_initial_value_that_does_not_fit_is_refused(initial, what):
    fault = fault_of(
        two(samples("y", "out", 2, unit="Hz"), samples("x", "in", 2, unit="Hz"), {"delay": "1 ms", "initial": initial})
    )
    assert what in fault.what
    assert fault.where.endswith("links.l.initial")


# -- how far each engine runs ------------------------------------------------------------------------------------------


def test_engines_run_past_a_stop_that_is_no_multiple_of_their_windows():
    engines = {"a": ("3 ms", [samples("y", "out")]), "b": ("2 ms", [samples("x", "in")])}
    assert plan_of(ported(engines, {}, stop="4 ms")).goals_ns == {"a": 6 * MS, "b": 4 * MS}


def test_an_engine_runs_as_far_as_others_need_it():
    """c stops at 5 ms, so b must reach 6, so a must reach 8."""
    engines = {
        "a": ("4 ms", [samples("y", "out")]),
        "b": ("3 ms", [samples("x", "in"), samples("y", "out")]),
        "c": ("5 ms", [samples("x", "in")]),
    }
    links = {"ab": {"from": "a.y", "to": "b.x"}, "bc": {"from": "b.y", "to": "c.x"}}
    assert plan_of(ported(engines, links, stop="1 ms")).goals_ns == {"a": 8 * MS, "b": 6 * MS, "c": 5 * MS}


def test_a_delay_spares_the_source_the_last_windows_but_not_its_own_stop():
    engines = {"a": [samples("y", "out")], "b": ("10 ms", [samples("x", "in")])}
    links = {"l": {"from": "a.y", "to": "b.x", "delay": "7 ms"}}
    assert plan_of(ported(engines, links, stop="1 ms")).goals_ns == {"a": 3 * MS, "b": 10 * MS}


def test_windows_are_forecast_to_the_goals():
    engines = {"a": ("3 ms", [samples("y", "out")]), "b": ("2 ms", [samples("x", "in")])}
    from cosim.scenario.forecast import forecast

    assert forecast(plan_of(ported(engines, {}, stop="4 ms"))).windows == {"a": 2, "b": 2}


# -- seeds, streams ----------------------------------------------------------------------------------------------------


def test_seeds_differ_between_engines_and_are_the_same_in_every_process():
    """The first 63 bits of SHA-256 over the scenario's seed and the engine's name: any change of it changes every result."""
    plan = plan_of(ported({"a": [samples("y", "out")], "b": [samples("x", "in")]}, {}, clock={"seed": 7}))
    for name in "ab":
        digest = hashlib.sha256(f"7/engine/{name}".encode()).digest()
        assert plan.engines[name].seed == int.from_bytes(digest[:8], "little") >> 1
    assert len({derived_seed(seed, "engine", name) for seed in (1, 2) for name in ("a", "b", "a/b")}) == 6


def test_the_order_of_the_file_changes_nothing():
    engines = {"a": [samples("y", "out")], "b": [samples("x", "in")]}
    links = {n: {"from": "a.y", "to": "b.x"} for n in ("p", "q", "r")}
    one = plan_of(ported(engines, links))
    other = plan_of(ported(dict(reversed(engines.items())), dict(reversed(links.items()))))
    assert list(one.links) == list(other.links) == ["p", "q", "r"]
    assert {n: e.seed for n, e in one.engines.items()} == {n: e.seed for n, e in other.engines.items()}


def test_a_link_named_among_the_streams_is_recorded():
    scenario = two(samples("y", "out"), samples("x", "in"), {}, record={"streams": ["l"]})
    plan = plan_of(scenario)
    assert plan.links["l"].record
    assert plan.streams == ("a.y",)


def test_streams_are_whole_and_told_once():
    scenario = two(samples("y", "out"), samples("x", "in"), {"record": True}, record={"streams": ["a.y", "a.y"]})
    assert plan_of(scenario).streams == ("a.y",)
    fault = fault_of(two(samples("y", "out"), samples("x", "in"), {}, record={"streams": ["a.y[0]"]}))
    assert "recorded whole" in fault.what
    assert fault.mend == "a.y"


def test_the_proof_is_made_of_whole_delays_and_intervals():
    scenario = two(samples("y", "out", lead_ns=MS), samples("x", "in"), {"delay": "1 ms", "interval": "3 ms"})
    plan = plan_of(scenario)
    flow = plan.links["l"].flow
    assert (flow.interval_ns, flow.delay_ns, flow.hold) == (3 * MS, 2 * MS, False)
    assert plan.proof.hyper_period_ns == 3 * MS
    assert plan.proof.is_live


BROKEN = """
from cosim.sdk import Params

class Engine:
    Params = Params

    @classmethod
    def ports(cls, params):
        raise KeyError("no such model")

    def advance(self, window, inputs):
        return {}

class Translator:
    Params = Params
    place = "source"

    def __init__(self, source, target, params):
        self.port, self.state = source, {}

    def translate(self, payload, rng):
        raise ValueError("cannot")
"""


def test_an_engine_whose_ports_fail_is_a_fault_like_any_other(tmp_path):
    (tmp_path / "broken.py").write_text(BROKEN)
    scenario = ported({}, {})
    scenario["engines"]["a"] = {"use": "./broken.py:Engine", "window": "1 ms"}
    fault = fault_of({**scenario, "folder": str(tmp_path)})
    assert "ports() of ./broken.py:Engine raised KeyError('no such model')" in fault.what
    assert fault.where == "ported  engines.a.params"


def test_a_translator_that_raises_is_named_with_its_link_and_frame(tmp_path):
    (tmp_path / "broken.py").write_text(BROKEN)
    scenario = {**two(samples("y", "out"), samples("x", "in"), {"via": "./broken.py:Translator"}), "folder": str(tmp_path)}
    with pytest.raises(cosim.CosimError, match="cannot") as caught:
        cosim.run(scenario, out=tmp_path / "run", transport="inline")
    assert caught.value.where == "link l, translator ./broken.py:Translator, frame (0 ms, 1 ms]"
    assert "broken.py" in caught.value.traceback


def test_a_fault_that_an_engine_tells_of_a_key_of_its_own_has_the_line_of_that_key(tmp_path):
    file = tmp_path / "scenario.yaml"
    file.write_text(
        "cosim: 1\nabout: {name: s}\nclock: {stop: 10 ms}\nengines:\n  c:\n    use: point_neurons\n    window: 1 ms\n"
        "    params:\n      populations:\n        a:\n          model: iaf_psc_exp\n          size: 4\n          parameters:\n"
        "            tau_m: [1 ms]\n"
    )
    report = cosim.check(file)
    (fault,) = report.faults
    assert fault.where == f"{file}:14  engines.c.params.populations.a.parameters.tau_m"
