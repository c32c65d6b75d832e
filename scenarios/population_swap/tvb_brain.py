"""The brain of this scenario in The Virtual Brain: its MontbrioPazoRoxin model with tau = 10 ms on its own connectome.

TVB counts time in ms, so its rates are in kHz. With cr = tau its coupling term is G sum_j W_ij r_j, as in ``neural_mass``.
"""

from cosim.sdk import Params, Port
from engines.connectome import ConnectomeParams, build_connectome
from engines.tvb import lead_ns

DT = 100_000  # ns


class Brain(Params):
    connectome: ConnectomeParams
    G: float = 0.06
    eta: float = -1.0
    J: float = 3.0
    delta: float = 0.7
    external: list[str] = []


def ports(args):
    tracts = build_connectome(args.connectome)
    regions, rate = tracts.space, {"quantity": "firing_rate", "unit": "kHz", "dt_ns": DT}
    rows = regions.select(args.external)
    ahead = lead_ns(tracts.dense(), tracts.dense_delays_ms(), DT, rows)
    here = regions.take([row for row in range(len(tracts)) if row not in rows])
    found = [Port("rate", "out", "samples", here, **rate), Port("current", "in", "samples", here, "current", dt_ns=DT)]
    if args.external:
        found.append(Port("external", "in", "samples", regions.take(rows), **rate))
        found.append(Port("inflow", "out", "samples", regions.take(rows), **rate, lead_ns=ahead))
    return found


def build(args: Brain, seed, sim):
    import numpy as np
    from tvb.datatypes.connectivity import Connectivity
    from tvb.simulator import coupling, integrators, models
    from tvb.simulator.simulator import Simulator

    tracts, n = build_connectome(args.connectome), np.array
    region = models.MontbrioPazoRoxin(tau=n([10.0]), cr=n([10.0]), eta=n([args.eta]), J=n([args.J]), Delta=n([args.delta]))
    connectivity = Connectivity(
        weights=tracts.dense(), tract_lengths=tracts.dense_delays_ms(), speed=n([1.0]),
        region_labels=n(tracts.space.labels), centres=tracts.space.positions / 1000,
    )  # fmt: skip
    start = np.full((1, 2, len(tracts), 1), [[[0.02]], [[-0.5]]])  # r = 20 Hz, v: at time 0, and all along before
    integrator, between = integrators.HeunDeterministic(dt=DT / 1e6), coupling.Linear(a=n([args.G]))
    sim.simulator(
        Simulator(model=region, connectivity=connectivity, coupling=between, integrator=integrator, initial_conditions=start)
    )
    here = [label for label in tracts.space.labels if label not in args.external]
    bound = {"rate": sim.samples_out("r", here), "current": sim.parameter_in("I", here)}
    if args.external:
        bound |= {"external": sim.external_in(args.external, "r"), "inflow": sim.inflow_out(args.external)}
    return bound
