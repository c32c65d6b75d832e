"""The microcircuit of Potjans and Diesmann, part of whose input from outside comes over fibres from other regions of a brain.

Every neuron of the microcircuit has K_ext synapses from outside, each of which fires at 8 Hz. Here a share of them are synapses of
fibres whose spikes come in over a port, and the rest stays as it is: if the fibres fire at 8 Hz, nothing has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import Port, Setup
from engines.point_neurons import Network, PointNeurons
from engines.point_neurons.params import Background, Projection, SpikesInput
from scenarios.microcircuit.microcircuit import Scale, network
from scenarios.microcircuit.tables import OUTSIDE, OUTSIDE_HZ, POPULATIONS, circuit


class ColumnScale(Scale):
    """What of the microcircuit is simulated, and what it hears of the brain."""

    share: Annotated[float, Field(ge=0, le=1, description="of its synapses from outside, those of fibres from other regions")] = 0.3
    fibres: Annotated[int, Field(ge=1, description="from which each neuron's are drawn")] = 4000


class Column(PointNeurons):
    """Microcircuit with an input, ``fibres``, for spikes from other regions."""

    Params: ClassVar[type[Any]] = ColumnScale

    @classmethod
    def ports(cls, params: Any) -> Sequence[Port]:
        return super().ports(column(params))

    def __init__(self, params: Any, setup: Setup) -> None:
        super().__init__(column(params), setup)


def column(params: ColumnScale) -> Network:
    """The parameters of the network: the microcircuit's, and fibres in place of some of its background."""
    whole, found = network(params), circuit(params.neurons, params.indegrees, params.background)
    ends = synapses_of_fibres(params)
    populations, projections = dict(whole.populations), dict(whole.projections)
    for k, (name, count) in enumerate(zip(POPULATIONS, ends, strict=True)):
        left_hz = float(found.outside_hz[k]) - float(count) * OUTSIDE_HZ
        outside = Background.model_validate({"rate": f"{left_hz!r} Hz", "weight": f"{found.outside_pa!r} pA"})
        populations[name] = populations[name].model_copy(update={"poisson": {"outside": outside}})
        given = {
            "from": "fibres",
            "to": name,
            "rule": "fixed_indegree",
            "indegree": int(count),
            "weight": f"{found.outside_pa!r} pA",
        }
        if count:
            projections[f"fibres_{name}"] = Projection.model_validate(given)
    inputs = whole.inputs | {"fibres": SpikesInput(kind="spikes", size=params.fibres)}
    return whole.model_copy(update={"populations": populations, "projections": projections, "inputs": inputs})


def synapses_of_fibres(params: ColumnScale) -> NDArray[np.int64]:
    """(populations,) of a neuron."""
    return np.rint(OUTSIDE * params.indegrees * params.share).astype(np.int64)
