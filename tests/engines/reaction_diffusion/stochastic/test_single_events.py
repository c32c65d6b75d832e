"""Single events in one voxel and in many against exact distributions; ten thousand runs, fixed seeds.

Tolerances are four standard errors of what is estimated, which a sound solver exceeds once in sixteen thousand seeds.
"""

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.special import gammaln
from scipy.stats import chisquare, poisson
from single_molecules import advance, line, model, placed, places_of, solver, state_of, system_of

RUNS = 10_000


def split(system_models, **options):
    """The same reactions in one of two voxels between which nothing moves, for the solver of many voxels."""
    return system_of(system_models, volumes=[1e-18, 1e-18], inside=[0], **options)


def alone(system_models, **options):
    return system_of(system_models, volumes=1e-18, **options)


BOTH = pytest.mark.parametrize("made", [alone, split])


def ran(system, steps, watched, replicas=RUNS, seed=1, every=None, method="exact", epsilon=0.03, **numbers):
    """(replicas, rows) of the sum over some places."""
    every = every or steps
    made = solver(system, [watched], replicas=replicas, seed=seed, every=every, method=method, epsilon=epsilon)
    return advance(made, state_of(system, replicas, **numbers), steps, 1, every)[:, :, 0]


def assert_mean(values, mean, sd=None):
    sd = np.std(values) if sd is None else sd
    assert abs(np.mean(values) - mean) < 4.0 * sd / np.sqrt(len(values)), (np.mean(values), mean)


def assert_variance(values, variance):
    """The standard error of a variance is that of the squares of deviations."""
    squares = (values - np.mean(values)) ** 2
    assert abs(np.mean(squares) - variance) < 4.0 * np.std(squares) / np.sqrt(len(values)), (np.mean(squares), variance)


