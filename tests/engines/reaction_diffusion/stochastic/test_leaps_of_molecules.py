"""Leaps against single events and against closed forms: errors, how they fall with epsilon, where leaps are not worth it."""

import numpy as np
import pytest
from single_molecules import advance, ledger, line, model, placed, places_of, solver, state_of, system_of
from test_single_events import assert_mean, assert_variance

PAIRS = """
title: pairing
species: {A: {unit: 1/um**3}, P: {unit: 1/um**3}}
reactions: {pair: "2 A <-> P, 0.01 um**3/s, 1 1/s"}
"""


def leapt(system, steps, watched, replicas, epsilon=0.03, method="tau_leaping", seed=1, **numbers):
    made = solver(system, watched, method, replicas, seed, epsilon=epsilon, every=steps)
    out = advance(made, state_of(system, replicas, **numbers), steps, len(watched), steps)[:, 0]
    return made, out


@pytest.mark.parametrize("voxels", [1, 2])
def test_leaps_meet_mean_and_variance_of_birth_and_death(voxels):
    """From 10 000 molecules: the mean to 1 % and the sampling error, the variance to that of four thousand runs.

    Within a leap propensities change by 3 % at most; of births and deaths the changes cancel but for a tenth.
    """
    system = system_of([model("birth_death")], volumes=[1e-18] * voxels, inside=[0], dt=10.0)
    made, out = leapt(system, 5, [places_of(system, "m_X")], 4000, m_X=10_000)
    mean = 10_000 * np.exp(-0.5)
    variance = 100 * 22.3868**2
    assert abs(out.mean() - mean) < 0.01 * mean + 4.0 * np.sqrt(variance / 4000)
    assert abs(out.var() - variance) < 0.1 * variance  # 4 standard errors of a variance of 4000 runs are 9 %
    assert leaps_of(made).min() > 10
    assert made.events.mean() > 1000 * leaps_of(made).mean()


def leaps_of(made):
    from engines.reaction_diffusion.kernels import records

    return made._work["counts"][:, records.LEAPS]


def test_the_error_of_leaps_falls_with_epsilon(tmp_path):
    """Pairing from 30 000 molecules: the mean at 0.3 s against the rate equation, which single events meet to 2e-4.

    An explicit leap is of first order: its error falls as its length does, which is proportional to epsilon.
    """
    number, volume = 30_000, 1e-16
    system = system_of([placed(PAIRS, tmp_path)], volumes=volume, dt=0.3)
    exact = _pairs(number, 0.01 / (volume * 1e18), 0.3)
    errors = []
    for epsilon in (0.2, 0.1, 0.05):
        _, out = leapt(system, 1, [places_of(system, "m_A")], 1500, epsilon, m_A=number)
        errors.append(abs(out.mean() - exact) / exact)
    _, single = leapt(system, 1, [places_of(system, "m_A")], 100, method="exact", m_A=number)
    assert abs(single.mean() - exact) / exact < 2e-4
    assert errors[2] < 0.02
    assert 1.6 < errors[0] / errors[1] < 2.6
    assert 1.6 < errors[1] / errors[2] < 2.6


def _pairs(a, k, time, steps=4000):
    start, h = a, time / steps

    def slope(a):
        return -2.0 * k * a * a + (start - a)

    for _ in range(steps):
        k1 = slope(a)
        k2 = slope(a + 0.5 * h * k1)
        k3 = slope(a + 0.5 * h * k2)
        a += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + slope(a + h * k3))
    return a


def test_few_molecules_follow_each_other_one_by_one():
    """From 100 molecules hardly any leap is worth it, and the few change nothing that ten thousand runs would show."""
    system = system_of([model("birth_death")], dt=50.0)
    made, out = leapt(system, 1, [places_of(system, "m_X")], 10_000, m_X=100)
    assert_mean(out[:, 0], 60.6531, 22.3868)
    assert_variance(out[:, 0], 22.3868**2)
    assert leaps_of(made).sum() < 0.01 * made.events.sum()


