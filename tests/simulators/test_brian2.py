"""The Brian2 engine: the contract, what it gives against Brian2 run alone, and what it does when a model errs."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import traceback
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

from cosim.sdk import CosimError, Samples, Setup, Spikes, Window
from cosim.sdk.contract import EngineContract, same_bits

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # brian2 2.9 calls what pyparsing 3.3 deprecates
    brian2 = pytest.importorskip("brian2", reason="Brian2 is not installed (extra: brian2)")

from brian2 import kHz, ms, mV, nA

from engines.brian2 import Brian2
from tests.simulators import brian2_model

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pyparsing", "ignore::DeprecationWarning:brian2")
MS, DT = 1_000_000, 100_000
MODEL = f"{Path(__file__).parent / 'brian2_model.py'}:build"


class TestBrian2(EngineContract):
    engine, params = Brian2, Brian2.Params(model=MODEL)
    one_window_ms, many_windows_ms = 60, 2
    bad_params = ({"dt": 0}, {"args": {"cell": 20}}, {"codegen": "cuda"}, {"model": "nowhere.py:build"})


def windows(length_ns, stop_ns):
    return [Window(start, start + length_ns) for start in range(0, stop_ns, length_ns)]


def played(engine, given, length_ns, stop_ns, close=True):
    """What comes out, each port's payloads joined."""
    cut = [(window, {name: whole.cut(window) for name, whole in given.items()}) for window in windows(length_ns, stop_ns)]
    parts = [engine.advance(window, inputs) for window, inputs in cut]
    if close:
        engine.close()
    return {name: type(parts[0][name]).join([part[name] for part in parts]) for name in parts[0]}


def column(window_ns=2 * MS, seed=3, log=None, **params):
    return Brian2(Brian2.Params(model=MODEL, **params), Setup("b", window_ns, seed, log=log or logging.getLogger("cosim.engine")))


