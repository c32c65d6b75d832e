"""The cell file against bmtk's own numbers, theory against itself and LFPykit, what the claims catch."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cosim
from cosim.api import find_scenario
from cosim.claims import load_beside
from cosim.sdk import Port, Samples, Segments, Space, Window
from cosim.sdk.loading import load_file
from engines.equations.quantities import number
from tests.conftest import skip_without_data

FOLDER = find_scenario("dendrite").parent
theory, alone = (load_file(FOLDER / file, file) for file in ("theory.py", "alone.py"))
MECHANISMS = {
    "Im": "k_m", "Ih": "hcn", "NaTs": "na_transient", "Nap": "na_persistent", "K_P": "k_persistent", "K_T": "k_transient",
    "SK": "k_sk", "Kv3_1": "k_v3", "Ca_HVA": "ca_hva", "Ca_LVA": "ca_lva", "CaDynamics": "ca_pool", "": "passive",
}  # fmt: skip
NAMES = {"gbar": ("g", "S/cm**2"), "g_pas": ("g", "S/cm**2"), "gamma": ("share", "1"), "decay": ("tau", "ms")}
REGIONS = {"soma": "soma", "axon": "axon", "dend": "basal", "apic": "apical"}


@pytest.fixture(scope="module")
def plan():
    skip_without_data("dendrite")
    return cosim.check("dendrite").plan


@pytest.fixture(scope="module")
def fit(plan):
    return json.loads((alone.bmtk() / "biophysical_neuron_models" / alone.FIT).read_text(encoding="utf-8"))


@pytest.fixture
def cell(plan):
    return plan.engines["cell"].params.populations["cell"].cell


def test_the_cell_file_has_the_numbers_of_the_fit(cell, fit):
    written = {
        (item.region, item.mechanism.stem, name): number(value, unit)
        for item in cell.membrane
        for name, value in item.parameters.items()
        for unit in [item.description.parameters[name].unit]
    }
    expected = {(region, "passive", "E"): fit["passive"][0]["e_pas"] for region in REGIONS.values()}
    for item in fit["genome"]:
        name, _ = NAMES[item["name"].removesuffix(f"_{item['mechanism']}")]
        expected[REGIONS[item["section"]], MECHANISMS[item["mechanism"]], name] = item["value"]
    assert written == expected
    assert cell.resistivity == fit["passive"][0]["ra"]
    assert (cell.potential, cell.temperature) == (fit["conditions"][0]["v_init"], fit["conditions"][0]["celsius"])
    assert {name: ion.reversal for name, ion in cell.ions.items()} == {"na": 53.0, "k": -107.0}


def test_every_region_has_the_capacitance_of_the_fit(cell, fit):
    from engines.compartmental_neurons.anatomy import anatomy_of

    anatomy = anatomy_of(cell)
    for item in fit["passive"][0]["cm"]:
        found = anatomy.capacitance[anatomy.regions.mask(REGIONS[item["section"]])]
        assert set(np.round(found / 0.01, 12)) == {item["cm"]}
    assert anatomy.regions.has_membrane.sum() == 264  # as README and cell.yaml say


def test_every_neuron_that_is_heard_has_a_synapse_of_its_own(plan):
    params, network = plan.engines["cell"].params, plan.engines["network"].params
    for projection in params.projections.values():
        sites = params.populations["cell"].synapses[projection.synapses].at.count
        assert sites == params.inputs[projection.source].size == network.populations[projection.source].size


def pieces():
    start = np.array([[0.0, 0, 0], [0, 0, 100], [30, 40, 100]])
    stop = np.array([[0.0, 0, 100], [30, 40, 100], [30, 40, 400]])
    return Segments(start, stop, np.array([3.0, 2.0, 1.0]))


def test_lines_added_up_by_hand_are_those_of_lfpykit():
    pytest.importorskip("lfpykit", reason="LFPykit is not installed")
    from couplers.extracellular import Extracellular

    places = [[5.0, 0, 50], [0.1, 0, 50], [0, 0, -80], [200, -90, 30], [30, 40, 700]]
    space = Space(("a", "b", "c"), segments=pieces())
    source = Port("membrane", "out", "samples", space, "membrane_current", "nA", dt_ns=1_000_000)
    into = Port("lfp", "in", "samples", Space(("contact",)))
    translator = Extracellular(source, into, Extracellular.Params(at=places, conductivity=0.4, unit="uV"))
    currents = np.array([0.3, -0.5, 0.2])
    expected = translator.translate(Samples(Window(0, 1_000_000), currents[None, :]), np.random.default_rng(0)).values[0]
    np.testing.assert_allclose(theory.field_of_lines(currents, pieces(), np.array(places), 0.4), expected, rtol=1e-9)


def test_from_afar_currents_are_a_dipole():
    """The next order falls as one over the distance: ten times as far, a tenth of the error."""
    currents, middles = np.array([0.3, -0.5, 0.2]), pieces().middles
    error = []
    for distance in (1e4, 1e5):
        place = distance * np.array([[0.6, 0, 0.8]])
        exact = theory.field_of_lines(currents, pieces(), place, 0.3)[0]
        error.append(abs(theory.field_of_dipole(currents, middles, place, 0.3)[0] / exact - 1))
    assert error[0] < 0.05
    assert error[0] / error[1] == pytest.approx(10, rel=0.2)


@pytest.fixture(scope="module")
def run(plan, tmp_path_factory):
    pytest.importorskip("lfpykit", reason="LFPykit is not installed")
    claims = load_beside(find_scenario("dendrite"), "claims.py", "ALONE")
    return cosim.run("dendrite", settings=claims, out=tmp_path_factory.mktemp("dendrite") / "run", transport="inline")


def claims_of(name, *args):
    return list(load_beside(find_scenario("dendrite"), "claims.py", name)(*args))


def test_a_volley_at_the_tuft_is_a_dipole_and_its_currents_sum_to_nothing(run):
    claims = [*claims_of("_currents", run), *claims_of("_reversal", run)]
    assert len(claims) == 4
    assert all(claim.holds for claim in claims), [claim for claim in claims if not claim.holds]


def test_a_medium_of_another_conductivity_is_caught(run, tmp_path):
    settings = load_beside(find_scenario("dendrite"), "claims.py", "ALONE")
    wrong = {"links.lfp.via": [{"extracellular": {"target": True, "conductivity": "0.31 S/m"}}]}
    other = cosim.run("dendrite", settings={**settings, **wrong}, out=tmp_path / "run", transport="inline")
    assert [claim.holds for claim in claims_of("_currents", other)] == [True, False]
