"""The calcium wave: theory against itself, its numbers against the files, claims that are cheap to hold and can fail."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

import cosim
from engines.equations.quantities import number
from scenarios.calcium_wave import claims, front_claims, measures, theory

SHORT = {"clock.stop": "2.2 s"}
"""The wave has come half way down the upper branch."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The scenario or its variant in this process; equal settings run once."""
    known = {}

    def go(name="calcium_wave", settings=None):
        key = repr((name, settings))
        if key not in known:
            out = tmp_path_factory.mktemp("wave") / "run"
            known[key] = cosim.run(name, settings=settings or {}, out=out, transport="inline")
        return known[key]

    return go


# -- theory -------------------------------------------------------------------------------------------------------------------


def test_the_store_has_the_numbers_of_the_paper():
    period, low, high = theory.Store(0.5).cycle()
    assert (round(period, 3), round(low, 5), round(high, 5)) == (11.492, 0.1077, 0.44456)
    assert theory.Store(0.3).rest()[0] == pytest.approx(0.12312, abs=5e-6)
    assert np.isnan(theory.Store(0.7).cycle()[0])


def rate(u, a):
    return u * (1 - u) * (u - a)


@pytest.mark.parametrize("a", [0.2, 0.35])
def test_the_front_solves_its_equation(a):
    """u = 1 / (1 + e^(x sqrt(k / 2 D))) at the speed of the closed form, by differences."""
    diffusion, k, x = 3.0, 2.0, np.linspace(-8, 8, 4001)
    u = 1 / (1 + np.exp(x * np.sqrt(k / (2 * diffusion))))
    first = np.gradient(u, x)
    second = np.gradient(first, x)
    left = -theory.front_speed(diffusion, k, a) * first
    np.testing.assert_allclose(left[5:-5], (diffusion * second + k * rate(u, a))[5:-5], atol=1e-5)


@pytest.mark.parametrize("a", [0.2, 0.35, 0.45])
def test_at_the_ratio_that_stops_what_stands_is_the_threshold(a):
    stop = theory.stopping_ratio(a)
    assert theory.standing(a, stop * (1 + 1e-9)) == pytest.approx(a, abs=1e-3)
    assert theory.standing(a, 2 * stop) < a
    with pytest.raises(ValueError):  # noqa: PT011  # the function has no root
        theory.standing(a, 0.99 * stop)


def test_what_stands_has_the_same_flux_on_both_sides():
    """By shooting: from 1 down to u on a stem, from u down to 0 on branches of 2.6 times the cross-section."""
    a, ratio = 0.35, 2.6
    u = theory.standing(a, ratio)
    v = np.linspace(0, 1, 200_001)
    whole = np.concatenate([[0.0], np.cumsum((rate(v[1:], a) + rate(v[:-1], a)) / 2) * (v[1] - v[0])])
    behind = np.sqrt(2 * (whole[-1] - np.interp(u, v, whole)))
    ahead = np.sqrt(-2 * np.interp(u, v, whole))
    assert behind == pytest.approx(ratio * ahead, rel=1e-6)


class TestTree:
    def tree(self, piece=1.0):
        branches = {
            "a": theory.Branch(20, (2.0, 1.0)),
            "b": theory.Branch(10, (1.0, 0.5), "a"),
            "c": theory.Branch(5, (0.8, 0.8), "a"),
        }
        return theory.Tree(branches, piece)

    def test_volumes_are_those_of_frusta(self):
        expected = np.pi / 12 * (20 * (4 + 2 + 1) + 10 * (1 + 0.5 + 0.25) + 5 * 3 * 0.64)
        assert self.tree().volumes.sum() == pytest.approx(expected, rel=1e-12)

    def test_what_leaves_one_piece_comes_to_another(self):
        links = self.tree().links.toarray()
        np.testing.assert_allclose(links, links.T, atol=1e-12)
        np.testing.assert_allclose(links.sum(axis=0), 0.0, atol=1e-9)

    def test_a_steady_flux_through_a_taper_has_the_resistance_of_its_integral(self):
        """From the middle of the first piece of a to that of the last of b: ∫ dx / cross-section, with c idle."""
        tree = self.tree(0.5)
        links, first, last = tree.links.toarray(), 0, int(np.flatnonzero(tree.branch == "b")[-1])
        flux = np.zeros(len(links))
        flux[first], flux[last] = -1.0, 1.0
        u = np.linalg.lstsq(links, flux, rcond=None)[0]

        def resistance(length, a, b, start, stop):
            d = [a + (b - a) * x / length for x in (start, stop)]
            return 4 * (stop - start) / (np.pi * d[0] * d[1])

        expected = resistance(20, 2.0, 1.0, 0.25, 20) + resistance(10, 1.0, 0.5, 0, 9.75)
        assert u[first] - u[last] == pytest.approx(expected, rel=1e-9)

    def test_at_rest_nothing_moves(self):
        tree, store = self.tree(), theory.Store(0.3)
        silence = theory.Pulse(0.1, 0.2, np.zeros(len(tree.volumes)))
        found = theory.wave(tree, store, 20.0, theory.Dye(5, 100, 2500, 40), silence, np.array([0.5, 1.0]))
        np.testing.assert_allclose(found, store.rest()[0], atol=1e-6)


def test_a_crossing_is_found_between_rows():
    times = np.linspace(0, 3, 61)
    course = np.tanh(3 * (times - 1.234))
    assert measures.crossing(times, course, 0.5) == pytest.approx(1.234 + np.arctanh(0.5) / 3, abs=1e-4)
    assert np.isnan(measures.crossing(times, course, 1.5))


# -- the files ----------------------------------------------------------------------------------------------------------------


