"""A small brain in The Virtual Brain, whole or cut, with ports of every kind."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cosim.sdk import Params, Port, Space

LABELS = ("A", "B", "C", "D", "E")
WEIGHTS = np.array(
    [[0.3, 1.1, 0, 0.7, 0.4], [0.9, 0, 0.5, 0, 1.3], [0, 0.8, 0, 1.7, 0.6], [0.2, 0, 1.9, 0.1, 0], [1.2, 0.6, 0.4, 0, 0]]
)
DELAYS_MS = np.array(
    [[0, 1.2, 0, 2.0, 0.9], [1.5, 0, 3.1, 0, 0.8], [0, 2.2, 0, 0.7, 1.6], [3.0, 0, 1.1, 0, 0], [0.6, 1.0, 2.5, 0, 0]]
)
"""Row = receiver. E receives from A (0.6 ms), B (1 ms) and C (2.5 ms), and sends to A (0.9 ms), B (0.8 ms) and C (1.6 ms)."""
HORIZON = 32


class Brain(Params):
    kind: str = "rates"
    external: tuple[str, ...] = ()
    noisy: bool = False
    driven: bool = True
    lead: int = 600_000
    coupled: bool = True
    monitor: str = "TemporalAverage"
    told_every: int = 10
    parameter_of: tuple[str, ...] = ("B", "C")
    still: bool = False


@dataclass
class Kind:
    """A model of TVB, its coupling, the variables that regions send, how it starts."""

    model: str
    coupling: str
    sent: tuple[str, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    unit: str = "1"
    modes: int = 1
    parameter: str = ""
    start: tuple[float, ...] = (0.1, 0.3)


KINDS = {
    # rates in kHz, for its tau is in ms; with cr = tau the coupling is a rate, too
    "rates": Kind(
        "MontbrioPazoRoxin", "Linear", ("r",), {"tau": 10, "cr": 10, "eta": -1, "J": 3, "Delta": 0.7}, "kHz", parameter="I",
        start=(0.03, -0.5),
    ),
    "masses": Kind("Generic2dOscillator", "Sigmoidal", ("V",), {"a": 0.5}, parameter="I"),  # Numba, and a dense coupling
    "columns": Kind("JansenRit", "SigmoidalJansenRit", ("y1", "y2"), {}, "mV", parameter="mu", start=(0.1, 8, 2, 0, 0, 0)),
    "phases": Kind("Kuramoto", "Kuramoto", ("theta",), {"omega": 0.5}, parameter="omega", start=(1,)),
    "modes": Kind("ReducedSetFitzHughNagumo", "Linear", ("xi", "alpha"), modes=3, parameter="K11", start=(0.1, 0.2, 0.3, 0.4)),
}  # fmt: skip


MONITORS = {"GlobalAverage": 2, "SpatialAverage": 2, "EEG": 6}
"""Those that tell fewer values than there are variables and regions."""


def ports(args):
    kind, regions, dt_ns = KINDS[args.kind], Space(LABELS), 100_000
    channels = Space.numbered(len(LABELS) * kind.modes) if kind.modes > 1 else regions
    found = [
        *(Port(name, "out", "samples", channels, unit=kind.unit, dt_ns=dt_ns) for name in kind.sent),
        Port("mean", "out", "samples", Space.numbered(2 * kind.modes), of="mean", dt_ns=2 * dt_ns),
    ]
    if args.driven:
        found += [
            Port("parameter", "in", "samples", Space(args.parameter_of), dt_ns=dt_ns),
            Port("stimulus", "in", "samples", regions, dt_ns=dt_ns),
        ]
    if args.external:
        outside = Space(args.external) if kind.modes == 1 else Space.numbered(len(args.external) * kind.modes)
        found += [Port(f"external_{name}", "in", "samples", outside, unit=kind.unit, dt_ns=dt_ns) for name in kind.sent]
        if args.lead >= 0:
            found += [Port("inflow", "out", "samples", outside, unit=kind.unit, dt_ns=dt_ns, lead_ns=args.lead)]
    if args.monitor:
        count = MONITORS.get(args.monitor, len(kind.start) * len(channels))
        found += [Port("monitor", "out", "samples", Space.numbered(count), dt_ns=args.told_every * dt_ns)]
    return found


def simulator(args, seed=None, history=None):
    """The brain alone; ``history``: of another length than the longest delay asks for."""
    from tvb.datatypes.connectivity import Connectivity
    from tvb.simulator import coupling, integrators, models, monitors, noise
    from tvb.simulator.simulator import Simulator

    kind, count = KINDS[args.kind], len(LABELS)
    connectivity = Connectivity(
        weights=WEIGHTS.copy(), tract_lengths=DELAYS_MS.copy(), speed=np.array([1.0]), region_labels=np.array(LABELS),
        centres=np.zeros((count, 3)), orientations=np.zeros((count, 3)),
        cortical=np.ones(count, bool), hemispheres=np.arange(count) > 2,
    )  # fmt: skip
    model = getattr(models, kind.model)(**{name: np.array([float(value)]) for name, value in kind.parameters.items()})
    model.variables_of_interest = list(model.state_variables)
    scale = {"a": np.array([0.06 if args.coupled else 0.0])} if kind.coupling != "Sigmoidal" else {}
    noisy = noise.Additive(nsig=np.array([1e-6]), **({} if seed is None else {"noise_seed": seed}))
    integrator = integrators.HeunStochastic(dt=0.1, noise=noisy) if args.noisy else integrators.HeunDeterministic(dt=0.1)
    return Simulator(
        model=model, connectivity=connectivity, coupling=getattr(coupling, kind.coupling)(**scale), integrator=integrator,
        initial_conditions=past(kind, 1 if args.still else history or HORIZON), monitors=[monitors.TemporalAverage(period=1.0)],
    )  # fmt: skip


def monitor(name, obsnoise=None):
    """One of TVB's, that tells every ms (or every step)."""
    from tvb.datatypes.projections import ProjectionSurfaceEEG
    from tvb.datatypes.region_mapping import RegionMapping
    from tvb.datatypes.sensors import SensorsEEG
    from tvb.simulator import monitors

    if name != "EEG":
        return getattr(monitors, name)(
            **({} if name in ("Raw", "AfferentCoupling") else {"period": 4.0 if name == "Bold" else 1.0})
        )
    return monitors.EEG(
        period=1.0, projection=ProjectionSurfaceEEG(projection_data=np.arange(15.0).reshape(3, 5)),
        region_mapping=RegionMapping(array_data=np.arange(5)), reference="average",
        sensors=SensorsEEG(labels=np.array(["Fz", "Cz", "Pz"]), locations=np.eye(3)),
        **({"obsnoise": obsnoise} if obsnoise else {}),
    )  # fmt: skip


def past(kind, steps):
    """(steps, variables, regions, modes): a course of its own in each region, until time 0."""
    time = np.arange(1 - steps, 1)[:, None, None, None]
    region, mode = np.arange(1, len(LABELS) + 1)[:, None], np.arange(kind.modes)
    return np.array(kind.start)[:, None, None] * (1 + 0.3 * np.sin(time * 0.2 * region + mode))


def build(args: Brain, seed, sim):
    kind, brain = KINDS[args.kind], sim.simulator(simulator(args))
    bound = {name: sim.samples_out(name) for name in kind.sent}
    bound["mean"] = sim.samples_out(brain.model.state_variables[-1], [1, 2])
    if args.driven:
        bound["parameter"] = sim.parameter_in(kind.parameter, list(args.parameter_of))
        bound["stimulus"] = sim.stimulus_in(None, brain.model.state_variables[-1])
    if args.external:
        bound |= {f"external_{name}": sim.external_in(list(args.external), name) for name in kind.sent}
        if args.lead >= 0:
            bound["inflow"] = sim.inflow_out(list(args.external))
    if args.monitor:
        bound["monitor"] = sim.monitor_out(brain.monitors[0] if args.monitor == "TemporalAverage" else monitor(args.monitor))
    return bound
