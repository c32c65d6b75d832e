"""Small Brian2 models: a column that takes every kind of input, an echo, and what a user may do wrong."""

from cosim.sdk import Params, Port, Space


class Column(Params):
    cells: int = 8


def ports(args):
    cells = Space.numbered(args.cells)
    return [
        Port("kicks", "in", "spikes", Space.numbered(4)),
        Port("current", "in", "samples", cells, quantity="current", unit="nA"),
        Port("rates", "in", "samples", Space.numbered(3), quantity="firing_rate", unit="kHz", dt_ns=1_000_000),
        Port("spikes", "out", "spikes", cells),
        Port("second", "out", "spikes", Space.numbered(args.cells // 2)),
        Port("v", "out", "samples", cells, quantity="membrane_potential", unit="mV", dt_ns=500_000),
        Port("mean", "out", "samples", Space(("0",)), quantity="membrane_potential", unit="mV", of="mean", dt_ns=1_000_000),
    ]


def column(args):
    """Noisy cells that excite each other, driven by spikes, a current and Poisson input: as in a script of Brian2's own."""
    from brian2 import Hz, Mohm, NeuronGroup, PoissonGroup, SpikeGeneratorGroup, Synapses, ms, mV

    equations = """
        dv/dt = (rest - v + resistance * I) / tau + noise * sqrt(2 / tau) * xi : volt (unless refractory)
        I : amp
        resistance : ohm (constant)
    """
    cells = NeuronGroup(
        args.cells,
        equations,
        threshold="v > -50 * mV",
        reset="v = rest",
        refractory=2 * ms,
        method="euler",
        namespace={"tau": 10 * ms, "rest": -65 * mV, "noise": 1 * mV},
    )
    cells.v, cells.resistance = "rest + 10 * mV * rand()", 20 * Mohm
    within = Synapses(cells, cells, on_pre="v_post += 1 * mV", delay=1.5 * ms)
    within.connect(p=0.5)
    kicks = SpikeGeneratorGroup(4, [], [] * ms)
    from_kicks = Synapses(kicks, cells, "w : volt", on_pre="v_post += w", delay=0.3 * ms)
    from_kicks.connect()
    from_kicks.w = "3 * mV + 0.5 * mV * i"
    poisson = PoissonGroup(3, rates=0 * Hz)
    from_poisson = Synapses(poisson, cells, on_pre="v_post += 2 * mV")
    from_poisson.connect()
    return cells, kicks, poisson, [within, from_kicks, from_poisson]


def build(args: Column, seed, sim):
    cells, kicks, poisson, synapses = column(args)
    sim.add(cells, poisson, synapses)
    return {
        "kicks": sim.spikes_in(kicks),
        "current": sim.samples_in(cells, "I"),
        "rates": sim.samples_in(poisson, "rates"),
        "spikes": sim.spikes_out(cells),
        "second": sim.spikes_out(cells[args.cells // 2 :]),
        "v": sim.samples_out(cells, "v"),
        "mean": sim.samples_out(cells[:1], "v"),
    }
