"""Payloads can be cut, joined and shifted without loss; a spike at a boundary belongs to the window before it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.sdk import CosimError, Samples, Spikes, Window
from cosim.sdk.contract import same_bits


@st.composite
def spikes(draw, channels=5):
    start, length = draw(st.integers(-50, 50)), draw(st.integers(1, 60))
    times = draw(st.lists(st.integers(start + 1, start + length), max_size=40))
    rows = draw(st.lists(st.integers(0, channels - 1), min_size=len(times), max_size=len(times)))
    return Spikes.sorted(Window(start, start + length), np.array(times, np.int64), np.array(rows, np.int32))


@st.composite
def samples(draw):
    start, dt, rows = draw(st.integers(-50, 50)), draw(st.integers(1, 5)), draw(st.integers(1, 20))
    values = np.random.default_rng(rows).normal(size=(rows, draw(st.integers(1, 3))))
    return Samples(Window(start, start + dt * rows), values)


def cut_at(payload, *stops):
    edges = [payload.window.start_ns, *sorted(stops), payload.window.stop_ns]
    return [payload.cut(Window(a, b)) for a, b in itertools.pairwise(edges) if a < b]


@given(spikes(), st.data())
def test_spikes_that_are_cut_and_joined_are_the_same(payload, data):
    stops = data.draw(st.lists(st.integers(payload.window.start_ns, payload.window.stop_ns), max_size=4))
    parts = cut_at(payload, *stops)
    assert sum(map(len, parts)) == len(payload)
    assert same_bits(Spikes.join(parts), payload)
    for part in parts:
        assert (part.times_ns > part.window.start_ns).all()
        assert (part.times_ns <= part.window.stop_ns).all()


@given(samples(), st.data())
def test_samples_that_are_cut_and_joined_are_the_same(payload, data):
    rows = data.draw(st.lists(st.integers(0, len(payload.values)), max_size=4))
    parts = cut_at(payload, *(payload.window.start_ns + row * payload.dt_ns for row in rows))
    assert same_bits(Samples.join(parts), payload)
    assert np.array_equal(np.concatenate([part.times_ns for part in parts]), payload.times_ns)


@given(st.one_of(spikes(), samples()), st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_shifts_add_up_and_go_back(payload, one, other):
    assert same_bits(payload.shifted(one).shifted(other), payload.shifted(one + other))
    assert same_bits(payload.shifted(one).shifted(-one), payload)
    assert payload.shifted(one).window == payload.window.shifted(one)


@given(spikes(), st.integers(-100, 100), st.data())
def test_cutting_and_shifting_change_places(payload, by, data):
    stop = data.draw(st.integers(payload.window.start_ns, payload.window.stop_ns))
    window = Window(payload.window.start_ns, stop)
    assert same_bits(payload.cut(window).shifted(by), payload.shifted(by).cut(window.shifted(by)))


def test_a_spike_at_a_boundary_belongs_to_the_window_before():
    payload = Spikes(Window(0, 20), np.array([1, 10, 10, 11, 20]), np.array([0, 0, 1, 0, 0], np.int32))
    before, after = payload.cut(Window(0, 10)), payload.cut(Window(10, 20))
    assert before.times_ns.tolist() == [1, 10, 10]
    assert after.times_ns.tolist() == [11, 20]


def test_a_cut_of_spikes_may_reach_beyond_the_payload():
    payload = Spikes(Window(0, 10), np.array([3]), np.array([0], np.int32))
    assert payload.cut(Window(-5, 50)).times_ns.tolist() == [3]
    assert len(payload.cut(Window(20, 30))) == 0


def test_sorted_orders_by_time_then_channel():
    payload = Spikes.sorted(Window(0, 9), np.array([5, 3, 5, 5]), np.array([2, 9, 0, 1], np.int32))
    assert payload.times_ns.tolist() == [3, 5, 5, 5]
    assert payload.channels.tolist() == [9, 0, 1, 2]


def test_an_empty_payload_has_the_types_of_a_full_one_and_cannot_be_written():
    empty = Spikes.empty(Window(0, 9))
    assert (empty.times_ns.dtype, empty.channels.dtype, len(empty)) == (np.int64, np.int32, 0)
    assert not empty.times_ns.flags.writeable
    assert not empty.channels.flags.writeable
    joined = Spikes.join([empty, Spikes.empty(Window(9, 12))])
    assert joined.window == Window(0, 12)


@given(samples(), st.integers(1, 4))
def test_refined_repeats_each_row_over_the_step_in_which_it_is_in_force(payload, times):
    payload = Samples(Window(payload.window.start_ns, payload.window.start_ns + len(payload.values) * 12), payload.values)
    fine = payload.refined(12 // times)
    assert fine.dt_ns == 12 // times
    for time, row in zip(fine.times_ns, fine.values, strict=True):
        in_force = np.searchsorted(payload.times_ns, time)  # the first row at or after this time
        assert np.array_equal(row, payload.values[in_force])


def test_a_grid_that_does_not_divide_is_refused():
    payload = Samples(Window(0, 10), np.ones((2, 1)))
    with pytest.raises(CosimError, match="not a whole number"):
        payload.refined(2)
    with pytest.raises(CosimError, match="grid"):
        payload.cut(Window(0, 7))


@pytest.mark.parametrize("window", [Window(-5, 5), Window(5, 15), Window(-5, 15), Window(20, 25)])
def test_samples_outside_the_payload_are_refused_not_wrapped(window):
    with pytest.raises(CosimError, match="grid"):
        Samples(Window(0, 10), np.ones((10, 1))).cut(window)
