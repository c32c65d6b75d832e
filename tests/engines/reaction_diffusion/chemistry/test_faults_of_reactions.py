"""What is refused in a model of reactions, and how it is told."""

from __future__ import annotations

import re

import pytest
from small_chemistry import chemistry_of, model_of, placed

from cosim.sdk import CosimError
from cosim.sdk.errors import ScenarioError
from engines.reaction_diffusion.chemistry.chemistry import Chemistry
from engines.reaction_diffusion.chemistry.description import model_file

HEAD = """title: with a fault
parameters:
  k: {unit: 1/(mM*ms), default: 3}
  slow: {unit: 1/s, default: -2}
  tau: {unit: ms, default: 5}
  h: {unit: ms, default: 5}
species:
  A: {unit: mM}
  B: {unit: mM}
  M: {unit: 1/um**2}
  R: {unit: "1"}
reactions:
"""
LINE = HEAD.count("\n") + 1


def fault_of(text):
    with pytest.raises(ScenarioError) as caught:
        model_of(text)
    assert len(caught.value.faults) == 1, str(caught.value)
    return caught.value.faults[0]


@pytest.mark.parametrize(
    ("reaction", "what", "mend"),
    [
        ("A + Bb -> B, 1 /mM/ms", "there is no species 'Bb'", "did you mean 'B'"),
        ("A + B ->, 5 /ms", "5 /ms does not fit a reaction of order 2", "a unit such as 1/(mM*ms)"),
        ("A -> B, 5 /mM/ms", "5 /mM/ms does not fit a reaction of order 1", "a unit such as 1/ms"),
        ("A -> B, k", "k does not fit a reaction of order 1", "a unit such as 1/ms"),
        ("2 A -> B, 5 mM/ms", "5 mM/ms does not fit a reaction of order 2", "a unit such as 1/(mM*ms)"),
        ("2 A + B -> B, 5 /ms", "5 /ms does not fit a reaction of order 3", "a unit such as 1/(mM**2*ms)"),
        ("-> A, 5 /ms", "5 /ms does not fit a reaction of order 0", "a unit such as mM/ms"),
        ("-> R, 5 mM/ms", "5 mM/ms does not fit a reaction of order 0", "a unit such as 1/ms"),
        ("-> M, 5 /ms", "5 /ms does not fit a reaction of order 0", "a unit such as 1/(ms*um**2)"),
        ("A + R ->, 5 /ms", "5 /ms does not fit a reaction of order 2", "a unit such as 1/(mM*ms)"),
        ("A + M ->, 5 /ms", "5 /ms does not fit a reaction of order 2", "a unit such as 1/(mM*ms)"),
        ("2 M ->, 5 /ms", "5 /ms does not fit a reaction of order 2", "a unit such as um**2/ms"),
        ("A -> B, -3 /ms", "the rate -3 /ms is negative", "turn the reaction round"),
        ("A -> B, 2 * slow", "the rate 2 * slow is negative", "turn the reaction round"),
        ("A -> B, k * B", "the constant k * B depends on B", "give the whole rate"),
        ("0 -> ∅, 3 /ms", "'0 -> ∅, 3 /ms' is empty", "name species"),
        ("A + B -> B + A, k", "'A + B -> B + A, k' changes nothing", "must differ"),
        ("A -> B", "'A -> B' has no rate constants", "write them behind commas"),
        ("A <-> B, 1 /ms", "'A <-> B, 1 /ms' has 1 rate constant", "write them behind commas"),
        ("A -> B, 1 /ms, 2 /ms", "'A -> B, 1 /ms, 2 /ms' has 2 rate constants", "write them behind commas"),
        ("A, B", "'A, B' is no reaction", "A -> B, k"),
        ("A -> B -> M, 1 /ms", "'A -> B -> M, 1 /ms' is no reaction", "A -> B, k"),
        ("0.5 A -> B, 1 /ms", "'0.5 A' is no species", "whole numbers"),
        ("0 A -> B, 1 /ms", "'0 A' is none", "leave A out"),
        ("9 A -> B, 1 /ms", "r is of order 9", "give it a rate"),
        ("A -> B, 3 /mss", "'1/mss' is not a unit", "mV, 1/ms"),
        ("A -> B, 3 /h", "'3 /h' may be read in two ways", "a parameter with a unit"),
        ("A -> B, 3 * oops", "there is no symbol 'oops'", ""),
        ("{equation: A -> B, rate: A}", "the rate A is in mol/m**3", "the dimension of mol/m**3/s or"),
        ("{equation: A -> R, rate: A / tau}", "the rate A / tau is in mol/(m**3*s)", "the dimension of 1/s"),
        ("{equation: A -> B, forward: A / tau}", "r has forward", "with <-> forward and backward"),
        ("{equation: A -> B, forward: A / tau, backward: B / tau}", "r has forward, backward", "with <-> forward and backward"),
        ("{equation: A -> B, catalyst: E, k_cat: 5 /s, K_M: 2 mM}", "there is no species 'E'", ""),
        ("{equation: A -> B, catalyst: M, k_cat: 5 /s}", "r has catalyst, k_cat", "catalyst, k_cat and K_M"),
        ("{equation: A -> B, catalyst: M, k_cat: 5 /s, K_M: 2 /s}", "K_M = 2 /s does not fit A", "a unit such as mM"),
        ("{equation: 2 A -> B, catalyst: M, k_cat: 5 /s, K_M: 2 mM}", "'2 A -> B' is not of one substrate, one way", "give a rate"),
        ("{equation: 'A -> B, 3 /ms', rate: A / tau}", "r has constants behind its equation and rate", "one of the two"),
        ("{equation: A -> B, rate: A / tau, speed: 3}", "there is no key 'speed'", "known here: equation, rate"),
        ("{equation: A -> B, rate: A / tau * exprel(A / B)}", "exprel has no derivative here", "exp and a quotient"),
    ],
)
def test_a_reaction_with_a_fault_is_told_with_its_line(reaction, what, mend):
    quoted = reaction if reaction.startswith("{") else f'"{reaction}"'
    fault = fault_of(f"{HEAD}  r: {quoted}\n")
    assert fault.what == what
    assert mend in fault.mend
    assert fault.where.startswith(f"model.yaml:{LINE}  reactions.r")


