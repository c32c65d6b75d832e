"""What holds for every model that comes with the engine, found by its file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines.point_neurons import PointNeurons
from engines.point_neurons.description import NeuronDescription, read_model, shipped
from tests.engines.point_neurons.running import Synapses, changes, circuit, run

SIZE = 70  # more than a block of lanes
WEIGHTS = {"mV": 2.0, "pA": 120.0, "nS": 6.0, "1": 0.3}
every = pytest.mark.parametrize("model", shipped())


def described(model: str) -> NeuronDescription:
    return read_model(shipped()[model])[0]


def spread(model: str) -> dict[str, Any]:
    """Parameters about their defaults, one value a neuron; times are left alone, for some are whole steps."""
    rng = np.random.default_rng(1)
    found = {
        name: (item.default * rng.uniform(0.95, 1.05, SIZE)).tolist()
        for name, item in described(model).parameters.items()
        if item.default and item.unit != "ms"
    }
    return found | ({"rate": rng.uniform(0, 2000, SIZE).tolist()} if model == "poisson_generator" else {})


def network(model: str) -> dict[str, Any]:
    """Neurons with background and partners at every receptor."""
    rng, synapses, background = np.random.default_rng(2), [], {}
    for k, (name, receptor) in enumerate(described(model).receptors.items()):
        share = 0.05 if k else 1.0  # less inhibition than excitation
        weight, rate, count = WEIGHTS[receptor.weight], 8000.0 * share, 4 * SIZE
        if described(model).spike.repeats is not None:  # else spikes would breed without end
            weight, rate, count = 1.0, 200.0, 1
        weight *= -1.0 if receptor.sign == "negative" else 1.0
        pairs = [(a, b) for a, b in rng.integers(0, SIZE, (count, 2)).tolist()]
        synapses.append(Synapses("neurons", pairs, weight, 0.7, name))
        background[name] = {"rate": rate, "weight": weight, "receptor": name}
    return circuit(model, SIZE, spread(model), synapses=synapses, poisson=background)


def currents(model: str, steps: int) -> dict[str, Any]:
    """(steps, neurons) that make neurons spike, where they take any."""
    item = described(model).inputs.get("current")
    if item is None:
        return {}
    mean = 20.0 if model == "izhikevich" else 1200.0 if item.unit == "pA" else 12.0
    return {"current": mean * np.random.default_rng(3).uniform(0.9, 1.2, (1, SIZE)) * np.ones((steps, 1))}


@every
def test_windows_threads_and_a_saved_state_change_no_bit(model: str) -> None:
    given, played = network(model), currents(model, 600)
    assert len(run(60, played, **given).times_ms()) > 30
    assert changes(60, 0.5, played, **given) == []


@pytest.mark.parametrize("model", [name for name in shipped() if "current" in described(name).inputs])
def test_a_neuron_among_others_is_as_it_is_alone(model: str) -> None:
    """With parameters and a current of its own. Random spikes are drawn by a neuron's number: there the first one is looked at."""
    played, parameters = currents(model, 400), spread(model)
    together = run(40, played, **circuit(model, SIZE, parameters))
    counts = np.bincount(together.spikes.channels, minlength=SIZE)
    for neuron in (0,) if described(model).spike.is_random else (0, 63, 64, 69):
        mine = {name: [values[neuron]] for name, values in parameters.items()}
        alone = run(40, {"current": played["current"][:, [neuron]]}, **circuit(model, 1, mine))
        assert counts[neuron] > 0
        assert np.array_equal(alone.times_ms(), together.times_ms(neuron))
        for state in described(model).states:
            assert np.array_equal(alone[state][:, 0], together[state][:, neuron])


@every
def test_it_is_told_in_words_with_its_sources(model: str) -> None:
    told = PointNeurons.describe_model(model)
    assert told.startswith(described(model).title)
    assert described(model).references or model == "parrot"
    for name in (*described(model).states, *described(model).parameters, *described(model).receptors):
        assert name in told
