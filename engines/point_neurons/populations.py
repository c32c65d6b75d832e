"""Populations and inputs become arrays: constants, background, the state at time 0."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import ndtri

from cosim.sdk import CosimError, Setup, format_ns
from engines.equations.randoms import key_of
from engines.point_neurons.arrays import Cells, Floats, Groups, LifConstants, MeanField, QifConstants, State, Synapses
from engines.point_neurons.check import partners
from engines.point_neurons.connect import is_mean_field, spike_weight
from engines.point_neurons.params import Lif, Network, Qif, RateInput, SpikesInput
from engines.point_neurons.poisson import jump
from engines.point_neurons.randoms import bits, uniforms

_MS_PER_NS = 1e-6


def quanta(params: Network) -> Floats:
    """(populations,) the unit in which each one's ring counts: a function of what ends in it, not of where that comes from."""
    weights: dict[str, list[float]] = {name: [] for name in params.populations}
    for projection in params.projections.values():
        if not is_mean_field(projection, params):
            weights[projection.target].append(spike_weight(projection, params))
    for name, population in params.populations.items():
        weights[name].append(jump(population))
    for port in params.inputs.values():
        if isinstance(port, RateInput) and port.weight is not None:
            weights[port.target].append(port.weight)
    return np.array([_quantum(values) for values in weights.values()])


def _quantum(weights: list[float]) -> float:
    """A power of two: weights are kept to 2^-41 of the largest."""
    largest = max(map(abs, weights), default=0.0)
    return math.ldexp(1.0, math.frexp(largest)[1] - 40) if largest else 1.0


def cells(params: Network, units: Floats) -> Cells:
    """Where populations begin, what drives each neuron by itself."""
    populations = params.populations
    stored = {p.target for p in params.projections.values() if not is_mean_field(p, params)}
    biases = [
        np.full(p.size, p.I_e) if isinstance(p, Lif) else p.eta + p.delta * lorentzian_quantiles(p.size)
        for p in populations.values()
    ]
    return Cells(
        first=np.cumsum([0, *(p.size for p in populations.values())], dtype=np.int64),
        is_qif=np.array([isinstance(p, Qif) for p in populations.values()]),
        has_synapses=np.array([name in stored or p.poisson is not None for name, p in populations.items()]),
        quantum=units,
        bias=np.concatenate(biases),
    )


def lorentzian_quantiles(count: int) -> Floats:
    """tan(pi/2 (2j - N - 1)/(N + 1)), j = 1..N: the standard Lorentzian in equal shares."""
    return np.tan(math.pi / 2 * (2 * np.arange(1, count + 1) - count - 1) / (count + 1))


def lif_constants(params: Network) -> LifConstants:
    """The propagator over one step, exp(A dt).

    A current that decays from i with tau_s moves V by i/C exp(-dt/tau_s) (exp(x) - 1)/x dt, x = dt (1/tau_s - 1/tau_m): no
    singularity at tau_s = tau_m.
    """
    dt, table = params.dt * _MS_PER_NS, np.zeros((len(params.populations), len(LifConstants._fields)))
    for row, p in zip(table, params.populations.values(), strict=True):
        if isinstance(p, Lif):
            keep = [math.exp(-dt / tau) for tau in (p.tau_m, p.tau_syn_ex, p.tau_syn_in)]
            gains = [
                dt / p.C_m * k * _expm1_over(dt / tau - dt / p.tau_m)
                for k, tau in zip(keep[1:], (p.tau_syn_ex, p.tau_syn_in), strict=True)
            ]
            gain_bias = -p.tau_m / p.C_m * math.expm1(-dt / p.tau_m)
            row[:] = keep[0], *gains, gain_bias, *keep[1:], p.V_th - p.E_L, p.V_reset - p.E_L, p.t_ref // params.dt
    return LifConstants(*np.ascontiguousarray(table.T))


def _expm1_over(x: float) -> float:
    return math.expm1(x) / x if x else 1.0