def assert_distribution(values, chances):
    """Pearson's test of whole numbers from 0 on; what is rarer than five runs is taken together."""
    counts = np.bincount(values.astype(int), minlength=len(chances)).astype(float)
    expected = np.append(chances, max(0.0, 1.0 - np.sum(chances))) * len(values)
    counts = np.append(counts[: len(chances)], counts[len(chances) :].sum())
    rare = expected < 5.0
    assert counts[expected < 1e-9].sum() == 0
    if expected[rare].sum() > 1e-3:
        counts, expected = np.append(counts[~rare], counts[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    else:
        assert counts[rare].sum() == 0
        counts, expected = counts[~rare], expected[~rare]
    assert chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-4


# -- against closed forms --------------------------------------------------------------------------------------------


@BOTH
def test_birth_and_death_have_their_mean_and_variance(made):
    """N e^((b - d) t) and N (b + d) / (b - d) e^((b - d) t) (e^((b - d) t) - 1): 60.6531 and 22.3868^2."""
    system = made([model("birth_death")], dt=1.0)
    found = ran(system, 50, places_of(system, "m_X"), m_X=100)[:, -1]
    assert_mean(found, 60.6531, 22.3868)
    assert_variance(found, 22.3868**2)


@BOTH
def test_immigration_and_death_end_in_a_poisson_distribution(made):
    system = made([model("immigration_death")], dt=2.5)
    found = ran(system, 4, places_of(system, "m_X"), m_X=0)[:, -1]
    assert_distribution(found, poisson.pmf(np.arange(25), 10.0 * (1.0 - np.exp(-1.0))))


@BOTH
def test_pairs_follow_the_master_equation(made):
    """The distribution of A at 1 s of 2 A <-> AA, k_on n (n - 1), from 20 molecules, by the matrix exponential."""
    system = made([model("dimerisation", k_on=0.05, k_off=1.0)], dt=0.25)
    pairs = np.arange(11.0)
    on, off = 0.05 * (20 - 2 * pairs) * (19 - 2 * pairs), pairs
    generator = np.diag(on[:-1], -1) + np.diag(off[1:], 1)
    chances = expm(generator - np.diag(generator.sum(axis=0)))[:, 0]
    found = ran(system, 4, places_of(system, "m_AA"), m_A=20)[:, -1]
    assert_distribution(found, chances)


@BOTH
def test_pairs_that_fall_apart_from_none_follow_it_too(made):
    """As above, from ten pairs and no single molecule."""
    system = made([model("dimerisation", k_on=0.05, k_off=1.0)], dt=0.25)
    pairs = np.arange(11.0)
    on, off = 0.05 * (20 - 2 * pairs) * (19 - 2 * pairs), pairs
    generator = np.diag(on[:-1], -1) + np.diag(off[1:], 1)
    chances = expm(0.5 * (generator - np.diag(generator.sum(axis=0))))[:, 10]
    assert_distribution(ran(system, 2, places_of(system, "m_AA"), m_AA=10)[:, -1], chances)


@BOTH
def test_times_between_events_are_exponential(made):
    """Kolmogorov and Smirnov's distance of the time of the first event, at steps of a fiftieth of its mean."""
    system = made([model("immigration_death", immigration=1.0, death=0.0)], dt=0.02)
    found = ran(system, 250, places_of(system, "m_X"), every=1, replicas=5000, m_X=0)
    waiting = (found == 0).mean(axis=0)
    distance = np.abs(waiting - np.exp(-0.02 * np.arange(1, 251))).max()
    assert distance < 1.95 / np.sqrt(5000)  # exceeded once in a thousand seeds


@BOTH
def test_steps_do_not_matter_where_inputs_do_not_change(made):
    """What is left of a waiting time when a step ends goes on in the next: events are the same for all steps."""
    found = []
    for dt, steps in ((50.0, 1), (10.0, 5), (0.5, 100)):
        system = made([model("birth_death")], dt=dt)
        found.append(ran(system, steps, places_of(system, "m_X"), replicas=20, m_X=100)[:, -1])
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


CLOSED = """
title: A and B make C
species: {A: {unit: "1"}, B: {unit: "1"}, C: {unit: "1"}}
reactions: {bind: "A + B <-> C, 0.1 1/s, 1 1/s"}
"""


@BOTH
def test_a_closed_reaction_is_distributed_as_in_equilibrium(made, tmp_path):
    """Chances of c are K^c / (c! (a - c)! (b - c)!) over their sum."""
    system = made([placed(CLOSED, tmp_path)], dt=5.0)
    found = ran(system, 1, places_of(system, "m_C"), m_A=12, m_B=9)[:, -1]
    c = np.arange(10)
    weights = np.exp(c * np.log(0.1) - gammaln(c + 1) - gammaln(13 - c) - gammaln(10 - c))
    assert_distribution(found, weights / weights.sum())


TRIPLE = """
title: three at once
species: {A: {unit: "1"}, B: {unit: "1"}}
reactions: {join: "3 A -> B, 0.01 1/s", turn: "B -> 3 A, 1 1/s"}
"""


@BOTH
def test_three_molecules_react_as_often_as_there_are_ordered_triples(made, tmp_path):
    system = made([placed(TRIPLE, tmp_path)], dt=1.0)
    groups = np.arange(5.0)
    left = 12 - 3 * groups
    on, off = 0.01 * left * (left - 1) * (left - 2), groups
    generator = np.diag(on[:-1], -1) + np.diag(off[1:], 1)
    chances = expm(generator - np.diag(generator.sum(axis=0)))[:, 0]
    assert_distribution(ran(system, 1, places_of(system, "m_B"), m_A=12)[:, -1], chances)


LAW = """
title: an enzyme that saturates
parameters: {v: {unit: 1/s, default: 3.0}, K: {unit: "1", default: 4.0}}
species: {S: {unit: "1"}, P: {unit: "1"}}
reactions: {turn: {equation: S -> P, rate: v * S / (K + S)}}
"""


@BOTH
def test_a_rate_law_is_a_propensity(made, tmp_path):
    """Pure death at v s / (K + s): the master equation of 12 molecules."""
    system = made([placed(LAW, tmp_path)], dt=0.5)
    s = np.arange(13.0)
    rate = 3.0 * s / (4.0 + s)
    chances = expm(2.0 * (np.diag(rate[1:], 1) - np.diag(rate)))[:, 12]
    assert_distribution(ran(system, 4, places_of(system, "m_S"), m_S=12)[:, -1], chances)


GATE = """
title: a gate that follows an input
parameters: {tau: {unit: s, default: 2}, rate: {unit: 1/s, default: 20}}
inputs: {V: {unit: "1", default: 0}}
states: {h: {unit: "1", initial: 0}}
derivatives: {h: (V - h) / tau}
species: {X: {unit: "1"}}
reactions: {come: "-> X, h * rate"}
"""


@BOTH
def test_rates_follow_inputs_and_states_from_step_to_step(made, tmp_path):
    """h = 1 - e^(-t / 2) once V is 1: the mean number that came is the integral of 20 h, and the numbers are Poisson."""
    system = made([placed(GATE, tmp_path)], dt=0.01)
    made_solver = solver(system, [places_of(system, "m_X")], replicas=4000, every=200)
    out = advance(made_solver, state_of(system, 4000), 200, 1, 200, inputs=np.ones((200, 1)))[:, 0, 0]
    mean = 20.0 * (2.0 - 2.0 * (1.0 - np.exp(-1.0)))
    mean -= 20.0 * 0.01 / 2.0 * (1.0 - np.exp(-1.0))  # the gate is held over each step, as it was at its start
    assert_mean(out, mean, np.sqrt(mean))
    assert_variance(out, mean)


# -- as N grows ------------------------------------------------------------------------------------------------------


def test_single_molecules_come_closer_to_the_mean_as_the_root_of_their_number(tmp_path):
    """Root mean square of (A / N - the solution of the rate equation) at 1 s, over 16 fold more molecules four times."""
    text = """
title: pairing by volume
species: {A: {unit: 1/um**3}, P: {unit: 1/um**3}}
reactions: {pair: "2 A <-> P, 0.01 um**3/s, 1 1/s"}
"""
    off, numbers = [], 100 * 4 ** np.arange(5)
    a = _rate_equation(100.0)
    for number in numbers:
        system = alone_of_volume([placed(text, tmp_path)], number / 100 * 1e-18)
        found = ran(system, 1, places_of(system, "m_A"), replicas=400, m_A=number)[:, -1]
        off.append(np.sqrt(np.mean((found / number - a / 100.0) ** 2)))
    slope = np.polyfit(np.log(numbers), np.log(off), 1)[0]
    assert -0.56 < slope < -0.44  # 400 runs know each point to 4 %, the slope over 256 fold to 0.015


def alone_of_volume(models, volume):
    return system_of(models, volumes=volume, dt=1.0)


def _rate_equation(a, steps=4000):
    """dA/dt = -2 k A^2 + 2 P, P = (A0 - A) / 2, by the classical method of Runge and Kutta."""
    start, h = a, 1.0 / steps

    def slope(a):
        return -2.0 * 0.01 * a * a + (start - a)

    for _ in range(steps):
        k1 = slope(a)
        k2 = slope(a + 0.5 * h * k1)
        k3 = slope(a + 0.5 * h * k2)
        a += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + slope(a + h * k3))
    return a


def test_uptake_and_loss_in_one_voxel_are_noted():
    """A molecule is taken up with chance u / (u + w) and lost with w / (u + w), and none is forgotten."""
    axis, volumes, faces, _ = line(1, 1e-7, 0.0)
    system = system_of((), ["g"], volumes, [axis], faces, volumes * 2.0, [1.0], dt=0.1)
    watched = [places_of(system, "g"), [system.ledgers + 1], [system.ledgers + 2]]
    out = advance(solver(system, watched, replicas=2000), state_of(system, 2000, g=30), 4, 3)[:, -1]
    assert np.array_equal(out.sum(axis=1), np.full(2000, 30))
    gone = 30 * (1.0 - np.exp(-1.2))
    assert_mean(out[:, 1], gone * 2.0 / 3.0)
    assert_mean(out[:, 2], gone / 3.0)
