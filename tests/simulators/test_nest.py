"""The NEST engine: the contract, what it gives against NEST run alone, and the step on which everything acts."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosim.sdk import CosimError, Port, Samples, Setup, Space, Spikes, Window
from cosim.sdk.contract import EngineContract, same_bits
from engines.nest import Nest, NestHelper

pytest.importorskip("nest", reason="NEST is not installed (extra: nest)")
nest = Nest.simulator.load()

ROOT = Path(__file__).parents[2]
MS, DT = 1_000_000, 100_000
MODEL = f"{Path(__file__).parent / 'nest_model.py'}:build"

RELAYS = """
from cosim.sdk import Params, Port, Space


class Relays(Params):
    cells: int = 3


def ports(args):
    space = Space.numbered(args.cells)
    return [Port("drive", "in", "KIND", space), Port("spikes", "out", "spikes", space)]


def build(args: Relays, seed, sim):
    import nest

    drive = BINDING
    return {"drive": drive, "spikes": sim.spikes_out(drive.nodes)}
"""


@pytest.fixture
def relays(tmp_path):
    """A model whose input is repeated by its output; how it is bound, the kind of its input, and any other change."""

    def write(binding="sim.spikes_in(args.cells, relay=True)", kind="spikes", *changes):
        text = RELAYS.replace("BINDING", binding).replace("KIND", kind)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / f"relays_{abs(hash(text))}.py"
        file.write_text(text)
        return f"{file}:build"

    return write


def built(model, window_ns=2 * MS, seed=1, inputs=None, comm=None, folder=Path(), **params):
    return Nest(Nest.Params(model=model, **params), Setup("n", window_ns, seed, inputs or {}, {}, comm, folder))


def played(engine, window_ns, stop_ns, **inputs):
    """Run to ``stop_ns``; what each output gave, joined."""
    out = {}
    for start in range(0, stop_ns, window_ns):
        window = Window(start, start + window_ns)
        for name, payload in engine.advance(window, {name: payload.cut(window) for name, payload in inputs.items()}).items():
            out.setdefault(name, []).append(payload)
    engine.close()
    return {name: type(parts[0]).join(parts) for name, parts in out.items()}


def spikes_of(window_ns, pairs):
    """Spikes from (time, channel) pairs."""
    times, channels = zip(*pairs, strict=True) if pairs else ((), ())
    return Spikes.sorted(Window(0, window_ns), np.array(times, np.int64), np.array(channels, np.int32))


# -- the contract --------------------------------------------------------------------------------------------------------


class TestNest(EngineContract):
    engine, params = Nest, Nest.Params(model=MODEL)
    one_window_ms, many_windows_ms = 60, 2
    bad_params = ({"dt": 0}, {"dt": 100_500}, {"threads": 0}, {"args": {"cels": 20}}, {"model": "nowhere.py:build"})

    def make_inputs(self, port, window):
        payload = super().make_inputs(port, window)
        scale = {"rates": 4000.0, "currents": 200.0}.get(port.name)
        return payload if scale is None else Samples(window, payload.values * scale)

    def test_it_fires_in_this_test(self):
        spikes = self.run(2)["spikes"]
        assert len(spikes) > 20
        assert len(set(spikes.channels.tolist())) > 5


class TestPlastic(TestNest):
    params = Nest.Params(model=MODEL, args={"synapse": "stdp_synapse"})


# -- against NEST run alone ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rates_hz", "voltage_step"), [(0.0, 500_000), (4000.0, MS)])
def test_it_equals_nest_run_alone(rates_hz, voltage_step):
    """The same network with its inputs known beforehand and NEST's own recorders, in one call of Simulate.

    Poisson spikes are compared where rows are read every smallest delay, which is the slice of NEST's random numbers.
    """
    rng, stop = np.random.default_rng(3), 100 * MS
    total = Window(0, stop)
    kicks = spikes_of(stop, sorted(zip(rng.integers(1, stop // DT, 200) * DT, rng.integers(0, 20, 200), strict=True)))
    rates = rng.uniform(0, rates_hz, (stop // 500_000, 3))
    currents = rng.uniform(-200, 200, (stop // DT, 3))

    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.rng_seed = 6
    cells = nest.Create("iaf_psc_exp", 25, {"I_e": 350.0})
    cells.V_m = nest.random.uniform(-70.0, -56.0)
    rule = {"rule": "fixed_indegree", "indegree": 4}
    nest.Connect(cells[:20], cells, rule, {"weight": 40.0, "delay": 1.0})
    nest.Connect(cells[20:], cells, rule, {"weight": -160.0, "delay": 1.0})
    for channel in range(20):
        times = kicks.times_ns[kicks.channels == channel] / 1e6
        nest.Connect(nest.Create("spike_generator", {"spike_times": times}), cells[channel], syn_spec={"weight": 200.0})
    for channel in range(3):
        values = {"rate_times": (np.arange(len(rates)) * 5 + 1) / 10, "rate_values": rates[:, channel].copy()}
        nest.Connect(nest.Create("inhomogeneous_poisson_generator", values), cells[channel], syn_spec={"weight": 40.0})
    for channel in range(3):
        values = {"amplitude_times": np.arange(1, len(currents) + 1) / 10, "amplitude_values": currents[:, channel].copy()}
        nest.Connect(nest.Create("step_current_generator", values), cells[channel])
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    meter = nest.Create("multimeter", {"record_from": ["V_m"], "interval": voltage_step / 1e6})
    nest.Connect(meter, cells[:3])
    nest.Simulate(stop / 1e6 + 2)  # so that the multimeter has the last rows
    alone, volts = recorder.events, meter.events
    kept = alone["times"] < stop / 1e6 + 0.05
    expected = spikes_of(stop, sorted(zip(np.rint(alone["times"][kept] * MS), alone["senders"][kept] - 1, strict=True)))
    rows = len(volts["times"][volts["times"] < stop / 1e6 + 0.05]) // 3

    params = {"voltage_step": f"{voltage_step} ns"}
    inputs = {"kicks": kicks, "rates": Samples(total, rates), "currents": Samples(total, currents)}
    given = played(built(MODEL, 2 * MS, seed=5, args=params), 2 * MS, stop, **inputs)
    assert len(expected) > 50
    assert same_bits(given["spikes"], expected)
    order = np.lexsort((volts["senders"], volts["times"]))
    assert np.array_equal(given["v"].values, volts["V_m"][order][: 3 * rows].reshape(rows, 3))


CHAIN = """
from cosim.sdk import Port, Space

