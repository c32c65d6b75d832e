"""The engine: the microcircuit at a chosen scale, as a network of point neurons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from cosim.sdk import CosimError, Duration, Params, Port, Setup
from engines.point_neurons import Network, PointNeurons
from engines.point_neurons.params import InputPort, Projection
from scenarios.microcircuit import tables
from scenarios.microcircuit.tables import POPULATIONS, Circuit, circuit

Share = Annotated[float, Field(gt=0, le=1)]
LEAST_OF_DC = 0.2
"""In-degrees with which the circuit still fires as a whole one does; measured with a tenth of the neurons."""


class Scale(Params):
    """What of the circuit is simulated."""

    neurons: Annotated[Share, Field(description="share of the 77 169 neurons")] = 0.1
    indegrees: Annotated[Share, Field(description="share of the synapses of a neuron; their strength makes up for it")] = 0.1
    background: Annotated[
        Literal["poisson", "dc"], Field(description="from outside: spikes, or the constant current that is their mean")
    ] = "poisson"
    start: Annotated[
        Literal["optimised", "original"],
        Field(description="potentials at time 0: as in the running circuit, or -58 ± 10 mV, which starts with a volley"),
    ] = "optimised"
    thalamus: Annotated[bool, Field(description="902 thalamic fibres as an input, thalamus, into layers 4 and 6")] = False
    projections: Annotated[
        dict[str, Projection], Field(description="more of them, as in point_neurons; such as from an input to L4E")
    ] = {}
    inputs: Annotated[dict[str, InputPort], Field(description="as in point_neurons")] = {}
    record: dict[str, dict[str, list[Annotated[int, Field(ge=0)]] | Literal["all"]]] = {}
    dt: Annotated[Duration, Field(gt=0)] = 100_000
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    seed: int | None = None


class Microcircuit(PointNeurons):
    """One mm² of early sensory cortex: layers 2/3, 4, 5 and 6, each with excitatory and inhibitory neurons.

    References
    ----------
    Potjans and Diesmann (2014), Cerebral Cortex 24, 785.
    van Albada, Helias and Diesmann (2015), PLoS Computational Biology 11, e1004490: scaling.
    """

    Params: ClassVar[type[Any]] = Scale

    @classmethod
    def ports(cls, params: Scale) -> Sequence[Port]:  # type: ignore[override]
        return super().ports(network(params))

    def __init__(self, params: Scale, setup: Setup) -> None:
        super().__init__(network(params), setup)


def network(scale: Scale) -> Network:
    """The parameters of the network.

    Raises
    ------
    CosimError
        A scale at which the circuit is known to fall silent, or at which a population has no neurons.
    """
    _refuse(scale)
    found = circuit(scale.neurons, scale.indegrees, scale.background)
    thalamus = {"thalamus": {"kind": "spikes", "size": tables.THALAMIC_SIZE}} if scale.thalamus else {}
    return Network.model_validate(
        {
            "dt": scale.dt,
            "threads": scale.threads,
            "seed": scale.seed,
            "populations": {name: _population(k, found, scale) for k, name in enumerate(POPULATIONS)},
            "projections": {**_projections(found), **(_thalamic(found) if scale.thalamus else {}), **scale.projections},
            "inputs": {**thalamus, **scale.inputs},
            "record": scale.record,
        }
    )


def _refuse(scale: Scale) -> None:
    """What cannot be, and what is known to go wrong."""
    if scale.background == "dc" and scale.indegrees < LEAST_OF_DC:
        raise CosimError(
            f"with a constant background the circuit does not run at {scale.indegrees:g} of its in-degrees",
            where="params.background",
            why="only its own few, strong synapses make potentials fluctuate then: at 0.1 all populations but L6I fall silent, "
            "at 0.12 to 0.15 they fire up to eleven times too often",
            mend=f"background: poisson; or indegrees of {LEAST_OF_DC:g} and more",
        )
    smallest = int(tables.SIZES.argmin())
    if not circuit(scale.neurons).sizes[smallest]:
        raise CosimError(
            f"{scale.neurons:g} of the neurons leave none in {POPULATIONS[smallest]}",
            where="params.neurons",
            why=f"the whole circuit has {tables.SIZES[smallest]} there",
            mend=f"{0.5 / tables.SIZES[smallest]:.4f} or more",
        )


def _population(k: int, found: Circuit, scale: Scale) -> dict[str, Any]:
    mean, deviation = tables.START_MV[scale.start]
    outside = {"rate": f"{found.outside_hz[k]} Hz", "weight": f"{found.outside_pa} pA"}
    return {
        "model": "iaf_psc_exp",
        "size": int(found.sizes[k]),
        "parameters": {
            "C_m": f"{tables.CAPACITY_PF} pF",
            "tau_m": f"{tables.MEMBRANE_MS} ms",
            "tau_syn_ex": f"{tables.SYNAPSE_MS} ms",
            "tau_syn_in": f"{tables.SYNAPSE_MS} ms",
            "t_ref": f"{tables.REFRACTORY_MS} ms",
            "E_L": f"{tables.REST_MV} mV",
            "V_reset": f"{tables.RESET_MV} mV",
            "V_th": f"{tables.THRESHOLD_MV} mV",
            "I_e": f"{found.current_pa[k]} pA",
        },
        "initial": {"V": {"normal": [f"{mean[k]} mV", f"{deviation[k]} mV"]}},
        "poisson": {"outside": outside} if scale.background == "poisson" else {},
    }


def _projections(found: Circuit) -> dict[str, dict[str, Any]]:
    return {
        f"{source}_{target}": _synapses(source, target, int(found.synapses[t, s]), float(found.weights_pa[t, s]))
        for t, target in enumerate(POPULATIONS)
        for s, source in enumerate(POPULATIONS)
        if found.synapses[t, s]
    }


def _thalamic(found: Circuit) -> dict[str, dict[str, Any]]:
    weight = tables.weight_pa(tables.PEAK_MV)
    return {
        f"thalamus_{target}": _synapses("thalamus", target, int(found.thalamic[t]), weight)
        for t, target in enumerate(POPULATIONS)
        if found.thalamic[t]
    }


def _synapses(source: str, target: str, number: int, weight_pa: float) -> dict[str, Any]:
    """Delays are drawn again below half a step, and rounded to whole steps."""
    mean, deviation = tables.DELAY_MS["I" if source.endswith("I") else "E"]
    return {
        "from": source,
        "to": target,
        "rule": "fixed_total_number",
        "number": number,
        "weight": {"normal": [f"{weight_pa} pA", f"{tables.WEIGHT_SD * abs(weight_pa)} pA"]},
        "delay": {"normal": [f"{mean} ms", f"{deviation} ms"]},
    }
