"""A small Arbor model: a ring of Hodgkin-Huxley cells, joined by connections, each with a synapse and a current."""

from typing import Annotated

from pydantic import Field

from cosim.sdk import Duration, Params, Port, Space


class Ring(Params):
    cells: Annotated[int, Field(ge=1)] = 4
    delay_ms: float = 2.0
    weight: float = 0.02
    current: bool = True
    lif: bool = False
    """One more cell, an integrate-and-fire one, at the end of the ring's first connection."""
    row: Duration = 1_000_000


def ports(args):
    cells = Space.numbered(args.cells + args.lif)
    synapses = Space.numbered(args.cells)
    return [
        Port("events", "in", "spikes", cells),
        *([Port("current", "in", "samples", synapses, quantity="current", unit="nA")] if args.current else []),
        Port("spikes", "out", "spikes", cells),
        Port("voltage", "out", "samples", synapses, quantity="membrane_potential", unit="mV", dt_ns=args.row),
    ]


def make_recipe(args, catalogue=None, events=(), clamps=()):
    """The recipe; ``events`` (cell, weight, times in ms, label) and ``clamps`` (cell, envelope) for Arbor run alone."""
    import arbor
    from arbor import units

    class RingRecipe(arbor.recipe):
        def __init__(self):
            arbor.recipe.__init__(self)
            self.properties = arbor.neuron_cable_properties()
            if catalogue is not None:
                self.properties.catalogue.extend(catalogue)

        def num_cells(self):
            return args.cells + args.lif

        def cell_kind(self, gid):
            return arbor.cell_kind.cable if gid < args.cells else arbor.cell_kind.lif

        def cell_description(self, gid):
            if gid == args.cells:
                return arbor.lif_cell("spike", "synapse", V_th=10 * units.mV, tau_m=10 * units.ms, t_ref=2 * units.ms)
            tree = arbor.segment_tree()
            soma = tree.append(arbor.mnpos, arbor.mpoint(-10, 0, 0, 10), arbor.mpoint(10, 0, 0, 10), tag=1)
            tree.append(soma, arbor.mpoint(10, 0, 0, 1), arbor.mpoint(110, 0, 0, 1), tag=3)
            decor = (
                arbor.decor()
                .paint("(tag 1)", arbor.density("hh"))
                .paint("(tag 3)", arbor.density("pas", {"g": 0.001}))
                .place("(terminal)", arbor.threshold_detector(-50 * units.mV), "dendrite")
                .place("(location 0 0.1)", arbor.synapse("expsyn", {"tau": 2.0, "e": 0.0}), "synapse")
                .place("(location 0 0.05)", arbor.threshold_detector(-10 * units.mV), "spike")
            )
            if catalogue is not None:
                decor.place("(location 0 0.05)", arbor.synapse("step_current"), "current")
            for cell, envelope in clamps:
                if cell == gid:
                    steps = [(t * units.ms, a * units.nA) for t, a in envelope]
                    decor.place("(location 0 0.05)", arbor.i_clamp(steps))
            return arbor.cable_cell(tree, decor, discretization=arbor.cv_policy_max_extent(20 * units.um))

        def connections_on(self, gid):
            if gid == args.cells:
                return [arbor.connection((0, "spike"), "synapse", 2000.0, args.delay_ms * units.ms)]
            if args.cells == 1:
                return []
            source = (gid - 1) % args.cells
            return [arbor.connection((source, "spike"), "synapse", args.weight, (args.delay_ms + 0.3 * gid) * units.ms)]

        def event_generators(self, gid):
            return [
                arbor.event_generator(label, weight, arbor.explicit_schedule([t * units.ms for t in times]))
                for cell, weight, times, label in events
                if cell == gid
            ]

        def probes(self, gid):
            return [arbor.cable_probe_membrane_voltage("(location 0 0.05)", "soma")] if gid < args.cells else []

        def global_properties(self, kind):
            return self.properties if kind == arbor.cell_kind.cable else None

    return RingRecipe()


def build(args: Ring, seed, sim):
    sim.recipe(make_recipe(args, sim.catalogue() if args.current else None))
    cells = range(args.cells)
    lif = [(args.cells, "synapse", 2000.0)] if args.lif else []
    ports = {
        "events": sim.spikes_in([(gid, "synapse", args.weight) for gid in cells] + lif),
        "spikes": sim.spikes_out([(gid, "spike") for gid in range(args.cells + args.lif)]),
        "voltage": sim.samples_out([(gid, "soma") for gid in cells]),
    }
    if args.current:
        ports["current"] = sim.current_in([(gid, "current") for gid in cells])
    return ports
