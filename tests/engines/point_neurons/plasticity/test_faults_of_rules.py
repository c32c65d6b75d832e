"""What is refused before anything is built, and how it is told."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cosim.sdk import CosimError
from cosim.sdk.errors import ScenarioError
from engines.point_neurons import Network, PointNeurons
from engines.point_neurons.plasticity.lines import line_faults
from engines.point_neurons.plasticity.rule import Modulated, Rule, Trace
from tests.engines.point_neurons.running import build

STDP = {"rule": "stdp", "w_max": "2 pA"}
PLAIN = {"from": "a", "to": "b", "rule": "fixed_indegree", "indegree": 3, "weight": "1 pA", "plasticity": STDP}


def network(weights=None, **changed):
    return {
        "populations": {"a": {"model": "parrot", "size": 5}, "b": {"model": "iaf_psc_exp", "size": 4}},
        "projections": {"p": PLAIN | changed, "static": {"from": "a", "to": "b", "weight": "1 pA"}},
        "inputs": {"spikes_in": {"kind": "spikes", "size": 5}, "reward": {"kind": "modulator"}},
        "weights": weights or {},
    }


def told(given):
    """All faults, as text."""
    with pytest.raises(CosimError) as caught:
        PointNeurons.ports(Network(**given))
    faults = caught.value.faults if isinstance(caught.value, ScenarioError) else [caught.value]
    return "\n".join(map(str, faults))


def test_a_sound_network_is_taken():
    assert PointNeurons.ports(Network(**network()))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"delay": {"uniform": ["1 ms", "2 ms"]}}, ("params.projections.p.plasticity", "one delay", "a projection of each delay")),
        ({"weight": "3 pA"}, ("weights begin at 3 pA", "between w_min = 0 pA and w_max = 2 pA")),
        ({"weight": {"normal": ["1.5 pA", "0.1 pA"]}}, ("weights begin from", "give low and high")),
        ({"plasticity": STDP | {"w_max": "0 pA"}}, ("w_min and w_max are both 0",)),
        ({"plasticity": STDP | {"w_max": "2 mV"}}, ("params.projections.p.", "plasticity.w_max: mV cannot be converted to pA")),
        ({"plasticity": STDP | {"w_max": "-2 pA"}}, ("both signs",)),
        (
            {"plasticity": {"rule": "stdp_reward", "w_max": "2 pA", "modulator": "rewad"}},
            ("there is no modulator 'rewad'", "did you mean 'reward'?"),
        ),
    ],
)
def test_projections_that_cannot_learn_are_refused(changed, expected):
    text = told(network(**changed))
    assert [piece for piece in expected if piece not in text] == [], text


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"projection": "q"}, ("params.weights.w", "there is no projection 'q'")),
        ({"projection": "static"}, ("static is not plastic",)),
        ({"projection": "p", "of": "eligibility"}, ("its rule has no 'eligibility'", "weight")),
        ({"projection": "p", "synapses": [(5, 0)]}, ("a has no neuron 5", "it has 5, counted from 0")),
        ({"projection": "p", "synapses": [(0, 4)]}, ("b has no neuron 4",)),
        ({"projection": "p", "synapses": [(0, 1), (0, 1)]}, ("a pair is named twice",)),
        ({"projection": "p", "synapses": []}, ("nothing is chosen",)),
        ({"projection": "p", "every": 250_000}, ("250 us is not a whole number of 100 us steps", "nearest: 200 us, 300 us")),
    ],
)
def test_records_of_what_is_not_there_are_refused(record, expected):
    text = told(network({"w": record}))
    assert [piece for piece in expected if piece not in text] == [], text


def test_names_of_ports_are_used_once():
    assert "the name 'reward' is taken" in told(network({"reward": {"projection": "p"}}))


def test_synapses_left_to_chance_have_no_channels_of_their_own():
    given = network({"w": {"projection": "p", "synapses": "all"}}, rule="bernoulli", probability=0.5, indegree=None)
    text = told(given)
    assert "not all synapses can have a channel" in text
    assert "synapses: mean" in text


def test_a_pair_without_synapse_is_told_when_it_is_known():
    given = network({"w": {"projection": "p", "synapses": [(1, 2)]}}, rule="list", indegree=None, pairs=[(0, 0)])
    with pytest.raises(CosimError, match="neuron 1 has no synapse onto 2"):
        build(**given)


def test_spikes_from_elsewhere_need_a_delay():
    given = network(**{"from": "spikes_in"})
    with pytest.raises(CosimError, match="plastic synapses would act at once"):
        build(**given)
    build(delays_ms={"spikes_in": 0.1}, **given).close()


@pytest.mark.parametrize(
    "plasticity",
    [
        {"rule": "stdp", "w_max": 1.0, "lambda": 0.1, "A_plus": 0.1, "A_minus": 0.1},
        {"rule": "stdp", "w_max": 1.0, "A_plus": 0.1},
        {"rule": "stdp", "w_max": 1.0, "tau_plus": 0.0},
        {"rule": "stdp"},
        {"rule": "stdp_reward", "w_max": 1.0},
        {"rule": "tsodyks_markram", "U": 1.5},
        {"rule": "hebb", "w_max": 1.0},
        {"rule": "./nowhere.py:Hebb", "w_max": 1.0},
    ],
)
def test_parameters_out_of_range_are_refused(plasticity):
    with pytest.raises(ValidationError):
        Network(**network(plasticity=plasticity))


SOUND = {"constants": {"a": 1.0}, "pre": {"r": Trace(10.0)}, "post": {"o": Trace(10.0)}}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"on_post": ("w = w + a * q",)}, "on_post uses 'q', which is nothing there"),
        ({"on_post": ("w = w +",)}, "on_post cannot be read"),
        ({"on_post": ("w = w + r",), "states": ("a",)}, "two meanings for 'a'"),
        ({"on_post": ("w = w + r",), "constants": {"delay": 1.0}}, "cannot call something 'delay'"),
        ({"on_post": ("w = w + r",), "constants": {"now_r": 1.0}}, "cannot call something 'now_r'"),
        ({"on_pre": ("w = w - dose",)}, "on_pre uses 'dose'"),
        ({"on_pre": ("w = w - o",), "between": ("w = w * r",)}, "between uses 'r'"),
        ({"on_pre": ("w = w - o",), "lag_ms": 2.0}, "lag_ms goes with between alone"),
        ({"between": ("w = w * r",), "modulated": Modulated("m", 10.0, 0.0)}, "between alone moves w by traces"),
        ({"on_spike": ("x = 0.0",), "source_states": {"x": 1.0}}, "on_spike sets no efficacy"),
    ],
)
def test_lines_of_rules_are_read_before_they_are_compiled(changed, expected):
    told_of = [fault.what for fault in line_faults(Rule(**(SOUND | changed)))]
    assert any(expected in what for what in told_of), told_of


def test_sound_lines_have_no_faults():
    rule = Rule(**SOUND, on_post=("step = a * r", "w = w + step * exp(-w)"), on_pre=("w = w - min(o, 1.0)",))
    assert list(line_faults(rule)) == []
