"""The region rV2 as quadratic integrate-and-fire neurons in NEST: its izhikevich model with a recovery variable that stays at 0.

tau dV/dt = V² + eta_j + J tau s + tau drive of the scenario becomes, with v = V / 0.4 - 62.5 mV, tau = 10 ms and a = b = d = 0,

dv/dt = 0.04 v² + 5 v + 140 + I,   I = 16.25 + (eta_j + tau drive) / 4,   every spike kicks v by J / (0.4 N)
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from cosim.sdk import Params, Port, Space

PER_MV = 0.4  # V per mV
PEAK = 100.0


class Column(Params):
    size: Annotated[int, Field(ge=2)] = 1000
    eta: float = -1.0
    J: float = 3.0
    delta: float = 0.7
    initial: float = -0.5


def ports(args):
    drive = Port("drive", "in", "samples", Space(("rV2",)), quantity="current", unit="pA")
    return [drive, Port("spikes", "out", "spikes", Space.numbered(args.size, {"rV2": tuple(range(args.size))}))]


def build(args: Column, seed, sim):
    import nest

    rank = np.arange(1, args.size + 1)
    excitability = args.eta + args.delta * np.tan(np.pi / 2 * (2 * rank - args.size - 1) / (args.size + 1))
    cells = nest.Create("izhikevich", args.size)
    cells.set(a=0.0, b=0.0, d=0.0, U_m=0.0, c=-PEAK / PER_MV - 62.5, V_th=PEAK / PER_MV - 62.5, V_min=-1e9)
    cells.set([{"I_e": 16.25 + eta / 4} for eta in excitability])
    spread = np.random.default_rng(seed).permutation(np.tan(np.pi / 2 * (2 * rank - args.size - 1) / (args.size + 1)))
    cells.V_m = (args.initial + 0.3 * np.clip(spread, -20, 20)) / PER_MV - 62.5
    nest.Connect(cells, cells, "all_to_all", {"weight": args.J / (PER_MV * args.size), "delay": nest.resolution})
    return {"drive": sim.current_in(cells, conn_spec="all_to_all", channels=1), "spikes": sim.spikes_out(cells)}