CELLS = 20


def ports(args):
    space = Space.numbered(CELLS)
    return [Port("drive", "in", "spikes", space), Port("spikes", "out", "spikes", space)]


def population(first):
    import nest

    cells = nest.Create("iaf_psc_alpha", CELLS)
    cells.set({"I_e": [390.0 + first + 3 * i for i in range(CELLS)]})
    nest.Connect(cells, cells, {"rule": "all_to_all", "allow_autapses": False}, {"weight": -8.0, "delay": 1.5})
    return cells


def a(args, seed, sim):
    cells = population(0)
    return {"drive": sim.spikes_in(cells, delay=1.5), "spikes": sim.spikes_out(cells)}


def b(args, seed, sim):
    cells = population(-60)
    drive = sim.spikes_in(cells, weight=400.0, delay=1.5)
    return {"drive": drive, "spikes": sim.spikes_out(cells)}


def both(args, seed, sim):
    import nest

    first, second = population(0), population(-60)
    nest.Connect(first, second, "one_to_one", {"weight": 400.0, "delay": 4.0})
    return {"drive": sim.spikes_in(first, delay=1.5), "spikes": sim.spikes_out(second)}
"""


def test_a_network_cut_in_two_equals_the_uncut_one(tmp_path):
    """A to B over 4 ms: 2.5 ms of the link and 1.5 ms of NEST's connection from the generator."""
    (tmp_path / "chain.py").write_text(CHAIN)
    stop, link = 200 * MS, 2_500_000
    whole = played(built(f"{tmp_path}/chain.py:both"), 2 * MS, stop)["spikes"]
    sent = played(built(f"{tmp_path}/chain.py:a"), 2 * MS, stop)["spikes"]
    arriving = Spikes(Window(0, stop + link), sent.times_ns + link, sent.channels)
    cut = played(built(f"{tmp_path}/chain.py:b"), MS, stop, drive=arriving)["spikes"]
    unfed = played(built(f"{tmp_path}/chain.py:b"), MS, stop)["spikes"]
    assert len(whole) > 50
    assert len(unfed) != len(whole)
    assert same_bits(whole, cut)


