"""The right secondary visual cortex as cells with a shape, in Arbor: Hodgkin-Huxley somata with passive, branching dendrites.

Four of five cells excite, the others inhibit. Each hears a few of its neighbours near the soma, and ``FIBRES`` synapses along its
dendrite hear other regions. A synapse is a conductance that jumps by its weight (µS) and decays, w e^(-t/tau) (E - V).

Channels: Hodgkin and Huxley (1952), J Physiol 117, 500, at 6.3 °C, as in Arbor's ``hh``; C = 1 µF/cm², R_a = 150 ohm cm.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from cosim.sdk import Params, Port, Space, Unit

FIBRES = ("(location 0 0.4)", "(location 0 0.8)", "(location 1 0.3)", "(location 1 0.7)", "(location 2 0.3)", "(location 2 0.7)")
"""On the trunk and on either branch of the tuft."""
HEARD = {"exc": 6, "inh": 3}
"""Cells of the column that a cell hears."""


class Column(Params):
    size: Annotated[int, Field(ge=20, multiple_of=5)] = 80
    fibre: Annotated[float, Unit("nS"), Field(gt=0, description="weight of a synapse that hears other regions")] = 1.6
    exc: Annotated[float, Unit("nS"), Field(ge=0, description="weight of a synapse within the column")] = 1.0
    inh: Annotated[float, Unit("nS"), Field(ge=0)] = 2.0
    wiring: Annotated[int, Field(description="seed of who hears whom, and after how long")] = 1


def ports(args):
    exc = args.size * 4 // 5
    cells = Space.numbered(args.size, {"exc": tuple(range(exc)), "inh": tuple(range(exc, args.size))})
    places = Space(("soma", "tuft"))
    return [
        Port("fibres", "in", "spikes", Space.numbered(args.size * len(FIBRES))),
        Port("spikes", "out", "spikes", cells),
        Port("voltage", "out", "samples", places, quantity="membrane_potential", unit="mV", dt_ns=125_000),
    ]


def make_recipe(args, schedules=None):
    """The cells and their connections. For Arbor alone, ``schedules`` are the times (ms) at which each fibre's synapse is hit."""
    import arbor
    from arbor import units

    exc, rng = args.size * 4 // 5, np.random.default_rng(args.wiring)
    kinds = {"exc": np.arange(exc), "inh": np.arange(exc, args.size)}
    heard = [
        [
            (int(source), kind, float(rng.integers(8, 25)) / 8)  # delays of 1 to 3 ms, in steps of 1/8 ms
            for kind, cells in kinds.items()
            for source in rng.choice(cells[cells != gid], HEARD[kind], replace=False)
        ]
        for gid in range(args.size)
    ]
    weights = {"exc": args.exc * 1e-3, "inh": args.inh * 1e-3}  # µS

    tree = arbor.segment_tree()
    soma = tree.append(arbor.mnpos, (0, 0, 0, 10), (20, 0, 0, 10), tag=1)
    trunk = tree.append(soma, (20, 0, 0, 1.2), (320, 0, 0, 0.8), tag=3)
    for side in (-1, 1):
        tree.append(trunk, (320, 0, 0, 0.5), (440, 100 * side, 0, 0.3), tag=3)
    labels = arbor.label_dict({"soma": "(tag 1)", "dendrite": "(tag 3)", "middle": '(on-components 0.5 (region "soma"))'})
    decor = (
        arbor.decor()
        .set_property(rL=150 * units.Ohm * units.cm)
        .paint('"soma"', arbor.density("hh"))
        .paint('"dendrite"', arbor.density("pas/e=-65", {"g": 1e-4}))
        .place('"middle"', arbor.threshold_detector(-10 * units.mV), "spike")
        .place('"middle"', arbor.synapse("expsyn", {"tau": 2.0, "e": 0.0}), "exc")
        .place('"middle"', arbor.synapse("expsyn", {"tau": 8.0, "e": -80.0}), "inh")
    )
    for number, place in enumerate(FIBRES):
        decor.place(place, arbor.synapse("expsyn", {"tau": 2.0, "e": 0.0}), f"fibre {number}")
    cell = arbor.cable_cell(tree, decor, labels, arbor.cv_policy_max_extent(50 * units.um))

    def explicit(times):
        schedule = arbor.explicit_schedule()
        schedule.times_ms = times
        return schedule

    class Recipe(arbor.recipe):
        def __init__(self):
            arbor.recipe.__init__(self)
            self.properties = arbor.neuron_cable_properties()

        def num_cells(self):
            return args.size

        def cell_kind(self, gid):
            return arbor.cell_kind.cable

        def cell_description(self, gid):
            return cell

        def connections_on(self, gid):
            return [
                arbor.connection((source, "spike"), kind, weights[kind], delay * units.ms) for source, kind, delay in heard[gid]
            ]

        def event_generators(self, gid):
            if schedules is None:
                return []
            own = schedules[gid * len(FIBRES) : (gid + 1) * len(FIBRES)]
            return [
                arbor.event_generator(f"fibre {number}", args.fibre * 1e-3, explicit(times)) for number, times in enumerate(own)
            ]

        def probes(self, gid):
            return [
                arbor.cable_probe_membrane_voltage('"middle"', "soma"),
                arbor.cable_probe_membrane_voltage("(location 2 0.7)", "tuft"),
            ]

        def global_properties(self, kind):
            return self.properties

    return Recipe()


def build(args: Column, seed, sim):
    sim.recipe(make_recipe(args))
    fibres = [(gid, f"fibre {number}", args.fibre * 1e-3) for gid in range(args.size) for number in range(len(FIBRES))]
    return {
        "fibres": sim.spikes_in(fibres),
        "spikes": sim.spikes_out(range(args.size)),
        "voltage": sim.samples_out([(0, "soma"), (0, "tuft")]),
    }
