"""The EDEN engine: the contract, and what it gives against EDEN run alone on files."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cosim.sdk import CosimError, Samples, Setup, Spikes, Window
from cosim.sdk.contract import EngineContract, same_bits
from engines.eden import Eden
from engines.eden.ports import Clock
from engines.eden.process import find_program, provide_gcc

if importlib.util.find_spec("eden_simulator") is None:  # its import would ask for setuptools
    pytest.skip("EDEN is not installed (extra: eden)", allow_module_level=True)

HERE, MS, DT = Path(__file__).parent, 1_000_000, 25_000
KICKS = {"kind": "spikes", "to": "squids", "synapse": "excitatory", "weight": 3.0}
CURRENT = {"kind": "current", "to": ["squids[0:2]", "listener"], "unit": "nA"}
SPIKES, V = {"kind": "spikes"}, {"kind": "samples", "dt": 100_000}


def params_of(**changes):
    given = {
        "model": HERE / "eden_model.nml",
        "inputs": {"kicks": KICKS, "current": CURRENT},
        "outputs": {"spikes": SPIKES, "v": V},
    }
    return Eden.Params(**(given | changes))


class TestEden(EngineContract):
    engine, params = Eden, params_of()
    one_window_ms, many_windows_ms = 60, 2
    bad_params = (
        {"dt": 0},
        {"model": "nowhere.nml"},
        {"network": "star"},
        {"inputs": {"kicks": {**KICKS, "synapse": "excitator"}}},
        {"inputs": {"kicks": {**KICKS, "to": "squid"}}},
        {"inputs": {"kicks": {**KICKS, "to": "squids[4]"}}},
        {"outputs": {"v": {**V, "dt": 30_000}}},
    )

    def make_inputs(self, port, window):
        return given_for(window)[port.name]


def given_for(window, rate_hz=300.0):
    """Spikes off the grid, on it, and beside it; rows of current that change every 2 ms."""
    rng = np.random.default_rng(11)
    count = int(4 * rate_hz * window.length_ns * 1e-9)
    times_ns = rng.integers(window.start_ns + 1, window.stop_ns + 1, count)
    times_ns[::3] = -(-times_ns[::3] // DT) * DT  # at the end of its step
    spikes = Spikes.sorted(window, times_ns, rng.integers(0, 4, count).astype(np.int32))
    return {"kicks": spikes, "current": Samples(window, rng.uniform(-0.02, 0.05, (window.length_ns // (2 * MS), 3)))}


def run(params, length_ns, window_ns, inputs):
    """Every output of the engine over ``length_ns``, joined."""
    engine, given = Eden(params, Setup("squids", window_ns, 7)), []
    try:
        for start_ns in range(0, length_ns, window_ns):
            window = Window(start_ns, start_ns + window_ns)
            given.append(engine.advance(window, {name: payload.cut(window) for name, payload in inputs.items()}))
    finally:
        engine.close()
    return {name: type(payload).join([parts[name] for parts in given]) for name, payload in given[0].items()}


# -- EDEN alone ----------------------------------------------------------------------------------------------------------

ALONE = """
    <EdenTimeSeriesReader id="currents" href="current.txt" format="ascii_v0" instances="3">
        <InputColumn id="i" dimension="current" units="nA"/>
    </EdenTimeSeriesReader>
    <EdenEventSetReader id="kicks" href="kicks.txt" format="ascii_v0" instances="4"><Port id="spike"/></EdenEventSetReader>
    <inputList id="squid_currents" component="outside" population="squids">
        <input id="0" target="squids[0]" destination="synapses"/><input id="1" target="squids[1]" destination="synapses"/>
    </inputList>
    <inputList id="listener_current" component="outside" population="listener">
        <input id="0" target="../listener/0/squid" destination="synapses"/>
    </inputList>
    <projection id="kicked" presynapticPopulation="kicks" postsynapticPopulation="squids" synapse="excitatory">
        CONNECTIONS
    </projection>
</networkWithTemperature>
<ComponentType name="Outside" extends="basePointCurrent">
    <VariableRequirement name="value" dimension="current"/>
    <Dynamics><DerivedVariable name="i" dimension="current" exposure="i" value="value"/></Dynamics>
</ComponentType>
<Outside id="outside"/>
<Simulation id="run" length="LENGTH ms" step="0.025 ms" target="ring">
    <EdenCustomSetup filename="setup.txt"/>
    <EdenOutputFile id="v" href="v.txt" format="ascii_v0" sampling_interval="0.09 ms">V</EdenOutputFile>
    <EdenEventOutputFile id="s" href="s.txt" format="ascii_v0">S</EdenEventOutputFile>
