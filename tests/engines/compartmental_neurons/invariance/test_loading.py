"""A saved state goes into an engine of the same cells, and into no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cosim.sdk import CosimError, Spikes, Window
from tests.engines.compartmental_neurons.theory.cell_runs import build, neurons, ns, patch


def network(inputs=3, dt=25_000, g=0.12, **changes):
    """Two cells that hear of an input."""
    cell = patch(membrane=[{"mechanism": "hh", "parameters": {"g_na": g}}])
    synapses = {"s": {"mechanism": "exponential_synapse", "at": "soma"}}
    wires = {"p": {"from": "in", "to": "a", "synapses": "s", "weight": 0.01, "delay": ns(3)}}
    given = {"populations": {"a": {"size": 2, "cell": cell, "synapses": synapses}}, "projections": wires, "dt": dt,
             "inputs": {"in": {"kind": "spikes", "size": inputs}}, "record": {"v": {"of": "a"}}}  # fmt: skip
    return neurons(**given | changes)


def saved(params):
    """After 1 ms, with a spike of the last channel of the input on its way."""
    engine, window = build(params, 1.0), Window(0, ns(1))
    engine.advance(window, {"in": Spikes(window, np.array([ns(1)]), np.array([params.inputs["in"].size - 1], np.int32))})
    state = {key: np.array(value) for key, value in engine.save().items()}
    engine.close()
    return state


def refused(params, state):
    engine = build(params, 1.0)
    before = engine.save()
    with pytest.raises(CosimError) as caught:
        engine.load(state)
    after = engine.save()
    engine.close()
    assert all(np.array_equal(before[key], after[key]) for key in before | after)  # nothing of it was taken over
    assert caught.value.why
    assert caught.value.mend
    return str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [{"g": 0.0}, {"dt": 50_000}, {"inputs": 50}, {"solver": "crank_nicolson"}, {"projections": {}}],
    ids=["parameters", "dt", "channels", "solver", "synapses"],
)
def test_a_state_of_others_is_refused(changes):
    assert "of other cells" in refused(network(**changes), saved(network()))


def test_a_state_that_refers_to_synapses_that_are_not_there_is_refused():
    assert "of other cells" in refused(network(inputs=2), saved(network(inputs=50)))


@pytest.mark.parametrize("key", ["numbers", "print", "due_ns", "due_synapse"])
def test_a_state_without_a_part_is_refused(key):
    state = saved(network())
    del state[key]
    assert f"has no {key}" in refused(network(), state)


def test_a_state_of_the_same_cells_is_taken_whatever_the_threads_and_windows():
    state = saved(network())
    engine = build(network(threads=2), 5.0)
    engine.load(state)
    assert np.array_equal(engine.save()["numbers"], state["numbers"])
    found = engine.advance(Window(ns(1), ns(6)), {})["v"].values
    engine.close()
    assert found[:80].max() < found[120:].max()  # the spike on its way comes after 4 ms


def test_another_process_takes_a_state_for_its_own(tmp_path):
    """Addresses of code are others there."""
    state = saved(network())
    code = f"""
import numpy as np
from tests.engines.compartmental_neurons.invariance.test_loading import network, saved
np.save({str(tmp_path / "print.npy")!r}, saved(network())["print"])
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=Path(__file__).parents[4])
    assert np.array_equal(np.load(tmp_path / "print.npy"), state["print"])
