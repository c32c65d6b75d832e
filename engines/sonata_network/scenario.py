"""A scenario that runs a configuration of SONATA by itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from engines.sonata_network.circuit import read_circuit
from engines.sonata_network.engine import SonataNetwork
from engines.sonata_network.params import SonataParams

MOST_WINDOW_NS = 100_000_000


def scenario_of(config: Path | str, **params: Any) -> dict[str, Any]:
    """One engine, ``net``, up to the time at which the configuration ends; its spikes and reports are recorded.

        run = cosim.run(scenario_of("simulation_config.json"))

    Parameters
    ----------
    params
        Others of the engine.

    Raises
    ------
    CosimError
        The configuration cannot be read, or does not say when it ends.
    """
    checked = SonataParams(config=Path(config), **params)
    circuit = read_circuit(checked)
    stop_ns = circuit.stop_ns
    strides = [circuit.dt_ns * report.stride for report in circuit.reports]
    outputs = [port.name for port in SonataNetwork.ports(checked) if port.direction == "out" and port.name != "rate"]
    engine = {
        "use": f"{SonataNetwork.__module__}:{SonataNetwork.__name__}",
        "window": f"{_window(stop_ns, strides or [circuit.dt_ns])} ns",
        "params": {"config": str(checked.config), **params},
    }
    return {
        "cosim": 1,
        "about": {"name": checked.config.parent.name or "sonata"},
        "clock": {"stop": f"{stop_ns} ns"},
        "engines": {"net": engine},
        "record": {"streams": [f"net.{name}" for name in outputs]},
    }


def _window(stop_ns: int, steps_ns: list[int]) -> int:
    """The longest that the run and all its rows are whole numbers of, up to 100 ms."""
    step = math.lcm(*steps_ns)
    most = max(1, min(stop_ns, MOST_WINDOW_NS) // step)
    return step * next((k for k in range(most, 0, -1) if stop_ns % (step * k) == 0), most)