def test_threads_do_not_change_a_network_without_random_numbers(tmp_path):
    (tmp_path / "chain.py").write_text(CHAIN)
    one, two = (played(built(f"{tmp_path}/chain.py:both", 4 * MS, threads=n), 4 * MS, 60 * MS)["spikes"] for n in (1, 2))
    assert len(one) > 20
    assert same_bits(one, two)


def test_random_numbers_are_the_same_only_for_one_number_of_threads():
    """``determinism = "layout"``: connections and Poisson spikes are drawn by each thread for itself."""
    assert Nest.determinism == "layout"
    rates = Samples(Window(0, 24 * MS), np.full((48, 3), 4000.0))
    one, two, cut = (
        played(built(MODEL, window_ns, threads=threads), window_ns, 24 * MS, rates=rates)
        for threads, window_ns in ((1, 12 * MS), (2, 12 * MS), (2, 2 * MS))
    )
    assert not np.array_equal(one["v"].values, two["v"].values)
    assert same_bits(two["v"], cut["v"])
    assert same_bits(two["spikes"], cut["spikes"])


def test_poisson_spikes_depend_on_windows_that_cut_the_smallest_delay(relays, caplog):
    """As the documentation says; the log tells where it is so."""
    model = relays("sim.rate_in(args.cells, relay=1.0)", "samples")
    rates = Samples(Window(0, 24 * MS), np.full((24, 3), 1000.0))
    port = Port("drive", "in", "samples", Space.numbered(3), dt_ns=MS)
    ran = {}
    for window_ns in (MS, 3 * MS, 24 * MS):
        with caplog.at_level("INFO", "cosim"):
            engine = built(model, window_ns, inputs={"drive": port})
        ran[window_ns] = played(engine, window_ns, 24 * MS, drive=rates)["spikes"]
    assert not [record for record in caplog.records if "random numbers" in record.message]
    fine = Samples(rates.window, np.repeat(rates.values, 2, axis=0))
    with caplog.at_level("INFO", "cosim"):
        engine = built(model, 500_000, inputs={"drive": port.but(dt_ns=500_000)})
    ran[500_000] = played(engine, 500_000, 24 * MS, drive=fine)["spikes"]
    assert [record for record in caplog.records if "500 us is not a whole number of the smallest delay, 1 ms" in record.message]
    assert same_bits(ran[MS], ran[3 * MS])
    assert same_bits(ran[MS], ran[24 * MS])
    assert not same_bits(ran[MS], ran[500_000])


# -- the step on which it acts -------------------------------------------------------------------------------------------

TIMES = st.integers(1, 12 * MS) | st.sampled_from([1, DT - 1, DT, DT + 1, MS - 1, MS, MS + 1, 3 * MS, 3 * MS + 1, 6 * MS, 12 * MS])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(st.tuples(TIMES, st.integers(0, 2)), max_size=25), window_ns=st.sampled_from([DT, 500_000, MS, 3 * MS, 12 * MS])
)
def test_a_spike_lands_once_at_the_end_of_its_step(relays, pairs, window_ns):
    """Whatever the window; a parrot repeats it one step later, two of one channel in one step twice."""
    out = played(built(relays(), window_ns), window_ns, 12 * MS, drive=spikes_of(12 * MS, pairs))["spikes"]
    expected = sorted((math.ceil(t / DT) * DT + DT, channel) for t, channel in pairs)
    expected = [pair for pair in expected if pair[0] <= 12 * MS]
    assert list(zip(out.times_ns.tolist(), out.channels.tolist(), strict=True)) == expected


