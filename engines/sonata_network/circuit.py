"""A simulation of SONATA, read: populations, connections, what is played in and what is recorded."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import did_you_mean
from cosim.sdk.time import NS_PER_MS
from engines.sonata_network.clamps import Clamp, read_clamps
from engines.sonata_network.config import Config, number_of, read_config
from engines.sonata_network.edges import Edges, read_edges
from engines.sonata_network.faults import Faults
from engines.sonata_network.nodes import Nodes, node_set, read_nodes
from engines.sonata_network.params import SonataParams
from engines.sonata_network.parts import Part, make_parts
from engines.sonata_network.reports import Report, read_reports
from engines.sonata_network.spikes import input_trains

Rows = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Circuit:
    """All that the files say, but for the connections themselves.

    Attributes
    ----------
    trains
        By virtual population, what every node fires, ms.
    currents, groups
        Rows of simulated nodes by population, by the name of a port or group.
    """

    config: Config
    dt_ns: int
    populations: dict[str, Nodes]
    edges: list[Edges]
    parts: list[Part]
    trains: dict[str, list[NDArray[np.float64]]]
    clamps: list[Clamp]
    reports: list[Report]
    currents: dict[str, Rows] = field(default_factory=dict)
    groups: dict[str, Rows] = field(default_factory=dict)

    @property
    def simulated(self) -> list[Part]:
        return [part for part in self.parts if not part.is_virtual]

    @property
    def stop_ns(self) -> int:
        """When the configuration says that its simulation ends.

        Raises
        ------
        CosimError
            It does not.
        """
        faults = Faults()
        found = number_of(self.config, faults, "run", "tstop") or number_of(self.config, faults, "run", "duration")
        if found is None and not faults.found:
            faults.add("the configuration does not say when it ends", self.config.path, mend='add "run": {"tstop": 1000.0}')
        faults.raise_all()
        return round((found or 0.0) * NS_PER_MS)


def read_circuit(params: SonataParams) -> Circuit:
    """Everything that ``params.config`` names, checked.

    Raises
    ------
    CosimError
        What is wrong or not supported; a ScenarioError with all of it where there is more than one fault.
    """
    config, faults = read_config(params.config), Faults()
    _simulation(config, faults)
    dt_ns = params.dt or _step(config, faults)
    populations = read_nodes(config, faults)
    edges = read_edges(config, populations, faults)
    parts = [part for nodes in populations.values() for part in make_parts(config, nodes, params.models, faults)]
    linked = _linked(params, populations, faults)
    trains = {name: found for name, found in input_trains(config, populations, faults).items() if name not in linked}
    clamps = read_clamps(config, populations, dt_ns, faults)
    reports = read_reports(config, populations, dt_ns, faults) if params.reports else []
    currents = {
        name: _simulated(item.to, f"params.currents.{name}.to", config, populations, faults)
        for name, item in params.currents.items()
    }
    groups = {name: _simulated(item, f"params.groups.{name}", config, populations, faults) for name, item in params.groups.items()}
    if populations and not faults.found and not any(not part.is_virtual for part in parts):
        faults.add("all nodes of the circuit are virtual", config.path, why="there is nothing to simulate")
    faults.raise_all()
    return Circuit(config, dt_ns, populations, edges, parts, trains, clamps, reports, currents, groups)


def _simulation(config: Config, faults: Faults) -> None:
    simulator = config.values.get("target_simulator")
    if simulator is not None and str(simulator).upper() != "NEST":
        faults.add(
            f"the configuration is made for {simulator}",
            config.path,
            why="this engine knows the models of NEST",
            mend="target_simulator: NEST",
        )
    if config.section("run").get("tstart", 0):
        faults.add(f"run.tstart is {config.section('run')['tstart']}", config.path, why="runs begin at 0")


def _step(config: Config, faults: Faults) -> int:
    given = number_of(config, faults, "run", "dt")
    if given is None:
        if config.section("run").get("dt") is None:
            faults.add("the configuration has no run.dt", config.path, mend='add "run": {"dt": 0.1}, or dt to the params')
        return 100_000
    dt_ns = round(given * NS_PER_MS)
    if not dt_ns or abs(dt_ns - given * NS_PER_MS) > 1e-3:
        faults.add(f"run.dt is {given} ms", config.path, why="that is not a whole number of nanoseconds")
    return max(dt_ns, 1)


def _linked(params: SonataParams, populations: dict[str, Nodes], faults: Faults) -> set[str]:
    for name in params.linked:
        virtual = [known for known, nodes in populations.items() if nodes.is_virtual.all()]
        if name not in virtual:
            faults.add(f"there is no virtual population {name!r}", "params.linked", mend=did_you_mean(name, virtual))
    return set(params.linked)


def _simulated(given: object, where: str, config: Config, populations: dict[str, Nodes], faults: Faults) -> Rows:
    """Rows of simulated nodes of a set."""
    chosen = faults.collect(where, node_set, given, config, populations)
    rows = {name: some[~populations[name].is_virtual[some]] for name, some in (chosen or {}).items()}
    rows = {name: some for name, some in rows.items() if len(some)}
    if chosen is not None and not rows:
        faults.add("no node of the set is simulated", where)
    return rows
