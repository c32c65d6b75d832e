"""Whoever errs in a scenario of branching neurons reads what, in which line, why and how to mend it, and never a traceback."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import cosim
from tests.engines.compartmental_neurons.faults.faulty_scenarios import faults, line_of, written

BRANCHES = """\
              branches:
                soma: {length: 20 um, diameter: 20 um}
                tail: {length: 200 um, diameter: 2 um, parent: soma, compartments: 5}
"""
HH, PASSIVE, AT = "{mechanism: hh, in: soma}", "{mechanism: passive, in: dendrites", "at: {section: tail, at: 0.5}"
IONS = "            ions: {na"


def _more(line):
    """A further line before the ions'."""
    return f"            {line}\n{IONS}"


DRIVE = "push: {kind: drive, to: a, at: {section: tail, at: 1.0}}"

# name: what stands there, what instead, line, and words of the fault: of what it is, why or how to mend it
CASES = {
    # -- cells
    "a negative diameter": ("diameter: 2 um", "diameter: -2 um", 17, "-2 um", "wider than nothing"),
    "a diameter without a unit": ("diameter: 2 um", "diameter: 2", 17, "2 has no unit", "write '2 um'"),
    "a diameter in millivolt": ("diameter: 2 um", "diameter: 2 mV", 17, "mV cannot be converted to um", "millivolt"),
    "a length of nothing": ("length: 200 um", "length: 0 um", 17, "greater than 0", ""),
    "a key that is misspelt": ("diameter: 2 um", "diameter: 2 um, lable: x", 17, "unknown key 'lable'", "did you mean 'label'?"),
    "a parent that is not there": ("parent: soma", "parent: sma", 14, "leaves 'sma', which is not there", "did you mean 'soma'?"),
    "a branch that leaves itself": ("parent: soma", "parent: tail", 14, "circle", ""),
    "two roots": ("parent: soma, ", "", 14, "soma and tail have no parent", ""),
    "no shape": (BRANCHES, "              {}\n", 14, "give one of file, branches", ""),
    "a file that is not there": (BRANCHES, "              file: none.swc\n", 15, "'none.swc' does not exist", "paths start at"),
    "a package that is not there": (BRANCHES, "              {package: bntk, file: a.swc}\n", 14, "'bntk'", "pip install"),
    "two rules for compartments": (IONS, _more("compartments: {count: 3, d_lambda: 1}"), 21, "give one of", "count and d_lambda"),
    "a region that is itself": (IONS, _more("regions: {far: {in: far}}"), 21, "defined by itself", "far → far"),
    "resistivity of a part alone": (IONS, _more("resistivity: {soma: 1 ohm*m}"), 13, "says nothing of dendrite", "begin with all"),
    "colder than cold": (IONS, _more("temperature: -300"), 21, "greater than -273.15", ""),
    "no capacitance": (IONS, _more("capacitance: 0 uF/cm**2"), 21, "greater than 0", ""),
    # -- channels and ions
    "a channel that is not there": (HH, "{mechanism: hhh, in: soma}", 19, "no mechanism 'hhh'", "did you mean 'hh'?"),
    "a channel's file that is not there": (HH, "{mechanism: ./mine.yaml}", 19, "does not exist", "paths start at"),
    "a synapse in the membrane": (HH, "{mechanism: exponential_synapse}", 18, "sits at a place", "under synapses"),
    "a channel where nothing is": ("in: dendrites", "in: apical", 18, "region without a compartment", "has soma, dendrite"),
    "a channel in an unknown region": ("in: dendrites", "in: dendritez", 18, "nothing is called 'dendritez'", "did you mean"),
    "a channel too far out": ("in: dendrites", "in: {from: 900 um}", 18, "region without a compartment", ""),
    "an unknown parameter": (HH, "{mechanism: hh, parameters: {gna: 1 S/cm**2}}", 18, "no parameter 'gna'", "did you mean 'g_na'?"),
    "a parameter in other units": (HH, "{mechanism: hh, parameters: {g_na: 1 mV}}", 18, "mV cannot be converted to S/cm**2", ""),
    "a parameter without a unit": (HH, "{mechanism: hh, parameters: {g_na: 1}}", 18, "has no unit", "S/cm**2"),
    "a negative conductance": (HH, "{mechanism: hh, parameters: {g_na: -1 S/cm**2}}", 18, "g_na is -1 S/cm**2", "at least 0"),
    "a profile of something else": (HH, "{mechanism: hh, parameters: {g_na: {along: 1/dist}}}", 18, "symbol 'dist'", "'distance'"),
    "a profile that is no expression": (HH, "{mechanism: hh, parameters: {g_na: {along: '(('}}}", 18, "cannot be read", ""),
    "an ion that nobody knows": ("ions: {na:", "ions: {zz:", 21, "how ion zz is charged", "add valence"),
    "an ion without charge": ("reversal: 50 mV", "valence: 0", 21, "no charge", ""),
    "less than no sodium": ("reversal: 50 mV", "inside: -3 mM", 21, "greater than 0", ""),
    # -- synapses and pulses
    "a channel as a synapse": ("mechanism: exponential_synapse", "mechanism: hh", 23, "of kind density", "under membrane"),
    "a synapse that is not there": ("exponential_synapse", "exponential_synaps", 23, "no mechanism", "'exponential_synapse'?"),
    "a site off the tree": (AT, "at: {section: 7}", 23, "section 7 is off the tree", "0 to 1"),
    "a site on no section": (AT, "at: {section: tale}", 23, "no section is named 'tale'", "did you mean 'tail'?"),
    "a site beyond its section": (AT, "at: {section: tail, at: 1.5}", 23, "less than or equal to 1", ""),
    "a site too far out": (AT, "at: {in: dendrites, distance: 900 um}", 23, "900 um is off the tree", "10 um to 210 um"),
    "a synapse named as a channel": ("exc: {mech", "hh: {mech", 23, "'hh' is taken", "choose another"),
    "a pulse into nobody": ("cells: [0]", "cells: []", 25, "at least 1 item", ""),
    "a pulse into a cell too many": ("cells: [0]", "cells: [3]", 25, "no cell 3", "there are 3, counted from 0"),
    "a pulse into a cell twice": ("cells: [0]", "cells: [0, 0]", 25, "named twice", "twice the current"),
    "a pulse that ends before it begins": ("stop: 1 ms, cells", "stop: 0.2 ms, cells", 25, "ends at 200 us", "stop after start"),
    # -- projections, junctions, inputs
    "a delay below the step": ("weight: 1 nS, delay: 1 ms", "weight: 1 nS, delay: 10 us", 27, "a delay of 10 us", "at least 25 us"),
    "a pair with a cell too many": ("[1, 2]]", "[1, 3]]", 27, "no cell 3", "counted from 0"),
    "a pair with a cell below 0": ("[1, 2]]", "[1, -1]]", 27, "no cell -1", "counted from 0"),
    "a weight in millivolt": ("weight: 1 nS", "weight: 1 mV", 27, "mV cannot be converted to uS", ""),
    "a weight too few": ("weight: 1 nS", "weight: [1 nS]", 27, "1 weights for 2 pairs", "one for each pair"),
    "synapses that are not there": ("synapses: exc, rule", "synapses: inh, rule", 27, "no group of synapses 'inh'", "exc"),
    "pairs without their rule": ("rule: list, ", "", 27, "rule list and pairs go together", ""),
    "a rule that is none": ("rule: list", "rule: lists", 27, "'all_to_all'", "found 'lists'"),
    "a source that is not there": ("from: outside", "from: outsid", 28, "'outsid'", "did you mean 'outside'?"),
    "a junction with a cell too many": ("pairs: [[0, 1]], c", "pairs: [[0, 9]], c", 30, "no cell 9", "there are 3"),
    "a junction of less than nothing": ("conductance: 1 nS", "conductance: -1 nS", 30, "greater than or equal to 0", ""),
    "a drive into nobody": (DRIVE, "push: {kind: drive, to: b}", 33, "no population 'b'", "known here: a"),
    "a drive of a channel": (DRIVE, "push: {kind: drive, to: a, mechanism: hh}", 33, "of kind density", "a point mechanism"),
    "a drive without an input": (DRIVE, "push: {kind: drive, to: a, mechanism: gaba_a}", 33, "has no input", "projections"),
    "a drive of another input": (DRIVE, "push: {kind: drive, to: a, input: volts}", 33, "no input 'volts'", "known here: current"),
    "a drive off the tree": (DRIVE, "push: {kind: drive, to: a, at: {section: 2}}", 33, "section 2 is off the tree", "0 to 1"),
    "an input named as synapses": (DRIVE, "exc: {kind: drive, to: a}", 33, "'exc' is taken", "choose another"),
    "an input of no kind": ("kind: drive", "kind: dirve", 33, "'dirve'", "'drive'"),
    "a concentration of no ion": (DRIVE, "push: {kind: concentration, to: a, symbol: zn_o}", 33, "looks at zn_o", ""),
    # -- records, steps, populations
    "a record of nobody": ("v: {of: a}", "v: {of: b}", 35, "no population 'b'", "known here: a"),
    "a record of a cell too many": ("v: {of: a}", "v: {of: a, cells: [5]}", 35, "no cell 5", "there are 3"),
    "a record off the tree": ("v: {of: a}", "v: {of: a, at: {in: soma, distance: 50 um}}", 35, "off the tree", "0 um to 10 um"),
    "a record of an unknown gate": ("value: hh.m", "value: hh.q", 36, "no state 'q'", "known here: m, h, n"),
    "a record of an unknown channel": ("value: hh.m", "value: kv.m", 36, "no mechanism is called 'kv'", "known here: hh"),
    "a record of a channel elsewhere": ("value: hh.m", "value: hh.m, at: {section: tail}", 36, "not in all places", "that has it"),
    "a record of an ion that is not there": ("value: hh.m", "value: ca_i", 36, "to do with ca_i", "na_i"),
    "a window that is no whole number of steps": ("dt: 25 us", "dt: 0.3 ms", 7, "not a whole number of the 300 us steps", "900 us"),
    "no step": ("dt: 25 us", "dt: 0 ms", 9, "greater than 0", ""),
    "an unknown solver": ("dt: 25 us", "solver: rk4", 9, "'crank_nicolson'", "found 'rk4'"),
    "no cells": ("size: 3", "size: 0", 12, "greater than or equal to 1", ""),
    "steps that do not fit": ("size: 3", "size: 3\n          substeps: 7", 13, "7 substeps", "divides"),
    "a detector off the tree": ("size: 3", "size: 3\n          detector: {section: 9}", 13, "section 9 is off the tree", "0 to 1"),
    "positions too few": ("size: 3", "size: 3\n          positions: [[0 um, 0 um, 0 um]]", 13, "(1, 3)", "there are 3 cells"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_told_with_its_line(case, tmp_path):
    old, new, line, what, more = CASES[case]
    found = faults(tmp_path, (old, new))
    told = [fault for fault in found if what in f"{fault.what} {fault.why}"]
    assert told, found
    assert line_of(told[0]) == line
    assert more in f"{told[0].what} {told[0].why} {told[0].mend}"
    assert not any("raised" in fault.what or "Error(" in str(fault) for fault in found)  # an engine's own bug


def test_the_scenario_that_is_made_faulty_is_sound(tmp_path):
    assert faults(tmp_path) == ()
    run = cosim.run(written(tmp_path), out=tmp_path / "run", transport="inline")
    assert run.folder.exists()


def test_faults_of_cells_synapses_projections_and_inputs_are_told_at_once(tmp_path):
    found = faults(
        tmp_path,
        (PASSIVE, "{mechanism: passive, in: apical"),
        (HH, "{mechanism: hh, in: soma, parameters: {gna: 1 S/cm**2}}"),
        (AT, "at: {section: tale}"),
        ("[1, 2]]", "[1, 3]]"),
        ("from: outside", "from: outsid"),
        ("pairs: [[0, 1]], c", "pairs: [[0, 9]], c"),
        ("to: a, at: {section: tail, at: 1.0}", "to: b"),
    )
    assert [line_of(fault) for fault in sorted(found, key=line_of)] == [18, 18, 23, 27, 28, 30, 33]
    assert all(fault.why or fault.mend for fault in found)


def test_faults_of_values_are_told_at_once(tmp_path):
    changes = [("diameter: 20 um", "diameter: -20 um"), ("diameter: 2 um", "diameter: 2"), (HH, "{mechanism: hhh, in: soma}"),
               ("inputs:\n", "inputs:\n        x: {kind: heat}\n"), ("size: 3", "size: 0")]  # fmt: skip
    assert sorted(line_of(fault) for fault in faults(tmp_path, *changes)) == [12, 16, 17, 19, 32]


def test_a_key_without_a_value_is_as_if_left_out(tmp_path):
    assert faults(tmp_path, (IONS, _more("compartments: {max_length: , two_per: , count: 3}"))) == ()


# -- files of their own --------------------------------------------------------------------------------------------------------


def test_all_faults_of_an_swc_file_are_told_with_its_lines(tmp_path):
    lines = ["1 1 0 0 0 5 -1", "2 3 10 0 0 -1 1", "3 3 20 0 0 1 9", "4 3 30 0 0 0 3", "4 3 30 0 0 1 3", "6 3 30 0 0 1 -1"]
    lines += ["7 3 1 1 1 1 8", "8 3 1 2 1 1 7"]
    (tmp_path / "broken.swc").write_text("# a cell\n" + "\n".join(lines), encoding="utf-8")
    (fault,) = faults(tmp_path, (BRANCHES, "              file: broken.swc\n"))
    assert 14 <= line_of(fault) <= 15
    told = str(fault)
    for line, words in ((3, "radius is -1"), (4, "parent 9 does not exist"), (5, "radius is 0"), (6, "number 4 is given twice"),
                        (7, "a second root"), (8, "their own ancestors: 7 → 8 → 7")):  # fmt: skip
        assert re.search(rf"broken\.swc:{line}\b[^\n]*{re.escape(words)}", told), (line, words, told)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [("", 1, "no samples"), ("1 1 0 0 0 5\n", 1, "6 fields instead of 7"), ("1 1 0 0 0 5 -1\n2 3 x 0 0 1 1\n", 2, "x is 'x'"),
     ("1 1 0 0 0 nan -1\n", 1, "radius is nan"), ("\x00\x01\x02", 1, "fields"), ("1 1 0 0 0 5 -1\n2.5 3 1 0 0 1 1\n", 2, "2.5")],
)  # fmt: skip
def test_what_is_no_swc_file_is_told_with_its_line(tmp_path, text, line, words):
    (tmp_path / "broken.swc").write_text(text, encoding="utf-8")
    (fault,) = faults(tmp_path, (BRANCHES, "              file: broken.swc\n"))
    assert f"broken.swc:{line}" in str(fault)
    assert words in str(fault)


def test_faults_of_a_mechanism_of_ones_own_are_told_with_its_lines(tmp_path):
    text = """\
title: mine
kind: density
parameters:
  g: {unit: S/cm**2, default: 1, range: [0, null]}
gates:
  m: {inf: 1 / (1 + exp(-V)), tua: 3}
currents:
  nonspecific: g * m * (V - E)
"""
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    (fault,) = faults(tmp_path, (HH, "{mechanism: ./mine.yaml, in: soma}"))
    assert line_of(fault) == 19
    assert "mine.yaml:6" in str(fault)
    assert "tua" in str(fault)


def test_faults_of_a_cell_in_a_file_are_told_with_its_lines(tmp_path):
    text = """\
morphology: {branches: {soma: {length: 20 um, diameter: -20 um}}}
membrane:
  - {mechanism: hhh}
"""
    (tmp_path / "cell.yaml").write_text(text, encoding="utf-8")
    path = written(tmp_path)
    whole = path.read_text()
    start, stop = whole.index("          cell:\n"), whole.index("          synapses:\n")
    path.write_text(f"{whole[:start]}          cell: cell.yaml\n{whole[stop:]}")
    (fault,) = cosim.check(path).faults
    assert line_of(fault) == 13
    for line, words in ((1, "-20 um"), (3, "hhh")):
        assert re.search(rf"cell\.yaml:{line}\b[^\n]*{words}", str(fault)), str(fault)


# -- while it runs -------------------------------------------------------------------------------------------------------------

STRONG = ("current: 0.5 nA", "current: 50 uA")


def refused(tmp_path, *changes):
    with pytest.raises(cosim.CosimError) as caught:
        cosim.run(written(tmp_path, *changes), out=tmp_path / "run", transport="inline")
    return caught.value


def test_a_potential_beyond_all_bounds_is_told_with_cell_place_time_and_step(tmp_path):
    """20 cells, of which the one in lane 5 of the second batch is pushed at the tip of its tail, from 0.5 ms on."""
    there = ("kick: {", "kick: {at: {section: tail, at: 1.0}, ")
    fault = refused(tmp_path, STRONG, ("size: 3", "size: 20"), ("cells: [0]", "cells: [13]"), there)
    told = str(fault)
    assert re.search(r"the potential of a\[13\] is \d{4,} mV in compartment 5", told), told
    assert re.search(r"by 5[25]\d us", told)
    assert "step of 25 us" in told
    assert "shorter dt" in told


@pytest.mark.parametrize(
    "change",
    [
        ("current: 0.5 nA", "current: -50 uA"),
        ("reversal: 50 mV", "reversal: 5000 mV"),
        (IONS, _more("potential: 2 V")),
        ("g: 0.0001 S/cm**2", "g: 0.1 S/cm**2, E: 40 V"),
    ],
)
def test_nothing_explodes_silently(tmp_path, change):
    assert re.search(r"the potential of a\[[012]\] is -?\d{4,}", str(refused(tmp_path, change)))


def test_steps_of_a_millisecond_are_stable_though_wrong(tmp_path):
    """Both solvers bear steps of any length; a spike is then not worth much, but it is no explosion."""
    longer = [("current: 0.5 nA", "current: 3 nA"), ("stop: 2 ms", "stop: 50 ms"), ("stop: 1 ms, cells", "stop: 40 ms, cells")]
    for solver in ("backward_euler", "crank_nicolson"):
        path = written(tmp_path, ("dt: 25 us", f"dt: 1 ms\n      solver: {solver}"), *longer)
        cosim.run(path, out=tmp_path / solver, transport="inline")


def test_a_record_of_a_connection_that_is_not_there_is_told(tmp_path):
    """Of synapses with states of their own, cell 0 has none: no pair ends there."""
    changes = [("exponential_synapse", "tsodyks_markram_synapse"), ("value: hh.m", "value: exc.x"),
               ("        far: {from: outside, to: a, synapses: exc, weight: 1 nS, delay: 1 ms}\n", "")]  # fmt: skip
    told = str(refused(tmp_path, *changes))
    assert "a[0] has no exc.x to record" in told
    assert "record.m" in told


@pytest.mark.parametrize("command", ["check", "run"])
def test_the_command_line_tells_faults_without_a_traceback(tmp_path, command):
    path = written(tmp_path, ("diameter: 2 um", "diameter: -2 um"), (HH, "{mechanism: hhh, in: soma}"))
    asked = [sys.executable, "-m", "cosim.cli", command, str(path), *(["--out", str(tmp_path / "run")] if command == "run" else [])]
    ran = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    said = ran.stdout + ran.stderr
    assert ran.returncode != 0
    assert "Traceback" not in said
    for words in ("scenario.yaml:17", "scenario.yaml:19", "-2 um", "hhh", "did you mean"):
        assert words in said, said
