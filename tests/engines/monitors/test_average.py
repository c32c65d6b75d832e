"""The temporal average: a plain mean over stretches, in the order of time."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from cosim.sdk import CosimError, Setup, Space, Window
from engines.equations.description import Output
from engines.neural_mass import NeuralMass
from engines.neural_mass.monitors import Taken
from engines.neural_mass.monitors.average import AverageParams

MS = 1_000_000
SIX = {"generate": {"regions": 6, "seed": 3, "density": 0.6}}
LOG = logging.getLogger("test")


def averaged(rows, every_ms, window_steps):
    """Of (steps, channels) in steps of 1 ms."""
    taken = Taken("x", Output(value="x"), Space.numbered(rows.shape[1]), 1, MS)
    monitor = AverageParams(kind="average", every=every_ms * MS).build("mean", taken, window_steps * MS, LOG)
    return np.concatenate([monitor.take(rows[k : k + window_steps]) for k in range(0, len(rows), window_steps)])


def test_a_row_is_the_mean_of_its_stretch():
    rows = np.random.default_rng(1).normal(size=(240, 5))
    found = averaged(rows, 12, 240)
    assert found.shape == (20, 5)
    assert np.allclose(found, rows.reshape(20, 12, 5).mean(axis=1), rtol=1e-13, atol=1e-15)  # another order of sums


@pytest.mark.parametrize("window_steps", [12, 24, 120])
def test_cuts_between_windows_do_not_change_a_bit(window_steps):
    rows = np.random.default_rng(1).normal(size=(240, 5))
    assert np.array_equal(averaged(rows, 12, window_steps), averaged(rows, 12, 240))


def test_an_average_of_one_step_is_the_output_itself():
    rows = np.random.default_rng(1).normal(size=(10, 3))
    assert np.array_equal(averaged(rows, 1, 10), rows)


def test_the_port_is_the_mean_of_the_output_it_names_and_has_its_unit():
    params = NeuralMass.Params(
        connectome=SIX,
        replicas=2,
        monitors={"slow": {"kind": "average", "every": 5 * MS}, "lift": {"kind": "average", "of": "v", "every": 10 * MS}},
    )
    ports = {port.name: port for port in NeuralMass.ports(params)}
    assert (ports["slow"].quantity, ports["slow"].unit, ports["slow"].of, ports["slow"].dt_ns) == (
        "firing_rate",
        "Hz",
        "mean",
        5 * MS,
    )
    assert ports["slow"].space.labels[6] == "1/l1"
    out = NeuralMass(params, Setup("brain", 20 * MS, 1)).advance(Window(0, 20 * MS), {})
    assert np.allclose(out["slow"].values, out["rate"].values.reshape(4, 50, 12).mean(axis=1), rtol=1e-13)
    assert np.allclose(out["lift"].values, out["potential"].values.reshape(2, 100, 12).mean(axis=1), rtol=1e-13)


@pytest.mark.parametrize(
    ("every", "window", "told"),
    [
        (250_000, 10 * MS, "every 250 us is not a whole number of steps of 100 us"),
        (4 * MS, 10 * MS, "a window of 10 ms is not a whole number of times every, 4 ms"),
        (20 * MS, 10 * MS, "a window of 10 ms is not a whole number of times every, 20 ms"),
    ],
)
def test_an_interval_that_does_not_fit_is_refused(every, window, told):
    params = {"connectome": SIX, "monitors": {"slow": {"kind": "average", "every": every}}}
    with pytest.raises(CosimError, match=told) as caught:
        NeuralMass(NeuralMass.Params(**params), Setup("brain", window, 1))
    assert caught.value.mend
