"""Stuart-Landau: the closed form of its course, by which the orders of the integrators are measured, and couples of regions."""

from __future__ import annotations

import numpy as np
import pytest
from model_runs import CHAIN, received, run

from cosim.sdk import CosimError

XY = ["x", "y"]
PAIR = {"weights": [[0.0, 1.0], [1.0, 0.0]], "delays": 0.0}


def exact(z, a, omega, t):
    """z(t) from z(0): d|z|^2/dt = 2 (a - |z|^2) |z|^2, and the angle turns at omega whatever |z|."""
    decay, square = np.exp(-2 * a * t), abs(z) ** 2
    size = np.sqrt(a / (1 + (a / square - 1) * decay)) if a else abs(z) / np.sqrt(1 + 2 * square * t)
    return size * np.exp(1j * (np.angle(z) + omega * t))


def course(duration_ms, z, a, f, dt_ms=1.0, **params):
    out = run("stuart_landau", duration_ms, dt=round(dt_ms * 1e6), outputs=XY, parameters={"a": a, "f": f},
              initial={"x": z.real, "y": z.imag}, **params)  # fmt: skip
    return (out["x"] + 1j * out["y"])[:, 0]


@pytest.mark.parametrize("a", [0.5, 0.0, -0.5])
def test_a_region_follows_the_closed_form_above_at_and_below_the_bifurcation(a):
    z, f = 1.3 - 0.4j, 1.5
    found = course(5000, z, a, f, integrator="rk4")
    expected = exact(z, a, 2 * np.pi * f, 1e-3 * np.arange(1, 5001))
    assert np.abs(found - expected).max() < 1e-8  # (omega dt)^4 omega t / 120 = 3e-9


def test_amplitude_is_the_root_of_a_and_frequency_f():
    z = course(60_000, 0.1 + 0j, 0.49, 2.0, integrator="rk4")[30_000:]
    # omega dt = 0.0126; rk4 turns by (omega dt)^5 / 120 a step too little and shrinks by (omega dt)^6 / 144
    assert np.abs(z) == pytest.approx(0.7, rel=1e-9)
    turned = np.unwrap(np.angle(z))
    assert (turned[-1] - turned[0]) / (2 * np.pi * 1e-3 * (len(z) - 1)) == pytest.approx(2.0, rel=1e-9)


@pytest.mark.parametrize(("integrator", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_orders_of_the_integrators(integrator, order):
    """Errors at 1 s from the closed form; a step half as long leaves 2^-order."""
    z, a, f = 0.3 + 0.2j, 0.8, 1.0
    steps_ms = np.array([4.0, 2.0, 1.0, 0.5]) * (5 if order == 4 else 1)  # longer, so that rounding stays out of sight
    goal = exact(z, a, 2 * np.pi * f, 1.0)
    errors = np.array([abs(course(1000, z, a, f, dt_ms, integrator=integrator)[-1] - goal) for dt_ms in steps_ms])
    assert np.log2(errors[:-1] / errors[1:]) == pytest.approx(order, abs=0.1)  # the next order in omega dt bends the first


def test_exponential_euler_does_not_apply():
    with pytest.raises(CosimError, match="not apply to 'x'"):
        run("stuart_landau", 1, integrator="exponential_euler")


def test_regions_in_step_do_not_feel_each_other():
    alone = course(2000, 0.3 + 0.1j, 0.4, 1.0)
    assert np.array_equal(course(2000, 0.3 + 0.1j, 0.4, 1.0, connectome=PAIR, G=3.0), alone)  # the difference is exactly 0


def test_regions_in_antiphase_have_the_amplitude_of_a_less_twice_the_coupling():
    """z2 = -z1: dz1/dt = (a + i omega - |z1|^2) z1 + G (z2 - z1), the closed form with a - 2 G."""
    a, f, G, x = 0.8, 1.0, 0.25, 0.5
    errors = []
    for dt_ms in (1.0, 0.5):
        out = run("stuart_landau", 3000, dt=round(dt_ms * 1e6), outputs=XY, connectome=PAIR, G=G, integrator="rk4",
                  parameters={"a": a, "f": f}, initial={"x": [x, -x], "y": 0.0})  # fmt: skip
        z = out["x"] + 1j * out["y"]
        assert np.array_equal(z[:, 0], -z[:, 1])
        errors.append(abs(z[-1, 0] - exact(x, a - 2 * G, 2 * np.pi * f, 3.0)))
    assert errors[0] < 0.01
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.05)  # the difference is held over a step: order 1


def test_x_receives_from_x_and_y_from_y_and_drives_act_alike():
    start = {"x": [0.2, -1.0], "y": [0.1, 0.5]}
    given = {"outputs": XY, "parameters": {"a": 0.3, "f": 2.0, "T": 0.5}}
    pair = run("stuart_landau", 500, connectome=CHAIN, G=2.0, initial=start, **given)
    drives = {}
    for name, past in (("x", -1.0), ("y", 0.5)):
        mine = np.concatenate([[start[name][0]], pair[name][:-1, 0]])  # at the start of each step
        drives[f"drive_{name}"] = (2.0 * 0.3 * (received(pair[name][:, 1], past, 20) - mine))[:, None]
    alone = run("stuart_landau", 500, drives, initial={"x": 0.2, "y": 0.1}, **given)
    for name in XY:
        assert np.allclose(alone[name][:, 0], pair[name][:, 0], rtol=1e-11, atol=1e-13)


def test_noise_below_the_bifurcation_has_the_variance_of_a_damped_rotation():
    """x and y: sigma^2 / (2 |a|) in units of T, less what |z|^2 z takes: of first order in the variance, V = V0 (1 - 4 V / |a|)."""
    a, sigma, n = -1.0, 0.02, 4000
    out = run(
        "stuart_landau", 6000, outputs=XY, replicas=n, dt="10 ms", parameters={"a": a, "f": 0.5, "sigma_x": sigma, "sigma_y": sigma}
    )
    expected = sigma**2 / (2 * abs(a)) * (1 - 4 * sigma**2 / (2 * a**2))
    for name in XY:
        # sampling error of a variance; the step biases it by dt |a| / 2 or less, of which Heun leaves the square
        assert out[name][-1].var() == pytest.approx(expected, rel=4 * np.sqrt(2 / n))
    assert abs(np.corrcoef(out["x"][-1], out["y"][-1])[0, 1]) < 4 / np.sqrt(n)
