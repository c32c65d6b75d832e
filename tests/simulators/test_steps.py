"""The STEPS engine: the contract, what it gives against STEPS run alone, and when releases act."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import cosim
from cosim.sdk import CosimError, Samples, Setup, Spikes, Window
from cosim.sdk.contract import EngineContract
from tests.simulators import steps_model

with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):  # STEPS 5.1 makes a folder .logs where it is imported
    pytest.importorskip("steps", reason="STEPS is not installed (extra: steps)")

from engines.steps import Steps

MS, STEP = 1_000_000, 500_000
MODEL = f"{Path(__file__).parent / 'steps_model.py'}:build"
WELL = """
from cosim.sdk import Params, Port, Space


class Well(Params):
    decay: float = 0
    start: int = 0
    solver: str = "Wmdirect"
    gone: bool = True


def ports(args):
    return [
        Port("release", "in", "spikes", Space(("A_",))),
        Port("flux", "in", "samples", Space(("A_",)), unit="1/s"),
        Port("hold", "in", "samples", Space(("B_",))),
        Port("count", "out", "samples", Space(("A_", "B_")), dt_ns=500_000),
        Port("time", "out", "samples", Space(("t",)), unit="s", dt_ns=500_000),
        Port("gone", "out", "spikes", Space(("A_",))),
    ][: None if args.gone else -1]


def build(args: Well, seed, sim):
    from steps.geom import Compartment, Geometry
    from steps.model import Model, ReactionManager, Species, VolumeSystem

    model = Model()
    r = ReactionManager()
    with model:
        A_, B_ = Species.Create()
        inside = VolumeSystem.Create()
        with inside:
            A_ >r["away"]> None
            r["away"].K = args.decay
            B_ >r["back"]> None
            r["back"].K = 0
    geometry = Geometry()
    with geometry:
        well = Compartment.Create(inside, vol=1e-18)
    simulation = sim.simulation(args.solver, model, geometry)
    if args.solver == "Wmrk4":
        simulation.solver.setDT(1e-5)
    simulation.well.A_.Count = args.start
    return {
        "release": sim.release_in("well.A_", 10),
        "flux": sim.flux_in("well.A_"),
        "hold": sim.samples_in(lambda row: setattr(simulation.well.B_, "Count", row[0])),
        "count": sim.count_out(["well.A_", "well.B_"]),
        "time": sim.samples_out(lambda: simulation.Time),
        **({"gone": sim.events_out("well.away")} if args.gone else {}),
    }
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class _Cleft(EngineContract):
    engine = Steps
    one_window_ms, many_windows_ms = 60, 2
    bad_params = ({"step": 0}, {"args": {"receptor": 20}}, {"model": "nowhere.py:build"})

    def make_inputs(self, port, window):
        found = super().make_inputs(port, window)
        scale = {"leak": 20_000, "buffer": 2e-5, "decay": 500}
        return Samples(window, found.values * scale[port.name]) if port.name in scale else found


class TestWellMixed(_Cleft):
    params = Steps.Params(model=MODEL, step=STEP)


class TestMesh(_Cleft):
    params = Steps.Params(model=MODEL, args={"solver": "Tetexact"}, step=STEP)
    one_window_ms, many_windows_ms = 12, 2


del _Cleft


def alone(solver, seed, count, spikes, leak, buffer, decay):
    """The cleft through STEPS' own named interface, in steps of 0.5 ms: open and shut, and extents, at the end of each."""
    from steps.rng import RNG
    from steps.sim import Simulation
    from steps.utils import SetVerbosity

    SetVerbosity(0)
    spatial = solver == "Tetexact"
    model, inside, membrane = steps_model.chemistry(spatial)
    made = steps_model.geometry(spatial, inside, membrane)
    sim = Simulation(solver, model, made, RNG("mt19937", 512, seed))
    sim.newRun()
    sim.psd.Shut.Count, sim.cleft.Glu.Count = 40, 200
    near, far = (sim.TET(made.tets[0]).Glu, sim.TET(made.tets[47]).Glu) if spatial else (sim.cleft.Glu, sim.cleft.Glu)
    owed, rows = 0.0, []
    for k in range(count):
        owed += leak[k] * 0.0005
        near.Count += np.floor(owed)
        owed -= np.floor(owed)
        sim.cleft.Buf.Conc = buffer[k]
        sim.cleft.decay["fwd"].K = decay[k]
        sim.run((k + 1) * 0.5 / 1000)
        for place, molecules in zip((near, far), spikes[k], strict=True):
            if molecules:
                place.Count += 300 * molecules
        extents = [sim.psd.bind["fwd"].Extent, sim.psd.bind["bkw"].Extent, sim.cleft.decay["fwd"].Extent]
        rows.append([sim.psd.Open.Count, sim.psd.Shut.Count, *extents])
    return np.array(rows, float)