def column_inputs(stop_ns):
    rng, whole = np.random.default_rng(2), Window(0, stop_ns)
    steps = np.unique(rng.integers(0, 4 * stop_ns // DT, stop_ns // MS))  # (step, channel) pairs, each once
    return {
        "kicks": Spikes(whole, (steps // 4 + 1) * DT, (steps % 4).astype(np.int32)),
        "current": Samples(whole, rng.uniform(0.3, 0.7, (stop_ns // (2 * MS), 8))),
        "rates": Samples(whole, rng.uniform(0, 0.2, (stop_ns // MS, 3))),
    }


def test_it_equals_brian2_run_alone():
    """The same objects with a SpikeGeneratorGroup that knows its spikes, TimedArrays and monitors, in one run()."""
    seed, stop_ns = 3, 100 * MS
    given = column_inputs(stop_ns)
    gc.collect()
    brian2.prefs.codegen.target = "numpy"
    brian2.defaultclock.dt = 0.1 * ms
    brian2.seed(seed)
    cells, kicks, poisson, synapses = brian2_model.column(brian2_model.Column())
    kicks.set_spikes(given["kicks"].channels, (given["kicks"].times_ns - DT) / MS * ms)  # one step earlier: its beginning
    current = brian2.TimedArray(given["current"].values * nA, dt=2 * ms)
    rates = brian2.TimedArray(given["rates"].values * kHz, dt=1 * ms)
    cells.run_regularly("I = current(t, i)", when="start", order=-1)
    poisson.run_regularly("rates = rates_then(t, i)", when="start", order=-1)
    spikes, v = brian2.SpikeMonitor(cells), brian2.StateMonitor(cells, "v", record=True)
    alone = brian2.Network(cells, kicks, poisson, synapses, spikes, v)
    alone.run(100.1 * ms, namespace={"current": current, "rates_then": rates})

    out = played(column(seed=seed), given, 2 * MS, stop_ns)
    times = np.rint(np.array(spikes.t / ms) * 10).astype(np.int64) * DT + DT  # Brian2 stamps the beginning of a step
    inside = times <= stop_ns
    assert inside.sum() > 50
    assert np.array_equal(out["spikes"].times_ns, times[inside])
    assert np.array_equal(out["spikes"].channels, spikes.i[inside])
    assert np.array_equal(out["v"].values, np.array(v.v / mV).T[5::5])  # its row k is taken when k steps are done
    means = [sum(row) / 10 for row in np.array(v.v[0] / mV)[1:1001].reshape(-1, 10)]
    assert np.array_equal(out["mean"].values[:, 0], means)
    late = inside & (spikes.i >= 4)
    assert np.array_equal(out["second"].times_ns, times[late])
    assert np.array_equal(out["second"].channels, spikes.i[late] - 4)


# -- a model made of text ---------------------------------------------------------------------------------------------------


def engine_of(tmp_path, build, ports="", window_ns=MS, log=None, **params):
    """An engine around ``build``, whose lines are the body of the function."""
    text = "from cosim.sdk import Port, Space\n\n\ndef ports(args):\n    return [" + ports + "]\n\n\n"
    text += "def build(args, seed, sim):\n    import brian2 as b\n    from brian2 import Hz, ms, mV, nA\n\n"
    text += "\n".join("    " + line for line in build.strip().splitlines()) + "\n"
    path = tmp_path / f"model_{abs(hash(text))}.py"
    path.write_text(text)
    setup = Setup("b", window_ns, 1, log=log or logging.getLogger("cosim.engine"))
    return Brian2(Brian2.Params(model=f"{path}:build", **params), setup)


IN, OUT = 'Port("in", "in", "spikes", Space.numbered(3)), ', 'Port("out", "out", "spikes", Space.numbered(3)), '
COUNT = 'Port("count", "out", "samples", Space.numbered(3), dt_ns=100_000), '
ECHO = """
group = b.SpikeGeneratorGroup(3, [], [] * ms)
counter = b.NeuronGroup(3, "count : 1")
synapses = b.Synapses(group, counter, on_pre="count_post += 1", delay=0.2 * ms)
synapses.connect(j="i")
sim.add(counter, synapses)
return {"in": sim.spikes_in(group), "out": sim.spikes_out(group), "count": sim.samples_out(counter, "count")}
"""


@pytest.mark.parametrize("length_steps", [1, 2, 5, 20])
def test_a_spike_acts_in_the_step_in_which_it_falls(tmp_path, length_steps):
    """(start, stop]: right after the start, at the end, between steps; two or three in one step are as many."""
    rng, stop_ns = np.random.default_rng(4), 2 * MS
    edges = np.arange(0, stop_ns, DT)
    times = np.sort(np.concatenate([edges[::2] + 1, edges[::3] + DT, rng.integers(1, stop_ns, 30), [750_000] * 3]))
    given = Spikes.sorted(Window(0, stop_ns), times, rng.integers(0, 3, len(times)).astype(np.int32))
    out = played(engine_of(tmp_path, ECHO, IN + OUT + COUNT, length_steps * DT), {"in": given}, length_steps * DT, stop_ns)
    steps = -(-given.times_ns // DT)  # whose end is the next point of the grid
    group = np.unique(np.stack([steps, given.channels]), axis=1)
    assert np.array_equal(out["out"].times_ns, group[0] * DT)
    assert np.array_equal(out["out"].channels, group[1])
    arrived = np.zeros((22, 3))
    np.add.at(arrived, (steps - 1 + 2, given.channels), 1)  # two steps on their way
    assert np.array_equal(out["count"].values, np.cumsum(arrived, axis=0)[:20])


def test_a_spike_on_the_edge_of_a_window_leaves_once(tmp_path):
    """Cell 0 in the last step of a window of 1 ms, cell 1 in the first, cell 2 in every."""
    build = """
group = b.NeuronGroup(3, "", threshold="t_in_timesteps % 10 == 9 - 9 * i or i == 2")
sim.add(group)
return {"out": sim.spikes_out(group)}
"""
    out = played(engine_of(tmp_path, build, OUT), {}, MS, 3 * MS)["out"]
    first, second, third = ((out.times_ns[out.channels == cell] // DT).tolist() for cell in range(3))
    assert (first, second, third) == ([10, 20, 30], [1, 11, 21], list(range(1, 31)))


def test_objects_with_a_slower_clock_run_when_it_is_their_time(tmp_path):
    build = """
slow = b.NeuronGroup(3, "count : 1", threshold="True", reset="count += 1", dt=0.3 * ms)
fast = b.NeuronGroup(3, "count : 1")
fast.run_regularly("count += 1", dt=0.2 * ms)
synapses = b.Synapses(slow, fast, on_pre="count_post += 100")
synapses.connect(j="i")
sim.add(slow, fast, synapses)
return {"out": sim.spikes_out(slow), "count": sim.samples_out(fast, "count")}
"""
    engine = engine_of(tmp_path, build, OUT + COUNT, 6 * DT)
    out = played(engine, {}, 6 * DT, 12 * DT)
    assert (out["out"].times_ns[::3] // DT).tolist() == [1, 4, 7, 10]
    assert out["count"].values[:, 0].tolist() == [101, 101, 102, 202, 203, 203, 304, 304, 305, 405, 406, 406]
    with pytest.raises(CosimError, match=r"step of 250 us, and the engine's is 100 us"):
        engine_of(tmp_path, build.replace("0.3 * ms", "0.25 * ms"), OUT + COUNT)


def test_a_port_without_a_link_leaves_the_models_own_value(tmp_path):
    build = """
group = b.NeuronGroup(3, "dcount/dt = 1 / (100 * ms) : 1\\nrate : Hz (shared)", method="euler")
group.count, group.rate = 5, 7 * Hz
sim.add(group)
return {"in": sim.samples_in(group, "rate"), "count": sim.samples_out(group, "rate")}
"""
    ports = (
        'Port("in", "in", "samples", Space.numbered(1), unit="Hz"), Port("count", "out", "samples", Space.numbered(1), unit="Hz")'
    )
    assert played(engine_of(tmp_path, build, ports), {}, MS, 2 * MS)["count"].values.tolist() == [[7.0], [7.0]]
    given = {"in": Samples(Window(0, 2 * MS), np.array([[1.0], [2.0]]))}
    assert played(engine_of(tmp_path, build, ports), given, MS, 2 * MS)["count"].values.tolist() == [[1.0], [2.0]]


# -- one process, several engines -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("codegen", "noise"), [("numpy", "randn()"), ("cython", "rand()")])
def test_two_engines_in_one_process_do_not_disturb_each_other(tmp_path, codegen, noise):
    """Each with random numbers of its own, also when one starts late, and when one is taken back while the other goes on."""
    build = f"""
group = b.NeuronGroup(3, "", threshold="{noise} > 0.7")
sim.add(group)
return {{"out": sim.spikes_out(group)}}
"""
    alone = played(engine_of(tmp_path, build, OUT, codegen=codegen), {}, MS, 30 * MS)["out"]
    assert len(alone) > 50
    one, parts = engine_of(tmp_path, build, OUT, codegen=codegen), ([], [])
    for k, window in enumerate(windows(MS, 30 * MS)):
        parts[0].append(one.advance(window, {})["out"])
        np.random.default_rng().random()
        if k == 3:
            two = engine_of(tmp_path, build, OUT, codegen=codegen)
        if k == 8:
            saved = {key: value.copy() for key, value in two.save().items()}
            for again in windows(MS, 30 * MS)[5:9]:
                two.advance(again, {})
            two.load(saved)
        if k >= 3:
            parts[1].append(two.advance(windows(MS, 30 * MS)[k - 3], {})["out"])
    one.close()
    assert same_bits(Spikes.join(parts[0]), alone)
    assert same_bits(Spikes.join(parts[1]), alone.cut(Window(0, 27 * MS)))
    other = engine_of(tmp_path, build, OUT, codegen=codegen)
    other.load(saved)  # after 5 ms
    rest = Spikes.join([other.advance(window, {})["out"] for window in windows(MS, 30 * MS)[5:]])
    assert same_bits(rest, alone.cut(Window(5 * MS, 30 * MS)))
    two.close()
    other.close()


def test_a_saved_state_fits_an_engine_made_while_the_first_lives():
    """Brian2 gives objects names that are free in the process, and saves by name."""
    given = column_inputs(20 * MS)
    first = column()
    played(first, {name: payload.cut(Window(0, 10 * MS)) for name, payload in given.items()}, 2 * MS, 10 * MS, close=False)
    second = column()
    second.advance(Window(0, 2 * MS), {})
    second.load(first.save())
    for window in windows(2 * MS, 20 * MS)[5:]:
        inputs = {name: payload.cut(window) for name, payload in given.items()}
        a, b = first.advance(window, inputs), second.advance(window, inputs)
        assert all(same_bits(a[name], b[name]) for name in a)
    first.close()
    second.close()


def test_no_thread_is_left_and_memory_stays_flat():
    threads = threading.active_count()
    column().close()  # never advanced
    engine = column()
    given, all_windows = column_inputs(160 * MS), windows(2 * MS, 160 * MS)
    tracemalloc.start()
    try:
        for k, window in enumerate(all_windows):
            engine.advance(window, {name: payload.cut(window) for name, payload in given.items()})
            if k == 20:
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 10_000  # of 59 windows, each of 576 bytes of values
    finally:
        tracemalloc.stop()
    engine.close()
    assert threading.active_count() == threads


# -- what goes wrong ---------------------------------------------------------------------------------------------------------


def test_what_a_model_raises_comes_out_of_advance(tmp_path):
    build = """
@b.network_operation(dt=1 * ms)
def check(t):
    if t > 1.5 * ms:
        raise RuntimeError("the model's own")
sim.add(check)
return {}
"""
    engine = engine_of(tmp_path, build)
    engine.advance(Window(0, MS), {})
    engine.advance(Window(MS, 2 * MS), {})
    with pytest.raises(RuntimeError, match="the model's own") as caught:
        engine.advance(Window(2 * MS, 3 * MS), {})
    assert any("model_" in frame.filename and frame.name == "check" for frame in traceback.extract_tb(caught.value.__traceback__))
    engine.close()
    column().close()  # nothing of it stays


GROUP = 'group = b.NeuronGroup(3, "dv/dt = -v / (10 * ms) : volt\\nI : amp\\ntwice = 2 * v : volt\\nc : 1 (shared, constant)", '
GROUP += 'threshold="v > 1 * mV", reset="v = 0 * mV", method="exact")\nsim.add(group)\n'


@pytest.mark.parametrize(
    ("ports", "build", "says"),
    [
        (OUT, "return {'spikes': sim.spikes_out(group)}", "no port 'spikes'"),
        (OUT, "return {'out': sim.spikes_out(group[:2])}", "declared with 3 channels, and .* bound 2"),
        (OUT, "return {'out': sim.spikes_out(group, 'spikes')}", "no event 'spikes'.*\n.*did you mean 'spike'"),
        (OUT, "return {'out': sim.spikes_out(b.NeuronGroup(3, 'v : 1'))}", "no event 'spike'.*\n.*threshold"),
        (IN, "return {'in': sim.spikes_in(group)}", "SpikeGeneratorGroup without spikes of its own"),
        (IN, "return {'in': sim.spikes_in(b.SpikeGeneratorGroup(3, [0], [1] * ms))}", "without spikes of its own"),
        (COUNT, "return {'count': sim.samples_out(group, 'V')}", "does not store a variable 'V'(.|\n)*known here: .*v, I"),
        (COUNT, "return {'count': sim.samples_out(group, 'twice')}", "does not store .*(.|\n)*constant over dt"),
        (COUNT, "return {'count': sim.samples_out(group, 'v')}", "port 'count' is in 1, and neurongroup.v in"),
        (COUNT.replace('"out"', '"in"'), "return {'count': sim.samples_in(group, 'c')}", "neurongroup.c is constant"),
        (
            COUNT.replace("100_000", "150_000"),
            "return {'count': sim.samples_out(group, 'v')}",
            "150 us.*, and the model's is 100 us",
        ),
        ("", "b.defaultclock.dt = 0.05 * ms\nreturn {}", "sets defaultclock.dt to 50 us, and the engine's dt is 100 us"),
        ("", "b.set_device('cpp_standalone', build_on_run=False)\nreturn {}", "set_device"),
        (IN, "b.set_device('cpp_standalone')\nreturn {'in': sim.spikes_in(b.SpikeGeneratorGroup(3, [], [] * ms))}", "set_device"),
    ],
)
def test_a_mistake_is_told(tmp_path, ports, build, says):
    with pytest.raises(CosimError, match=says) as caught:
        engine_of(tmp_path, GROUP + build, ports)
    assert caught.value.mend
    assert brian2.get_device() is brian2.all_devices["runtime"]


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(CosimError, match=r"a window of 2\.05 ms is not a whole number of the 100 us steps"):
        column(2_050_000)


def test_an_object_that_is_not_handed_over_is_warned_of_and_nothing_is_printed(tmp_path, caplog, capfd):
    log = logging.getLogger("cosim.test_brian2")
    build = GROUP + 'synapses = b.Synapses(group, group, on_pre="v_post += 1 * mV")\nsynapses.connect()\nreturn {}'
    with caplog.at_level(logging.INFO, log.name):
        engine_of(tmp_path, build, log=log).close()
    messages = [record.getMessage() for record in caplog.records if record.name == log.name and record.levelno >= logging.WARNING]
    assert any("'synapses' is getting deleted, but was never included in a network" in message for message in messages)
    assert capfd.readouterr() == ("", "")


def test_names_in_equations_are_those_around_add(tmp_path):
    build = """
rate, out = 1 / (1 * ms), []
group = b.NeuronGroup(3, "dcount/dt = rate : 1", method="euler")
sim.add(group)
return {"count": sim.samples_out(group, "count")}
"""
    values = played(engine_of(tmp_path, build, COUNT), {}, MS, MS)["count"].values
    assert np.allclose(values[-1], 1.0, rtol=1e-12)  # ten additions of 0.1


def test_a_missing_brian2_says_how_to_get_it(monkeypatch):
    params = Brian2.Params(model=MODEL)
    assert len(Brian2.ports(params)) == 7
    monkeypatch.setitem(sys.modules, "brian2", None)
    with pytest.raises(CosimError, match=r"Brian2 is not installed(.|\n)*neuro-cosim\[brian2\]"):
        Brian2(params, Setup("b", 2 * MS, 1))
