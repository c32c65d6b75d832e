"""Every scenario that is installed: it is sound, runs, and draws its figure; where a claim is cheap, it is held, and can fail."""

from __future__ import annotations

import numpy as np
import pytest

import cosim
from cosim.api import find_scenario, installed_scenarios
from cosim.claims import load_beside
from cosim.pictures import draw_run
from cosim.scenario.registry import find
from cosim.sdk.contract import EngineContract
from cosim.sdk.units import parse
from scenarios import mean_field
from tests.conftest import skip_unless_it_runs, skip_without_data

NAMES = sorted(installed_scenarios())


@pytest.fixture(params=NAMES)
def name(request):
    """One scenario or variant after the other; skipped where its data are not installed."""
    skip_without_data(request.param)
    return request.param


def test_some_scenarios_are_installed():
    assert {"population_swap", "population_swap_pair", "delayed_loop"} <= set(NAMES)


def test_it_is_sound_and_cannot_deadlock(name):
    report = cosim.check(name)
    assert report.ok, report.faults
    assert report.plan is not None
    assert report.plan.proof.is_live


def test_it_tells_what_it_claims(name):
    variant = name.partition("/")[2]
    text = (find_scenario(name).parent / "README.md").read_text()
    for section in ("## What it claims", "## Run it", "## The figure", "## What to change"):
        assert section in text, section
    assert f"cosim run {name}" in text
    assert callable(load_beside(find_scenario(name), f"{variant}_claims.py" if variant else "claims.py", "claims"))


@pytest.mark.parametrize("stop", ["60 ms", None], ids=["60 ms", "whole"])
def test_its_figure_is_drawn(name, stop, tmp_path):
    pytest.importorskip("matplotlib")
    skip_unless_it_runs(name)
    run = cosim.run(name, settings={"clock.stop": stop} if stop else {}, out=tmp_path, transport="inline")
    for picture in (draw_run(run, tmp_path / "figure.png"), draw_run(run, tmp_path / "figure.svg")):
        assert picture.stat().st_size > 10_000


# -- claims that are cheap to hold, and can fail --------------------------------------------------------------------------------


def claims_of(name, tmp_path, **wrong):
    """Claims of a scenario that is run with ``wrong`` settings laid over what it asks for."""
    runs = iter(range(1000))

    def run(settings=None):
        return cosim.run(name, settings={**(settings or {}), **wrong}, out=tmp_path / f"claims{next(runs)}", transport="inline")

    return list(load_beside(find_scenario(name), "claims.py", "claims")(run))


def test_a_loop_rings_as_its_declared_delay_says(tmp_path):
    claims = claims_of("delayed_loop", tmp_path)
    assert len(claims) > 20
    assert all(claim.holds for claim in claims), [claim for claim in claims if not claim.holds]


def test_a_loop_that_is_one_step_late_is_caught(tmp_path):
    claims = claims_of("delayed_loop", tmp_path, **{"links.sense.delay": "41 ms"})
    measured = [claim for claim in claims if "latency" in claim.name]
    assert len(measured) == 5
    late = [claim for claim in measured if "held" not in claim.name]
    assert not any(claim.holds for claim in late)
    assert all(claim.measured - claim.expected == pytest.approx(1.0, abs=0.01) for claim in late), "ms"


def test_what_claims_compute_with_is_what_the_files_say():
    loop = load_beside(find_scenario("delayed_loop"), "claims.py", "GAINS")
    assert list(loop.values()) == cosim.check("delayed_loop").plan.engines["controller"].params.gains
    pair = load_beside(find_scenario("population_swap_pair"), "claims.py", "theory")(100.0)
    _assert_same_region(cosim.check("population_swap_pair").plan, pair)


def test_the_theory_of_the_brain_is_of_the_brain_that_runs():
    pytest.importorskip("tvb_data", reason="tvb-data is not installed")
    plan = cosim.check("population_swap").plan
    brain, labels = load_beside(find_scenario("population_swap"), "theory.py", "brain")()
    _assert_same_region(plan, brain)
    assert np.delete(labels, brain.swapped).tolist() == list(plan.engines["brain"].outputs["rate"].space.labels)


def _assert_same_region(plan, theory):
    brain = plan.engines["brain"].params
    (population,) = plan.engines["column"].params.populations.values()
    (own,) = plan.engines["column"].params.projections.values()
    region = brain.parameters
    assert (brain.G, parse(region["tau"], "s"), region["eta"], region["J"], region["delta"]) == (
        theory.G,
        theory.tau_s,
        theory.eta,
        theory.J,
        theory.delta,
    )
    centre, half_width = (float(value) for value in population.parameters["eta"].lorentzian)
    assert (parse(population.parameters["tau"], "s"), centre, half_width) == (theory.tau_s, theory.eta, theory.delta)
    assert (float(own.total_weight), population.description.parameters["peak"].default) == (theory.J, theory.peak)


class TestPlant(EngineContract):
    engine = find("engine", "./engines.py:Plant", find_scenario("delayed_loop").parent)
    params = engine.Params(joints=3)
    bad_params = ({"joints": 0}, {"dt": 0}, {"no_such_parameter": 1})


class TestController(EngineContract):
    engine = find("engine", "./engines.py:Controller", find_scenario("delayed_loop").parent)
    params = engine.Params(gains=[3.0, 10.0, 10.0])
    bad_params = ({"gains": []}, {"dt": 0})


# -- the theory that two scenarios share ------------------------------------------------------------------------------------------


def pair(guess_hz=120.0):
    weights = np.array([[0.0, 1.0], [1.0, 0.0]])
    return mean_field.Brain(weights, G=1.0, tau_s=0.01, eta=-4.6, J=14.5, delta=0.7, swapped=1, guess_hz=guess_hz)


@pytest.mark.parametrize("guess_hz", [6.0, 120.0])
def test_a_fixed_point_solves_the_closed_form(guess_hz):
    """Δ²/(4π²x²) + η + 15.5 x - π²x² = 0, x = τ r: two regions that hear each other with 1 are one with J + 1."""
    rates = pair(guess_hz).rates_hz()
    x = 0.01 * rates
    assert rates[0] == pytest.approx(rates[1], rel=1e-12)
    np.testing.assert_allclose(0.7**2 / (4 * np.pi**2 * x**2) - 4.6 + 15.5 * x - np.pi**2 * x**2, 0, atol=1e-9)


def test_the_slope_of_the_rate_is_its_derivative():
    drive, h = np.linspace(-5, 20, 26), 1e-6
    numeric = (mean_field.population_rate(drive + h, 0.7) - mean_field.population_rate(drive - h, 0.7)) / (2 * h)
    np.testing.assert_allclose(mean_field.rate_slope(drive, 0.7), numeric, rtol=1e-6)


def test_a_sum_over_quantiles_falls_short_by_the_closed_form():
    """Without a peak; the next order is 1/N, so the ratio comes to 1 as N^-1/2."""
    for size in (1_000, 100_000):
        short = mean_field.population_rate(0.5, 0.7) - mean_field.network_rate(0.5, 0.7, size, peak=1e9)
        assert short / mean_field.quantile_bias(0.7, size) == pytest.approx(1, abs=1.5 / np.sqrt(size))


def test_the_gain_says_how_a_shift_of_one_region_moves_all():
    brain = pair()
    small = brain.rates_hz() - brain.rates_hz(size=10**6)  # what that many neurons cost, peak and all
    np.testing.assert_allclose(small / small[1], brain.gain() / brain.gain()[1], rtol=1e-3)
