"""Spillover: theory against itself, its numbers against the files, claims that are cheap to hold and can fail."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

import cosim
from cosim.api import find_scenario
from cosim.claims import load_beside
from engines.reaction_diffusion.chemistry.description import read_reactions, shipped
from scenarios.spillover import claims, partner_claims, theory
from scenarios.spillover.theory import AMPA, NMDA, Block

SHORT = {"clock.stop": "6 ms"}
"""One spike; the next comes at 11 ms."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The scenario or its variant in this process; equal settings run once."""
    known = {}

    def go(name="spillover", settings=None):
        key = repr((name, settings))
        if key not in known:
            out = tmp_path_factory.mktemp("spillover") / "run"
            known[key] = cosim.run(name, settings=settings or {}, out=out, transport="inline")
        return known[key]

    return go


# -- theory -------------------------------------------------------------------------------------------------------------------


def test_a_vesicle_makes_most_at_a_micrometre_after_half_a_millisecond():
    """Three thousand molecules, D 0.76, volume fraction 0.2, tortuosity 1.6."""
    when = 1.0 / (6 * theory.EFFECTIVE)
    assert when == pytest.approx(0.5614, abs=5e-5)
    assert theory.green(1.0, np.array([when]))[0] == pytest.approx(1.83363, abs=5e-6)


@pytest.mark.parametrize("uptake", [0.0, 0.5])
def test_what_passes_by_is_the_integral_of_the_concentration(uptake):
    parts = [
        quad(lambda t: float(theory.green(0.8, np.array([t]), uptake)[0]), *span, limit=200)[0] for span in ((0, 1), (1, np.inf))
    ]
    assert sum(parts) == pytest.approx(theory.passes_by(0.8, uptake), rel=1e-6)


def test_far_walls_are_not_felt_and_near_ones_hold_nothing():
    times = np.array([0.1, 0.5, 1.0])
    place, source = (0.3, 0.4, 0.0), (0.0, 0.0, 0.0)
    np.testing.assert_allclose(Block((20.0,) * 3).concentration(place, source, times), theory.green(0.5, times), rtol=1e-9)
    on_the_wall = Block((2.0,) * 3).concentration((1.0, 0.2, 0.3), source, times)
    np.testing.assert_allclose(on_the_wall, 0.0, atol=1e-12)


def test_voxels_come_to_the_block_with_the_second_order():
    block, times = Block((3.9,) * 3), np.linspace(0.5, 2.0, 16)
    exact = block.concentration((0.6, 0.0, 0.0), (0.0, 0.0, 0.0), times)
    errors = [np.abs(block.on_grid((0.6, 0.0, 0.0), (0.0, 0.0, 0.0), times, h) - exact).max() for h in (0.3, 0.1)]
    assert np.log(errors[0] / errors[1]) / np.log(3) == pytest.approx(2, abs=0.25)


@pytest.mark.parametrize(("scheme", "model"), [(AMPA, "ampa_jonas"), (NMDA, "nmda_lester_jahr")])
def test_schemes_have_the_rates_of_the_models(scheme, model):
    described = read_reactions(shipped()[model])
    rates = [rate for edge in (*scheme.binding, *scheme.moving) for rate in edge[2:]]
    units = ("1/(mM*ms)", "1/ms")
    theirs = [item.default for item in described.parameters.values() if item.unit in units]
    used = set(rates)
    assert used == set(theirs)
    assert set(scheme.states) == set(described.species) - {"glutamate"}


def test_a_millimolar_for_a_millisecond_opens_three_fifths():
    half = np.linspace(0.0, 2.0, 2001)
    opened = AMPA.open(np.where(half < 1.0 + 1e-9, 1000.0, 0.0)[:, None], 0.002)[:, 0]
    assert opened.max() == pytest.approx(0.59486, abs=2e-4)


def test_without_transmitter_nothing_opens_and_nothing_is_lost():
    assert not NMDA.open(np.zeros((201, 1)), 0.1).any()
    still, bound = NMDA.matrices()
    np.testing.assert_allclose(still.sum(axis=0), 0.0, atol=1e-15)
    np.testing.assert_allclose(bound.sum(axis=0), 0.0, atol=1e-15)