SOUND = '  r: "A -> B, 3 /ms"\n'


@pytest.mark.parametrize(
    ("more", "what", "where"),
    [
        ("conserved: {all: 2*A + B}", "r does not conserve all", "reactions.r"),
        ("conserved: {A: B}", "A is not in its own sum", "conserved.A"),
        ("conserved: {A: 2*A + 2*B}", "A is not in its own sum", "conserved.A"),
        ("conserved: {all: A * B}", "'A * B' is no sum of species", "conserved.all"),
        ("conserved: {all: A + tau}", "'A + tau' is no sum of species", "conserved.all"),
        ("conserved: {all: A + B + 3}", "'A + B + 3' has a number by itself", "conserved.all"),
        ("conserved: {all: 0.5*A + 0.5*B}", "'0.5*A + 0.5*B' has parts of molecules", "conserved.all"),
        ("conserved: {all: A - A}", "'A - A' is a sum of nothing", "conserved.all"),
        ("conserved: {all: A + C}", "there is no symbol 'C'", "conserved.all"),
        ("outputs: {A: {value: A, unit: mM}}", "'A' is already one of species", "outputs.A"),
        ("inputs: {A: {unit: mM}}", "'A' is already one of species", "inputs.A"),
        ("inputs: {tau: {unit: mV}}", "'tau' is already one of parameters", "inputs.tau"),
        ("states: {x: {clamp: [0, 1]}}\nderivatives: {x: -x / tau}", "states are not clamped here", "states.x.clamp"),
        ("states: {x: {}}\nderivatives: {x: -x / tau}\nnoise: {x: 0}", "states have no noise here", "noise.x"),
        ("states: {x: {}}", "state 'x' has no derivative", "states.x"),
        (
            "states: {x: {}}\nderivatives: {x: sign(A) / h * log1p(erf(x) * 1) + exprel(x) / h}",
            "exprel has no derivative here",
            "x",
        ),
    ],
)
def test_what_does_not_fit_together_is_told(more, what, where):
    fault = fault_of(f"{HEAD}{SOUND}{more}\n")
    assert fault.what == what
    assert where in fault.where


def test_all_faults_are_told_at_once_each_with_its_line():
    reactions = {"first": "A + B -> M", "second": "A -> R, 3 mV", "third": "A -> Q, 3 /ms", "fourth": "A -> B, 1 /ms", "fifth": "A"}
    text = HEAD + "".join(f'  {name}: "{reaction}"\n' for name, reaction in reactions.items())
    with pytest.raises(ScenarioError) as caught:
        model_of(text + "conserved: {all: A + 2*B}\n")
    assert "model.yaml has 7 faults" in caught.value.what
    lines = sorted(int(re.match(r"model.yaml:(\d+)", fault.where)[1]) - LINE for fault in caught.value.faults)
    assert lines == [0, 0, 1, 1, 2, 3, 4]


@pytest.mark.parametrize("unit", ["kg", "mM/ms", "mol", "1/um", "percent"])
def test_a_species_has_a_unit_of_an_amount_of_molecules(unit):
    fault = fault_of(f"title: t\nspecies: {{A: {{unit: {unit}}}}}\n")
    assert fault.what == f"{unit!r} is no unit of an amount of molecules"
    assert "1/um**2" in fault.mend


def test_a_negative_amount_is_refused():
    assert "greater than or equal to 0" in fault_of("title: t\nspecies: {A: {unit: mM, initial: -1}}\n").what


def test_a_reaction_has_a_plain_name():
    fault = fault_of('title: t\nspecies: {A: {unit: mM}}\nreactions: {"a b": "A ->, 1 /ms"}\n')
    assert fault.what == "'a b' is no name of a reaction"


def test_a_constant_that_parameters_make_negative_is_refused_where_it_is_placed():
    text = 'title: t\nspecies: {A: {unit: "1"}}\nparameters: {k: {unit: 1/s, default: 1}}\nreactions: {r: "A ->, 2 * k"}\n'
    chemistry_of(text, k=0.0)
    with pytest.raises(CosimError, match=r"the rate constant of a\.r is -4 in SI units") as caught:
        chemistry_of(text, k=-2.0)
    assert "a.k = -2" in caught.value.why


def test_models_have_names_of_their_own():
    model = placed(model_of('{title: t, species: {A: {unit: "1"}}}'))
    with pytest.raises(CosimError, match="two models 'a'"):
        Chemistry.of([model, model], [])


def test_two_species_of_a_model_are_not_one_shared_species():
    model = model_of("{title: t, species: {A: {unit: mM}, B: {unit: mM}}}")
    with pytest.raises(CosimError, match="A and B of a are both A"):
        Chemistry.of([placed(model, names={"B": "A"})], ["A"])


def test_a_model_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CosimError, match="there is no model 'ampa_jona'") as caught:
        model_file("ampa_jona", tmp_path)
    assert "did you mean 'ampa_jonas'" in caught.value.mend
    with pytest.raises(CosimError, match=r"file 'mine\.yaml' does not exist"):
        model_file("mine.yaml", tmp_path)
