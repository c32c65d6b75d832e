"""The Virtual Brain: the contract, TVB run alone, brains that are cut, monitors, noise, errors."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import cosim
from cosim.sdk import HELD, NOT_FED, CosimError, Port, Samples, Setup, Space, Window
from cosim.sdk.contract import EngineContract

pytest.importorskip("tvb.simulator", reason="TVB is not installed (extra: tvb)")

from engines.tvb import Tvb, lead_ns
from tests.simulators import tvb_model
from tests.simulators.tvb_model import DELAYS_MS, HORIZON, KINDS, LABELS, WEIGHTS, Brain

DT, MS = 100_000, 1_000_000
MODEL = f"{Path(__file__).parent / 'tvb_model.py'}:build"
STEPS = 200
E = 4


@pytest.fixture(scope="module", autouse=True)
def tvb():
    """TVB as the engine loads it: quietly."""
    return Tvb.simulator.load()


def params(**args):
    return Tvb.Params(model=MODEL, args=args)


class TestTvb(EngineContract):
    engine, params = Tvb, params(external=("E",))
    one_window_ms, many_windows_ms = 60, 2
    delay_ms = 0.3
    bad_params = ({"args": {"lead": "soon"}}, {"model": "nowhere.py:build"}, {"dt": 1})

    def make_inputs(self, port, window):
        values = super().make_inputs(port, window).values
        return Samples(window, values * {"stimulus": 0.01, "parameter": 1.0}.get(port.name, 0.05))


class TestNoisyTvb(TestTvb):
    params = params(external=("E", "B"), noisy=True)

    def test_other_seeds_give_other_noise(self):
        assert not np.array_equal(self.run(60, seed=1)["r"].values, self.run(60, seed=2)["r"].values)


class TestTvbOfSeveralModes(TestTvb):
    params = params(kind="modes", external=("E",))
    one_window_ms = 4


# -- against TVB alone -------------------------------------------------------------------------------------------------


def run_alone(args, *monitors, steps=STEPS, seed=None, drive=None, stimulus=None, simulator=None):
    """TVB's own loop: (steps, variables, regions, modes), then times and rows of each monitor.

    ``drive``: (steps, 2), a parameter of B and C, written before each step.
    """
    from tvb.simulator.monitors import Raw

    kind, simulator = KINDS[args.kind], simulator or tvb_model.simulator(args, seed)
    simulator.monitors = [Raw(), *monitors]
    if drive is not None:
        setattr(simulator.model, kind.parameter, np.repeat(getattr(simulator.model, kind.parameter), len(LABELS)))
    if stimulus is not None:
        simulator.stimulus, simulator.model.stvar = stimulus, np.array([len(kind.start) - 1])
    simulator.configure()
    # TVB counts steps from the first row of the history, and turns its ring with them; here the last row is step 0
    simulator.history.buffer[:] = np.roll(simulator.history.buffer, -simulator.current_step, axis=0)
    simulator.current_step = 0
    run = simulator(simulation_length=steps * 0.1, n_steps=np.int64(steps))
    states, told = [], [([], []) for _ in monitors]
    for k in range(steps):
        if drive is not None:
            getattr(simulator.model, kind.parameter)[1:3].reshape(2)[:] = drive[k]
        raw, *rest = next(run)
        states.append(raw[1].copy())
        for (times, values), row in zip(told, rest, strict=True):
            if row is not None:
                times.append(row[0])
                values.append(np.ravel(row[1]))
    return np.array(states), *((np.array(times), np.array(values)) for times, values in told)


def coupled(args, given=None, delays=None, steps=STEPS, window_steps=20, seed=1, model=MODEL):
    """The engine: rows by port. ``given``: (rows, channels) by port, ``delays``: steps of the links by port."""
    given, window_ns, params = given or {}, window_steps * DT, Tvb.Params(model=model, args=args.model_dump())
    ports = {port.name: port for port in Tvb.ports(params) if port.name in given}
    delays_ns = {name: np.full(len(p.space), (delays or {}).get(name, 0) * DT, np.int64) for name, p in ports.items()}
    engine = Tvb(params, Setup("brain", window_ns, seed, ports, delays_ns))
    whole = {name: Samples(Window(0, steps * DT), rows) for name, rows in given.items()}
    parts = []
    for start in range(0, steps * DT, window_ns):
        window = Window(start, start + window_ns)
        parts.append(engine.advance(window, {name: samples.cut(window) for name, samples in whole.items()}))
    engine.close()
    return {name: np.concatenate([part[name].values for part in parts]) for name in parts[0]}


def courses(kind, states):
    """What the model's ports would tell of the states: rows by variable."""
    from tvb.simulator import models

    names = list(getattr(models, KINDS[kind].model).state_variables)
    return {name: states[:, names.index(name)].reshape(len(states), -1) for name in KINDS[kind].sent}


