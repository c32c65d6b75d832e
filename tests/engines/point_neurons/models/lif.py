"""What tests of leaky integrate-and-fire models share: weights for each, potentials, and a circuit that does everything at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.engines.point_neurons.running import Synapses, circuit

C_M = 250.0  # pF
Course = Callable[[Any], Any]


@dataclass(frozen=True)
class Lif:
    """A model.

    Attributes
    ----------
    excitatory, inhibitory
        A weight of some 2 mV, and the receptor where the sign does not tell it.
    """

    name: str
    excitatory: tuple[float, str | None]
    inhibitory: tuple[float, str | None]

    def __str__(self) -> str:
        return self.name


LIFS = [
    Lif("iaf_psc_delta", (2.0, None), (-2.0, None)),
    Lif("iaf_psc_exp", (300.0, None), (-300.0, None)),
    Lif("iaf_psc_alpha", (120.0, None), (-120.0, None)),
    Lif("iaf_cond_exp", (40.0, "excitatory"), (15.0, "inhibitory")),
    Lif("iaf_cond_alpha", (20.0, "excitatory"), (8.0, "inhibitory")),
]


def onto(lif: Lif, neuron: int = 0, train: int = 0, times: float = 1.0, delay_ms: float = 0.1) -> Synapses:
    """An excitatory synapse of ``times`` the weight from a train to a neuron."""
    weight, receptor = lif.excitatory
    return Synapses("trains", [(train, neuron)], times * weight, delay_ms, receptor)


def busy(lif: Lif, size: int = 5, stop_ms: float = 100.0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keywords and inputs of neurons that differ in all parameters, get spikes and currents, and fire upon each other."""
    rng = np.random.default_rng(7)
    trains = [np.round(np.sort(rng.uniform(0.1, stop_ms - 1, 60)), 1).tolist() for _ in range(6)]
    synapses = [replace(onto(lif, 0, 0, 1.0 + 0.2 * k, 0.1 + 0.7 * k), pairs=[(k, j) for j in range(size)]) for k in range(4)]
    weight, receptor = lif.inhibitory
    synapses += [Synapses("trains", [(k, j) for j in range(size)], weight, 1.0, receptor) for k in (4, 5)]
    weight, receptor = lif.excitatory
    synapses.append(Synapses("neurons", [(j, (j + 1) % size) for j in range(size)], weight, 1.5, receptor))
    network = circuit(lif.name, size, spread(lif.name, size), trains=trains, synapses=synapses)
    current = np.repeat(rng.uniform(0.0, 600.0, (round(stop_ms), size)), 10, axis=0)
    return network, {"current": current}


def spread(name: str, size: int) -> dict[str, list[float]]:
    """Parameters that differ from neuron to neuron."""
    described = circuit(name)["populations"]["neurons"]["parameters"]
    factors = np.linspace(0.9, 1.1, size)
    given = {symbol: (values[0] * factors).tolist() for symbol, values in described.items() if symbol not in ("t_ref", "E_in")}
    return given | {"t_ref": [0.5 * k for k in range(size)], "I_e": np.linspace(0.0, 100.0, size).tolist()}


def psp(model: str, weight: float, tau_m: float, tau_s: float) -> Course:
    """V - E_L (mV) at t (ms) after a spike of a weight in pA; the limit where both time constants are equal.

    With b = 1/tau_s - 1/tau_m, an exponential current gives (w/C) (e^(-t/tau_m) - e^(-t/tau_s)) / b, an alpha-shaped one
    (w e/(C tau_s)) (e^(-t/tau_m) (1 - e^(-b t) (1 + b t)) / b²).
    """
    b = 1 / tau_s - 1 / tau_m
    if model == "iaf_psc_exp":
        if b == 0:
            return lambda t: weight / C_M * t * np.exp(-t / tau_m)
        return lambda t: weight / C_M / b * np.exp(-t / tau_m) * -np.expm1(-b * t)
    scale = weight * math.e / (C_M * tau_s)
    if b == 0:
        return lambda t: scale * t**2 / 2 * np.exp(-t / tau_m)
    return lambda t: scale / b**2 * np.exp(-t / tau_m) * (1 - np.exp(-b * t) * (1 + b * t))
