"""The Arbor engine: the contract, and what it gives against Arbor run alone."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from cosim.sdk import CosimError, Port, Samples, Setup, Space, Spikes, Window
from cosim.sdk.contract import EngineContract, same_bits

arbor = pytest.importorskip("arbor", reason="Arbor is not installed (extra: arbor)")

from arbor import units  # noqa: E402

from engines.arbor import Arbor, ArborHelper  # noqa: E402
from engines.arbor.current import load_current  # noqa: E402
from engines.arbor.detectors import find_detectors, key, label_hash  # noqa: E402
from engines.arbor.tissue import Tissue  # noqa: E402
from tests.simulators.arbor_model import Ring, make_recipe  # noqa: E402

MS = 1_000_000
BINARY = 31_250
"""A step whose multiples are exact in floating point: there Arbor's own arithmetic does not depend on where a run is cut."""
MODEL = f"{Path(__file__).parent / 'arbor_model.py'}:build"
COMPILER = any(map(shutil.which, ("c++", "g++", "clang++")))


def params(dt=25_000, epoch=MS, threads=1, **args):
    return Arbor.Params(model=MODEL, dt=dt, epoch=epoch, threads=threads, args={"current": COMPILER, **args})


class TestArbor(EngineContract):
    engine, params = Arbor, params(lif=True)
    one_window_ms, many_windows_ms = 60, 2
    bad_params = ({"dt": 0}, {"epoch": 0}, {"threads": 0}, {"args": {"cell": 20}}, {"model": "nowhere.py:build"})

    def test_it_can_be_put_back_to_any_point_of_a_spike(self):
        """Arbor's own state does not say which detectors are above threshold, and is added to what stands there already."""
        first, second = self.build(0.5), self.build(0.5)
        inputs = {name: self.make_inputs(port, self.total()) for name, port in self.input_ports().items()}
        if "current" in inputs:
            inputs["current"] = Samples(self.total(), np.zeros((120, len(self.input_ports()["current"].space))))
        spikes = 0
        for window in self.windows(0.5):
            state = first.save()
            second.load(state)
            given = {name: payload.cut(window) for name, payload in inputs.items()}
            here, there = first.advance(window, given), second.advance(window, given)
            assert all(same_bits(here[name], there[name]) for name in here), window
            spikes += len(here["spikes"])
        assert spikes > 20


# -- against Arbor run alone -----------------------------------------------------------------------------------------------


def played(seed, until_ms, dt, cells=4):
    """Random input of every kind, over the whole run: spikes at any time, currents of every ms."""
    rng, window = np.random.default_rng(seed), Window(0, until_ms * MS)
    times = rng.integers(1, window.stop_ns - dt, 12 * cells)
    events = Spikes.sorted(window, times, rng.integers(0, cells, len(times)).astype(np.int32))
    currents = np.round(rng.uniform(-0.05, 0.08, (until_ms, cells)) * 1024) / 1024  # exact in the 32 bits of a weight
    return {"events": events, "current": Samples(window, currents)}


def through_engine(which, inputs, window_ns, until_ns):
    """The spikes and voltages of an engine, joined."""
    currents = {"current": inputs["current"].refined(min(window_ns, MS))} if which.args.current else {}
    inputs = {"events": inputs["events"], **currents}
    engine = Arbor(which, Setup("a", window_ns, 3))
    windows = [Window(start, start + window_ns) for start in range(0, until_ns, window_ns)]
    parts = [engine.advance(window, {name: payload.cut(window) for name, payload in inputs.items()}) for window in windows]
    engine.close()
    return Spikes.join([part["spikes"] for part in parts]), Samples.join([part["voltage"] for part in parts])


