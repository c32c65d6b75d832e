"""What a scenario claims, and whether a run bears it out: ``cosim verify``.

A scenario's folder may hold ``claims.py`` with a function ``claims(run)``. It is given a way to run the
scenario with overrides, and yields a ``Claim`` for everything that the scenario's README says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosim.results import Run
from cosim.sdk import CosimError


@dataclass(frozen=True)
class Claim:
    """One statement, held against a measurement.

    Attributes
    ----------
    tolerance
        |measured - expected| may be as large; it has a reason, told in ``source`` or beside the code.
    source
        Where the expected value comes from: an equation, a paper, an independent computation.
    """

    name: str
    expected: float
    measured: float
    tolerance: float
    source: str
    unit: str = ""

    @property
    def holds(self) -> bool:
        return math.isfinite(self.measured) and abs(self.measured - self.expected) <= self.tolerance


RunScenario = Callable[..., Run]
"""``run(**{"engines.column.params.populations.e.size": 1000})``: the scenario with overrides; equal calls run once."""


def verify(scenario: Path, out: Path, listener: Any = None, transport: str | None = None) -> Iterator[Claim]:
    """Run a scenario as its claims ask, and yield them one by one."""
    claims = _claims_of(scenario)
    done: dict[str, Run] = {}

    def run(settings: Mapping[str, Any] | None = None, /, **more: Any) -> Run:
        from cosim.api import run as run_scenario

        settings = {**(settings or {}), **more}
        key = repr(sorted(settings.items()))
        if key not in done:
            result = run_scenario(scenario, settings=settings, out=out / f"{len(done):02d}", transport=transport, listener=listener)
            assert result is not None
            done[key] = result
        return done[key]

    yield from claims(run)


def _claims_of(scenario: Path) -> Callable[[RunScenario], Iterator[Claim]]:
    file = "claims.py" if scenario.stem == "scenario" else f"{scenario.stem}_claims.py"  # of a variant beside scenario.yaml
    found = load_beside(scenario, file, "claims")
    if found is None:
        raise CosimError(
            f"{scenario.parent.name} claims nothing", where=str(scenario.parent), mend=f"write {file} with a function claims(run)"
        )
    return found  # type: ignore[no-any-return]


def load_beside(scenario: Path, file: str, name: str) -> Any | None:
    """A function from a file in a scenario's folder, or None where there is no such file."""
    from cosim.sdk.loading import load_file

    path = scenario.parent / file
    if not path.is_file():
        return None
    return getattr(load_file(path.resolve(), file), name)
