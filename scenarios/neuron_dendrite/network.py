"""The sparse network of Brunel (2000), J Comput Neurosci 8, 183, in NEST: inhibition dominates, cells fire irregularly.

tau dV/dt = -V + kicks, a spike at 20 mV, then 10 mV for 2 ms. Each cell hears a tenth of all others, chosen by chance (kicks of J
and -g J), and Poisson kicks of J with ``eta`` times the rate at which these alone would just lift the mean of V to threshold. All
delays are 1.5 ms.
"""

from typing import Annotated

from pydantic import Field

from cosim.sdk import Duration, Params, Port, Space, Unit


class Network(Params):
    excitatory: Annotated[int, Field(ge=80)] = 800
    inhibitory: Annotated[int, Field(ge=20)] = 200
    J: Annotated[float, Unit("mV")] = 0.3
    g: float = 6.0
    eta: float = 1.1
    touch: Annotated[float, Unit("mV"), Field(description="kick of the tenth of all cells that hear the outside")] = 2.0
    start: Annotated[Duration, Field(description="when the Poisson kicks begin")] = 100_000_000


TAU_MS, THRESHOLD_MV, RESET_MV, REFRACTORY_MS, DELAY_MS = 20.0, 20.0, 10.0, 2.0, 1.5


def ports(args):
    count = args.excitatory + args.inhibitory
    cells = Space.numbered(count, {"exc": tuple(range(args.excitatory)), "inh": tuple(range(args.excitatory, count))})
    return [Port("touch", "in", "spikes", Space(("axon",))), Port("spikes", "out", "spikes", cells)]


def build(args: Network, seed, sim):
    cells = make(sim.nest, args)
    touch = sim.spikes_in(cells[::10], channels=1, conn_spec="all_to_all", weight=args.touch, delay=DELAY_MS)
    return {"touch": touch, "spikes": sim.spikes_out(cells)}


def make(nest, args):
    """All cells, the excitatory ones first, connected and driven."""
    cells = nest.Create("iaf_psc_delta", args.excitatory + args.inhibitory)
    cells.set(C_m=1.0, tau_m=TAU_MS, E_L=0.0, V_m=0.0, V_th=THRESHOLD_MV, V_reset=RESET_MV, t_ref=REFRACTORY_MS)
    noise = nest.Create("poisson_generator", params={"rate": outside_hz(args), "start": args.start / 1e6})
    nest.Connect(noise, cells, syn_spec={"weight": args.J, "delay": DELAY_MS})
    for sources, weight in ((cells[: args.excitatory], args.J), (cells[args.excitatory :], -args.g * args.J)):
        rule = {"rule": "fixed_indegree", "indegree": len(sources) // 10}
        nest.Connect(sources, cells, rule, {"weight": weight, "delay": DELAY_MS})
    return cells


def outside_hz(args):
    """Rate of all Poisson kicks into a cell: with eta = 1 their mean is the threshold, J rate tau."""
    return args.eta * THRESHOLD_MV / (args.J * TAU_MS) * 1e3
