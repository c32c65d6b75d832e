"""Birth, death, pairs and enzymes against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from one_voxel import Voxel
from scipy.special import lambertw


def test_births_and_deaths_grow_or_decay_as_an_exponential():
    """100 e^((0.1 - 0.11) t): 60.6531 after 50 s, the mean of the SBML suite's first stochastic case."""
    voxel = Voxel("birth_death")
    assert voxel.run(50.0)[0, 0] == pytest.approx(100 * np.exp(-0.5), rel=1e-9) == pytest.approx(60.6531, abs=5e-5)


def test_immigrants_come_to_their_mean():
    voxel = Voxel("immigration_death")
    assert voxel.run(7.0)[0, 0] == pytest.approx(10 * (1 - np.exp(-0.7)), rel=1e-9)


def test_pairs_form_as_the_riccati_equation_says():
    """dA/dt = -2 k A^2 + 2 q (100 - A) / 2, with roots a > 0 > b of its right side: (A - a) / (A - b) decays at 2 k (a - b)."""
    voxel, k, q = Voxel("dimerisation"), 0.0005, 0.01
    b, a = np.sort(np.roots([-2 * k, -q, 100 * q]))
    for time in (3.0, 30.0):
        share = (100 - a) / (100 - b) * np.exp(-2 * k * (a - b) * time)
        assert voxel.run(time)[voxel.names.index("A"), 0] == pytest.approx((a - b * share) / (1 - share), rel=1e-8)


def test_michaelis_and_menten_follow_the_function_of_lambert():
    voxel = Voxel("michaelis_menten")
    for time in (2.0, 8.0, 20.0):
        expected = 2 * lambertw(10 / 2 * np.exp((10 - 10 * 0.1 * time) / 2)).real
        assert voxel.run(time)[voxel.names.index("S"), 0] == pytest.approx(expected, rel=1e-8, abs=1e-10)


def test_an_enzyme_that_is_scarce_works_at_the_rate_of_michaelis_and_menten():
    """The difference falls in proportion to the enzyme: ES of order E is not free substrate."""
    difference = []
    for total in (0.1, 0.01):
        enzyme = Voxel("enzyme", initial={"E": total})
        simple = Voxel("michaelis_menten", initial={"E": total})
        duration = 0.8 / total
        made = [voxel.run(duration)[voxel.names.index("P"), 0] for voxel in (enzyme, simple)]
        difference.append(abs(made[0] - made[1]))
    assert difference[0] < 0.02 * 8
    assert difference[1] == pytest.approx(difference[0] / 10, rel=0.1)
