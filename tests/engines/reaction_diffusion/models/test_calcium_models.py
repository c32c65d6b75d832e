"""Calcium: where it rests and how it oscillates, what binds it, what lets it in and takes it out."""

from __future__ import annotations

import numpy as np
import published
import pytest
from one_voxel import AVOGADRO, Voxel
from scipy.integrate import solve_ivp


def course(voxel, duration, points, tolerance=1e-8):
    """Times and calcium, uM."""
    times = np.linspace(0, duration, points)
    return times, voxel.run(duration, times, tolerance=tolerance)[voxel.names.index("Ca")]


def periods(times, values):
    """Between the times at which values rise through the middle of their range."""
    middle = (values.max() + values.min()) / 2
    rising = np.flatnonzero((values[:-1] < middle) & (values[1:] >= middle))
    part = (middle - values[rising]) / (values[rising + 1] - values[rising])
    return np.diff(times[rising] + part * (times[1] - times[0]))


# -- stores ------------------------------------------------------------------------------------------------------------


def test_li_rinzel_rests_at_0_12312_micromolar_with_0_3_micromolar_of_ip3():
    voxel = Voxel("li_rinzel", initial={"IP3": 0.3})
    assert voxel.run(400.0, tolerance=1e-9)[voxel.names.index("Ca"), 0] == pytest.approx(0.12312, abs=5e-6)


def test_li_rinzel_oscillates_every_11_492_s_with_0_5_micromolar():
    """Between 0.1077 and 0.44456 uM, once transients have gone."""
    times, calcium = course(Voxel("li_rinzel", initial={"IP3": 0.5}), 120.0, 60001)
    late = times > 60
    assert periods(times[late], calcium[late]) == pytest.approx(11.492, abs=1e-3)
    assert calcium[late].min() == pytest.approx(0.10770, abs=1e-5)
    assert calcium[late].max() == pytest.approx(0.44456, abs=1e-5)


def test_li_rinzel_settles_with_0_7_micromolar():
    times, calcium = course(Voxel("li_rinzel", initial={"IP3": 0.7}), 1000.0, 4001)
    assert np.ptp(calcium[times > 950]) < 1e-3 * np.ptp(calcium)


def test_de_young_keizer_oscillates_every_13_055_s_with_0_5_micromolar_and_rests_with_0_3():
    times, calcium = course(Voxel("de_young_keizer", initial={"IP3": 0.5}), 120.0, 60001)
    late = times > 60
    assert periods(times[late], calcium[late]) == pytest.approx(13.055, abs=2e-3)
    quiet = Voxel("de_young_keizer", initial={"IP3": 0.3})
    assert quiet.run(400.0, tolerance=1e-9)[quiet.names.index("Ca"), 0] == pytest.approx(0.12311, abs=5e-6)


def test_de_young_keizer_with_fast_binding_is_li_rinzel():
    """IP3 and activating calcium 100 and 1000 times as fast: over a period the difference falls in proportion.

    d_4 is d_1 d_2 / d_3 to all digits, which Li and Rinzel make use of, and both start with as many subunits inactivated.
    """
    free = sum(item.initial for name, item in Voxel("de_young_keizer").described.species.items() if name in ("S000", "S010"))
    _, expected = course(Voxel("li_rinzel", initial={"IP3": 0.5, "h": free}), 11.0, 56)
    worst = []
    for speed in (100, 1000):
        rates = {"a_1": 400 * speed, "a_3": 400 * speed, "a_5": 20 * speed, "d_4": 0.13 * 1.049 / 0.9434}
        _, found = course(Voxel("de_young_keizer", initial={"IP3": 0.5}, parameters=rates), 11.0, 56)
        worst.append(np.abs(found / expected - 1).max())
    assert worst[0] < 0.02
    assert worst[1] == pytest.approx(worst[0] / 10, rel=0.1)


@pytest.mark.parametrize("model", ["li_rinzel", "de_young_keizer", "serca"])
def test_stores_start_at_rest(model):
    """Nothing moves without IP3: slopes are those of rounding the numbers of the file."""
    voxel = Voxel(model)
    assert np.abs(voxel.slopes(voxel.start)).max() < 1e-8


