"""A cell's bits are the same whether it stands alone, side by side with seven others, or among the few that are left."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.engines.compartmental_neurons.invariance.busy_network import SYNAPSES, TREE
from tests.engines.compartmental_neurons.theory.cell_runs import neurons, ns, run

UNTIL_MS, MOST = 12.0, 17
RNG = np.random.default_rng(11)
CURRENTS = 0.15 * RNG.uniform(-1, 2, (round(UNTIL_MS / 0.5), MOST))
TIMES, CHANNELS = np.sort(RNG.uniform(0.1, UNTIL_MS, 150)), RNG.integers(0, MOST, 150)
RECORD = {
    "v": {"of": "a", "at": {"all": "all"}},
    "im": {"of": "a", "value": "membrane_current"},
    "ca": {"of": "a", "value": "ca_i", "at": {"section": "far"}},
}
PLACES = {"fast": {"section": "right", "at": 0.3}, "slow": "soma", "tired": {"section": "twig", "at": 0.9}}
"""Of synapses: none at random, for those are drawn by the number of a cell in its population."""


def population(cells, solver):
    """Those of 17 cells whose numbers are given, each with its own current and spikes."""
    size, placed = len(cells), {name: group | {"at": PLACES[name]} for name, group in SYNAPSES.items()}
    one_to_one = {"from": "x", "to": "a", "rule": "one_to_one", "weight": 0.004, "delay": ns(0.1)}
    params = neurons(
        populations={"a": {"size": size, "cell": TREE, "synapses": placed}},
        projections={name: one_to_one | {"synapses": name} for name in SYNAPSES},
        inputs={"x": {"kind": "spikes", "size": size}, "i": {"kind": "drive", "to": "a", "each": True}},
        record=RECORD,
        solver=solver,
    )
    mine = np.isin(CHANNELS, cells)
    spikes = (TIMES[mine], np.searchsorted(cells, CHANNELS[mine]))
    return run(params, UNTIL_MS, played={"i": CURRENTS[:, list(cells)], "x": spikes})


@pytest.fixture(scope="module", params=["backward_euler", "crank_nicolson"])
def solver(request):
    return request.param


@pytest.fixture(scope="module")
def alone(solver):
    """Each cell by itself, run when it is asked for."""
    return cache(lambda cell: population([cell], solver))


@pytest.mark.parametrize("size", [2, 3, 8, 9, 17])
def test_each_cell_of_a_population_has_the_bits_that_it_has_alone(size, solver, alone):
    """Of up to 17 cells the first, some in between, and the last."""
    together = population(list(range(size)), solver)
    for cell in sorted({0, 1, 2, 7, 8, 11, 16} & set(range(size))):
        assert together.times_ms(cell).tolist() == alone(cell).times_ms().tolist()
        for port in RECORD:
            width = alone(cell)[port].shape[1]
            assert together[port][:, cell * width : (cell + 1) * width].tobytes() == alone(cell)[port].tobytes(), (port, cell)
    each = np.split(together["v"], size, axis=1)
    assert len({values.tobytes() for values in each}) == size  # no two are alike
    assert len(together.spikes) > size / 2


def test_neighbours_in_a_batch_are_not_felt(solver):
    """The same cell in every lane, between cells of other numbers."""
    first = population([3, 5, 6, 9, 11, 12, 14, 16], solver)
    second = population([1, 2, 3, 4, 5, 6, 8], solver)
    width = first["v"].shape[1] // 8
    for cell, here, there in ((3, 0, 2), (5, 1, 4), (6, 2, 5)):
        a, b = (found["v"][:, at * width : (at + 1) * width] for found, at in ((first, here), (second, there)))
        assert a.tobytes() == b.tobytes(), cell
