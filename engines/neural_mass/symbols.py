"""Every symbol of a model with its value: one number, one a region, or one that moves during the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Space
from engines.neural_mass.description import RegionDescription
from engines.neural_mass.layers import Layer, strength_of, weights_of
from engines.neural_mass.params import NeuralMassParams
from engines.neural_mass.values import by_region, unit_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Symbols:
    """Values in SI units, for the regions of the connectome.

    Attributes
    ----------
    uniform, regional
        Names; the columns of ``uniform_values`` (replicas, names) and rows of ``regional_values`` (replicas, names, regions).
    driven
        Names of what comes as rows of every step: varied, stimulated or changed parameters, and inputs that are used.
    """

    uniform: Sequence[str]
    regional: Sequence[str]
    driven: Sequence[str]
    uniform_values: Floats
    regional_values: Floats

    def of(self, name: str) -> Floats:
        """(replicas, regions) of a symbol; zeros for an input."""
        replicas, _, regions = self.regional_values.shape
        if name in self.regional:
            return self.regional_values[:, self.regional.index(name)]
        if name in self.uniform:
            return np.repeat(self.uniform_values[:, self.uniform.index(name), None], regions, axis=1)
        return np.zeros((replicas, regions))


def build_symbols(
    params: NeuralMassParams,
    description: RegionDescription,
    layers: Sequence[Layer],
    space: Space,
    fed: Sequence[str] = (),
    tuned: Mapping[str, Floats] | None = None,
) -> Symbols:
    """The symbols of a network.

    Parameters
    ----------
    fed
        Inputs of the model over whose ports something comes.
    tuned
        (replicas, regions) of parameters that were found, in SI units.
    """
    moving = {
        *fed,
        *params.vary,
        *(stimulus.target for stimulus in params.stimuli),
        *(change.parameter for change in params.changes),
    }
    values = {name: _of_replicas(params, description, space, name) for name in (*description.parameters, "G")}
    values |= {name: list(value) for name, value in (tuned or {}).items()}
    for k, layer in enumerate(layers):
        if layer.strength is not None:
            values[strength_of(k)] = [layer.strength] * params.replicas
        if layer.function == "difference":
            values[weights_of(k)] = [layer.connectome.in_strength()] * params.replicas
    regional = [name for name, each in values.items() if name in moving or any(np.ndim(value) for value in each)]
    uniform = [name for name in values if name not in regional]
    rows = np.array([[np.broadcast_to(values[name][m], len(space)) for name in regional] for m in range(params.replicas)])
    return Symbols(
        uniform,
        regional,
        [name for name in (*values, *description.inputs) if name in moving],
        np.array([[values[name][m] for name in uniform] for m in range(params.replicas)], np.float64).reshape(params.replicas, -1),
        rows.reshape(params.replicas, len(regional), len(space)),
    )


def _of_replicas(params: NeuralMassParams, description: RegionDescription, space: Space, name: str) -> list[float | Floats]:
    """A value for each replica."""
    unit = unit_of(description, name)
    default = description.parameters[name].default if name in description.parameters else 1.0
    given = params.G if name == "G" else params.parameters.get(name, default)
    if name not in params.sweep:
        return [by_region(given, unit, space, name, default)] * params.replicas
    swept = params.sweep[name]
    if len(swept) != params.replicas:
        raise CosimError(
            f"sweep.{name} has {len(swept)} values for {params.replicas} replicas",
            mend=f"write replicas: {len(swept)}, or as many values",
        )
    return [by_region(value, unit, space, f"sweep.{name}", default) for value in swept]
