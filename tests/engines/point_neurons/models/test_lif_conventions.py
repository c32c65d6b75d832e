"""All leaky integrate-and-fire models: on which grid point what acts, refractoriness, and what results may not depend on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.engines.point_neurons.models.lif import LIFS, Lif, busy, onto
from tests.engines.point_neurons.running import Run, Synapses, changes, circuit, run

every = pytest.mark.parametrize("lif", LIFS, ids=str)
STRONG = 2000.0  # pA


def potentials(found: Run, neuron: int = 0) -> np.ndarray:
    return found["V"][:, neuron]


# -- what results may not depend on ------------------------------------------------------------------------------------------------


@every
def test_windows_threads_and_saved_states_change_no_bit(lif: Lif) -> None:
    network, played = busy(lif)
    found = run(100, played, **network)
    assert all(len(found.times_ms(k)) > 3 for k in range(5))
    assert changes(100, 0.5, played, **network) == []


@every
def test_neurons_with_parameters_of_their_own_are_those_one_by_one(lif: Lif) -> None:
    network, played = busy(lif)
    del network["projections"]["s6"]  # they hear trains, not each other
    together = run(60, {"current": played["current"][:600]}, **network)
    for k in range(5):
        parameters = {name: values[k] for name, values in network["populations"]["neurons"]["parameters"].items()}
        alone = {**network, "populations": dict(network["populations"]), "projections": dict(network["projections"])}
        alone["populations"]["neurons"] = circuit(lif.name, 1, parameters)["populations"]["neurons"]
        for name, projection in alone["projections"].items():
            pairs = [(source, 0) for source, target in projection["pairs"] if target == k]
            alone["projections"][name] = {**projection, "pairs": pairs}
        single = run(60, {"current": played["current"][:600, k]}, **alone)
        assert np.array_equal(single.times_ms(0), together.times_ms(k))
        for state in network["record"]:
            assert np.array_equal(single[state][:, 0], together[state][:, k])


@every
def test_one_value_for_all_neurons_is_that_value_for_each(lif: Lif) -> None:
    """The code differs, the bits do not: constants of all are numbers, those of each stand in blocks."""
    network, played = busy(lif, size=2)
    for_each = {name: [values[0]] * 2 for name, values in network["populations"]["neurons"]["parameters"].items()}
    for_all = {name: values[0] for name, values in for_each.items()}
    found = []
    for parameters in (for_each, for_all):
        network["populations"]["neurons"]["parameters"] = parameters
        found.append(run(60, {"current": played["current"][:600]}, **network))
    assert len(found[0].times_ms(0)) > 3
    assert found[0].differs(found[1]) == []


@every
def test_a_distribution_is_the_list_of_its_draws(lif: Lif) -> None:
    network = circuit(lif.name, 7, {"I_e": 700.0})
    neurons = network["populations"]["neurons"]
    neurons["parameters"]["V_th"] = {"uniform": [-58.0, -52.0]}
    drawn = run(50, {"current": np.zeros(500)}, **network)
    again = run(50, {"current": np.zeros(500)}, **network)
    other = run(50, {"current": np.zeros(500)}, seed=2, **network)
    assert len(np.unique([drawn.times_ms(k)[0] for k in range(7)])) > 3
    assert drawn.differs(again) == []
    assert "spikes" in drawn.differs(other)


# -- when what acts ----------------------------------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("delay_ms", [0.1, 0.4, 2.0])
def test_a_spike_acts_from_its_delay_on(lif: Lif, delay_ms: float) -> None:
    """A jump of the potential is there at the arrival; a current or a conductance begins there, and V moves in the step after."""
    network = circuit(lif.name, 1, trains=[[1.0]], synapses=[onto(lif, delay_ms=delay_ms)])
    found = run(5, **network)
    arrival = round((1.0 + delay_ms) / 0.1)
    first = {state: int(np.flatnonzero(found[state][:, 0] != found[state][0, 0])[0]) + 1 for state in moved(network)}
    assert min(first.values()) == arrival
    assert first["V"] == (arrival if lif.name == "iaf_psc_delta" else arrival + 1)


def moved(network: dict[str, Any]) -> list[str]:
    """States that excitation moves."""
    return [state for state in network["record"] if not state.endswith("_in")]


@every
def test_spikes_that_arrive_together_add_up(lif: Lif) -> None:
    """Two of one train, one of another after a longer delay: as one of three times the weight."""
    several = circuit(lif.name, 1, trains=[[3.0, 3.0], [2.0]], synapses=[onto(lif, delay_ms=0.5), onto(lif, train=1, delay_ms=1.5)])
    once = circuit(lif.name, 1, trains=[[3.0], [2.0]], synapses=[onto(lif, times=3.0, delay_ms=0.5)])
    first, second = run(10, **several), run(10, **once)
    assert first["V"].max() > -69.9
    for state in several["record"]:
        scale = np.abs(second[state]).max()
        assert first[state] == pytest.approx(second[state], abs=1e-11 * scale)  # weights are kept to 2^-41 of the largest


@every
def test_a_spike_between_grid_points_acts_at_the_later_one(lif: Lif) -> None:
    on, before = (run(5, **circuit(lif.name, 1, trains=[[at]], synapses=[onto(lif, delay_ms=0.5)])) for at in (1.0, 0.93))
    assert [name for name in before.differs(on) if name != "spikes"] == []  # which are of the trains too


@every
def test_a_drive_acts_over_the_step_of_its_row(lif: Lif) -> None:
    """From rest, V moves in the very step of the first row that is not 0, as closed forms have it: u (1 - e^(-h/tau))."""
    current = np.zeros(100)
    current[30:60] = 200.0
    network = circuit(lif.name, 1)
    v = potentials(run(10, {"current": current}, **network)) + 70.0
    tau = 250.0 / 16.6667 if "cond" in lif.name else 10.0  # ms
    top = 200.0 * tau / 250.0
    assert np.all(v[:30] == 0.0)
    steps = np.arange(1, 31)
    off = 70 * (0.1 / tau) ** 5 / 120 * top if "cond" in lif.name else 0.0  # what rk4 leaves out of a step's exponential, 70 times
    assert v[30:60] == pytest.approx(top * -np.expm1(-0.1 * steps / tau), abs=off + 1e-12)
    assert v[60:] == pytest.approx(v[59] * np.exp(-0.1 * np.arange(1, 41) / tau), abs=off + 1e-12)


@every
def test_a_drive_is_a_constant_current(lif: Lif) -> None:
    by_port = run(50, {"current": np.full(500, 600.0)}, **circuit(lif.name))
    by_parameter = run(50, **circuit(lif.name, 1, {"I_e": 600.0}))
    assert len(by_port.times_ms()) > 2
    assert np.array_equal(by_port.times_ms(), by_parameter.times_ms())
    assert by_port["V"] == pytest.approx(by_parameter["V"], rel=1e-12)


# -- refractoriness ------------------------------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("t_ref", [0.0, 0.1, 2.0])
def test_a_neuron_stands_at_its_reset_for_the_refractory_time(lif: Lif, t_ref: float) -> None:
    """The step of the spike ends at the reset, t_ref later V leaves it; a spike in every step where there is no such time."""
    found = run(20, **circuit(lif.name, 1, {"t_ref": t_ref, "I_e": 40.0 * STRONG, "V_reset": -65.0}))
    times = np.rint(found.times_ms() / 0.1).astype(int)
    assert np.array_equal(np.diff(times), np.full(len(times) - 1, round(t_ref / 0.1) + 1))
    assert np.all(potentials(found)[times[0] - 1 :] == potentials(found)[times[0] - 1])
    assert potentials(found)[-1] == pytest.approx(-65.0, abs=1e-13)
    slower = run(20, **circuit(lif.name, 1, {"t_ref": t_ref, "I_e": STRONG, "V_reset": -65.0}))
    for step in np.rint(slower.times_ms() / 0.1).astype(int)[:3]:
        still = round(t_ref / 0.1)
        v = potentials(slower)
        assert np.all(v[step - 1 : step + still] == v[step - 1])
        assert v[step - 1] == pytest.approx(-65.0, abs=1e-13)
        assert v[step + still] > v[step - 1]


@every
def test_what_arrives_in_a_refractory_neuron_is_lost_to_the_potential_but_not_to_synapses(lif: Lif) -> None:
    """Of two equal neurons one gets a spike while refractory. With delta synapses nothing is left of it; others go on to decay."""
    slow = {"t_ref": 10.0} | ({} if lif.name == "iaf_psc_delta" else {"tau_syn_ex": 2.0})
    fire = Synapses("trains", [(0, 0), (0, 1)], 40 * lif.excitatory[0], 0.1, lif.excitatory[1])
    network = circuit(lif.name, 2, slow, trains=[[5.0], [8.0]], synapses=[fire, onto(lif, 1, 1)])
    found = run(40, **network)
    fired = [round(found.times_ms(k)[0] / 0.1) for k in (0, 1)]
    assert fired[0] == fired[1] < 80
    v, free = found["V"], fired[0] + 100
    assert np.all(v[fired[0] - 1 : free] == v[fired[0] - 1, 0])
    if lif.name == "iaf_psc_delta":
        assert np.array_equal(v[:, 0], v[:, 1])
        return
    for state in moved(network):
        arrived = found[state][81:free, 1] - found[state][81:free, 0]
        assert np.all(arrived > 0.0) if state != "V" else not arrived.any()
    assert v[free, 1] > v[free, 0]


@every
def test_spikes_reach_others_after_their_delay(lif: Lif) -> None:
    """A ring of three, of which the first is driven: each fires some steps after its neighbour's spike has arrived."""
    weight, receptor = lif.excitatory
    strong = 60.0 * weight
    ring = [Synapses("neurons", [(0, 1), (1, 2)], strong, 3.0, receptor), Synapses("trains", [(0, 0)], strong, 1.0, receptor)]
    found = run(30, **circuit(lif.name, 3, trains=[[1.0]], synapses=ring))
    first = [found.times_ms(k)[0] for k in range(3)]
    latency = first[0] - 2.0  # from arrival to spike
    assert (latency == 0.0) == (lif.name == "iaf_psc_delta")
    assert np.diff(first) == pytest.approx([3.0 + latency] * 2, abs=1e-9)


@every
def test_inhibition_goes_to_its_own_receptor(lif: Lif) -> None:
    weight, receptor = lif.inhibitory
    found = run(20, **circuit(lif.name, 1, trains=[[1.0]], synapses=[Synapses("trains", [(0, 0)], weight, 0.1, receptor)]))
    assert found["V"].min() < -70.1
    assert found["V"].max() <= -70.0 + 1e-12
    assert all(not found[state].any() for state in moved(circuit(lif.name)) if state != "V")


@every
def test_a_neuron_at_rest_stays_there(lif: Lif) -> None:
    found = run(20, **circuit(lif.name, 1, {"E_L": -64.7}))
    assert found["V"] == pytest.approx(-64.7, abs=2e-13)
    assert math.isclose(found["V"][0, 0], found["V"][-1, 0], rel_tol=1e-14)
