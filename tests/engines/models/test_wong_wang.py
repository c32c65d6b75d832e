"""Wong-Wang with one population: fixed points, an independent solver, and where inputs and noise act."""

from __future__ import annotations

import numpy as np
import pytest
from model_runs import CHAIN, received, roots, run, solve

PAPER = [  # w, I_0 in nA, fixed points (S, H in Hz)
    (0.9, 0.30, [(0.034355, 0.5550)]),
    (1.0, 0.30, [(0.035681, 0.5772)]),
    (1.0, 0.32, [(0.099659, 1.7268), (0.424823, 11.5226), (0.483164, 14.5842)]),
]


def rate(x):
    """H in Hz of a current in nA; Deco et al. 2013, equation 6."""
    y = 270.0 * x - 108.0
    return y / (1 - np.exp(-0.154 * y))


def slope(S, w=0.9, I_0=0.3, current=0.0):
    return -S / 0.1 + 0.641 * (1 - S) * rate(w * 0.2609 * S + I_0 + current)


@pytest.mark.parametrize(("w", "I_0", "known"), PAPER)
def test_fixed_points(w, I_0, known):
    """A region goes to the stable ones, and away from the one between them."""
    found = roots(lambda S: slope(S, w, I_0), 0, 1)
    rates = [rate(w * 0.2609 * S + I_0) for S in found]
    assert np.allclose(np.array(known), np.stack([found, rates], axis=1), atol=5e-5)
    stable, middle = found[::2], found[1::2]
    edges = [0.0, *middle, 1.0]
    for S, low, high in zip(stable, edges[:-1], edges[1:], strict=True):
        for start in (low + 1e-3, high - 1e-3):
            out = run("wong_wang", 60_000, parameters={"w": w, "I_0": I_0}, initial={"S": start}, outputs=["S", "rate"], dt="1 ms")
            assert out["S"][-1, 0] == pytest.approx(S, rel=1e-9)  # the slowest decays at 0.7 / s: 60 s leave 1e-18
            assert out["rate"][-1, 0] == pytest.approx(rate(w * 0.2609 * S + I_0), rel=1e-9)


@pytest.mark.parametrize("start", [0.0, 0.3, 1.0])
def test_agrees_with_a_solver(start):
    current = 0.05
    [expected] = solve(lambda S: slope(S, current=current), [start], 0.5, 5000)
    out = run("wong_wang", 500, {"current": np.full((5000, 1), current)}, initial={"S": start}, outputs=["S"], integrator="rk4")
    assert np.abs(out["S"][:, 0] - expected).max() < 1e-10  # dt / tau_S = 1e-3: 1e-12 of the scheme, 1e-11 of the solver


def test_the_rate_is_right_where_its_formula_is_0_over_0():
    """At a x = b, H = 1 / d."""
    out = run("wong_wang", 0.1, parameters={"w": 0.0, "I_0": 108 / 270}, outputs=["rate"])
    assert out["rate"][0, 0] == pytest.approx(1 / 0.154, rel=1e-12)


def test_a_current_adds_itself_to_the_background():
    shifted = run("wong_wang", 100, parameters={"I_0": 1.3}, outputs=["S"])["S"]
    assert np.allclose(run("wong_wang", 100, {"current": np.ones((1000, 1))}, outputs=["S"])["S"], shifted, rtol=1e-12)


def test_the_network_term_is_a_current_for_the_open_channels_of_the_sender():
    start, G = {"S": [0.05, 0.7]}, 2.0
    pair = run("wong_wang", 200, connectome=CHAIN, G=G, initial=start, outputs=["S"])["S"]
    current = 0.2609 * G * 0.3 * received(pair[:, 1], 0.7, 20)
    alone = run("wong_wang", 200, {"current": current[:, None]}, initial={"S": 0.05}, outputs=["S"])["S"]
    assert np.allclose(alone[:, 0], pair[:, 0], rtol=1e-12)
    assert abs(run("wong_wang", 200, initial={"S": 0.05}, outputs=["S"])["S"][-1, 0] - pair[-1, 0]) > 0.01


def test_noise_has_the_size_of_sigma_and_stays_within_0_and_1():
    n = 10_000
    noisy = run("wong_wang", 0.1, integrator="euler", initial={"S": 0.5}, outputs=["S"], replicas=n, parameters={"sigma_S": 2.0})[
        "S"
    ]
    moved = (noisy[0] - 0.5 - 1e-4 * slope(0.5)) / (2.0 * np.sqrt(1e-4))
    assert abs(moved.mean()) < 4 / np.sqrt(n)
    assert abs(moved.var() - 1) < 4 * np.sqrt(2 / n)
    wild = run("wong_wang", 100, parameters={"sigma_S": 20.0}, outputs=["S"])["S"]
    assert wild.min() == 0.0
    assert wild.max() == 1.0