def test_critical_reactions_stop_at_nothing():
    """Every one of many replicas dies out exactly, and none goes below 0, while another species is plentiful."""
    text_system = system_of([model("immigration_death", immigration=0.0, death=1.0)], dt=1.0)
    _, out = leapt(text_system, 30, [places_of(text_system, "m_X")], 300, m_X=2000)
    assert (out == 0).all()


def test_molecules_leap_from_voxel_to_voxel():
    """A line with a wall: what left, its mean to 1 % and its variance, against single events' closed form."""
    voxels = 10
    axis, volumes, faces, walls = line(voxels, 1e-7, 3e-10, walls=(False, True))
    system = system_of((), ["g"], volumes, [axis], faces, walls, dt=1e-4)
    made, out = leapt(
        system, 10, [np.arange(voxels), [ledger(system, "g", "left")]], 600, g=np.where(np.arange(voxels) == 0, 20_000, 0)
    )
    assert np.array_equal(out.sum(axis=1), np.full(600, 20_000.0))
    rate = faces[1] / volumes[0]
    generator = rate * (np.eye(voxels, k=1) + np.eye(voxels, k=-1))
    generator -= np.diag(generator.sum(axis=0))
    generator[-1, -1] -= walls[-1] / volumes[0]
    values, vectors = np.linalg.eigh(generator)
    inside = (vectors * np.exp(values * 1e-3)).sum(axis=0) @ vectors[0]
    assert abs(out[:, 0].mean() / 20_000 - inside) < 0.01 * inside
    binomial = 20_000 * inside * (1.0 - inside)
    assert 0.7 * binomial < out[:, 0].var() < 1.3 * binomial  # 600 runs know it to 6 %; leaps of half a hop narrow it by some more
    assert (leaps_of(made) > 100).all()
    assert made.events.mean() > 50 * leaps_of(made).mean()


def test_leaps_keep_an_equilibrium_of_hops_and_reactions(tmp_path):
    """A + B <-> C with A and B moving, 6000 of each: leaps against single events, mean to 0.5 %."""
    text = """
title: A and B make C
species: {A: {unit: 1/um**3}, B: {unit: 1/um**3}, C: {unit: 1/um**3}}
reactions: {bind: "A + B <-> C, 0.002 um**3/s, 1 1/s"}
"""
    axis, volumes, faces, _ = line(4, 1e-6, 1e-11, 4e-18)
    system = system_of([placed(text, tmp_path)], ["A", "B"], volumes, [axis], [faces] * 2, dt=0.5)
    start = {"A": np.array([6000, 0, 0, 0]), "B": 1500}
    watched = [places_of(system, "m_C"), np.concatenate([places_of(system, "m_C"), places_of(system, "A")])]
    made, out = leapt(system, 6, watched, 60, **start)
    _, single = leapt(system, 6, watched, 10, method="exact", **start)
    assert np.array_equal(out[:, 1], np.full(60, 6000.0))
    assert abs(out[:, 0].mean() / single[:, 0].mean() - 1.0) < 0.005
    assert leaps_of(made).min() > 10


def test_what_is_held_leaps_out(tmp_path):
    """A held voxel beside free ones: the free ones fill to its concentration, and the ledger has what came."""
    axis, volumes, faces, _ = line(3, 1e-6, 1e-11)
    system = system_of((), ["g"], volumes, [axis], faces, clamped=[-1, -1, 0], dt=0.5)
    made = solver(system, [[0, 1], [2], [ledger(system, "g", "supplied")]], "tau_leaping", 300, every=10)
    inputs = np.full((10, 1), 5000.5 / volumes[0] / 6.02214076e23)
    out = advance(made, state_of(system, 300, g=0), 10, 3, 10, inputs)[:, 0]
    assert np.allclose(out[:, 1], 5000.5, rtol=1e-12)
    assert np.allclose(out[:, 2], out[:, 0] + 5000.5, rtol=1e-12)
    assert abs(out[:, 0].mean() - 10_001) < 100  # explicit leaps near equilibrium: 1 %
    assert leaps_of(made).min() > 10
