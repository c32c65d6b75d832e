"""Parts: the nodes of a population that have one model, which are a population of the network that is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.point_neurons.description import NeuronDescription, read_model
from engines.sonata_network.config import Config
from engines.sonata_network.faults import Faults
from engines.sonata_network.nodes import Nodes
from engines.sonata_network.templates import Template, template_of
from engines.sonata_network.values import Values, known_of, values_of

TAU_MINUS = 20.0
"""NEST's, ms."""


@dataclass(frozen=True)
class Part:
    """Nodes of one population and one model.

    Attributes
    ----------
    rows
        (k,) of the nodes in their population.
    model
        None: they are virtual.
    template
        None: the model is one of the user's own.
    parameters, initial
        Of the model, by its own names and in its units: a number, or (k,).
    tau_minus
        ms: how long the neurons remember their spikes, for plastic synapses onto them.
    """

    name: str
    population: str
    rows: NDArray[np.int64]
    model: Path | None = None
    template: Template | None = None
    parameters: Values = field(default_factory=dict)
    initial: Values = field(default_factory=dict)
    tau_minus: float | NDArray[np.float64] = TAU_MINUS

    @property
    def is_virtual(self) -> bool:
        return self.model is None

    @property
    def described(self) -> NeuronDescription:
        assert self.model is not None
        return read_model(self.model)[0]


def make_parts(config: Config, nodes: Nodes, models: Mapping[str, Path], faults: Faults) -> list[Part]:
    """All parts of a population, in the order in which their first nodes stand.

    Parameters
    ----------
    models
        Files of models by the ``model_template`` that they stand for; else the engine's own.
    """
    told = nodes.members.column("model_template")
    kinds = ["virtual" if virtual else str(value) for value, virtual in zip(told, nodes.is_virtual, strict=True)]
    found = []
    for kind in dict.fromkeys(kinds):
        rows = np.flatnonzero(np.array(kinds, object) == kind)
        part = Part(nodes.name if len(rows) == len(nodes) else f"{nodes.name} {kind}", nodes.name, rows)
        if kind == "virtual":
            found.append(part)
            continue
        where = f"{nodes.members.path}  {nodes.name}"
        neurons = faults.collect(where, _neurons, config, nodes, part, kind, models, faults)
        found += [] if neurons is None else [neurons]
    return found


def _neurons(config: Config, nodes: Nodes, part: Part, kind: str, models: Mapping[str, Path], faults: Faults) -> Part:
    template, file = None, models.get(kind) or models.get(kind.removeprefix("nest:"))
    if file is None:
        template = template_of(kind)
        file = template.file
        assert file is not None
    described, _ = read_model(file)
    values = values_of(config, nodes, part.rows, known_of(template, described), faults)
    tau_minus = values.pop("tau_minus", TAU_MINUS) if template is not None else TAU_MINUS
    if template is not None:
        values = {template.own(key): value for key, value in values.items()}
    parameters = {key: value for key, value in values.items() if key not in described.states}
    initial = {key: value for key, value in values.items() if key in described.states}
    return Part(part.name, part.population, part.rows, file, template, parameters, initial, tau_minus)


def receptor_for(part: Part, number: int) -> str | None:
    """What NEST's ``receptor_type`` means: 0, the sign tells; else, of a model with receptors by number, the first is 1.

    Raises
    ------
    CosimError
        There is none.
    """
    is_numbered = part.template is None or part.template.is_numbered
    if number == 0 and not (part.template and is_numbered):
        return None
    names, what = list(part.described.receptors), f"edges onto {part.name} have receptor_type {number}"
    if part.template is not None and not is_numbered:
        raise CosimError(what, why=f"{part.template.model} tells receptors by the sign of weights", mend="leave receptor_type out")
    if not 1 <= number <= len(names):
        raise CosimError(what, why=f"its receptors are 1 to {len(names)}: {', '.join(names)}")
    return names[number - 1]
