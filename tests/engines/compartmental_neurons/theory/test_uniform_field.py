"""A potential outside polarises a cell: alone through what it drives along the cell, and so only where it is not straight.

The potential inside is V + phi, and V is the membrane's own; a field E = -d phi/dx turns a sealed cable's ends by
+-E lambda tanh(L / 2 lambda) (Tranchina and Nicholson 1986, Biophysical Journal 50, 1139-1156; Plonsey and Barr 2007).
"""

from __future__ import annotations

import numpy as np
import pytest

from engines.compartmental_neurons.anatomy import anatomy_of
from tests.engines.compartmental_neurons.theory.cell_runs import branched, cable, neurons, ns, one, passive, ports_of, run

LENGTH = 1000.0  # um, and so long is lambda: sqrt(4 um / 4 * 10 kohm cm² / 100 ohm cm)
FIELD = 1.0  # mV/mm
REST = -65.0
OUTSIDE = {"phi": {"kind": "field", "to": "a"}}
EVERYWHERE = {"of": "a", "at": {"all": "all"}}
CURRENTS = {"of": "a", "value": "membrane_current"}


def straight(count, dt_ms=1000.0, **given):
    cell = cable(LENGTH, 4.0, count, [passive(10e3, REST)], resistivity=100.0, potential=REST)
    return one(cell, dt=ns(dt_ms), inputs=OUTSIDE, **{"record": {"v": EVERYWHERE, "i": CURRENTS}} | given)


def along(params, field_mv_mm, axis=0):
    """(1, compartments) mV of a uniform field along x, y or z, held; the middle of each compartment counts."""
    return -field_mv_mm * 1e-3 * ports_of(params)["phi"].space.positions[None, :, axis]


def test_a_uniform_field_turns_the_ends_of_a_sealed_cable():
    """To order dx^2 inside; the ends, half a compartment on, by the exact solution."""
    errors = []
    for count in (25, 50, 100):
        params = straight(count)
        found = run(params, 20_000, played={"phi": along(params, FIELD)})["v"][-1] - REST
        x = (np.arange(count) + 0.5) / count - 0.5  # of lambda, from the middle
        expected = FIELD * np.sinh(x) / np.cosh(0.5)
        errors.append(np.abs(found - expected).max())
    ends = found[[0, -1]] * np.sinh(0.5) / np.sinh(x[-1])
    assert np.divide(errors[:-1], errors[1:]) == pytest.approx([4.0, 4.0], rel=0.05)
    assert ends == pytest.approx([-0.462117, 0.462117], abs=1e-5)  # mV; FIELD lambda tanh(1/2)


def test_a_field_across_the_cable_and_a_potential_that_is_the_same_everywhere_do_nothing():
    params = straight(20)
    count = len(ports_of(params)["phi"].space)
    for phi in (along(params, FIELD, axis=1), np.full((1, count), 70.0)):
        assert np.abs(run(params, 5_000, played={"phi": phi})["v"] - REST).max() < 1e-10


def test_fields_add_up_and_turn_with_their_sign():
    params = straight(20, 0.1)
    once, twice, back = (run(params, 10, played={"phi": along(params, size)})["v"] - REST for size in (1.0, 2.0, -1.0))
    assert np.abs(once).max() > 0.05
    assert twice == pytest.approx(2 * once, abs=1e-10)
    assert back == pytest.approx(-once, abs=1e-10)


@pytest.mark.parametrize("solver", ["backward_euler", "crank_nicolson"])
def test_a_field_brings_no_current_into_a_cell_whatever_its_shape(solver):
    """A tree that tapers and forks, with channels, under a field that comes, grows and turns: rounding of nA, of 400 steps."""
    params = one(branched(), solver=solver, inputs=OUTSIDE, record={"v": EVERYWHERE, "i": CURRENTS})
    phi = along(params, 40.0) * np.sin(np.arange(400) * 0.05)[:, None]
    phi[200:] *= -1.0
    found = run(params, 10, played={"phi": phi})
    assert np.ptp(found["v"]) > 3.0
    assert np.abs(found["i"]).max() > 1e-2
    assert np.abs(found["i"].sum(axis=1)).max() < 2e-12


def test_a_tree_in_a_field_is_the_circuit_of_its_compartments():
    """Capacitors held by leaks, axial conductances driven by V + phi: the steady state solved at once."""
    params = one(
        branched(membrane=[passive(5e3, REST)], potential=REST),
        dt=ns(1000),
        inputs=OUTSIDE,
        record={"v": EVERYWHERE, "i": CURRENTS},
    )
    phi = along(params, 10.0)
    found = run(params, 20_000, played={"phi": phi})
    compartments = anatomy_of(params.populations["a"].cell).compartments
    axial = np.zeros((compartments.count, compartments.count))
    for node, parent in enumerate(compartments.parent):
        if parent >= 0:
            g = compartments.conductance[node]
            axial[[node, parent], [node, parent]] += g
            axial[[node, parent], [parent, node]] -= g
    leak = compartments.area / 0.5  # 5 kohm cm² are 0.5 ohm m²
    expected = np.linalg.solve(axial + np.diag(leak), -axial @ phi[0])
    inside = compartments.area > 0
    assert np.abs(expected).max() > 0.2
    assert found["v"][-1] - REST == pytest.approx(expected[inside], abs=1e-9)
    assert found["i"][-1] == pytest.approx((leak * expected * 1e6)[inside], abs=1e-9)


def test_two_cells_stand_in_fields_of_their_own():
    cell = cable(LENGTH, 4.0, 10, [passive(10e3, REST)], resistivity=100.0, potential=REST)
    params = neurons(populations={"a": {"size": 2, "cell": cell}}, dt=ns(0.1), inputs=OUTSIDE, record={"v": EVERYWHERE})
    phi = along(params, FIELD)
    phi[:, 10:] *= 3.0
    found = run(params, 20, played={"phi": phi})["v"] - REST
    assert np.abs(found[:, :10]).max() > 0.1
    assert found[:, 10:] == pytest.approx(3 * found[:, :10], abs=1e-10)
