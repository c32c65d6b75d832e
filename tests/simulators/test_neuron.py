"""The NEURON engine: the contract, and what it gives against NEURON run alone."""

from __future__ import annotations

import gc
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cosim.sdk import CosimError, Samples, Setup, Spikes, Window
from cosim.sdk.contract import EngineContract, assert_payload_fits, same_bits

pytest.importorskip("neuron", reason="NEURON is not installed (extra: neuron)")

from engines.neuron import Neuron, mechanisms
from engines.neuron.engine import import_quietly
from tests.simulators.neuron_model import make_pair

MS, DT = 1_000_000, 25_000
HERE = Path(__file__).parent
PAIR, CABLE = f"{HERE / 'neuron_model.py'}:build", f"{HERE / 'neuron_model.py'}:cable"


class TestNeuron(EngineContract):
    engine, params = Neuron, Neuron.Params(model=PAIR)
    one_window_ms, many_windows_ms = 60, 2
    bad_params = ({"dt": 0}, {"threads": 0}, {"args": {"weigth": 1.0}}, {"model": "nowhere.py:build"}, {"mechanisms": "nowhere"})

    def make_inputs(self, port, window):
        given = super().make_inputs(port, window)
        return given if port.kind == "spikes" else Samples(window, given.values * {"current": 400, "field": 20}[port.name])


def make(model=PAIR, window_ns=2 * MS, seed=1, args=None, folder=HERE, **params):
    asked = Neuron.Params(model=model, args=args or {}, **params)
    inputs = {port.name: port for port in Neuron.ports(asked) if port.direction == "in"}
    return Neuron(asked, Setup("cells", window_ns, seed, inputs, folder=folder))