def test_a_spike_on_the_edge_of_a_window_is_in_the_window_that_ends_there(relays):
    engine = built(relays())
    windows = [Window(0, 2 * MS), Window(2 * MS, 4 * MS)]
    spikes = spikes_of(4 * MS, [(2 * MS - DT, 0), (2 * MS - DT + 1, 1), (2 * MS, 2)])
    first, second = (engine.advance(w, {"drive": spikes.cut(w)})["spikes"] for w in windows)
    engine.close()
    assert (first.times_ns.tolist(), first.channels.tolist()) == ([2 * MS], [0])
    assert (second.times_ns.tolist(), second.channels.tolist()) == ([2 * MS + DT, 2 * MS + DT], [1, 2])


@pytest.mark.parametrize(("relay", "later"), [("True", DT), ("1.5", 1_500_000)])
def test_a_relay_takes_its_delay(relays, relay, later):
    engine = built(relays(f"sim.spikes_in(args.cells, relay={relay})"))
    out = played(engine, 2 * MS, 6 * MS, drive=spikes_of(6 * MS, [(MS, 1)]))["spikes"]
    assert (out.times_ns.tolist(), out.channels.tolist()) == ([MS + later], [1])


@pytest.mark.parametrize("window_ns", [MS, 3 * MS])
def test_a_rate_acts_in_the_steps_of_its_row(relays, window_ns):
    """A row at 2 ms holds over (1 ms, 2 ms]: spikes with these stamps, heard one step later through the parrots."""
    rows = np.zeros((12, 3))
    rows[1, 0] = rows[5, 1] = 50_000.0
    port = Port("drive", "in", "samples", Space.numbered(3), dt_ns=MS)
    engine = built(relays("sim.rate_in(args.cells, relay=True)", "samples"), window_ns, inputs={"drive": port})
    out = played(engine, window_ns, 12 * MS, drive=Samples(Window(0, 12 * MS), rows))["spikes"]
    for channel, row in ((0, 1), (1, 5)):
        steps = (out.times_ns[out.channels == channel] - DT) // DT
        assert set(steps.tolist()) == set(range(row * 10 + 1, row * 10 + 11))
    assert 2 not in out.channels


@pytest.mark.parametrize("window_ns", [200_000, MS])
def test_a_current_acts_one_delay_and_one_step_after_its_row_began(window_ns):
    """A row over (1 ms, 1.1 ms], the delay of 1 ms: V differs from 2.2 ms on, where it is at the end of the step after."""
    args, values = {"voltage_step": "100 us"}, []
    for current in (0.0, 300.0):
        rows = np.zeros((40, 3))
        rows[10, 0] = current
        values.append(played(built(MODEL, window_ns, args=args), window_ns, 4 * MS, currents=Samples(Window(0, 4 * MS), rows))["v"])
    differ = np.flatnonzero(values[0].values[:, 0] != values[1].values[:, 0])
    assert values[0].times_ns[differ[0]] == 2_200_000


def test_a_mean_is_over_every_step(tmp_path):
    text = Path(MODEL.partition(":")[0]).read_text()
    changed = text.replace("dt_ns=int(args.voltage_step)", "dt_ns=int(args.voltage_step), of='mean'")
    assert changed != text
    (tmp_path / "mean.py").write_text(changed)
    fine = played(built(MODEL, args={"voltage_step": "100 us"}), 2 * MS, 20 * MS)["v"].values
    mean = played(built(f"{tmp_path}/mean.py:build", args={"voltage_step": "1 ms"}), 2 * MS, 20 * MS)["v"].values
    np.testing.assert_allclose(mean, fine.reshape(20, 10, 3).mean(1), rtol=1e-13)  # summed in another order


def test_ports_of_different_steps_each_have_their_rows(tmp_path):
    text = Path(MODEL.partition(":")[0]).read_text()
    for old, new in (
        ('Port("spikes", "out"', 'Port("coarse", "out", "samples", three, dt_ns=1_000_000),\n        Port("spikes", "out"'),
        ('"spikes": sim', '"coarse": sim.samples_out(exc[:3]),\n        "spikes": sim'),
    ):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "two.py").write_text(text)
    out = played(built(f"{tmp_path}/two.py:build", args={"voltage_step": "400 us"}), 2 * MS, 20 * MS)
    assert (out["v"].values.shape, out["coarse"].values.shape) == ((50, 3), (20, 3))
    assert np.array_equal(out["v"].values[4::5], out["coarse"].values[1::2])  # both at 2, 4, … ms


