"""A sound scenario of three cells, as text, into which tests write their faults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cosim
from cosim.sdk import CosimError

SCENARIO = """\
cosim: 1
about: {name: faulty}
clock: {stop: 2 ms}
engines:
  cells:
    use: compartmental_neurons
    window: 1 ms
    params:
      dt: 25 us
      populations:
        a:
          size: 3
          cell:
            morphology:
              branches:
                soma: {length: 20 um, diameter: 20 um}
                tail: {length: 200 um, diameter: 2 um, parent: soma, compartments: 5}
            membrane:
              - {mechanism: hh, in: soma}
              - {mechanism: passive, in: dendrites, parameters: {g: 0.0001 S/cm**2}}
            ions: {na: {reversal: 50 mV}}
          synapses:
            exc: {mechanism: exponential_synapse, at: {section: tail, at: 0.5}}
          pulses:
            kick: {current: 0.5 nA, start: 0.5 ms, stop: 1 ms, cells: [0]}
      projections:
        ring: {from: a, to: a, synapses: exc, rule: list, pairs: [[0, 1], [1, 2]], weight: 1 nS, delay: 1 ms}
        far: {from: outside, to: a, synapses: exc, weight: 1 nS, delay: 1 ms}
      gap_junctions:
        join: {from: a, to: a, pairs: [[0, 1]], conductance: 1 nS}
      inputs:
        outside: {kind: spikes, size: 2}
        push: {kind: drive, to: a, at: {section: tail, at: 1.0}}
      record:
        v: {of: a}
        m: {of: a, value: hh.m}
"""
Change = tuple[str, str]
"""What stands in the scenario, and what stands there instead."""


def written(folder: Path, *changes: Change) -> Path:
    """The scenario with changes, each of which changes something."""
    text = SCENARIO
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, *changes: Change) -> Sequence[CosimError]:
    """What ``cosim check`` finds in it."""
    found: Sequence[CosimError] = cosim.check(written(folder, *changes)).faults
    return found


def line_of(fault: CosimError) -> int:
    """Of the scenario."""
    file, line = fault.where.split()[0].rsplit(":", 1)
    assert Path(file).name == "scenario.yaml"
    return int(line)
