"""Exponentials of many small matrices: closed forms, SciPy, units of any size, and the same bits in any company."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from engines.point_neurons.kernels.exponential import exponentials

TAU_M, TAU_S, C_M = 10e-3, 2e-3, 250e-12  # s, s, F


def membrane(dt_s: float) -> np.ndarray:
    """V, i and a held current, in SI units: entries from 1e-2 to 4e5."""
    return dt_s * np.array([[-1 / TAU_M, 1 / C_M, 1 / C_M], [0.0, -1 / TAU_S, 0.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize("dt_s", [1e-6, 1e-4, 1e-3, 0.02])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_entries_are_those_of_the_closed_form_whatever_their_units(dt_s: float, order: tuple[int, ...]) -> None:
    """To some last bits of each entry: squarings double the 1e-16 of a step of tau/4 at most log2(10/(1/4)) times."""
    m, s = np.exp(-dt_s / TAU_M), np.exp(-dt_s / TAU_S)
    synaptic = s * np.expm1(dt_s * (1 / TAU_S - 1 / TAU_M)) / (C_M * (1 / TAU_S - 1 / TAU_M))
    exact = np.array([[m, synaptic, -TAU_M / C_M * np.expm1(-dt_s / TAU_M)], [0.0, s, 0.0], [0.0, 0.0, 1.0]])
    at = np.ix_(order, order)
    assert exponentials(membrane(dt_s)[at]) == pytest.approx(exact[at], rel=1e-14, abs=0.0)


def test_random_matrices_are_those_of_scipy() -> None:
    rng = np.random.default_rng(1)
    matrices = rng.normal(size=(200, 6, 6)) * rng.choice([0.01, 0.3, 3.0], (200, 1, 1))
    for mine, theirs in zip(exponentials(matrices), expm(matrices), strict=True):
        assert np.abs(mine - theirs).max() < 1e-12 * np.abs(theirs).max()


def test_coupled_states_of_unlike_units_keep_their_digits() -> None:
    """A potential and an adaptation current, which act on each other: the same numbers in mV and pA, entry by entry."""
    matrix = 1e-3 * np.array([[-1 / TAU_M, -1 / C_M], [4e-9 / 0.144, -1 / 0.144]])
    units = np.array([1e-3, 1e-12])
    natural = expm(matrix * units / units[:, None]) / units * units[:, None]
    assert exponentials(matrix) == pytest.approx(natural, rel=1e-14, abs=0.0)


def test_a_matrix_has_the_same_bits_alone_and_among_others() -> None:
    """However stiff and of whatever shape these are: twice as many as are worked at at once."""
    rng = np.random.default_rng(2)
    scale, holes = 10.0 ** rng.uniform(-6, 6, (20_000, 1, 5)), rng.random((20_000, 5, 5)) < 0.5
    matrices = rng.normal(size=(20_000, 5, 5)) * np.where(holes, 0.0, scale * 0.3 / np.swapaxes(scale, 1, 2))
    together = exponentials(matrices)
    for k in range(0, 20_000, 997):
        assert np.array_equal(together[k], exponentials(matrices[k]))
        assert np.array_equal(together[k : k + 2], exponentials(matrices[k : k + 2]))


def test_nothing_makes_the_identity() -> None:
    assert np.array_equal(exponentials(np.zeros((2, 3, 4, 4))), np.broadcast_to(np.eye(4), (2, 3, 4, 4)))


def test_the_input_is_not_written() -> None:
    matrix = membrane(1e-4)
    matrix.flags.writeable = False
    assert np.isfinite(exponentials(matrix)).all()
