"""A column of excitatory and inhibitory leaky integrate-and-fire neurons with exponential synaptic currents, iaf_psc_exp of NEST.

tau dV/dt = -(V - E_L) + (tau/C) (I_syn + I),   tau_syn dI_syn/dt = -I_syn + tau_syn w sum_k delta(t - t_k)

Each cell hears 40 excitatory and 10 inhibitory cells of the column, and 150 fibres from other regions. Numbers of inputs stay the
same whatever the size; more cells have more fibres to choose from. Membrane and synapse: Potjans and Diesmann (2014), Cereb Cortex
24, 785; network: Brunel (2000), J Comput Neurosci 8, 183, its model A.
"""

from typing import Annotated

from pydantic import Field

from cosim.sdk import Params, Port, Space, Unit

CELL = {"C_m": 250.0, "tau_m": 10.0, "tau_syn_ex": 0.5, "tau_syn_in": 0.5, "t_ref": 2.0}  # pF, ms
CELL |= {"E_L": -65.0, "V_reset": -65.0, "V_th": -50.0}  # mV
EXCITATORY, INHIBITORY, FIBRES = 40, 10, 150
"""Inputs of a cell."""


class Column(Params):
    size: Annotated[int, Field(ge=125, multiple_of=5)] = 1000
    fibres_per_cell: Annotated[int, Field(ge=2)] = 5
    weight: Annotated[float, Unit("pA")] = 200.0
    g: Annotated[float, Field(description="an inhibitory synapse is as many times as strong")] = 6.0


def ports(args):
    exc = args.size * 4 // 5
    cells = Space.numbered(args.size, {"exc": tuple(range(exc)), "inh": tuple(range(exc, args.size))})
    return [
        Port("fibres", "in", "spikes", Space.numbered(args.size * args.fibres_per_cell)),
        Port("current", "in", "samples", Space(("all",)), quantity="current", unit="pA"),
        Port("spikes", "out", "spikes", cells),
    ]


def network(args):
    """The cells and their synapses, and how fibres and current reach them: what ``nest.Connect`` takes."""
    import nest

    def indegree(count):
        return {"rule": "fixed_indegree", "indegree": count, "allow_multapses": False, "allow_autapses": False}

    cells = nest.Create("iaf_psc_exp", args.size, CELL)
    cells.V_m = nest.random.uniform(CELL["E_L"], CELL["V_th"])
    exc, inh = cells[: args.size * 4 // 5], cells[args.size * 4 // 5 :]
    nest.Connect(exc, cells, indegree(EXCITATORY), {"weight": args.weight, "delay": 1.5})
    nest.Connect(inh, cells, indegree(INHIBITORY), {"weight": -args.g * args.weight, "delay": 1.5})
    return cells, {"conn_spec": indegree(FIBRES), "weight": args.weight, "delay": 1.0}, {"conn_spec": "all_to_all", "delay": 1.0}


def build(args: Column, seed, sim):
    cells, fibre, current = network(args)
    return {
        "fibres": sim.spikes_in(cells, channels=args.size * args.fibres_per_cell, **fibre),
        "current": sim.current_in(cells, channels=1, **current),
        "spikes": sim.spikes_out(cells),
    }
