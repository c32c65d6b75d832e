"""Current clamps: steps of current into sets of nodes, as PointNet reads them.

    amp, delay, duration    pA and ms; or lists of them, each step up to its end or to the next one's start
    file                    columns timestamps (ms) and amps (pA), each held up to the next, the last one to the end

PointNet passes ``amp`` to NEST as it stands, so it is in pA and not in nA. Its generators are connected with a delay of one step:
a current is in force from one step after its time, and for one step after its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, format_ns
from engines.sonata_network.config import Config, whole_steps
from engines.sonata_network.faults import Faults
from engines.sonata_network.files import is_enabled
from engines.sonata_network.nodes import Nodes, node_set
from engines.sonata_network.tables import read_columns

_FOREVER = 2**62


@dataclass(frozen=True)
class Clamp:
    """One course of current.

    Attributes
    ----------
    rows
        Of nodes, by population.
    start_step, stop_step
        (k,) int64: in force over the steps k with start < k <= stop.
    amps_pa
        (k,).
    """

    rows: dict[str, NDArray[np.int64]]
    start_step: NDArray[np.int64]
    stop_step: NDArray[np.int64]
    amps_pa: NDArray[np.float64]

    def at(self, step: int) -> float:
        """pA over a step."""
        return float(self.amps_pa[(self.start_step < step) & (step <= self.stop_step)].sum())


def read_clamps(config: Config, populations: dict[str, Nodes], dt_ns: int, faults: Faults) -> list[Clamp]:
    """All that ``inputs`` says of clamps; any input that is neither clamp nor spikes is a fault."""
    found = []
    for name, given in config.section("inputs").items():
        where = f"{config.path}  inputs.{name}"
        if not isinstance(given, dict):
            faults.add(f"input {name} is no mapping", where)
        elif given.get("input_type") == "spikes" or not is_enabled(given):
            continue
        elif given.get("module") != "IClamp":
            told = f"{given.get('input_type')!r} of module {given.get('module')!r}"
            faults.add(f"an input {told} is not supported", where, mend="input_type: spikes, or module: IClamp")
        else:
            clamp = faults.collect(where, _clamp, given, config, populations, dt_ns)
            found += [] if clamp is None else [clamp]
    return found


def _clamp(given: dict[str, Any], config: Config, populations: dict[str, Nodes], dt_ns: int) -> Clamp:
    kind = given.get("input_type")
    if kind not in ("current_clamp", "csv", "file"):
        raise CosimError(f"a clamp of input_type {kind!r} is not supported", mend="input_type: current_clamp, or csv")
    chosen = node_set(given.get("node_set", "all"), config, populations)
    rows = {name: rows[~populations[name].is_virtual[rows]] for name, rows in chosen.items()}
    if not any(len(some) for some in rows.values()):
        raise CosimError("no node of the set is simulated", why="virtual nodes have no membrane")
    times = _listed(given) if kind == "current_clamp" else _from_file(given, config)
    start, stop = (np.array([_steps(value, dt_ns) for value in column], np.int64) for column in times[:2])
    return Clamp({name: some for name, some in rows.items() if len(some)}, start + 1, stop + (stop < _FOREVER), np.array(times[2]))


def _listed(given: dict[str, Any]) -> tuple[list[float], list[float], list[float]]:
    columns = []
    for key in ("delay", "duration", "amp"):
        value = given.get(key)
        values = value if isinstance(value, list) else [value]
        numbers = [float(item) for item in values if isinstance(item, (int, float)) and not isinstance(item, bool)]
        if not values or len(numbers) < len(values):
            raise CosimError(f"{key} of a clamp is {value!r}", mend="write a number, or a list of numbers")
        columns.append(numbers)
    starts, durations, amps = columns
    if len({len(column) for column in columns}) > 1:
        raise CosimError(
            "delay, duration and amp of a clamp differ in length", why=", ".join(str(len(column)) for column in columns)
        )
    if any(duration < 0 for duration in durations):
        raise CosimError("a clamp has a duration below 0")
    following = [*starts[1:], np.inf]
    _rising(starts)
    return starts, [min(a + d, b) for a, d, b in zip(starts, durations, following, strict=True)], amps


def _from_file(given: dict[str, Any], config: Config) -> tuple[list[float], list[float], list[float]]:
    names = given.get("timestamps_column", "timestamps"), given.get("amplitudes_column", "amps")
    path = config.file("inputs", given.get("file") or given.get("input_file"), "file of currents")
    columns = read_columns(path, names, given.get("separator", " "))
    starts, amps = columns[names[0]], columns[names[1]]
    if not starts or not all(isinstance(item, (int, float)) for item in (*starts, *amps)):
        raise CosimError(f"{path.name} is no table of times and currents", where=str(path))
    _rising(starts)
    return starts, [*starts[1:], np.inf], amps


def _rising(starts: list[float]) -> None:
    if any(b <= a for a, b in pairwise(starts)) or starts[0] < 0:
        raise CosimError("the times of a clamp do not rise", why=f"{', '.join(f'{value:g}' for value in starts[:6])} ms")


def _steps(time_ms: float, dt_ns: int) -> int:
    if time_ms == np.inf:
        return _FOREVER
    steps = whole_steps(time_ms, dt_ns)
    if steps is None:
        raise CosimError(f"a clamp changes at {time_ms:g} ms", why=f"that is not a whole number of {format_ns(dt_ns)} steps")
    return steps
