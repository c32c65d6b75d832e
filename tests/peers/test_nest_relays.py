"""Spike generators and relays in NEST and here: the same spikes, as many, at the same steps."""

from __future__ import annotations

import numpy as np
from nest_reference import fresh_nest, random_trains

from tests.engines.point_neurons.running import run

DELAYS = (0.3, 1.1)  # ms


def test_a_chain_of_relays_repeats_spikes_as_nests_does() -> None:
    """Trains with several spikes at a time, two relays behind one another, and a third that hears all trains."""
    trains, stop = random_trains(3, 3000.0, 50.0, seed=3), 50.0
    pairs = {"first": [(k, k) for k in range(3)], "second": [(k, k) for k in range(3)], "all": [(k, 0) for k in range(3)]}
    found = run(
        stop,
        populations={
            "trains": {"model": "spike_generator", "size": 3, "times": trains},
            "first": {"model": "parrot", "size": 3},
            "second": {"model": "parrot", "size": 3},
            "all": {"model": "parrot", "size": 1},
        },
        projections={
            name: {"from": source, "to": name, "rule": "list", "pairs": pairs[name], "weight": 1.0, "delay": delay}
            for name, source, delay in (
                ("first", "trains", DELAYS[0]), ("second", "first", DELAYS[1]), ("all", "second", DELAYS[0])
            )
        },
    )  # fmt: skip
    ours = [found.times_ms(channel) for channel in range(3, 10)]

    nest = fresh_nest(0.1)
    counted = [np.unique(np.array(train), return_counts=True) for train in trains]
    sources = nest.Create("spike_generator", 3, params=[{"spike_times": t, "spike_multiplicities": n} for t, n in counted])
    first, second, last = (nest.Create("parrot_neuron", size) for size in (3, 3, 1))
    for before, after, rule, delay in ((sources, first, "one_to_one", DELAYS[0]), (first, second, "one_to_one", DELAYS[1]),
                                       (second, last, "all_to_all", DELAYS[0])):  # fmt: skip
        nest.Connect(before, after, rule, {"delay": delay})
    recorder = nest.Create("spike_recorder")
    for relays in (first, second, last):
        nest.Connect(relays, recorder)
    nest.Simulate(stop + 0.1)
    times, senders = np.asarray(recorder.events["times"]), np.asarray(recorder.events["senders"])
    for mine, relay in zip(ours, [*first.tolist(), *second.tolist(), *last.tolist()], strict=True):
        nests = np.round(times[senders == relay], 6)
        assert len(mine) > 30
        assert np.array_equal(mine, np.sort(nests[nests <= stop]))
    assert len(np.unique(ours[-1])) < len(ours[-1])  # several at a time
