"""A checkpoint, taken at any time, with spikes on their way, goes on in a new engine as if nothing had happened."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.sdk import CosimError, Window
from tests.engines.compartmental_neurons.invariance.busy_network import busy, played
from tests.engines.compartmental_neurons.theory.cell_runs import advance, build, joined, ns, one, patch, payload_of, run

UNTIL_MS, STEP_MS = 12.0, 0.1


@pytest.fixture(scope="module", params=["backward_euler", "crank_nicolson"])
def uncut(request):
    """A network, what goes into it, and what comes out of it in one go."""
    params = busy(solver=request.param)
    inputs = played(params, UNTIL_MS)
    return params, inputs, run(params, UNTIL_MS, played=inputs)


def resumed(params, inputs, stops_ms, window_ms=STEP_MS, **changes):
    """Saved and loaded into a new engine at every stop; ``changes`` are of every second engine."""
    payloads = {name: payload_of(values, Window(0, ns(UNTIL_MS))) for name, values in inputs.items()}
    state, parts, start = None, [], 0
    for number, stop in enumerate([*stops_ms, UNTIL_MS]):
        engine = build(busy(solver=params.solver, **changes) if number % 2 else params, window_ms)
        if state is not None:
            engine.load(state)
        while start < ns(stop):
            parts.append(advance(engine, Window(start, start + ns(window_ms)), payloads))
            start += ns(window_ms)
        state = {key: np.array(value) for key, value in engine.save().items()}
        engine.close()
    return joined(params, parts), state


def test_saved_at_odd_times_it_goes_on_bit_for_bit(uncut):
    params, inputs, whole = uncut
    stops = [0.1, 2.9, 3.0, 7.7]
    found, _ = resumed(params, inputs, stops)
    assert found.is_the_same_as(whole)
    assert len(whole.spikes) > 8


def test_spikes_on_their_way_are_part_of_a_checkpoint(uncut):
    """After the first spikes of the network some are due later; without them the course is another."""
    params, inputs, whole = uncut
    payloads = {name: payload_of(values, Window(0, ns(UNTIL_MS))) for name, values in inputs.items()}
    engine = build(params, 4.0)
    advance(engine, Window(0, ns(4)), payloads)
    state = engine.save()
    engine.close()
    assert len(state["due_ns"]) > 1
    assert (state["due_ns"] > ns(4) - params.dt // 2).all()
    forgot = build(params, 4.0)
    forgot.load(state | {"due_ns": state["due_ns"][:0], "due_synapse": state["due_synapse"][:0]})
    other = advance(forgot, Window(ns(4), ns(8)), payloads)["v"].values
    forgot.close()
    assert not np.array_equal(other, whole["v"][160:320])


@settings(max_examples=2, deadline=None, derandomize=True)
@given(st.sets(st.integers(1, 119), min_size=1, max_size=4))
def test_saved_anywhere_it_goes_on(stops):
    params = busy()
    inputs = played(params, UNTIL_MS)
    found, _ = resumed(params, inputs, [stop * STEP_MS for stop in sorted(stops)])
    assert found.is_the_same_as(run(params, UNTIL_MS, 1.5, inputs))


def test_a_checkpoint_goes_on_with_other_threads_and_windows(uncut):
    params, inputs, whole = uncut
    found, _ = resumed(params, inputs, [2.0, 9.0], 0.5, threads=2)
    assert found.is_the_same_as(whole)


def test_saving_changes_nothing_and_a_state_is_a_copy(uncut):
    params, inputs, whole = uncut
    payloads = {name: payload_of(values, Window(0, ns(UNTIL_MS))) for name, values in inputs.items()}
    engine, parts = build(params, 3.0), []
    for start in range(0, ns(UNTIL_MS), ns(3)):
        parts.append(advance(engine, Window(start, start + ns(3)), payloads))
        for value in engine.save().values():
            value[...] = -1
    engine.close()
    assert joined(params, parts).is_the_same_as(whole)


def test_a_checkpoint_of_other_cells_is_refused():
    first, second = build(one(patch()), 1.0), build(one(patch(), record={"v": {"of": "a", "value": "membrane_current"}}), 1.0)
    with pytest.raises(CosimError, match="other cells"):
        second.load(first.save())
    for engine in (first, second):
        engine.close()
