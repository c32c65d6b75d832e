"""The two ends of a link alone, with payloads made by hand: what goes in as windows comes out as windows."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest

import cosim
from cosim.runtime.link import Chain, Inlet, LinkSource, LinkTarget, check_payload
from cosim.sdk import CosimError, Port, Samples, Space, Spikes, Window
from tests.ported import ported, said, samples, spikes

MS = 1_000_000


def link_of(source, target, link, windows=("1 ms", "1 ms")):
    scenario = ported({"a": (windows[0], [source]), "b": (windows[1], [target])}, {"l": {"from": "a.y", "to": "b.x", **link}})
    report = cosim.check(scenario)
    assert report.ok, report.faults
    plan = report.plan
    return plan.links["l"], plan.engines["a"], plan.engines["b"]


def through(source, target, link, until=6, windows=("1 ms", "1 ms"), seed=3):
    """Windows of the source through both ends: (windows at the target, the target's end of the link, frames on the way)."""
    made, a, b = link_of(source, target, link, windows)
    frames = []
    end = LinkTarget(made, seed, True)

    def deliver(payload):
        frames.append(payload)
        end.offer(payload)

    begin = LinkSource(made, a.window_ns, seed, deliver)
    begin.first_frames()
    for stop in range(a.window_ns, until * MS + 1, a.window_ns):
        begin.send(said(made.source_port, Window(stop - a.window_ns, stop)))
    dt_ns = b.arriving["x"].dt_ns if made.target_port.kind == "samples" else None
    inlet = Inlet("x", [end], len(made.target_port.space), dt_ns)
    out, start = [], 0
    while made.flow.need_ns(start, start + b.window_ns) <= (frames[-1].window.stop_ns if frames else 0) and start < until * MS:
        out.append(inlet.take(Window(start, start + b.window_ns)))
        start += b.window_ns
    return out, end, frames


def rows(payloads):
    return np.concatenate([p.values for p in payloads])


def events(payloads):
    return [(int(t), int(c)) for p in payloads for t, c in zip(p.times_ns, p.channels, strict=True)]


@pytest.mark.parametrize("interval", ["1 ms", "2 ms", "3 ms", "0.5 ms"])
@pytest.mark.parametrize("windows", [("1 ms", "1 ms"), ("1 ms", "3 ms"), ("3 ms", "1 ms"), ("2 ms", "3 ms")])
def test_however_frames_and_windows_are_cut_the_rows_are_the_same(interval, windows):
    """Rows of 0.5 ms, 1 ms late: frames are longer or shorter than both windows."""
    out, _, frames = through(
        samples("y", "out", 2, dt_ns=MS // 2), samples("x", "in", 2), {"delay": "1 ms", "interval": interval}, 6, windows
    )
    assert all(frame.window.length_ns == float(interval.split()[0]) * MS for frame in frames)
    assert all(a.window.stop_ns == b.window.start_ns for a, b in itertools.pairwise(frames))
    values = rows(out)[:, 0]
    assert len(values) >= 6
    expected = [0, 0, *np.arange(1, 40) / 2]
    assert values.tolist() == expected[: len(values)]


@pytest.mark.parametrize("interval", ["1 ms", "2 ms", "3 ms", "0.25 ms"])
@pytest.mark.parametrize("windows", [("1 ms", "1 ms"), ("1 ms", "3 ms"), ("3 ms", "1 ms")])
def test_however_frames_and_windows_are_cut_the_spikes_are_the_same(interval, windows):
    out, _, _ = through(spikes("y", "out", 2), spikes("x", "in", 2), {"delay": "1.25 ms", "interval": interval}, 6, windows)
    step, stop = int(windows[0][0]) * MS, out[-1].window.stop_ns
    every = [
        (t + 1_250_000, c) for start in range(0, 6 * MS, step) for t, c in events([said(spike_port(), Window(start, start + step))])
    ]
    assert events(out) == [event for event in every if event[0] <= stop]
    assert len(events(out)) > 4


def spike_port():
    return Port("y", "out", "spikes", Space.numbered(2))


def test_a_spike_on_a_boundary_arrives_in_the_window_that_it_ends():
    out, _, _ = through(spikes("y", "out"), spikes("x", "in"), {"delay": "1 ms"}, 2)
    assert events(out[1:2]) == [(MS + 1, 0), (2 * MS, 0)]


@pytest.mark.parametrize(
    ("selector", "expected"), [("2,0", [2000, 0]), ("0:2", [0, 1000]), ("::-1", [2000, 1000, 0]), ("high", [2000, 1000])]
)
def test_samples_are_selected_in_the_order_of_the_selector(selector, expected):
    source = samples("y", "out", 3, groups={"high": [2, 1]})
    out, _, _ = through(source, samples("x", "in", len(expected)), {"from": f"a.y[{selector}]"}, 1)
    assert (rows(out)[0] - 1.0).tolist() == expected


@pytest.mark.parametrize(("selector", "order"), [("2,0", [2, 0]), ("1", [1]), ("::-1", [2, 1, 0]), ("0:2", [0, 1])])
def test_spikes_are_renumbered_in_the_order_of_the_selector_and_stay_sorted(selector, order):
    out, _, _ = through(spikes("y", "out", 3), spikes("x", "in", len(order)), {"from": f"a.y[{selector}]"}, 1)
    expected = sorted([(1 + c, order.index(c)) for c in order] + [(MS, i) for i in range(len(order))])
    assert events(out) == expected


def test_a_held_link_lets_old_frames_go():
    out, end, _ = through(samples("y", "out"), samples("x", "in"), {"time": "hold", "delay": "1 ms", "initial": -1}, 6)
    assert rows(out)[:, 0].tolist() == [-1, -1, 1, 2, 3, 4]
    assert len(end._frames) <= 3


@pytest.mark.parametrize(
    ("delay", "hold", "first"),
    [("0 ms", False, 0), ("1 ms", False, -1), ("2.5 ms", False, -3), ("0 ms", True, -1), ("2.5 ms", True, -4)],
)
def test_the_first_frames_reach_back_as_far_as_the_first_window_needs(delay, hold, first):
    link = {"delay": delay, "initial": 4, **({"time": "hold"} if hold else {})}
    out, _, frames = through(samples("y", "out"), samples("x", "in"), link, 4)
    assert frames[0].window.start_ns == first * MS
    assert all((frame.values == 4).all() for frame in frames if frame.window.stop_ns <= 0)
    if first:
        assert (out[0].values == 4).all()


def test_what_arrives_cannot_be_written():
    for source, target in ((samples("y", "out"), samples("x", "in")), (spikes("y", "out"), spikes("x", "in"))):
        (payload, *_), _, _ = through(source, target, {}, 1)
        arrays = [payload.values] if isinstance(payload, Samples) else [payload.times_ns, payload.channels]
        assert not any(array.flags.writeable for array in arrays)


def stop_of(frame):
    """The source time at which a frame ends, as it is hashed."""
    return frame.window.stop_ns.to_bytes(8, "little", signed=True)


def test_the_hash_is_that_of_the_bytes_that_come_out_of_the_link():
    _, end, frames = through(samples("y", "out", 2), samples("x", "in", 2), {"delay": "2 ms", "initial": 5}, 3)
    sha = hashlib.sha256()
    for k, frame in enumerate(frames):
        sha.update(stop_of(frame) + frame.values.tobytes())
        assert end.digests[k] == int.from_bytes(sha.digest()[:8], "little")
    assert (end.sha256, end.frames, end.bytes) == (sha.hexdigest(), 5, 5 * 16)
    _, end, frames = through(spikes("y", "out"), spikes("x", "in"), {}, 2)
    sha = hashlib.sha256(b"".join(stop_of(f) + f.times_ns.tobytes() + f.channels.tobytes() for f in frames))
    assert end.sha256 == sha.hexdigest()


def test_random_numbers_depend_on_seed_link_and_frame_alone():
    link = {"via": "rate_to_spikes"}
    source, target = samples("y", "out", quantity="firing_rate", unit="kHz"), spikes("x", "in")
    one, _, _ = through(source, target, link, 5)
    again, _, _ = through(source, target, link, 5)
    other, _, _ = through(source, target, link, 5, seed=4)
    assert events(one) == events(again) != events(other)
    made, _, _ = link_of(source, target, link)
    payload = Samples(Window(3 * MS, 4 * MS), np.full((1, 1), 4.0))
    late = Chain(made, 0, 1, 3).translate(payload)  # a chain that has seen no frame before
    assert events([late]) == [event for event in events(one) if 3 * MS < event[0] <= 4 * MS]
    with pytest.raises(CosimError, match="rate") as caught:
        Chain(made, 0, 1, 3).translate(Samples(Window(0, MS), np.full((1, 1), -1.0)))
    assert "link l, translator rate_to_spikes, frame (0 ms, 1 ms]" in caught.value.where


# -- what an engine gives is held against its port ---------------------------------------------------------------------


PORT = Port("y", "out", "samples", Space(("left", "right")))
EVENTS = Port("s", "out", "spikes", Space.numbered(2))
WINDOW = Window(10, 20)


def spikes_of(times, channels=None, kinds=(np.int64, np.int32), window=WINDOW):
    return Spikes(window, np.array(times, kinds[0]), np.array(channels or [0] * len(times), kinds[1]))


@pytest.mark.parametrize(
    ("payload", "port", "what"),
    [
        (Spikes.empty(WINDOW), PORT, "y gives Spikes where samples are promised"),
        (None, PORT, "y gives NoneType"),
        (Samples(Window(0, 10), np.ones((1, 2))), PORT, "covers (0 ms, 10 ns] and not its window"),
        (Samples(WINDOW, [[1.0, 2.0]]), PORT, "y gives list where float64"),
        (Samples(WINDOW, np.ones((1, 2), np.int64)), PORT, "y gives int64 where float64"),
        (Samples(WINDOW, np.ones((2, 2))), PORT, "shape (2, 2) where (1, 2)"),
        (Samples(WINDOW, np.array([[0, np.inf]])), PORT, "gives inf in channel 'right' at 20 ns"),
        (Samples(WINDOW, np.ones((1, 2))), EVENTS, "s gives Samples where spikes are promised"),
        (spikes_of([12], window=Window(0, 10)), EVENTS, "covers"),
        (spikes_of([12], kinds=(np.float64, np.int32)), EVENTS, "times float64 and channels int32"),
        (spikes_of([12], kinds=(np.int64, np.int64)), EVENTS, "channels int64"),
        (Spikes(WINDOW, [12], [0]), EVENTS, "times list and channels list"),
        (Spikes(WINDOW, np.array([12, 13]), np.zeros(1, np.int32)), EVENTS, "(2,) times for (1,) channels"),
        (spikes_of([10]), EVENTS, "a spike at 10 ns, outside its window"),
        (spikes_of([21]), EVENTS, "a spike at 21 ns, outside its window"),
        (spikes_of([12, 13], [0, 2]), EVENTS, "channel 2 of 2"),
        (spikes_of([12, 13], [-1, 1]), EVENTS, "channel -1 of 2"),
        (spikes_of([13, 12]), EVENTS, "not sorted"),
        (spikes_of([12, 12], [1, 0]), EVENTS, "not sorted"),
    ],
)
def test_what_breaks_a_promise_is_named(payload, port, what):
    with pytest.raises(CosimError) as caught:
        check_payload(payload, lambda: "engine e", port, WINDOW, 1)
    assert what in caught.value.what
    assert caught.value.where == "engine e"


@pytest.mark.parametrize(
    ("payload", "port"),
    [
        (Samples(WINDOW, np.ones((1, 2))), PORT),
        (Samples(WINDOW, np.full((1, 2), np.nan)), PORT.but(allow_nan=True)),
        (Spikes.empty(WINDOW), EVENTS),
        (spikes_of([11, 20, 20], [1, 0, 0]), EVENTS),
    ],
)
def test_what_keeps_its_promise_passes(payload, port):
    check_payload(payload, lambda: "", port, WINDOW, 1)