# -- the files ----------------------------------------------------------------------------------------------------------------


def test_theory_computes_with_the_numbers_of_the_file():
    plan = cosim.check("spillover").plan
    for engine in claims.ENGINES:
        params = plan.engines[engine].params
        box, glutamate = params.space.box, params.species["glutamate"]
        assert (box.size, box.volume_fraction, box.tortuosity) == (list(theory.SIZE), theory.FRACTION, [theory.TORTUOSITY])
        assert (glutamate.diffusion, glutamate.uptake) == (theory.DIFFUSION, claims.UPTAKE)
        vesicle = params.release["vesicle"]
        assert vesicle.molecules == theory.MOLECULES
        assert vesicle.at == [claims.WEST, claims.EAST, claims.NORTH, claims.SOUTH]
        assert params.record["ampa"].at == params.record["glutamate"].at == [*claims.SILENT.values(), claims.WEST]
        synapses = len(params.regions["synapses"])
        assert {name: (item.count / synapses) for name, item in params.models.items()} == {
            name: count for name, (_, count) in claims.RECEPTORS.items()
        }
    spikes = [[time, name] for time in claims.BURST_MS for name in ("west", "east")]
    assert [list(spike) for spike in plan.engines["axons"].params.spikes] == spikes


# -- claims -------------------------------------------------------------------------------------------------------------------


def test_molecules_are_kept_and_receptors_follow_their_equations(run):
    found = [*claims._conserved(run("spillover", SHORT))]
    assert len(found) == 2
    assert all(claim.holds for claim in found), found
    for receptor in claims.RECEPTORS:
        opened, exact = claims._under_recorded(run("spillover", SHORT), "one", receptor)
        assert opened[-1, 0] > 1e-6
        np.testing.assert_allclose(opened[:, :5], exact[:, :5], atol=5e-3 * exact[:, 0].max())


def test_receptors_of_other_rates_are_caught(run):
    wrong = {f"engines.{engine}.params.models.nmda.parameters.k_open": "0.05 1/ms" for engine in claims.ENGINES}
    opened, exact = claims._under_recorded(run("spillover", {**SHORT, **wrong}), "one", "nmda")
    assert np.abs(opened - exact)[:, 0].max() > 0.05 * exact[:, 0].max()


def point(run, **wrong):
    return list(claims._point(lambda settings: run("spillover", {**settings, **wrong})))


def test_a_vesicle_is_seen_a_micrometre_away(run):
    found = point(run)
    assert len(found) == 2
    assert all(claim.holds for claim in found), found


def test_a_tissue_of_another_tortuosity_is_caught(run):
    wrong = {f"engines.{engine}.params.space.box.tortuosity": 1.7 for engine in claims.ENGINES}
    assert not all(claim.holds for claim in point(run, **wrong))


def test_windows_do_not_matter(run):
    other = {**SHORT, **{f"engines.{engine}.window": "0.2 ms" for engine in claims.ENGINES}}
    for name in ("one.glutamate", "one.nmda", "two.plane", "two.total"):
        np.testing.assert_array_equal(
            run("spillover", other).samples(name).values, run("spillover", SHORT).samples(name).values, err_msg=name
        )


def test_receptors_in_an_engine_of_their_own_take_what_they_bind(run):
    found = list(partner_claims._conserved(run("spillover/partner", {"clock.stop": "2 ms"})))
    assert len(found) == 2
    assert all(claim.holds for claim in found), found


def test_the_shorter_the_window_the_nearer_are_both(run):
    apart = []
    for window in partner_claims.WINDOWS_US[1:]:
        found = run("spillover/partner", {"clock.stop": "2 ms", **partner_claims.exchanged(window)})
        theirs, ours = (found.samples(f"{engine}.ampa").values for engine in ("whole", "receptors"))
        assert theirs.max() > 5
        apart.append(np.abs(theirs - ours).max())
    assert np.log2(apart[0] / apart[1]) == pytest.approx(1, abs=0.15)


def test_both_files_have_claims():
    assert callable(load_beside(find_scenario("spillover"), "claims.py", "claims"))
    assert callable(load_beside(find_scenario("spillover/partner"), "partner_claims.py", "claims"))
