"""The region rV2 as quadratic integrate-and-fire neurons in Brian2, its equations written as they are in the paper."""

from typing import Annotated

import numpy as np
from pydantic import Field

from cosim.sdk import Params, Port, Space

PEAK = 100.0


class Column(Params):
    size: Annotated[int, Field(ge=2)] = 1000
    eta: float = -1.0
    J: float = 3.0
    delta: float = 0.7
    initial: float = -0.5


def ports(args):
    drive = Port("drive", "in", "samples", Space(("rV2",)), quantity="firing_rate", unit="Hz")
    return [drive, Port("spikes", "out", "spikes", Space.numbered(args.size, {"rV2": tuple(range(args.size))}))]


def build(args: Column, seed, sim):
    from brian2 import NeuronGroup, Synapses, linked_var, ms

    rank = np.arange(1, args.size + 1)
    quantiles = np.tan(np.pi / 2 * (2 * rank - args.size - 1) / (args.size + 1))
    population = NeuronGroup(1, "drive : Hz\ncount : 1", name="population")
    equations = """
    dV/dt = (V**2 + eta)/tau + drive : 1
    eta : 1
    drive : Hz (linked)
    count : 1 (linked)
    """
    cells = NeuronGroup(
        args.size, equations, threshold="V >= peak", reset="V = -peak", method="rk4",
        namespace={"tau": 10 * ms, "peak": PEAK, "J": args.J, "N": args.size}, name="cells",
    )  # fmt: skip
    cells.drive, cells.count = linked_var(population, "drive"), linked_var(population, "count")
    cells.eta = args.eta + args.delta * quantiles
    cells.V = args.initial + 0.3 * np.clip(np.random.default_rng(seed).permutation(quantiles), -20, 20)
    heard = Synapses(cells, population, on_pre="count_post += 1", name="heard")  # all to all, summed once for all
    heard.connect()
    kick = cells.run_regularly("V += J*count/N", when="before_thresholds", name="kick")
    forget = population.run_regularly("count = 0", when="after_thresholds", name="forget")
    sim.add(population, cells, heard, kick, forget)
    return {"drive": sim.samples_in(population, "drive"), "spikes": sim.spikes_out(cells)}
