"""The neural mass engine: against closed forms, against a plain reference, and cut against uncut."""

from __future__ import annotations

import math
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from neural_mass_reference import simulate

from cosim.sdk import CosimError, Port, Samples, Setup, Window
from cosim.sdk.contract import EngineContract
from engines.connectome import build_connectome
from engines.neural_mass import NeuralMass

MS, DT = 1_000_000, 100_000
SIX = {"generate": {"regions": 6, "seed": 3, "density": 0.6}}
needs_tvb_data = pytest.mark.skipif(find_spec("tvb_data") is None, reason="tvb-data is not installed")


class TestNeuralMass(EngineContract):
    engine = NeuralMass
    params = NeuralMass.Params(connectome=SIX, external=["l2", "r3"], initial={"r": 2.0})
    one_window_ms, many_windows_ms = 200, 2  # 2000 steps: the history is moved to its front more than once
    bad_params = (
        {"no_such_parameter_at_all": 1},
        {"parameters": {"tau": 0.0}},
        {"parameters": {"tau": math.nan}},
        {"parameters": {"no_such_parameter": 1.0}},
        {"model": "no_such_model"},
        {"model": "no_such_file.yaml"},
        {"G": math.inf},
        {"dt": 0},
        {"integrator": "leapfrog"},
        {"external": ["nobody"]},
        {"only": ["l1"]},  # beside external
        {"external": ["*"]},
        {"initial": {"r": [1.0, 2.0]}},
        {"initial": {"r": -1.0}},
        {"connectome": {}},
        {"connectome": {"weights": [[0.0]], "tvb": "connectivity_76"}},
    )


class TestUncut(EngineContract):
    engine = NeuralMass
    params = NeuralMass.Params(connectome=SIX, integrator="rk4")


class TestOnly(EngineContract):
    engine = NeuralMass
    params = NeuralMass.Params(connectome=SIX, only=["l1", "r1"])
    delay_ms = 1


OF_MODEL = {"tau", "eta", "J", "delta", "sigma_v"}


def params_of(**given) -> NeuralMass.Params:
    """Engine parameters; those of the model may stand beside the others."""
    ours = {name: value for name, value in given.items() if name in OF_MODEL}
    return NeuralMass.Params(**{name: value for name, value in given.items() if name not in OF_MODEL}, parameters=ours)


def build(window_ns=MS, inputs=(), delays_ns=None, **params):
    """An engine and its parameters; ``inputs`` are the names of the connected ports."""
    given = params_of(**params)
    ports = {port.name: port for port in NeuralMass.ports(given)}
    connected = {name: ports[name] for name in inputs}
    delays = {name: np.zeros(len(port.space), np.int64) for name, port in connected.items()} | (delays_ns or {})
    return NeuralMass(given, Setup("brain", window_ns, 1, connected, delays))


def port_of(name: str, **params) -> Port:
    return next(port for port in NeuralMass.ports(params_of(**params)) if port.name == name)


def run(duration_ms, inputs=None, **params):
    """Rates and potentials of one long window; ``inputs`` as arrays."""
    window = Window(0, round(duration_ms * MS))
    inputs = inputs or {}
    engine = build(window.length_ns, inputs, **params)
    out = engine.advance(window, {name: Samples(window, values) for name, values in inputs.items()})
    return out["rate"].values, out["potential"].values


# -- one region, closed forms --------------------------------------------------------------------------------------------

ALONE = {"weights": [[0.0]], "delays": 0.0}


def fixed_points(eta, J, delta):
    """(r, v) with tau = 1, r rising: delta^2 / (4 pi^2 r^2) + eta + J r - pi^2 r^2 = 0, v = -delta / (2 pi r)."""
    roots = np.roots([-(np.pi**2), J, eta, 0.0, delta**2 / (4 * np.pi**2)])
    rates = np.sort(roots[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)].real)
    return [(r, -delta / (2 * np.pi * r)) for r in rates]


