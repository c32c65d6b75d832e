"""All that the command line does, from Python: ``cosim.run``, ``cosim.check``."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosim.results import Run
from cosim.scenario.plan import Plan
from cosim.scenario.planner import plan_all
from cosim.scenario.reader import Document, as_yaml, set_values
from cosim.scenario.schema import Scenario
from cosim.sdk import CosimError, ScenarioError, did_you_mean
from cosim.simulators import require


def installed_scenarios() -> dict[str, Path]:
    """The scenarios that come with cosim, by name; a variant beside a scenario.yaml is called ``scenario/variant``.

    Other YAML files, such as a model, may stand there, too.
    """
    spec = importlib.util.find_spec("scenarios")
    roots = list(spec.submodule_search_locations or []) if spec else []
    beside = [file for root in roots for file in sorted(Path(root).glob("*/*.yaml")) if (file.parent / "scenario.yaml").is_file()]
    files = [file for file in beside if file.read_text(encoding="utf-8").lstrip().startswith("cosim:")]
    return {file.parent.name if file.stem == "scenario" else f"{file.parent.name}/{file.stem}": file for file in files}


def find_scenario(name: str | Path) -> Path:
    """The file of a scenario: a file, a folder with scenario.yaml, or the name of an installed scenario or variant."""
    path = Path(name)
    if path.is_file():
        return path
    if (path / "scenario.yaml").is_file():
        return path / "scenario.yaml"
    known = installed_scenarios()
    if (plain := str(name).replace("-", "_")) in known:
        return known[plain]
    if path.suffix in (".yaml", ".yml") or str(path.parent) not in (".", *known):
        raise CosimError(f"there is no scenario {str(name)!r}", why="no such file, and no folder with a scenario.yaml")
    raise CosimError(f"there is no scenario {str(name)!r}", mend=did_you_mean(plain, list(known)))


_SHORT = {"stop": "clock.stop", "seed": "clock.seed", "realtime": "run.realtime"}


def load(
    scenario: Path | str | Mapping[str, Any] | Scenario, settings: Sequence[str] | Mapping[str, Any] = (), **overrides: Any
) -> Scenario:
    """A scenario from a file, a folder, an installed name, or Python values.

    ``settings`` are ``"engines.brain.params.G=2.1"`` strings, or a mapping of such keys to values; ``overrides`` are ``stop``,
    ``seed``, ``realtime``, or such keys.
    """
    lines = _lines(settings) + _lines({_SHORT.get(key, key): value for key, value in overrides.items()})
    if isinstance(scenario, Scenario):
        if not lines:
            return scenario
        document = copy.deepcopy(scenario.document)
        set_values(document, lines)
        return Scenario.from_document(document, scenario.path)
    if isinstance(scenario, Mapping):
        document = Document(data=json.loads(json.dumps(scenario)), folder=Path.cwd())
        set_values(document, lines)
        return Scenario.from_document(document, None)
    return Scenario.load(find_scenario(scenario), lines)


def _lines(settings: Sequence[str] | Mapping[str, Any]) -> list[str]:
    if isinstance(settings, Mapping):
        return [f"{k}={as_yaml(v)}" for k, v in settings.items()]  # a string stays one: '5' is no number, '*' no YAML
    return list(settings)


def run(
    scenario: Path | str | Mapping[str, Any] | Scenario,
    *,
    settings: Sequence[str] | Mapping[str, Any] = (),
    out: Path | str | None = None,
    transport: str | None = None,
    processes: int | None = None,
    listener: Any = None,
    **overrides: Any,
) -> Run | None:
    """Run a scenario to its end.

    Parameters
    ----------
    settings, overrides
        Values to set: ``"clock.seed=7"`` strings as ``--set`` takes them, or a mapping; ``stop=``, ``seed=`` and ``realtime=`` are
        understood as such.
    out
        The folder of the run; ``runs/<name>/<date-time>`` unless given.
    transport
        ``inline``, ``zeromq``, ``zeromq-tcp``, ``mpi`` or ``auto``; the scenario's choice unless given.

    Returns
    -------
    Run
        Its results; None on MPI ranks other than 0.

    Raises
    ------
    ScenarioError
        The scenario is wrong; nothing has been started.
    RunFailed
        An engine failed; what was recorded is readable.
    """
    from cosim.runtime.launcher import agree_on_plan, run_plan

    plan = agree_on_plan(lambda: require(plan_all(lambda: load(scenario, settings, **overrides))), transport)
    folder = run_plan(plan, out=Path(out) if out else None, transport=transport, processes=processes, listener=listener)
    return Run(folder) if folder else None


@dataclass(frozen=True)
class CheckReport:
    """What ``check`` found: the plan where there is one, else the faults."""

    plan: Plan | None
    faults: tuple[CosimError, ...]

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_dict(self, costs_s: Mapping[str, float] | None = None) -> dict[str, Any]:
        """As ``cosim check --json`` prints it; ``costs_s`` of an earlier run (``Run.costs_s``) make a forecast in seconds."""
        from cosim.scenario.forecast import forecast

        dead = [fault for fault in self.faults if getattr(fault, "deadlock", None)]
        loop = {"loop": dead[0].deadlock.lines(), "mend": dead[0].mend} if dead else None  # type: ignore[attr-defined]
        return {
            "ok": self.ok,
            "errors": [fault.as_dict() for fault in self.faults],
            "deadlock": loop,
            "forecast": forecast(self.plan, costs_s).as_dict() if self.plan else None,
        }


def check(
    scenario: Path | str | Mapping[str, Any] | Scenario, settings: Sequence[str] | Mapping[str, Any] = (), **overrides: Any
) -> CheckReport:
    """Validate, match and prove a scenario without building an engine; faults are returned, not raised."""
    try:
        return CheckReport(plan_all(lambda: load(scenario, settings, **overrides)), ())
    except ScenarioError as error:
        return CheckReport(None, error.faults)
    except CosimError as error:
        return CheckReport(None, (error,))