def test_the_cube_of_de_young_and_keizer_is_in_detailed_balance_to_0_1_per_cent():
    given = {name: item.default for name, item in Voxel("de_young_keizer").described.parameters.items()}
    assert given["d_1"] * given["d_2"] == pytest.approx(given["d_3"] * given["d_4"], rel=1e-3)


def test_calcium_of_cytosol_and_store_is_conserved():
    voxel = Voxel("li_rinzel", initial={"IP3": 0.5})
    rows = voxel.run(30.0, np.linspace(0, 30, 50), tolerance=1e-8)
    total = rows[voxel.names.index("Ca")] + rows[voxel.names.index("store")]
    np.testing.assert_allclose(total, 2.0, rtol=1e-10)


# -- buffers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["calcium_buffers", "calcium_indicator", "calbindin", "parvalbumin", "calcium_pump"])
def test_buffers_and_pumps_start_at_rest(model):
    """Slopes are those of the ten digits that initial numbers have, of fluxes of some 1000 uM/s."""
    voxel = Voxel(model)
    assert np.abs(voxel.slopes(voxel.start)).max() < 2e-5


def test_fast_buffers_dilute_calcium_1_plus_kappa_times():
    """A small step of all calcium is shared 1 : kappa; kappa from the binding curve, d(total B Ca / (K + Ca)) / d Ca."""
    voxel = Voxel("calcium_buffers")
    shown, step = voxel.outputs(voxel.start), 2e-3
    assert shown["kappa_fast"] == pytest.approx(31.8 * (524 / 247) / (524 / 247 + 0.05) ** 2, rel=1e-7)
    last = voxel.run(10.0, start=voxel.at(Ca=0.05 + step))[:, 0]
    kappa = shown["kappa_fast"] + shown["kappa_slow"]
    assert last[voxel.names.index("Ca")] - 0.05 == pytest.approx(step / (1 + kappa), rel=1e-3)
    assert kappa == pytest.approx(14.3 + 4.8, abs=0.1)


@pytest.mark.parametrize("model", ["calcium_buffers", "calcium_indicator", "calbindin", "parvalbumin"])
def test_buffered_calcium_is_conserved(model):
    voxel = Voxel(model)
    claim = voxel.described.parts.claims["Ca"]
    rows = voxel.run(0.3, np.linspace(0, 0.3, 30), voxel.at(Ca=5.0))
    total = sum(weight * rows[voxel.names.index(name)] for name, weight in claim.items())
    np.testing.assert_allclose(total, total[0], rtol=1e-10)


def test_fast_sites_of_calbindin_bind_first():
    """After a step of calcium by 20 uM: at first fast over slow sites is 43.5 : 5.5; the course is that of the equations."""
    voxel = Voxel("calbindin")
    start = voxel.at(Ca=20.0)
    early = voxel.run(2e-5, start=start)[:, 0] - voxel.start
    at = voxel.names.index
    expected = 43.5 * 75.41803818 / (5.5 * 72.34782609)
    assert early[at("CaFast")] / early[at("CaSlow")] == pytest.approx(expected, rel=0.03)
    last = voxel.run(20.0, start=start)[:, 0]
    for free, bound, K in (("fast", "CaFast", 35.8 / 43.5), ("slow", "CaSlow", 2.6 / 5.5)):
        assert last[at(bound)] / last[at(free)] == pytest.approx(last[at("Ca")] / K, rel=1e-8)


def test_parvalbumin_waits_for_magnesium_to_leave():
    """What calcium finds free is bound within 3 ms; the rest comes as magnesium leaves, at the exact course of the equations."""
    voxel = Voxel("parvalbumin", held=["Mg"])
    at = voxel.names.index
    times = [3e-3, 0.02, 0.1, 0.5]
    rows = voxel.run(0.5, times, voxel.at(Ca=10.0))
    bound = rows[at("CaPV")] - voxel.start[at("CaPV")]
    assert 0.8 * 3.14 < bound[0] < 1.3 * 3.14  # of 3.14 uM free sites
    assert bound[-1] > 2.4 * bound[0]

    def slopes(t, x):
        found = published.slopes("parvalbumin", voxel.names, x, voxel.per, {})
        found[at("Mg")] = 0.0
        return found

    expected = solve_ivp(slopes, (0, 0.5), voxel.at(Ca=10.0), "LSODA", times, rtol=1e-10, atol=1e-12).y
    np.testing.assert_allclose(rows, expected, rtol=1e-6, atol=1e-8)


