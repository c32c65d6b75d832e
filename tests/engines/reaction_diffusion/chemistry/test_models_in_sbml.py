"""Models that are SBML files."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from small_chemistry import Interpreted, model_of, placed
from written_sbml import apply, mathml, parameter, reaction, sbml, species, symbol, times

from cosim.sdk import CosimError
from cosim.sdk.errors import ScenarioError
from engines.reaction_diffusion.chemistry.chemistry import Chemistry
from engines.reaction_diffusion.chemistry.measures import AVOGADRO, measures_of

pytest.importorskip("libsbml", reason="python-libsbml is not installed")

VOXEL = measures_of(5e-19, 0.0)
MOL = VOXEL[4]


def read(text):
    return model_of(text, "model.xml")


def run_of(description, **values):
    return Interpreted(Chemistry.of([placed(description, **values)], []))


def test_concentrations_change_as_in_the_file_whatever_the_volume_of_a_voxel():
    """A + B <-> C in 2 litres: rates of the whole compartment over its size."""
    law = times("c", apply("minus", times("k_f", "A", "B"), times("k_b", "C")))
    described = read(
        sbml(
            [species("A", concentration=3), species("B", amount=8), species("C", concentration=0.5)],
            [reaction("bind", ["A", "B"], ["C"], law, reversible="true")],
            [parameter("k_f", 2, "per_mM_s"), parameter("k_b", 5, "per_s")],
        )
    )
    assert [(item.unit, item.initial) for item in described.species.values()] == [("mM", 3), ("mM", 4), ("mM", 0.5)]
    assert {name: item.unit for name, item in described.parameters.items()} == {"k_f": "mmol**-1*l*s**-1", "k_b": "s**-1"}
    run = run_of(described)
    assert [(channel.name, channel.is_mass_action) for channel in run.chemistry.channels] == [
        ("a.bind.forward", True),
        ("a.bind.backward", True),
    ]
    for volume in (5e-19, 1e-15):
        m = measures_of(volume, 0.0)
        flow = (2 * 3 * 4 - 5 * 0.5) * m[4]
        np.testing.assert_allclose(run.slopes(np.array([3, 4, 0.5]) * m[4], m=m), [-flow, -flow, flow], rtol=1e-13)
    # of single molecules
    np.testing.assert_allclose(run.coefficients([1, 1, 1], m=VOXEL), [2 / MOL, 5], rtol=1e-13)


def birth_death():
    reactions = [
        reaction("Birth", ["X"], ["X*2"], times("Lambda", "X")),
        reaction("Death", ["X"], [], times("Mu", "X")),
    ]
    parts = [species("X", amount=100, only="true")]
    return sbml(parts, reactions, [parameter("Lambda", 0.1), parameter("Mu", 0.11)], sizes=[("c", 1)], substance="item")


def test_case_1_of_the_stochastic_suite_has_its_mean_and_its_standard_deviation():
    """Birth and death by the moment equations of the channels: 60.6531 and 22.3868 at 50 s (Evans et al. 2008)."""
    described = read(birth_death())
    run = run_of(described)
    assert described.species["X"].unit == "1"
    assert all(channel.is_mass_action for channel in run.chemistry.channels)
    rates = run.coefficients([100])
    changes = np.array([channel.change[0] for channel in run.chemistry.channels])
    growth, spread = rates @ changes, rates @ changes**2  # dm/dt = growth m, dv/dt = 2 growth v + spread m
    mean = described.species["X"].initial * np.exp(growth * 50)
    variance = spread * 100 * (np.exp(2 * growth * 50) - np.exp(growth * 50)) / growth
    assert mean == pytest.approx(60.6531, abs=5e-5)
    assert np.sqrt(variance) == pytest.approx(22.3868, abs=5e-5)


def test_laws_of_what_is_counted_hold_to_the_letter():
    """P P is not P (P - 1), and a rate that has P (P - 1) / 2 in it is a law."""
    pair = apply("divide", times("k", "P", apply("minus", "P", "1")), "2")
    reactions = [reaction("pair", ["P*2"], ["P2"], pair), reaction("square", ["P*2"], ["P2"], times("k", "P", "P"))]
    parts = [species("P", amount=100, only="true"), species("P2", amount=0, only="true")]
    run = run_of(read(sbml(parts, reactions, [parameter("k", 0.001)], substance="item", sizes=[("c", 1)])))
    np.testing.assert_allclose(run.laws([7, 3]), [0.001 * 7 * 6 / 2, 0.001 * 49], rtol=1e-14)
    np.testing.assert_allclose(run.slopes([7, 3]), [-2 * (0.021 + 0.049), 0.021 + 0.049], rtol=1e-14)


def test_functions_local_parameters_rules_and_pieces_are_put_in():
    functions = (
        '<listOfFunctionDefinitions><functionDefinition id="hill">'
        + mathml(
            "<lambda><bvar><ci>x</ci></bvar><bvar><ci>K</ci></bvar>"
            + apply("divide", apply("power", "x", "2"), apply("plus", apply("power", "K", "2"), apply("power", "x", "2")))
            + "</lambda>"
        )
        + "</functionDefinition></listOfFunctionDefinitions>"
    )
    local = '<listOfLocalParameters><localParameter id="v" value="3"/></listOfLocalParameters>'
    piece = f"<piecewise><piece><cn>2</cn>{apply('gt', 'S', '1')}</piece><otherwise><cn>1</cn></otherwise></piecewise>"
    hill = "<apply><ci>hill</ci><ci>S</ci><ci>K</ci></apply>"
    described = read(
        sbml(
            [species("S", concentration=4), species("P", concentration=0)],
            [
                reaction("turn", ["S"], ["P"], times("c", "v", hill, "gate", "fold"), local),
                reaction("lose", ["P"], [], times("c", "K", "P", "total")),
            ],
            [parameter("K", 2), *(parameter(name, 0.5, constant="false") for name in ("total", "gate", "fold"))],
            [
                f'<assignmentRule variable="total">{mathml(apply("plus", "S", "P"))}</assignmentRule>',
                f'<assignmentRule variable="fold">{mathml(piece)}</assignmentRule>',
                f'<rateRule variable="gate">{mathml(apply("minus", apply("divide", "S", "10"), "gate"))}</rateRule>',
            ],
            functions=functions,
        )
    )
    assert described.parameters["turn_v"].default == 3
    run = run_of(described)
    assert run.chemistry.states == ("a.gate",)
    assert run.chemistry.outputs == ("a.total", "a.fold")
    x = np.array([4 * MOL, 1 * MOL, 0.25])
    turned, lost = 3 * 16 / (4 + 16) * 0.25 * 2, 2 * 1 * 5
    np.testing.assert_allclose(run.slopes(x, m=VOXEL), [-turned * MOL, (turned - lost) * MOL, 0.4 - 0.25], rtol=1e-13)
    np.testing.assert_allclose(run.observe(x, m=VOXEL), [5, 2], rtol=1e-13)
    jacobian = run.jacobian(x, m=VOXEL)
    for k in range(3):
        step = 1e-4 * max(x[k], 1e-3)
        further, before = (run.slopes(x + sign * step * np.eye(3)[k], m=VOXEL) for sign in (1, -1))
        np.testing.assert_allclose(jacobian[:, k], (further - before) / (2 * step), rtol=1e-6, atol=1e-9 * abs(jacobian).max())


def test_a_difference_is_taken_apart_even_under_a_common_denominator():
    below = apply("plus", "1", apply("divide", "S", "K"), apply("divide", "P", "K"))
    law = apply("divide", times("v", apply("minus", "S", apply("divide", "P", "K"))), below)
    described = read(
        sbml(
            [species("S", concentration=1), species("P", concentration=1)],
            [reaction("both", ["S"], ["P"], law, reversible="true")],
            [parameter("v", 6), parameter("K", 2)],
        )
    )
    run = run_of(described)
    x = np.array([4 * MOL, 3 * MOL])
    under = 1 + 4 / 2 + 3 / 2
    per_litre = MOL / 2  # of 2 litres
    np.testing.assert_allclose(run.laws(x, m=VOXEL), [6 * 4 / under * per_litre, 6 * 1.5 / under * per_litre], rtol=1e-13)


def test_time_may_run_in_minutes_and_a_catalyst_stays():
    parts = [species("E", concentration=0.5), species("S", concentration=2), species("ext", concentration=7, boundary="true")]
    reactions = [
        reaction("work", ["S"], [], times("c", "k", "E", "S"), modifiers=["E"]),
        reaction("come", ["ext"], ["S"], times("c", "k", "ext")),
    ]
    described = read(sbml(parts, reactions, [parameter("k", 3)], time="minute"))
    run = run_of(described)
    assert all(channel.is_mass_action for channel in run.chemistry.channels)
    found = run.slopes(np.array([0.5, 2, 7]) * MOL, m=VOXEL)
    np.testing.assert_allclose(found, [0, (-3 * 0.5 * 2 + 3 * 7) / 60 * MOL, 0], rtol=1e-13)


def test_species_of_several_compartments_are_counted():
    """c of 2 litres and e of 0.5: what leaves one comes to the other."""
    law = times("k", apply("minus", "A", "B"))
    described = read(
        sbml(
            [species("A", concentration=3), species("B", concentration=1, home="e")],
            [reaction("move", ["A"], ["B"], law, reversible="true")],
            [parameter("k", 0.25)],
            sizes=[("c", 2), ("e", 0.5)],
        )
    )
    assert "counted" in described.about
    per_mmole = AVOGADRO * 1e-3
    start = [item.initial for item in described.species.values()]
    np.testing.assert_allclose(start, [6 * per_mmole, 0.5 * per_mmole], rtol=1e-14)
    np.testing.assert_allclose(run_of(described).slopes(start), np.array([-1, 1]) * 0.25 * 2 * per_mmole, rtol=1e-13)


def test_initial_assignments_are_worked_out():
    first = f'<listOfInitialAssignments><initialAssignment symbol="A">{mathml(times("3", "k"))}</initialAssignment>'
    text = sbml([species("A", concentration=0)], [reaction("r", ["A"], [], times("c", "k", "A"))], [parameter("k", 2)],
                first=first + "</listOfInitialAssignments>")  # fmt: skip
    assert read(text).species["A"].initial == 6


def test_units_that_are_not_said_are_told():
    text = sbml([species("A", concentration=1)], [reaction("r", ["A"], [], times("c", "A"))])
    for said in ('substanceUnits="mmole" ', 'timeUnits="second" ', 'volumeUnits="litre" ', 'extentUnits="mmole"'):
        text = text.replace(said, "")
    described = read(text)
    assert "unit of substance, which is taken to be mol" in described.about
    assert described.species["A"].unit == "M"


def test_a_size_that_nothing_asks_for_need_not_be_said():
    text = birth_death().replace('size="1"', "")
    np.testing.assert_allclose(run_of(read(text)).coefficients([1]), [0.1, 0.11])


A, B = species("A", concentration=1), species("B", concentration=1)
LOSE = times("c", "A")
DELAYED = f"<apply>{symbol('delay')}<ci>A</ci><cn>1</cn></apply>"
EVENT = f"""<listOfEvents><event id="e" useValuesFromTriggerTime="true">
<trigger initialValue="true" persistent="true">{mathml(apply("gt", "A", "2"))}</trigger></event></listOfEvents>"""
ALGEBRAIC = f"<algebraicRule>{mathml(apply('minus', 'A', '1'))}</algebraicRule>"


def losing(law=LOSE, **more):
    """A model that loses A."""
    return sbml([A, B], [reaction("r", ["A"], [], law)], **more)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (sbml([A, B], [reaction("r", ["A"], ["B"], LOSE, fast="true")]), "reaction 'r' is fast"),
        (sbml([A, B], [reaction("r", ["A*1.5"], ["B"], LOSE)]), "reaction 'r' turns over 1.5 A"),
        (sbml([A], rules=[ALGEBRAIC]), "an algebraic rule has no place here"),
        (losing(times("A", symbol("time"))), "time by itself has no place here"),
        (losing(times("c", DELAYED)), "a delay has no place here"),
        (losing(times("c", apply("floor", "A"))), "floor has no place here"),
        (losing(more=EVENT), "event 'e' has no place here"),
        (losing(substance="kilogram"), "substance is in kg"),
        (losing(sizes=[("c", "NaN")]), "compartment 'c' has no size"),
        (losing(times("c", "k", "A"), parameters=[parameter("k", "NaN")]), "parameter 'k' has no value"),
        (sbml([], parameters=[parameter("k", 1)]), "nothing changes in the model"),
    ],
)
def test_what_there_is_no_place_for_is_refused_with_its_line(text, what):
    with pytest.raises(CosimError) as caught:
        read(text)
    assert not isinstance(caught.value, ScenarioError), caught.value
    assert caught.value.what.startswith(what)
    assert caught.value.where.startswith("model.xml:")
    assert caught.value.mend


def test_all_faults_are_told_at_once():
    reactions = [reaction("one", ["A*0.5"], [], LOSE), reaction("two", ["A"], [], LOSE, fast="true")]
    with pytest.raises(ScenarioError) as caught:
        read(sbml([A], reactions))
    assert [fault.what for fault in caught.value.faults] == ["reaction 'one' turns over 0.5 A", "reaction 'two' is fast"]
    lines = [int(fault.where.partition(":")[2].split()[0]) for fault in caught.value.faults]
    assert lines == sorted(lines)
    assert lines[0] > 10


def test_what_sbml_forbids_is_told_with_its_line():
    text = losing(times("c", "nobody"))
    with pytest.raises(CosimError) as caught:
        read(text)
    assert "nobody" in caught.value.why
    line = int(caught.value.where.removeprefix("model.xml:"))
    assert "nobody" in text.splitlines()[line - 1]


def test_without_libsbml_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "libsbml", None)
    with pytest.raises(CosimError, match="python-libsbml is not installed") as caught:
        read(sbml([A], [reaction("only_here", ["A"], [], LOSE)]))
    assert "neuro-cosim[sbml]" in caught.value.mend


def test_it_agrees_with_roadrunner():
    """Slopes at time 0 of a small pathway with feedback, against libRoadRunner's rates of change."""
    roadrunner = pytest.importorskip("roadrunner")
    inhibited = apply("divide", times("v", "source"), apply("plus", "1", apply("power", apply("divide", "C", "K"), "4")))
    text = sbml(
        [
            species("source", concentration=10, boundary="true"),
            *(species(name, concentration=n) for n, name in enumerate("ABC", 1)),
        ],
        [
            reaction("come", ["source"], ["A"], inhibited, modifiers=["C"]),
            reaction("first", ["A"], ["B"], times("c", apply("minus", times("k", "A"), times("v", "B"))), reversible="true"),
            reaction("second", ["A", "B"], ["C*2"], times("c", "k", "A", "B")),
            reaction("go", ["C"], [], apply("divide", times("c", "v", "C"), apply("plus", "K", "C"))),
        ],
        [parameter("v", 0.7), parameter("K", 2.5), parameter("k", 1.3)],
    )
    described = read(text)
    model = roadrunner.RoadRunner(text)
    rates = dict(zip(model.model.getFloatingSpeciesIds(), model.model.getFloatingSpeciesConcentrationRates(), strict=True))
    run = run_of(described)
    start = np.array([item.initial for item in described.species.values()]) * MOL
    found = dict(zip(described.species, run.slopes(start, m=VOXEL) / MOL, strict=True))
    assert {name: found[name] for name in rates} == pytest.approx(rates, rel=1e-12)
