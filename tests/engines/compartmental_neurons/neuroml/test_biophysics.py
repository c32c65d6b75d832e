"""What NeuroML says of a cell's membrane: where channels are, how dense, with the lines of what is not right."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from neuroml_texts import CELLS, CHANNELS, HEAD, write_files

from cosim.sdk import CosimError
from engines.compartmental_neurons.mechanisms.biophysics import Along, read_biophysics
from engines.equations.expression import read

GROUPS = """
<segmentGroup id="soma_group"><member segment="0"/></segmentGroup>
<segmentGroup id="apical"><member segment="0"/>
    <inhomogeneousParameter id="by_path" variable="p" metric="Path Length from root"><proximal translationStart="0"/>
    </inhomogeneousParameter></segmentGroup>
"""


def cell(tmp_path, membrane, inside="", groups=GROUPS, named="biophysicalProperties"):
    """A file with a cell ``x`` beside the channels' file; the membrane begins at line 12."""
    (tmp_path / "channels.nml").write_text(CHANNELS, encoding="utf-8")
    path = tmp_path / "x.cell.nml"
    text = (
        HEAD.format(id="x")
        + f"""<include href="channels.nml"/>
<cell id="x">
<morphology id="m"><segment id="0" name="soma"><proximal x="0" y="0" z="0" diameter="20"/><distal x="20" y="0" z="0" diameter="20"/>
</segment>{"".join(groups.split(chr(10)))}</morphology>
<{named} id="b">
<membraneProperties>
{membrane}
</membraneProperties>
<intracellularProperties>{inside}<resistivity value="1.5 ohm_m"/></intracellularProperties>
</{named}>
</cell></neuroml>"""
    )
    path.write_text(text, encoding="utf-8")
    return path


def test_every_density_is_in_the_units_of_the_mechanism(tmp_path):
    """S/cm², mV, cm/s, whatever the file writes."""
    membrane = """<channelDensity id="a" ionChannel="na" condDensity="1200 S_per_m2" erev="0.05 V" segmentGroup="soma_group"/>
<channelDensity id="b" ionChannel="k" condDensity="36 mS_per_cm2" erev="-77 mV" ion="k"/>
<channelDensityNernst id="c" ionChannel="ca" condDensity="5e-4 S_per_cm2" ion="ca"/>
<channelDensityGHK id="d" ionChannel="ca" permeability="2 um_per_ms" ion="ca"/>
<channelDensityVShift id="e" ionChannel="shifted" condDensity="0.1 S_per_m2" erev="-80 mV" ion="k" vShift="-3 mV"/>"""
    a, b, c, d, e = read_biophysics(cell(tmp_path, membrane)).placements
    assert (a.group, a.ion, a.law, a.parameters) == ("soma_group", "na", "ohmic", {"g": 0.12, "E": 50.0})
    assert (b.group, b.parameters) == ("all", {"g": 0.036, "E": -77.0})
    assert (c.law, c.reversal, c.parameters) == ("nernst", None, {"g": 5e-4})
    assert (d.law, d.parameters) == ("ghk", {"permeability": 0.2})
    assert e.parameters == {"g": 1e-5, "E": -80.0, "vShift": -3.0}


def test_parameters_of_placements_are_those_of_their_mechanisms(tmp_path):
    write_files(tmp_path)
    for name in CELLS:
        biophysics = read_biophysics(tmp_path / "cells.nml", f"{name}_cell")
        for placed in (*biophysics.placements, *biophysics.species):
            assert placed.parameters.keys() <= biophysics.mechanism(placed).parameters.keys(), (name, placed)


def test_numbers_of_the_cable_come_by_group_in_the_order_of_the_file(tmp_path):
    membrane = """<specificCapacitance value="0.01 F_per_m2"/><specificCapacitance value="2 uF_per_cm2" segmentGroup="apical"/>
<initMembPotential value="-0.08 V"/><spikeThresh value="-20 mV"/>"""
    found = read_biophysics(cell(tmp_path, membrane))
    assert found.capacitance == (("all", 1.0), ("apical", 2.0))
    assert found.resistivity == (("all", 150.0),)
    assert (found.potential, found.threshold) == ((("all", -80.0),), (("all", -20.0),))


def test_a_density_that_differs_along_the_cell_is_an_expression_of_distance(tmp_path):
    """In S/cm²; the file's is in S/m². H is Heaviside's step."""
    membrane = """<channelDensityNonUniform id="a" ionChannel="k" erev="-77 mV" ion="k">
<variableParameter parameter="condDensity" segmentGroup="apical">
<inhomogeneousValue inhomogeneousParameter="by_path" value="5 * exp(-p/200) + 3 * H(p - 600)"/></variableParameter>
</channelDensityNonUniform>"""
    (placed,) = read_biophysics(cell(tmp_path, membrane)).placements
    assert isinstance(placed.density, Along)
    assert (placed.group, placed.density.metric, placed.density.start) == ("apical", "Path Length from root", 0.0)
    assert placed.parameters == {"E": -77.0}
    at = np.array([0.0, 200.0, 700.0])
    found = read(placed.density.expression).value({"distance": at})
    assert found == pytest.approx(1e-4 * (5 * np.exp(-at / 200) + 3 * (at > 600)), rel=1e-12)


