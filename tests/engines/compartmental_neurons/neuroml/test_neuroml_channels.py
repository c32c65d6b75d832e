"""Channels of NeuroML files as mechanisms: jNeuroML on the same cells, formulas of the standard, faults with their lines."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from neuroml_texts import CELLS, CHANNELS, HEAD, jneuroml, run_jneuroml, write_files

from cosim.sdk import CosimError, Samples, Setup, Window
from engines.compartmental_neurons import CompartmentalNeurons
from engines.compartmental_neurons.mechanisms.biophysics import read_biophysics
from engines.compartmental_neurons.mechanisms.description import read_mechanism
from engines.compartmental_neurons.mechanisms.neuroml import as_yaml, read_neuroml
from engines.compartmental_neurons.params import Neurons

CELSIUS = 16.3


def channel(tmp_path, inner, tag="ionChannelHH", head=""):
    """A file with a channel ``x``, whose first line is the third of the file."""
    path = tmp_path / "x.channel.nml"
    path.write_text(HEAD.format(id="x") + f'\n<{tag} id="x" conductance="10pS"{head}>\n{inner}\n</{tag}></neuroml>', encoding="utf-8")
    return path


def gate_at(description, name, v_mv, **symbols):
    """Where a gate goes and its time constant in ms at a potential, by the description's own expressions."""
    rest, pace = description.parts.gates[name]
    known = {"V": v_mv * 1e-3, "celsius": 6.3, "temperature": 279.45, "ca_i": 1e-4, **symbols}
    for key, expression in description.parts.equations.expressions.items():
        known.setdefault(key, expression.value(known))
    return float(rest.value(known)), 0.0 if pace is None else 1e3 / float(pace.value(known))


# -- against jNeuroML --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """(V in mV and concentrations in mM by jNeuroML, the same by the engine), of all cells, 40 ms at 16.3 °C, step 2 µs."""
    jar = jneuroml()
    if jar is None:
        pytest.skip("pyNeuroML or java is not installed")
    folder = tmp_path_factory.mktemp("jneuroml")
    theirs = run_jneuroml(jar, folder, 40, 0.002, CELSIUS)
    return theirs, run_engine(folder, 40, 0.002)


def run_engine(folder: Path, until_ms: float, dt_ms: float) -> dict[str, np.ndarray]:
    """The same cells, of their files."""
    populations, record, found = {}, {}, {}
    for name, (_, inside) in CELLS.items():
        biophysics = read_biophysics(folder / "cells.nml", f"{name}_cell")
        membrane, ions = [], {}
        for placed in biophysics.placements:
            file = f"{name}_{placed.id}.yaml"
            (folder / file).write_text(as_yaml(folder / "channels.nml", placed.channel, placed.law, placed.ion), encoding="utf-8")
            membrane.append({"mechanism": file, "parameters": placed.parameters})
        for species in biophysics.species:
            file = f"{name}_{species.model}.yaml"
            (folder / file).write_text(as_yaml(folder / "channels.nml", species.model), encoding="utf-8")
            membrane.append({"mechanism": file, "parameters": species.parameters})
            ions[species.ion] = {"inside": species.inside, "outside": species.outside}
        populations[name] = {
            "cell": {
                "morphology": {"branches": {"soma": {"length": 20.0, "diameter": 20.0}}}, "compartments": {"count": 1},
                "capacitance": biophysics.capacitance[0][1], "potential": biophysics.potential[0][1], "temperature": CELSIUS,
                "membrane": membrane, "ions": ions,
            },
            "pulses": {"push": {"at": "soma", "current": 0.2, "start": 5_000_000}},
        }  # fmt: skip
        record[name] = {"of": name}
        if inside:
            record[f"{name}_ca"] = {"of": name, "value": "ca_i"}
    asked = {"dt": round(dt_ms * 1e6), "populations": populations, "record": record}
    params = Neurons.model_validate(asked, context={"folder": folder})
    total = Window(0, round(until_ms * 1e6))
    engine = CompartmentalNeurons(params, Setup("cells", total.stop_ns, 1, {}, {}))
    for name, payload in engine.advance(total, {}).items():
        if isinstance(payload, Samples):
            found[name.replace("_ca", ".ca")] = payload.values[:, 0].copy()
    engine.close()
    return found


@pytest.mark.parametrize("name", CELLS)
def test_potentials_are_those_of_jneuroml(both, name):
    """jNeuroML steps explicitly, the engine implicitly: both are off by half a step of 2 µs times dV/dt, with opposite signs.

    So the difference is 2 µs of the trace: of the steepest slope in mV/ms, 0.002 times that, and some more where gates add theirs.
    """
    theirs, ours = both[0][name][1:], both[1][name]
    steepest = np.abs(np.diff(theirs)).max() / 0.002
    assert np.ptp(theirs) > 10.0
    assert np.abs(ours - theirs).max() < 0.002 * steepest * 2 + 0.005
