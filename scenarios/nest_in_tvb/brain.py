"""TVB's default brain of 76 regions, some of which are simulated elsewhere.

Every region is the exact mean field of quadratic integrate-and-fire neurons, MontbrioPazoRoxin in TVB:

tau dr/dt = delta/(pi tau) + 2 r V,   tau dV/dt = V² + eta + J tau r - (pi tau r)² + tau c,   c_i = G sum_j W_ij r_j(t - tract_ij)

with tau in ms, so that r and, as cr = tau, the coupling c are rates in kHz.

Montbrió, Pazó and Roxin (2015), Phys Rev X 5, 021028. Connectome: ``connectivity_76`` of tvb-data (Sanz Leon et al. 2013).
"""

from cosim.sdk import Params, Port
from engines.connectome import ConnectomeParams, build_connectome
from engines.tvb import lead_ns

DT = 100_000  # ns


class Brain(Params):
    connectome: ConnectomeParams
    G: float = 0.06
    external: tuple[str, ...]


def ports(args):
    tracts, rate = build_connectome(args.connectome), {"quantity": "firing_rate", "unit": "kHz", "dt_ns": DT}
    rows = tracts.space.select(list(args.external))
    outside = tracts.space.take(rows)
    return [
        Port("rate", "out", "samples", tracts.space, **rate),
        Port("inflow", "out", "samples", outside, **rate, lead_ns=lead_ns(tracts.dense(), tracts.dense_delays_ms(), DT, rows)),
        Port("external", "in", "samples", outside, **rate),
    ]


def simulator(args):
    """TVB's own, not yet configured; as it is in ``tvb`` scripts."""
    import numpy as np
    from tvb.datatypes.connectivity import Connectivity
    from tvb.simulator import coupling, integrators, models, monitors
    from tvb.simulator.simulator import Simulator

    tracts, n = build_connectome(args.connectome), np.array
    return Simulator(
        model=models.MontbrioPazoRoxin(
            tau=n([10.0]), cr=n([10.0]), eta=n([-1.0]), J=n([3.0]), Delta=n([0.7]), variables_of_interest=["r", "V"]
        ),
        connectivity=Connectivity(
            weights=tracts.dense(), tract_lengths=tracts.dense_delays_ms(), speed=n([1.0]),
            region_labels=n(tracts.space.labels), centres=tracts.space.positions / 1000,
        ),
        coupling=coupling.Linear(a=n([args.G])),
        integrator=integrators.HeunDeterministic(dt=DT / 1e6),
        initial_conditions=np.full((1, 2, len(tracts), 1), [[[0.02]], [[-0.5]]]),  # r in kHz, V: at time 0, and all along before
        monitors=[monitors.Raw()],
    )  # fmt: skip


def build(args: Brain, seed, sim):
    sim.simulator(simulator(args))
    outside = list(args.external)
    return {"rate": sim.samples_out("r"), "inflow": sim.inflow_out(outside), "external": sim.external_in(outside, "r")}
