"""Types of edges: what PointNet makes of a row of their table, and what of it is not supported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cosim.sdk import did_you_mean
from engines.sonata_network.config import Config
from engines.sonata_network.faults import Faults

WEIGHT_FUNCTIONS = ("default_weight_fnc", "set_syn_weight", "wmax")
"""All that PointNet brings; each is syn_weight x nsyns."""
SYNAPSES = ("static_synapse",)
_OF_SYNAPSES = ("receptor_type", "delay")
_GIVING_WAY = ("weight", "model", "synapse_model")
"""PointNet overwrites them with syn_weight and model_template."""


def checked_types(
    name: str, types: dict[int, dict[str, Any]], own: set[str], where: Path, config: Config, faults: Faults
) -> dict[int, dict[str, Any]]:
    """Types of a population of edges, with what the files of ``dynamics_params`` say where the table says nothing.

    Parameters
    ----------
    own
        Attributes that edges have of their own.
    """
    found = {}
    for number, row in types.items():
        _check(f"edge type {number} of {name}", row, own, where, faults)
        given = {key: value for key, value in row.items() if value is not None}
        found[number] = _parameters(f"{where}  edge type {number} of {name}", row, config, faults) | given
    return found


def _check(told: str, row: dict[str, Any], own: set[str], where: Path, faults: Faults) -> None:
    function, template = row.get("weight_function"), row.get("model_template")
    if function is not None and function not in WEIGHT_FUNCTIONS:
        why = "it is Python of the model's author, and not in the files"
        mend = f"write syn_weight into the file of edges, or take one of {', '.join(WEIGHT_FUNCTIONS)}"
        faults.add(f"{told} has the weight_function {function!r}", where, why, mend)
    elif row.get("syn_weight") is None and "syn_weight" not in own:
        faults.add(f"{told} has no weight", where, mend="add a column syn_weight to the types, or a dataset to the edges")
    if template is not None and str(template).removeprefix("nest:") not in SYNAPSES:
        faults.add(f"{told} is a {template}", where, f"synapses are read that are {', '.join(SYNAPSES)}")
    for key in ("syn_weight", "delay", "nsyns"):
        if isinstance(row.get(key), str):
            faults.add(f"{key} of {told} is {row[key]!r}", where, mend="a number is wanted")


def _parameters(where: str, row: dict[str, Any], config: Config, faults: Faults) -> dict[str, Any]:
    """Of the file that ``dynamics_params`` names."""
    named = row.get("dynamics_params")
    given = {} if named is None else faults.collect(where, config.parameters, "synaptic_models_dir", str(named)) or {}
    found = {}
    for key, value in given.items():
        if key in _OF_SYNAPSES and isinstance(value, (int, float)) and not isinstance(value, bool):
            found[key] = value
        elif key in _OF_SYNAPSES:
            faults.add(f"{key} in {named} is {value!r}", where, mend="a number is wanted")
        elif key not in _GIVING_WAY:
            faults.add(f"{named} has {key!r}, which static synapses do not", where, mend=did_you_mean(key, _OF_SYNAPSES))
    return found
