"""The microcircuit: its tables, what scaling keeps, the network that comes of it, and scales that are refused."""

from __future__ import annotations

import numpy as np
import pytest

import cosim
from cosim.api import find_scenario
from cosim.scenario.registry import find
from cosim.sdk import CosimError
from cosim.sdk.contract import EngineContract
from engines.equations.quantities import number
from scenarios.microcircuit import tables
from scenarios.microcircuit.measures import Activity
from scenarios.microcircuit.microcircuit import Scale, network
from scenarios.microcircuit.tables import circuit

ENGINE = find("engine", "./microcircuit.py:Microcircuit", find_scenario("microcircuit").parent)
POPULATIONS = list(tables.POPULATIONS)


def test_the_whole_circuit_has_77_169_neurons_and_0_3_billion_synapses():
    whole = circuit()
    assert whole.sizes.sum() == 77_169
    assert whole.synapses.sum() == pytest.approx(2.99e8, rel=1e-3)
    assert np.abs(whole.current_pa).max() < 1e-12  # nothing is lost


def test_pairs_have_a_synapse_with_the_probability_of_the_table():
    """With replacement: 1 - (1 - 1/pairs)^synapses."""
    pairs = np.outer(tables.SIZES, tables.SIZES).astype(float)
    found = -np.expm1(circuit().synapses * np.log1p(-1 / pairs))
    np.testing.assert_allclose(found, tables.PROBABILITY, atol=1e-6)


def test_a_weight_of_87_8_pa_makes_a_potential_of_0_15_mv():
    """C dV/dt = -C V/tau_m + w e^(-t/tau_syn), its largest value on a fine grid."""
    times = np.linspace(0, 10, 100_001)
    tau, syn = tables.MEMBRANE_MS, tables.SYNAPSE_MS
    weight = tables.weight_pa(tables.PEAK_MV)
    potential = weight / tables.CAPACITY_PF * tau * syn / (tau - syn) * (np.exp(-times / tau) - np.exp(-times / syn))
    assert weight == pytest.approx(87.8085, abs=1e-4)
    assert potential.max() == pytest.approx(0.15, abs=1e-8)


@pytest.mark.parametrize("background", ["poisson", "dc"])
@pytest.mark.parametrize("share", [0.1, 0.37])
def test_scaling_keeps_the_mean_and_the_variance_of_what_a_neuron_hears(share, background):
    """At the rates of the whole circuit."""
    mean, variance = _heard(circuit(1.0, share, background))
    expected_mean, expected_variance = _heard(circuit(1.0, 1.0, background))
    np.testing.assert_allclose(mean, expected_mean, atol=0.01)  # pA of some 200; synapses are whole
    np.testing.assert_allclose(variance, expected_variance, rtol=1e-4)


def _heard(found):
    """(8,) mean current in pA, and variance in pA² but for a factor."""
    indegrees = found.synapses / found.sizes[:, None]
    arriving = (indegrees * found.weights_pa) @ tables.RATES_HZ + found.outside_hz * found.outside_pa
    squares = (indegrees * found.weights_pa**2) @ tables.RATES_HZ + found.outside_hz * found.outside_pa**2
    return np.array([arriving * tables.SYNAPSE_MS / 1e3 + found.current_pa, squares])


def test_the_network_is_that_of_the_tables():
    built, found = network(Scale()), circuit(0.1, 0.1)
    assert list(built.populations) == POPULATIONS
    assert [population.size for population in built.populations.values()] == found.sizes.tolist()
    assert len(built.projections) == np.count_nonzero(tables.PROBABILITY) == 55
    for projection in built.projections.values():
        t, s = POPULATIONS.index(projection.target), POPULATIONS.index(projection.source)
        assert projection.number == found.synapses[t, s]
        mean, deviation = (number(value, "pA") for value in projection.weight.normal)
        assert (mean, deviation) == pytest.approx((found.weights_pa[t, s], abs(found.weights_pa[t, s]) / 10))
        assert mean * (1 if projection.source.endswith("E") else -1) > 0
    doubled = built.projections["L4E_L23E"].weight.normal[0]
    assert number(doubled, "pA") == pytest.approx(2 * 87.8085 / np.sqrt(0.1), rel=1e-5)


class TestRefusals:
    @pytest.mark.parametrize("share", [0.1, 0.19])
    def test_a_constant_background_of_few_synapses(self, share):
        with pytest.raises(CosimError) as raised:
            ENGINE.ports(ENGINE.Params(neurons=0.1, indegrees=share, background="dc"))
        assert "fall silent" in raised.value.why
        assert "poisson" in raised.value.mend

    def test_a_constant_background_of_many_is_none(self):
        assert ENGINE.ports(ENGINE.Params(neurons=0.01, indegrees=0.2, background="dc"))

    def test_a_scale_that_leaves_no_neurons(self):
        with pytest.raises(CosimError, match="leave none in L5I"):
            ENGINE.ports(ENGINE.Params(neurons=0.0003))

    def test_it_is_told_where_it_was_written(self):
        (fault,) = cosim.check("microcircuit", {"engines.circuit.params.background": "dc"}).faults
        assert fault.where.endswith("engines.circuit.params.background")
        assert "0.1 of its in-degrees" in fault.what


def test_its_thalamus_is_an_input_whose_in_degrees_are_not_scaled():
    built = network(Scale(thalamus=True))
    assert built.inputs["thalamus"].size == 902
    found = {name: p for name, p in built.projections.items() if p.source == "thalamus"}
    assert {p.target for p in found.values()} == {"L4E", "L4I", "L6E", "L6I"}
    indegree = found["thalamus_L4E"].number / built.populations["L4E"].size
    assert indegree == pytest.approx(-902 * np.log1p(-0.0983), rel=1e-3)
    assert number(found["thalamus_L4E"].weight.normal[0], "pA") == pytest.approx(87.8085, abs=1e-4)


class TestMicrocircuit(EngineContract):
    engine = ENGINE
    params = ENGINE.Params(neurons=0.01, indegrees=0.1, thalamus=True, record={"potential": {"L4E": [0, 1]}})
    bad_params = ({"neurons": 0}, {"indegrees": 2}, {"background": "dc"}, {"start": "somehow"})
    one_window_ms, many_windows_ms = 20, 1


class TestMeasures:
    def test_of_independent_poisson_neurons_synchrony_is_1_and_the_cv_nearly(self):
        rng, sizes = np.random.default_rng(1), [100] * 8
        count = rng.poisson(800 * 30.0 * 4)
        found = Activity.of(rng.uniform(0, 4000, count), rng.integers(0, 800, count), sizes, 0.0, 4000.0)
        np.testing.assert_allclose(found.rates_hz(), 30.0, rtol=0.05)
        np.testing.assert_allclose(found.synchrony(), 1.0, atol=0.15)
        np.testing.assert_allclose(found.irregularity(), 1.0, atol=0.05)

    def test_of_neurons_in_step_the_counts_are_all_or_none(self):
        times = np.tile(np.arange(30.0, 3001.0, 30.0), 80)
        found = Activity.of(times, np.repeat(np.arange(80), 100), [10] * 8, 0.0, 3000.0)
        np.testing.assert_allclose(found.irregularity(), 0.0, atol=1e-6)
        np.testing.assert_allclose(found.synchrony(), 9.0)  # 10 in one bin of ten: 9 / 1
