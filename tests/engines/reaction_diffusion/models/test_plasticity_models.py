"""CaMKII as a switch, and weights that follow calcium."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest
from one_voxel import Voxel
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

WEIGHTS = [1, 16 / 9, 7 / 3, 284 / 105, 25 / 9, 284 / 105, 7 / 3, 16 / 9, 1]
FOLDS = (0.0932, 0.7028)
"""uM of calcium between which there are three steady states, from the equations below."""


def holoenzymes(calcium, ratio):
    """P0 to P10, uM, where every step is balanced; ``ratio``: rate of taking phosphate over rate of losing it, of a subunit."""
    part = (calcium / 4) ** 4 / (1 + (calcium / 4) ** 4)
    found = [1.0, *(10 * part * ratio ** (i + 1) * np.prod(WEIGHTS[:i]) / factorial(i + 1) for i in range(10))]
    return 20 * np.array(found) / sum(found)


def steady_states(calcium):
    """All steady states, as P0 to P10: where PP1 takes off what is taken on."""
    part = (calcium / 4) ** 4 / (1 + (calcium / 4) ** 4)
    inhibitor = 0.1 * (1 + (0.7 / calcium) ** 3)
    free = 0.05 * 0.001 / (inhibitor + 0.001)

    def surplus(logarithm):
        subunits = np.arange(11) @ holoenzymes(calcium, np.exp(logarithm))
        return 0.5 * part * (0.4 + subunits) - 2 * free * np.exp(logarithm)

    grid = np.linspace(-18, 14, 4001)
    signs = np.sign([surplus(x) for x in grid])
    return [holoenzymes(calcium, np.exp(brentq(surplus, *grid[i : i + 2]))) for i in np.flatnonzero(signs[:-1] != signs[1:])]


def with_holoenzymes(voxel, calcium, holo):
    inhibitor = 0.1 * (1 + (0.7 / calcium) ** 3)
    free = 0.05 * 0.001 / (inhibitor + 0.001)
    numbers = {f"P{i}": value for i, value in enumerate(holo)}
    return voxel.at(Ca=calcium, I1=inhibitor, PP1=free, I1PP1=0.05 - free, **numbers)


def part_after(voxel, start, duration):
    return voxel.outputs(voxel.run(duration, start=start, tolerance=1e-8)[:, 0])["part"]


def test_camkii_has_two_stable_states_at_some_calcium():
    """0.5 uM, from none and from all phosphorylated: the lowest and the highest of the steady states of the equations."""
    voxel, expected = Voxel("camkii_switch"), steady_states(0.5)
    assert len(expected) == 3
    shares = [np.arange(11) @ holo / 200 for holo in expected]
    assert part_after(voxel, voxel.at(Ca=0.5), 1e6) == pytest.approx(shares[0], rel=1e-5)
    assert part_after(voxel, voxel.at(Ca=0.5, P0=0, P10=20), 1e6) == pytest.approx(shares[2], rel=1e-6)
    assert shares[0] < 1e-4 < 0.98 < shares[2]


def test_camkii_has_one_state_where_calcium_is_high():
    voxel = Voxel("camkii_switch")
    (only,) = steady_states(1.0)
    for start in (voxel.at(Ca=1.0), voxel.at(Ca=1.0, P0=0, P10=20)):
        assert part_after(voxel, start, 1e6) == pytest.approx(np.arange(11) @ only / 200, rel=1e-6)


@pytest.mark.parametrize("calcium", [0.1, 0.3, 0.6])
def test_camkii_stands_still_in_every_steady_state(calcium):
    """Slopes of balanced steps are their rounding; the middle state is where a push decides."""
    voxel = Voxel("camkii_switch")
    low, middle, high = steady_states(calcium)
    for holo in (low, middle, high):
        start = with_holoenzymes(voxel, calcium, holo)
        assert np.abs(voxel.slopes(start)).max() < 1e-9
    real = [np.linalg.eigvals(voxel.jacobian(with_holoenzymes(voxel, calcium, holo))).real.max() for holo in (low, middle, high)]
    assert real[1] > 1e-12
    assert max(real[0], real[2]) < 0.1 * real[1]  # those that are 0 are conserved sums


def test_camkii_is_bistable_between_two_folds():
    for calcium, number in ((FOLDS[0] - 1e-3, 1), (FOLDS[0] + 1e-3, 3), (FOLDS[1] - 1e-3, 3), (FOLDS[1] + 1e-3, 1)):
        assert len(steady_states(calcium)) == number


def test_strong_calcium_switches_camkii_on_and_it_stays_on():
    """2 uM for 1000 s leave it on at 0.3 uM for 1e6 s; 0.6 uM do not."""
    voxel = Voxel("camkii_switch")
    rest = with_holoenzymes(voxel, 0.3, steady_states(0.3)[0])
    parts = {}
    for calcium in (0.6, 2.0):
        pushed = rest.copy()
        pushed[voxel.names.index("Ca")] = calcium
        pushed = voxel.run(1000.0, start=pushed, tolerance=1e-8)[:, 0]
        pushed[voxel.names.index("Ca")] = 0.3
        parts[calcium] = part_after(voxel, pushed, 1e6)
    assert parts[0.6] < 0.01
    assert parts[2.0] > 0.9


# -- Graupner and Brunel -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("calcium", "end"), [(0.5, None), (1.15, 0.0), (2.0, 321.808 / 521.808)])
def test_calcium_above_thresholds_drives_efficacy(calcium, end):
    """d rho/dt is nearly linear while calcium is high: towards 0 at 200 / tau, and to gamma_p / (gamma_p + gamma_d)."""
    voxel = Voxel("calcium_plasticity")
    last = voxel.run(20.0, start=voxel.at(Ca=calcium, rho=0.4))[voxel.names.index("rho"), 0]
    if end is None:
        assert last == pytest.approx(0.4, abs=4e-3)  # nothing but the slow drift to 0
    else:
        assert last == pytest.approx(end, abs=1e-3)


def test_efficacy_without_calcium_goes_to_the_nearer_state():
    """tau d rho/dt = -rho (1 - rho) (1/2 - rho) has the solution (rho - 1/2)^2 / (rho (1 - rho)) = (…)_0 e^(t / 2 tau)."""
    voxel = Voxel("calcium_plasticity")
    at = voxel.names.index("rho")
    for start, side in ((0.45, 0), (0.55, 1)):
        rho = voxel.run(300.0, start=voxel.at(rho=start))[at, 0]
        begin = (start - 0.5) ** 2 / (start * (1 - start))
        assert (rho - 0.5) ** 2 / (rho * (1 - rho)) == pytest.approx(begin * np.exp(300 / 300), rel=1e-7)
        assert voxel.run(6000.0, start=voxel.at(rho=start))[at, 0] == pytest.approx(side, abs=1e-6)
    assert voxel.outputs(voxel.at(rho=0.0))["weight"] == 1
    assert voxel.outputs(voxel.at(rho=1.0))["weight"] == 5


def test_pairs_depress_or_potentiate_by_their_order():
    """One pair moves rho from 1/2 by (gamma_p T_p - gamma_d T_d) / 2 tau, where T are the times above thresholds.

    A presynaptic spike adds 1 to calcium 13.7 ms late, a postsynaptic one 2, and both decay within 20 ms. In the paper post 10 ms
    after pre potentiates and post 30 ms before depresses.
    """
    voxel = Voxel("calcium_plasticity")
    grid = np.arange(0, 0.25, 1e-6)

    def change(interval):
        spikes = [(max(0, -interval) + 0.0137, 1.0), (max(0, interval), 2.0)]

        def calcium(t):
            return sum(jump * np.exp(-(t - time) / 0.02) * (t > time) for time, jump in spikes)

        def slopes(t, rho):
            return [voxel.slopes(voxel.at(Ca=calcium(t), rho=rho[0]))[voxel.names.index("rho")]]

        moved = solve_ivp(slopes, (0, 0.25), [0.5], max_step=2e-4, rtol=1e-6).y[0, -1] - 0.5
        above = [(calcium(grid) > threshold).sum() * 1e-6 for threshold in (1.3, 1.0)]
        return moved, 0.5 * (321.808 * above[0] - 200 * above[1]) / 150

    later, earlier = change(0.010), change(-0.030)
    assert later[0] > 0 > earlier[0]
    for moved, expected in (later, earlier):
        assert moved == pytest.approx(expected, rel=0.1)  # of first order in the change


# -- Shouval, Bear and Cooper ------------------------------------------------------------------------------------------


def test_the_weight_follows_omega():
    """W(t) = Omega + (W_0 - Omega) e^(-t / tau) for calcium that is held."""
    for calcium in (0.0, 0.3, 0.45, 0.7):
        voxel = Voxel("calcium_plasticity_omega")
        omega = 0.25 + 1 / (1 + np.exp(-80 * (calcium - 0.55))) - 0.25 / (1 + np.exp(-80 * (calcium - 0.35)))
        tau = 0.1 / (1e-5 + calcium**3) + 1
        last = voxel.run(7.0, start=voxel.at(Ca=calcium, W=0.6))[voxel.names.index("W"), 0]
        assert last == pytest.approx(omega + (0.6 - omega) * np.exp(-7 / tau), rel=1e-8)


def test_moderate_calcium_depresses_and_high_calcium_potentiates():
    ends = {}
    for calcium in (0.1, 0.45, 0.8):
        voxel = Voxel("calcium_plasticity_omega")
        ends[calcium] = voxel.run(100.0, start=voxel.at(Ca=calcium))[voxel.names.index("W"), 0]
    assert ends[0.1] == pytest.approx(0.25, abs=1e-6)
    assert ends[0.45] < 0.01
    assert ends[0.8] > 0.99


def test_without_calcium_the_weight_lasts_three_hours():
    voxel = Voxel("calcium_plasticity_omega")
    last = voxel.run(3600.0 * 3, start=voxel.at(W=1.0))[voxel.names.index("W"), 0]
    assert last == pytest.approx(0.25 + 0.75 * np.exp(-10800 / 10001), rel=1e-6)
