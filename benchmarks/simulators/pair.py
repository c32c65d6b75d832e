"""A region in NEST and 75 in TVB, the scenario nest_in_tvb: in two processes they compute at once.

``python -m benchmarks.simulators.pair TRANSPORT STOP_MS`` runs it once and prints a line of JSON.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Any

from benchmarks import launch
from benchmarks.simulators import pass_over, what_is_lacking, worker
from benchmarks.table import Row, alternate, median_of
from engines.nest import Nest
from engines.tvb import Tvb

SCENARIO = launch.ROOT / "scenarios" / "nest_in_tvb" / "scenario.yaml"
NAME = "NEST in TVB, 2 processes, zeromq"


def run(quick: bool) -> list[Row]:
    """Wall time of a simulated second, without start-up; the floor is the longer of the two engines' own computing."""
    lacking = what_is_lacking(Nest.simulator) or what_is_lacking(Tvb.simulator)
    if lacking or not SCENARIO.exists():
        pass_over(NAME, lacking or f"the scenario {SCENARIO.parent.name}")
        return []
    repeats, stop_ms = 3, "500" if quick else "1000"
    one, two = alternate(repeats, *(partial(worker, __name__, transport, stop_ms) for transport in ("inline", "zeromq")))
    if len({json.dumps(result["hashes"], sort_keys=True) for result in (*one, *two)}) > 1:
        raise AssertionError("nest_in_tvb tells other bits in two processes than in one")
    ours, both, floor = median_of(two, "wall"), median_of(one, "wall"), median_of(two, "longest")
    engines = ", ".join(
        f"{name} {median_of([result['compute'] for result in two], name):.3g}"
        for name in sorted(two[0]["compute"], key=two[0]["compute"].__getitem__, reverse=True)[:2]
    )
    return [
        Row(
            NAME,
            "1 s",
            ours,
            floor,
            unit="s",
            repeats=repeats,
            note=f"floor: the longer of {engines}; one process {both:.3g}, {both / ours:.2f} times as long",
            details={"simulated_ms": stop_ms, "one_process": one, "two_processes": two},
        )
    ]


def once(transport: str, stop_ms: str) -> dict[str, Any]:
    """Wall and computing time in s of a simulated second, and the hashes of all links."""
    import cosim

    with launch.scratch() as folder:
        done = cosim.run(SCENARIO, stop=f"{stop_ms} ms", out=folder / "run", transport=transport, processes=2)
        assert done is not None
        seconds, told = float(stop_ms) / 1e3, done.overview
        compute = {name: spent_ns / 1e9 / seconds for name, spent_ns in told["compute_ns"].items()}
        wall = told["wall_s"] / seconds
        return {"wall": wall, "longest": max(compute.values()), "compute": compute, "hashes": done.hashes}


if __name__ == "__main__":
    print(f"\n{json.dumps(once(*sys.argv[1:]))}", flush=True)
