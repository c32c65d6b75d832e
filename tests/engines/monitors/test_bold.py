"""BOLD: the haemodynamic model against its steady state and an independent solver, and as a port of the engine."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.integrate import solve_ivp

from cosim.sdk import CosimError, Samples, Setup, Space, Window
from cosim.sdk.contract import EngineContract
from engines.equations.description import Output
from engines.neural_mass import NeuralMass
from engines.neural_mass.monitors import Taken
from engines.neural_mass.monitors.bold import BoldParams
from engines.neural_mass.monitors.haemodynamics import shipped

MS, SECOND = 1_000_000, 1_000_000_000
SIX = {"generate": {"regions": 6, "seed": 3, "density": 0.6}}
KAPPA, GAMMA, TAU, ALPHA, RHO, V_0 = 0.65, 0.41, 0.98, 0.32, 0.34, 0.02  # Friston et al. 2003
LOG = logging.getLogger("test")


class TestBold(EngineContract):
    """Windows of 2 ms and of 200 ms; null gives a row a window, which the contract compares where windows end together."""

    engine = NeuralMass
    params = NeuralMass.Params(
        connectome=SIX,
        initial={"r": 2.0},
        monitors={
            "bold": {"kind": "bold", "gain": "0.02 1/Hz", "every": 2 * MS, "step": MS},
            "flow": {"kind": "bold", "gain": "0.02 1/Hz", "step": MS, "shows": "flow"},
            "mean": {"kind": "average", "of": "potential", "every": 2 * MS},
        },
    )
    one_window_ms, many_windows_ms = 200, 2
    bad_params = (
        {"monitors": {"bold": {"kind": "bold", "every": 0}}},
        {"monitors": {"bold": {"kind": "bold", "step": -1}}},
        {"monitors": {"bold": {"kind": "bold", "gain": math.nan}}},
        {"monitors": {"bold": {"kind": "bold", "gain": "much"}}},
        {"monitors": {"bold": {"kind": "bold", "of": "nothing"}}},
        {"monitors": {"bold": {"kind": "bold", "model": "no_such_model"}}},
        {"monitors": {"bold": {"kind": "bold", "parameters": {"rho": 1.5}}}},
        {"monitors": {"bold": {"kind": "bold", "parameters": {"tau": "3 mV"}}}},
        {"monitors": {"bold": {"kind": "bold", "shows": "colour"}}},
    )


class TestBoldOfReplicas(EngineContract):
    engine = NeuralMass
    params = NeuralMass.Params(
        connectome=SIX,
        replicas=2,
        sweep={"G": [0.0, 2.0]},
        parameters={"sigma_v": 0.5},
        monitors={"bold": {"kind": "bold", "gain": "0.02 1/Hz", "step": MS}},
    )


def taken(channels=1, unit="1", dt_ns=MS):
    return Taken("x", Output(value="x", unit=unit), Space.numbered(channels), 1, dt_ns)


def bold(z, dt_ns=MS, window_ns=None, **given):
    """What a monitor makes of activity (steps,) or (steps, channels), and its states at the end."""
    z = np.asarray(z, float).reshape(len(z), -1)
    params, source = BoldParams(kind="bold", **given), taken(z.shape[1], dt_ns=dt_ns)
    params.port("bold", source)
    window_ns = window_ns or len(z) * dt_ns
    monitor, rows = params.build("bold", source, window_ns, LOG), window_ns // dt_ns
    out = np.concatenate([monitor.take(z[k : k + rows]) for k in range(0, len(z), rows)])
    return out, dict(zip("sfvq", monitor.state["states"], strict=True))


def signal(v, q):
    return V_0 * (7 * RHO * (1 - q) + 2 * (1 - q / v) + (2 * RHO - 0.2) * (1 - v))


def slope(x, z):
    s, f, v, q = x
    extraction = (1 - (1 - RHO) ** (1 / f)) / RHO
    outflow = v ** (1 / ALPHA)
    return [z - KAPPA * s - GAMMA * (f - 1), s, (f - outflow) / TAU, (f * extraction - outflow * q / v) / TAU]


def solved(pieces):
    """(BOLD, states) each second of activity that is constant over pieces of (seconds, z)."""
    x, found = [0.0, 1.0, 1.0, 1.0], []
    for seconds, z in pieces:
        path = solve_ivp(
            lambda _, y, z=z: slope(y, z), (0, seconds), x, "DOP853", np.arange(1, seconds + 1), rtol=1e-12, atol=1e-13
        )
        x = path.y[:, -1]
        found.append(path.y)
    states = np.concatenate(found, axis=1)
    return signal(states[2], states[3]), states


# -- the model -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("z", [0.0, 0.1, 0.5, 2.0, -0.2])
def test_activity_that_lasts_settles_at_the_closed_form(z):
    out, states = bold(np.full(120_000, z), every=SECOND)
    f = 1 + z / GAMMA
    v = f**ALPHA
    q = v * (1 - (1 - RHO) ** (1 / f)) / RHO
    # the slowest rate is kappa / 2 = 0.325 / s: e^-39 is left after 120 s, and rounding
    assert [states[name][0] for name in "fvq"] == pytest.approx([f, v, q], rel=1e-12)
    assert out[-1, 0] == pytest.approx(signal(v, q), rel=1e-11, abs=1e-15)


def test_the_coefficients_of_2007_settle_at_their_closed_form():
    z, v_0, epsilon = 0.5, 0.04, 0.7
    given = {"model": "balloon_windkessel_2007", "parameters": {"ratio": epsilon, "TE": "30 ms"}}
    out, states = bold(np.full(120_000, z), every=SECOND, **given)
    v, q = states["v"][0], states["q"][0]
    assert v == pytest.approx((1 + z / GAMMA) ** ALPHA, rel=1e-12)
    k_1, k_2, k_3 = 4.3 * 40.3 * RHO * 0.03, epsilon * 25 * RHO * 0.03, 1 - epsilon  # Stephan et al. 2007, 1.5 T
    assert out[-1, 0] == pytest.approx(v_0 * (k_1 * (1 - q) + k_2 * (1 - q / v) + k_3 * (1 - v)), rel=1e-11)


def test_a_pulse_gives_the_course_of_an_independent_solver():
    expected, states = solved([(1, 0.0), (1, 1.0), (28, 0.0)])
    z = np.zeros(30_000)
    z[1000:2000] = 1.0
    out, found = bold(z, every=SECOND)
    # Heun's rule in steps of 10 ms, measured: 1.2e-5 of the peak
    assert np.abs(out[:, 0] - expected).max() < 2e-5 * np.abs(expected).max()
    assert [found[name][0] for name in "sfvq"] == pytest.approx(states[:, -1], abs=1e-6)
    peak = int(np.argmax(expected))
    assert 3 <= peak <= 5, "seconds: a response that peaks within milliseconds was fed the wrong unit of time"
    assert expected[10:].min() < -0.1 * expected.max()  # and is followed by an undershoot


@pytest.mark.parametrize("pair", [(100, 50), (50, 20), (20, 10), (10, 5)])
def test_the_error_falls_with_the_square_of_the_step(pair):
    expected, _ = solved([(1, 0.0), (1, 1.0), (18, 0.0)])
    z = np.zeros(20_000)
    z[1000:2000] = 1.0
    coarse, fine = (np.abs(bold(z, every=SECOND, step=h * MS)[0][:, 0] - expected).max() for h in pair)
    # the next order of the step, 0.1 s over some 1 s, bends the slope
    assert math.log(coarse / fine) / math.log(pair[0] / pair[1]) == pytest.approx(2, abs=0.1)


def test_a_step_takes_the_mean_of_its_source():
    """Rows of 1 ms that alternate, and their means over 10 ms, give the same course."""
    rng = np.random.default_rng(2)
    z = rng.uniform(0, 2, (4000, 3))
    fine, _ = bold(z, every=100 * MS)
    coarse, _ = bold(z.reshape(400, 10, 3).mean(axis=1), dt_ns=10 * MS, every=100 * MS)
    assert np.allclose(fine, coarse, rtol=1e-12, atol=1e-15)  # sums in another order


@pytest.mark.parametrize("z", [3.0, 10.0, 1e3, 1e6, -1.0, -1e3])
@pytest.mark.parametrize("step_ms", [1, 10])
def test_flow_and_volume_stay_positive_and_bounded_whatever_comes(z, step_ms):
    """The equations take flow below 0 where z of more than some 2.6 ends, or where it is below -gamma: it is kept in bounds."""
    source = np.zeros(60_000)
    source[5000:15_000] = z
    seen = []
    for name in ("flow", "volume", "deoxyhaemoglobin"):
        out, _ = bold(source, every=20 * MS, step=step_ms * MS, shows=name)
        seen.append((out.min(), out.max()))
    (low_f, high_f), (low_v, high_v), (low_q, high_q) = seen
    assert 0.01 <= low_f <= high_f <= 100
    # v is f^alpha delayed, and so is the ratio q / v between those of the bounds of f
    assert 0.9 * 0.01**ALPHA < low_v <= high_v < 1.01 * 100**ALPHA
    assert 0 < low_q <= high_q < 4
    assert np.abs(bold(source, every=20 * MS)[0]).max() < 0.2


def test_a_parameter_in_another_unit_is_the_same_parameter():
    z = np.linspace(0, 2, 2000)
    in_s, _ = bold(z, parameters={"tau": 1.2, "kappa": "0.7 1/s"})
    in_ms, _ = bold(z, parameters={"tau": "1200 ms", "kappa": "0.0007 1/ms"})
    assert np.allclose(in_s, in_ms, rtol=1e-12)
    assert not np.allclose(in_s, bold(z)[0], rtol=1e-3)


def test_cuts_between_windows_do_not_change_a_bit():
    z = np.random.default_rng(4).uniform(0, 1, (2400, 5))
    whole, _ = bold(z, every=20 * MS)
    for window_ms in (20, 60, 120, 800):
        assert np.array_equal(bold(z, every=20 * MS, window_ns=window_ms * MS)[0], whole)
    by_window, _ = bold(z, window_ns=120 * MS)
    assert np.array_equal(by_window, whole[5::6]), "null: the row at the end of each window"


def test_the_files_that_come_with_it_are_read():
    assert list(shipped()) == ["balloon_windkessel", "balloon_windkessel_2007"]


def test_a_model_of_the_users_own(tmp_path):
    """dx/dt = (z - x) / tau, whose mean-held steps have an exact solution; Heun's is 1 - h + h^2 / 2 of it a step."""
    (tmp_path / "low_pass.yaml").write_text(
        "title: Low pass\nstates: {x: {}}\nparameters: {tau: {unit: s, default: 2, positive: true}}\ninputs: {activity: {}}\n"
        "derivatives: {x: (activity - x) / tau}\noutputs: {bold: {value: x, quantity: bold}}\n"
    )
    params = BoldParams.model_validate(
        {"kind": "bold", "model": "low_pass.yaml", "step": "10 ms"}, context={"folder": tmp_path, "from_file": True}
    )
    out = params.build("bold", taken(), SECOND, LOG).take(np.ones((1000, 1)))
    h = 0.01 / 2
    assert out[0, 0] == pytest.approx(1 - (1 - h + h**2 / 2) ** 100, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("inputs: {activity: {}}", "inputs: {}"), "no symbol 'activity'"),
        (("inputs: {activity: {}}", "inputs: {activity: {}, light: {}}"), "one input"),
        (("outputs: {bold:", "outputs: {blood:"), "an output bold"),
    ],
)
def test_a_fault_in_a_file_of_the_users_own_is_told_with_its_line(tmp_path, change, told):
    text = "title: Mine\nstates: {x: {}}\nparameters: {tau: {unit: s, default: 2}}\ninputs: {activity: {}}\n"
    text += "derivatives: {x: (activity - x) / tau}\noutputs: {bold: {value: x}}\n"
    (tmp_path / "mine.yaml").write_text(text.replace(*change))
    with pytest.raises(ValidationError, match=r"mine\.yaml has faults") as caught:
        BoldParams.model_validate({"kind": "bold", "model": "mine.yaml"}, context={"folder": tmp_path})
    why = caught.value.errors()[0]["ctx"]["why"]
    assert told in why
    assert "mine.yaml:" in why