</Simulation>
<Target component="run"/>
</neuroml>
"""
SETUP = """
set input squid_currents 0 value currents[0]/i
set input squid_currents 1 value currents[1]/i
set input listener_current 0 value currents[2]/i
"""


def ends(cell):
    return f'preCellId="{cell}" postCellId="{cell}"'


def write_alone(folder, inputs, length_ms):
    """The network with readers of plain files, as its user would write it."""
    cells = [*(f"squids[{i}]" for i in range(4)), "listener[0]"]
    text = (HERE / "eden_model.nml").read_text().partition("</networkWithTemperature>")[0] + ALONE
    filled = {
        "CONNECTIONS": "".join(f'<connectionWD id="{i}" {ends(i)} weight="3" delay="0 ms"/>' for i in range(4)),
        "LENGTH": str(length_ms),
        ">V<": "".join(f'><OutputColumn id="v{i}" quantity="{c}/v" output_units="mV"/' for i, c in enumerate(cells)) + "><",
        ">S<": "".join(f'><EventSelection id="{i}" select="{c}" eventPort="spike"/' for i, c in enumerate(cells)) + "><",
        "eden_cells.nml": str(HERE / "eden_cells.nml"),
    }
    for word, meant in filled.items():
        text = text.replace(word, meant)
    (folder / "alone.nml").write_text(text)
    (folder / "setup.txt").write_text(SETUP)
    rows = [(max(j * 2 - 0.01, 0) * 1e-3, *row) for j, row in enumerate(inputs["current"].values.tolist())]
    (folder / "current.txt").write_text("".join(" ".join(map(repr, row)) + "\n" for row in rows))
    frames: dict[float, list[int]] = {}
    for time_ns, channel in zip(inputs["kicks"].times_ns.tolist(), inputs["kicks"].channels.tolist(), strict=True):
        # EDEN counts an event at the very end of a step to the next one, and rounds: stay clear of it
        frames.setdefault((time_ns - min(time_ns % DT or DT, 100)) * 1e-9, []).append(channel)
    (folder / "kicks.txt").write_text("".join(f"{t!r} {' '.join(map(str, ids))}\n" for t, ids in sorted(frames.items())))


def run_alone(folder):
    provide_gcc(folder)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    command = [find_program(lambda: None), "nml", "alone.nml", "gcc"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    lines = [line.split() for line in (folder / "s.txt").read_text().splitlines()]
    spikes = [(round(float(t) / DT * 1e9), int(cell)) for t, *cells in lines for cell in cells]
    return np.loadtxt(folder / "v.txt")[:, 1:], np.array(spikes)


@pytest.mark.parametrize("window_ms", [0.5, 100])
def test_it_equals_eden_run_alone(tmp_path, window_ms):
    """Also over the rounding of EDEN's clock: its steps of 0.025 ms are 0.02500000037 ms long."""
    length_ms = 300
    inputs = given_for(Window(0, length_ms * MS))
    inputs["kicks"] = without_twins(inputs["kicks"])
    write_alone(tmp_path, inputs, length_ms + 1)
    rows, spikes = run_alone(tmp_path)
    window_ns = round(window_ms * MS)
    inputs["current"] = inputs["current"].refined(min(window_ns, 2 * MS))
    given = run(params_of(), length_ms * MS, window_ns, inputs)
    assert np.array_equal(given["v"].values, rows[1 : length_ms * 10 + 1])
    spikes = spikes[spikes[:, 0] <= length_ms * MS // DT]
    assert len(spikes) > 50
    assert np.array_equal(given["spikes"].times_ns, spikes[:, 0] * DT)
    assert np.array_equal(given["spikes"].channels, spikes[:, 1])


def without_twins(spikes):
    """Without the spikes that fall into the step of an earlier one of their channel."""
    steps = spikes.steps(DT) * 4 + spikes.channels
    kept = np.sort(np.unique(steps, return_index=True)[1])
    return Spikes(spikes.window, spikes.times_ns[kept], spikes.channels[kept])


# -- when things act -----------------------------------------------------------------------------------------------------

RESTING = {"inputs": {"kicks": KICKS}, "outputs": {"v": {"kind": "samples", "of": "squids"}}}


@pytest.mark.parametrize("window_ns", [DT, 10 * MS])
def test_a_spike_acts_at_the_end_of_its_step(window_ns):
    """Just after a window's start, at its end, between steps: in the next step its synapse opens, as for a cell that fires then.

    So the row two steps behind that end is the first that feels it.
    """
    times_ns = [5 * MS + 1, 5 * MS + 30_001, 6 * MS, 10 * MS]  # before one hears of another
    every = Spikes(Window(0, 20 * MS), np.array(times_ns), np.arange(4, dtype=np.int32))
    quiet = run(params_of(**RESTING), 20 * MS, window_ns, {})["v"].values
    kicked = run(params_of(**RESTING), 20 * MS, window_ns, {"kicks": every})["v"].values
    for channel, time_ns in enumerate(times_ns):
        felt = np.flatnonzero(quiet[:, channel] != kicked[:, channel])
        assert (felt[0] + 1) * DT == -(-time_ns // DT) * DT + 2 * DT


@pytest.mark.parametrize("window_ns", [DT, 20 * MS])
def test_spikes_of_one_channel_in_one_step_queue(window_ns):
    """EDEN would take them for one: the second acts one step later, the third two."""
    window, three = Window(0, 20 * MS), np.full(3, 2, np.int32)
    at_once = Spikes(window, np.array([5 * MS - 3, 5 * MS - 2, 5 * MS]), three)
    in_turn = Spikes(window, np.array([5 * MS, 5 * MS + DT, 5 * MS + 2 * DT]), three)
    given = [run(params_of(**RESTING), 20 * MS, window_ns, {"kicks": spikes})["v"] for spikes in (at_once, in_turn)]
    assert same_bits(*given)
    assert np.ptp(given[0].values[:, 2]) > 20  # mV: three kicks make it fire


def test_a_spike_on_the_edge_of_a_window_is_told_once():
    """Windows of one step: every spike is on an edge."""
    inputs = given_for(Window(0, 40 * MS))
    long = run(params_of(), 40 * MS, 40 * MS, inputs)
    short = run(params_of(), 40 * MS, 100_000, inputs | {"current": inputs["current"].refined(100_000)})
    only = {"inputs": {"kicks": KICKS, "current": CURRENT}, "outputs": {"spikes": SPIKES}}
    shortest = run(params_of(**only), 40 * MS, DT, inputs | {"current": inputs["current"].refined(DT)})
    assert len(long["spikes"]) > 10
    for other in (short, shortest):
        assert same_bits(long["spikes"], other["spikes"])
    assert same_bits(long["v"], short["v"])


def test_a_network_cut_in_two_equals_the_whole(tmp_path):
    """Connections with 1 ms of delay, inside EDEN or around it."""
    whole, links = (HERE / "eden_model.nml").read_text().replace("eden_cells.nml", str(HERE / "eden_cells.nml")), (0, 1)
    cut = re.sub(r"<connectionWD [^>]*/>", "", whole)
    assert cut.count("connection") == whole.count("connection") - len(links)
    (tmp_path / "cut.nml").write_text(cut)
    pulses = Samples(Window(0, 200 * MS), np.where(np.arange(200) % 20 < 3, 0.08, 0.0)[:, None])
    drive = {"current": {"kind": "current", "to": "squids[0]"}}
    around = {"kicks": {**KICKS, "to": "squids[1:3]", "weight": 2.0}}
    uncut = run(params_of(inputs=drive), 200 * MS, MS, {"current": pulses})
    engine = Eden(params_of(model=tmp_path / "cut.nml", inputs=drive | around), Setup("squids", MS, 7))
    coming, given = Spikes.empty(Window(0, MS)), []
    for start_ns in range(0, 200 * MS, MS):
        window = Window(start_ns, start_ns + MS)
        given.append(engine.advance(window, {"current": pulses.cut(window), "kicks": coming}))
        sent = given[-1]["spikes"]
        kept = np.isin(sent.channels, links)
        coming = Spikes(window, sent.times_ns[kept], sent.channels[kept]).shifted(MS)
    engine.close()
    assert len(uncut["spikes"]) > 20
    for name, payload in uncut.items():
        assert same_bits(payload, type(payload).join([parts[name] for parts in given])), name


def test_a_network_without_inputs_waits_too():
    params = params_of(inputs={})
    assert same_bits(run(params, 20 * MS, 20 * MS, {})["v"], run(params, 20 * MS, 100_000, {})["v"])


def test_threads_do_not_change_bits():
    inputs = given_for(Window(0, 40 * MS))
    one, two = (run(params_of(threads=n), 40 * MS, 20 * MS, inputs) for n in (1, 2))
    assert all(same_bits(one[name], two[name]) for name in one)


def test_more_than_the_pipes_hold_goes_through():
    """4 MB in, 8 MB out in one window: neither side waits for the other for ever."""
    length_ns = 1000 * MS
    window = Window(0, length_ns)
    inputs = {"current": Samples(window, np.tile(np.linspace(0.01234567891, 0.03, length_ns // DT)[:, None], 3))}
    outputs = {"v": {"kind": "samples"}, "again": {"kind": "samples"}}
    given = run(params_of(outputs=outputs), length_ns, length_ns, inputs)
    assert given["v"].values.shape == (length_ns // DT, 5)
    assert np.array_equal(given["v"].values, given["again"].values)


def test_cells_without_dimensions_take_plain_currents(tmp_path):
    (tmp_path / "plain.nml").write_text("""<neuroml id="plain">
        <izhikevichCell id="regular" v0="-70mV" thresh="30mV" a="0.02" b="0.2" c="-65" d="6"/>
        <network id="one"><population id="cell" component="regular" size="1"/></network></neuroml>""")
    params = Eden.Params(
        model=tmp_path / "plain.nml",
        dt=100_000,
        inputs={"drive": {"kind": "current", "to": "cell", "unit": "1"}},
        outputs={"spikes": SPIKES, "u": {"kind": "samples", "path": "U", "quantity": "", "unit": "1"}},
    )
    spikes = [run(params, 200 * MS, 10 * MS, {"drive": drive})["spikes"] for drive in (drive_of(0.0), drive_of(14.0))]
    assert [len(s) > 3 for s in spikes] == [False, True]


def drive_of(value):
    return Samples(Window(0, 200 * MS), np.full((20, 1), value))


BRANCH = """</segment>
<segment id="1"><parent segment="0"/><proximal x="0" y="0" z="0" diameter="2"/><distal x="100" y="0" z="0" diameter="2"/></segment>
<segment id="2"><parent segment="1"/><distal x="400" y="0" z="0" diameter="2"/></segment>"""


def test_ports_reach_segments_and_know_units(tmp_path):
    text = (HERE / "eden_cells.nml").read_text().replace("</segment>", BRANCH)
    network = '<network id="n"><population id="p" component="squid" size="2"/></network></neuroml>'
    (tmp_path / "branch.nml").write_text(text.replace("</neuroml>", network))
    gate = {"path": "membrane/membraneProperties/sodiums/sodium/m/q", "unit": "1"}
    wanted = {"soma": {}, "tip": {"path": "2/v"}, "m": gate}
    outputs = {name: {"kind": "samples", "dt": MS, **more} for name, more in wanted.items()}
    given = []
    for unit, value, segment in (("nA", 0.05, 2), ("pA", 50.0, 2), ("nA", 0.05, 0)):
        port = {"kind": "current", "to": "p[1]", "unit": unit, "segment": segment}
        params = Eden.Params(model=tmp_path / "branch.nml", inputs={"i": port}, outputs=outputs)
        rows = {"i": Samples(Window(0, 5 * MS), np.full((1, 1), value))}
        given.append({name: samples.values for name, samples in run(params, 5 * MS, 5 * MS, rows).items()})
    at_tip, *same, at_soma = given
    assert all(np.allclose(at_tip[name], other[name], rtol=1e-6) for other in same for name in at_tip)  # a unit's last bit
    assert at_tip["tip"][-1, 1] > at_tip["soma"][-1, 1] + 0.2  # mV: where the current comes in
    assert at_soma["tip"][-1, 1] < at_soma["soma"][-1, 1] - 0.05
    assert np.ptp(at_tip["m"][:, 0]) < np.ptp(at_tip["m"][:, 1]) < 1
    assert np.array_equal(at_tip["soma"][:, 0], at_soma["soma"][:, 0])


# -- the end of it -------------------------------------------------------------------------------------------------------


def test_close_leaves_nothing_behind():
    engine = Eden(params_of(), Setup("squids", MS, 1))
    folder, ends, (child,) = engine._process.folder, list(engine._process._ours), engine._process._child
    assert folder.is_dir()
    assert child.poll() is None
    engine.close()
    engine.close()
    assert not folder.exists()
    assert child.poll() is not None
    for end in ends:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(end)


def test_the_death_of_eden_is_told():
    engine = Eden(params_of(), Setup("squids", MS, 1))
    engine.advance(Window(0, MS), {})
    engine._process._child[0].kill()
    with pytest.raises(CosimError, match="EDEN ended by SIGKILL"):
        engine.advance(Window(MS, 2 * MS), {})
    engine.close()


def test_eden_does_not_outlive_its_engine(tmp_path):
    """The process that holds the engine is killed; EDEN notices as it finds nobody to write to."""
    script = """
import json, os, sys
from cosim.sdk import Setup
from engines.eden import Eden
engine = Eden(Eden.Params(**json.loads(sys.argv[1])), Setup("squids", 1_000_000, 1))
print(engine._process._child[0].pid, engine._process.folder, flush=True)
os.kill(os.getpid(), 9)
"""
    params = json.dumps(params_of().model_dump(mode="json"))
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent), "TMPDIR": str(tmp_path)}
    answer = subprocess.run([sys.executable, "-c", script, params], env=environment, capture_output=True, text=True, check=False)
    pid = answer.stdout.split()[0]
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists() or "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return
        time.sleep(0.05)
    pytest.fail(f"EDEN {pid} still runs")


# -- errors --------------------------------------------------------------------------------------------------------------


def fault_of(**changes):
    """What building the engine says."""
    params = params_of(**changes)
    with pytest.raises(CosimError) as caught:
        Eden(params, Setup("squids", MS, 1)).close()
    return str(caught.value)


def test_names_that_the_model_lacks_are_answered_with_its_own():
    assert "its populations: squids, listener" in fault_of(outputs={"spikes": {"kind": "spikes", "of": "squid"}})
    assert "population 'squids' has no cell 7" in fault_of(outputs={"spikes": {"kind": "spikes", "of": "squids[7]"}})
    assert "did you mean 'excitatory'?" in fault_of(inputs={"kicks": {**KICKS, "synapse": "exitatory"}})
    assert "did you mean 'ring'?" in fault_of(network="rings")
    assert "segment id 3 not present" in fault_of(inputs={"current": {**CURRENT, "segment": 3}})
    assert "unknown segment property volt" in fault_of(outputs={"v": {**V, "path": "volt"}})


def test_a_step_that_does_not_fit_is_refused():
    assert "a window of 1 ms is not a whole number of the 30 us steps" in fault_of(dt=30_000, outputs={"spikes": SPIKES})
    assert "for the rows of 'v'" in fault_of(outputs={"v": {**V, "dt": 110_000}})


def test_files_that_are_no_model_are_refused(tmp_path):
    texts = {
        "text.nml": ("squids", "is not a NeuroML file"),
        "html.nml": ("<html/>", "holds <html>"),
        "empty.nml": ("<neuroml/>", "has no network"),
        "lost.nml": ('<neuroml><include href="gone.nml"/></neuroml>', "includes 'gone.nml'"),
        "two.nml": ('<neuroml><network id="a"/><network id="b"/></neuroml>', "network: one of a, b"),
    }
    for name, (text, told) in texts.items():
        (tmp_path / name).write_text(text)
        assert told in fault_of(model=tmp_path / name), name


def test_a_model_that_eden_does_not_take_is_told_in_its_words(tmp_path):
    (tmp_path / "bad.nml").write_text(
        '<neuroml><network id="n"><population id="p" component="unheard" size="1"/></network></neuroml>'
    )
    told = fault_of(model=tmp_path / "bad.nml", inputs={}, outputs={"spikes": SPIKES})
    assert "EDEN ended with code" in told
    assert "unheard" in told


def test_a_missing_simulator_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "eden_simulator", None)
    assert "EDEN is not installed" in fault_of()


def test_a_missing_compiler_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "EDEN needs a C compiler" in fault_of()


def test_it_stops_where_eden_would_lose_spikes():
    engine = Eden(params_of(), Setup("squids", MS, 1))
    with pytest.raises(CosimError, match=re.escape("cannot run beyond 262.144 s")):
        engine.advance(Window(262_144 * MS, 262_145 * MS), {})
    engine.close()


@pytest.mark.parametrize("dt_ns", [1_000, 10_000, 25_000, 100_000, 500_000, 1_000_000])
def test_up_to_the_limit_steps_can_be_told_apart(dt_ns):
    """In floats of ms, as EDEN's synapses compare times, and in 8 digits of s, as it writes them."""
    clock = Clock(dt_ns)
    steps = clock.limit_ns // dt_ns + np.arange(-20_000, 0)
    times_ms = steps * np.float64(np.float32(dt_ns / 1e6))
    assert (np.diff(times_ms.astype(np.float32)) > 0).all()
    written = np.array([float(f"{t:.8g}") for t in (times_ms * 1e-3).tolist()])
    assert np.array_equal(np.rint(written / clock.dt_s), steps)


# -- the mathematics -----------------------------------------------------------------------------------------------------

ACCURACY = """
import ctypes, sys
import numpy as np
library, rng = ctypes.CDLL(sys.argv[1]), np.random.default_rng(1)
ranges = {"exp": (-87, 88), "exp2": (-125, 127), "log": (1e-30, 100), "log2": (1e-30, 100), "log10": (1e-30, 100)}
ranges |= {"sin": (-1e6, 1e6), "cos": (-1e6, 1e6), "tan": (-1e6, 1e6), "sinh": (-80, 80), "cosh": (-80, 80), "tanh": (-9, 9)}
ranges |= {"cbrt": (-1e3, 1e3), "floor": (-1e3, 1e3), "ceil": (-1e3, 1e3), "trunc": (-1e3, 1e3)}
def held(name, got, exact):
    ulps = np.abs(got - exact) / np.maximum(np.spacing(np.abs(exact.astype(np.float32))), 1e-37)  # that of 0 is denormal
    assert ulps.max() < 0.5001, (name, ulps.max())
for name, (low, high) in ranges.items():
    function = getattr(library, name + "f")
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float]
    near_zero = 10 ** rng.uniform(-12, 0, 2000) * (1 if low > 0 else rng.choice([-1, 1], 2000))
    x = np.concatenate([rng.uniform(low, high, 4000), rng.uniform(max(low, -1), 2, 4000), near_zero]).astype(np.float32)
    held(name, np.array([function(value) for value in x.tolist()]), getattr(np, name)(x.astype(np.float64)))
    for value in (0.0, np.inf, -np.inf, np.nan):
        with np.errstate(all="ignore"):
            assert np.array_equal(function(value), getattr(np, name)(np.float32(value)), equal_nan=True), (name, value)
power = library.powf
power.restype, power.argtypes = ctypes.c_float, [ctypes.c_float] * 2
x, y = rng.uniform(0.01, 20, 5000).astype(np.float32), rng.uniform(-15, 15, 5000).astype(np.float32)
held("pow", np.array([power(a, b) for a, b in zip(x.tolist(), y.tolist())]), x.astype(np.float64) ** y)
for a, b in [(-2, 3), (-2, 2), (-2, 0.5), (0, 2), (0, -1), (0, 0), (np.nan, 0), (1, np.nan), (np.inf, 2), (2, -np.inf), (-3, -3)]:
    with np.errstate(all="ignore"):
        assert np.array_equal(power(a, b), np.power(np.float32(a), np.float32(b)), equal_nan=True), (a, b)
"""


def test_its_mathematics_round_to_the_nearest_float(tmp_path):
    """In a process of its own: the library, once loaded, has that process take denormal numbers for 0."""
    provide_gcc(tmp_path)
    library = tmp_path / "maths.so"
    subprocess.run(["gcc", "-shared", "-nostdlib", tmp_path / "maths.o", "-o", library], check=True)
    subprocess.run([sys.executable, "-W", "error", "-c", ACCURACY, library], check=True)


def test_what_it_compiles_needs_no_library(tmp_path):
    """A function that is not there is named by the linker, not found missing by a crash."""
    provide_gcc(tmp_path)
    (tmp_path / "a.c").write_text("#include <math.h>\nfloat a(float x) { return expf(x) + tanhf(x) + sqrtf(powf(x, 3.3f)); }\n")
    (tmp_path / "b.c").write_text("#include <math.h>\nfloat b(float x) { return lgammaf(x); }\n")
    flags = ["-std=c11", "-shared", "-fpic", "-Ofast", "-march=native"]
    subprocess.run([tmp_path / "gcc", *flags, "-o", tmp_path / "a.so", tmp_path / "a.c", "-lm"], check=True)
    assert b"libm" not in (tmp_path / "a.so").read_bytes()
    command = [tmp_path / "gcc", *flags, "-o", tmp_path / "b.so", tmp_path / "b.c", "-lm"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode != 0
    assert "lgammaf" in answer.stderr
