"""A small NEST network: excitatory and inhibitory cells, driven by spikes, rates and currents; all are ports."""

from typing import Annotated, Literal

from pydantic import Field

from cosim.sdk import Params, Port, Space, Unit


class Balanced(Params):
    cells: Annotated[int, Field(ge=2)] = 20
    inhibitory: Annotated[int, Field(ge=1)] = 5
    indegree: Annotated[int, Field(ge=1)] = 4
    neuron: str = "iaf_psc_exp"
    synapse: Literal["static_synapse", "stdp_synapse"] = "static_synapse"
    drive: Annotated[float, Unit("pA")] = 350.0
    weight: Annotated[float, Unit("pA")] = 40.0
    delay: Annotated[float, Field(gt=0), Unit("ms")] = 1.0
    voltage_step: Annotated[float, Unit("ns")] = 500_000


def ports(args):
    names = [f"e{i}" for i in range(args.cells)] + [f"i{i}" for i in range(args.inhibitory)]
    exc = tuple(range(args.cells))
    cells = Space(tuple(names), {"exc": exc, "inh": tuple(range(args.cells, len(names)))})
    three = Space(("e0", "e1", "e2"))
    return [
        Port("kicks", "in", "spikes", cells.take(cells.select("exc"))),
        Port("rates", "in", "samples", three, quantity="firing_rate", unit="Hz", dt_ns=500_000),
        Port("currents", "in", "samples", three, quantity="current", unit="pA", dt_ns=100_000),
        Port("spikes", "out", "spikes", cells),
        Port("v", "out", "samples", three, quantity="membrane_potential", unit="mV", dt_ns=int(args.voltage_step)),
    ]


def build(args: Balanced, seed, sim):
    import nest

    cells = nest.Create(args.neuron, args.cells + args.inhibitory, {"I_e": args.drive})
    cells.V_m = nest.random.uniform(-70.0, -56.0)
    exc, inh = cells[: args.cells], cells[args.cells :]
    rule = {"rule": "fixed_indegree", "indegree": args.indegree}
    nest.Connect(exc, cells, rule, {"synapse_model": args.synapse, "weight": args.weight, "delay": args.delay})
    nest.Connect(inh, cells, rule, {"weight": -4 * args.weight, "delay": args.delay})
    return {
        "kicks": sim.spikes_in(exc, weight=200.0, delay=args.delay),
        "rates": sim.rate_in(exc[:3], weight=args.weight, delay=args.delay),
        "currents": sim.current_in(exc[:3], delay=args.delay),
        "spikes": sim.spikes_out(cells),
        "v": sim.samples_out(exc[:3], "V_m"),
    }