@pytest.mark.parametrize("solver", ["Wmdirect", "Tetexact"])
def test_it_equals_steps_run_alone(solver):
    steps, rng = 20, np.random.default_rng(2)
    leak, buffer, decay = rng.uniform(0, 3e4, steps), rng.uniform(0, 1e-5, steps), rng.uniform(100, 500, steps)
    spikes = rng.poisson(0.4, (steps, 2))
    expected = alone(solver, 11, steps, spikes, leak, buffer, decay)

    engine = Steps(Steps.Params(model=MODEL, args={"solver": solver}, step=STEP), Setup("cleft", 2 * MS, 11))
    at, channels = np.nonzero(spikes)
    often = spikes[at, channels]
    total = Window(0, steps * STEP)
    times = np.repeat(at * STEP + rng.integers(1, STEP + 1, len(at)), often)  # anywhere in the step
    released = Spikes.sorted(total, times, np.repeat(channels, often).astype(np.int32))
    given = {"leak": leak, "buffer": buffer, "decay": decay}
    parts = []
    for start in range(0, total.stop_ns, 2 * MS):
        window = Window(start, start + 2 * MS)
        rows = {name: Samples(total, values[:, None]).cut(window) for name, values in given.items()}
        parts.append(engine.advance(window, {"release": released.cut(window), **rows}))
    engine.close()
    joined = {name: np.concatenate([part[name].values for part in parts]) for name in ("open", "bound", "flux")}
    assert np.array_equal(joined["open"], expected[:, :2])
    assert np.array_equal(np.cumsum(joined["bound"], axis=0), expected[1::2, 2:4])
    assert np.array_equal(np.cumsum(joined["flux"][:, 0] / 2000), expected[:, 4])
    assert expected[-1, 2] > 100
    events = Spikes.join([part["events"] for part in parts])
    often = np.diff(expected[:, 2:4], axis=0, prepend=0).astype(int)
    at, channels = np.nonzero(often)
    assert np.array_equal(events.times_ns, np.repeat((at + 1) * STEP, often[at, channels]))
    assert np.array_equal(events.channels, np.repeat(channels, often[at, channels]))


# -- when things act, in a well of molecules that stay ---------------------------------------------------------------------


def well(tmp_path, window_ms=1, **args):
    (tmp_path / "well.py").write_text(WELL)
    return Steps(Steps.Params(model=f"{tmp_path / 'well.py'}:build", args=args, step=STEP), Setup("well", round(window_ms * MS), 3))


def play(engine, window_ms, total_ms=4, **given):
    """All outputs, joined; ``given`` covers the whole time."""
    parts = []
    for start in range(0, total_ms * MS, round(window_ms * MS)):
        window = Window(start, start + round(window_ms * MS))
        parts.append(engine.advance(window, {name: payload.cut(window) for name, payload in given.items()}))
    return {name: type(parts[0][name]).join([part[name] for part in parts]) for name in parts[0]}


@pytest.mark.parametrize("window_ms", [0.5, 1, 2, 4])
def test_a_spike_releases_at_the_end_of_its_step(tmp_path, window_ms):
    times = np.array([1, 1_000_000, 1_000_001, 1_300_000, 4_000_000])  # after a start, at an end, after one, between, at the last
    spikes = Spikes(Window(0, 4 * MS), times, np.zeros(5, np.int32))
    engine = well(tmp_path, window_ms)
    out = play(engine, window_ms, release=spikes)
    engine.close()
    assert out["count"].values[:, 0].tolist() == [10, 20, 40, 40, 40, 40, 40, 50]
    assert np.array_equal(out["time"].values[:, 0], [k * 0.5 / 1000 for k in range(1, 9)])


