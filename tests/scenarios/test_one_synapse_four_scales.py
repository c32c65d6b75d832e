"""Theory against closed forms and published figures, numbers of the claims against the file, what holds and what is caught."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

import cosim
from cosim.api import find_scenario
from cosim.sdk.loading import load_file
from tests.conftest import skip_without_data

NAME = "one_synapse_four_scales"
FOLDER = find_scenario(NAME).parent
theory, claims = (load_file(FOLDER / file, file) for file in ("theory.py", "claims.py"))


# -- theory --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("t_ms", "mm"), [(0.05, 1.2013), (0.1, 0.6006), (0.5, 0.1201)])
def test_a_vesicle_in_a_flat_cleft_spreads_as_on_a_plane(t_ms, mm):
    assert theory.spread_mm(np.zeros(1), t_ms, 3000, 0.33, 0.02)[0] == pytest.approx(mm, abs=5e-5)


def test_a_tenth_of_a_micrometre_away_the_peak_comes_after_eight_microseconds():
    t = np.linspace(5e-3, 10e-3, 5001)
    course = np.array([theory.spread_mm(np.array([0.1]), now, 3000, 0.33, 0.02)[0] for now in t])
    assert course.max() == pytest.approx(2.9167, abs=1e-4)
    assert t[course.argmax()] == pytest.approx(7.58e-3, abs=1e-5)


def test_a_tight_rim_lets_out_what_hits_it_and_an_open_one_what_diffuses_there():
    """tau is R / 2 P where all is mixed before it leaves, R² / (2.405² D) where the rim absorbs."""
    assert theory.clearance_ms(0.33, 0.25, 1e-5, 0.0) == pytest.approx(0.25 / 2e-5, rel=1e-4)
    assert theory.clearance_ms(0.33, 0.25, np.inf, 0.0) == pytest.approx(0.25**2 / (2.404825557695773**2 * 0.33))
    assert theory.clearance_ms(0.33, 0.25, 1e6, 0.0) == pytest.approx(theory.clearance_ms(0.33, 0.25, np.inf, 0.0), rel=1e-5)


def test_the_exponential_of_many_matrices_is_that_of_each():
    receptor = theory.Receptor(theory.AMPA)
    concentrations = np.array([[0.0, 1e-3], [1.0, 30.0], [600.0, 0.1]])
    matrices = 1e-3 * (receptor.alone + concentrations[:, :, None, None] * receptor.bound)
    np.testing.assert_allclose(theory.exponential(matrices), [[expm(matrix) for matrix in row] for row in matrices], atol=1e-12)


def test_a_millimolar_for_a_millisecond_opens_what_is_published():
    concentration = np.where(np.arange(8000) < 1000, 1.0, 0.0)[:, None]
    opened = theory.Receptor(theory.AMPA).open_under(concentration, 1e-3)[:, 0]
    peak = int(opened.argmax())
    assert opened[peak] == pytest.approx(0.59486, abs=1e-5)
    assert (peak + 1) * 1e-3 == pytest.approx(1.049, abs=5e-3)  # flat there: 1e-5 of it within 4 us
    falls = np.flatnonzero(opened[peak:] < opened[peak] / np.e)[0] * 1e-3
    assert falls == pytest.approx(2.672, abs=5e-3)


def test_without_receptors_what_is_mixed_decays_as_its_loss_says():
    times = np.linspace(0.1, 3, 20)
    found = theory.well_mixed(3000, 0.004, 0.83, {"ampa": 0.0, "nmda": 0.0}, times)
    np.testing.assert_allclose(found["free"], 3000 / (0.004 * 602214.076) * np.exp(-0.83 * times), rtol=1e-7)


def test_receptors_hold_transmitter_back():
    times = np.array([5.0])
    some, none = (theory.well_mixed(3000, 0.004, 0.83, {"ampa": count, "nmda": 0.0}, times)["free"][0] for count in (200.0, 0.0))
    assert some > 1.4 * none


def test_a_uniform_field_polarises_a_cable_by_the_closed_form():
    assert theory.polarised_ends(1.0, 1.0, 1.0) == pytest.approx(0.462117, abs=1e-6)
    count, length, constant = 400, 600.0, 577.35
    middles = (np.arange(count) + 0.5) * length / count - length / 2
    outside = np.tile(-1e-3 * middles, (400, 1))
    v = theory.polarised(outside, 1.0, length, constant, 20.0)[-1]
    expected = 1e-3 * constant * np.sinh(middles / constant) / np.cosh(length / (2 * constant))
    np.testing.assert_allclose(v, expected, atol=1e-3 * expected[-1])  # cosines of a straight line converge as 1 / n²


def test_a_potential_that_is_the_same_everywhere_does_nothing():
    assert np.abs(theory.polarised(np.full((50, 20), 3.0), 0.1, 600.0, 500.0, 20.0)).max() < 1e-12


# -- numbers of the claims -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plan():
    skip_without_data(NAME)
    return cosim.check(NAME).plan


def test_claims_compute_with_the_numbers_of_the_file(plan):
    cleft = plan.engines["cleft"].params
    disc, glutamate = cleft.space.disc, cleft.species["glutamate"]
    assert (disc.radius, disc.height, disc.rim) == (claims.RADIUS_UM, claims.HEIGHT_UM, claims.PERMEABILITY)
    assert (glutamate.diffusion, glutamate.uptake) == (claims.DIFFUSION, claims.UPTAKE)
    assert cleft.release["vesicle"].molecules == claims.MOLECULES
    assert {name: model.count for name, model in cleft.models.items()} == claims.COUNTS
    described = {name: model.description.parameters["g"].default for name, model in cleft.models.items()}
    assert described == claims.PORE_PS
    assert plan.engines["axon"].params.spikes[0][0] == claims.SPIKE_MS
    cable = plan.engines["neighbour"].params.populations["cable"].cell
    (branch,) = cable.morphology.branches.values()
    assert np.ptp(branch.points, axis=0).max() == claims.LENGTH_UM
    assert (branch.diameter, cable.resistivity, cable.capacitance) == ([claims.DIAMETER_UM], claims.RESISTIVITY, claims.CAPACITANCE)


def test_rates_of_the_theory_are_those_of_the_models(plan):
    """Both were taken from the papers; each rate stands once in a model, with its name."""
    for name, scheme in (("ampa", theory.AMPA), ("nmda", theory.NMDA)):
        described = plan.engines["cleft"].params.models[name].description
        known = {p.default for p in described.parameters.values() if p.unit in ("1/ms", "1/(mM*ms)")}
        assert {rate for rate, _ in scheme.values()} == known


# -- what holds, and what is caught --------------------------------------------------------------------------------------------


@pytest.fixture
def running(tmp_path):
    """Runs the scenario as claims ask, with ``wrong`` settings laid over."""

    def make(**wrong):
        known = {}

        def run(settings=None):
            key = repr(settings)
            if key not in known:
                out = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
                known[key] = cosim.run(NAME, settings={**(settings or {}), **wrong}, out=out, transport="inline")
            return known[key]

        return run

    return make


def holding(found):
    """Names of claims that hold, and of those that do not."""
    found = list(found)
    return [claim.name for claim in found if claim.holds], [claim.name for claim in found if not claim.holds]


@pytest.fixture(scope="module")
def short(plan, tmp_path_factory):
    pytest.importorskip("lfpykit", reason="LFPykit is not installed")
    return cosim.run(NAME, settings={"clock.stop": "7 ms"}, out=tmp_path_factory.mktemp(NAME) / "run", transport="inline")


def test_the_cleft_obeys_its_theory(short, running):
    held, failed = holding(claims.claims_of_the_cleft(running(), short))
    assert (len(held), failed) == (8, [])


def test_receptors_obey_theirs(short, running):
    held, failed = holding(claims.claims_of_receptors(running(), short))
    assert (len(held), failed) == (7, [])


def test_currents_field_and_neighbour_obey_theirs(short, running):
    held, failed = holding([*claims.claims_of_currents(short), *claims.claims_of_the_neighbour(running(), short)])
    assert (len(held), failed) == (5, [])


def test_a_transient_shorter_than_a_window_is_not_lost_but_where_one_value_a_window_is_told(running):
    found = list(claims.claims_of_a_transient(running()))
    assert all(claim.holds for claim in found), holding(found)[1]
    means, windows, values = (claim.measured for claim in found if "open at most" in claim.name)
    assert values < 1e-6 < 0.1 < windows < 0.6 * means


def test_late_potentials_cost_what_their_delay_says(plan, running, monkeypatch):
    monkeypatch.setattr(claims, "DELAYS_US", (400, 200, 100))
    monkeypatch.setattr(claims, "find_spec", lambda name: None)
    found = list(claims.claims_of_cuts(running()))
    assert len(found) == 3
    assert all(claim.holds for claim in found), holding(found)[1]


def test_a_rim_of_another_permeability_is_caught(short, running):
    wrong = {f"{claims.CLEFT}.space.disc.rim": "0.09 um/ms"}
    _, failed = holding(claims._late(running(**wrong), short))
    assert [name.partition(":")[0] for name in failed] == ["without receptors"]


def test_a_neighbour_of_another_membrane_is_caught(short, running):
    wrong = {"engines.neighbour.params.populations.cable.cell.resistivity": "170 ohm*cm"}
    _, failed = holding(claims.claims_of_the_neighbour(running(**wrong), short))
    assert len(failed) == 1


def test_molecule_by_molecule_nothing_is_lost(tmp_path):
    chance = load_file(FOLDER / "stochastic_claims.py", "stochastic_claims.py")
    few = {**chance.FEW, f"{chance.CLEFT}.replicas": 12, chance.CELLS: 12, "clock.stop": "5 ms"}
    runs = iter(range(10))

    def run(settings=None):
        return cosim.run(
            f"{NAME}/stochastic", settings={**few, **(settings or {})}, out=tmp_path / f"{next(runs)}", transport="inline"
        )

    held, failed = holding(chance.claims(run))
    assert (len(held), failed) == (9, [])