def test_the_short_way_to_set_a_node_does_what_the_public_one_does(monkeypatch):
    test = TestNest()
    short = test.run(2)
    monkeypatch.setattr("engines.nest.bindings.set_node", lambda nest, node, values: node.set([values]))
    public = test.run(2)
    assert all(same_bits(short[name], public[name]) for name in short)


@pytest.mark.parametrize("dt_ns", [1_000, 25_000, 123_000, 1_000_000])
def test_any_step_of_whole_microseconds_may_be_chosen(relays, dt_ns):
    spikes = spikes_of(8 * dt_ns, [(dt_ns + 1, 0)])
    out = played(built(relays(), 2 * dt_ns, dt=f"{dt_ns} ns"), 2 * dt_ns, 8 * dt_ns, drive=spikes)["spikes"]
    assert out.times_ns.tolist() == [3 * dt_ns]


def test_spikes_off_the_grid_keep_their_time(relays):
    cells = 'nest.Create("iaf_psc_alpha_ps", 3, {"I_e": 400.0})'
    model = relays("sim.spikes_in(args.cells)", "spikes", ("sim.spikes_out(drive.nodes)", f"sim.spikes_out({cells})"))
    out = played(built(model), 2 * MS, 100 * MS)["spikes"]
    assert len(out)
    assert all(out.times_ns % DT)


def test_the_models_own_connections_and_channels(relays):
    """Two channels to ten targets by a rule; and a joined collection, whose channels are in the order of creation."""
    changes = [
        ("Space.numbered(args.cells)", "Space.numbered(10)"),
        ('"in", "spikes", space', '"in", "spikes", Space.numbered(2)'),
        ("    drive =", '    cells = nest.Create("parrot_neuron", 10)\n    drive ='),
        ("sim.spikes_out(drive.nodes)", "sim.spikes_out(cells[5:] + cells[:5])"),
    ]
    model = relays('sim.spikes_in(cells, conn_spec="all_to_all", channels=2, delay=0.5)', "spikes", *changes)
    out = played(built(model), 2 * MS, 4 * MS, drive=spikes_of(4 * MS, [(MS, 0), (MS + 1, 1)]))["spikes"]
    assert out.channels.tolist() == [*range(10), *range(10)]
    assert out.times_ns.tolist() == [1_500_000] * 10 + [1_600_000] * 10


# -- what may be wrong ---------------------------------------------------------------------------------------------------


def told(call, *parts):
    with pytest.raises(CosimError) as caught:
        call()
    assert all(part in str(caught.value) for part in parts), caught.value


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ([('"spikes": sim', '"spike": sim')], ["no port 'spike'", "did you mean 'spikes'?"]),
        ([("sim.spikes_out(drive.nodes)", "sim.spikes_out(drive.nodes[:2])")], ["declared with 3 channels", "bound 2"]),
        ([("import nest\n", "import nest\n\n    nest.ResetKernel()\n")], ["overwrite_files = False", "leave ResetKernel"]),
        ([("import nest\n", "import nest\n\n    nest.resolution = 0.2\n")], ["resolution = 0.2", "the engine needs 0.1"]),
        ([("    return {", "    nest.Simulate(5.0)\n    return {")], ["biological_time = 5.0"]),
        ([("relay=True", "weight=2.0")], ["weight given for 3 channels", "connect .nodes"]),
        ([("spikes_out(drive.nodes)", "samples_out(nest.Create('iaf_psc_exp'), 'v_m')")], ["'v_m'", "did you mean 'V_m'?"]),
        ([("spikes_out(drive.nodes)", "samples_out(nest.Create('iaf_psc_exp'), 'I_syn_ex')")], ["only a multimeter gives"]),
    ],
)  # fmt: skip
def test_faults_of_a_model_are_told(relays, changes, parts):
    told(lambda: built(relays("sim.spikes_in(args.cells, relay=True)", "spikes", *changes)), *parts)


def test_a_window_that_does_not_fit_says_which_do(relays):
    told(lambda: built(relays(), 1_250_000), "1.25 ms is not a whole number of the 100 us steps", "1.2 ms, 1.3 ms")