@pytest.mark.parametrize("window_ms", [0.5, 1, 4])
def test_a_flux_is_whole_molecules_and_loses_nothing(tmp_path, window_ms):
    flux = Samples(Window(0, 4 * MS), np.array([[3000.0], [3000], [3000], [0], [0], [-4000], [-4000], [-4000]]))
    engine = well(tmp_path, window_ms)
    out = play(engine, window_ms, flux=flux)
    engine.close()
    assert out["count"].values[:, 0].tolist() == [1, 3, 4, 4, 4, 2, 0, 0]  # 1.5 a step; what is not there is not taken


def test_a_row_is_set_before_the_step_that_ends_at_its_time(tmp_path):
    hold = Samples(Window(0, 4 * MS), np.arange(8.0)[:, None])
    engine = well(tmp_path)
    assert play(engine, 1, hold=hold)["count"].values[:, 1].tolist() == list(range(8))
    window = Window(4 * MS, 5 * MS)
    assert engine.advance(window, {"hold": Samples(window, np.array([[3.0]]))})["count"].values[:, 1].tolist() == [3, 3]
    engine.close()


@pytest.mark.parametrize("window_ms", [0.5, 1, 4])
def test_every_reaction_is_one_spike_whatever_the_windows(tmp_path, window_ms):
    engine = well(tmp_path, window_ms, decay=300, start=1000)
    out = play(engine, window_ms)
    engine.close()
    left = out["count"].values[:, 0]
    lost = -np.diff(left, prepend=1000).astype(int)
    assert np.array_equal(out["gone"].times_ns, np.repeat(np.arange(1, 9) * STEP, lost))
    assert np.array_equal(out["count"].values, play(well(tmp_path, 2, decay=300, start=1000), 2)["count"].values)


def test_the_decay_is_that_of_the_law(tmp_path):
    """exp(-k t) with k = 300 per s over 4 ms; the deviation of a binomial of 20000."""
    engine = well(tmp_path, 4, decay=300, start=20_000)
    left = play(engine, 4)["count"].values[:, 0]
    engine.close()
    keep = np.exp(-300 * 0.0005 * np.arange(1, 9))
    assert np.all(np.abs(left - 20_000 * keep) < 4 * np.sqrt(20_000 * keep * (1 - keep)))


@pytest.mark.parametrize("window_ms", [0.5, 4])
def test_rate_equations_are_as_good(tmp_path, window_ms):
    engine = well(tmp_path, window_ms, decay=300, start=20_000, solver="Wmrk4", gone=False)
    left = play(engine, window_ms)["count"].values[:, 0]
    assert np.allclose(left, 20_000 * np.exp(-300 * 0.0005 * np.arange(1, 9)), rtol=1e-9, atol=0)
    with pytest.raises(CosimError, match=r"the extent of well\.away cannot be read"):
        well(tmp_path, solver="Wmrk4")


# -- a mesh ------------------------------------------------------------------------------------------------------------


MESH = """
from cosim.sdk import Port, Space
from tests.simulators import steps_model


def ports(args):
    return [Port("all", "out", "samples", Space.numbered(48)), Port("conc", "out", "samples", Space.numbered(2), unit="M"),
            Port("floor", "out", "samples", Space.numbered(8)), Port("fill", "in", "samples", Space.numbered(1))]


def build(args, seed, sim):
    model, inside, membrane = steps_model.chemistry(True)
    mesh = steps_model.geometry(True, inside, membrane)
    simulation = sim.simulation("Tetexact", model, mesh)
    simulation.TET(mesh.tets[5]).Glu.Count = 500
    simulation.psd.Shut.Count = 80
    return {"all": sim.count_out((mesh.tets, "Glu")), "conc": sim.concentration_out([(mesh.tets[5], "Glu"), "cleft.Glu"]),
            "floor": sim.count_out((mesh.psd.tris, "Shut")), "fill": sim.PUT}
"""


def mesh(tmp_path, put='count_in((mesh.tets[7], "Glu"))'):
    file = tmp_path / f"mesh_{len(list(tmp_path.iterdir()))}.py"
    file.write_text(MESH.replace("PUT", put))
    return Steps(Steps.Params(model=f"{file}:build"), Setup("mesh", 100_000, 3))


