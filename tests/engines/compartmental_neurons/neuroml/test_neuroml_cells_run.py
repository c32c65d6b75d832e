"""Cells and channels of NeuroML files in populations: they are the cells that one would write by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from neuroml_texts import CHANNELS, HEAD, write_files
from pydantic import ValidationError

from cosim.sdk import CosimError, Samples, Setup, Window
from engines.compartmental_neurons import CompartmentalNeurons
from engines.compartmental_neurons.anatomy import anatomy_of
from engines.compartmental_neurons.cell_file import read_cell_file
from engines.compartmental_neurons.params import Cell, Neurons

pytest.importorskip("neuroml", reason="libNeuroML reads the shapes")
MS = 1_000_000
UNTIL_MS = 30

MEMBRANE = """
<channelDensity id="na_soma" ionChannel="na" condDensity="120 mS_per_cm2" erev="50 mV" ion="na" segmentGroup="soma_group"/>
<channelDensity id="k_soma" ionChannel="k" condDensity="36 mS_per_cm2" erev="-77 mV" ion="k" segmentGroup="soma_group"/>
<channelDensity id="k_tree" ionChannel="k" condDensity="2 mS_per_cm2" erev="-77 mV" ion="k" segmentGroup="tree"/>
<channelDensityNernst id="ca_tree" ionChannel="ca" condDensity="0.05 mS_per_cm2" ion="ca" segmentGroup="tree"/>
<channelDensity id="leak_all" ionChannel="leak" condDensity="0.3 mS_per_cm2" erev="-54.3 mV" ion="non_specific"/>
<specificCapacitance value="1 uF_per_cm2"/>
<specificCapacitance value="2 uF_per_cm2" segmentGroup="tree"/>
<initMembPotential value="-65 mV"/>
<spikeThresh value="0 mV"/>
"""
INSIDE = """
<species id="ca" ion="ca" concentrationModel="factor" initialConcentration="2e-4 mM" initialExtConcentration="2 mM"
 segmentGroup="tree"/>
<resistivity value="1.5 ohm_m"/>
"""
SHAPE = """
<segment id="0" name="soma"><proximal x="0" y="0" z="0" diameter="20"/><distal x="20" y="0" z="0" diameter="20"/></segment>
<segment id="1" name="trunk"><parent segment="0"/>
<proximal x="20" y="0" z="0" diameter="2"/><distal x="220" y="0" z="0" diameter="2"/></segment>
<segment id="2" name="basal"><parent segment="0" fractionAlong="0"/>
<proximal x="0" y="0" z="0" diameter="1"/><distal x="-100" y="0" z="0" diameter="1"/></segment>
<segmentGroup id="soma_group"><member segment="0"/></segmentGroup>
<segmentGroup id="tree"><member segment="1"/><member segment="2"/>
<inhomogeneousParameter id="way" variable="p" metric="Path Length from root">{ends}</inhomogeneousParameter></segmentGroup>
"""
SQUID_BY_HAND = {
    "na": """
gates:
  m: {alpha: 1 / exprel(-(V + 40) / 10), beta: 4 * exp(-(V + 65) / 18), factor: 3**((celsius - 6.3) / 10)}
  h: {alpha: 0.07 * exp(-(V + 65) / 20), beta: 1 / (1 + exp(-(V + 35) / 10)), factor: 3**((celsius - 6.3) / 10)}
currents: {na: g * m**3 * h * (V - E)}
""",
    "k": """
gates:
  n: {alpha: 0.1 / exprel(-(V + 55) / 10), beta: 0.125 * exp(-(V + 65) / 80), factor: 3**((celsius - 6.3) / 10)}
currents: {k: g * n**4 * (V - E)}
""",
}


def write(folder: Path, membrane: str = MEMBRANE, inside: str = INSIDE, shape: str = SHAPE.format(ends="")) -> str:
    """A soma with a dendrite at either end, beside the file of its channels; the membrane begins at line 22."""
    (folder / "channels.nml").write_text(CHANNELS, encoding="utf-8")
    text = f"""<include href="channels.nml"/>
