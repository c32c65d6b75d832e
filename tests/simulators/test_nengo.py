"""The Nengo engine: the contract, and what it gives against Nengo run alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cosim.sdk import CosimError, Samples, Setup, Spikes, Window
from cosim.sdk.contract import EngineContract

nengo = pytest.importorskip("nengo", reason="Nengo is not installed (extra: nengo)")

from engines.nengo import Nengo  # noqa: E402
from tests.simulators import nengo_model  # noqa: E402

MS = 1_000_000
MODEL = f"{Path(__file__).parent / 'nengo_model.py'}:build"


class TestNengo(EngineContract):
    engine, params = Nengo, Nengo.Params(model=MODEL, args={"neurons": 20})
    one_window_ms, many_windows_ms = 60, 2
    bad_params = ({"dt": 0}, {"args": {"neuron": 20}}, {"model": "nowhere.py:build"}, {"optimize": 3})


class TestNengoWithRandomProcesses(TestNengo):
    params = Nengo.Params(model=MODEL, args={"neurons": 20, "disturbed": True})

    def test_other_seeds_give_other_noise(self):
        assert not np.array_equal(self.run(60, seed=1)["value"].values, self.run(60, seed=2)["value"].values)


class TestNengoUnmerged(TestNengo):
    params = Nengo.Params(model=MODEL, args={"neurons": 20}, optimize=False, dt=500_000)


# -- against Nengo alone -----------------------------------------------------------------------------------------------

STEPS = 200
DRIVE = np.repeat(np.random.default_rng(3).uniform(-1, 1, STEPS // 10), 10)
KICK_TIMES = np.array([500_001, 1_000_000, 7_000_000, 7_000_000, 80_000_001, 99_999_999, 100_000_000, 100_000_001])
KICK_CELLS = np.array([3, 3, 0, 5, 1, 1, 1, 1])


def run_alone(seed, optimize):
    """The same network with Nengo's own nodes and probes, in one run: values, voltages, spikes (steps, 20)."""
    kicks = np.zeros((STEPS, 20))
    np.add.at(kicks, ((KICK_TIMES - 1) // MS, KICK_CELLS), 1000.0)
    with nengo.Network(seed=seed) as network:
        integrator = nengo_model.network(nengo_model.Integrator(neurons=20))
    model = nengo.builder.Model(dt=0.001, decoder_cache=nengo.cache.NoDecoderCache())
    nengo.builder.network.seed_network(network, model.seeds, model.seeded)
    with network:
        node = nengo.Node(lambda t: DRIVE[round(t * 1000) - 1], size_out=1)
        nengo.Connection(node, integrator, transform=0.1, synapse=0.1)
        node = nengo.Node(lambda t: kicks[round(t * 1000) - 1], size_out=20)
        nengo.Connection(node, integrator.neurons, transform=0.01, synapse=0.005)
        probes = [
            nengo.Probe(integrator, synapse=0.01),
            nengo.Probe(integrator.neurons, "voltage"),
            nengo.Probe(integrator.neurons),
        ]
    with nengo.Simulator(network, model=model, progress_bar=False, optimize=optimize) as alone:
        alone.run_steps(STEPS, progress_bar=False)
        return [np.array(alone.data[probe]) for probe in probes]


def run_coupled(params, seed, window_ns=10 * MS):
    engine = Nengo(params, Setup("n", window_ns, seed))
    kicks = Spikes(Window(0, STEPS * MS), KICK_TIMES, KICK_CELLS.astype(np.int32))
    parts = []
    for start in range(0, STEPS * MS, window_ns):
        window = Window(start, start + window_ns)
        drive = DRIVE[start // MS : window.stop_ns // MS : 10, None]  # one row each 10 ms
        parts.append(engine.advance(window, {"drive": Samples(window, drive), "kicks": kicks.cut(window)}))
    engine.close()
    joined = {name: type(parts[0][name]).join([part[name] for part in parts]) for name in parts[0]}
    raster = np.zeros((STEPS, 20))
    raster[joined["spikes"].times_ns // MS - 1, joined["spikes"].channels] = 1000.0
    return joined["value"].values, joined["voltage"].values, raster


def test_it_equals_nengo_run_alone_bit_for_bit():
    value, voltage, spikes = run_alone(5, optimize=False)
    assert np.count_nonzero(spikes) > 20
    coupled = run_coupled(Nengo.Params(model=MODEL, args={"neurons": 20}, optimize=False), 5)
    assert np.array_equal(coupled[0], value)
    assert np.array_equal(coupled[1], voltage[1::2])
    assert np.array_equal(coupled[2], spikes)


def test_it_equals_nengo_with_merged_operators_but_for_the_order_of_sums():
    """Nengo's optimiser takes sums in another order at every build, the engine's always in the same."""
    value, voltage, spikes = run_alone(5, optimize=True)
    coupled = run_coupled(Nengo.Params(model=MODEL, args={"neurons": 20}), 5, window_ns=20 * MS)
    assert np.allclose(coupled[0], value, rtol=0, atol=1e-9)
    assert np.allclose(coupled[1], voltage[1::2], rtol=0, atol=1e-9)
    assert np.array_equal(coupled[2], spikes)


# -- the same bits from build to build ---------------------------------------------------------------------------------

BUSY = """
import numpy as np
from cosim.sdk import Port, Space

def ports(args):
    return [Port("out", "out", "samples", Space(("x", "y")), dt_ns=1_000_000)]

def build(args, seed, sim):
    import nengo
    ensembles = [nengo.Ensemble(20, 2, encoders=nengo.dists.UniformHypersphere(surface=True)) for _ in range(4)]
    inp = nengo.Node(np.random.uniform(-1, 1, 2))  # from NumPy's global generator
    out = nengo.Node(size_in=2)
    for i, a in enumerate(ensembles):
        nengo.Connection(inp, a)
        nengo.Connection(a, out, synapse=0.01)
        for b in ensembles[i + 1 :]:
            nengo.Connection(a, b, transform=0.1)
            nengo.Connection(b, a, transform=-0.1, synapse=0.02)
    return {"out": sim.samples_out(out)}
"""


def hash_of_a_run(model):
    engine = Nengo(Nengo.Params(model=f"{model}:build"), Setup("n", 100 * MS, 7))
    values = engine.advance(Window(0, 100 * MS), {})["out"].values
    engine.close()
    return hashlib.sha256(values.tobytes()).hexdigest()


def test_builds_of_one_model_give_the_same_bits_in_one_process_and_in_others(tmp_path):
    model = tmp_path / "busy.py"
    model.write_text(BUSY, encoding="utf-8")
    kept, hashes = [], set()
    for k in range(4):
        kept.append([object() for _ in range(997 * k)])  # the next build lies elsewhere in memory
        hashes.add(hash_of_a_run(model))
    for hash_seed in "12":
        code = f"from tests.simulators.test_nengo import hash_of_a_run\nprint(hash_of_a_run({str(model)!r}))"
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        hashes.add(answer.stdout.strip())
    assert len(hashes) == 1


@pytest.mark.parametrize("change", ["other sets", "no clock"])
def test_an_optimiser_that_is_not_known_is_refused(monkeypatch, tmp_path, change):
    """As if a later Nengo were built otherwise."""
    if change == "other sets":
        monkeypatch.setattr("nengo.utils.stdlib.OrderedSet", set)
    else:
        monkeypatch.delattr("nengo.builder.optimizer.Timer")
    (tmp_path / "busy.py").write_text(BUSY, encoding="utf-8")
    with pytest.raises(CosimError, match=r"optimiser of this Nengo is not known") as caught:
        hash_of_a_run(tmp_path / "busy.py")
    assert caught.value.mend == "optimize: false"


def test_ports_do_not_change_the_neurons():
    rasters = []
    for with_voltage in (False, True):
        args = {"neurons": 20, "with_voltage": with_voltage, "disturbed": True}
        engine = Nengo(Nengo.Params(model=MODEL, args=args), Setup("n", 50 * MS, 5))
        spikes = engine.advance(Window(0, 50 * MS), {})["spikes"]
        engine.close()
        rasters.append((spikes.times_ns.tolist(), spikes.channels.tolist()))
    assert len(rasters[0][0]) > 5
    assert rasters[0] == rasters[1]


# -- when spikes act ---------------------------------------------------------------------------------------------------

SMALL = """
from cosim.sdk import Port, Space

def ports(args):
    return [{ports}]

def build(args, seed, sim):
    import nengo
    {build}
"""


@pytest.fixture
def small(tmp_path):
    """An engine around a model of some lines."""
    made = []

    def make(ports, build, window_ns=2 * MS, **params):
        file = tmp_path / f"small{len(made)}.py"
        file.write_text(SMALL.format(ports=ports, build=build), encoding="utf-8")
        made.append(file)
        made[-1] = Nengo(Nengo.Params(model=f"{file}:build", **params), Setup("n", window_ns, 1))
        return made[-1]

    yield make
    for engine in made:
        if isinstance(engine, Nengo):
            engine.close()


OUT = 'Port("out", "out", "samples", Space.numbered(3), dt_ns=1_000_000)'


@pytest.mark.parametrize("window_ms", [1, 2, 4, 12])
def test_a_spike_acts_in_the_step_in_which_it_falls(small, window_ms):
    relay = 'relay = nengo.Node(size_in=3); return {"in": sim.spikes_in(relay), "out": sim.samples_out(relay)}'
    engine = small(f'Port("in", "in", "spikes", Space.numbered(3)), {OUT}', relay, window_ms * MS)
    times = np.array([1, 2 * MS, 2 * MS, 2 * MS + 1, 3 * MS + 700, 4 * MS, 8 * MS + 1, 12 * MS])
    cells = np.array([0, 1, 1, 1, 2, 2, 0, 0], np.int32)
    spikes = Spikes(Window(0, 12 * MS), times, cells)
    windows = [Window(t, t + window_ms * MS) for t in range(0, 12 * MS, window_ms * MS)]
    rows = np.concatenate([engine.advance(w, {"in": spikes.cut(w)})["out"].values for w in windows])
    expected = np.zeros((12, 3))
    np.add.at(expected, ([0, 1, 1, 2, 3, 3, 8, 11], cells), 1000.0)
    assert np.array_equal(rows, expected)


@pytest.mark.parametrize("window_ms", [1, 3, 12])
@pytest.mark.parametrize(("rate", "amplitude"), [(1000, 1), (2000, 1), (2000, 0.01)])
def test_spikes_on_edges_of_windows_and_several_in_a_step_are_told_once(small, window_ms, rate, amplitude):
    build = f"""kind = nengo.SpikingRectifiedLinear(amplitude={amplitude})
    cells = nengo.Ensemble(2, 1, gain=[1, 1], bias=[{rate}, {rate}], neuron_type=kind, encoders=[[1], [1]])
    return {{"out": sim.spikes_out(cells.neurons[:1])}}"""
    engine = small('Port("out", "out", "spikes", Space.numbered(1))', build, window_ms * MS)
    windows = [Window(t, t + window_ms * MS) for t in range(0, 12 * MS, window_ms * MS)]
    times = np.concatenate([engine.advance(w, {})["out"].times_ns for w in windows])
    assert np.array_equal(times, np.repeat(np.arange(1, 13) * MS, rate // 1000))


def test_rows_in_force_and_means(small):
    """A row of 2 ms acts in two steps; a port of means gives the mean of what its steps saw."""
    ports = 'Port("in", "in", "samples", Space.numbered(1), dt_ns=2_000_000),'
    ports += 'Port("out", "out", "samples", Space.numbered(1), dt_ns=4_000_000, of="mean")'
    build = 'relay = nengo.Node(size_in=1); return {"in": sim.samples_in(relay), "out": sim.samples_out(relay)}'
    engine = small(ports, build, 8 * MS)
    window = Window(0, 8 * MS)
    given = engine.advance(window, {"in": Samples(window, np.array([[1.0], [2.0], [3.0], [7.0]]))})
    assert given["out"].values.tolist() == [[1.5], [5.0]]


def test_a_learning_rule_is_fed_and_its_weights_are_probed(small):
    ports = 'Port("error", "in", "samples", Space.numbered(1), dt_ns=1_000_000),'
    ports += 'Port("weights", "out", "samples", Space.numbered(10), dt_ns=1_000_000)'
    build = """a, b = nengo.Ensemble(10, 1, seed=1), nengo.Ensemble(10, 1, seed=2)
    learned = nengo.Connection(a, b, learning_rule_type=nengo.PES(1e-2))
    return {"error": sim.samples_in(learned.learning_rule), "weights": sim.probe_out(learned, "weights", size=10)}"""
    engine = small(ports, build, 20 * MS)
    window = Window(0, 20 * MS)
    rows = engine.advance(window, {"error": Samples(window, np.ones((20, 1)))})["weights"].values
    assert not np.array_equal(rows[0], rows[-1])


# -- faults ------------------------------------------------------------------------------------------------------------

WRONG = {
    "names": (OUT, 'return {"put": sim.samples_out(nengo.Node([1, 2, 3]))}', "has no port 'put'"),
    "channels": (OUT, 'return {"out": sim.samples_out(nengo.Node([1, 2]))}', "3 channels, and .* bound 2"),
    "kind": (OUT, 'return {"out": sim.spikes_out(nengo.Ensemble(3, 1).neurons)}', "declared as samples out"),
    "rates": (OUT, 'return {"out": sim.spikes_out(nengo.Ensemble(3, 1, neuron_type=nengo.LIFRate()).neurons)}', "do not spike"),
    "slow": (OUT, 'return {"out": sim.probe_out(nengo.Probe(nengo.Node([1, 2, 3]), sample_every=0.01))}', "sample_every"),
    "weights": (
        'Port("out", "out", "samples", Space.numbered(1), dt_ns=1_000_000)',
        'a = nengo.Ensemble(5, 1); return {"out": sim.probe_out(nengo.Connection(a, a), "weights")}',
        "gives 5 values a step, and its port has 1",
    ),
    "step": (OUT.replace("1_000_000", "1_500_000"), 'return {"out": sim.samples_out(nengo.Node([1, 2, 3]))}', "step of 1.5 ms"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_told(small, case):
    ports, build, expected = WRONG[case]
    with pytest.raises(CosimError, match=expected):
        small(ports, build)


def test_a_window_that_the_step_does_not_fill_is_told(small):
    with pytest.raises(CosimError, match=r"2 ms is not a whole number of the 0\.3 ms|2 ms is not a whole number of the 300 us"):
        small(OUT, 'return {"out": sim.samples_out(nengo.Node([1, 2, 3]))}', dt=300_000)


def test_a_missing_nengo_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "nengo", None)
    with pytest.raises(CosimError) as caught:
        Nengo(Nengo.Params(model=MODEL), Setup("n", 2 * MS, 1))
    assert "neuro-cosim[nengo]" in caught.value.mend
