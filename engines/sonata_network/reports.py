"""What a configuration's ``reports`` want recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, did_you_mean, format_ns
from engines.sonata_network.config import Config, whole_steps
from engines.sonata_network.faults import Faults
from engines.sonata_network.files import is_enabled
from engines.sonata_network.nodes import Nodes, node_set

MODULES = ("multimeter_report", "membrane_report")
WEIGHTS = "weight_recorder"
"""No port: weights of plastic synapses stand in the run's file at its end."""


@dataclass(frozen=True)
class Report:
    """A port of samples.

    Attributes
    ----------
    variable
        As NEST calls it.
    rows
        Of simulated nodes, by population.
    stride
        Steps from row to row.
    """

    name: str
    variable: str
    rows: dict[str, NDArray[np.int64]]
    stride: int


def read_reports(config: Config, populations: dict[str, Nodes], dt_ns: int, faults: Faults) -> list[Report]:
    """All of them, but for those that are not enabled; where they start and end is the run's business."""
    found = []
    for name, given in config.section("reports").items():
        where = f"{config.path}  reports.{name}"
        if not isinstance(given, dict):
            faults.add(f"report {name} is no mapping", where)
        elif is_enabled(given) and given.get("module") != WEIGHTS:
            report = faults.collect(where, _report, name, given, config, populations, dt_ns)
            found += [] if report is None else [report]
    return found


def _report(name: str, given: dict[str, Any], config: Config, populations: dict[str, Nodes], dt_ns: int) -> Report:
    without = "or leave the configuration's reports out with reports: false"
    if given.get("module") not in MODULES:
        what = f"a report of module {given.get('module')!r} is not supported"
        raise CosimError(what, mend=f"module is one of {', '.join(MODULES)}; {without}")
    named = given.get("variable_name", "V_m")
    variables = named if isinstance(named, list) else [named]
    if len(variables) != 1 or not isinstance(variables[0], str):
        raise CosimError(f"variable_name is {named!r}", mend="one variable a report")
    try:
        chosen = node_set(given.get("cells", "all"), config, populations)
    except CosimError as error:
        raise CosimError(error.what, why=error.why, mend=f"{error.mend}; {without}".removeprefix("; ")) from None
    rows = {population: rows[~populations[population].is_virtual[rows]] for population, rows in chosen.items()}
    if not any(len(some) for some in rows.values()):
        raise CosimError("no cell of the report is simulated", mend=did_you_mean(str(given.get("cells")), populations))
    step_ms = given.get("interval", given.get("dt", dt_ns / 1e6))
    stride = whole_steps(step_ms, dt_ns) if isinstance(step_ms, (int, float)) and step_ms > 0 else None
    if not stride:
        raise CosimError(f"a row every {step_ms} ms", why=f"that is not a whole number of {format_ns(dt_ns)} steps")
    return Report(name, variables[0], {population: some for population, some in rows.items() if len(some)}, stride)