# -- units ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "gain", "expected"),
    [("1", None, 1.0), ("1", 3, 3.0), ("Hz", "0.02 1/Hz", 0.02), ("Hz", "20 ms", 0.02), ("mV", "50 1/V", 0.05), ("Hz", 0.02, 0.02)],
)
def test_the_gain_makes_a_bare_number_of_what_feeds_it(unit, gain, expected):
    assert BoldParams(kind="bold", gain=gain).si_gain("bold", taken(unit=unit)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("unit", "gain"), [("Hz", None), ("Hz", "0.02 1/mV"), ("1", "0.02 1/Hz"), ("Hz", "0.02")])
def test_a_gain_that_does_not_fit_the_source_is_refused(unit, gain):
    with pytest.raises(CosimError, match=r"monitors\.bold: x is in .*gain|monitors\.bold: x is in .*cannot|has no unit") as caught:
        BoldParams(kind="bold", gain=gain).port("bold", taken(unit=unit))
    assert "gain" in caught.value.mend


# -- as a port -----------------------------------------------------------------------------------------------------------


def build(window_ms, **monitor):
    params = NeuralMass.Params(connectome=SIX, monitors={"bold": {"kind": "bold", "gain": "0.02 1/Hz", **monitor}})
    return params, NeuralMass(params, Setup("brain", window_ms * MS, 1))