@pytest.mark.parametrize(
    ("eta", "J", "delta", "known"),
    [
        (-5.0, 15.0, 1.0, (0.081134, 0.472980, 1.030597)),
        (-4.6, 14.5, 0.7, (0.057122, 0.452311, 1.008012)),
        (1.0, 0.0, 1.0, (0.349722,)),
    ],
)
def test_a_region_alone_settles_at_the_roots_of_the_closed_form(eta, J, delta, known):
    points = fixed_points(eta, J, delta)
    assert np.allclose([r for r, _ in points], known, rtol=0, atol=1e-6)  # Montbrio et al. 2015: six digits
    for r, v in {points[0], points[-1]}:
        # started 5 % beside; the slowest eigenvalue is -0.22 / tau, so 200 tau leave e^-44 of it, and rounding
        initial = {"r": 1.05 * r / 0.02, "v": v}
        rate, potential = run(4000, connectome=ALONE, eta=eta, J=J, delta=delta, tau=20.0, initial=initial)
        assert rate[-1, 0] == pytest.approx(r / 0.02, rel=1e-12)
        assert potential[-1, 0] == pytest.approx(v, rel=1e-12)


def test_the_middle_fixed_point_parts_the_two_stable_ones():
    low, (r, v), high = fixed_points(-4.6, 14.5, 0.7)
    below = run(1000, connectome=ALONE, initial={"r": 98 * r, "v": v})[0]
    above = run(1000, connectome=ALONE, initial={"r": 102 * r, "v": v})[0]
    assert below[-1, 0] == pytest.approx(100 * low[0], rel=1e-6)  # 1 s leaves e^-22 = 3e-10 of the distance
    assert above[-1, 0] == pytest.approx(100 * high[0], rel=1e-6)


def test_ringing_about_the_high_state_has_the_eigenvalues_of_the_jacobian():
    r, v = fixed_points(-4.6, 14.5, 0.7)[-1]
    expected = np.linalg.eigvals([[2 * v, 2 * r], [14.5 - 2 * np.pi**2 * r, 2 * v]])
    assert np.allclose(sorted(expected, key=np.imag), [-0.2210 - 3.2987j, -0.2210 + 3.2987j], atol=5e-5)  # table: four digits
    rate, _ = run(20, connectome=ALONE, integrator="rk4", initial={"r": 100 * r * (1 + 1e-6), "v": v})
    x = rate[:, 0] - 100 * r
    (trace, minus_det), *_ = np.linalg.lstsq(np.stack([x[1:-1], x[:-2]], axis=1), x[2:], rcond=None)
    found = np.log(np.roots([1, -trace, -minus_det]).astype(complex)) / 0.01  # a step is 0.01 tau
    # a perturbation of 1e-6 leaves nonlinear terms of about 1e-6
    assert np.allclose(sorted(found, key=np.imag), sorted(expected, key=np.imag), atol=1e-4)


def test_current_and_drive_enter_as_the_equation_says():
    """A constant current I, a drive of I / tau and a shift of eta by I are one and the same."""
    shifted, _ = run(50, connectome=ALONE, eta=-1.6)
    for given in ({"current": np.full((500, 1), 3.0)}, {"drive": np.full((500, 1), 300.0)}):
        assert np.allclose(run(50, given, connectome=ALONE)[0], shifted, rtol=1e-10)  # sums in another order: rounding


def test_a_step_of_current_lifts_the_low_state_and_it_stays_up():
    current = np.zeros((12000, 1))
    current[1000:4000] = 3.0
    rate, _ = run(1200, {"current": current}, connectome=ALONE, eta=-5.0, J=15.0, delta=1.0)
    low, _, high = fixed_points(-5, 15, 1)
    assert rate[999, 0] == pytest.approx(100 * low[0], rel=1e-3)
    assert rate[-1, 0] == pytest.approx(100 * high[0], rel=1e-6)  # 800 ms at -0.31 / tau: e^-25


# -- integrators ---------------------------------------------------------------------------------------------------------

PAIR = {"weights": [[0.0, 5.0], [3.0, 0.0]], "delays": 0.0}


@pytest.mark.parametrize(("integrator", "G", "order"), [("heun", 0.0, 2), ("rk4", 0.0, 4), ("heun", 1.0, 1), ("rk4", 1.0, 1)])
def test_order_of_the_integrators(integrator, G, order):
    """Richardson: with the step halved, differences shrink by 2^order; an undelayed coupling held over a step is of order 1."""
    common = {"connectome": PAIR, "G": G, "integrator": integrator, "initial": {"r": [20.0, 60.0], "v": [0.5, -0.5]}}
    a, b, c = (run(10, dt=dt_ns, **common)[0][-1] for dt_ns in (200_000, 100_000, 50_000))
    observed = np.log2(np.linalg.norm(a - b) / np.linalg.norm(b - c))
    assert observed == pytest.approx(order, abs=0.25)  # the next order in dt / tau = 0.02 bends the slope


