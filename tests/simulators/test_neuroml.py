"""The NeuroML engine: the contract, and what it gives against the NEURON model that jNeuroML makes, run alone."""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cosim.sdk import CosimError, Samples, Setup, Spikes, Window
from cosim.sdk.contract import EngineContract, same_bits

pytest.importorskip("pyneuroml", reason="pyNeuroML is not installed (extra: neuroml)")
pytest.importorskip("neuron", reason="NEURON is not installed (extra: neuroml)")
if shutil.which("java") is None:
    pytest.skip("Java is not installed, which jNeuroML needs", allow_module_level=True)

from engines.neuroml import NeuroML, conversion
from engines.neuron import Neuron

MS, DT = 1_000_000, 25_000
HERE = Path(__file__).parent
NETWORK = HERE / "neuroml_network.nml"
INPUTS = {
    "kicks": {"kind": "spikes", "to": ["long[0]", "points[3]"], "synapse": "neuroml_excite", "weight": 1.5},
    "far": {"kind": "spikes", "to": "long[1:]", "synapse": "neuroml_excite", "segment": 2},
    "calm": {"kind": "spikes", "to": "points[0:2]", "synapse": "neuroml_calm"},
    "current": {"kind": "current", "to": ["long[0]", "points[2]"], "unit": "pA"},
}
GATE = "membrane/membraneProperties/sodiums/neuroml_sodium/m/q"
OUTPUTS = {
    "spikes": {"kind": "spikes"},
    "v": {"kind": "samples", "of": ["long", "points"]},
    "tips": {"kind": "samples", "of": "long", "path": "2/v", "unit": "V", "dt": "100 us"},
    "gate": {"kind": "samples", "of": "long[1]", "path": GATE, "unit": "1"},
    "through": {"kind": "samples", "of": "points", "path": "iMemb", "unit": "pA"},
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of its own, so that all is made anew once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        make().close()
        yield folder / "cosim"


@pytest.fixture(autouse=True)
def nothing_is_left():
    """A test that fails may leave its model in NEURON."""
    yield
    if Neuron._living is not None:
        Neuron._living.close()


class TestNeuroML(EngineContract):
    """Points and noise have WATCH statements, which NEURON's SaveState leaves out; the gap junction has a POINTER."""

    engine, params = NeuroML, NeuroML.Params(model=NETWORK, inputs=INPUTS, outputs=OUTPUTS)
    one_window_ms, many_windows_ms = 60, 2
    bad_params = (
        {"dt": 0},
        {"model": "nowhere.nml"},
        {"network": "other"},
        {"inputs": {"kicks": {"kind": "spikes", "to": "longs", "synapse": "neuroml_excite"}}},
        {"inputs": {"kicks": {"kind": "spikes", "to": "long", "synapse": "neuroml_excitement"}}},
        {"outputs": {"v": {"kind": "samples", "dt": 30_000}}},
    )

    def make_inputs(self, port, window):
        given = super().make_inputs(port, window)
        return given if port.kind == "spikes" else Samples(window, given.values * 250)


def make(window_ns=2 * MS, seed=1, inputs=INPUTS, outputs=OUTPUTS, model=NETWORK, **params):
    asked = NeuroML.Params(model=model, inputs=inputs, outputs=outputs, **params)
    ports = {port.name: port for port in NeuroML.ports(asked) if port.direction == "in"}
    return NeuroML(asked, Setup("net", window_ns, seed, ports))


def play(engine, total, window_ns, inputs):
    """Every output over ``total``, joined; the engine is closed."""
    parts = {}
    for start in range(total.start_ns, total.stop_ns, window_ns):
        window = Window(start, start + window_ns)
        for name, payload in engine.advance(window, {name: given.cut(window) for name, given in inputs.items()}).items():
            parts.setdefault(name, []).append(payload)
    engine.close()
    return {name: type(found[0]).join(found) for name, found in parts.items()}


def drive(total):
    """Spikes off the grid, two channels; current in pA, in rows of 0.5 ms."""
    rng, ms = np.random.default_rng(3), total.length_ns // MS
    times = np.sort(rng.integers(total.start_ns + 1, total.stop_ns + 1, ms))
    return {
        "kicks": Spikes.sorted(total, times, rng.integers(0, 2, ms).astype(np.int32)),
        "current": Samples(total, rng.uniform(0, 250, (2 * ms, 2))),
    }


COLUMNS = ["long[0]/v", "long/2/neuroml_long/2/v", "points/3/neuroml_point/v"]
SOURCES = ["long[0]", "long[1]", "points/0/neuroml_point", "points/3/neuroml_point", "rain[0]"]
ALONE = """
import contextlib, io, json, sys
with contextlib.redirect_stdout(io.StringIO()):
    from neuron import h
    h.nrn_load_dll(sys.argv[1])
    from LEMS_alone_nrn import NeuronSimulation
    simulation = NeuronSimulation(tstop=80, dt=0.025, seed=7)
given = json.load(open("given.json"))
places = [h.a_long[0].body(0.5), h.points[3](0.5)]
synapses = [h.neuroml_excite(place) for place in places]
kicks = [h.NetCon(None, synapse) for synapse in synapses]
clamps = [h.IClamp(place) for place in (places[0], h.points[2](0.5))]
for kick, clamp in zip(kicks, clamps):
    kick.weight[0], clamp.dur = 1.5, 1e9
h.finitialize(-65)
for step, channel in given["kicks"]:
    kicks[channel].event((step + 1) * 0.025)
for k in range(given["steps"]):
    for clamp, amplitude in zip(clamps, given["current"][k // 20]):
        clamp.amp = amplitude * 1e-3
    h.fadvance()
columns = [getattr(h, f"v_c{i}_columns").to_python() for i in range(given["columns"])]
print(json.dumps([columns, h.t_spiketimes_events.to_python(), h.spiketimes_events.to_python()]))
"""


def alone(folder, mechanisms, library, inputs, steps):
    """The network as its author would run it: a LEMS file of their own, jNeuroML's NEURON, in a process of its own."""
    columns = "".join(f'<OutputColumn id="c{i}" quantity="{path}"/>' for i, path in enumerate(COLUMNS))
    sources = "".join(f'<EventSelection id="{i}" select="{path}" eventPort="spike"/>' for i, path in enumerate(SOURCES))
    (folder / "LEMS_alone.xml").write_text(
        '<Lems><Target component="sim"/><Include file="Cells.xml"/><Include file="Networks.xml"/><Include file="Simulation.xml"/>'
        f'<Include file="{NETWORK}"/><Simulation id="sim" length="80ms" step="0.025ms" target="mixed">'
        f'<OutputFile id="columns" fileName="v.dat">{columns}</OutputFile>'
        f'<EventOutputFile id="events" fileName="spikes.dat" format="TIME_ID">{sources}</EventOutputFile></Simulation></Lems>'
    )
    command = ["java", "-jar", conversion.find_jar(), "LEMS_alone.xml", "-neuron", "-nogui"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    for file in folder.glob("*.mod"):  # the mechanisms that are compiled, but for what is for NEURON 8
        assert re.sub(r"(?m)^\S+ nrn_random_\w+\(.*\);$", "", file.read_text()) == (mechanisms / file.name).read_text()
    given = {
        "kicks": np.stack((inputs["kicks"].steps(DT), inputs["kicks"].channels), axis=1).tolist(),
        "current": inputs["current"].values.tolist(),
        "columns": len(COLUMNS),
        "steps": steps,
    }
    (folder / "given.json").write_text(json.dumps(given))
    run = subprocess.run([sys.executable, "-c", ALONE, library], cwd=folder, check=True, capture_output=True, text=True)
    values, times, cells = json.loads(run.stdout.splitlines()[-1])
    times_ns = np.ceil(np.round(np.array(times) / 0.025 - 1e-8, 7)).astype(np.int64) * DT
    cells = np.array(cells, np.int64)
    times_ns[cells == SOURCES.index("rain[0]")] += DT  # a mechanism that watches: NEURON knows of it in the next step only
    order = np.lexsort((cells, times_ns))
    return np.array(values)[:, 1 : steps + 1].T, times_ns[order], cells[order]


def test_it_equals_the_model_that_jneuroml_makes_run_alone(cache, tmp_path, caplog):
    total = Window(0, 80 * MS)
    inputs = drive(total)
    outputs = {
        "spikes": {"kind": "spikes", "of": ["long[0:2]", "points[0]", "points[3]", "rain[0]"]},
        "v": {"kind": "samples", "of": ["long[0]", "points[3]"]},
        "tip": {"kind": "samples", "of": "long[2]", "path": "2/v"},
    }
    with caplog.at_level(logging.INFO):
        engine = make(inputs={name: INPUTS[name] for name in inputs}, outputs=outputs, seed=7)
    assert "jNeuroML turns neuroml_network.nml into a NEURON model" in caplog.text
    exported = engine._exported.folder
    ours = play(engine, total, 2 * MS, inputs)
    (library,) = (cache / "nmodl").rglob("libnrnmech.*")  # compiled once, for all tests here
    values, times_ns, cells = alone(tmp_path, exported, library, inputs, total.steps(DT))
    assert np.array_equal(np.column_stack((ours["v"].values[:, 0], ours["tip"].values, ours["v"].values[:, 1])), values)
    assert np.array_equal(ours["spikes"].times_ns, times_ns)
    assert np.array_equal(ours["spikes"].channels, cells)
    assert np.bincount(cells, minlength=5).min() >= 2


def test_what_is_exported_and_compiled_is_kept(cache, caplog):
    make().close()
    with caplog.at_level(logging.INFO):
        make().close()
    assert "jNeuroML" not in caplog.text
    assert "compiling" not in caplog.text
    assert len(list((cache / "nmodl").iterdir())) == 1


@pytest.mark.parametrize("window_ns", [DT, 500_000, 4 * MS])
def test_a_spike_is_neither_lost_nor_doubled_and_lands_at_the_end_of_its_step(window_ns):
    """At 1 ms + 1 ns, between steps, and at a window's end: the conductance has jumped when its step ends."""
    one = {"kicks": INPUTS["kicks"] | {"to": "long[2]", "weight": 0.4}}
    total = Window(0, 8 * MS)
    for time_ns in (MS + 1, MS + 12_345, 4 * MS):
        spike = Spikes(total, np.array([time_ns]), np.zeros(1, np.int32))
        engine = make(window_ns, inputs=one, outputs={})
        synapse = engine._h.List("neuroml_excite")[int(engine._h.List("neuroml_excite").count()) - 1]
        assert synapse.get_segment().sec.name().endswith("[2].body")
        jumps, before = [], synapse.g
        for start in range(0, total.stop_ns, window_ns):
            window = Window(start, start + window_ns)
            engine.advance(window, {"kicks": spike.cut(window)})
            if synapse.g > before:
                jumps.append((window, synapse.g))
            before = synapse.g
        ((window, conductance),) = jumps
        delivered = -(-time_ns // DT) * DT
        assert window.start_ns < delivered <= window.stop_ns
        left = (window.stop_ns - delivered) // DT  # steps, each by forward Euler: so jNeuroML's mechanisms have it
        assert conductance == pytest.approx(0.4 * 0.005 * (1 - 0.025 / 2) ** left, rel=1e-9)
        del synapse
        engine.close()


@pytest.mark.parametrize("window_ns", [DT, 10 * MS])
def test_a_spike_on_a_windows_edge_appears_once(window_ns):
    """Windows of one step have every spike on their edge."""
    total = Window(0, 20 * MS)
    inputs, ports, only = {"kicks": drive(total)["kicks"]}, {"kicks": INPUTS["kicks"]}, {"spikes": OUTPUTS["spikes"]}
    long = play(make(20 * MS, inputs=ports, outputs=only), total, 20 * MS, inputs)["spikes"]
    assert len(long) > 5
    assert same_bits(long, play(make(window_ns, inputs=ports, outputs=only), total, window_ns, inputs)["spikes"])


def test_the_seed_changes_the_noise():
    total, rain = Window(0, 60 * MS), {"rain": {"kind": "spikes", "of": "rain"}}
    one, same, other = (play(make(seed=seed, inputs={}, outputs=rain), total, 2 * MS, {})["rain"] for seed in (1, 1, 2))
    assert len(one) > 5
    assert same_bits(one, same)
    assert not same_bits(one, other)


def test_a_resting_point_follows_its_membrane_equation():
    """C dv/dt = gl (El - v) + I: v(t) = El + I / gl (1 - exp(-t gl / C)), to NEURON's first order in dt."""
    inputs, outputs = {"in": INPUTS["current"] | {"to": "points[2]"}}, {"v": {"kind": "samples", "of": "points[2]"}}
    total = Window(0, 40 * MS)
    v = play(make(inputs=inputs, outputs=outputs), total, 2 * MS, {"in": Samples(total, np.full((20, 1), 20.0))})["v"].values[:, 0]
    t = np.arange(1, len(v) + 1) * 0.025
    assert v == pytest.approx(-60 + 10 * (1 - np.exp(-t * 2 / 50)), abs=0.02)
    assert v[-1] > -53


# -- errors --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "outputs", "says", "why"),
    [
        ({"i": INPUTS["far"] | {"segment": 5}}, {}, "has no segment 5", r"2 \(far\)"),
        ({"i": INPUTS["current"] | {"to": "points", "segment": 1}}, {}, "has no segment 1", "it is a point"),
        ({"i": INPUTS["current"] | {"unit": "1"}}, {}, "no currents without a dimension", ""),
        ({"i": INPUTS["kicks"] | {"synapse": "neuroml_exite"}}, {}, "has no synapse", "neuroml_excite"),
        ({"i": INPUTS["kicks"] | {"to": "longs"}}, {}, "has no population 'longs'", "long, points, rain"),
        ({"i": INPUTS["kicks"] | {"to": "long[3]"}}, {}, "has no cell 3", "it has 3"),
        (
            {},
            {"o": OUTPUTS["gate"] | {"path": "membranes/m/q"}},
            "cannot turn neuroml_network.nml",
            "long/1/neuroml_long/membranes/m/q",
        ),
        ({}, {"o": OUTPUTS["through"] | {"unit": "mV"}}, "port 'o' is in mV: nA cannot be converted", ""),
    ],
)
def test_what_is_not_there_is_told(inputs, outputs, says, why):
    with pytest.raises(CosimError, match=says) as caught:
        make(inputs=inputs, outputs=outputs)
    assert re.search(why, caught.value.why)
    assert Neuron._living is None


def test_what_jneuroml_says_reaches_the_user(tmp_path):
    wrong = tmp_path / "wrong.nml"
    wrong.write_text(NETWORK.read_text().replace('"neuroml_cells.nml"', f'"{HERE / "neuroml_cells.nml"}"').replace("gap", "gas"))
    with pytest.raises(CosimError, match=r"jNeuroML cannot turn wrong\.nml") as caught:
        make(model=wrong)
    assert "neuroml_gas" in caught.value.why
    assert len(caught.value.why) < 1000


def test_a_window_that_is_no_whole_number_of_steps_is_told():
    with pytest.raises(CosimError, match=r"2\.01 ms is not a whole number of the 25 us steps of NEURON"):
        make(window_ns=2_010_000)


def test_another_cell_of_the_same_name_is_told(tmp_path):
    make().close()
    (tmp_path / "neuroml_cells.nml").write_text((HERE / "neuroml_cells.nml").read_text().replace('diameter="18"', 'diameter="17"'))
    shutil.copy(NETWORK, tmp_path)
    with pytest.raises(CosimError, match="another cell that was called 'neuroml_long'"):
        make(model=tmp_path / NETWORK.name)
    make().close()


def test_missing_java_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(CosimError, match="there is no Java") as caught:
        make()
    assert "default-jre" in caught.value.mend


@pytest.mark.parametrize("module", ["pyneuroml", "neuron"])
def test_a_missing_simulator_is_told(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(CosimError) as caught:
        make()
    assert "neuro-cosim[neuro" in caught.value.mend
