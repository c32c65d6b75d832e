"""Messages: what is decoded is what was encoded, and nothing absurd is allocated."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.runtime import wire
from cosim.sdk import CosimError, Samples, Spikes, Window
from cosim.sdk.contract import same_bits


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(-(10**12), 10**12), st.integers(0, 2**31))
def test_samples_arrive_as_they_were(rows, columns, start, lane):
    values = np.random.default_rng(rows).normal(size=(rows, columns))
    payload = Samples(Window(start, start + rows), values)
    pieces = [bytes(p) for p in wire.encode(lane, payload)]
    header = wire.read_header(pieces[0])
    assert header.lane == lane
    assert (len(pieces) > 1) == (values.nbytes > wire.WHOLE_BELOW)
    assert same_bits(wire.decode(header, pieces), payload)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 6000))
def test_spikes_arrive_as_they_were(count):
    rng = np.random.default_rng(count)
    payload = Spikes.sorted(Window(0, 10**6), rng.integers(1, 10**6, count), rng.integers(0, 99, count).astype(np.int32))
    pieces = [bytes(p) for p in wire.encode(3, payload)]
    assert same_bits(wire.decode(wire.read_header(pieces[0]), pieces), payload)


def test_rows_that_are_not_contiguous_travel_too():
    values = np.arange(24.0).reshape(4, 6)[:, ::2]
    pieces = wire.encode(0, Samples(Window(0, 4), values))
    assert np.array_equal(wire.decode(wire.read_header(pieces[0]), pieces).values, values)


def test_control_messages_are_json():
    message = wire.encode_control({"stop": True})
    assert wire.read_header(message).kind == wire.CONTROL
    assert wire.decode_control(message) == {"stop": True}


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (b"short", "shorter than its header"),
        (b"\0" * wire.SIZE, "not from this version"),
        (struct.pack("<4sBBHIqqQQ4x", b"csm1", 2, 0, 0, 0, 0, 1, 2**50, 2**10), "more than can be"),
        (struct.pack("<4sBBHIqqQQ4x", b"csm1", 2, 0, 0, 0, 0, 1, 5, 5), "not the length"),
    ],
)
def test_bad_messages_are_refused_before_anything_is_allocated(message, what):
    with pytest.raises(CosimError, match=what):
        wire.read_header(message)


def test_pieces_of_a_wrong_size_are_refused():
    pieces = [bytes(p) for p in wire.encode(0, Samples(Window(0, 5), np.ones((5, 5000))))]
    header = wire.read_header(pieces[0])
    with pytest.raises(CosimError, match="sizes"):
        wire.decode(header, [pieces[0], pieces[1][:-8]])