# -- networks, against the reference -------------------------------------------------------------------------------------


def difference(weights, delays_ms, connectome, G, integrator="heun"):
    """Largest difference between engine and reference relative to the largest value, from random states, both inputs noisy."""
    rng, count, steps = np.random.default_rng(5), len(weights), 600
    rate_hz, v = rng.uniform(0, 120, count), rng.uniform(-2, 0.5, count)
    drive, current = rng.uniform(0, 20, (steps, count)), rng.uniform(-0.5, 0.5, (steps, count))
    initial = {"r": rate_hz.tolist(), "v": v.tolist()}
    expected = simulate(weights, delays_ms, steps, G=G, rate_hz=rate_hz, v=v, drive_hz=drive, current=current, method=integrator)
    inputs = {"drive": drive, "current": current}
    found = run(steps / 10, inputs, connectome=connectome, initial=initial, G=G, integrator=integrator)
    return max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(found, expected, strict=True))


@needs_tvb_data
@pytest.mark.parametrize("integrator", ["heun", "rk4"])
def test_agrees_with_the_reference_on_the_connectome_of_tvb(integrator):
    [folder] = find_spec("tvb_data").submodule_search_locations
    with zipfile.ZipFile(Path(folder) / "connectivity" / "connectivity_76.zip") as archive:
        weights, lengths = (np.loadtxt(archive.open(f"{name}.txt")) for name in ("weights", "tract_lengths"))
    np.fill_diagonal(weights, 0)
    # sums in another order differ by some 1e-16, which 600 steps of the dynamics enlarge
    assert difference(weights, lengths / 3.0, {"tvb": "connectivity_76", "speed": 3.0}, 0.05, integrator) < 1e-12
    assert difference(weights.T, lengths / 3.0, {"tvb": "connectivity_76", "speed": 3.0}, 0.05, integrator) > 1e-3


def six_regions():
    return build_connectome(NeuralMass.Params(connectome=SIX).connectome)


def steps_of(made):
    """(regions, regions) delays in steps, 0 where there is no connection."""
    return np.rint(made.dense_delays_ms() / (DT / MS)).astype(int)


def test_agrees_with_the_reference_on_a_made_connectome_and_a_reversed_matrix_would_be_caught():
    made = six_regions()
    assert difference(made.dense(), made.dense_delays_ms(), SIX, 1.5) < 1e-12
    assert difference(made.dense().T, made.dense_delays_ms(), SIX, 1.5) > 1e-3


def test_a_row_of_the_matrix_is_a_receiver():
    """b sends to a with a delay of 20 steps, and a sends nothing."""
    connectome = {"weights": [[0.0, 4.0], [0.0, 0.0]], "delays": 2.0, "labels": ["a", "b"]}
    push_a, push_b = np.zeros((100, 2)), np.zeros((100, 2))
    push_a[:, 0] = push_b[:, 1] = 200.0
    rate, potential = run(10, connectome=connectome)
    assert np.array_equal(run(10, {"drive": push_a}, connectome=connectome)[0][:, 1], rate[:, 1])
    pushed_rate, pushed_potential = run(10, {"drive": push_b}, connectome=connectome)
    assert np.flatnonzero(pushed_rate[:, 1] != rate[:, 1])[0] == 0
    # b's state at the end of step 0, time 1 dt, enters a's step that starts 20 dt later: step 21
    assert np.flatnonzero(pushed_potential[:, 0] != potential[:, 0])[0] == 21


# -- a brain in pieces ---------------------------------------------------------------------------------------------------

STATE = {"r": [3.0, 60.0, 1.0, 100.0, 7.0, 20.0], "v": [-2.0, 0.3, -1.5, 0.0, -1.0, -0.5]}
BRAIN = {"connectome": SIX, "G": 2.0, "initial": STATE}


