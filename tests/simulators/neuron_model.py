"""NEURON models: a pair of cells, the first of which excites the second; a cable of two compartments; noise alone."""

from cosim.sdk import Params, Port, Space

CELLS = Space.numbered(2)
DENDRITE = Space(("near", "middle", "far"))


class Pair(Params):
    weight: float = 0.01
    row: int | None = 100_000
    field: bool = True
    least_delay: float = 0.0


class Cable(Params):
    active: bool = False
    gate: bool = False


class Unnamed(Params):
    intervals: float = 5.0


def ports(args):
    if isinstance(args, Unnamed):
        return [Port("spikes", "out", "spikes", CELLS)]
    if isinstance(args, Cable):
        gate = [Port("count", "out", "samples", Space(("gate",)))]
        return [
            Port("current", "in", "samples", Space(("left",)), quantity="current", unit="nA"),
            Port("field", "in", "samples", CELLS, quantity="potential", unit="mV"),
            Port("kicks", "in", "spikes", Space(("left",))),
            Port("spikes", "out", "spikes", Space(("left",))),
            Port("v", "out", "samples", CELLS, quantity="membrane_potential", unit="mV"),
            Port("membrane", "out", "samples", CELLS, quantity="current", unit="nA"),
        ] + gate * args.gate
    return [
        Port("kicks", "in", "spikes", CELLS),
        Port("current", "in", "samples", CELLS, quantity="current", unit="pA", dt_ns=500_000),
        *[Port("field", "in", "samples", DENDRITE, quantity="potential", unit="mV")] * args.field,
        Port("spikes", "out", "spikes", Space(("first", "second", "background"))),
        Port("v", "out", "samples", CELLS, quantity="membrane_potential", unit="mV", dt_ns=args.row),
        Port("mean_v", "out", "samples", CELLS, quantity="membrane_potential", unit="V", dt_ns=args.row, of="mean"),
        Port("membrane", "out", "samples", DENDRITE, quantity="current", unit="pA"),
    ]


def build(args: Pair, seed, sim):
    model = make_pair(sim.h, args.weight, args.least_delay)
    sim.keep(model)
    (soma, dendrite, synapse), (other, _, excited), background, _ = model
    field = {"field": sim.extracellular_in(list(dendrite))} if args.field else {}
    return field | {
        "kicks": sim.spikes_in([synapse, excited], weight=args.weight),
        "current": sim.current_in([soma, other]),
        "spikes": sim.spikes_out([soma, other, background]),
        "v": sim.voltage_out([soma, other]),
        "mean_v": sim.voltage_out([soma, other]),
        "membrane": sim.membrane_current_out(list(dendrite)),
    }


def cable(args: Cable, seed, sim):
    h = sim.h
    section = h.Section(name="cable")
    section.L, section.diam, section.nseg = 400, 2, 2
    section.insert("hh" if args.active else "pas")
    synapse = h.Gate(section(0.25)) if args.gate else h.ExpSyn(section(0.25))
    if args.gate:
        synapse.noise.set_ids(1, 2, 3)
    extra = {"count": sim.samples_out(synapse._ref_count)} if args.gate else {}
    return extra | {
        "current": sim.current_in(section(0.25)),
        "field": sim.extracellular_in(list(section)),
        "kicks": sim.spikes_in(synapse, weight=0.002),
        "spikes": sim.spikes_out(section(0.25)),
        "v": sim.voltage_out(list(section)),
        "membrane": sim.membrane_current_out(list(section)),
    }


def unnamed(args: Unnamed, seed, sim):
    """Two sources of noise that have not been given random streams by name."""
    sources = [sim.h.NetStim() for _ in range(2)]
    for source in sources:
        source.interval, source.start, source.number, source.noise = args.intervals, 0, 1e9, 1
    return {"spikes": sim.spikes_out(sources)}


def make_pair(h, weight, least_delay):
    cells = [make_cell(h, name) for name in ("first", "second")]
    soma, excited = cells[0][0], cells[1][2]
    between = h.NetCon(soma(0.5)._ref_v, excited, sec=soma)
    between.weight[0], between.delay = weight, 1.5
    background = h.NetStim()
    background.interval, background.number, background.start, background.noise = 5, 1e9, 1, 1
    background.noiseFromRandom123(1, 2, 3)
    drizzle = h.NetCon(background, cells[0][2])
    drizzle.weight[0], drizzle.delay = 0.0005, least_delay
    return (*cells, background, (between, drizzle))


def make_cell(h, name):
    """A Hodgkin-Huxley soma, a passive dendrite of three compartments, and a synapse in its middle."""
    soma, dendrite = h.Section(name=f"{name}_soma"), h.Section(name=f"{name}_dendrite")
    soma.L = soma.diam = 20
    soma.insert("hh")
    dendrite.L, dendrite.diam, dendrite.nseg = 300, 2, 3
    dendrite.insert("pas")
    dendrite.connect(soma)
    synapse = h.ExpSyn(dendrite(0.5))
    synapse.tau = 2
    return soma, dendrite, synapse
