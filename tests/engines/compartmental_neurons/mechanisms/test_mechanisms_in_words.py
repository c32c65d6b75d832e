"""What ``cosim describe compartmental_neurons.<mechanism>`` prints."""

from __future__ import annotations

import pytest

from engines.compartmental_neurons.mechanisms.description import mechanism_file, read_mechanism, shipped
from engines.compartmental_neurons.telling import tell


@pytest.mark.parametrize("name", shipped())
def test_all_that_a_file_says_is_told(name):
    described, told = read_mechanism(shipped()[name]), tell(shipped()[name])
    assert described.title in told
    assert f"mechanism: {name};" in told
    rows = [line.split() for line in told.splitlines() if line.startswith("  ")]
    first = {row[0] for row in rows if row}
    assert {*described.parameters, *described.gates, *described.states, *described.rates, *described.currents} <= first
    assert {*described.receptors, *described.inputs, *described.concentrations} <= first
    assert all(line in told for lines in described.kinetics.values() for line in lines)
    assert all(reference in told for reference in described.references)


def test_gates_are_told_as_they_are_written(tmp_path):
    text = """
title: One of each
kind: density
gates:
  a: {alpha: 1, beta: exp(V / 10), factor: 2}
  b: {inf: 0.5, tau: 3, about: does nothing}
  c: {inf: a, tau: 0}
initial: {b: 0.25}
"""
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    told = tell(mechanism_file("./own.yaml", tmp_path))
    lines = {line.split()[0]: " ".join(line.split()) for line in told.splitlines() if line.startswith("  ")}
    assert lines["a"] == "a alpha = 1.0, beta = exp(V / 10) faster by 2.0"
    assert lines["b"] == "b inf = 0.5, tau = 3.0 0.25 at t = 0 does nothing"
    assert lines["c"] == "c = a, at once"
    assert "mechanism: own.yaml; over the membrane" in told