def drive(total):
    """Noisy input for the pair of cells, all of ``total``: spikes off the grid, current in pA, potentials in mV."""
    rng, ms = np.random.default_rng(3), total.length_ns // MS
    times = np.sort(rng.integers(total.start_ns + 1, total.stop_ns + 1, ms // 2))
    return {
        "kicks": Spikes.sorted(total, times, rng.integers(0, 2, ms // 2).astype(np.int32)),
        "current": Samples(total, rng.uniform(0, 300, (2 * ms, 2))),
        "field": Samples(total, rng.uniform(-10, 10, (ms // 2, 3))),
    }


def play(engine, total, window_ns, inputs):
    """Every output over ``total``, joined; the engine is closed."""
    parts = {}
    ports = {name: binding.port for name, binding in engine.outputs.items()}
    for start in range(total.start_ns, total.stop_ns, window_ns):
        window = Window(start, start + window_ns)
        for name, payload in engine.advance(window, {name: given.cut(window) for name, given in inputs.items()}).items():
            assert_payload_fits(payload, ports[name].but(dt_ns=ports[name].dt_ns), window)
            parts.setdefault(name, []).append(payload)
    engine.close()
    return {name: type(found[0]).join(found) for name, found in parts.items()}


@pytest.fixture
def h():
    """NEURON alone, with nothing left in it."""
    from neuron import h

    yield h
    gc.collect()
    for section in list(h.allsec()):
        h.delete_section(sec=section)
    h.CVode().use_fast_imem(0)


def test_it_equals_neuron_run_alone(h):
    """The same cells stepped by fadvance, all events queued before the first step, values set by hand."""
    total = Window(0, 80 * MS)
    inputs = drive(total)
    engine = make(seed=7)
    ours = play(engine, total, 2 * MS, inputs)

    h.Random().Random123_globalindex(7)
    h.dt, h.celsius = 0.025, 6.3
    model = make_pair(h, 0.01, 0)
    (soma, dendrite, synapse), (other, _, excited), background, _ = model
    dendrite.insert("extracellular")
    h.CVode().use_fast_imem(1)
    clamps = [h.IClamp(section(0.5)) for section in (soma, other)]
    for clamp in clamps:
        clamp.dur = 1e9
    kicks = [h.NetCon(None, target) for target in (synapse, excited)]
    for kick in kicks:
        kick.weight[0] = 0.01
    times, cells = h.Vector(), h.Vector()
    ears = [h.NetCon(soma(0.5)._ref_v, None, sec=soma), h.NetCon(other(0.5)._ref_v, None, sec=other), h.NetCon(background, None)]
    for i, ear in enumerate(ears):
        ear.record(times, cells, i)
    h.finitialize(-65)
    steps = total.steps(DT)
    for step, channel in zip(inputs["kicks"].steps(DT), inputs["kicks"].channels, strict=True):
        kicks[channel].event((step + 1) * 0.025)
    v, membrane = np.empty((steps, 2)), np.empty((steps, 3))
    for k in range(steps):
        for clamp, amplitude in zip(clamps, inputs["current"].values[k // 20], strict=True):
            clamp.amp = amplitude * 1e-3
        for segment, potential in zip(dendrite, inputs["field"].values[k // 80], strict=True):
            segment.e_extracellular = potential
        h.fadvance()
        v[k] = soma(0.5).v, other(0.5).v
        membrane[k] = [segment.i_membrane_ for segment in dendrite]
    assert np.array_equal(ours["v"].values, v[3::4])
    assert np.allclose(ours["mean_v"].values, v.reshape(-1, 4, 2).mean(axis=1) * 1e-3, rtol=1e-14)  # another order of summing
    assert np.array_equal(ours["membrane"].values, membrane[79::80] * 1e3)
    threshold_ns = np.ceil(np.round(times.as_numpy() / 0.025 - 1e-8, 7)).astype(np.int64) * DT
    order = np.lexsort((cells.as_numpy(), threshold_ns))
    assert np.array_equal(ours["spikes"].times_ns, threshold_ns[order])
    assert np.array_equal(ours["spikes"].channels, cells.as_numpy()[order])
    assert np.bincount(ours["spikes"].channels).min() >= 3


@pytest.mark.parametrize("window_ns", [DT, 100_000, 500_000, 4 * MS])
def test_a_spike_is_neither_lost_nor_doubled_and_lands_at_the_end_of_its_step(window_ns):
    """At 1 ms + 1 ns, between steps, and at a window's end: the conductance has jumped when its step ends."""
    total = Window(0, 8 * MS)
    for time_ns in (MS + 1, MS + 12_345, MS + DT, 4 * MS):
        spike = Spikes(total, np.array([time_ns]), np.zeros(1, np.int32))
        engine = make(CABLE, window_ns)
        (connection,) = engine.inputs["kicks"]._connections
        synapse, jumps = connection.syn(), []
        for start in range(0, total.stop_ns, DT if window_ns == DT else window_ns):
            window = Window(start, start + window_ns)
            before = synapse.g
            engine.advance(window, {"kicks": spike.cut(window)})
            if synapse.g > before:
                jumps.append((window, synapse.g))
        (jump,) = jumps
        delivered = -(-time_ns // DT) * DT
        assert jump[0].start_ns < delivered <= jump[0].stop_ns
        decayed = 0.002 * np.exp(-(jump[0].stop_ns - delivered) / 1e6 / synapse.tau)
        assert jump[1] == pytest.approx(decayed, rel=1e-9)
        del connection, synapse
        engine.close()


def test_many_events_of_one_step_are_all_delivered():
    engine = make(CABLE, MS)
    (connection,) = engine.inputs["kicks"]._connections
    engine.advance(Window(0, MS), {"kicks": Spikes(Window(0, MS), np.full(500, MS), np.zeros(500, np.int32))})
    assert connection.syn().g == pytest.approx(500 * 0.002, rel=1e-12)
    del connection
    engine.close()


@pytest.mark.parametrize("window_ns", [DT, 100_000, MS, 10 * MS])
def test_a_spike_on_a_windows_edge_appears_once(window_ns):
    """Windows of one step have every spike on their edge."""
    total = Window(0, 20 * MS)
    inputs = {"kicks": drive(total)["kicks"]}
    long = play(make(window_ns=20 * MS, args={"row": None}), total, 20 * MS, inputs)["spikes"]
    assert len(long) > 5
    assert same_bits(long, play(make(window_ns=window_ns, args={"row": None}), total, window_ns, inputs)["spikes"])


def test_a_hundred_thousand_steps_stay_on_the_grid(h):
    """NEURON's t drifts; windows are steps, and spikes stand where NEURON alone, counted in steps, has them."""
    total = Window(0, 2500 * MS)
    engine = make(CABLE, MS, args={"active": True})
    ours = play(engine, total, MS, {"current": Samples(total, np.full((2500, 1), 0.3))})["spikes"]

    section = h.Section(name="cable")
    section.L, section.diam, section.nseg = 400, 2, 2
    for mechanism in ("hh", "extracellular"):
        section.insert(mechanism)
    clamp = h.IClamp(section(0.25))
    clamp.dur, clamp.amp = 1e9, 0.3
    h.dt = 0.025
    h.finitialize(-65)
    fired, above = [], False
    for step in range(1, total.steps(DT) + 1):
        h.fadvance()
        above, before = section(0.25).v > 10, above
        if above and not before:
            fired.append(step * DT)
    assert h.t != 2500
    assert len(fired) > 100
    assert np.array_equal(ours.times_ns, fired)


def test_two_threads_give_the_same_bits():
    """Without extracellular and zero delays, which NEURON 9.0 has for one thread only, and says so."""
    total, args = Window(0, 20 * MS), {"field": False, "least_delay": 0.1}
    inputs = drive(total)
    del inputs["field"]
    one, two = (play(make(threads=threads, args=args), total, 2 * MS, inputs) for threads in (1, 2))
    assert len(one["spikes"]) > 3
    for name in one:
        assert same_bits(one[name], two[name]), name


def test_random_streams_do_not_depend_on_what_the_process_held_before(h):
    """NEURON numbers streams that nobody named through the whole process."""

    def noisy():
        engine = make(f"{HERE / 'neuron_model.py'}:unnamed", MS, args={"intervals": 1.0})
        return play(engine, Window(0, 20 * MS), MS, {})["spikes"]

    first = noisy()
    others = [h.NetStim() for _ in range(5)]
    assert len(others) == 5
    assert len(first) > 5
    assert same_bits(first, noisy())


def cable_at_rest(**inputs):
    """The passive cable after 200 ms of constant inputs: its last rows, and its conductances in µS."""
    engine = make(CABLE, 10 * MS)
    window = Window(0, 10 * MS)
    for k in range(20):
        window = Window(k * 10 * MS, (k + 1) * 10 * MS)
        given = engine.advance(window, {name: Samples(window, np.array([row])) for name, row in inputs.items()})
    (section,) = engine._h.allsec()
    axial, membrane = 1 / section(0.75).ri(), section(0.25).g_pas * section(0.25).area() * 1e-2  # both in µS
    v, rest, current = given["v"].values[0], section(0.25).e_pas, given["membrane"].values[0]
    del section
    engine.close()
    return v, rest, current, axial, membrane


def test_a_field_polarises_the_cable_as_two_compartments_say():
    """g (v0 - E) = ga (v1 + e1 - v0 - e0), and the other the other way round: ± ga (e1 - e0) / (g + 2 ga)."""
    v, rest, _, axial, membrane = cable_at_rest(field=[-5.0, 5.0])
    shift = axial * 10 / (membrane + 2 * axial)
    assert v - rest == pytest.approx([shift, -shift], rel=1e-5)  # the potential is let in through a large conductance, no ideal one


def test_membrane_currents_and_the_electrodes_sum_to_zero():
    _, _, current, _, _ = cable_at_rest(current=[0.05], field=[-5.0, 5.0])
    assert current.sum() == pytest.approx(0.05, abs=1e-9)
    assert np.abs(current).max() > 0.01


def test_a_current_is_taken_in_the_unit_of_its_port(tmp_path):
    """100 pA into a port in pA are 0.1 nA of IClamp."""
    engine = make()
    window = Window(0, 2 * MS)
    engine.advance(window, {"current": Samples(window, np.tile([100.0, 50.0], (4, 1)))})
    assert [clamp.amp for clamp in engine._h.List("IClamp")] == pytest.approx([0.1, 0.05], rel=1e-15)
    engine.close()


# -- mechanisms --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of its own, filled by two processes at once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        setup = Setup("cells", MS, 1)
        with ThreadPoolExecutor(2) as pool:
            made = [pool.submit(mechanisms.compiled, HERE / "neuron_mods", "both", setup) for _ in range(2)]
        first, second = (found.result() for found in made)
        assert first == second
        assert first.is_file()
        assert [found.name for found in (folder / "cosim" / "nmodl").iterdir()] == ["both"]
        key = mechanisms.key_of(import_quietly(Neuron.simulator).h, HERE / "neuron_mods")
        (folder / "cosim" / "nmodl" / "both").rename(folder / "cosim" / "nmodl" / key)
        yield


def test_mechanisms_of_a_folder_are_compiled_once_and_their_memory_is_restored(cache, caplog):
    """Gate counts random amounts in an ASSIGNED variable: neither is in NEURON's own SaveState. Loaded twice in one process."""

    def kicks(k):
        window = Window(k * MS, (k + 1) * MS)
        return window, {"kicks": Spikes(window, np.array([window.stop_ns - 1]), np.zeros(1, np.int32))}

    def gated():
        return make(CABLE, MS, args={"gate": True}, mechanisms=HERE / "neuron_mods")

    with caplog.at_level(logging.INFO):
        engine = gated()
    assert "compiling" not in caplog.text
    for k in range(3):
        engine.advance(*kicks(k))
    state = {name: value.copy() for name, value in engine.save().items()}
    first = [engine.advance(*kicks(k)) for k in range(3, 6)]
    engine.load(state)
    again = [engine.advance(*kicks(k)) for k in range(3, 6)]
    engine.close()
    other = gated()
    other.load(state)
    elsewhere = [other.advance(*kicks(k)) for k in range(3, 6)]
    other.close()
    assert 0 < first[0]["count"].values[0, 0] < first[-1]["count"].values[0, 0] < 6 * 0.002
    for a, b, c in zip(first, again, elsewhere, strict=True):
        for name in a:
            assert same_bits(a[name], b[name]), name
            assert same_bits(a[name], c[name]), name


def test_what_nrnivmodl_says_reaches_the_user(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    mods = tmp_path / "mods"
    mods.mkdir()
    with pytest.raises(CosimError, match=r"has no \.mod files"):
        make(mechanisms=mods)
    (mods / "broken.mod").write_text("NEURON { SUFFIX broken }\nBREAKPOINT { i = nothing_of_that_name }\n")
    with caplog.at_level(logging.INFO), pytest.raises(CosimError, match="do not compile") as caught:
        make(mechanisms=mods)
    assert "broken" in caught.value.why
    assert "nothing_of_that_name" in caught.value.why
    assert "compiling mechanisms" in caplog.text
    assert Neuron._living is None


def test_a_mechanism_that_exists_is_told(cache, tmp_path, monkeypatch):
    mods = HERE / "neuron_mods"
    make(mechanisms=mods).close()
    library = next((Path(os.environ["XDG_CACHE_HOME"]) / "cosim" / "nmodl").rglob("libnrnmech.*"))
    monkeypatch.setattr(mechanisms, "compiled", lambda *_: library)  # what a changed file would be compiled to
    (tmp_path / "same.mod").write_text((mods / "gate.mod").read_text() + "\n: changed\n")
    with pytest.raises(CosimError, match="cannot be loaded") as caught:
        make(mechanisms=tmp_path)
    assert "already exists: Gate" in caught.value.why


# -- hoc -----------------------------------------------------------------------------------------------------------------------

HOC = """
begintemplate Ball
public soma
create soma
proc init() { soma { L = diam = 20 insert hh } }
endtemplate Ball
"""
BUILD = """
from cosim.sdk import Params, Port, Space

class None_(Params):
    wrong: bool = False

def ports(args):
    return [Port("spikes", "out", "spikes", Space.numbered(2))]

def build(args: None_, seed, sim):
    sim.load_hoc("ball.hoc")
    sim.load_hoc("wrong.hoc" if args.wrong else "axon.hoc")
    ball = sim.h.Ball()
    sim.keep(ball)
    return {"spikes": sim.spikes_out([ball.soma, sim.h.axon])}
"""


def test_a_hoc_model_is_built_again_and_again(tmp_path):
    """Templates are defined once a process, sections made each time."""
    (tmp_path / "ball.hoc").write_text(HOC)
    (tmp_path / "axon.hoc").write_text("create axon\naxon { nseg = 3 insert pas }\n")
    (tmp_path / "wrong.hoc").write_text("create\n")
    (tmp_path / "m.py").write_text(BUILD)
    for _ in range(2):
        engine = make(f"{tmp_path / 'm.py'}:build", folder=tmp_path)
        assert len(list(engine._h.allsec())) == 2
        engine.advance(Window(0, 2 * MS), {})
        engine.close()
        assert list(engine._h.allsec()) == []
    with pytest.raises(CosimError, match="cannot be loaded") as caught:
        make(f"{tmp_path / 'm.py'}:build", folder=tmp_path, args={"wrong": True})
    assert "syntax error" in caught.value.why
    (tmp_path / "axon.hoc").unlink()
    with pytest.raises(CosimError, match=r"'axon.hoc' does not exist"):
        make(f"{tmp_path / 'm.py'}:build", folder=tmp_path)


# -- errors --------------------------------------------------------------------------------------------------------------------

PORTS = (
    "from cosim.sdk import Port, Space\n\ndef ports(args):\n    return [{}]\n\ndef build(args, seed, sim):\n    h = sim.h\n    {}\n"
)
SPIKES, V = 'Port("out", "out", "spikes", Space.numbered({}))', 'Port("out", "out", "samples", Space.numbered(1), unit={!r})'
SOMA = "s = h.Section(name='s'); "


@pytest.mark.parametrize(
    ("port", "body", "says"),
    [
        (SPIKES.format(1), SOMA + "return {'aut': sim.spikes_out(s)}", "no port 'aut'"),
        (SPIKES.format(3), SOMA + "return {'out': sim.spikes_out(s)}", "3 channels"),
        (V.format("mV"), SOMA + "return {'out': sim.spikes_out(s)}", "declared as samples out"),
        (V.format("nA"), SOMA + "return {'out': sim.voltage_out(s)}", "port 'out' is in nA: mV cannot be converted"),
        (SPIKES.format(2), SOMA + "return {'out': sim.spikes_out([s, s])}", "twice"),
        (SPIKES.format(1), SOMA + "e = h.ExpSyn(s(0.5)); return {'out': sim.spikes_in(e)}", "no weight"),
        (SPIKES.format(1), SOMA + "h.CVode().active(1); return {'out': sim.spikes_out(s)}", "turns CVode on"),
        (
            SPIKES.format(1),
            SOMA + "e = h.ExpSyn(s(0.5)); n = h.NetCon(s(0.5)._ref_v, e, sec=s); return {'out': sim.spikes_out(s)}",
            r"1 NetCon, 1 ExpSyn of .* vanished",
        ),
    ],
)
def test_a_wrong_model_is_told(tmp_path, port, body, says):
    (tmp_path / "wrong.py").write_text(PORTS.format(port, body))
    with pytest.raises(CosimError, match=says):
        make(f"{tmp_path / 'wrong.py'}")
    make().close()  # and the next one has a clean NEURON


def test_a_window_that_is_no_whole_number_of_steps_is_told():
    with pytest.raises(CosimError, match=r"2\.01 ms is not a whole number of the 25 us steps of the NEURON model"):
        make(window_ns=2_010_000)


def test_one_model_a_process():
    engine = make()
    with pytest.raises(CosimError, match="holds a NEURON model already"):
        make()
    engine.close()
    other = make()
    engine.close()
    other.advance(Window(0, 2 * MS), {})  # was not closed by the second close() of the first
    assert len(list(other._h.allsec())) == 4
    other.close()


def test_a_missing_neuron_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "neuron", None)
    with pytest.raises(CosimError) as caught:
        make()
    assert "neuro-cosim[neuron]" in caught.value.mend


def test_what_is_not_neurons_goes_on_as_it_is(capsys):
    """A model's own error keeps its kind, and what the model writes to the standard error is not kept from the user."""

    def build():
        sys.stderr.write("a warning of the model\n")
        raise RuntimeError("the model's own")

    with pytest.raises(RuntimeError, match="the model's own"), mechanisms.told("NEURON has faults to tell"):
        build()
    assert capsys.readouterr().err == "a warning of the model\n"
    with pytest.raises(CosimError, match="faults to tell") as caught, mechanisms.told("NEURON has faults to tell"):
        sys.stderr.write("NEURON: syntax error\n")
    assert caught.value.why == "NEURON: syntax error"