def alone(which, inputs, until_ms, clamps=False):
    """Times (ns) and cells of the soma's spikes, and voltages, of Arbor itself: its own connections, all input known, one run."""
    args, dt, spikes, currents = which.args, which.dt, inputs["events"], inputs["current"].values
    acts_ms = (spikes.steps(dt) + 1.5) * dt / 1e6  # inside the step that begins where the one in which it fell ended
    events = [(gid, args.weight, acts_ms[spikes.channels == gid].tolist(), "synapse") for gid in range(args.cells)]
    starts, envelopes = np.arange(len(currents)) + dt / 1e6, []
    for gid in range(args.cells):
        steps = list(zip(starts.tolist(), currents[:, gid].tolist(), strict=True))
        envelopes.append((gid, [corner for t, a in steps for corner in ((t, a), (t + 1, a))] if clamps else []))
        events += [] if clamps else [(gid, a, [t + dt / 2e6], "current") for t, a in steps]
    recipe = make_recipe(args, load_current(arbor), events, [each for each in envelopes if each[1]])
    simulation = arbor.simulation(recipe, arbor.context(threads=1), seed=3)
    simulation.record(arbor.spike_recording.local)
    every = arbor.regular_schedule((1 + 1e-12) * units.ms)
    handles = [simulation.sample((gid, "soma"), every) for gid in range(args.cells)]
    simulation.run((until_ms + dt / 1e6) * units.ms, dt / 1e6 * units.ms)
    told = simulation.spikes()
    told = told[told["source"]["index"] == 1]
    found = Spikes.sorted(
        Window(0, until_ms * MS), np.rint(told["time"] * 1e6).astype(np.int64), told["source"]["gid"].astype(np.int32)
    )
    found = found.cut(found.window)
    return found.times_ns, found.channels, np.column_stack([simulation.samples(handle)[0][0][1:, 1] for handle in handles])


needs_compiler = pytest.mark.skipif(not COMPILER, reason="no C++ compiler, which the current's mechanism needs")


@needs_compiler
@pytest.mark.parametrize(("window_ms", "delay_ms"), [(0.5, 2), (4, 2), (80, 2), (2, 0.75), (2, 0.0625)])
def test_a_connected_ring_equals_arbor_alone_in_one_run(window_ms, delay_ms):
    """Bit for bit, where a step is exact in binary and half the shortest delay is a whole number of steps."""
    which, inputs = params(dt=BINARY, delay_ms=delay_ms), played(1, 80, BINARY)
    spikes, voltage = through_engine(which, inputs, round(window_ms * MS), 80 * MS)
    times, cells, expected = alone(which, inputs, 80)
    assert len(times) > 20
    assert np.array_equal(spikes.times_ns, times)
    assert np.array_equal(spikes.channels, cells)
    assert np.array_equal(voltage.values, expected)


@needs_compiler
@pytest.mark.parametrize("clamps", [False, True])
def test_other_steps_equal_arbor_alone_to_rounding(clamps):
    """1 ms is no multiple of 25 us in floating point: the length of Arbor's steps differs in the last bit. i_clamp interpolates."""
    which, inputs = params(), played(2, 80, 25_000)
    spikes, voltage = through_engine(which, inputs, 4 * MS, 80 * MS)
    times, cells, expected = alone(which, inputs, 80, clamps)
    assert len(times) > 20
    assert np.array_equal(spikes.channels, cells)
    assert np.abs(spikes.times_ns - times).max() <= 1
    assert np.abs(voltage.values - expected).max() < 1e-9


def spikes_of(recipe, until_ms, dt=BINARY):
    """Times (ns) and keys of all spikes of a recipe that the engine runs, sorted."""
    tissue = Tissue(arbor, recipe, params(dt=dt), 3)
    tissue.start(until_ms * MS)
    tissue.advance(Window(0, until_ms * MS))
    return sorted(zip(*(part.tolist() for part in tissue.spikes), strict=True))