def test_the_dendrite_begins_at_rest():
    params = cosim.check("calcium_wave").plan.engines["dendrite"].params
    start = {name: number(item.initial, "uM") for name, item in params.species.items()}
    own = {key: claims._plain(value) for key, value in params.models["store"].parameters.items()}
    calcium, stored, h = theory.Store(start["IP3"], **own).rest()
    given = params.models["store"].initial
    assert (start["Ca"], number(given["store"], "uM"), number(given["h"], "1")) == pytest.approx((calcium, stored, h), rel=1e-9)
    dye = params.models["indicator"].parameters
    binding = number(dye["k_on"], "1/(uM*s)") * start["Ca"] * start["dye"]
    assert start["CaDye"] * number(dye["k_off"], "1/s") == pytest.approx(binding, rel=1e-8)
    assert start["dye"] + start["CaDye"] == pytest.approx(5.0, rel=1e-9)


def test_theory_computes_with_the_numbers_of_the_fork():
    plan = cosim.check("calcium_wave/front").plan
    for engine in front_claims.PARALLEL:
        params = plan.engines[engine].params
        assert 1e3 * params.species["Ca"].diffusion == pytest.approx(front_claims.DIFFUSION)
        described = params.models["store"].description.parameters
        assert (described["k"].default, described["threshold"].default) == (front_claims.RATE, front_claims.THRESHOLD)
        given = params.space.dendrite.morphology.branches
        assert {name: branch.length for name, branch in given.items()} == {
            "stem": front_claims.STEM,
            "left": front_claims.BRANCH,
            "right": front_claims.BRANCH,
        }


# -- claims -------------------------------------------------------------------------------------------------------------------


def test_calcium_is_kept(run):
    whole = run("calcium_wave", SHORT)
    claim = claims._conserved(whole)
    assert claim.holds, claim
    assert whole.samples("dendrite.supplied").values[-1, 0] == pytest.approx(0.02e-12 * 0.2 / (2 * 1.602176634e-19), rel=1e-9)


def test_the_wave_is_that_of_scipy(run):
    whole = run("calcium_wave", SHORT)
    ours, theirs = claims.wave_of(whole), claims.by_scipy(whole)
    arrivals = [wave.arrival_s("upper", 32.0) for wave in (ours, theirs)]
    assert arrivals[1] > 1.5
    assert arrivals[0] == pytest.approx(arrivals[1], rel=2e-3)
    np.testing.assert_allclose(ours.course("upper", 32.0), theirs.course("upper", 32.0), atol=0.01)


def test_another_store_is_caught(run):
    """SciPy has the parameters of the run; a wrong number has to be hidden from it."""
    wrong = run("calcium_wave", {**SHORT, f"{claims.PARAMS}.models.store.initial.h": 0.82})
    ours, theirs = claims.wave_of(wrong), claims.by_scipy(wrong)
    assert abs(ours.arrival_s("upper", 40.0) / theirs.arrival_s("upper", 40.0) - 1) > 0.01


def test_windows_do_not_matter(run):
    other = run("calcium_wave", {"clock.stop": "1 s", "engines.dendrite.window": "50 ms"})
    for name in ("dendrite.ca", "dendrite.h", "dendrite.total"):
        values = other.samples(name).values
        np.testing.assert_array_equal(values, run("calcium_wave", SHORT).samples(name).values[: len(values)], err_msg=name)


@pytest.fixture(scope="module")
def fork(run):
    """Both forks, up to where one has passed and the other stands; the puff in long steps."""
    return run("calcium_wave/front", {"clock.stop": "32 s", "engines.dyed.params.dt": "50 ms"})


def test_a_front_has_its_speed_and_stops_where_theory_says(fork):
    assert front_claims.speed(fork, "narrow") == pytest.approx(theory.front_speed(20, 10, 0.35), rel=3e-3)
    narrow, wide = (front_claims.wave_of(fork, engine) for engine in front_claims.PARALLEL)
    assert narrow.course("left", 15.0)[-1] > 0.9
    assert wide.course("left", 15.0)[-1] < 1e-3
    assert wide.course("stem", 80.0)[-1] == pytest.approx(theory.standing(0.35, front_claims.ratio(fork, "wide")), abs=3e-3)


def test_a_puff_spreads_as_a_fast_buffer_lets_it(fork):
    claim = next(iter(front_claims._buffered(fork)))
    assert claim.holds, claim


def test_a_slower_rate_is_caught(run):
    settings = {
        "clock.stop": "20 s",
        "engines.dyed.params.dt": "50 ms",
        "engines.narrow.params.models.store.parameters": {"k": "9.5 1/s"},
    }
    found = front_claims.speed(run("calcium_wave/front", settings), "narrow")
    assert abs(found / theory.front_speed(20, 10, 0.35) - 1) > 0.01


def test_neuron_has_the_same_wave(run):
    pytest.importorskip("neuron", reason="NEURON is not installed")
    found = list(claims._neuron(run("calcium_wave", {"clock.stop": "9 s"})))
    assert len(found) == 2
    assert all(claim.holds for claim in found), found


def test_stopping_ratio_is_that_of_the_least_integral():
    """R² = 1 - F(1) / F(u) is least where F is, at the threshold."""
    a = 0.35
    v = np.linspace(1e-3, 2 * a * 0.9, 4001)

    def integral(u):
        return -(u**4) / 4 + (1 + a) * u**3 / 3 - a * u**2 / 2

    f = integral(v)
    ratios = np.sqrt(1 - integral(1.0) / f[f < 0])
    assert ratios.min() == pytest.approx(theory.stopping_ratio(a), rel=1e-6)
    assert v[f < 0][np.argmin(ratios)] == pytest.approx(brentq(lambda u: rate(u, a), 0.2, 0.5), abs=1e-3)