def test_the_port_is_what_the_model_makes_of_the_rates():
    params, engine = build(300, every=20 * MS)
    port = next(port for port in NeuralMass.ports(params) if port.name == "bold")
    assert (port.quantity, port.unit, port.of, port.dt_ns) == ("bold", "1", "value", 20 * MS)
    out = engine.advance(Window(0, 300 * MS), {})
    assert isinstance(out["bold"], Samples)
    assert out["bold"].values.shape == (15, 6)
    expected, _ = bold(0.02 * out["rate"].values, dt_ns=100_000, every=20 * MS)
    # the factor is applied to the rows here, to their mean there
    assert np.allclose(out["bold"].values, expected, rtol=1e-12, atol=1e-18)
    assert np.ptp(out["bold"].values[-1]) > 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"step": 10 * MS + 50_000}, "step 10.05 ms is not a whole number of steps of 100 us"),
        ({"every": 25 * MS}, "every 25 ms is not a whole number of haemodynamic steps of 10 ms"),
    ],
)
def test_intervals_that_do_not_fit_each_other_are_refused_with_the_nearest(given, told):
    with pytest.raises(CosimError, match=told) as caught:
        build(300, **given)
    assert "nearest" in caught.value.mend


def test_a_window_that_would_cut_a_step_is_refused():
    with pytest.raises(CosimError, match="a window of 2 ms is not a whole number of times step, 10 ms") as caught:
        build(2)
    assert caught.value.mend == "step: 2 ms, or a window of 10 ms"


def test_a_source_that_is_no_number_is_told_with_its_region():
    z = np.zeros((100, 3))
    z[50, 1] = math.nan
    with pytest.raises(CosimError, match="diverged in region 1"):
        bold(z)