@pytest.mark.parametrize("window_steps", [2, 10, 200])
@pytest.mark.parametrize("kind", KINDS)
def test_it_equals_tvb_run_alone(kind, window_steps):
    args = Brain(kind=kind, driven=False, monitor="")
    (states,) = run_alone(args)
    assert np.ptp(states[:, 0]) > 1e-4
    found = coupled(args, window_steps=window_steps)
    for name, rows in courses(kind, states).items():
        assert np.array_equal(found[name], rows)
    assert np.array_equal(found["mean"], states[:, -1, 1:3].reshape(STEPS // 2, 2, -1).mean(axis=1))


class Rows:
    """Made into a stimulus of TVB that plays rows, (steps, regions)."""

    def __new__(cls, rows):
        from tvb.datatypes.patterns import SpatioTemporalPattern

        class Played(SpatioTemporalPattern):
            def configure(self):
                pass

            def configure_space(self):
                pass

            def configure_time(self, time):
                pass

            def __call__(self, step):
                return rows[step][:, None]

        return Played()


@pytest.mark.parametrize("window_steps", [10, 100])
@pytest.mark.parametrize("kind", ["rates", "masses", "phases"])
def test_inputs_act_over_the_step_that_ends_at_their_row(kind, window_steps):
    """As a parameter written before TVB's step, and a stimulus of TVB whose course is the rows."""
    rng = np.random.default_rng(2)
    drive, stimulus = rng.uniform(0.1, 1, (STEPS, 2)), rng.uniform(-0.1, 0.1, (STEPS, 5))
    args = Brain(kind=kind)
    (states,) = run_alone(args, drive=drive, stimulus=Rows(stimulus))
    found = coupled(args, {"parameter": drive, "stimulus": stimulus}, window_steps=window_steps)
    for name, rows in courses(kind, states).items():
        assert np.array_equal(found[name], rows)
    assert not np.array_equal(coupled(args)[KINDS[kind].sent[0]], found[KINDS[kind].sent[0]])


def test_coarse_rows_are_in_force_until_their_time():
    drive = np.random.default_rng(2).uniform(0.1, 1, (STEPS // 5, 2))
    args = Brain(monitor="")
    fine, coarse = coupled(args, {"parameter": np.repeat(drive, 5, axis=0)}), coupled(args, {"parameter": drive})
    assert np.array_equal(fine["r"], coarse["r"])


def test_what_no_link_feeds_stays_as_the_model_has_it():
    plain = coupled(Brain(driven=False))
    assert np.array_equal(coupled(Brain())["r"], plain["r"])
    args = Brain(kind="columns")  # mu of JansenRit is not 0
    assert np.array_equal(coupled(args)["y1"], coupled(Brain(kind="columns", driven=False))["y1"])


# -- a brain that is cut -----------------------------------------------------------------------------------------------


def played(args, states, steps):
    """What links of ``steps`` would bring of the external regions, from a whole run: rows by port, and delays."""
    past = tvb_model.past(KINDS[args.kind], HORIZON)
    told = np.concatenate([past, states])[HORIZON - steps : len(states) + HORIZON - steps]
    outside = [LABELS.index(name) for name in args.external]
    rows = {f"external_{n}": c.reshape(STEPS, 5, -1)[:, outside].reshape(STEPS, -1) for n, c in courses(args.kind, told).items()}
    return rows, dict.fromkeys(rows, steps)


def assert_others_agree(args, found, states):
    kept = [i for i, name in enumerate(LABELS) if name not in args.external]
    for name, rows in courses(args.kind, states).items():
        assert np.array_equal(found[name].reshape(STEPS, 5, -1)[:, kept], rows.reshape(STEPS, 5, -1)[:, kept])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("external", "steps"), [("E", 0), ("E", 1), ("E", 5), ("E", 8), ("E", 9), ("BE", 9), ("D", 8)])
def test_a_brain_that_is_cut_equals_the_whole(kind, external, steps):
    """E's shortest connection takes 8 steps; D's 7; a link may take one step more."""
    args = Brain(kind=kind, external=tuple(external), driven=False, lead=-1, monitor="")
    (states,) = run_alone(args)
    found = coupled(args, *played(args, states, steps))
    assert_others_agree(args, found, states)
    assert not np.array_equal(coupled(args)[KINDS[kind].sent[0]][:, :2], found[KINDS[kind].sent[0]][:, :2])


def test_noise_does_not_depend_on_who_is_external():
    args = Brain(external=("E",), noisy=True, driven=False, lead=-1, monitor="")
    (states,) = run_alone(args, seed=1)
    assert_others_agree(args, coupled(args, *played(args, states, 5)), states)


def test_the_state_of_an_external_region_is_what_came_last():
    """So that monitors see it."""
    args = Brain(external=("E",), driven=False, lead=-1, monitor="")
    (states,) = run_alone(args)
    rows, delays = played(args, states, 5)
    assert np.array_equal(coupled(args, rows, delays)["r"][:, E], rows["external_r"][:, 0])


@pytest.mark.parametrize("lead", [0, 200_000, 600_000])
@pytest.mark.parametrize("kind", ["rates", "masses", "columns", "modes"])
def test_inflow_is_tvbs_coupling_ahead_of_time(kind, lead):
    """TVB's monitor tells after step s what arrives in step s + 1."""
    from tvb.simulator.monitors import AfferentCoupling

    args = Brain(kind=kind, external=("E",), driven=False, lead=lead, monitor="")
    states, (_, coupling) = run_alone(args, AfferentCoupling())
    inflow, ahead, modes = coupled(args, *played(args, states, 5))["inflow"], lead // DT, KINDS[kind].modes
    expected = coupling.reshape(STEPS, -1, 5 * modes)[:, 0, E * modes :]
    assert np.ptp(expected) > 1e-6
    assert np.array_equal(inflow[1 : STEPS - ahead], expected[ahead : STEPS - 1])


def test_lead_ns_is_the_shortest_delay_from_a_region_here():
    assert lead_ns(WEIGHTS, DELAYS_MS, DT, [E]) == 600_000
    assert lead_ns(WEIGHTS, DELAYS_MS, DT, [E, 0]) == 1_000_000
    assert lead_ns(WEIGHTS, DELAYS_MS, DT, range(5)) == 0


# -- through real scenarios --------------------------------------------------------------------------------------------


def scenario(engines, links, streams):
    about, clock = {"name": "cut"}, {"stop": f"{STEPS // 10} ms", "seed": 3}
    return {"cosim": 1, "about": about, "clock": clock, "engines": engines, "links": links, "record": {"streams": streams}}


def brain(window, **args):
    given = {"driven": False, "monitor": "", "still": True, "lead": -1, **args}
    return {"use": "tvb", "window": window, "params": {"model": MODEL, "args": given}}


def whole(tmp_path):
    run = cosim.run(scenario({"brain": brain("1 ms")}, {}, ["brain.r"]), out=tmp_path / "whole", transport="inline")
    return run.samples("brain.r")


@pytest.mark.parametrize("transport", ["inline", "zeromq"])
def test_a_region_that_is_simulated_by_another_tvb_changes_nothing(tmp_path, transport):
    """All but E here, E there: it gets its input from here, 0.6 ms ahead, and gives its rate back over 0.8 ms."""
    from tvb.simulator.monitors import AfferentCoupling

    still = Brain(still=True)
    _, (_, coupling) = run_alone(still, AfferentCoupling(), steps=1, simulator=padded(still))
    start = tvb_model.past(KINDS["rates"], 1)[0, 0, E, 0]
    engines = {
        "brain": brain("0.2 ms", external=["E"], lead=600_000),
        "column": brain("0.4 ms", coupled=False, driven=True, parameter_of=["E"]),
    }
    scaled = {"scale": {"factor": 10, "quantity": "", "unit": "1"}}  # I of TVB stands beside cr times the coupling
    links = {
        "down": {"from": "brain.inflow", "to": "column.parameter", "via": [scaled], "initial": f"{float(coupling[0, E])!r} kHz"},
        "up": {"from": "column.r[E]", "to": "brain.external_r", "delay": "0.8 ms", "initial": f"{float(start)!r} kHz"},
    }
    run = cosim.run(scenario(engines, links, ["brain.r", "column.r"]), out=tmp_path / "cut", transport=transport, processes=2)
    told, expected = run.samples("brain.r"), whole(tmp_path)
    assert np.array_equal(run.samples("column.r").values[:, E], expected.values[:, E])
    assert np.array_equal(told.values[:, :E], expected.values[:, :E])


def test_two_tvbs_that_each_simulate_some_regions_equal_one(tmp_path):
    start = tvb_model.past(KINDS["rates"], 1)[0, 0, :, 0]
    parts, links = {"one": "AB", "two": "CDE"}, {}
    for here, there in (("one", "two"), ("two", "one")):
        for region in parts[here]:
            rate = float(start[LABELS.index(region)])
            ends = {"from": f"{here}.r[{region}]", "to": f"{there}.external_r[{region}]"}
            links[region] = {**ends, "delay": "0.7 ms", "initial": f"{rate!r} kHz"}
    engines = {"one": brain("0.2 ms", external=list(parts["two"])), "two": brain("0.4 ms", external=list(parts["one"]))}
    run = cosim.run(scenario(engines, links, ["one.r", "two.r"]), out=tmp_path / "cut", transport="inline")
    expected = whole(tmp_path).values
    assert np.array_equal(run.samples("one.r").values[:, :2], expected[:, :2])
    assert np.array_equal(run.samples("two.r").values[:, 2:], expected[:, 2:])


# -- monitors ----------------------------------------------------------------------------------------------------------

EVERY = {"Raw": 1, "AfferentCoupling": 1, "Bold": 40}
MIDDLE = ("TemporalAverage", "AfferentCouplingTemporalAverage", "EEG")


@pytest.mark.parametrize("window_steps", [40, 200])
@pytest.mark.parametrize("name", [*EVERY, *MIDDLE, "SubSample", "GlobalAverage", "SpatialAverage"])
def test_monitors_tell_what_they_tell_in_tvb(name, window_steps):
    from tvb.simulator.noise import Additive

    every = EVERY.get(name, 10)
    noise = Additive(noise_seed=2) if name == "EEG" else None  # the engine's first monitor has its seed and one
    _, (times, values) = run_alone(Brain(), tvb_model.monitor(name, noise))
    found = coupled(Brain(monitor=name, told_every=every, driven=False), window_steps=window_steps)["monitor"]
    assert np.ptp(found) > 1e-6
    assert np.array_equal(found, values)
    late = every / 2 if name in MIDDLE else 0  # TVB stamps the middle of what they average
    assert np.allclose(times, (np.arange(1, len(values) + 1) * every - late) * 0.1)


def test_a_monitor_on_a_finer_port_repeats_what_it_told_last():
    told = coupled(Brain(driven=False))["monitor"]
    fine = coupled(Brain(driven=False, told_every=2))["monitor"]
    assert np.array_equal(fine, np.concatenate([np.zeros((1, 10)), told])[np.arange(2, STEPS + 1, 2) // 10])


@pytest.mark.parametrize("name", ["Bold", "EEG", "TemporalAverage"])
def test_monitors_are_saved(name):
    args = Brain(monitor=name, told_every=2, driven=False, noisy=True).model_dump()
    made = [Tvb(Tvb.Params(model=MODEL, args=args), Setup("brain", 6 * MS, 1)) for _ in range(2)]
    windows = [Window(start * 6 * MS, (start + 1) * 6 * MS) for start in range(4)]
    for window in windows[:2]:
        made[0].advance(window, {})
    made[1].load(made[0].save())
    for window in windows[2:]:
        first, second = (engine.advance(window, {}) for engine in made)
        assert all(np.array_equal(first[port].values, second[port].values) for port in first)


# -- how a brain starts ------------------------------------------------------------------------------------------------


@pytest.fixture
def around(tmp_path):
    """An engine around a model of some lines; ``brain`` is the small one, not yet configured."""
    count = 0

    def make(build, ports=R_OUT, setup=None, args="tvb_model.Brain()"):
        nonlocal count
        text = f"""
import numpy as np
from cosim.sdk import Port, Space
from tests.simulators import tvb_model

SPACE = Space(tvb_model.LABELS)

def ports(args):
    return [{ports}]

def build(args, seed, sim):
    from tvb.simulator import coupling, monitors
    brain = tvb_model.simulator({args})
{textwrap.indent(textwrap.dedent(build), "    ")}
"""
        count += 1
        file = tmp_path / f"model{count}.py"
        file.write_text(text, encoding="utf-8")
        return Tvb(Tvb.Params(model=f"{file}:build"), setup or Setup("brain", MS, 1))

    return make


R_OUT = 'Port("r", "out", "samples", SPACE, dt_ns=100_000)'
TAKE = "sim.simulator(brain)\n"
GIVE = TAKE + 'return {"r": sim.samples_out("r")}'


def rows_of(engine, milliseconds=1):
    return np.concatenate([engine.advance(Window(t * MS, (t + 1) * MS), {})["r"].values for t in range(milliseconds)])


def padded(args, steps=1):
    """The brain alone with a history of which its earliest row is repeated."""
    simulator = tvb_model.simulator(args)
    past = tvb_model.past(KINDS[args.kind], steps)
    simulator.initial_conditions = np.concatenate([np.repeat(past[:1], HORIZON - steps, axis=0), past])
    return simulator


@pytest.mark.parametrize("steps", [1, 5])
def test_a_short_history_is_completed_with_its_earliest_row(around, steps):
    (states,) = run_alone(Brain(), simulator=padded(Brain(), steps))
    found = rows_of(around(f"brain.initial_conditions = brain.initial_conditions[-{steps}:]\n" + GIVE), 10)
    assert np.array_equal(found, states[:100, 0, :, 0])


def test_of_a_long_history_the_latest_rows_count(around):
    long = rows_of(around(GIVE, args="tvb_model.Brain(), history=50"))
    assert np.array_equal(long, rows_of(around(GIVE)))


def test_a_history_that_is_not_given_is_drawn_from_the_seed(around):
    build = "brain.initial_conditions = None\n" + GIVE
    rows = [rows_of(around(build, setup=Setup("brain", MS, seed))) for seed in (1, 1, 2)]
    assert np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])


def test_a_simulator_that_has_run_goes_on_from_where_it_stands(around):
    (states,) = run_alone(Brain())
    found = rows_of(around("brain.configure()\nbrain.run(simulation_length=5.0)\n" + GIVE), 5)
    assert np.array_equal(found, states[50:100, 0, :, 0])


def test_noise_that_the_user_has_seeded_stays(around):
    for given, expected in ((7, (7, 7)), (None, (1, 2))):
        for seed, noise_seed in zip((1, 2), expected, strict=True):
            engine = around(GIVE, setup=Setup("brain", MS, seed), args=f"tvb_model.Brain(noisy=True), seed={given}")
            (states,) = run_alone(Brain(noisy=True), steps=10, seed=noise_seed)
            assert np.array_equal(rows_of(engine), states[:, 0, :, 0])


OWN_STIMULUS = """
from tvb.datatypes import equations, patterns
train = equations.PulseTrain(parameters={"onset": 3.0, "T": 5.0, "tau": 2.0, "amp": 1.0})
brain.stimulus = patterns.StimuliRegion(temporal=train, connectivity=brain.connectivity, weight=np.array([0.1, 0, 0, 0.3, 0]))
brain.model.stvar = np.array([1])
"""


def test_a_stimulus_of_tvbs_own_acts_as_in_tvb(around):
    simulator = tvb_model.simulator(Brain())
    exec(OWN_STIMULUS, {"brain": simulator, "np": np})
    (states,) = run_alone(Brain(), simulator=simulator)
    assert np.array_equal(rows_of(around(OWN_STIMULUS + GIVE), 20), states[:, 0, :, 0])
    assert not np.array_equal(run_alone(Brain())[0], states)


def test_tvb_is_loaded_without_a_word_and_without_touching_the_log():
    code = """
import logging
logging.basicConfig(level=logging.INFO)
before = list(logging.root.handlers)
from cosim.sdk import Setup
from engines.tvb import Tvb
Tvb(Tvb.Params(model="tests.simulators.tvb_model:build"), Setup("brain", 1_000_000, 1))
assert logging.root.handlers == before and logging.root.level == logging.INFO
"""
    command = [sys.executable, "-W", "error", "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == ""
    assert [line for line in answer.stderr.splitlines() if "cosim.engine" not in line] == []


# -- faults ------------------------------------------------------------------------------------------------------------

EXTERNAL = 'Port("external", "in", "samples", Space(("E",)), dt_ns=100_000)'
INFLOW = 'Port("inflow", "out", "samples", Space(("E",)), dt_ns=100_000, lead_ns={})'
WRONG = {
    "names": (R_OUT, TAKE + 'return {"R": sim.samples_out("r")}', "has no port 'R'"),
    "channels": (R_OUT, TAKE + 'return {"r": sim.samples_out("r", ["A", "B"])}', "5 channels, and .* bound 2"),
    "no simulator": (R_OUT, 'return {"r": sim.samples_out("r")}', "no TVB simulator yet"),
    "variable": (R_OUT, TAKE + 'return {"r": sim.samples_out("R")}', "MontbrioPazoRoxin has no state variable 'R'"),
    "region": (R_OUT, TAKE + 'return {"r": sim.samples_out("r", ["F"])}', "no channel is called 'F'"),
    "number": (R_OUT, TAKE + 'return {"r": sim.samples_out("r", [5])}', "there is no region 5"),
    "parameter": (EXTERNAL, TAKE + 'return {"external": sim.parameter_in("i", [4])}', "has no parameter 'i'"),
    "not sent": (
        EXTERNAL,
        'brain = tvb_model.simulator(tvb_model.Brain(kind="columns"))\n' + TAKE + 'return {"external": sim.external_in([4], "y0")}',
        "y0 is not what regions of JansenRit send",
    ),
    "twice": (
        EXTERNAL + ", " + EXTERNAL.replace("external", "other"),
        TAKE + 'return {"external": sim.external_in([4], "r"), "other": sim.external_in(["E"], "r")}',
        "r of E comes in by two ports",
    ),
    "lead": (INFLOW.format(700_000), TAKE + 'return {"inflow": sim.inflow_out(["E"])}', "cannot speak 700 us ahead"),
    "no whole lead": (INFLOW.format(50_000), TAKE + 'return {"inflow": sim.inflow_out(["E"])}', "cannot speak 50 us ahead"),
    "term": (INFLOW.format(0), TAKE + 'return {"inflow": sim.inflow_out(["E"], term=2)}', "2 coupling terms"),
    "mutual": (
        INFLOW.format(0),
        "brain.coupling = coupling.Difference()\n" + TAKE + 'return {"inflow": sim.inflow_out(["E"])}',
        "under Difference coupling nobody here knows",
    ),
    "silent": (R_OUT, TAKE + 'return {"r": sim.monitor_out(monitors.ProgressLogger(period=1.0))}', "Logger tells no samples"),
    "period": (
        R_OUT.replace("100_000", "1_000_000"),
        TAKE + 'return {"r": sim.monitor_out(monitors.SubSample(period=0.5, variables_of_interest=np.array([0])))}',
        "SubSample tells one in 500 us",
    ),
    "dt": (R_OUT, "brain.integrator.dt = 2.0**-13 * 100\n" + GIVE, "is not a whole number of ns"),
    "window": (R_OUT.replace("100_000", "300_000"), "brain.integrator.dt = 0.3\n" + GIVE, "1 ms is not a whole number of the"),
    "configured": (
        R_OUT,
        "brain.initial_conditions = brain.initial_conditions[-3:]\nbrain.configure()\n" + GIVE,
        "history of 3 steps, .* asks for 32",
    ),
    "taken twice": (R_OUT, TAKE + GIVE, "has a simulator already"),
    "surface": (R_OUT, "from tvb.datatypes.cortex import Cortex\nbrain.surface = Cortex()\n" + GIVE, "has a surface"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_told(around, case):
    ports, build, expected = WRONG[case]
    with pytest.raises(CosimError, match=expected):
        around(build, ports)


def test_a_lead_that_is_too_long_is_corrected(around):
    with pytest.raises(CosimError) as caught:
        around(TAKE + 'return {"inflow": sim.inflow_out(["E"])}', INFLOW.format(700_000))
    assert "lead_ns=600000" in caught.value.mend


@pytest.mark.parametrize(
    ("delay_ns", "expected"),
    [
        (1_000_000, "the link of E is too slow for the connection from E to B"),
        (250_000, "the link of E has a delay of"),
        (HELD, "cannot be held"),
    ],
)
def test_links_of_external_regions_that_cannot_be_made_up_are_told(around, delay_ns, expected):
    port = Port("external", "in", "samples", Space(("E",)), dt_ns=DT)
    setup = Setup("brain", MS, 1, {"external": port}, {"external": np.array([delay_ns])})
    with pytest.raises(CosimError, match=expected):
        around(TAKE + 'return {"external": sim.external_in(["E"], "r")}', EXTERNAL, setup)


def test_an_external_region_that_no_link_brings_stays_as_it_is(around):
    port = Port("external", "in", "samples", Space(("A", "E")), dt_ns=DT)
    setup = Setup("brain", MS, 1, {"external": port}, {"external": np.array([300_000, NOT_FED])})
    build = TAKE + 'return {"external": sim.external_in(["A", "E"], "r"), "r": sim.samples_out("r")}'
    engine = around(build, EXTERNAL.replace('"E"', '"A", "E"') + ", " + R_OUT, setup)
    window = Window(0, MS)
    rows = engine.advance(window, {"external": Samples(window, np.full((10, 2), 0.5))})["r"].values
    assert (rows[:, 0] == 0.5).all()
    assert (rows[:, E] == tvb_model.past(KINDS["rates"], 1)[0, 0, E, 0]).all()


def test_a_monitor_of_the_coupling_needs_it_a_step_ahead(around):
    port = Port("external", "in", "samples", Space(("E",)), dt_ns=DT)
    build = TAKE + 'return {"external": sim.external_in(["E"], "r"), "m": sim.monitor_out(monitors.AfferentCoupling())}'
    ports = EXTERNAL + ', Port("m", "out", "samples", Space.numbered(10), dt_ns=100_000)'
    for delay_ns in (800_000, 900_000):
        setup = Setup("brain", MS, 1, {"external": port}, {"external": np.array([delay_ns])})
        if delay_ns == 900_000:
            with pytest.raises(CosimError, match="looks one step ahead"):
                around(build, ports, setup)
        else:
            around(build, ports, setup)


def test_a_missing_tvb_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tvb.simulator.simulator", None)
    with pytest.raises(CosimError) as caught:
        Tvb(params(), Setup("brain", MS, 1))
    assert "neuro-cosim[tvb]" in caught.value.mend