class Detectors(arbor.recipe):
    """A cell of five compartments, with four detectors under three labels, and two integrate-and-fire cells."""

    def __init__(self, source="middle"):
        arbor.recipe.__init__(self)
        self.source = source

    def num_cells(self):
        return 3

    def cell_kind(self, gid):
        return arbor.cell_kind.cable if gid == 0 else arbor.cell_kind.lif

    def cell_description(self, gid):
        if gid:
            return arbor.lif_cell("spike", "synapse", V_th=10 * units.mV, t_ref=0.1 * units.ms)
        tree = arbor.segment_tree()
        tree.append(arbor.mnpos, arbor.mpoint(-10, 0, 0, 10), arbor.mpoint(10, 0, 0, 10), tag=1)
        decor = arbor.decor().paint("(all)", arbor.density("hh"))
        decor.place("(location 0 0.5)", arbor.synapse("expsyn"), "synapse")
        decor.place("(join (location 0 0.1) (location 0 0.9))", arbor.synapse("expsyn"), "pair")
        for where, label, threshold in ((0.1, "twice", -60), (0.3, "middle", -40), (0.7, "high", 10), (0.9, "twice", -20)):
            decor.place(f"(location 0 {where})", arbor.threshold_detector(threshold * units.mV), label)
        decor.place("(location 0 0.5)", arbor.i_clamp(5 * units.ms, 20 * units.ms, 0.2 * units.nA))
        return arbor.cable_cell(tree, decor, discretization=arbor.cv_policy_fixed_per_branch(5))

    def connections_on(self, gid):
        if not gid:
            return []
        several = [arbor.connection((0, self.source), "synapse", 500.0 * turn, turn * units.ms) for turn in (1, 2, 3)]
        return [*several, arbor.connection((0, "high"), "synapse", 5000.0, 1.5 * units.ms)]

    def raw_connections_on(self, gid):
        return [arbor.raw_connection((1, 0), "synapse", 0.02, 1 * units.ms)] if gid == 0 else []

    def event_generators(self, gid):
        noise = arbor.poisson_schedule(freq=0.2 * units.kHz, seed=gid)
        return [arbor.event_generator("synapse", 0.01 if gid == 0 else 800, noise)]

    def probes(self, gid):
        return [arbor.cable_probe_membrane_voltage_cell("cell")] if gid == 0 else []

    def global_properties(self, kind):
        return arbor.neuron_cable_properties() if kind == arbor.cell_kind.cable else None


def test_all_kinds_of_connections_and_generators_are_arbors():
    recipe = Detectors()
    simulation = arbor.simulation(recipe, arbor.context(threads=1), seed=3)
    simulation.record(arbor.spike_recording.local)
    simulation.run(60 * units.ms, BINARY / 1e6 * units.ms)
    told = simulation.spikes()
    expected = [(round(t * 1e6), key(gid, index)) for (gid, index), t in zip(told["source"].tolist(), told["time"], strict=True)]
    assert {cell & 0xFF for _, cell in expected} == {0, 1, 2}
    assert spikes_of(recipe, 60) == sorted(expected)


def test_detectors_are_numbered_as_they_are_placed():
    found = find_detectors(arbor, Detectors(), [0, 2])
    assert found[0] == {label_hash("twice"): [0, 3], label_hash("middle"): [1], label_hash("high"): [2]}
    assert found[2] == {label_hash("spike"): [0]}


# -- to the step -------------------------------------------------------------------------------------------------------------


def first_difference(port, payload_of, window_ns, dt=25_000):
    """When (ns) the voltage of a resting cell first differs from one without the input."""
    which = params(dt=dt, cells=1, row=dt, epoch=100_000, current=COMPILER)
    courses = []
    for fed in (False, True):
        engine = Arbor(which, Setup("a", window_ns, 1))
        rows = []
        for start in range(0, 4 * MS, window_ns):
            window = Window(start, start + window_ns)
            rows.append(engine.advance(window, {port: payload_of(window)} if fed else {})["voltage"].values)
        courses.append(np.concatenate(rows))
    return (int(np.flatnonzero(courses[0] != courses[1])[0]) + 1) * dt


@pytest.mark.parametrize("window_ns", [100_000, 500_000, MS, 4 * MS])
@pytest.mark.parametrize(
    ("at_ns", "acts_ns"),
    [(MS + 1, MS + 25_000), (MS + 25_000, MS + 25_000), (MS + 25_001, MS + 50_000), (2 * MS, 2 * MS), (1, 25_000)],
)
def test_a_spike_acts_in_the_step_that_begins_at_its_time_or_the_next(at_ns, acts_ns, window_ns):
    """It is seen in the voltage when that step ends. (1 ms, 1 ms + 1 ns, the end of a window, and between steps.)"""
    event = Spikes(Window(0, 4 * MS), np.array([at_ns]), np.array([0], np.int32))
    assert first_difference("events", event.cut, window_ns) == acts_ns + 25_000


@needs_compiler
@pytest.mark.parametrize("window_ns", [500_000, MS, 4 * MS])
def test_a_row_acts_one_step_late(window_ns):
    """Over (a + dt, b + dt] where it is in force over (a, b]; seen in the voltage one step later."""
    rows = np.zeros((8, 1))
    rows[3] = 0.01  # in force over (1.5 ms, 2 ms]
    whole = Samples(Window(0, 4 * MS), rows)
    assert first_difference("current", whole.cut, window_ns) == 1_500_000 + 2 * 25_000


