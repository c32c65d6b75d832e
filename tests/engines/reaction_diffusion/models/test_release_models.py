"""Vesicles: pools that Tsodyks and Markram have as their limit, and a sensor of five calcium ions."""

from __future__ import annotations

import numpy as np
import published
import pytest
from one_voxel import Voxel
from scipy.integrate import solve_ivp


@pytest.mark.parametrize("rate", [2.0, 10.0, 40.0])
def test_pools_that_come_back_at_once_are_tsodyks_and_markram(rate):
    """Steady: u+ = U (1 + r tau_f) / (1 + U r tau_f), docked part 1 / (1 + u+ r tau_r); the reserve stays full."""
    U, recovery, facilitation = 0.2, 0.3, 0.5
    voxel = Voxel(
        "vesicle_pools", count=1,
        inputs={"rate": rate},
        parameters={"U": U, "tau_recovery": recovery * 1e3, "tau_facilitation": facilitation * 1e3, "tau_recycling": 1e-6},
    )  # fmt: skip
    last = dict(zip(voxel.names, voxel.run(30.0)[:, 0], strict=True))
    used = U * (1 + rate * facilitation) / (1 + U * rate * facilitation)
    assert last["docked"] == pytest.approx(1 / (1 + used * rate * recovery), rel=1e-5)  # of 1e-6 / 0.3 on their way
    assert last["u"] + U * (1 - last["u"]) == pytest.approx(used, rel=1e-8)


def test_a_train_empties_the_reserve_slower_than_the_sites():
    """40 Hz for 10 s: docked vesicles fall within 0.1 s, the reserve after seconds; nothing is lost; the equations agree."""
    voxel, times = Voxel("vesicle_pools", count=10, inputs={"rate": 40.0}), [0.1, 1.0, 10.0, 200.0]
    rows = dict(zip(voxel.names, voxel.run(200.0, times), strict=True))
    assert rows["docked"][0] < 0.25 * 10
    assert rows["reserve"][0] > 95 > 60 > rows["reserve"][2]
    np.testing.assert_allclose(rows["docked"] + rows["reserve"] + rows["fused"], 110, rtol=1e-10)
    expected = solve_ivp(
        lambda t, x: published.slopes("vesicle_pools", voxel.names, x, voxel.per, {"rate": 40.0}),
        (0, 200), voxel.start, "LSODA", times, rtol=1e-10, atol=1e-10,
    ).y  # fmt: skip
    np.testing.assert_allclose([rows[name] for name in voxel.names], expected, rtol=1e-6)


def test_nothing_is_released_without_spikes():
    voxel = Voxel("vesicle_pools")
    assert np.abs(voxel.slopes(voxel.start)).max() == 0


def release_rate(calcium):
    """1/s of a vesicle, while few are released, with calcium held: quasi-steady after 5 ms."""
    voxel = Voxel("vesicle_fusion", held=["Ca"], count=1, parameters={"tau_refill": 1e9})
    last = voxel.run(5e-3, start=voxel.at(Ca=calcium))[:, 0]
    return voxel.outputs(last)["released"] / voxel.outputs(last)["docked"]


def test_release_rises_with_nearly_the_fifth_power_of_little_calcium():
    """Slope of logarithms; at 0.05 uM sites are bound one after the other, at 10 uM fewer are free."""
    slopes = [np.log(release_rate(c * 1.01) / release_rate(c)) / np.log(1.01) for c in (0.05, 2.0, 10.0)]
    assert slopes[0] == pytest.approx(5, abs=0.02)
    assert slopes[0] > slopes[1] > slopes[2] > 2


def test_release_without_fusion_is_the_equilibrium_of_five_sites():
    """No fusion: V_k / V_0 = binomial(5, k) (Ca k_on / k_off)^k b^-(k (k - 1) / 2)."""
    voxel = Voxel("vesicle_fusion", held=["Ca"], parameters={"gamma": 0.0})
    last = dict(zip(voxel.names, voxel.run(1.0, start=voxel.at(Ca=12.0))[:, 0], strict=True))
    for k, ways in enumerate((1, 5, 10, 10, 5, 1)):
        expected = ways * (12 * 90 / 9500) ** k * 0.25 ** (-k * (k - 1) / 2)
        assert last[f"V{k}"] / last["V0"] == pytest.approx(expected, rel=1e-7)


def test_much_calcium_empties_all_sites_within_half_a_millisecond():
    voxel = Voxel("vesicle_fusion", held=["Ca"], count=5)
    last = voxel.run(5e-4, start=voxel.at(Ca=500.0))[:, 0]
    assert last[voxel.names.index("fused")] > 0.8 * 5


def test_sensors_give_calcium_back():
    """20 sites in 0.001 um³: what is bound and free stays the same to 1e-10."""
    voxel = Voxel("vesicle_fusion", volume=0.001, count=20)
    weights, free = voxel.chemistry.bound("m.Ca"), voxel.names.index("Ca")
    rows = voxel.run(0.02, np.linspace(0, 0.02, 20), voxel.at(Ca=200.0))
    np.testing.assert_allclose(voxel.per[free] * rows[free] + weights @ rows, 200.0 * voxel.per[free], rtol=1e-10)
    assert rows[voxel.names.index("fused"), -1] > 10
