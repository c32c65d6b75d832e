"""What is given out of weights: while a network runs, and at its end."""

from __future__ import annotations

import numpy as np

from engines.point_neurons import Network
from engines.point_neurons.connections.connect import connect
from engines.point_neurons.connections.quanta import quanta_of
from engines.point_neurons.layout import Layout
from tests.engines.point_neurons.running import MS, run

STDP = {"rule": "stdp", "w_max": 1e-3, "lambda": 0.1}
TRAINS = [[round(5.0 + 7.3 * k + 1.7 * n, 1) for k in range(12)] for n in range(6)]


def network(weights, threads=1, **projection):
    """Sources with regular trains onto relays, which repeat other trains."""
    plastic = {"from": "pre", "to": "post", "delay": 1.0, "plasticity": STDP}
    return {
        "threads": threads,
        "populations": {
            "pre": {"model": "spike_generator", "size": 6, "times": TRAINS},
            "kicks": {"model": "spike_generator", "size": 5, "times": [[round(t + 3.0, 1) for t in train] for train in TRAINS[:5]]},
            "post": {"model": "parrot", "size": 5},
        },
        "projections": {
            "kick": {"from": "kicks", "to": "post", "rule": "one_to_one", "weight": 1.0},
            "p": plastic | {"rule": "fixed_indegree", "indegree": 9, "weight": {"uniform": [1e-4, 9e-4]}} | projection,
        },
        "weights": weights,
    }  # fmt: skip


def test_all_synapses_stand_by_target_and_then_by_source():
    record = {"all": {"projection": "p", "synapses": "all"}, "mean": {"projection": "p"}}
    for threads in (1, 3):
        found = run(100, **network(record, threads=threads))
        kept = found.engine.kept()
        assert set(kept) == {"p.source", "p.target", "p.weight"}
        assert np.array_equal(kept["p.weight"], found["all"][-1])
        assert (np.bincount(kept["p.target"]) == 9).all()
        assert np.array_equal(np.lexsort((kept["p.source"], kept["p.target"])), np.arange(45))
        assert np.isclose(found["mean"][-1, 0], kept["p.weight"].mean(), rtol=1e-15)


def test_a_pair_is_the_sum_of_its_synapses():
    kept = run(100, **network({})).engine.kept()
    pairs, counts = np.unique(np.stack([kept["p.source"], kept["p.target"]], axis=1), axis=0, return_counts=True)
    chosen = [tuple(map(int, pair)) for pair in (*pairs[counts > 1][:2], pairs[counts == 1][0])]
    assert len(chosen) == 3
    found = run(100, **network({"w": {"projection": "p", "synapses": chosen}}, threads=2))
    wanted = [kept["p.weight"][(kept["p.source"] == s) & (kept["p.target"] == t)].sum() for s, t in chosen]
    assert np.allclose(found["w"][-1], wanted, rtol=1e-15, atol=0.0)


def test_a_drawn_plastic_projection_starts_as_a_static_one():
    kept = run(1, **network({})).engine.kept()
    given = Network(**network({}, plasticity=None))
    synapses, _, wiring = connect(given, 1, Layout(("post",), (5,), (2,), (1,)), {}, quanta_of(given))
    listing = wiring.listing("p", synapses)
    order = np.lexsort((listing.source, listing.target))
    assert np.array_equal(listing.source[order], kept["p.source"])
    assert np.array_equal(listing.target[order], kept["p.target"])
    assert np.allclose(listing.weight[order], kept["p.weight"], rtol=1e-8)  # of 31 bits


def test_rows_come_as_often_as_is_asked():
    record = {"w": {"projection": "p", "every": 2 * MS}, "end": {"projection": "p"}}
    found = run(100, window_ms=20.0, **network(record))
    assert found["w"].shape == (50, 1)
    assert found["end"].shape == (5, 1)
    assert np.array_equal(found["w"][9::10], found["end"])


def test_a_synapse_of_stdp_takes_12_bytes():
    learning = run(1, **network({}, rule="all_to_all", indegree=None)).engine._learning
    assert (learning.synapses, learning.synapse_bytes) == (30, 12 * 30)


def test_nothing_is_kept_where_nothing_learns():
    assert run(1, **network({}, plasticity=None)).engine.kept() == {}