class Course:
    """Rates of all six regions in time, as links with delays would bring them: the initial ones before anything is known."""

    def __init__(self, steps: int) -> None:
        self.rates = np.full((steps, 6), np.nan)

    def seen(self, window: Window, regions, delays_ns) -> np.ndarray:
        """(steps, regions): what links of these delays deliver for ``window``."""
        columns = []
        for region, delay_ns in zip(regions, delays_ns, strict=True):
            rows = np.arange(window.start_ns // DT, window.stop_ns // DT) - delay_ns // DT
            columns.append(np.where(rows < 0, STATE["r"][region], self.rates[np.maximum(rows, 0), region]))
        found = np.stack(columns, axis=1)
        assert not np.isnan(found).any(), "the test asks for what no link could have brought"
        return found


def run_in_pieces(pieces, delay_of, window_steps, steps):
    """Rates of the six regions; piece p simulates ``pieces[p]``, its links take ``delay_of(p, external region)`` steps."""
    labels = six_regions().space.labels
    course, engines, outside = Course(steps), [], []
    for p, piece in enumerate(pieces):
        params = {**BRAIN, "only": [labels[i] for i in piece]}
        names = port_of("external", **params).space.labels
        regions = [labels.index(name) for name in names]
        delays_ns = np.array([delay_of(p, region) * DT for region in regions])
        outside.append((regions, delays_ns))
        engines.append(build(window_steps * DT, ["external"], {"external": delays_ns}, **params))
    for start in range(0, steps, window_steps):
        window = Window(start * DT, (start + window_steps) * DT)
        given = [Samples(window, course.seen(window, *links)) for links in outside]
        for piece, engine, payload in zip(pieces, engines, given, strict=True):
            out = engine.advance(window, {"external": payload})
            course.rates[start : start + window_steps, piece] = out["rate"].values
    return course.rates


@pytest.mark.parametrize("links", ["just the connection's delay", "a step more", "anything shorter"])
def test_one_engine_a_region_gives_the_bits_of_the_uncut_brain(links):
    made, rng = six_regions(), np.random.default_rng(11)
    tau = steps_of(made)

    def delay_of(receiver, sender):
        longest = int(tau[receiver, sender]) + 1
        return {"just": longest - 1, "a": longest, "anything": int(rng.integers(1, longest))}[links.split()[0]]

    whole, _ = run(150, **BRAIN)
    assert np.ptp(whole[-1]) > 10  # Hz; the regions do differ
    assert np.array_equal(run_in_pieces([[i] for i in range(6)], delay_of, 1, 1500), whole)


def test_two_halves_in_windows_of_their_shortest_delay_give_the_bits_of_the_uncut_brain():
    made, halves = six_regions(), ([0, 2, 5], [1, 3, 4])
    tau = np.where(made.dense() != 0, steps_of(made), 10**6)

    def delay_of(piece, sender):
        return int(tau[halves[piece], sender].min()) + 1

    window = min(delay_of(p, j) for p in (0, 1) for j in halves[1 - p] if tau[halves[p], j].min() < 10**6)
    assert window > 20  # steps; the halves are far enough apart for windows of some length
    steps = 1500 // window * window
    assert np.array_equal(run_in_pieces(halves, delay_of, window, steps), run(steps / 10, **BRAIN)[0])


@pytest.mark.parametrize("extra_steps", [0, 7])
def test_a_region_fed_by_inflow_and_giving_its_rate_back_gives_the_bits_of_the_uncut_brain(extra_steps):
    """brain without region 3 -- inflow -> drive -- region 3 alone -- rate -> external -- brain

    The sums agree in their bits because all that region 3 receives comes from one engine: 0 + drive is drive.
    """
    made, out_region, steps, window_steps = six_regions(), 3, 1500, 5
    label = made.space.labels[out_region]
    tau = steps_of(made)
    lead = int(tau[out_region][made.dense()[out_region] != 0].min())
    brain_params, node_params = {**BRAIN, "external": [label]}, {**BRAIN, "only": [label], "G": 0.0}
    assert port_of("inflow", **brain_params).lead_ns == lead * DT
    # a link with a delay of its own holds the inflow back; that is a longer connection, as in the uncut brain below
    weights, delays_ms = made.dense(), made.dense_delays_ms()
    delays_ms[out_region] += extra_steps / 10
    explicit = {"weights": weights.tolist(), "delays": delays_ms.tolist(), "labels": list(made.space.labels)}
    whole, _ = run(steps / 10, **{**BRAIN, "connectome": explicit})

    back = np.array([int(tau[made.dense()[:, out_region] != 0, out_region].min()) * DT])
    brain = build(window_steps * DT, ["external"], {"external": back}, **brain_params)
    node = build(window_steps * DT, ["drive"], {"drive": np.array([(lead + extra_steps) * DT])}, **node_params)
    course, inflow = Course(steps), np.full((steps + lead + extra_steps + window_steps, 1), np.nan)
    at_rest = 0.0
    for j in np.flatnonzero(weights[out_region]):
        at_rest += weights[out_region, j] * STATE["r"][j]
    inflow[: lead + extra_steps] = BRAIN["G"] * at_rest  # the link's initial
    others = [i for i in range(6) if i != out_region]
    for start in range(0, steps, window_steps):
        window, stop = Window(start * DT, (start + window_steps) * DT), start + window_steps
        out = brain.advance(window, {"external": Samples(window, course.seen(window, [out_region], back))})
        inflow[start + lead + extra_steps : stop + lead + extra_steps] = out["inflow"].values
        course.rates[start:stop, others] = out["rate"].values
        course.rates[start:stop, [out_region]] = node.advance(window, {"drive": Samples(window, inflow[start:stop])})["rate"].values
    assert np.array_equal(course.rates, whole)


def test_an_external_region_without_a_link_keeps_its_initial_rate():
    made = six_regions()
    rest = {**BRAIN, "external": [made.space.labels[1]]}
    unlinked = build(10 * MS, **rest).advance(Window(0, 10 * MS), {})
    constant = Samples(Window(0, 10 * MS), np.full((100, 1), STATE["r"][1]))
    linked = build(10 * MS, ["external"], **rest).advance(Window(0, 10 * MS), {"external": constant})
    absent = build(10 * MS, ["external"], {"external": np.array([-1])}, **rest)
    # zeros stand in the row of a channel that nothing feeds
    ignored = absent.advance(Window(0, 10 * MS), {"external": Samples(Window(0, 10 * MS), np.zeros((100, 1)))})
    assert np.array_equal(unlinked["rate"].values, linked["rate"].values)
    assert np.array_equal(unlinked["rate"].values, ignored["rate"].values)


def test_a_row_of_the_step_itself_is_the_last_that_can_be_used():
    """A link of the connection's delay and one step is taken, one of a step more is refused with both delays and what fits."""
    connectome = {"weights": [[0.0, 1.0], [0.0, 0.0]], "delays": 2.0, "labels": ["a", "b"]}
    build(MS, ["external"], {"external": np.array([2_100_000])}, connectome=connectome, external=["b"])
    with pytest.raises(CosimError, match="from b to a") as caught:
        build(MS, ["external"], {"external": np.array([2_200_000])}, connectome=connectome, external=["b"])
    assert "2 ms" in caught.value.why
    assert "2.2 ms" in caught.value.why
    assert "2.1 ms" in caught.value.mend
    with pytest.raises(CosimError, match=r"2\.15 ms") as caught:
        build(MS, ["external"], {"external": np.array([2_150_000])}, connectome=connectome, external=["b"])
    assert "2.1 ms, 2.2 ms" in caught.value.mend


def test_how_ports_follow_external_and_only():
    labels = six_regions().space.labels
    cut = {port.name: port for port in NeuralMass.ports(NeuralMass.Params(connectome=SIX, external=["r*"]))}
    assert cut["rate"].space.labels == labels[:3]
    assert cut["external"].space.labels == cut["inflow"].space.labels == labels[3:]
    assert cut["rate"].space.groups == {"left": (0, 1, 2)}
    alone = {port.name: port for port in NeuralMass.ports(NeuralMass.Params(connectome=SIX, only=[labels[0]]))}
    assert alone["external"].space.labels == tuple(labels[j] for j in np.flatnonzero(six_regions().dense()[0]))
    assert "inflow" not in alone
    whole = {port.name for port in NeuralMass.ports(NeuralMass.Params(connectome=SIX))}
    assert whole == {"rate", "potential", "drive", "current"}


def test_numba_is_not_imported_to_know_the_ports():
    code = (
        "import sys; from engines.neural_mass import NeuralMass as N;"
        "N.ports(N.Params(connectome={'generate': {}})); sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