def test_an_ion_has_its_concentrations_and_what_moves_it(tmp_path):
    species = '<species id="ca" ion="ca" concentrationModel="pool" initialConcentration="50 {}" initialExtConcentration="2 mM"/>'
    found = read_biophysics(cell(tmp_path, "", species.format("mM")))
    (calcium,) = found.species
    assert (calcium.ion, calcium.inside, calcium.outside, calcium.model) == ("ca", 50.0, 2.0, "pool")
    described = found.mechanism(calcium)
    assert described.kind == "ion"
    assert list(described.concentrations) == ["ca_i"]


def test_properties_may_stand_beside_the_cell(tmp_path):
    path = cell(tmp_path, '<channelDensity id="a" ionChannel="k" condDensity="1 S_per_m2" erev="-77 mV" ion="k"/>')
    text = path.read_text(encoding="utf-8")
    begin, end = text.index("<biophysicalProperties"), text.index("</biophysicalProperties>") + len("</biophysicalProperties>")
    moved = text[:begin] + text[end:].replace("</cell>", "</cell>" + text[begin:end])
    path.write_text(moved.replace('<cell id="x">', '<cell id="x" biophysicalProperties="b">'), encoding="utf-8")
    assert len(read_biophysics(path).placements) == 1


@pytest.mark.parametrize(
    ("membrane", "line", "what"),
    [
        ('<channelDensity id="a" ionChannel="kk" condDensity="1 S_per_m2" erev="-77 mV" ion="k"/>', 8, "no ion channel 'kk'"),
        ('<spikeThresh value="0 mV"/>\n<channelDensity id="a" ionChannel="k" erev="-77 mV" ion="k"/>', 9, "no condDensity"),
        ('<channelDensity id="a" ionChannel="k" condDensity="1 S_per_m2" ion="k"/>', 8, "no erev"),
        ('<channelDensity id="a" ionChannel="k" condDensity="1 S" erev="-77 mV" ion="k"/>', 8, "no conductanceDensity"),
        (
            '<channelDensityNernstCa2 id="a" ionChannel="ca" condDensity="1 S_per_m2" ion="ca"/>',
            8,
            "NernstCa2 is not",
        ),
        ('<channelDensity id="a" ionChannel="k" condDensity="1 S_per_m2" erev="0 mV" ion="k" segment="0"/>', 8, "on one segment"),
    ],
)
def test_what_is_not_right_with_a_membrane_is_told_with_its_line(tmp_path, membrane, line, what):
    with pytest.raises(CosimError, match=what) as caught:
        read_biophysics(cell(tmp_path, membrane))
    assert f"x.cell.nml:{line}" in str(caught.value)


def test_a_species_without_its_model_is_told_with_its_line(tmp_path):
    species = '<species id="ca" ion="ca" concentrationModel="pol" initialConcentration="1 mM" initialExtConcentration="2 mM"/>'
    with pytest.raises(CosimError, match="did you mean 'pool'") as caught:
        read_biophysics(cell(tmp_path, "", species))
    assert "x.cell.nml:10" in str(caught.value)


def test_a_cell_has_to_be_one_of_the_file(tmp_path):
    write_files(tmp_path)
    with pytest.raises(CosimError, match="name one"):
        read_biophysics(tmp_path / "cells.nml")
    with pytest.raises(CosimError, match="did you mean 'squid_cell'"):
        read_biophysics(tmp_path / "cells.nml", "squid_cel")
    with pytest.raises(CosimError, match="does not exist"):
        read_biophysics(tmp_path / "nothing.nml")


# -- cells of an installed package -------------------------------------------------------------------------------------


def test_all_cells_of_the_worm_have_their_membrane():
    """302 and the muscle: a leak of 0.025 mS/cm² to -65 mV, 1 µF/cm², 30 Ω cm, in every one."""
    found = importlib.util.find_spec("c302")
    if found is None or found.origin is None:
        pytest.skip("c302 is not installed")
    files = sorted((Path(found.origin).parent / "NeuroML2").glob("*.cell.nml"))
    assert len(files) >= 302
    for file in files[::10]:
        biophysics = read_biophysics(file)
        (leak,) = biophysics.placements
        assert (leak.group, leak.channel, leak.ion) == ("all", "LeakConductance", "nonspecific"), file.name
        assert leak.parameters == {"g": 2.5e-5, "E": -65.0}, file.name
        assert biophysics.mechanism(leak).currents == {"nonspecific": "g * (V - E)"}
        assert (biophysics.capacitance, biophysics.resistivity) == ((("all", 1.0),), (("all", 30.0),)), file.name