def test_a_second_model_in_the_process_is_refused(relays):
    first = built(relays())
    told(lambda: built(relays()), "second NEST model", "--transport zeromq")
    assert len(first.advance(Window(0, 2 * MS), {})["spikes"]) == 0  # the first is unharmed
    first.close()
    built(relays()).close()


def test_a_model_that_was_let_go_does_not_stand_in_the_way(relays):
    built(relays())
    built(relays()).close()


def test_a_missing_simulator_says_how_to_get_it(relays, monkeypatch):
    monkeypatch.setitem(sys.modules, "nest", None)
    told(lambda: built(relays()), "NEST", "neuro-cosim[nest]")


def test_modules_are_installed_before_the_model_is_built(relays, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setitem(vars(nest), "Install", lambda name: calls.append((name, nest.network_size)))
    (tmp_path / "mine.so").touch()
    for _ in range(2):
        built(relays(), modules=["mine", "mine.so", "elsewhere"], folder=tmp_path).close()
    assert calls == [(f"{tmp_path}/mine", 0), (f"{tmp_path}/mine", 0), ("elsewhere", 0)] * 2


def test_a_module_that_does_not_load_is_told(relays):
    told(lambda: built(relays(), modules=["nonesuch"]), "cannot load the module 'nonesuch'", "file not found", "LD_LIBRARY_PATH")


def test_nothing_is_printed(relays, capfd):
    played(built(MODEL), 2 * MS, 4 * MS)
    assert capfd.readouterr().out == ""


LAUNCHED = f"""
import os
from cosim.sdk import Setup
from engines.nest import Nest

for _ in range(2):
    Nest(Nest.Params(model={MODEL!r}, threads=2), Setup("n", 2_000_000, 1)).close()
assert os.environ["PMI_RANK"] == "1"
"""


def test_it_lives_under_mpirun_and_prints_nothing():
    """NEST without MPI ends the process when it finds the marks of a launcher with several ranks."""
    environment = {name: value for name, value in os.environ.items() if name != "PYNEST_QUIET"}
    environment |= {"PMI_RANK": "1", "MPI_LOCALNRANKS": "2"}
    command = [sys.executable, "-c", LAUNCHED]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stdout + answer.stderr


# -- ranks ---------------------------------------------------------------------------------------------------------------


class Ranks:
    """Two ranks of which this is the first; the other has what this one has, on the next node."""

    size, rank = 2, 0

    def gather(self, mine):
        senders, times = mine
        return [(senders, times), (senders + 1, times)]

    def allreduce(self, mine):
        return 2 * mine


@pytest.mark.skipif(nest.build_info["have_mpi"], reason="this NEST has MPI")
def test_ranks_without_mpi_are_refused(relays):
    told(lambda: built(relays(), comm=Ranks()), "cannot use 2 ranks", "built without MPI", "threads")
    built(relays(), comm=SimpleNamespace(size=1)).close()


def test_a_nest_that_spans_other_ranks_is_refused(relays, monkeypatch):
    """As NEST 3.10 with MPI: it takes the whole job, whatever communicator it is given."""
    module = SimpleNamespace(__version__="3.10", build_info={"have_mpi": True}, num_processes=3, set_communicator=lambda comm: None)
    monkeypatch.setitem(sys.modules, "nest", module)
    told(lambda: built(relays(), comm=Ranks()), "runs on 3 MPI ranks, and the engine has 2", "mpirun -n 3")


def test_what_all_ranks_have_is_gathered():
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    helper = NestHelper(nest, DT, Ranks())
    cells = nest.Create("parrot_neuron", 2)
    nest.Connect(nest.Create("spike_generator", {"spike_times": [1.0]}), cells[0])
    spikes = helper.spikes_out(cells)
    volts = helper.samples_out(nest.Create("iaf_psc_exp", 2))
    helper.connect_recorders()
    nest.Simulate(3.0)
    out = spikes.take(Window(0, 3 * MS))
    assert (out.times_ns.tolist(), out.channels.tolist()) == ([2 * MS, 2 * MS], [0, 1])
    volts.bound(Port("v", "out", "samples", Space.numbered(2), dt_ns=3 * MS), DT)
    volts.sample()
    assert volts.take(Window(0, 3 * MS)).values.tolist() == [[-140.0, -140.0]]