<cell id="x">
<morphology id="m">{shape}</morphology>
<biophysicalProperties id="b">
<membraneProperties>{membrane}</membraneProperties>
<intracellularProperties>{inside}</intracellularProperties>
</biophysicalProperties>
</cell>
</neuroml>"""
    (folder / "x.cell.nml").write_text(HEAD.format(id="x") + text, encoding="utf-8")
    return "x.cell.nml"


def run(cell, folder, *values, site=None):
    """(steps, values) under a current of 0.3 nA from 2 ms on."""
    place = {} if site is None else {"at": site}
    params = Neurons.model_validate(
        {
            "populations": {"cells": {"cell": cell, "pulses": {"push": {"current": 0.3, "start": 2 * MS}}}},
            "record": {f"r{k}": {"of": "cells", "value": value, **place} for k, value in enumerate(values)},
        },
        context={"folder": folder},
    )
    engine = CompartmentalNeurons(params, Setup("cells", UNTIL_MS * MS, 1))
    outputs = engine.advance(Window(0, UNTIL_MS * MS), {})
    engine.close()
    samples = [outputs[f"r{k}"] for k in range(len(values))]
    assert all(isinstance(item, Samples) for item in samples)
    return np.column_stack([item.values for item in samples])


def by_hand(channel):
    """The same cell; ``channel`` says the mechanism of a channel's name."""
    k, shape = channel("k"), {"file": "x.cell.nml"}
    return {
        "morphology": shape,
        "membrane": [
            {"mechanism": channel("na"), "in": "soma_group", "parameters": {"g": 0.12, "E": 50.0}, "name": "na_soma"},
            {"mechanism": k, "in": {"section": 0}, "parameters": {"g": 0.036, "E": -77.0}, "name": "k_soma"},
            {"mechanism": k, "in": "tree", "parameters": {"g": 0.002, "E": -77.0}, "name": "k_tree"},
            {"mechanism": "channels.nml/ca.nernst", "in": {"section": [1, 2]}, "parameters": {"g": 5e-5}, "name": "ca_tree"},
            {"mechanism": "passive", "parameters": {"g": 3e-4, "E": -54.3}},
            {"mechanism": "channels.nml/factor", "in": "tree", "parameters": {"start": 2e-4}},
        ],
        "capacitance": {"all": 1.0, "tree": 2.0},
        "resistivity": 150.0,
        "ions": {"ca": {"inside": 2e-4, "outside": 2.0}},
        "potential": -65.0,
    }


# -- a cell --------------------------------------------------------------------------------------------------------------


def test_a_cell_of_neuroml_is_the_cell_written_by_hand_to_the_bit(tmp_path):
    """Groups, densities, a concentration and the numbers of the cable, with channels named by paths into their file."""
    name = write(tmp_path)
    for site, more in ((None, "na_soma.m"), ({"section": 1, "at": 0.9}, "ca_i")):
        found, expected = (run(cell, tmp_path, "V", more, site=site) for cell in (name, by_hand("channels.nml/{}".format)))
        assert found[:, 0].max() > -20  # mV: it spikes, and the spike is seen on the dendrite
        np.testing.assert_array_equal(found, expected)


def test_channels_of_neuroml_are_channels_written_by_hand(tmp_path):
    """Other terms of the same equations: they part by rounding, which spikes make some thousand times larger."""
    head = "title: by hand\nkind: density\nparameters: {g: {unit: S/cm**2, default: 0}, E: {unit: mV, default: 0}}"
    for channel, text in SQUID_BY_HAND.items():
        (tmp_path / f"{channel}.yaml").write_text(head + text, encoding="utf-8")
    name = write(tmp_path)
    found, expected = (run(cell, tmp_path, "V") for cell in (name, by_hand("{}.yaml".format)))
    assert np.abs(found - expected).max() < 1e-9


def test_one_cell_of_several_is_named_behind_the_file(tmp_path):
    write_files(tmp_path)
    cell = read_cell_file("cells.nml/squid_cell", tmp_path, None)
    assert [item.title for item in cell.membrane] == ["d1", "d2", "l"]
    assert {name: ion.reversal for name, ion in cell.ions.items()} == {"na": 50.0, "k": -77.0}
    assert (cell.capacitance, cell.resistivity, cell.potential, cell.temperature) == (1.0, 100.0, -65.0, 6.3)
    with pytest.raises(CosimError, match="name one"):
        read_cell_file("cells.nml", tmp_path, None)