@pytest.mark.parametrize("window_ns", [25_000, 100_000, MS, 12 * MS])
def test_spikes_on_the_edge_of_a_window_are_told_once(window_ns):
    """An integrate-and-fire cell spikes at the very time of a strong event: at the end of windows, and 1 ns after."""
    which = params(cells=1, lif=True, current=False)
    at = np.array([1, 3 * MS, 6 * MS, 6 * MS + 1, 9 * MS + 1, 12 * MS], np.int64)
    whole = Spikes(Window(0, 12 * MS), at, np.ones(6, np.int32))
    engine = Arbor(which, Setup("a", window_ns, 1))
    windows = [Window(start, start + window_ns) for start in range(0, 12 * MS, window_ns)]
    parts = [engine.advance(window, {"events": whole.cut(window)})["spikes"] for window in windows]
    assert all(
        window.start_ns < part.times_ns.min() <= part.times_ns.max() <= window.stop_ns
        for window, part in zip(windows, parts, strict=True)
        if len(part)
    )
    assert Spikes.join(parts).times_ns.tolist() == [25_000, 3 * MS, 6 * MS, 9 * MS + 25_000, 12 * MS]  # 6 ms + 1 ns: refractory


def test_windows_of_one_step_lose_no_spike():
    which = params(current=False, dt=BINARY)
    inputs = played(4, 20, BINARY)
    short, long = (through_engine(which, inputs, length, 20 * MS)[0] for length in (MS, 20 * MS))
    engine = Arbor(params(current=False, dt=BINARY, row=BINARY), Setup("a", BINARY, 3))
    windows = [Window(start, start + BINARY) for start in range(0, 20 * MS, BINARY)]
    steps = Spikes.join([engine.advance(window, {"events": inputs["events"].cut(window)})["spikes"] for window in windows])
    assert len(long) > 4
    assert same_bits(short, long)
    assert same_bits(steps, long)


def test_mean_rows_are_means_over_the_ends_of_their_steps():
    helper = ArborHelper(arbor, params(cells=2, current=False), 1)
    helper.recipe(make_recipe(Ring(cells=2)))
    space = Space.numbered(2)
    mean, value = helper.samples_out([(0, "soma"), (1, "soma")]), helper.samples_out([(0, "soma"), (1, "soma")])
    mean.bound(Port("m", "out", "samples", space, of="mean", dt_ns=MS), 25_000)
    value.bound(Port("v", "out", "samples", space, dt_ns=25_000), 25_000)
    helper.tissue.start(MS)
    helper.tissue.advance(Window(0, MS))
    fine = value.take(Window(0, MS)).values
    assert fine.shape == (40, 2)
    assert np.array_equal(mean.take(Window(0, MS)).values, fine.reshape(1, 40, 2).mean(axis=1))


def test_a_probe_over_a_whole_cell_is_a_channel_for_each_value():
    helper = ArborHelper(arbor, params(current=False), 1)
    simulation = helper.recipe(Detectors())
    assert helper.samples_out([(0, "cell")]).channels == len(simulation.probe_metadata((0, "cell"))[0])


# -- in one process ----------------------------------------------------------------------------------------------------------


def test_threads_do_not_change_a_bit():
    inputs = played(5, 20, 25_000)
    one, two = (through_engine(params(threads=count, current=False), inputs, MS, 20 * MS) for count in (1, 2))
    assert len(one[0]) > 4
    assert same_bits(one[0], two[0])
    assert same_bits(one[1], two[1])


def test_two_engines_live_in_one_process():
    inputs = played(6, 10, 25_000)["events"]
    engines = [Arbor(params(current=False, weight=weight), Setup("a", MS, 1)) for weight in (0.02, 0.04)]
    windows = [Window(start, start + MS) for start in range(0, 10 * MS, MS)]
    together = [
        [engine.advance(window, {"events": inputs.cut(window)})["voltage"].values for engine in engines] for window in windows
    ]
    for i, weight in enumerate((0.02, 0.04)):
        engine = Arbor(params(current=False, weight=weight), Setup("a", MS, 1))
        for window, both in zip(windows, together, strict=True):
            assert np.array_equal(engine.advance(window, {"events": inputs.cut(window)})["voltage"].values, both[i])


