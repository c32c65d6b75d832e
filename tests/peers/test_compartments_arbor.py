"""Neurons with branches beside Arbor.

Both take backward Euler's steps of one tree; Arbor takes the exponentials of its gates by a quotient, (1 + x/2) / (1 - x/2), so
that what is left between both falls with the square of the step.
"""

from __future__ import annotations

import numpy as np
import pytest

from engines.compartmental_neurons.anatomy import anatomy_of
from tests.engines.compartmental_neurons.theory.cell_runs import branched, ns, one, run
from tests.peers.cells_in_arbor import arbor, joined, location, potentials

BRANCH_UM = (138.0, 90.0, 150.0, 60.0, 70.0, 200.0)
"""Of Arbor's: what nothing leaves is one branch, so that the soma and the trunk are the first."""
PIECES = {
    "soma": (0, 0.0, 18.0, 1), "trunk": (0, 18.0, 120.0, 5), "left": (1, 0.0, 90.0, 3), "right": (2, 0.0, 150.0, 5),
    "twig": (3, 0.0, 60.0, 3), "far": (4, 0.0, 70.0, 3), "axon": (5, 0.0, 200.0, 7),
}  # fmt: skip
"""Of a section its branch, where it starts on it and its length in um, compartments."""


def forked():
    """``branched``, whose twig leaves where a branch ends: Arbor's forks are between segments."""
    given = branched()
    shape = given["morphology"]["branches"]
    changed = {"trunk": shape["trunk"] | {"diameter": 3.0}, "twig": {k: v for k, v in shape["twig"].items() if k != "at"}}
    return given | {"morphology": {"branches": shape | changed}}


def in_arbor(A):
    """The same tree, laid out at right angles."""
    tree, at = A.segment_tree(), lambda x, y, diameter: A.mpoint(x, y, 0.0, diameter / 2)
    soma = tree.append(A.mnpos, at(0, 0, 16), at(18, 0, 16), 1)
    trunk = tree.append(soma, at(18, 0, 3), at(138, 0, 3), 3)
    tree.append(trunk, at(138, 0, 1.5), at(138, 90, 1.5), 3)
    right = tree.append(trunk, at(138, 0, 1.2), at(138, -150, 1.2), 3)
    tree.append(right, at(138, -150, 0.8), at(138, -210, 0.8), 3)
    tree.append(right, at(138, -150, 0.9), at(208, -150, 0.9), 3)
    tree.append(A.mnpos, at(0, 0, 1), at(-200, 0, 1), 2)
    return A.morphology(tree)


def places(name, parts):
    branch, start, length, count = PIECES[name]
    return [(branch, min((start + length * part / count) / BRANCH_UM[branch], 1.0)) for part in parts(count)]


def test_a_spiking_tree_of_the_same_compartments():
    A, U = arbor()
    ends = sorted({place for name in PIECES for place in places(name, lambda count: range(count + 1))})
    centres = [place for name in PIECES for place in places(name, lambda count: np.arange(count) + 0.5)]

    def painted(decor):
        decor.set_property(Vm=-65 * U.mV, cm=0.011 * U.F / U.m2, rL=120 * U.Ohm * U.cm, tempK=279.45 * U.Kelvin)
        decor.set_ion("na", rev_pot=50 * U.mV)
        decor.set_ion("k", rev_pot=-77 * U.mV)
        decor.paint("(join (tag 1) (tag 2))", A.density("hh"))
        decor.paint("(tag 3)", A.density("pas/e=-66", {"g": 1 / 5e3}))
        decor.place(location(centres[0]), A.i_clamp(1 * U.ms, 3 * U.ms, 0.8 * U.nA))

    policy = A.cv_policy_explicit(joined([location(end) for end in ends]))
    kick = {"pulses": {"kick": {"current": 0.8, "start": ns(1), "stop": ns(4)}}}
    gaps = []
    for dt_ms in (0.025, 0.005):
        params = one(forked(), dt=ns(dt_ms), population=kick, record={"v": {"of": "a", "at": {"all": "all"}}})
        ours = run(params, 12)["v"][:, in_order(params)]
        theirs = potentials(in_arbor(A), painted, policy, centres, 12, dt_ms)
        assert np.ptp(theirs[:, 0]) > 80
        gaps.append(np.abs(ours - theirs).max())
    assert gaps[0] < 0.1
    assert gaps[0] / gaps[1] == pytest.approx(25.0, rel=0.15)


def in_order(params):
    """Of our compartments that have membrane, those of each section of PIECES in turn, from its start on."""
    compartments = anatomy_of(params.populations["a"].cell).compartments
    sections = [section.name for section in anatomy_of(params.populations["a"].cell).regions.morphology.sections]
    inside = np.flatnonzero(compartments.area > 0)
    rank = [list(PIECES).index(sections[k]) for k in compartments.section[inside]]
    return np.lexsort((compartments.at[inside], rank))
