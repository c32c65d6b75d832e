"""Which simulators are found here and in the environments that ``cosim env`` made, and what each can do.

``python -m cosim.simulators`` prints as JSON what its own interpreter finds; ``everywhere`` asks every interpreter so, each in a
process of its own, because importing a simulator may print, take seconds, or end the process.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosim.scenario import registry
from cosim.scenario.interpreters import environments, lacking
from cosim.scenario.plan import Plan
from cosim.sdk import CosimError, ScenarioError, Simulator

ASK_S = 120


@dataclass(frozen=True)
class Found:
    """One simulator as an interpreter finds it.

    Attributes
    ----------
    where
        ``here``, or the name of an environment.
    version, fault
        None where it is not installed; what went wrong where it is and does not import.
    can
        ``threads``, ``MPI`` and ``save``, in words.
    """

    engine: str
    name: str
    extra: str
    where: str
    version: str | None
    place: str
    can: dict[str, str]
    fault: str
    how: str = ""


def simulators() -> dict[str, Simulator]:
    """The simulators that installed engines wrap, by the name of the engine."""
    found = {}
    for name in registry.installed("engine"):
        try:
            simulator = getattr(registry.find("engine", name, Path()), "simulator", None)
        except CosimError:  # a plug-in that is broken: cosim list engines tells
            continue
        if isinstance(simulator, Simulator):
            found[name] = simulator
    return found


def missing(plan: Plan) -> dict[str, Simulator]:
    """For each engine of a plan that this interpreter is to run, and cannot: the simulator that is not installed."""
    wrapped = {name: getattr(engine.cls, "simulator", None) for name, engine in plan.engines.items() if engine.python is None}
    return {
        name: simulator for name, simulator in wrapped.items() if isinstance(simulator, Simulator) and simulator.version is None
    }


def not_there(plan: Plan) -> dict[str, CosimError]:
    """For each engine whose interpreter is not here: what to say."""
    asked = {name: (plan.scenario.file.engines[name].python, engine.python) for name, engine in plan.engines.items()}
    faults = {name: lacking(word, path) for name, (word, path) in asked.items() if word and path}
    return {name: fault for name, fault in faults.items() if fault is not None}


def lacking_here(plan: Callable[[], Plan]) -> list[str]:
    """What is not installed of what a scenario needs: simulators, and packages of data that are read to make its plan."""
    try:
        names = sorted({simulator.name for simulator in missing(plan()).values()})
    except ScenarioError as error:
        # as engines say it when their parameters are checked
        if not all("not installed" in f"{fault.what} {fault.why}" for fault in error.faults):
            raise
        return [fault.what for fault in error.faults]
    return [f"{name} is not installed" for name in names]


def require(plan: Plan) -> Plan:
    """The same plan; a ScenarioError that names every engine whose simulator or interpreter is not here."""
    faults = [
        CosimError(
            f"engine {name} needs {simulator.name}, which is not installed",
            where=plan.scenario.document.where(("engines", name, "use")),
            mend=simulator.how_to_get(),
        )
        for name, simulator in missing(plan).items()
    ]
    faults += [fault.located(plan.scenario.document.where(("engines", name, "python"))) for name, fault in not_there(plan).items()]
    if faults:
        raise ScenarioError(faults)
    return plan


def everywhere() -> list[Found]:
    """What this interpreter and every environment find, in the order of engines."""
    asked = {"here": Path(sys.executable), **environments()}
    answers = [Found(**{**one, "where": where}) for where, python in asked.items() for one in _ask(python)]
    return [found for found in answers if found.where == "here" or found.version or found.fault]


def _ask(python: Path) -> list[dict[str, Any]]:
    try:
        with tempfile.TemporaryDirectory() as folder:  # STEPS 5.1 writes .logs/ where it is imported
            answer = subprocess.run(
                [str(python.absolute()), "-P", "-m", "cosim.simulators"],
                capture_output=True, text=True, timeout=ASK_S, check=True, stdin=subprocess.DEVNULL, cwd=folder,
            )  # fmt: skip
        found: list[dict[str, Any]] = json.loads(answer.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        told = (getattr(error, "stderr", None) or str(error)).strip().splitlines() or [repr(error)]
        return [vars(Found("environment", "cosim", "", "", None, str(python), {}, f"does not run cosim: {told[-1]}"))]
    return found


def _look(engine: str, simulator: Simulator) -> Found:
    version, can, fault, place = simulator.version, dict(simulator.can), "", ""
    if version is not None:
        spec = importlib.util.find_spec(simulator.module)
        place = str(Path(spec.origin).parent) if spec is not None and spec.origin else ""
        try:
            module = simulator.load()
            can |= dict(simulator.probe(module)) if simulator.probe else {}
        except Exception as error:  # a simulator may raise anything while it is imported
            fault = str(error).splitlines()[0]
    return Found(engine, simulator.name, simulator.extra, "here", version, place, can, fault, simulator.how)


if __name__ == "__main__":
    print("\n" + json.dumps([vars(_look(engine, simulator)) for engine, simulator in simulators().items()]))
