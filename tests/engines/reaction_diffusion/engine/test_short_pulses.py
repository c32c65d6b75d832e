"""A transient of a tenth of a millisecond crosses windows of one: as an integral, or as rows finer than the window."""

import numpy as np
import pytest
from reacting import alone
from scipy.integrate import solve_ivp

CLEFT = {
    "dt": 1_000,
    "space": {"disc": {"radius": 0.25, "height": 0.02, "spacing": 0.025, "rim": "absorbing"}},
    "regions": {"psd": {"ball": {"centre": (0, 0, 0), "radius": 0.1}}},
    "species": {"glutamate": {"diffusion": 0.33}},
    "release": {"vesicle": {"species": "glutamate", "at": [(0, 0, 0)], "molecules": 3000}},
    "record": {
        "end": {"value": "glutamate", "in": "psd", "over": "mean", "every": 1_000_000},
        "mean": {"value": "glutamate", "in": "psd", "over": "mean", "of": "mean", "every": 1_000_000},
        "fine": {"value": "glutamate", "in": "psd", "over": "mean", "of": "mean", "every": 10_000},
        "course": {"value": "glutamate", "in": "psd", "over": "mean", "of": "mean", "every": 1_000},
    },
}
SPIKE = [[1.3, 0]]


@pytest.fixture(scope="module")
def pulse():
    return {name: values[:, 0] for name, values in alone(CLEFT, 4, window_ms=1, spikes=SPIKE).items()}


def test_the_transient_is_short_beside_the_window(pulse):
    """Above half a millimolar for less than a tenth of the window, and gone at its end."""
    assert (pulse["course"] > 0.5).sum() * 1e-3 < 0.1
    assert pulse["course"].max() > 2
    assert pulse["end"].max() < 1e-3 * pulse["course"].max()


def test_means_over_windows_have_the_whole_integral(pulse):
    """Of a window and of a hundredth of one the same sum; both are the area under the course."""
    assert pulse["mean"].sum() * 1.0 == pytest.approx(pulse["fine"].sum() * 0.01, rel=1e-12)
    assert pulse["mean"].sum() == pytest.approx(pulse["course"].sum() * 1e-3, rel=1e-12)


def test_what_stood_at_the_ends_of_windows_would_be_nothing(pulse):
    assert pulse["end"].sum() < 1e-3 * pulse["mean"].sum()


def open_after(rows, dt_ms, stop_ms):
    """Largest open part of two-state receptors that hear rows of a concentration (mM), by an adaptive solver."""
    r, found = 0.0, []
    for concentration in rows[: round(stop_ms / dt_ms)]:
        rate = 1.1 * concentration
        end = solve_ivp(lambda t, y, a=rate: a * (1 - y) - 0.19 * y, (0, dt_ms), [r], rtol=1e-10, atol=1e-12).y[0, -1]
        r = float(end)
        found.append(r)
    return np.array(found)


def test_receptors_hear_it_through_rows_finer_than_the_window(pulse):
    """Against single steps: rows of 10 us to 0.1 %, the integral alone to some per cent; ends of windows are not heard at all."""
    exact = open_after(pulse["course"], 1e-3, 2)[-1]
    assert open_after(pulse["fine"], 1e-2, 2)[-1] == pytest.approx(exact, rel=1e-3)
    assert open_after(pulse["mean"], 1.0, 2)[-1] == pytest.approx(exact, rel=0.05)
    assert open_after(pulse["end"], 1.0, 2)[-1] < 0.01 * exact
