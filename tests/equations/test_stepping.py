"""The schemes: each against steps written by hand, bit for bit; clamps; what a scheme does not take."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest

from cosim.sdk import CosimError
from engines.equations.compiled import imports_of, load_compiled
from engines.equations.description import Description, read_description
from engines.equations.stepping import Stepper, refuse_misfits

# a damped rotation with a named part, noise that depends on a state, and an input
MODEL = """\
title: two variables
states: {{x: {{}}, y: {{}}}}
parameters: {{tau: {{unit: s, default: 1}}, w: {{default: 1}}, s: {{unit: 1/s**0.5, default: 1}}}}
inputs: {{drive: {{}}}}
expressions:
  pull: w * y + drive
derivatives:
  x: ({x}) / tau
  y: ({y}) / tau
noise:
  x: {noise}
"""
TAU, W, S, DRIVE, DT, Z = 0.37, 1.3, 0.21, -0.4, 0.013, 0.83
NONLINEAR = {"x": "x * pull - x", "y": "x * x - y * pull"}
LINEAR = {"x": "pull - 2 * x", "y": "-x - y * 0.5"}


def equations(tmp_path, x, y, noise="s"):
    path = tmp_path / "mine.yaml"
    path.write_text(MODEL.format(x=x, y=y, noise=noise))
    return read_description(path, Description)[1]


def stepped(equations, integrator, x, y, clamps=None, noisy=True, steps=1, drive=DRIVE, dt=DT, z=Z):
    """(x, y) after some steps in a kernel, with the same normal number z in each."""
    held = {"tau": "tau", "w": "w", "s": "s", "drive": "drive"}
    lines = Stepper(equations, integrator, held, clamps or {}, {"x": "z"} if noisy else {}).lines()
    body = "\n".join(f"        {line}" for line in lines)
    code = "\n".join(
        [
            *imports_of(body),
            "import numpy as np",
            "from numba import float64, int64, njit, void",
            f"@njit(void(float64[::1], {'float64, ' * 6}int64), cache=True, nogil=True, error_model='numpy')",
            "def step(state, tau, w, s, drive, dt, z, steps):",
            "    x_x, x_y, root_dt = state[0], state[1], np.sqrt(dt)",
            "    for n in range(steps):",
            body,
            "    state[0], state[1] = x_x, x_y",
        ]
    )
    state = np.array([x, y])
    load_compiled("a test", code, logging.getLogger(__name__)).step(state, TAU, W, S, drive, dt, z, steps)
    return tuple(state.tolist())


def slopes(x, y):
    """Of the nonlinear model."""
    pull = W * y + DRIVE
    return (x * pull - x) / TAU, (x * x - y * pull) / TAU


START = (0.7, -0.2)
NOISE = math.sqrt(DT) * Z


def test_euler_is_its_formula(tmp_path):
    (x, y), (fx, fy) = START, slopes(*START)
    found = stepped(equations(tmp_path, **NONLINEAR, noise="s * x"), "euler", x, y)
    assert found == (x + DT * fx + S * x * NOISE, y + DT * fy)


def test_heun_is_its_formula_and_takes_noise_at_both_stages(tmp_path):
    (x, y), (fx, fy) = START, slopes(*START)
    px, py = x + DT * fx + S * x * NOISE, y + DT * fy
    gx, gy = slopes(px, py)
    found = stepped(equations(tmp_path, **NONLINEAR, noise="s * x"), "heun", x, y)
    assert found == (x + 0.5 * DT * (fx + gx) + 0.5 * (S * x + S * px) * NOISE, y + 0.5 * DT * (fy + gy))


@pytest.mark.parametrize("noisy", [True, False])
def test_rk4_is_its_formula_with_noise_held_over_the_step(tmp_path, noisy):
    noise = S * NOISE / DT * noisy
    (x, y), (ax, ay) = START, slopes(*START)
    bx, by = slopes(x + 0.5 * DT * (ax + noise), y + 0.5 * DT * ay)
    cx, cy = slopes(x + 0.5 * DT * (bx + noise), y + 0.5 * DT * by)
    dx, dy = slopes(x + DT * (cx + noise), y + DT * cy)
    expected = (
        x + DT * ((ax + 2.0 * (bx + cx) + dx) / 6.0 + noise),
        y + DT * ((ay + 2.0 * (by + cy) + dy) / 6.0),
    )
    assert stepped(equations(tmp_path, **NONLINEAR), "rk4", *START, noisy=noisy) == expected


def test_exponential_euler_is_its_formula(tmp_path):
    x, y = START
    pull = W * y + DRIVE
    a, b = -2 / TAU, -0.5 / TAU
    noise = math.sqrt(math.expm1(2 * a * DT) / (2 * a * DT)) * S * NOISE
    expected = (
        x * math.exp(a * DT) + pull / TAU * math.expm1(a * DT) / a + noise,
        y * math.exp(b * DT) - x / TAU * math.expm1(b * DT) / b,
    )
    found = stepped(equations(tmp_path, **LINEAR), "exponential_euler", x, y)
    assert found == pytest.approx(expected, rel=4e-15)  # exp and exprel of kernels are good to 2 units of the last place


def test_exponential_euler_is_exact_where_the_slope_is_constant(tmp_path):
    """x' = (drive - 2 x) / tau, y' = -y / tau + x / tau with x at rest: with any step."""
    model = equations(tmp_path, x="drive - 2 * x + 0 * pull", y="-y + x")
    for dt in (1e-9, 0.1, 3.0, 40.0):
        rest = DRIVE / 2
        found = stepped(model, "exponential_euler", 1.7, 0.3, noisy=False, dt=dt)
        assert found[0] == pytest.approx(rest + (1.7 - rest) * math.exp(-2 * dt / TAU), rel=1e-14)
        found = stepped(model, "exponential_euler", rest, 0.3, noisy=False, dt=dt, steps=3)
        assert found[1] == pytest.approx(rest + (0.3 - rest) * math.exp(-3 * dt / TAU), rel=1e-13)


def test_exponential_euler_gives_noise_the_variance_of_an_ornstein_uhlenbeck_process(tmp_path):
    """sigma^2 (1 - e^(-2 dt / t)) / (2 / t) with t = tau / 2, over a step of any length."""
    model = equations(tmp_path, x="-2 * x", y="-y")
    for dt in (1e-6, 0.1, 5.0):
        x, _ = stepped(model, "exponential_euler", 0.0, 0.0, dt=dt, z=1.0)
        assert x**2 == pytest.approx(S**2 * -math.expm1(-4 * dt / TAU) / (4 / TAU), rel=1e-13)


@pytest.mark.parametrize(
    "x", ["-x", "pull - x * 3", "2 * (drive - x)", "(drive - x) / w", "x * pull", "-(x - pull) * w / 2 + x",
          "w * (x + pull) * drive", "drive", "w"]
)  # fmt: skip
def test_slopes_that_are_linear_in_their_own_state_are_taken(tmp_path, x):
    """And by a small step they move as Euler does: the two differ by dt squared."""
    model = equations(tmp_path, x=x, y="-y")
    found, euler = (stepped(model, scheme, *START, noisy=False, dt=1e-6) for scheme in ("exponential_euler", "euler"))
    assert found == pytest.approx(euler, rel=1e-9)


@pytest.mark.parametrize("x", ["x * x", "x**2", "1 / x", "exp(x)", "x / (1 + x)", "max(x, 0)", "x if x > 0 else 0"])
def test_a_slope_that_is_not_linear_is_refused_with_its_reason_and_line(tmp_path, x):
    model = equations(tmp_path, x=f"pull - ({x})", y="-y")
    with pytest.raises(CosimError, match="exponential Euler does not apply to 'x'") as caught:
        refuse_misfits(model, "exponential_euler", ())
    assert caught.value.where == "mine.yaml:8  derivatives.x"
    assert "not linear in x: " in caught.value.why
    assert caught.value.mend == "use integrator: heun"
    for other in ("euler", "heun", "rk4"):
        refuse_misfits(model, other, ("x",))


def test_a_state_that_is_not_linear_in_a_named_part_is_refused(tmp_path):
    text = MODEL.format(x="part", y="-y", noise="s").replace("  pull: w * y + drive", "  part: deep - 1\n  deep: sin(x)")
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(CosimError, match="does not apply to 'x'"):
        refuse_misfits(read_description(tmp_path / "mine.yaml", Description)[1], "exponential_euler", ())


def test_linearity_is_found_through_long_chains_of_names_at_once(tmp_path):
    """Each name stands twice in the next: put into each other they would have 2**200 parts."""
    chain = "\n".join(f"  n{k}: n{k - 1} * 0.5 + 0.5 * n{k - 1} * n{k - 1}" for k in range(1, 200))
    text = MODEL.format(x="pull + n199 - x", y="-y", noise="s").replace("  pull:", f"  n0: sin(y)\n{chain}\n  pull:")
    (tmp_path / "mine.yaml").write_text(text)
    model = read_description(tmp_path / "mine.yaml", Description)[1]
    refuse_misfits(model, "exponential_euler", ())
    (tmp_path / "mine.yaml").write_text(text.replace("sin(y)", "sin(x)"))
    with pytest.raises(CosimError, match="does not apply to 'x'"):
        refuse_misfits(read_description(tmp_path / "mine.yaml", Description)[1], "exponential_euler", ())


@pytest.mark.parametrize("integrator", ["rk4", "exponential_euler"])
@pytest.mark.parametrize("noise", ["s * x", "s * pull", "s * (y - y)"])
def test_noise_that_depends_on_a_state_is_refused_where_a_scheme_does_not_take_it(tmp_path, integrator, noise):
    model = equations(tmp_path, **LINEAR, noise=noise)
    with pytest.raises(CosimError, match=f"{integrator} does not take the noise of 'x'") as caught:
        refuse_misfits(model, integrator, ("x",))
    assert caught.value.where == "mine.yaml:11  noise.x"
    assert ("depends on x," if "x" in noise else "depends on y,") in caught.value.why
    refuse_misfits(model, integrator, ())  # where its size is 0 it does not count
    refuse_misfits(model, "heun", ("x",))


# -- clamps ------------------------------------------------------------------------------------------------------------


def test_clamps_hold_after_the_step(tmp_path):
    model = equations(tmp_path, x="100 * pull", y="-100 * pull")
    for scheme in ("euler", "heun", "rk4", "exponential_euler"):
        found = stepped(model, scheme, 0.5, 0.5, {"x": (0.0, 0.6), "y": (0.2, None)}, noisy=False, drive=5.0)
        assert found == (0.6, 0.2)
        found = stepped(model, scheme, 0.5, 0.5, {"x": (0.1, None), "y": (None, 0.7)}, noisy=False, drive=-5.0)
        assert found == (0.1, 0.7)


def test_clamps_hold_at_the_stages(tmp_path):
    """y moves with x: with x kept at 0.6 at the second stage, it moves less."""
    model = equations(tmp_path, x="50", y="x + 0 * pull")
    free = (0.5 + 50 * DT / TAU) / TAU
    heun = stepped(model, "heun", 0.5, 0.0, {"x": (None, 0.6)}, noisy=False)
    assert heun == pytest.approx((0.6, 0.5 * DT * (0.5 / TAU + 0.6 / TAU)), rel=1e-15)
    assert stepped(model, "heun", 0.5, 0.0, noisy=False)[1] == pytest.approx(0.5 * DT * (0.5 / TAU + free), rel=1e-15)
    rk4 = stepped(model, "rk4", 0.5, 0.0, {"x": (None, 0.6)}, noisy=False)
    assert rk4 == pytest.approx((0.6, DT / 6 * (0.5 + 2 * (0.6 + 0.6) + 0.6) / TAU), rel=1e-15)


def test_a_clamp_lets_nan_be_seen(tmp_path):
    """It must not become a bound: a run that has diverged is to be told."""
    model = equations(tmp_path, x="sqrt(-1 - w) + pull * 0", y="-y")
    x, _ = stepped(model, "heun", 0.5, 0.0, {"x": (0.0, 1.0)}, noisy=False)
    assert math.isnan(x)
