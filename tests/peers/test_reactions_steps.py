"""Molecules beside STEPS: the same means and variances over many runs, within sampling error, at fixed seeds.

STEPS runs in the Python that has it: this one, that of the environment ``steps`` or that of ``make test-steps``.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from benchmarks.reactions.apart import by_steps, steps_python
from benchmarks.reactions.cases import AVOGADRO_PER_MM_UM3, STATES, params
from cosim.sdk import Setup, Window
from engines.reaction_diffusion import ReactionDiffusion

if steps_python() is None:
    pytest.skip("STEPS is not installed (extra: steps; or make test-steps)", allow_module_level=True)

MS = 1_000_000
FAR = 4.5
"""Standard errors: less than one chance in a thousand that one of a hundred numbers is as far."""


def runs(case, stop_ms, count, **given):
    """(runs, columns) at the end: what each record tells, in its order."""
    engine = ReactionDiffusion(params(case, replicas=count, **given), Setup("molecules", stop_ms * MS // 1000, 1))
    said = engine.advance(Window(0, stop_ms * MS // 1000), {})
    engine.close()
    return np.stack([payload.values[-1] for payload in said.values()], axis=1)


def alike(ours, theirs):
    """Means, and variances by their own standard errors, (m_4 - s⁴) / n, of columns that are not the same in nearly all runs."""
    count = len(ours) + len(theirs)
    both = np.concatenate([ours - ours.mean(axis=0), theirs - theirs.mean(axis=0)])
    variance, fourth = (both**2).mean(axis=0), (both**4).mean(axis=0)
    pieces = 1 / len(ours) + 1 / len(theirs)
    means = np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) / np.sqrt(variance * pieces)
    spread = np.abs(ours.var(axis=0, ddof=1) - theirs.var(axis=0, ddof=1)) / np.sqrt((fourth - variance**2) * pieces)
    varies = variance > 20 / count
    assert varies.sum() >= (len(varies) + 1) // 2
    return means[varies].max() < FAR and spread[varies].max() < FAR


def molecules(concentration, volume_um3):
    """Whole numbers of molecules from mM."""
    found = concentration * AVOGADRO_PER_MM_UM3 * volume_um3
    assert np.abs(found - np.round(found)).max() < 1e-6
    return np.round(found)


def by_theirs(case, count, seed=1):
    return np.array(by_steps("counts", case, str(count), str(seed))["counts"], float)


def test_birth_and_death_are_those_of_steps():
    """Case 1 of the stochastic suite of SBML; what is known of its mean and variance is held elsewhere."""
    ours, theirs = runs("birth_death", 50_000_000, 2000), by_theirs("birth_death", 2000)
    assert alike(ours, theirs)
    assert not alike(1.1 * ours, theirs)


def test_receptors_in_a_well_mixed_cleft_are_those_of_steps():
    """Wmdirect: 4,000 glutamate and 80 receptors of seven states after 1 ms; free glutamate, and receptors in each state."""
    ours, theirs = runs("well_mixed", 1000, 2000), by_theirs("well_mixed", 2000)
    ours[:, 0] = molecules(ours[:, 0], 3.2e-3)
    assert ours.shape == theirs.shape
    assert np.all(ours[:, 1:].sum(axis=1) == 80)
    assert alike(ours, theirs)


def test_molecules_diffuse_as_in_the_tetrahedra_of_steps():
    """Tetexact: from one end of a box of ten cubes for 1.5 ms; each pair of cubes has a binomial number of the 300 molecules.

    What is exact is the exponential of the matrix of ten voxels. Tetrahedra of the same cubes have the slowest mode of the box.
    """
    ours, theirs = molecules(runs("box", 1500, 2000), 2e-3), by_theirs("box", 150)
    assert np.all(ours.sum(axis=1) == 300)
    assert np.all(theirs.sum(axis=1) == 300)
    assert alike(ours, theirs)
    hops = np.diag(np.ones(9), 1) + np.diag(np.ones(9), -1)
    share = expm((hops - np.diag(hops.sum(axis=0))) * 0.1 / 0.1**2 * 1.5)[:, 0].reshape(5, 2).sum(axis=1)
    for counts in (ours, theirs):
        error = np.sqrt(300 * share * (1 - share) / len(counts))
        assert np.abs((counts.mean(axis=0) - 300 * share) / error).max() < FAR


def test_receptors_open_in_a_cleft_as_in_the_tetrahedra_of_steps():
    """Tetexact: 800 glutamate released in one cube of 20 nm, 40 receptors around; after 0.1 ms.

    In STEPS a receptor binds what is in the tetrahedron above it, in ours what is in the cube, six times as much as thin.
    """
    ours, theirs = runs("small_cleft", 100, 1000)[:, 1:], by_theirs("small_cleft", 50)[:, 1:]
    assert ours.shape[1] == theirs.shape[1] == len(STATES)
    assert np.all(ours.sum(axis=1) == 40)
    assert 4 < ours[:, STATES.index("O")].mean() < 30
    assert alike(ours, theirs)
