"""The network of Mongillo, Barak and Tsodyks (2008), Science 319, 1543: populations that stand for items, in a balanced network.

    tau dV/dt = -(V - mu) + sigma sqrt(tau) xi + tau sum_j J_ij u_j x_j sum_k delta(t - t_k - delay)

Excitatory neurons of an item excite each other by J_p, those of other items by J_b; where neurons of no item take part, one synapse
in ten has J_p. Synapses among excitatory neurons facilitate (u) and run short of resources (x); all others are static.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from cosim.sdk import Duration, Params, Port, Setup, Unit
from engines.point_neurons import Network, PointNeurons

Millivolt = Annotated[float, Unit("mV")]
CAPACITY_PF = 250.0
"""Of no consequence: currents are told in mV, as what they drive the membrane to."""
THRESHOLD_MV = 20.0
CELLS = {"exc": (15.0, 16.0), "inh": (10.0, 13.0)}
"""Membrane time constant in ms and potential after a spike in mV."""
KICK_MV = 0.05
"""Of a spike from outside."""
WATCHED_MS = 10.0
POTENTIATED = 0.1
"""Of synapses from or to excitatory neurons of no item."""
WITHIN, BASELINE = 0.45, 0.10
"""mV: J_p, J_b."""
TO_INHIBITORY, FROM_INHIBITORY, AMONG_INHIBITORY = 0.135, -0.25, -0.20
"""mV."""


class Memory(Params):
    """Numbers of the paper, but for the size: half of its neurons, each with as many inputs as there."""

    excitatory: Annotated[int, Field(ge=200, multiple_of=20)] = 4000
    inhibitory: Annotated[int, Field(ge=50)] = 1000
    indegree: Annotated[
        int, Field(ge=200, multiple_of=200, description="from excitatory neurons; from inhibitory ones a quarter")
    ] = 1600
    items: Annotated[int, Field(ge=1, le=10, description="each a tenth of the excitatory neurons")] = 5
    drive: Annotated[Millivolt, Field(description="what excitatory neurons are driven to from outside, on average")] = 23.1
    inhibitory_drive: Millivolt = 21.0
    noise: Annotated[Millivolt, Field(gt=0, description="sigma; by Poisson spikes from outside")] = 1.0
    use: Annotated[float, Field(gt=0, le=1, description="U, the share of resources that a rested synapse uses")] = 0.2
    facilitation: Annotated[Duration, Field(ge=0, description="tau_F; 0: u is always U")] = 1_500_000_000
    recovery: Annotated[Duration, Field(gt=0, description="tau_D")] = 200_000_000
    delay: Annotated[Duration, Field(gt=0)] = 1_000_000
    watched: Annotated[int, Field(ge=1, description="the item whose u and x are given out, neuron by neuron")] = 2
    threads: Annotated[int, Field(ge=1)] = 1
    dt: Duration = 100_000

    @model_validator(mode="after")
    def _fits(self) -> Memory:
        if self.watched > self.items:
            raise ValueError(f"item {self.watched} is watched, and there are {self.items}")
        for kind in ("exc", "inh"):
            if constant_mv(self, kind) < 0:
                raise ValueError(f"noise of {self.noise:g} mV by spikes of {KICK_MV} mV drives {kind} neurons beyond their mean")
        return self


class WorkingMemory(PointNeurons):
    """PointNeurons with the populations item1, item2, …, others and inhibitory, and an input of Poisson spikes into each of them.

    ``u`` and ``x`` are those of the synapses of one item's neurons, every 10 ms.
    ``to_<population>`` takes the rate of additional spikes of 0.05 mV from outside into every neuron of the population: 1 kHz
    drives excitatory neurons 0.75 mV further.
    """

    Params: ClassVar[Any] = Memory

    @classmethod
    def ports(cls, params: Any) -> Sequence[Port]:
        return PointNeurons.ports(network(params))

    def __init__(self, params: Any, setup: Setup) -> None:
        super().__init__(network(params), setup)


def network(params: Memory) -> Network:
    """What ``point_neurons`` takes."""
    sizes = {f"item{k + 1}": params.excitatory // 10 for k in range(params.items)}
    sizes["others"] = params.excitatory - sum(sizes.values())
    sizes = {name: size for name, size in sizes.items() if size}
    populations = {name: _population(params, "exc", size) for name, size in sizes.items()}
    populations["inhibitory"] = _population(params, "inh", params.inhibitory)
    return Network.model_validate(
        {
            "dt": f"{params.dt} ns",
            "threads": params.threads,
            "populations": populations,
            "projections": dict(_projections(params, sizes)),
            "weights": {name: _watched(params, name) for name in ("u", "x")},
            "inputs": {f"to_{name}": {"kind": "rate", "to": name, "weight": f"{KICK_MV} mV"} for name in populations},
        }
    )


def spikes_hz(params: Memory, kind: str) -> float:
    """From outside into a neuron: sigma² = tau rate kick²."""
    return params.noise**2 / (CELLS[kind][0] * 1e-3 * KICK_MV**2)


def constant_mv(params: Memory, kind: str) -> float:
    """What is left of the drive besides these spikes."""
    mean_mv = params.drive if kind == "exc" else params.inhibitory_drive
    return mean_mv - CELLS[kind][0] * 1e-3 * spikes_hz(params, kind) * KICK_MV


def _population(params: Memory, kind: str, size: int) -> dict[str, Any]:
    tau_ms, reset_mv = CELLS[kind]
    return {
        "model": "iaf_psc_delta",
        "size": size,
        "parameters": {
            "C_m": f"{CAPACITY_PF} pF", "tau_m": f"{tau_ms} ms", "E_L": "0 mV", "V_th": f"{THRESHOLD_MV} mV",
            "V_reset": f"{reset_mv} mV", "t_ref": "2 ms", "I_e": f"{constant_mv(params, kind) * CAPACITY_PF / tau_ms!r} pA",
        },
        "initial": {"V": {"uniform": ["16 mV", "18 mV"]}},  # near their means, so that no volley starts it
        "poisson": {"outside": {"rate": f"{spikes_hz(params, kind)!r} Hz", "weight": f"{KICK_MV} mV"}},
    }  # fmt: skip


def _projections(params: Memory, sizes: dict[str, int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of every pair of populations; a neuron has as many inputs from each as its share of the neurons."""
    for source, size in sizes.items():
        inputs = params.indegree * size // params.excitatory
        for target in sizes:
            for name, weight, indegree in _excitatory(source, target, inputs):
                yield name, _projection(params, source, target, indegree, weight) | {"plasticity": _plasticity(params)}
        yield f"{source}_to_inhibitory", _projection(params, source, "inhibitory", inputs, TO_INHIBITORY)
    for target in (*sizes, "inhibitory"):
        weight = AMONG_INHIBITORY if target == "inhibitory" else FROM_INHIBITORY
        yield f"inhibitory_to_{target}", _projection(params, "inhibitory", target, params.indegree // 4, weight)


def _excitatory(source: str, target: str, inputs: int) -> Iterator[tuple[str, float, int]]:
    name = f"{source}_to_{target}"
    if "others" in (source, target):
        strong = round(POTENTIATED * inputs)
        yield f"{name}_strong", WITHIN, strong
        yield name, BASELINE, inputs - strong
    else:
        yield name, WITHIN if source == target else BASELINE, inputs


def _projection(params: Memory, source: str, target: str, indegree: int, weight_mv: float) -> dict[str, Any]:
    return {
        "from": source,
        "to": target,
        "rule": "fixed_indegree",
        "indegree": indegree,
        "weight": f"{weight_mv} mV",
        "delay": f"{params.delay} ns",
    }


def _watched(params: Memory, state: str) -> dict[str, Any]:
    item = f"item{params.watched}"
    return {"projection": f"{item}_to_{item}", "of": state, "every": f"{WATCHED_MS} ms"}


def _plasticity(params: Memory) -> dict[str, Any]:
    return {
        "rule": "tsodyks_markram",
        "U": params.use,
        "tau_facil": f"{params.facilitation} ns",
        "tau_rec": f"{params.recovery} ns",
    }