def test_tetrahedra_and_triangles_are_channels(tmp_path):
    engine, window = mesh(tmp_path), Window(0, 100_000)
    before = engine.advance(window, {"fill": Samples(window, np.array([[70.0]]))})["all"].values.copy()
    window = Window(100_000, 200_000)
    out = engine.advance(window, {"fill": Samples(window, np.array([[70.0]]))})
    assert out["all"].values.sum() < 1.2 * before.sum()  # counted anew, not added up
    simulation = engine._simulation
    each = [simulation.solver.getTetSpecCount(i, "Glu") for i in range(48)]
    engine.close()
    assert out["all"].values[0].tolist() == each
    assert sum(each) == simulation.cleft.Glu.Count > 400
    assert out["conc"].values[0].tolist() == [simulation.solver.getTetSpecConc(5, "Glu"), simulation.cleft.Glu.Conc]
    assert out["floor"].values.sum() == simulation.psd.Shut.Count


def test_nothing_is_added_to_a_meshed_compartment_as_a_whole(tmp_path):
    with pytest.raises(CosimError, match="cannot be added to cleft as a whole") as told:
        mesh(tmp_path, 'flux_in("cleft.Glu")')
    assert "scatter" in told.value.why


# -- errors ------------------------------------------------------------------------------------------------------------


def test_wrong_names_are_told(tmp_path):
    for put, message, mend in (
        ('count_in("clef.Glu")', "no compartment and no patch 'clef'", "'cleft'"),
        ('count_in("cleft.Glou")', "no species 'Glou'", "'Glu'"),
        ('concentration_in("psd.Open")', "psd has no concentration of Open", "count_in"),
        ('count_in("cleft.Open")', "cleft has no Open", "reaction"),
        ('constant_in("cleft.dekay")', "no reaction 'dekay'", "'decay'"),
        ('constant_in("cleft.decay.bkw")', "'cleft.decay.bkw' is no single reaction", "psd.bind.fwd"),
        ('count_in(["cleft.Glu", "cleft.Buf"])', "declared with 1 channels, and .* bound 2", "labels"),
        ('count_out("cleft.Glu")', "declared as samples in, and .* bound samples out", "bind it with the other"),
    ):
        with pytest.raises(CosimError, match=message) as told:
            mesh(tmp_path, put)
        assert mend in told.value.mend


def test_a_window_holds_whole_steps():
    with pytest.raises(CosimError, match="not a whole number of the 500 us steps of the STEPS model"):
        Steps(Steps.Params(model=MODEL, step=STEP), Setup("cleft", 1_200_000, 1))


def test_a_model_without_a_simulation_says_so(tmp_path):
    (tmp_path / "none.py").write_text("def ports(args):\n    return []\n\ndef build(args, seed, sim):\n    return {}\n")
    with pytest.raises(CosimError, match="the model has no simulation"):
        Steps(Steps.Params(model=f"{tmp_path / 'none.py'}:build"), Setup("none", MS, 1))


def test_nothing_is_printed_and_nothing_left(tmp_path, capfd):
    engine = mesh(tmp_path)
    engine.load(engine.save())
    engine.close()
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["mesh_0.py"]


def test_a_missing_steps_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "steps", None)
    with pytest.raises(CosimError) as told:
        Steps(Steps.Params(model=MODEL, step=STEP), Setup("cleft", MS, 1))
    assert "steps" in told.value.mend


def test_a_scenario_gives_the_same_bits_in_one_process_and_in_two(tmp_path):
    (tmp_path / "scenario.yaml").write_text(f"""
cosim: 1
about: {{name: synapse, description: Two clefts that answer each other}}
clock: {{stop: 20 ms, seed: 1}}
engines:
  input: {{use: player, window: 5 ms, params: {{spikes: [[1, 0], [2.3, 1], [5, 0]], channels: 2}}}}
  first: {{use: steps, window: 1 ms, params: {{model: "{MODEL}", step: 0.5 ms}}}}
  second: {{use: steps, window: 5 ms, params: {{model: "{MODEL}", step: 0.5 ms}}}}
links:
  release: {{from: input.out, to: first.release}}
  onward: {{from: first.events, to: second.release, delay: 5 ms}}
""")
    runs = [
        cosim.run(tmp_path / "scenario.yaml", out=tmp_path / name, **how)
        for name, how in (("one", {"transport": "inline"}), ("two", {"transport": "zeromq", "processes": 2}))
    ]
    assert len(runs[0].hashes) == 2
    assert runs[0].hashes == runs[1].hashes