def test_the_temperature_is_that_of_a_network_in_the_file(tmp_path):
    path = tmp_path / write(tmp_path)
    network = '<network id="n" type="networkWithTemperature" temperature="34 degC"/></neuroml>'
    path.write_text(path.read_text(encoding="utf-8").replace("</neuroml>", network), encoding="utf-8")
    assert read_cell_file(path.name, tmp_path, None).temperature == 34.0


def test_densities_of_one_channel_in_one_place_add_up(tmp_path):
    half = '<channelDensity id="{}" ionChannel="k" condDensity="{} mS_per_cm2" erev="-77 mV" ion="k"/>'
    rest = '<specificCapacitance value="1 uF_per_cm2"/><initMembPotential value="-65 mV"/>'
    voltages = []
    for parts in ((("a", 5),), (("a", 2), ("b", 3))):
        write(tmp_path, "".join(half.format(*part) for part in parts) + rest)
        voltages.append(run("x.cell.nml", tmp_path, "V"))
    assert np.abs(voltages[0] - voltages[1]).max() < 1e-9  # mV; of rounding


@pytest.mark.parametrize(
    ("ends", "of_way"),
    [
        ("", lambda p: p),
        ('<proximal translationStart="0"/>', lambda p: p),  # the basal dendrite begins where the root does
        ('<proximal translationStart="5"/>', lambda p: p + 5),
        ('<proximal translationStart="0"/><distal normalizationEnd="1"/>', lambda p: p / 220),
    ],
)
def test_a_density_follows_the_way_from_the_root(tmp_path, ends, of_way):
    """The trunk begins 20 µm along it, the basal dendrite at 0, although both are 10 µm from the soma's centre."""
    text = "2 + 3 * exp(-p / 100)" if "normal" not in ends else "2 + 3 * p"
    along = f"""<channelDensityNonUniform id="k_along" ionChannel="k" erev="-77 mV" ion="k">
<variableParameter parameter="condDensity" segmentGroup="tree">
<inhomogeneousValue inhomogeneousParameter="way" value="{text}"/></variableParameter></channelDensityNonUniform>
<specificCapacitance value="1 uF_per_cm2"/>"""
    write(tmp_path, along, '<resistivity value="1 ohm_m"/>', SHAPE.format(ends=ends))
    anatomy = anatomy_of(read_cell_file("x.cell.nml", tmp_path, None))
    (placed,) = anatomy.membrane
    at, section = anatomy.compartments.at[placed.nodes], anatomy.compartments.section[placed.nodes]
    p = of_way(np.where(section == 1, 20 + 200 * at, 100 * at))
    expected = 2 + 3 * (p if "normal" in ends else np.exp(-p / 100))  # S/m²
    assert set(section) == {1, 2}
    assert placed.values["g"] == pytest.approx(expected, rel=1e-9)  # of shifts kept to a millionth of a µm


# -- a channel -----------------------------------------------------------------------------------------------------------


def cell_with(mechanism, **parameters):
    shape = {"branches": {"soma": {"length": 20.0, "diameter": 20.0}}}
    return {"morphology": shape, "membrane": [{"mechanism": mechanism, "parameters": parameters}]}


def test_a_mechanism_may_be_a_path_into_a_neuroml_file(tmp_path):
    """Behind dots the law and the ion."""
    (tmp_path / "channels.nml").write_text(CHANNELS, encoding="utf-8")
    for name, currents in {
        "k": {"k": "g * n**4 * (V - E)"},
        "leak.na": {"na": "g * (V - E)"},
        "leak.nernst.na": {"na": "g * (V - E_na)"},
    }.items():
        cell = Cell.model_validate(cell_with(f"channels.nml/{name}"), context={"folder": tmp_path})
        described = cell.membrane[0].description
        assert described.currents == currents, name
        assert described is cell.membrane[0].description


@pytest.mark.parametrize(
    ("mechanism", "told"),
    [
        ("nothing.nml/k", "nothing.nml/k' does not exist"),
        ("channels.nml/kk", "no channel or model of a concentration 'kk'"),
        ("channels.nml/k.ohmc", "there is no law 'ohmc'"),
        ("channels.nml", "channels and models of concentrations"),
    ],
)
def test_a_path_that_leads_nowhere_is_told(tmp_path, mechanism, told):
    (tmp_path / "channels.nml").write_text(CHANNELS, encoding="utf-8")
    with pytest.raises(ValidationError) as caught:
        Cell.model_validate(cell_with(mechanism), context={"folder": tmp_path})
    assert told in str(caught.value)


