"""Seizures from ions: the translator up, theory by other means, what the files say, and claims that can fail."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import cosim
from cosim.api import find_scenario
from cosim.claims import load_beside
from cosim.scenario.registry import find
from cosim.sdk import CosimError, Port, Samples, Space, Window
from cosim.sdk.contract import TranslatorContract
from engines.equations.quantities import number

SCENARIO = find_scenario("seizure_from_ions")
MS = 1_000_000
OpenChannels = find("translator", "./open_channels.py:OpenChannels", SCENARIO.parent)
RATE = Port("rate", "out", "samples", Space(("cells",)), quantity="firing_rate", unit="Hz", dt_ns=MS)
SHARE = Port("share", "in", "samples", Space(("cells",)), quantity="gating", unit="1", dt_ns=MS)
SHORT = {"clock.stop": "600 ms", "engines.sweep.params.replicas": 1, "engines.sweep.params.sweep": {"G": [0.38]}}


def theory(name):
    return load_beside(SCENARIO, "theory.py", name)


def of_claims(name):
    return load_beside(SCENARIO, "claims.py", name)


# -- open channels -----------------------------------------------------------------------------------------------------


class TestOpenChannels(TranslatorContract):
    translator = OpenChannels
    source, target = RATE, SHARE
    params = OpenChannels.Params(initial=0.2)
    refuses = ((SHARE, SHARE), (RATE.but(unit="kHz"), SHARE))


def opened(rates, initial=0.0, **params):
    """S at the end of every ms."""
    translator = OpenChannels(RATE, SHARE, OpenChannels.Params(initial=initial, **params))
    window = Window(0, len(rates) * MS)
    return translator.translate(Samples(window, np.asarray(rates, float)[:, None]), np.random.default_rng(1)).values[:, 0]


def test_a_steady_rate_opens_what_a_wong_wang_region_opens():
    """S = gamma tau r / (1 + gamma tau r), reached with 1/tau + gamma r."""
    found = opened(np.full(2000, 20.0), initial=0.1)
    there = 0.641 * 0.1 * 20 / (1 + 0.641 * 0.1 * 20)
    times_s = 1e-3 * np.arange(1, 2001)
    np.testing.assert_allclose(found, there + (0.1 - there) * np.exp(-times_s * (10 + 0.641 * 20)), rtol=1e-12)


def test_without_spikes_channels_close():
    np.testing.assert_allclose(opened(np.zeros(50), initial=0.5), 0.5 * np.exp(-np.arange(1, 51) / 100), rtol=1e-12)


def test_a_region_at_rest_is_told_its_own_state():
    """H at rest opens as many channels as are open at rest."""
    rest, rate_hz = theory("rest")(), theory("rate_hz")
    told = opened(np.full(3000, rate_hz(0.2609 * rest + 0.3)), initial=rest)
    np.testing.assert_allclose(told, rest, rtol=1e-12)


@pytest.mark.parametrize("rate_hz", [0.1, 1.0, 20.0])
def test_poisson_spikes_of_ten_cells_open_what_the_formula_says(rate_hz):
    """tau N r q / (1 + tau N r q), q = 1 - exp(-gamma/N), for a spike in a bin; over 300 s, and 3 sd."""
    seconds, cells = 300, 10
    counts = np.random.default_rng(5).poisson(cells * rate_hz * 1e-3, seconds * 1000)
    found = opened(counts / (cells * 1e-3))
    q = 1 - np.exp(-0.641 / cells)
    expected = 0.1 * cells * rate_hz * q / (1 + 0.1 * cells * rate_hz * q)
    means = found[1000:].reshape(-1, 1000).mean(axis=1)
    # 1 ms, over which a bin spreads its spikes, is 1 % of what S forgets in; half of that is lost to the middle of the bin
    assert found[1000:].mean() == pytest.approx(expected, abs=3 * means.std() / np.sqrt(len(means)) + 0.005 * expected)
    assert found.max() < 1


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(CosimError, match="takes a firing rate in Hz"):
        OpenChannels(SHARE, SHARE, OpenChannels.Params())


# -- theory ------------------------------------------------------------------------------------------------------------


def test_a_wong_wang_region_alone_has_one_state():
    """w = 1, I_0 = 0.3: S = 0.035681. The low state ends where 0.0961 is heard, the high one begins where 0.0759 is."""
    assert theory("rest")() == pytest.approx(0.035681, abs=5e-7)
    (low, ends), (high, begins) = theory("folds")()
    assert 0 < begins < ends
    heard_for = theory("heard_for")
    assert min(heard_for(share) for share in np.linspace(low, 0.99, 500)) == pytest.approx(begins, abs=1e-5)
    assert max(heard_for(share) for share in np.linspace(0.001, high, 500)) == pytest.approx(ends, abs=1e-5)


@pytest.mark.parametrize("bath", [7.5, 17.0])
def test_spikes_are_those_of_another_solver(bath):
    """LSODA to 1e-9, from the same start."""
    slopes, until_ms = theory("_slopes"), {7.5: 6600.0, 17.0: 130.0}[bath]

    def crossing(_, y):
        return y[0] + 20

    crossing.direction = 1
    start = [-78.0, 1 / (1 + np.exp(59 / 18)), -0.6, 0.8]
    solved = solve_ivp(
        lambda _, y: slopes(*y, bath), (0, until_ms), start, "LSODA", events=crossing, rtol=1e-9, atol=1e-11, max_step=5
    )
    found = theory("spikes_ms")(bath, until_ms)
    assert len(found) == len(solved.t_events[0]) > 3
    np.testing.assert_allclose(found, solved.t_events[0], atol=0.02)  # two steps; phases drift with the number of spikes


@pytest.fixture(scope="module")
def brain():
    return theory("brain")()


def test_a_ceiling_is_a_fixed_point_and_courses_come_to_it_from_below(brain):
    others, rate_hz = brain.others, theory("rate_hz")
    for strength in (0.2, 0.5):  # neither is close to where a state ends
        ceiling = brain.ceiling(strength, 0.69)
        heard = strength * brain.weights @ ceiling
        opening = 0.641 * 0.1 * np.array([rate_hz(0.2609 * (s + c) + 0.3) for s, c in zip(ceiling, heard, strict=True)])
        np.testing.assert_allclose(ceiling[others], (opening / (1 + opening))[others], atol=1e-12)
        course = brain.courses(strength, np.full(5000, 0.69), step_ms=1.0)
        assert (np.diff(course[:, others], axis=0) > -1e-12).all()
        np.testing.assert_allclose(course[-1, others], ceiling[others], atol=1e-3)
        assert (course[:, others] <= ceiling[others] + 1e-9).all()


def test_stronger_coupling_or_a_stronger_region_only_raises_the_ceiling(brain):
    low, stronger, more = (brain.ceiling(*case) for case in ((0.3, 0.5), (0.32, 0.5), (0.3, 0.6)))
    assert (stronger >= low).all()
    assert (more >= low).all()
    assert (stronger > low).any()


# -- what the files say ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plan():
    return cosim.check("seizure_from_ions").plan


def test_the_theory_is_of_the_brain_that_runs(plan, brain):
    for name in ("brain", "sweep"):
        params = plan.engines[name].params
        region = {key: symbol.default for key, symbol in params.description.parameters.items()} | dict(params.parameters)
        values = [
            number(region[key], unit) for key, unit in (("w", "1"), ("I_0", "nA"), ("J_N", "nA"), ("gamma", "1"), ("tau_S", "s"))
        ]
        assert values == [theory(key) for key in ("W", "I_0", "J_N", "GAMMA", "TAU_S")]
        assert params.initial == {"S": theory("START")}
    labels = plan.engines["brain"].outputs["gating"].space.labels
    assert tuple(brain.labels[k] for k in brain.others) == tuple(labels)


def test_a_cell_has_the_area_and_the_capacitance_of_the_paper(plan):
    """808.078 um2, and 0.9293 pF on it."""
    for population in plan.engines["cells"].params.populations.values():
        cell = population.cell
        (soma,) = cell.morphology.branches.values()
        area_um2 = np.pi * soma.length * np.mean(soma.diameter)
        assert area_um2 == pytest.approx(808.078, abs=1e-3)
        assert cell.capacitance * area_um2 * 1e-2 == pytest.approx(0.9293, abs=1e-4)  # 1 uF/cm2 is 0.01 pF/um2


def test_a_fibre_fires_as_often_as_opens_what_is_heard():
    """100/(gamma tau_S) a second for an inflow of 1."""
    links = cosim.load(SCENARIO).file.links
    factor = links["down"].via[0]["scale"]["factor"]
    assert factor == pytest.approx(100 / (theory("GAMMA") * theory("TAU_S")), abs=5e-5)
    assert of_claims("PER_INFLOW_HZ") == factor
    assert of_claims("SCALE") == links["up"].via[1]["scale"]["factor"]


def test_the_healthy_variant_has_one_bath():
    populations = cosim.check("seizure_from_ions/healthy").plan.engines["cells"].params.populations
    baths = {number(p.cell.membrane[0].parameters["K_bath"], "mM") for p in populations.values()}
    assert baths == {7.5}


# -- claims that can fail ----------------------------------------------------------------------------------------------


def run(tmp_path, **settings):
    return cosim.run("seizure_from_ions", settings={**SHORT, **settings}, out=tmp_path / "run", transport="inline")


def test_spikes_are_told_one_by_one(tmp_path):
    (claim,) = of_claims("_open_channels")(run(tmp_path))
    assert claim.holds
    assert claim.tolerance < 0.05


def test_a_spike_that_counts_for_more_than_is_declared_is_caught(tmp_path):
    (claim,) = of_claims("_open_channels")(run(tmp_path, **{"links.up.via.1.scale.factor": 0.056}))
    assert not claim.holds


def test_spikes_that_are_put_down_in_every_window_are_caught():
    """ceil(rate x window) spikes: at least one, and always the same number."""
    check, expected = of_claims("_poisson"), np.full(1000, 0.5)
    poisson = list(check("drawn", np.random.default_rng(2).poisson(expected), expected))
    placed = list(check("placed", np.ceil(expected).astype(int), expected))
    assert all(claim.holds for claim in poisson)
    assert not any(claim.holds for claim in placed)
