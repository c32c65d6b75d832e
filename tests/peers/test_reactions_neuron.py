"""Concentrations beside NEURON's rxd, which takes the same voxels and is exact in time by CVODE, to 1e-10.

rxd holds one model a process and goes along with every run of it, so it has a process of its own. What is left between both is our
error in time, of second order in dt, and where voxels are not the same that in space.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

from benchmarks.reactions import concentrations, in_our_order
from benchmarks.reactions.apart import by_neuron
from benchmarks.reactions.cases import AVOGADRO_PER_MM_UM3, BLOCK, JONAS, RECEPTORS_MM, STATES, TREE, params, start_in_tree
from benchmarks.reactions.sides import last_of, rarely_told
from cosim.sdk import Setup, Window
from engines.reaction_diffusion import ReactionDiffusion

if find_spec("neuron") is None:
    pytest.skip("NEURON is not installed (extra: neuron)", allow_module_level=True)

MS = 1_000_000


def run(case, stop_ms, *arguments, start=None, **given):
    """What each record tells at the end; ``start`` replaces what is in the voxels of the first shared species, molecules."""
    stop_ns = round(stop_ms * MS)
    engine = ReactionDiffusion(rarely_told(params(case, *arguments, **given), stop_ns), Setup("molecules", stop_ns, 1))
    if start is not None:
        state = engine.save()
        state["state"][:, : len(start)] = start
        engine.load(state)
    said = engine.advance(Window(0, stop_ns), {})
    engine.close()
    return last_of(said)


def apart(ours, theirs):
    """The largest difference of each species, as a share of its largest concentration."""
    return [np.abs(mine - other).max() / other.max() for mine, other in zip(ours, map(in_our_order, theirs), strict=True)]


@pytest.mark.parametrize(("case", "species"), [("cable", 1), ("cable_buffered", 3), ("block", 1)])
def test_voxels_hold_what_those_of_rxd_hold(case, species):
    """A cylinder, one with a buffer, extracellular space of volume fraction 0.2 and tortuosity 1.6; from 1 mM in a part of it.

    Steps of 1 us, and what changes fastest has rates of some 2 /ms: errors of (2e-3)² a step's change, some 1e-8 of the whole.
    """
    theirs = by_neuron("told", case, "1")
    found = apart([np.array(values) for values in run(case, 1).values()], theirs["told"])
    assert len(found) == species
    assert max(found) < 1e-7
    assert np.ptp(theirs["told"][0]) > 0.1


def test_errors_beside_rxd_are_of_second_order_in_the_step():
    """Steps of 8 and 4 us: a fourth of the error."""
    theirs = by_neuron("told", "cable_buffered", "1")["told"]
    coarse, fine = (max(apart([np.array(v) for v in run("cable_buffered", 1, dt=dt).values()], theirs)) for dt in ("8 us", "4 us"))
    assert 3.5 < coarse / fine < 4.5


def test_a_tree_is_that_of_rxd_to_second_order_in_its_voxels():
    """Tapering and branching, with a buffer.

    rxd's voxels end at a fork, whose own concentration follows from them; ours have a voxel there. rxd takes the cross-section
    between two voxels, and we the resistance from one middle to the next. So voxels of half the length leave a fourth of the
    difference, in concentrations along all branches.
    """
    differences = []
    for pieces in (2, 4):
        theirs = by_neuron("told", "tree", "100", str(pieces))
        mesh = params("tree", pieces).space.mesh()
        mine = profile(mesh, pieces)
        other = their_profile(theirs)
        assert other["left"].max() > 0.1 * other["trunk"].max()
        differences.append(max(np.abs(mine[name] - other[name]).max() / other["trunk"].max() for name in TREE))
    assert differences[1] < 1e-4
    assert 3 < differences[0] / differences[1] < 5


PROBES = np.linspace(0.2, 0.8, 7)


def profile(mesh, pieces):
    """Concentration at places of every branch."""
    compartments = mesh.regions.compartments
    section, at = compartments.section, compartments.at
    start = np.where(section == 0, start_in_tree(at * TREE["trunk"]["length"]), 0.0) * mesh.volumes * AVOGADRO_PER_MM_UM3
    told = run("tree", 100, pieces, start=start, dt="20 us")
    return {
        name: CubicSpline(at[section == number], np.array(told["free"])[section == number])(PROBES)
        for number, name in enumerate(TREE)
    }


def their_profile(theirs):
    found = {}
    for name in TREE:
        mine = [number for number, (section, _) in enumerate(theirs["places"]) if section == name]
        found[name] = CubicSpline([theirs["places"][k][1] for k in mine], [theirs["told"][0][k] for k in mine])(PROBES)
    return found


def test_receptors_are_those_of_rxd():
    """Seven states, from 1 mM; 1e-6 is our tolerance of reactions, and some 1e-7 what is left of CVODE's."""
    theirs = by_neuron("told", "receptors", "5")["told"]
    found = apart(concentrations(run("receptors", 5), 1.0), theirs)
    assert len(found) == 8
    assert max(found) < 1e-6


def test_receptors_in_tissue_are_nearer_to_the_exact_solution_than_those_of_rxd():
    """880 voxels, 50 us after 1 mM in their middle; shares of all receptors.

    NEURON 9.0.2 takes reactions outside cells in steps that its CVODE does not control: it errs by 1e-4 of all receptors.
    """
    exact, ours = exact_block(0.05), concentrations(run("block_receptors", 0.05))
    theirs = by_neuron("told", "block_receptors", "0.05")["told"]
    scales = [1.0, *[RECEPTORS_MM] * len(STATES)]
    for reference, mine, other, scale in zip(exact, ours, map(in_our_order, theirs), scales, strict=True):
        assert np.abs(mine - reference).max() < 1e-6 * scale
        assert np.abs(other - reference).max() < 3e-4 * scale
    assert max(exact[4]) > 5e-3 * RECEPTORS_MM


def exact_block(stop_ms):
    """The same voxels by an explicit method of eighth order."""
    names, shape = ("free", *STATES), tuple(map(int, BLOCK[::-1]))

    def slopes(_, flat):
        y = dict(zip(names, flat.reshape(len(names), *shape), strict=True))
        change = {name: np.zeros(shape) for name in names}
        for axis in range(3):
            flow = 0.76 / 1.6**2 * np.diff(y["free"], axis=axis)
            before, after = ([(0, 0)] * axis + [pad] + [(0, 0)] * (2 - axis) for pad in ((0, 1), (1, 0)))
            change["free"] += np.pad(flow, before) - np.pad(flow, after)
        for number, (one, other, forward, back) in enumerate(JONAS):
            rate = forward * y[one] * (y["free"] if number < 3 else 1.0) - back * y[other]
            change[one] -= rate
            change[other] += rate
            if number < 3:
                change["free"] -= rate
        return np.concatenate([change[name].ravel() for name in names])

    start = np.zeros((len(names), *shape))
    start[0, 4:7, 4:6, 3:5], start[1] = 1.0, RECEPTORS_MM
    found = solve_ivp(slopes, (0, stop_ms), start.ravel(), method="DOP853", rtol=1e-9, atol=1e-15)
    return found.y[:, -1].reshape(len(names), -1)
