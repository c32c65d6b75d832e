"""A model cut into engines along its delays equals the whole, bit for bit: through real scenarios, run inline and in processes."""

from __future__ import annotations

import numpy as np
import pytest

import cosim

WEIGHTS = [[0, 0.4, 0, 0.2], [0.3, 0, 0.5, 0], [0, 0.6, 0, 0.1], [0.2, 0.1, 0.3, 0]]
"""Row = receiver."""
DELAYS_MS = [[0, 3, 0, 4], [2.5, 0, 6, 0], [0, 2, 0, 5], [4, 3.5, 2, 0]]
BRAIN = {
    "connectome": {
        "weights": WEIGHTS,
        "delays": [[f"{d} ms" for d in row] for row in DELAYS_MS],
        "labels": ["A", "B", "C", "D"],
    },
    "G": 1.0,
    "initial": {"r": ["5 Hz", "90 Hz", "20 Hz", "50 Hz"], "v": [-2.0, 0.5, -1.0, 0.1]},
}


def scenario(engines, links, stop="120 ms", streams=()):
    return {
        "cosim": 1,
        "about": {"name": "cut"},
        "clock": {"stop": stop, "seed": 3},
        "engines": engines,
        "links": links,
        "record": {"streams": list(streams)},
    }


def whole_brain(tmp_path):
    run = cosim.run(
        scenario({"brain": {"use": "neural_mass", "window": "1 ms", "params": BRAIN}}, {}, streams=["brain.rate"]),
        out=tmp_path / "whole",
        transport="inline",
    )
    return run.samples("brain.rate")


def cut_brain(transport, tmp_path, windows=("1 ms", "0.5 ms", "2 ms", "1 ms")):
    """One engine a region, in unequal windows; every link's delay is that of the connection."""
    engines, links = {}, {}
    for i, name in enumerate("ABCD"):
        engines[name] = {"use": "neural_mass", "window": windows[i], "params": {**BRAIN, "only": [name]}}
        for j, other in enumerate("ABCD"):
            if WEIGHTS[i][j]:
                rate = BRAIN["initial"]["r"][j]
                links[f"{other}_{name}"] = {
                    "from": f"{other}.rate",
                    "to": f"{name}.external[{other}]",
                    "delay": f"{DELAYS_MS[i][j]} ms",
                    "initial": rate,
                }
    streams = [f"{name}.rate" for name in "ABCD"]
    return cosim.run(scenario(engines, links, streams=streams), out=tmp_path / transport, transport=transport, processes=2)


@pytest.mark.parametrize("transport", ["inline", "zeromq"])
def test_a_brain_cut_into_an_engine_per_region_equals_the_whole_bit_for_bit(transport, tmp_path):
    whole, cut = whole_brain(tmp_path), cut_brain(transport, tmp_path)
    assert np.ptp(whole.values) > 5, "the regions do something"
    for i, name in enumerate("ABCD"):
        part = cut.samples(f"{name}.rate").values[: len(whole.values), 0]
        assert np.array_equal(part, whole.values[:, i]), name


def test_a_brain_cut_with_the_wrong_delay_is_caught(tmp_path):
    """The test above can fail: a link that is too short by a step gives another course, one too long is refused."""
    engines, links = {}, {}
    for name, other in (("A", "B"), ("B", "A")):
        rest = {"weights": [[0, 0.4], [0.3, 0]], "delays": "3 ms", "labels": ["A", "B"]}
        engines[name] = {"use": "neural_mass", "window": "1 ms", "params": {"connectome": rest, "only": [name]}}
        links[f"{other}_{name}"] = {"from": f"{other}.rate", "to": f"{name}.external", "delay": "3.2 ms"}
    with pytest.raises(cosim.CosimError, match=r"3\.2 ms|delay"):
        cosim.run(scenario(engines, links), out=tmp_path, transport="inline")


LIF = {
    "model": "iaf_psc_exp",
    "initial": {"V": {"uniform": ["-65 mV", "-55 mV"]}},
    "poisson": {"outside": {"rate": "8000 Hz", "weight": "90 pA"}},
}
E_CELLS = {**LIF, "size": 80}
I_CELLS = {**LIF, "size": 20}
PROJECTIONS = {
    "ee": {"from": "e", "to": "e", "rule": "fixed_indegree", "indegree": 8, "weight": "40 pA", "delay": "1.5 ms"},
    "ei": {"from": "e", "to": "i", "rule": "fixed_indegree", "indegree": 8, "weight": "40 pA", "delay": "1.5 ms"},
    "ie": {"from": "i", "to": "e", "rule": "bernoulli", "probability": 0.3, "weight": "-200 pA", "delay": "2 ms"},
    "ii": {"from": "i", "to": "i", "rule": "bernoulli", "probability": 0.3, "weight": "-200 pA", "delay": "2 ms"},
}


def network(window, populations, projections, inputs=None):
    params = {"populations": populations, "projections": projections, "inputs": inputs or {}, "seed": 11}
    return {"use": "point_neurons", "window": window, "params": params}


@pytest.mark.parametrize("transport", ["inline", "zeromq"])
def test_a_spiking_network_cut_in_two_equals_the_whole_spike_for_spike(transport, tmp_path):
    both = network("1 ms", {"e": E_CELLS, "i": I_CELLS}, PROJECTIONS)
    whole = cosim.run(scenario({"net": both}, {}, "300 ms", ["net.spikes"]), out=tmp_path / "w", transport="inline")
    engines = {
        "exc": network("1.5 ms", {"e": E_CELLS}, {k: PROJECTIONS[k] for k in ("ee", "ie")}, {"i": {"kind": "spikes", "size": 20}}),
        "inh": network("0.5 ms", {"i": I_CELLS}, {k: PROJECTIONS[k] for k in ("ei", "ii")}, {"e": {"kind": "spikes", "size": 80}}),
    }
    links = {
        "there": {"from": "exc.spikes", "to": "inh.e", "delay": "1.5 ms"},
        "back": {"from": "inh.spikes", "to": "exc.i", "delay": "2 ms"},
    }
    streams = ["exc.spikes", "inh.spikes"]
    cut = cosim.run(scenario(engines, links, "300 ms", streams), out=tmp_path / "c", transport=transport, processes=2)
    train = whole.spikes("net.spikes")
    for group, stream, least in (("e", "exc.spikes", 300), ("i", "inh.spikes", 100)):
        part = cut.spikes(stream)
        expected = train.of(group)
        assert len(expected.times_ms) > least, "the network fires"
        inside = part.times_ms <= 300
        assert np.array_equal(part.times_ms[inside], expected.times_ms)
        assert np.array_equal(part.channels[inside], expected.channels - expected.groups[group][0])