# -- what is refused -----------------------------------------------------------------------------------------------------------


def helper_of(recipe=None):
    helper = ArborHelper(arbor, params(current=False), 1)
    helper.recipe(recipe or Detectors())
    return helper


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda sim: sim.spikes_in([(7, "synapse", 1)]), "no cell 7"),
        (lambda sim: (sim.spikes_in([(0, "synaps", 1)]), sim.tissue.start(MS)), "cannot bring events to a target"),
        (lambda sim: (sim.spikes_in([(0, "pair", 1)]), sim.tissue.start(MS)), "cannot bring events to a target"),
        (lambda sim: sim.spikes_out([(0, "hihg")]), "no detector 'hihg'"),
        (lambda sim: sim.spikes_out([(0, "twice")]), "stands for 2 detectors"),
        (lambda sim: sim.spikes_out([-1]), "no cell -1"),
        (lambda sim: sim.spikes_out([1, 2, 1]), "twice"),
        (lambda sim: sim.samples_in([(0, "synapse"), (0, "synapse")]), "target twice"),
        (lambda sim: sim.samples_out([(0, "soma")]), "no probe 'soma'"),
        (lambda sim: sim.current_in([(0, "synapse")]).bound(Port("c", "in", "samples", Space.numbered(1), unit="pA"), 1), "in pA"),
    ],
)
def test_what_the_model_does_not_have_is_told(ask, says):
    with pytest.raises(CosimError, match=says):
        ask(helper_of())


def test_ports_before_the_recipe_are_refused():
    with pytest.raises(CosimError, match="no recipe yet"):
        ArborHelper(arbor, params(current=False), 1).spikes_out([0])


def test_a_delay_shorter_than_a_step_is_refused():
    with pytest.raises(CosimError, match="less than Arbor's step"):
        Arbor(params(dt=MS, current=False, delay_ms=0.5), Setup("a", MS, 1))


def test_a_window_that_the_step_does_not_fill_is_refused():
    with pytest.raises(CosimError, match="not a whole number of the 25 us steps"):
        Arbor(params(current=False), Setup("a", 60_000, 1))


def test_a_connection_from_a_label_of_two_detectors_is_refused():
    with pytest.raises(CosimError, match="'twice' of cell 0 stands for 2 detectors"):
        helper_of(Detectors(source=arbor.cell_local_label("twice", arbor.selection_policy.round_robin)))


def test_two_detectors_in_one_compartment_are_refused():
    """Arbor 0.12 keeps one earlier voltage for both, and tells no time for the second."""
    recipe = make_recipe(Ring(cells=1))
    recipe.cell_description = same_place
    with pytest.raises(CosimError, match="no time for a spike of cell 0"):
        spikes_of(recipe, 20)


def same_place(gid):
    tree = arbor.segment_tree()
    tree.append(arbor.mnpos, arbor.mpoint(-10, 0, 0, 10), arbor.mpoint(10, 0, 0, 10), tag=1)
    decor = arbor.decor().paint("(all)", arbor.density("hh"))
    for label in ("one", "other"):
        decor.place("(location 0 0.5)", arbor.threshold_detector(-10 * units.mV), label)
    return arbor.cable_cell(tree, decor.place("(location 0 0.5)", arbor.i_clamp(0.5 * units.nA)))


def test_a_network_description_is_refused():
    recipe = Detectors()
    recipe.network_description = lambda: arbor.network_description("(all)", "(scalar 1)", "(scalar 1)", {})
    with pytest.raises(CosimError, match="network_description"):
        helper_of(recipe)


def test_a_missing_arbor_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "arbor", None)
    with pytest.raises(CosimError, match="Arbor") as caught:
        Arbor(params(current=False), Setup("a", MS, 1))
    assert "neuro-cosim[arbor]" in caught.value.mend


def test_a_missing_compiler_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(CosimError, match="needs a C\\+\\+ compiler"):
        helper_of().catalogue()


def test_a_compiler_that_fails_is_quoted(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "/no/such/compiler")
    with pytest.raises(CosimError, match="could not be compiled") as caught:
        helper_of().catalogue()
    assert "/no/such/compiler" in caught.value.why
    assert not list(tmp_path.rglob("cosim.so"))
