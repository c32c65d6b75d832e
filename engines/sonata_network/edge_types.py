"""Types of edges: what PointNet makes of a row of their table, and what of it is not supported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cosim.sdk import did_you_mean
from engines.sonata_network.config import Config
from engines.sonata_network.faults import Faults

WEIGHT_FUNCTIONS = ("default_weight_fnc", "set_syn_weight", "wmax")
"""All that PointNet brings; each is syn_weight x nsyns."""
STDP = {"lambda": 0.01, "alpha": 1.0, "tau_plus": 20.0, "mu_plus": 1.0, "mu_minus": 1.0, "Wmax": 100.0}
"""Parameters of NEST's stdp_synapse, and their defaults; the decay of the target's trace, tau_minus, is the neuron's."""
SYNAPSES: dict[str, dict[str, float]] = {"static_synapse": {}, "stdp_synapse": STDP}
PLASTICITY = "plasticity"
"""Where a type has the parameters of its stdp_synapse; types of static synapses have no such place."""
_ANY = ("receptor_type", "delay")
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
    found, known = {}, SYNAPSES | _recorded(config)
    for number, row in types.items():
        _check(f"edge type {number} of {name}", row, own, known, where, faults)
        template = str(row.get("model_template") or "static_synapse").removeprefix("nest:")
        defaults = known.get(template, {})
        given = _parameters(f"{where}  edge type {number} of {name}", row, defaults, config, faults)
        told = {key: given[key] for key in _ANY if key in given} | {key: value for key, value in row.items() if value is not None}
        found[number] = told | ({PLASTICITY: {key: given.get(key, value) for key, value in defaults.items()}} if defaults else {})
    return found


def _recorded(config: Config) -> dict[str, dict[str, float]]:
    """Names that reports of weights give to models of synapses, as PointNet does; weights are in the run's file at its end."""
    reports = [report for report in config.section("reports").values() if isinstance(report, dict)]
    recorders = [report for report in reports if report.get("module") == "weight_recorder"]
    return {str(r.get("model_template")): SYNAPSES[r["nest_model"]] for r in recorders if r.get("nest_model") in SYNAPSES}


def _check(told: str, row: dict[str, Any], own: set[str], known: dict[str, Any], where: Path, faults: Faults) -> None:
    function, template = row.get("weight_function"), row.get("model_template")
    if function is not None and function not in WEIGHT_FUNCTIONS:
        why = "it is Python of the model's author, and not in the files"
        mend = f"write syn_weight into the file of edges, or take one of {', '.join(WEIGHT_FUNCTIONS)}"
        faults.add(f"{told} has the weight_function {function!r}", where, why, mend)
    elif row.get("syn_weight") is None and "syn_weight" not in own:
        faults.add(f"{told} has no weight", where, mend="add a column syn_weight to the types, or a dataset to the edges")
    if template is not None and str(template).removeprefix("nest:") not in known:
        faults.add(f"{told} is a {template}", where, f"synapses are read that are {', '.join(known)}")
    for key in ("syn_weight", "delay", "nsyns"):
        if isinstance(row.get(key), str):
            faults.add(f"{key} of {told} is {row[key]!r}", where, mend="a number is wanted")


def _parameters(where: str, row: dict[str, Any], defaults: dict[str, float], config: Config, faults: Faults) -> dict[str, Any]:
    """Of the file that ``dynamics_params`` names."""
    named = row.get("dynamics_params")
    given = {} if named is None else faults.collect(where, config.parameters, "synaptic_models_dir", str(named)) or {}
    found = {}
    for key, value in given.items():
        if key not in (*_ANY, *defaults):
            if key not in _GIVING_WAY:
                what = f"{named} has {key!r}, which {'stdp_synapse has' if defaults else 'static synapses have'} not"
                faults.add(what, where, mend=did_you_mean(key, (*_ANY, *defaults)))
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            faults.add(f"{key} in {named} is {value!r}", where, mend="a number is wanted")
        else:
            found[key] = float(value)
    return found