# -- faults --------------------------------------------------------------------------------------------------------------


def line_of(path, text):
    return path.read_text(encoding="utf-8").split(text)[0].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id="k_tree" ionChannel="k"', 'id="k_tree" ionChannel="kk"', "no ion channel 'kk'"),
        ('ion="k" segmentGroup="tree"', 'ion="k" segmentGroup="trees"', "no segment group 'trees'"),
        ('2 uF_per_cm2" segmentGroup="tree"', '2 uF_per_cm2" segmentGroup="trees"', "no segment group 'trees'"),
        ('id="k_tree"', 'id="k_soma"', "two densities are called 'k_soma'"),
        ('ionChannel="ca" condDensity="0.05', 'ionChannel="ca" condDensity="0.05e', "'0.05e"),
        ('<initMembPotential value="-65 mV"/>', '<initMembPotential value="-65 mA"/>', "mA"),
    ],
)
def test_what_is_not_right_with_a_cell_is_told_with_its_line(tmp_path, old, new, told):
    path = tmp_path / write(tmp_path, MEMBRANE.replace(old, new))
    assert new in path.read_text(encoding="utf-8")
    with pytest.raises(CosimError) as caught:
        read_cell_file(path.name, tmp_path, None)
    assert told in str(caught.value)
    last = path.read_text(encoding="utf-8").rpartition(new)[0].count("\n") + 1
    assert f"x.cell.nml:{last}: " in str(caught.value)


def test_a_current_that_follows_from_concentrations_needs_them(tmp_path):
    path = tmp_path / write(tmp_path, inside='<resistivity value="1 ohm_m"/>')
    with pytest.raises(CosimError, match="nothing says the concentrations of ca") as caught:
        read_cell_file(path.name, tmp_path, None)
    assert f"x.cell.nml:{line_of(path, 'ca_tree')}: " in str(caught.value)


def test_a_cell_of_several_compartments_needs_a_resistivity(tmp_path):
    write(tmp_path, inside=INSIDE.replace('<resistivity value="1.5 ohm_m"/>', ""))
    with pytest.raises(CosimError, match=r"x\.cell\.nml:3: cell 'x' has no resistivity"):
        read_cell_file("x.cell.nml", tmp_path, None)


def test_the_faults_of_a_scenario_name_the_file(tmp_path):
    write(tmp_path, MEMBRANE.replace('ionChannel="na"', 'ionChannel="nah"'))
    for cell, told in (("x.cell.nml", "no ion channel 'nah'"), ("y.cell.nml", "'y.cell.nml' does not exist")):
        with pytest.raises(ValidationError) as caught:
            Neurons.model_validate({"populations": {"cells": {"cell": cell}}}, context={"folder": tmp_path, "from_file": True})
        assert told in str(caught.value)


# -- cells of an installed package ---------------------------------------------------------------------------------------


def test_cells_of_the_worm_rest_at_the_reversal_potential_of_their_leak():
    """Every twentieth of 302; a leak of 0.025 mS/cm² to -65 mV in all of it, and nothing else."""
    found = importlib.util.find_spec("c302")
    if found is None or found.origin is None:
        pytest.skip("c302 is not installed")
    files = sorted((Path(found.origin).parent / "NeuroML2").glob("*.cell.nml"))[::20]
    params = Neurons.model_validate(
        {
            "populations": {file.name.partition(".")[0]: {"cell": file.name} for file in files},
            "record": {file.name.partition(".")[0] + "_v": {"of": file.name.partition(".")[0]} for file in files},
        },
        context={"folder": files[0].parent},
    )
    outputs = CompartmentalNeurons(params, Setup("worm", MS, 1)).advance(Window(0, MS), {})
    for name, population in params.populations.items():
        (leak,) = population.cell.membrane
        assert (leak.title, leak.parameters) == ("LeakConductance_all", {"g": 2.5e-5, "E": -65.0})
        assert population.cell.resistivity == 30.0
        assert outputs[f"{name}_v"].values == pytest.approx(-65.0, abs=1e-9)
