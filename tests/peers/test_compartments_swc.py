"""The cells of bmtk's SWC files as the engine runs them, beside NEURON's Import3d and Arbor's reader that follows its rules."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from engines.compartmental_neurons.anatomy import anatomy_of
from tests.engines.compartmental_neurons.morphology.neuron_trees import measured
from tests.engines.compartmental_neurons.theory.cell_runs import ns, one, passive, run
from tests.peers.cells_in_arbor import arbor, location, potentials

bmtk = importlib.util.find_spec("bmtk")
FILES = sorted((Path(bmtk.origin).parent / "utils/scripts/bionet/morphologies").glob("*.swc")) if bmtk and bmtk.origin else []
pytestmark = pytest.mark.skipif(not FILES, reason="bmtk is not installed")
REST, CURRENT = -65.0, 0.01  # mV, nA


def resting(file, rule):
    """Passive, 10 kohm cm² and 150 ohm cm, with a current into the middle of the soma."""
    cell = {"morphology": {"file": str(file)}, "compartments": rule, "membrane": [passive(1e4, REST)], "resistivity": 150.0,
            "potential": REST}  # fmt: skip
    into = {"i": {"kind": "drive", "to": "a", "at": {"section": 0, "at": 0.5}}}
    return one(cell, dt=ns(1000), inputs=into, record={"v": {"of": "a", "at": {"all": "all"}}})


def resistances(params):
    """(n,) Mohm from the soma to every compartment that has membrane, after 20 steps of 100 time constants; and the anatomy."""
    found = run(params, 20_000, played={"i": [CURRENT]})["v"][-1]
    return (found - REST) / CURRENT, anatomy_of(params.populations["a"].cell)


@pytest.fixture(scope="module")
def in_neuron():
    return dict(zip(FILES, measured(*({"swc": str(file), "site": [0, 0]} for file in FILES)), strict=True))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_resistances_are_those_of_neuron(file, in_neuron):
    """NEURON's own rule for counts; to the single precision of its points, of which a way to a tip has hundreds."""
    ours, anatomy = resistances(resting(file, {"d_lambda": 0.1}))
    compartments, names = anatomy.compartments, [section.name for section in anatomy.regions.morphology.sections]
    inside = np.flatnonzero(compartments.area > 0)
    found = in_neuron[file]
    assert sorted(names) == sorted(section["name"] for section in found["sections"])
    assert sum(section["length"] for section in found["sections"]) == pytest.approx(compartments.length.sum(), rel=1e-6)
    assert sum(sum(section["areas"]) for section in found["sections"]) == pytest.approx(compartments.area.sum() * 1e12, rel=1e-6)
    for section, transfer in zip(found["sections"], found["transfer"], strict=True):
        mine = np.flatnonzero(compartments.section[inside] == names.index(section["name"]))
        mine = mine[np.argsort(compartments.at[inside[mine]])]
        assert ours[mine] == pytest.approx(np.array(transfer) * 1e-6, rel=1e-5)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_resistances_are_those_of_arbor(file):
    """Compartments of up to 10 um in both, laid differently: right to (10 um / lambda)^2, 1e-3 at the thinnest tips."""
    A, U = arbor()
    tree = A.load_swc_neuron(str(file)).morphology
    ours, anatomy = resistances(resting(file, {"max_length": 10.0}))
    compartments, morphology = anatomy.compartments, anatomy.regions.morphology
    branches = [tree.branch_segments(branch) for branch in range(tree.num_branches)]
    assert sum(map(area_um2, branches)) == pytest.approx(compartments.area.sum() * 1e12, rel=1e-12)
    assert sum(map(length_um, branches)) == pytest.approx(compartments.length.sum(), rel=1e-12)
    assert len(branches) == len(morphology.sections) + 1  # of the soma both halves: trees leave its middle
    halves = [k for k, pieces in enumerate(branches) if pieces[0].tag == 1]
    longest = max(range(len(branches)), key=lambda k: distance_um(tree, branches, k))
    tip = int(np.argmax(compartments.distance))

    def painted(decor):
        decor.set_property(Vm=REST * U.mV, cm=0.01 * U.F / U.m2, rL=150 * U.Ohm * U.cm)
        decor.paint("(all)", A.density(f"pas/e={REST}", {"g": 1e-4}))
        decor.place(location((halves[0], 0.0)), A.i_clamp(0 * U.ms, 1e6 * U.ms, CURRENT * U.nA))

    found = potentials(tree, painted, A.cv_policy_max_extent(10 * U.um), [(halves[0], 0.0), (longest, 1.0)], 250, 1.0)[-1] - REST
    input_, transfer = found / CURRENT
    inside = np.flatnonzero(compartments.area > 0)
    soma = np.argmin(np.where(compartments.section == 0, compartments.distance, np.inf)[inside])
    assert ours[soma] == pytest.approx(input_, rel=1e-3)
    assert ours[np.flatnonzero(inside == tip)[0]] == pytest.approx(transfer, rel=3e-3)


def points(piece):
    return (np.array([end.x, end.y, end.z]) for end in (piece.prox, piece.dist))


def length_um(pieces):
    return sum(float(np.linalg.norm(np.subtract(*points(piece)))) for piece in pieces)


def area_um2(pieces):
    """Of cones cut off."""
    radii = [(piece.prox.radius, piece.dist.radius) for piece in pieces]
    return sum(np.pi * (a + b) * np.hypot(length_um([piece]), a - b) for piece, (a, b) in zip(pieces, radii, strict=True))


def distance_um(tree, branches, branch):
    """From the middle of the soma to the end of a branch."""
    found = 0.0
    while branch < len(branches):
        found += length_um(branches[branch])
        branch = tree.branch_parent(branch)
    return found
