"""A small Nengo model: an integrator that is driven from outside and disturbed, with ports of every kind."""

from cosim.sdk import Params, Port, Space

MS = 1_000_000


class Integrator(Params):
    neurons: int = 30
    tau: float = 0.1
    disturbed: bool = False
    with_voltage: bool = True


def ports(args):
    cells = Space.numbered(args.neurons)
    return [
        Port("drive", "in", "samples", Space(("x",))),
        Port("kicks", "in", "spikes", cells),
        Port("value", "out", "samples", Space(("x",)), dt_ns=MS),
        Port("square", "out", "samples", Space(("x",)), dt_ns=2 * MS, of="mean"),
        Port("spikes", "out", "spikes", cells),
        *([Port("voltage", "out", "samples", cells, dt_ns=2 * MS)] if args.with_voltage else []),
    ]


def network(args):
    """The integrator alone, without ports."""
    import nengo

    integrator = nengo.Ensemble(args.neurons, 1)
    echo = nengo.Ensemble(args.neurons, 1)
    nengo.Connection(integrator, integrator, synapse=args.tau)
    nengo.Connection(integrator, echo)
    nengo.Connection(echo, integrator, transform=-0.1)
    if args.disturbed:
        noise = nengo.Node(nengo.processes.FilteredNoise(synapse=nengo.Lowpass(0.01)), size_out=1)
        random = nengo.Ensemble(args.neurons, 1, neuron_type=nengo.PoissonSpiking(nengo.LIFRate()))
        nengo.Connection(noise, random)
        nengo.Connection(random, integrator, transform=0.1)
    return integrator


def build(args: Integrator, seed, sim):
    integrator = network(args)
    voltage = {"voltage": sim.probe_out(integrator.neurons, "voltage")} if args.with_voltage else {}
    return {
        "drive": sim.samples_in(integrator, transform=args.tau, synapse=args.tau),
        "kicks": sim.spikes_in(integrator.neurons, transform=0.01, synapse=0.005),
        "value": sim.samples_out(integrator, synapse=0.01),
        "square": sim.samples_out(integrator, function=lambda x: x**2),
        "spikes": sim.spikes_out(integrator.neurons),
        **voltage,
    }
