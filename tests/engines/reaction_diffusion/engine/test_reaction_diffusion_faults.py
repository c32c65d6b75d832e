"""Bad input: each fault is told with its line, what, why and how to mend it; none crashes."""

import pytest

import cosim

SCENARIO = """\
cosim: 1
about: {name: faulty}
clock: {stop: 2 ms}
engines:
  axon: {use: player, window: 1 ms, params: {spikes: [[1, 0]], channels: 1}}
  cleft:
    use: reaction_diffusion
    window: 1 ms
    params:
      dt: 10 us
      space: {disc: {radius: 200 nm, height: 20 nm, spacing: 50 nm, rim: absorbing}}
      regions:
        psd: {ball: {centre: [0 nm, 0 nm, 0 nm], radius: 110 nm}}
      species:
        glutamate: {diffusion: 0.33 um**2/ms, initial: 0 mM}
      models:
        ampa: {model: ampa_jonas, in: psd, count: 20}
        nmda: {model: nmda_lester_jahr, in: psd, count: 5, inputs: {V: -60 mV}}
        own: {model: ./own.yaml, in: psd}
      release:
        vesicle: {species: glutamate, at: [[0 nm, 0 nm, 0 nm]], molecules: 300}
      inputs:
        v: {kind: value, of: nmda.V}
        taken: {kind: flux, species: glutamate, at: [[0 nm, 0 nm, 0 nm]]}
      record:
        open: {value: ampa.O, over: fraction, every: 100 us}
        here: {value: glutamate, at: [[0 nm, 0 nm, 0 nm]], every: 100 us}
links:
  axon: {from: axon.out, to: cleft.vesicle}
"""
OWN = """\
title: A buffer
parameters: {k_on: {unit: 1/(mM*ms), default: 1}, k_off: {unit: 1/ms, default: 1}}
species:
  glutamate: {unit: mM}
  B: {unit: mM, initial: 0.1}
  GB: {unit: mM}
reactions:
  bind: glutamate + B <-> GB, k_on, k_off
conserved: {glutamate: glutamate + GB}
"""


def told(tmp_path, *changes, own=()):
    text, own_text = SCENARIO, OWN
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    for old, new in own:
        assert old in own_text, old
        own_text = own_text.replace(old, new, 1)
    (tmp_path / "scenario.yaml").write_text(text)
    (tmp_path / "own.yaml").write_text(own_text)
    return cosim.check(tmp_path / "scenario.yaml").faults


def test_the_scenario_is_sound(tmp_path):
    assert not told(tmp_path)


FAULTS = {
    "unknown species of a release": (("vesicle: {species: glutamate", "vesicle: {species: glutamat"), "glutamat", 21),
    "release outside": (("at: [[0 nm, 0 nm, 0 nm]], molecules", "at: [[1 um, 0 nm, 0 nm]], molecules"), "outside", 21),
    "unknown model": (("model: ampa_jonas", "model: ampa_jonnas"), "ampa_jonnas", 17),
    "unknown region": (("in: psd, count: 20", "in: pds, count: 20"), "pds", 17),
    "a receptor outside the geometry": (("centre: [0 nm, 0 nm, 0 nm], radius", "centre: [5 um, 0 nm, 0 nm], radius"), "voxel", 13),
    "unknown input": (("of: nmda.V", "of: nmda.U"), "nmda.U", 23),
    "unknown record": (("value: ampa.O", "value: ampa.P"), "'P'", 26),
    "rows that are no steps": (("every: 100 us}\n        here", "every: 105 us}\n        here"), "105 us", 26),
    "negative count": (("count: 20", "count: -20"), "count", 17),
    "negative concentration": (("initial: 0 mM", "initial: -1 mM"), "negative", 15),
    "a unit that does not fit": (("diffusion: 0.33 um**2/ms", "diffusion: 0.33 um/ms"), "um", 15),
    "a bare number": (("initial: 0 mM", "initial: 3"), "unit", 15),
    "no such parameter": (("in: psd, count: 5,", "in: psd, count: 5, parameters: {k: 1 /ms},"), "'k'", 18),
    "a name of a ledger": (("        ampa: {model", "        bound: {model"), "bound", 17),
    "two ports of one name": (("        taken: {kind", "        vesicle: {kind"), "vesicle", 24),
    "no part of a count": (("value: ampa.O, over: fraction", "value: own.B, over: fraction"), "own.B", 26),
    "a sum of concentrations": (("value: glutamate, at", "value: glutamate, over: sum, at"), "summed", 27),
    "a place without the model": (("value: glutamate, at: [[0 nm,", "value: ampa.O, at: [[190 nm,"), "not there", 27),
    "a place and a region": (("value: glutamate, at", "value: glutamate, in: psd, at"), "region", 27),
    "spacing beyond the space": (("spacing: 50 nm", "spacing: 50 um"), "spacing", 11),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_where_it_is(name, tmp_path):
    change, words, line = FAULTS[name]
    errors = told(tmp_path, change)
    assert errors, name
    text = "\n".join(map(str, errors))
    assert words in text
    assert any(f"scenario.yaml:{line}" in str(error.where) for error in errors), text


def test_all_faults_are_told_at_once(tmp_path):
    changes = [
        FAULTS[name][0] for name in ("unknown species of a release", "unknown input", "unknown record", "rows that are no steps")
    ]
    changes[2] = ("value: glutamate, at", "value: glutamatt, at")
    assert len(told(tmp_path, *changes)) >= 4


OWN_FAULTS = {
    "a reaction that keeps no claim": (("GB, k_on, k_off", "2 GB, k_on, k_off"), "glutamate"),
    "an unknown species": (("glutamate + B <->", "glutamate + C <->"), "'C'"),
    "a negative rate": (("k_on, k_off\n", "-1 1/(mM*ms), k_off\n"), "negative"),
    "units that do not fit the order": (("GB, k_on, k_off", "GB, k_off, k_off"), "1/s"),
}


@pytest.mark.parametrize("name", OWN_FAULTS)
def test_a_fault_of_a_model_is_told_with_its_line(name, tmp_path):
    change, words = OWN_FAULTS[name]
    errors = told(tmp_path, own=[change])
    text = "\n".join(map(str, errors))
    assert words in text
    assert "own.yaml:" in text


def test_a_fraction_of_a_molecule_is_refused_where_they_are_whole(tmp_path):
    change = [("dt: 10 us", "dt: 10 us\n      solver: stochastic"), ("molecules: 300", "molecules: 300.5")]
    assert "whole" in str(told(tmp_path, *change)[0])


def test_a_window_that_is_no_whole_number_of_rows_is_refused(tmp_path):
    errors = told(tmp_path, ("every: 100 us}\n        here", "every: 300 us}\n        here"))
    assert "300 us" in "\n".join(map(str, errors))