def qif_constants(params: Network) -> QifConstants:
    dt, table = params.dt * _MS_PER_NS, np.zeros((len(params.populations), len(QifConstants._fields)))
    for row, p in zip(table, params.populations.values(), strict=True):
        if isinstance(p, Qif):
            row[:] = p.tau * 1e-3, dt / p.tau, p.peak, math.exp(-dt / p.tau_s) if p.tau_s else 0.0
    return QifConstants(*np.ascontiguousarray(table.T))


def link_delays(params: Network, setup: Setup) -> dict[str, int]:
    """For each spike input, how long its link delays, ns: 0 where it is not connected."""
    delays = {}
    for name, port in params.inputs.items():
        if isinstance(port, SpikesInput):
            given = np.unique(setup.delays_ns.get(name, np.empty(0, np.int64)))
            given = given[given >= 0]
            if len(given) > 1:
                raise CosimError(
                    f"the links that end in {name} have several delays",
                    where=f"{setup.name}.{name}",
                    why=", ".join(map(format_ns, given.tolist())),
                    mend="give them one delay, or an input each",
                )
            delays[name] = int(given[0]) if len(given) else 0
    return delays


def groups(params: Network, link_ns: Mapping[str, int]) -> Groups:
    """What projections may come from."""
    before = [p.initial_rate for p in params.populations.values()]
    before += [port.initial_rate for port in params.inputs.values() if isinstance(port, SpikesInput)]
    sizes = partners(params)
    return Groups(
        size=np.array(list(sizes.values()), np.int64),
        arrived=np.array([link_ns.get(name, 0) // params.dt for name in sizes], np.int64),
        rate_before=np.array(before, np.float64),
    )


def state_at_zero(params: Network, seed: int, groups: Groups, synapses: Synapses, mean_field: MeanField) -> State:
    """Potentials as ``initial`` says, no current, and the rates of before time 0 in the history of the mean field."""
    populations = params.populations
    neurons, slots = sum(p.size for p in populations.values()), 1 + max([1, *synapses.delay.tolist(), *mean_field.delay.tolist()])
    v = np.concatenate(
        [_lif_start(p, seed, name) if isinstance(p, Lif) else _qif_start(p, seed, name) for name, p in populations.items()]
    )
    peak = np.concatenate([np.full(p.size, p.peak if isinstance(p, Qif) else np.inf) for p in populations.values()])
    beyond = np.abs(v) >= peak
    # A qif neuron beyond the peak is on its way through infinity: it passes it 1/V from now, and comes to -peak 1/peak later.
    wait = np.where(beyond, 1.0 / peak + 1.0 / np.where(beyond, v, np.inf), 0.0)
    heard = mean_field.J * groups.rate_before[mean_field.group]
    return State(
        v=np.where(beyond, -peak, v),
        wait=wait,
        i_ex=np.zeros(neurons),
        i_in=np.zeros(neurons),
        s=np.array([heard[a:b].sum() for a, b in zip(mean_field.of_target[:-1], mean_field.of_target[1:], strict=True)]),
        ring=np.zeros((slots, 2 * neurons), np.int64),
        history=np.tile(groups.rate_before, (slots, 1)),
    )


def _lif_start(p: Lif, seed: int, name: str) -> Floats:
    """(size,) mV relative to E_L."""
    mean = 0.0 if p.initial.mean is None else p.initial.mean - p.E_L
    return mean + p.initial.spread * _deviates(p.initial.distribution, p.size, key_of(seed, "initial", name))


def _qif_start(p: Qif, seed: int, name: str) -> Floats:
    """(size,), dimensionless."""
    spread = math.pi * p.tau * 1e-3 * p.initial_rate if p.initial.spread is None else p.initial.spread
    return p.initial.mean + spread * _deviates(p.initial.distribution, p.size, key_of(seed, "initial", name))


def _deviates(distribution: str, count: int, key: np.uint64) -> Floats:
    """(count,): a standard distribution about 0."""
    if distribution == "uniform":
        return 2.0 * uniforms(key, count) - 1.0
    if distribution == "normal":
        return np.asarray(ndtri(uniforms(key, count)))
    if distribution == "lorentzian":
        return lorentzian_quantiles(count)[np.argsort(bits(key, count), kind="stable")]
    return np.zeros(count)