# -- membrane ----------------------------------------------------------------------------------------------------------


def test_pumps_bring_calcium_to_rest():
    """From above and from below, to 0.1 uM; the flux is molecules per area."""
    for start in (0.02, 5.0):
        voxel = Voxel("calcium_pump", volume=0.1, area=1.0)
        last = voxel.run(5.0, start=voxel.at(Ca=start))[:, 0]
        assert last[voxel.names.index("Ca")] == pytest.approx(0.1, rel=1e-7)
    voxel = Voxel("calcium_pump", volume=0.1, area=1.0)
    flux = voxel.outputs(voxel.at(Ca=5.0))["flux"]
    slope = voxel.slopes(voxel.at(Ca=5.0))[voxel.names.index("Ca")]  # uM/s
    assert slope == pytest.approx(-flux * 1.0 / (AVOGADRO * 1e-6 * 0.1e-15), rel=1e-12)  # 0.1 um³ are 1e-16 l


def test_calcium_comes_to_the_rest_that_a_scenario_asks_for():
    voxel = Voxel("calcium_pump", volume=0.1, parameters={"rest": 0.07})
    assert voxel.run(5.0)[voxel.names.index("Ca"), 0] == pytest.approx(0.07, rel=1e-7)


def test_calcium_decays_by_pumps_as_that_of_the_equations():
    """From 5 uM; the equations again, with moles, litres and square micrometres."""
    voxel, times = Voxel("calcium_pump", volume=0.05, area=0.8), np.linspace(0, 0.05, 20)

    def slope(t, calcium):
        pmca = 998 * 12 * (calcium / (0.18 + calcium) - 0.1 / 0.28)  # /um²/s
        ncx = 142 * 600 * (calcium / (3 + calcium) - 0.1 / 3.1)
        return -(pmca + ncx) * 0.8 / AVOGADRO / 0.05e-15 * 1e6

    expected = solve_ivp(slope, (0, 0.05), [5.0], "LSODA", times, rtol=1e-10, atol=1e-13).y[0]
    found = voxel.run(0.05, times, voxel.at(Ca=5.0))[voxel.names.index("Ca")]
    np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_calcium_channels_open_with_the_square_of_m():
    """In the end open / all = m^2, m = alpha / (alpha + beta); half of them at -23.2 mV, as Borst and Sakmann found."""
    for V in (-60, -23.2, 0, 20):
        voxel = Voxel("vgcc", count=10, held=["Ca"], inputs={"V": V})
        alpha, beta = 1.78 * np.exp(V / 23.3), 0.14 * np.exp(-V / 15)
        m = alpha / (alpha + beta)
        assert voxel.outputs(voxel.run(1.0)[:, 0])["open"] / 10 == pytest.approx(m**2, rel=1e-7)
        if V == -23.2:
            assert m == pytest.approx(0.5, abs=1e-3)


def test_ions_that_enter_are_the_charge_of_the_current():
    """Two elementary charges an ion; 0.15 pA of one channel at -20 mV; the influx is what calcium gains."""
    voxel = Voxel("vgcc", inputs={"V": -20})
    open_one = voxel.at(C0=0, O=1)
    shown = voxel.outputs(open_one)
    assert shown["current"] == pytest.approx(-0.149, abs=5e-4)
    assert shown["current"] * 1e-12 == pytest.approx(-2 * 1.602176634e-19 * shown["flux"] * 1e3, rel=1e-12)
    at = voxel.names.index("Ca")
    assert voxel.slopes(open_one)[at] * voxel.per[at] == pytest.approx(shown["flux"] * 1e3, rel=1e-12)


def test_the_driving_force_is_smooth_at_0_millivolt():
    """u / (e^u - 1) is 1 - u / 2 there."""
    flux = []
    for V in (-1e-6, 0.0, 1e-6):
        voxel = Voxel("vgcc", inputs={"V": V})
        flux.append(voxel.outputs(voxel.at(C0=0, O=1))["flux"])
    assert flux[1] == pytest.approx(0.2e-18 * 2 * AVOGADRO * 1e-3, rel=1e-12)
    assert flux[0] > flux[1] > flux[2]
    assert flux[0] - flux[2] == pytest.approx(2e-9 * 96485.33 / (8.314463 * 310) * flux[1], rel=1e-3)
