"""A circuit as a network of the point-neuron engine: its populations, what comes in, what is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, did_you_mean
from engines.point_neurons.params import DriveInput, Generator, Network, Population, SpikesInput
from engines.sonata_network.circuit import Circuit
from engines.sonata_network.faults import Faults
from engines.sonata_network.params import SonataParams
from engines.sonata_network.parts import Part

CURRENT = "current"
"""The input of models that a clamp feeds."""


@dataclass(frozen=True)
class Drive:
    """The port of the network over which all currents of a part come.

    Attributes
    ----------
    each
        Whether neurons get different ones.
    """

    port: str
    part: Part
    each: bool


def network_of(circuit: Circuit, params: SonataParams) -> tuple[Network, dict[str, Drive]]:
    """The network without its projections, and by part the port of its currents.

    Raises
    ------
    CosimError
        A report names a variable that a model does not have, or currents are led into a model without such an input.
    """
    faults = Faults()
    drives = _drives(circuit, faults)
    record = _record(circuit, faults)
    populations: dict[str, Any] = {}
    inputs: dict[str, Any] = {name: SpikesInput(kind="spikes", size=len(circuit.populations[name])) for name in params.linked}
    for part in circuit.parts:
        if not part.is_virtual:
            populations[part.name] = _population(part)
        elif part.population in circuit.trains:
            trains = circuit.trains[part.population]
            times = [trains[row].tolist() for row in part.rows]
            populations[part.name] = Generator(model="spike_generator", size=len(part.rows), times=times)
    inputs |= {
        drive.port: DriveInput.model_validate({"kind": "drive", "to": name, "each": drive.each}) for name, drive in drives.items()
    }
    faults.raise_all()
    given = {"dt": circuit.dt_ns, "threads": params.threads, "populations": populations, "inputs": inputs, "record": record}
    made = Network.model_validate({**given, "seed": 0})
    return made, drives


def _population(part: Part) -> Population:
    def told(values: dict[str, Any]) -> dict[str, Any]:
        return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in values.items()}

    assert part.model is not None
    return Population(model=part.model, size=len(part.rows), parameters=told(part.parameters), initial=told(part.initial))


def _drives(circuit: Circuit, faults: Faults) -> dict[str, Drive]:
    found = {}
    for part in circuit.simulated:
        everyone = {*part.rows.tolist()}
        touching = [rows.get(part.population) for rows in (*(clamp.rows for clamp in circuit.clamps), *circuit.currents.values())]
        touching = [rows for rows in touching if rows is not None and everyone & {*rows.tolist()}]
        if not touching:
            continue
        if CURRENT not in part.described.inputs:
            why = f"its inputs: {', '.join(part.described.inputs) or 'none'}"
            faults.add(f"{part.described.title}, the model of {part.name}, takes no current", circuit.config.path, why=why)
        each = any(not everyone <= {*rows.tolist()} for rows in touching if rows is not None)
        found[part.name] = Drive(f"current into {part.name}", part, each)
    return found


def variable_of(part: Part, name: str) -> str:
    """The output or state of a part's model that NEST's multimeter calls so; a CosimError where there is none."""
    own = (
        part.template.variables
        if part.template is not None
        else {key: key for key in (*part.described.outputs, *part.described.states)}
    )
    if name not in own:
        raise CosimError(f"{part.name} has no variable {name!r}", mend=did_you_mean(name, own))
    return own[name]


def _record(circuit: Circuit, faults: Faults) -> dict[str, Any]:
    """Neurons by variable and part, of all reports together."""
    found: dict[str, dict[str, set[int]]] = {}
    for report in circuit.reports:
        for part, neurons, _ in chosen(circuit, report.rows):
            where = f"{circuit.config.path}  reports.{report.name}"
            variable = faults.collect(where, variable_of, part, report.variable)
            if variable is not None:
                found.setdefault(variable, {}).setdefault(part.name, set()).update(neurons.tolist())
    return {variable: {name: sorted(neurons) for name, neurons in by_part.items()} for variable, by_part in found.items()}


def chosen(circuit: Circuit, rows: Mapping[str, NDArray[np.int64]]) -> list[tuple[Part, NDArray[np.int64], NDArray[np.int64]]]:
    """Simulated parts that chosen nodes are in: the part, numbers of their neurons, and their places among the chosen."""
    found = []
    for part in circuit.simulated:
        if part.population in rows:
            _, neurons, places = np.intersect1d(part.rows, rows[part.population], assume_unique=True, return_indices=True)
            if len(neurons):
                found.append((part, neurons, places))
    return found
